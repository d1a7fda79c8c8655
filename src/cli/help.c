/* SPDX-License-Identifier: MIT */
/* Help texts, from the rows. Each fits a screen of 80 columns and 24 lines or so. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

enum { HELP_VERB_COLUMNS = 12, HELP_OPTION_COLUMNS = 24, HELP_COLUMNS = 78 };
enum { HELP_OPTIONS_MAX = 24, HELP_OPTIONS_FULL = 16 /* of those with more */ };

void plim__help_all(plim__out *out)
{
    plim__out_puts(out, "plim takes a heap apart while it runs.\n\n");
    plim__out_puts(out, "Usage: plim VERB TARGET|FILE [options]\n");
    int group = -1;
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        const plim__command *command = &plim__commands[i];
        if ((int)command->group != group) { /* the rows stand group by group */
            group = (int)command->group;
            plim__out_puts(out, "\n");
            plim__out_styled(out, PLIM__STYLE_HEAD, plim__group_name(command->group));
            plim__out_puts(out, "\n");
        }
        plim__out_printf(out, "  %-*s%s\n", HELP_VERB_COLUMNS, command->name, command->summary);
    }
    plim__out_puts(out, "\nA TARGET is HOST:PORT, :PORT, pid:N or ws://…, with #worker:N for a\n"
                        "worker thread. A FILE is a heap snapshot, plain, .gz or .zst; - is\n"
                        "standard input. `plim VERB --help` has options and examples.\n");
}

static void help_option(plim__out *out, const plim__option *option)
{
    char left[96];
    char letter[8] = "    ";
    if (option->letter != 0)
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name,
                   option->argument[0] != '\0' ? " " : "", option->argument);
    plim__out_printf(out, "  %-*s", HELP_OPTION_COLUMNS, left);
    size_t columns = strlen(left);
    if (columns >= HELP_OPTION_COLUMNS && columns + strlen(option->help) + 4 <= HELP_COLUMNS)
        plim__out_puts(out, "  ");
    else if (columns >= HELP_OPTION_COLUMNS)
        plim__out_printf(out, "\n  %-*s", HELP_OPTION_COLUMNS, "");
    plim__out_printf(out, "%s\n", option->help);
}

static bool help_is_own(const plim__option *option, const plim__command *command)
{
    return !plim__option_is_common(option) && plim__option_is_for(option, command);
}

/* Options in as few lines as they take; their help is in the manual. Of a verb: but the first few;
   NULL: those that all share. */
static void help_names(plim__out *out, const char *head, const plim__command *command)
{
    int column = (int)strlen(head), indent = column;
    uint32_t own = 0;
    plim__out_puts(out, head);
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        const plim__option *option = &plim__options[i];
        if (command == NULL ? !plim__option_is_common(option)
                            : !help_is_own(option, command) || own++ < HELP_OPTIONS_FULL)
            continue;
        char text[80];
        char letter[8] = "";
        if (option->letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c/", option->letter);
        int length = snprintf(text, sizeof text, " %s--%s%s%s", letter, option->name,
                              option->argument[0] != '\0' ? "=" : "", option->argument);
        if (column + length > HELP_COLUMNS) {
            plim__out_printf(out, "\n%*s", indent, "");
            column = indent;
        }
        plim__out_puts(out, text);
        column += length;
    }
    plim__out_puts(out, "\n");
}

void plim__help_command(plim__out *out, const plim__command *command)
{
    plim__out_printf(out, "plim %s: %s\n\n", command->name, command->summary);
    plim__out_printf(out, "Usage: plim %s%s%s [options]\n\n", command->name,
                     command->operands[0] != '\0' ? " " : "", command->operands);
    for (int i = 0; i < 6 && command->examples[i] != NULL; i += 2) {
        plim__out_puts(out, "  ");
        plim__out_styled(out, PLIM__STYLE_NAME, command->examples[i]);
        plim__out_printf(out, "\n      %s\n", command->examples[i + 1]);
    }
    uint32_t own = 0, shown = 0;
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++)
        own += help_is_own(&plim__options[i], command);
    uint32_t full = own > HELP_OPTIONS_MAX ? HELP_OPTIONS_FULL : own;
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT && shown < full; i++) {
        if (!help_is_own(&plim__options[i], command))
            continue;
        plim__out_puts(out, shown++ > 0 ? "" : "\n");
        help_option(out, &plim__options[i]);
    }
    if (own > full)
        help_names(out, "  Also:", command);
    plim__out_puts(out, "\n");
    help_names(out, "Everywhere:", NULL);
    plim__out_printf(out, "More: man plim-%s, man plim\n", command->name);
}
