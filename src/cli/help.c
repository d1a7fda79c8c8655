/* SPDX-License-Identifier: MIT */
/* Help texts, from the rows. Each fits a screen of 80 columns and 24 lines or so. */
#include <stdio.h>

#include "cli/commands.h"

enum { HELP_VERB_COLUMNS = 12, HELP_OPTION_COLUMNS = 24, HELP_COLUMNS = 78 };

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
    if (snprintf(NULL, 0, "%s", left) >= HELP_OPTION_COLUMNS)
        plim__out_printf(out, "\n  %-*s", HELP_OPTION_COLUMNS, "");
    plim__out_printf(out, "%s\n", option->help);
}

/* The options all verbs share, in as few lines as they take; their help is in plim(1). */
static void help_common(plim__out *out)
{
    static const char head[] = "Everywhere:";
    int column = (int)sizeof head - 1;
    plim__out_printf(out, "\n%s", head);
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        const plim__option *option = &plim__options[i];
        if (!plim__option_is_common(option))
            continue;
        char text[80];
        char letter[8] = "";
        if (option->letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c/", option->letter);
        int length = snprintf(text, sizeof text, " %s--%s%s%s", letter, option->name,
                              option->argument[0] != '\0' ? "=" : "", option->argument);
        if (column + length > HELP_COLUMNS) {
            plim__out_printf(out, "\n%*s", (int)sizeof head - 1, "");
            column = (int)sizeof head - 1;
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
    bool any = false;
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        const plim__option *option = &plim__options[i];
        if (plim__option_is_common(option) || !plim__option_is_for(option, command))
            continue;
        plim__out_puts(out, any ? "" : "\n");
        any = true;
        help_option(out, option);
    }
    help_common(out);
    plim__out_printf(out, "More: man plim-%s, man plim\n", command->name);
}
