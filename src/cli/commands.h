/* SPDX-License-Identifier: MIT */
/**
 * @file commands.h
 * @brief The table of verbs and the table of options, and what is written from them.
 */
#ifndef PLIM_CLI_COMMANDS_H
#define PLIM_CLI_COMMANDS_H
#include "cli/out.h"

typedef struct plim__cli plim__cli;

/** In the order of `plim help`. */
typedef enum plim__group {
    PLIM__GROUP_SEE,
    PLIM__GROUP_TAKE,
    PLIM__GROUP_READ,
    PLIM__GROUP_JUDGE,
    PLIM__GROUP_CHANGE,
    PLIM__GROUP_SHARE,
    PLIM__GROUP_LIVE,
    PLIM__GROUP_HELP,
    PLIM__GROUP_COUNT
} plim__group;

/** What main() sees to before a verb runs. */
enum {
    PLIM__NEEDS_GRAPH = 1u << 0,  /* --mem applies */
    PLIM__NEEDS_TARGET = 1u << 1, /* a TARGET as the manual has it */
    PLIM__NEEDS_PAGER = 1u << 2,  /* long output is paged */
    PLIM__TAKES_PROGRAM = 1u << 3 /* what follows -- is a program to run */
};

typedef struct plim__command {
    const char *name;
    plim__group group;
    const char *summary;
    const char *operands;
    uint32_t operands_min;
    uint32_t operands_max;
    uint32_t needs;
    const char *examples[6]; /* command, what it does; two or three of them, then NULL */
    plim_status (*run)(plim__cli *cli, plim_error *err);
} plim__command;

typedef enum plim__kind {
    PLIM__KIND_FLAG,
    PLIM__KIND_TEXT,
    PLIM__KIND_BYTES,
    PLIM__KIND_TIME,
    PLIM__KIND_COUNT,
    PLIM__KIND_CHOICE,   /* one of the words of `argument` */
    PLIM__KIND_THRESHOLD /* 90% or a size */
} plim__kind;

typedef enum plim__option_id {
#define PLIM_OPTION(id, name, letter, kind, argument, verbs, help) PLIM__OPTION_##id,
#include "cli/option.def"
#undef PLIM_OPTION
    PLIM__OPTION_COUNT
} plim__option_id;

typedef struct plim__option {
    const char *name;
    char letter; /* 0: none */
    plim__kind kind;
    const char *argument;
    const char *verbs;
    const char *help;
} plim__option;

#define PLIM_COMMAND(name, ...) plim_status plim__cmd_##name(plim__cli *cli, plim_error *err);
#include "cli/command.def"
#undef PLIM_COMMAND

/** All verbs, and how many. */
extern const plim__command plim__commands[];
uint32_t plim__command_count(void);

/** All options, PLIM__OPTION_COUNT of them. */
extern const plim__option plim__options[];

/** The verb of that name, or NULL. */
const plim__command *plim__command_find(const char *name);

/** The verb whose name is nearest to a mistyped one, or NULL where none is near. */
const char *plim__command_nearest(const char *name);

/** Whether a verb takes an option. */
bool plim__option_is_for(const plim__option *option, const plim__command *command);

/** Whether that is one of the options all verbs share. */
bool plim__option_is_common(const plim__option *option);

/** The long option of a verb whose name is nearest to a mistyped one, or NULL. */
const char *plim__option_nearest(const plim__command *command, const char *name);

/** The word for a group ("see") and what it is about. */
const char *plim__group_name(plim__group group);

/** Writes `plim help`. */
void plim__help_all(plim__out *out);

/** Writes `plim VERB --help`. */
void plim__help_command(plim__out *out, const plim__command *command);

#endif
