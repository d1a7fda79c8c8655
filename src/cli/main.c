/* SPDX-License-Identifier: MIT */
/*
 * The command: reads the arguments, sets up output and limits, runs the verb, tells what failed,
 * and ends with the exit code that plim(1) promises.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { MAIN_COLUMNS_DEFAULT = 100, MAIN_ROWS_FOR_PEOPLE = 20, MAIN_EXIT_BROKEN_PIPE = 128 + 13 };

uint64_t plim__cli_top(const plim__cli *cli, uint64_t total)
{
    uint64_t otherwise = plim__cli_is_human(cli) ? MAIN_ROWS_FOR_PEOPLE : 0;
    uint64_t top = plim__args_number(&cli->args, PLIM__OPTION_top, otherwise);
    return top == 0 || top > total ? total : top;
}

bool plim__cli_is_human(const plim__cli *cli)
{
    return cli->out.form == PLIM__FORM_HUMAN;
}

bool plim__cli_is_json(const plim__cli *cli)
{
    return cli->out.form == PLIM__FORM_JSON;
}

void plim__cli_rest(plim__cli *cli, uint64_t shown, uint64_t total)
{
    if (!plim__cli_is_human(cli) || shown >= total)
        return;
    char more[PLIM__UNITS_BYTES];
    plim__units_count(more, total - shown);
    char text[128];
    (void)snprintf(text, sizeof text, "and %s more (--top 0 shows all)\n", more);
    plim__out_styled(&cli->out, PLIM__STYLE_DIM, text);
}

/* CONVENTIONS: the flag, then the environment, then whether it is a terminal. */
static bool main_wants_colour(const plim__args *args, bool terminal)
{
    enum { AUTO, ALWAYS, NEVER };
    uint64_t choice = plim__args_number(args, PLIM__OPTION_color, AUTO);
    if (choice != AUTO)
        return choice == ALWAYS;
    if (plim__environment("NO_COLOR") != NULL)
        return false;
    const char *forced = plim__environment("CLICOLOR_FORCE");
    if (forced == NULL)
        forced = plim__environment("FORCE_COLOR");
    if (forced != NULL && strcmp(forced, "0") != 0)
        return true;
    const char *term = plim__environment("TERM");
    return terminal && term != NULL && strcmp(term, "dumb") != 0;
}

static void main_start_output(plim__cli *cli)
{
    const plim__args *args = &cli->args;
    uint32_t needs = args->command != NULL ? args->command->needs : 0;
    plim__out *out = &cli->out;
    out->form = plim__args_has(args, PLIM__OPTION_json)    ? PLIM__FORM_JSON
                : plim__args_has(args, PLIM__OPTION_plain) ? PLIM__FORM_PLAIN
                                                           : PLIM__FORM_HUMAN;
    out->exact_bytes = plim__args_has(args, PLIM__OPTION_bytes);
    out->terminal = plim__terminal_is(PLIM__STDOUT);
    out->colour = out->form == PLIM__FORM_HUMAN && main_wants_colour(args, out->terminal);
    out->paged = (needs & PLIM__NEEDS_PAGER) != 0 && !plim__args_has(args, PLIM__OPTION_no_pager);
    plim__terminal_size(PLIM__STDOUT, &out->columns, &out->lines);
    if (out->columns == 0)
        out->columns = MAIN_COLUMNS_DEFAULT;
    plim__out_start(out, cli->allocator);

    plim__say *say = &cli->say;
    uint32_t lines;
    const char *term = plim__environment("TERM");
    say->terminal = plim__terminal_is(PLIM__STDERR) && (term == NULL || strcmp(term, "dumb") != 0);
    say->colour = main_wants_colour(args, say->terminal);
    say->quiet = plim__args_has(args, PLIM__OPTION_quiet);
    say->verbose = plim__args_has(args, PLIM__OPTION_verbose);
    plim__terminal_size(PLIM__STDERR, &say->columns, &lines);
}

