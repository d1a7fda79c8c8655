/* SPDX-License-Identifier: MIT */
/*
 * Leaks: of a program that is started, of one that runs, or of files.
 *
 * The live forms take all their snapshots over one connection, so that object ids compare:
 *   launch or connect -> warm up (act) -> collect, snapshot -> [act, collect, snapshot] per round
 *   -> disconnect (and end what was started) -> judge the files.
 * Invariants: L1 a program that was started is ended on every way out, a target never.
 *             L2 snapshots not asked for (--keep, -o) stay only where they show a leak.
 */
#include <plimsoll/leaks.h>

#include <stdio.h>
#include <string.h>

#include "cli/leakreport.h"
#include "cli/process.h"
#include "cli/record.h"
#include "cli/series.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum {
    LEAKS_ROUNDS_DEFAULT = 2,
    LEAKS_ROUNDS_MOST = PLIM_LEAKS_ROUNDS_MAX - 1,
    LEAKS_ACTIONS_MAX = 1000000,
    LEAKS_PATH_BYTES = 4096
};

static const uint64_t leaks_start_limit_ns = 15000000000u; /* for the first act to succeed */
static const uint64_t leaks_retry_ns = 200000000u;
static const uint64_t leaks_idle_ns = 100000000u; /* lets what an act left pending come to rest */

typedef enum leaks_action {
    LEAKS_COMMAND,
    LEAKS_EVAL,
    LEAKS_WAIT,
    LEAKS_RELOAD, /* which may also follow the others */
    LEAKS_ENTER
} leaks_action;

typedef struct leaks_run {
    plim__cli *cli;
    plim_target *target;
    plim_launched *launched;
    leaks_action action;
    const char *expression; /* of LEAKS_EVAL */
    bool reload;
    uint32_t rounds;
    uint64_t repeat;
    uint64_t warmup;
    bool keep;
    char folder[LEAKS_PATH_BYTES]; /* of the snapshots, with its slash; "" is the current one */
    bool temporary;                /* the folder was made for this run alone */
    char names[PLIM_LEAKS_ROUNDS_MAX][LEAKS_PATH_BYTES];
    const char *paths[PLIM_LEAKS_ROUNDS_MAX];
    uint32_t count;
    plim__series series;
} leaks_run;

static plim_status leaks_usage(plim_error *err, const char *what, const char *hint)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "%s", what);
    plim_error_hint(err, "%s", hint);
    return status;
}

static plim_status leaks_read_action(leaks_run *run, plim_error *err)
{
    const plim__args *args = &run->cli->args;
    bool action = plim__args_has(args, PLIM__OPTION_action);
    bool page = plim__args_has(args, PLIM__OPTION_page);
    bool eval = plim__args_has(args, PLIM__OPTION_eval) || (action && page);
    bool wait = plim__args_has(args, PLIM__OPTION_wait);
    bool command = action && !page;
    if (action + plim__args_has(args, PLIM__OPTION_eval) + wait > 1)
        return leaks_usage(err, "--action, --eval and --wait exclude each other",
                           "plim leaks --help");
    run->expression = plim__args_has(args, PLIM__OPTION_eval)
                          ? args->values[PLIM__OPTION_eval].text
                          : args->values[PLIM__OPTION_action].text;
    run->action = command ? LEAKS_COMMAND : eval ? LEAKS_EVAL : wait ? LEAKS_WAIT : LEAKS_ENTER;
    run->reload = plim__args_has(args, PLIM__OPTION_reload);
    if (run->action == LEAKS_ENTER && run->reload)
        run->action = LEAKS_RELOAD;
    if (run->action == LEAKS_ENTER && !plim__terminal_is(PLIM__STDIN))
        return leaks_usage(err, "what should happen between the snapshots?",
                           "--action CMD, --eval EXPR or --wait 30s; at a terminal, Enter");
    uint64_t rounds = plim__args_number(args, PLIM__OPTION_rounds, LEAKS_ROUNDS_DEFAULT);
    run->repeat = plim__args_number(args, PLIM__OPTION_repeat, 1);
    run->warmup = plim__args_number(args, PLIM__OPTION_warmup, 1);
    if (rounds < LEAKS_ROUNDS_DEFAULT || rounds > LEAKS_ROUNDS_MOST)
        return leaks_usage(err, "--rounds wants a number from 2 to 63", "plim leaks --help");
    if (run->repeat == 0 || run->repeat > LEAKS_ACTIONS_MAX || run->warmup > LEAKS_ACTIONS_MAX)
        return leaks_usage(err, "--repeat wants 1 to 1000000, --warmup 0 to 1000000",
                           "plim leaks --help");
    run->rounds = (uint32_t)rounds;
    return PLIM_OK;
}

