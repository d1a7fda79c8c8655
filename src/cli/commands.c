/* SPDX-License-Identifier: MIT */
/* The tables, made of the rows of command.def and option.def, and look-ups in them. */
#include "cli/commands.h"

#include <string.h>

#ifdef PLIM_MANUAL
#define COMMAND_RUN(name) NULL /* the writer of the manual runs no verb and links no library */
#else
#define COMMAND_RUN(name) plim__cmd_##name
#endif

const plim__command plim__commands[] = {
#define PLIM_COMMAND(name, group, summary, operands, fewest, most, needs, ...)                     \
    {#name, PLIM__GROUP_##group, summary,          operands, fewest, most,                         \
     needs, {__VA_ARGS__},       COMMAND_RUN(name)},
#include "cli/command.def"
#undef PLIM_COMMAND
};

const plim__option plim__options[] = {
#define PLIM_OPTION(id, name, letter, kind, argument, verbs, help)                                 \
    {name, letter, PLIM__KIND_##kind, argument, verbs, help},
#include "cli/option.def"
#undef PLIM_OPTION
};

uint32_t plim__command_count(void)
{
    return (uint32_t)(sizeof plim__commands / sizeof *plim__commands);
}

const plim__command *plim__command_find(const char *name)
{
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        if (strcmp(plim__commands[i].name, name) == 0)
            return &plim__commands[i];
    }
    return NULL;
}

bool plim__option_is_common(const plim__option *option)
{
    return strcmp(option->verbs, "*") == 0;
}

/* NULL stands for plim itself, without a verb: the common options and --version. */
bool plim__option_is_for(const plim__option *option, const plim__command *command)
{
    if (plim__option_is_common(option))
        return true;
    if (command == NULL)
        return option->verbs[0] == '\0';
    size_t length = strlen(command->name);
    for (const char *at = strstr(option->verbs, command->name); at != NULL;
         at = strstr(at + 1, command->name)) {
        if ((at == option->verbs || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

enum { COMMANDS_WORD_MAX = 32 };

static uint32_t commands_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, remove or replace (Levenshtein's distance), for short words. */
static uint32_t commands_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > COMMANDS_WORD_MAX || b_length > COMMANDS_WORD_MAX)
        return UINT32_MAX;
    uint32_t row[COMMANDS_WORD_MAX + 1];
    for (uint32_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a_length; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_length; j++) {
            uint32_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = commands_least(replaced, commands_least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

/* Near: at most a third of the letters differ, or one is the beginning of the other. */
static uint32_t commands_nearness(const char *typed, const char *name)
{
    size_t typed_length = strlen(typed);
    if (typed_length >= 2 && strncmp(typed, name, typed_length) == 0)
        return 0;
    uint32_t distance = commands_distance(typed, name);
    return distance <= 1 + strlen(name) / 4 ? distance : UINT32_MAX;
}

const char *plim__command_nearest(const char *name)
{
    const char *nearest = NULL;
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        uint32_t nearness = commands_nearness(name, plim__commands[i].name);
        if (nearness < best) {
            best = nearness;
            nearest = plim__commands[i].name;
        }
    }
    return nearest;
}

const char *plim__option_nearest(const plim__command *command, const char *name)
{
    const char *nearest = NULL;
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        if (!plim__option_is_for(&plim__options[i], command))
            continue;
        uint32_t nearness = commands_nearness(name, plim__options[i].name);
        if (nearness < best) {
            best = nearness;
            nearest = plim__options[i].name;
        }
    }
    return nearest;
}

const char *plim__group_name(plim__group group)
{
    switch (group) {
    case PLIM__GROUP_SEE:
        return "see";
    case PLIM__GROUP_TAKE:
        return "take";
    case PLIM__GROUP_READ:
        return "read";
    case PLIM__GROUP_JUDGE:
        return "judge";
    case PLIM__GROUP_CHANGE:
        return "change";
    case PLIM__GROUP_SHARE:
        return "share";
    case PLIM__GROUP_LIVE:
        return "live";
    case PLIM__GROUP_HELP:
    case PLIM__GROUP_COUNT:
        break;
    }
    return "help";
}