/* --mem, or PLIM_MEM: one cap over all that the verb allocates. */
static plim_status main_start_cap(plim__cli *cli, plim_error *err)
{
    if (cli->args.command == NULL || (cli->args.command->needs & PLIM__NEEDS_GRAPH) == 0)
        return PLIM_OK;
    uint64_t limit_bytes = plim__args_number(&cli->args, PLIM__OPTION_mem, 0);
    const char *environment = plim__environment("PLIM_MEM");
    if (!plim__args_has(&cli->args, PLIM__OPTION_mem) && environment != NULL &&
        !plim__units_parse_bytes(environment, &limit_bytes))
        return plim_error_set(err, PLIM_ERR_USAGE, "PLIM_MEM wants a size such as 512M, not \"%s\"",
                              environment);
    if (limit_bytes == 0) {
        if (!plim__args_has(&cli->args, PLIM__OPTION_mem))
            return PLIM_OK;
        return plim_error_set(err, PLIM_ERR_USAGE, "--mem 0 leaves no memory to work with");
    }
    plim_status status = plim_cap_create(NULL, limit_bytes, &cli->cap);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "not enough memory to start");
    cli->allocator = plim_cap_allocator(cli->cap);
    return PLIM_OK;
}

/* Says whose limit it was, if it was ours. */
static void main_explain_cap(const plim__cli *cli, plim_error *err)
{
    uint64_t used;
    uint64_t peak;
    uint64_t refused;
    if (cli->cap == NULL || err->status != PLIM_ERR_NO_MEMORY)
        return;
    plim_cap_read(cli->cap, &used, &peak, &refused);
    if (refused == 0)
        return;
    char peak_text[PLIM__UNITS_BYTES];
    plim__units_bytes(peak_text, peak, false);
    const char *limit = cli->args.values[PLIM__OPTION_mem].text;
    plim_error capped = {0};
    (void)plim_error_set(&capped, PLIM_ERR_NO_MEMORY, "%s: the limit of --mem %s was reached",
                         err->what, limit != NULL ? limit : "(from PLIM_MEM)");
    plim_error_where(&capped, "%s were in use when more was refused%s%s", peak_text,
                     err->where[0] != '\0' ? ", " : "", err->where);
    plim_error_hint(&capped, "a larger --mem, or none");
    *err = capped;
}

static plim_status main_run(plim__cli *cli, plim_error *err)
{
    const plim__command *command = cli->args.command;
    if (plim__args_has(&cli->args, PLIM__OPTION_version)) {
        plim__out_puts(&cli->out, "plim " PLIM_VERSION "\n");
        return PLIM_OK;
    }
    if (command == NULL && plim__args_has(&cli->args, PLIM__OPTION_help)) {
        plim__help_all(&cli->out);
        return PLIM_OK;
    }
    if (command == NULL) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "a verb is wanted: plim VERB TARGET|FILE");
        plim_error_hint(err, "plim help");
        return status;
    }
    if (plim__args_has(&cli->args, PLIM__OPTION_help)) {
        plim__help_command(&cli->out, command);
        return PLIM_OK;
    }
    return command->run(cli, err);
}

static int main_exit_code(const plim__cli *cli, plim_status status)
{
    if (plim__out_is_broken(&cli->out))
        return MAIN_EXIT_BROKEN_PIPE; /* as if SIGPIPE had ended us, as it would others */
    if (status != PLIM_OK)
        return plim_status_exit_code(status);
    return cli->finding ? 1 : 0;
}

int main(int argc, char **argv)
{
    static plim__cli cli; /* in static storage: handlers and other threads may point into it */
    plim_error err = {0};
    plim__terminal_start();
    plim__stops_install(&cli.interrupt);
    cli.allocator = plim_allocator_system();
    plim_status status = plim__args_read(argc, (const char *const *)argv, &cli.args, &err);
    if (status == PLIM_OK)
        status = main_start_cap(&cli, &err);
    main_start_output(&cli);
    if (status == PLIM_OK)
        status = main_run(&cli, &err);
    plim__say_end(&cli.say);
    plim_status written = plim__out_finish(&cli.out, &err);
    if (status == PLIM_OK)
        status = written;
    if (status == PLIM_OK)
        plim__say_finish(&cli.say);
    main_explain_cap(&cli, &err);
    if (status != PLIM_OK && !plim__out_is_broken(&cli.out)) {
        if (err.status == PLIM_OK)
            (void)plim_error_set(&err, status, "%s", plim_status_text(status));
        plim__say_error(&cli.say, &err);
    }
    int exit_code = main_exit_code(&cli, status);
    plim_cap_destroy(&cli.cap);
    return exit_code;
}