static plim_status leaks_make_folder(leaks_run *run, plim_error *err)
{
    const char *wanted = run->cli->args.values[PLIM__OPTION_folder].text;
    run->keep = wanted != NULL || plim__args_has(&run->cli->args, PLIM__OPTION_keep);
    plim_status status = PLIM_OK;
    if (wanted != NULL) {
        int length = snprintf(run->folder, sizeof run->folder, "%s", wanted);
        if (length < 0 || (size_t)length + 256 > sizeof run->folder)
            return leaks_usage(err, "the name of the folder is too long", "-o DIR");
        status = plim__path_make(run->folder, err);
    } else if (!run->keep) {
        run->temporary = true;
        status = plim__path_make_temporary(run->folder, sizeof run->folder - 256, err);
    }
    size_t length = strlen(run->folder);
    if (status == PLIM_OK && length > 0)
        (void)snprintf(run->folder + length, sizeof run->folder - length, "/");
    return status;
}

/* A page in a browser of our own. */
static plim_status leaks_connect_page(leaks_run *run, const char *url, plim_error *err)
{
    plim__cli *cli = run->cli;
    plim_target_options options = plim__session_options(cli);
    plim__say_begin(&cli->say, "starting a browser");
    const char *browser = cli->args.values[PLIM__OPTION_browser].text;
    plim_status status = plim_launch_browser(browser, url, &options, &run->launched, err);
    plim__say_end(&cli->say);
    if (status != PLIM_OK)
        return status;
    plim__stops_guard(plim_launched_pid(run->launched));
    status = plim__session_open(cli, plim_launched_address(run->launched), &run->target, err);
    if (status != PLIM_OK)
        return status;
    plim__say_begin(&cli->say, "loading %s", url);
    plim_error why = {0};
    status = plim_target_load(run->target, url, 0, &why);
    plim__say_end(&cli->say);
    if (status == PLIM_ERR_UNSUPPORTED)
        return PLIM_OK; /* it began with that page */
    if (status != PLIM_OK)
        *err = why;
    return status;
}

static plim_status leaks_connect(leaks_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    const char *page = cli->args.values[PLIM__OPTION_page].text;
    if (page != NULL)
        return leaks_connect_page(run, page, err);
    if (cli->args.program == NULL)
        return plim__session_open(cli, cli->args.operands[0], &run->target, err);
    if (cli->args.program[0] == NULL)
        return leaks_usage(err, "there is no command after --", "plim leaks … -- node app.js");
    plim_target_options options = plim__session_options(cli);
    plim__say_begin(&cli->say, "starting %s", cli->args.program[0]);
    plim_status status = plim_launch(cli->args.program, &options, &run->launched, err);
    plim__say_end(&cli->say);
    if (status != PLIM_OK)
        return status;
    plim__stops_guard(plim_launched_pid(run->launched));
    return plim__session_open(cli, plim_launched_address(run->launched), &run->target, err);
}

static plim_status leaks_act_command(leaks_run *run, plim_error *err)
{
    enum { VARIABLE_BYTES = 300 };
    char address[VARIABLE_BYTES];
    char pid[VARIABLE_BYTES];
    const char *environment[] = {address, pid, NULL};
    const char *command = run->cli->args.values[PLIM__OPTION_action].text;
    plim_target_info info;
    plim_target_identify(run->target, &info);
    (void)snprintf(address, sizeof address, "PLIM_TARGET=%s", info.address);
    (void)snprintf(pid, sizeof pid, "PLIM_PID=%lld", (long long)info.pid);
    int exit_code = 0;
    plim_status status = plim__process_run(command, environment, run->cli->say.verbose,
                                           &run->cli->interrupt, &exit_code, err);
    if (status != PLIM_OK || exit_code == 0)
        return status;
    status = plim_error_set(err, PLIM_ERR_REFUSED, "the action ended with exit code %d: %s",
                            exit_code, command);
    plim_error_hint(err, "run it by hand; -v shows what it prints");
    return status;
}

static plim_status leaks_act_alone(leaks_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    switch (run->action) {
    case LEAKS_RELOAD:
        return PLIM_OK;
    case LEAKS_COMMAND:
        return leaks_act_command(run, err);
    case LEAKS_EVAL:
        return plim_target_evaluate(run->target, run->expression, 0, NULL, err);
    case LEAKS_WAIT:
        return plim__process_sleep(cli->args.values[PLIM__OPTION_wait].number, &cli->interrupt,
                                   err);
    case LEAKS_ENTER:
        break;
    }
    plim__say_end(&cli->say);
    plim__say_always(&cli->say, "do what may leak, then press Enter");
    return plim__process_wait_line(&cli->interrupt, err);
}

