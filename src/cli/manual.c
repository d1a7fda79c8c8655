/* SPDX-License-Identifier: MIT */
/*
 * Writes the manual and the completions from the rows of command.def and option.def. It runs when
 * Plimsoll is built and is not installed:
 *   plim-manual VERB VERSION < docs/man/VERB.scd > plim-VERB.1.scd   (plim itself: "plim")
 *   plim-manual --bash > plim.bash
 * What stands on its standard input (description, notes) goes between EXAMPLES and OPTIONS.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

/* scdoc(5): what would be markup in running text. */
static void manual_put(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("*_\\<>[]#|", *text) != NULL)
            (void)putchar('\\');
        (void)putchar(*text);
    }
}

static void manual_fragment(void)
{
    char piece[4096];
    size_t count;
    while ((count = fread(piece, 1, sizeof piece, stdin)) > 0)
        (void)fwrite(piece, 1, count, stdout);
    (void)putchar('\n');
}

static void manual_head(const char *name, const char *version, const char *summary)
{
    (void)printf("%s(1) \"plim %s\" \"Plimsoll\"\n\n# NAME\n\n%s - ", name, version, name);
    manual_put(summary);
    (void)printf("\n\n# SYNOPSIS\n\n");
}

static void manual_option(const plim__option *option)
{
    if (option->letter != 0)
        (void)printf("*-%c*, ", option->letter);
    (void)printf("*--%s*", option->name);
    if (option->argument[0] != '\0') {
        (void)printf(" _");
        manual_put(option->argument);
        (void)printf("_");
    }
    (void)printf("\n\t");
    manual_put(option->help);
    (void)printf("\n\n");
}

static void manual_options(const plim__command *command, bool common)
{
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        const plim__option *option = &plim__options[i];
        if (plim__option_is_for(option, command) && plim__option_is_common(option) == common)
            manual_option(option);
    }
}

static void manual_exit_status(bool judges)
{
    (void)printf("# EXIT STATUS\n\n*0*\n\tdone%s\n\n", judges ? ", and nothing was found" : "");
    if (judges)
        (void)printf("*1*\n\tsomething was found: a leak, or growth with *--gate*\n\n");
    (void)printf("*2*\n\tthe command line cannot be used as given, or a file would be "
                 "overwritten\n\n"
                 "*3*\n\ta target or file cannot be reached, or refused\n\n"
                 "*4*\n\tthe input is damaged or ends too early\n\n"
                 "*5*\n\tthis runtime or file cannot give that\n\n"
                 "*6*\n\ta limit was reached: --mem, a full device, a snapshot that is not safe\n\n"
                 "*70*\n\ta fault in plim itself\n\n"
                 "*130*\n\tstopped by Ctrl-C or SIGTERM; what was recorded is kept\n\n");
}

static void manual_command(const plim__command *command, const char *version)
{
    char name[64];
    bool judges = command->group == PLIM__GROUP_JUDGE;
    bool options = false;
    (void)snprintf(name, sizeof name, "plim-%s", command->name);
    manual_head(name, version, command->summary);
    (void)printf("*plim %s* ", command->name);
    manual_put(command->operands);
    (void)printf(" \\[options\\]\n\n# EXAMPLES\n\n");
    for (int i = 0; i < 6 && command->examples[i] != NULL; i += 2) {
        char first = command->examples[i + 1][0];
        if (first >= 'a' && first <= 'z')
            first = (char)(first - 'a' + 'A');
        (void)putchar(first);
        manual_put(command->examples[i + 1] + 1);
        (void)printf(":\n\n```\n%s\n```\n\n", command->examples[i]);
    }
    manual_fragment();
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++)
        options = options || (!plim__option_is_common(&plim__options[i]) &&
                              plim__option_is_for(&plim__options[i], command));
    (void)printf(options ? "# OPTIONS\n\n" : "");
    manual_options(command, false);
    (void)printf("# COMMON OPTIONS\n\n");
    manual_options(command, true);
    manual_exit_status(judges);
    (void)printf("# SEE ALSO\n\n*plim*(1)\n");
}

static void manual_plim(const char *version)
{
    manual_head("plim", version, "takes a heap apart while it runs");
    (void)printf("*plim* VERB TARGET|FILE \\[options\\]\n\n# EXAMPLES\n\n");
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        /* The first of each group is enough here: every verb has a page of its own. */
        if (i == 0 || plim__commands[i].group != plim__commands[i - 1].group)
            (void)printf("```\n%s\n```\n\n", plim__commands[i].examples[0]);
    }
    (void)printf("# VERBS\n");
    int group = -1;
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        const plim__command *command = &plim__commands[i];
        if ((int)command->group != group)
            (void)printf("\n*%s*\n\n", plim__group_name(command->group));
        group = (int)command->group;
        (void)printf("*plim-%s*(1)\n\t", command->name);
        manual_put(command->summary);
        (void)printf("\n\n");
    }
    manual_fragment();
    (void)printf("# OPTIONS OF ALL VERBS\n\n");
    manual_options(NULL, true);
    manual_options(NULL, false);
    manual_exit_status(true);
    (void)printf("# SEE ALSO\n\n");
    for (uint32_t i = 0; i < plim__command_count(); i++)
        (void)printf("%s*plim-%s*(1)", i > 0 ? ", " : "", plim__commands[i].name);
    (void)printf("\n");
}

static void manual_bash(void)
{
    (void)printf("# bash completion of plim, written from its tables when it was built\n"
                 "_plim()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
                 "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        COMPREPLY=($(compgen -W \"");
    for (uint32_t i = 0; i < plim__command_count(); i++)
        (void)printf("%s%s", i > 0 ? " " : "", plim__commands[i].name);
    (void)printf(" --help --version\" -- \"$word\"))\n        return\n    fi\n"
                 "    case $word in\n    -*) ;;\n    *) return ;;\n    esac\n"
                 "    case $verb in\n");
    for (uint32_t i = 0; i < plim__command_count(); i++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W \"", plim__commands[i].name);
        bool any = false;
        for (uint32_t j = 0; j < PLIM__OPTION_COUNT; j++) {
            if (!plim__option_is_for(&plim__options[j], &plim__commands[i]))
                continue;
            (void)printf("%s--%s", any ? " " : "", plim__options[j].name);
            any = true;
        }
        (void)printf("\" -- \"$word\")) ;;\n");
    }
    (void)printf("    esac\n}\ncomplete -o default -F _plim plim\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--bash") == 0) {
        manual_bash();
    } else if (argc == 3 && strcmp(argv[1], "plim") == 0) {
        manual_plim(argv[2]);
    } else if (argc == 3 && plim__command_find(argv[1]) != NULL) {
        manual_command(plim__command_find(argv[1]), argv[2]);
    } else {
        (void)fprintf(stderr, "usage: plim-manual --bash | plim-manual plim|VERB VERSION\n");
        return 2;
    }
    return ferror(stdout) != 0 || fflush(stdout) != 0 ? 1 : 0;
}