static plim_status leaks_act_once(leaks_run *run, plim_error *err)
{
    plim_status status = leaks_act_alone(run, err);
    return status == PLIM_OK && run->reload ? plim_target_load(run->target, NULL, 0, err) : status;
}

static plim_status leaks_act(leaks_run *run, const char *phase, uint64_t times, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (run->action == LEAKS_ENTER && times > 1)
        times = 1; /* a person repeats by hand */
    plim__say_begin(&run->cli->say, "%s", phase);
    for (uint64_t i = 0; status == PLIM_OK && i < times; i++) {
        plim__say_share(&run->cli->say, "acting", i, times);
        status = leaks_act_once(run, err);
    }
    plim__say_end(&run->cli->say);
    return status;
}

/* A program that was just started may not listen yet: the first act may fail for a while. */
static plim_status leaks_warm_up(leaks_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    uint64_t limit_ns = plim__clock_ns() + leaks_start_limit_ns;
    bool may_fail =
        run->launched != NULL && (run->action == LEAKS_COMMAND || run->action == LEAKS_EVAL);
    uint64_t times = run->warmup;
    if (run->action == LEAKS_ENTER && times > 0)
        plim__say_always(&cli->say, "first, warm it up");
    plim__say_begin(&cli->say, "warming up");
    while (may_fail) {
        plim_error cause = {0};
        plim_status status = leaks_act_once(run, &cause);
        if (status == PLIM_OK) {
            times = times > 0 ? times - 1 : 0;
            break;
        }
        if (status != PLIM_ERR_REFUSED || plim__clock_ns() >= limit_ns) {
            *err = cause;
            return status;
        }
        status = plim__process_sleep(leaks_retry_ns, &cli->interrupt, err);
        if (status != PLIM_OK)
            return status;
    }
    return times > 0 ? leaks_act(run, "warming up", times, err) : PLIM_OK;
}

/* Twice: finalizers and weak callbacks of the first collection let go of what the second frees. */
static plim_status leaks_collect(leaks_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    for (int i = 0; i < 2; i++) {
        plim_error cause = {0};
        plim_status status = plim_target_collect(run->target, &cause);
        if (status == PLIM_ERR_TIMEOUT) {
            plim__say_detail(&cli->say, "%s; the snapshot collects, too", cause.what);
            return PLIM_OK;
        }
        if (status == PLIM_ERR_UNSUPPORTED)
            return PLIM_OK; /* a heap without garbage: all that is there is held */
        if (status != PLIM_OK) {
            *err = cause;
            return status;
        }
        status = plim__process_sleep(leaks_idle_ns, &cli->interrupt, err);
        if (status != PLIM_OK)
            return status;
    }
    return PLIM_OK;
}

static void leaks_name(leaks_run *run, uint32_t index)
{
    plim__draft name;
    char number[16];
    plim_target_info info;
    plim_target_identify(run->target, &info);
    const char *kind = info.snapshot_ending;
    plim__draft_init(&name, run->cli->allocator);
    (void)snprintf(number, sizeof number, "-%u", index + 1);
    if (index == 0) {
        plim__session_file_name(&name, run->target, "");
        (void)snprintf(run->names[0], LEAKS_PATH_BYTES, "%.3800s%.200s%s%s", run->folder,
                       plim__draft_peek(&name), number, kind);
    } else {
        /* All are named after the first, whose stamp is the time of the whole series. */
        size_t stem = strlen(run->names[0]) - strlen("-1") - strlen(kind);
        (void)snprintf(run->names[index], LEAKS_PATH_BYTES, "%.*s%s%s", (int)stem, run->names[0],
                       number, kind);
    }
    run->paths[index] = run->names[index];
    plim__draft_fini(&name);
}

static plim_status leaks_take(leaks_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    uint32_t index = run->count;
    plim_snapshot_result result = {0};
    plim_status status = leaks_collect(run, err);
    if (status != PLIM_OK)
        return status;
    leaks_name(run, index);
    if (index == 0)
        plim__record_show_estimate(cli, run->target);
    status = plim__record_snapshot(cli, run->target, run->paths[index], &result, err);
    if (status != PLIM_OK)
        return status;
    run->count++;
    char size[PLIM__UNITS_BYTES];
    char pause[PLIM__UNITS_BYTES];
    plim__units_bytes(size, result.byte_count, cli->out.exact_bytes);
    plim__units_time(pause, result.pause_ns);
    plim__say_note(&cli->say, "snapshot %u of %u: %s; the target stood still for %s", index + 1,
                   run->rounds + 1, size, pause);
    return plim__series_write(cli, &run->series, run->paths[index], index, err);
}

/* What runs code in the target is said to. */
static void leaks_announce(leaks_run *run)
{
    if (run->action == LEAKS_EVAL)
        plim__say_always(&run->cli->say, "this runs in the target: %s", run->expression);
}

static plim_status leaks_measure(leaks_run *run, plim_error *err)
{
    plim_target_info info;
    plim_status status = leaks_connect(run, err);
    if (status != PLIM_OK)
        return status;
    plim_target_identify(run->target, &info);
    status = plim__series_start(&run->series, &info, err);
    if (status == PLIM_OK)
        leaks_announce(run);
    if (status == PLIM_OK)
        status = leaks_warm_up(run, err);
    if (status == PLIM_OK)
        status = leaks_take(run, err);
    for (uint32_t round = 0; status == PLIM_OK && round < run->rounds; round++) {
        char phase[64];
        (void)snprintf(phase, sizeof phase, "round %u of %u", round + 1, run->rounds);
        status = leaks_act(run, phase, run->repeat, err);
        if (status == PLIM_OK)
            status = leaks_take(run, err);
    }
    return status;
}

/* L1: on every way out. */
static void leaks_disconnect(leaks_run *run)
{
    plim__session_close(run->cli, &run->target);
    plim_launched_end(&run->launched);
    plim__stops_guard(0);
}

/* L2: removes what was only taken to be judged. */
static void leaks_clean(leaks_run *run, bool wanted)
{
    if (!run->temporary)
        return;
    for (uint32_t i = 0; !wanted && i < run->count; i++) {
        char side[LEAKS_PATH_BYTES + 16];
        (void)snprintf(side, sizeof side, "%s.series", run->paths[i]);
        plim__path_remove(side);
        plim__path_remove(run->paths[i]);
    }
    plim__path_remove_directory(run->folder); /* stays where something is in it */
}

static plim_status leaks_live(plim__cli *cli, plim_error *err)
{
    static leaks_run run; /* 256 KiB of file names: too much for a stack */
    run = (leaks_run){.cli = cli};
    uint32_t found = 0;
    plim_status status = leaks_read_action(&run, err);
    if (status == PLIM_OK)
        status = leaks_make_folder(&run, err);
    if (status != PLIM_OK)
        return status;
    status = leaks_measure(&run, err);
    leaks_disconnect(&run);
    if (status == PLIM_OK) {
        plim__leak_files files = {run.paths, run.count, true, !run.temporary, run.reload};
        status = plim__leaks_report(cli, &files, &found, err);
    }
    bool wanted = status == PLIM_OK ? found > 0 : plim__stops_count() > 0 && run.count > 0;
    if (wanted && run.temporary && status != PLIM_OK)
        plim__say_always(&cli->say, "kept %u snapshots in %s", run.count, run.folder);
    leaks_clean(&run, wanted);
    return status;
}

static plim_status leaks_of_files(plim__cli *cli, plim_error *err)
{
    const plim__args *args = &cli->args;
    uint32_t found;
    if (args->operand_count < 3)
        return leaks_usage(err, "three snapshots are wanted, or more: two cannot show a trend",
                           "plim diff A B compares two");
    plim__leak_files files = {
        .paths = args->operands,
        .count = args->operand_count,
        .one_series = plim__series_is_one(args->operands, args->operand_count),
        .kept = true,
    };
    return plim__leaks_report(cli, &files, &found, err);
}

plim_status plim__cmd_leaks(plim__cli *cli, plim_error *err)
{
    const plim__args *args = &cli->args;
    bool page = plim__args_has(args, PLIM__OPTION_page);
    bool program = args->program != NULL;
    if (page && (program || args->operand_count > 0))
        return leaks_usage(err, "--page starts a browser of its own: no TARGET and no command",
                           "plim leaks --page http://localhost:8080 --action 'x.click()'");
    if (!page && plim__args_has(args, PLIM__OPTION_browser))
        return leaks_usage(err, "--browser says which one shows the page of --page",
                           "plim leaks --page http://localhost:8080 --browser firefox --wait 5s");
    if (page)
        return leaks_live(cli, err);
    if (program && args->operand_count > 0)
        return leaks_usage(err, "a TARGET or files, or a command after --, but not both",
                           "plim leaks --help");
    if (!program && args->operand_count == 0)
        return leaks_usage(err, "plim leaks wants a TARGET, three files, or -- COMMAND",
                           args->command->examples[0]);
    bool files = args->operand_count > 1 ||
                 (args->operand_count == 1 && plim__path_exists(args->operands[0]));
    return files ? leaks_of_files(cli, err) : leaks_live(cli, err);
}
