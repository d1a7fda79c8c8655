/* SPDX-License-Identifier: MIT */
/*
 * Usage again and again. States: below -> above watch_look() (alert, --then once) -> below
 * again re-arms it. A target that drops is reconnected to, with back-off, until Ctrl-C.
 */
#include <stdio.h>
#include <string.h>

#include "cli/process.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "cli/watchmetrics.h"

enum { WATCH_HEAD_EVERY = 20 };

static const uint64_t watch_every_default_ns = 5000000000u;
static const uint64_t watch_reconnect_ns = 3600000000000u; /* an hour: then it is not coming back */

typedef struct watch_state {
    plim__cli *cli;
    plim_target *target;
    bool above;
    uint64_t row_count;
    uint64_t last_used_bytes;
} watch_state;

/* What use is measured against: --limit, or the heap's total; not every runtime has that. */
static uint64_t watch_base(const plim__cli *cli, const plim_usage *usage)
{
    return plim__args_number(&cli->args, PLIM__OPTION_limit, usage->total_bytes);
}

static bool watch_is_above(const plim__cli *cli, const plim_usage *usage)
{
    const plim__value *alert = &cli->args.values[PLIM__OPTION_alert];
    if (!alert->given)
        return false;
    if (!alert->is_share)
        return usage->used_bytes >= alert->number;
    if (watch_base(cli, usage) == PLIM_UNKNOWN)
        return false; /* refused at the beginning */
    return (double)usage->used_bytes * 100.0 >=
           (double)watch_base(cli, usage) * (double)alert->number;
}

static void watch_emit(watch_state *watch, const char *event, const plim_usage *usage)
{
    plim__cli *cli = watch->cli;
    char now[PLIM__STAMP_BYTES];
    plim__clock_iso(now);
    plim__emit_start(&cli->emit, &cli->out, "watch");
    plim__emit_string(&cli->emit, "event", event);
    plim__emit_string(&cli->emit, "time", now);
    plim__session_emit(cli, watch->target);
    if (usage != NULL) {
        plim__session_emit_usage(cli, usage);
        plim__emit_known(&cli->emit, "limit_bytes", watch_base(cli, usage));
        plim__emit_bool(&cli->emit, "above", watch->above);
    }
    plim__emit_finish(&cli->emit);
    plim__out_flush(&cli->out);
}

static void watch_row(watch_state *watch, const plim_usage *usage)
{
    plim__cli *cli = watch->cli;
    plim__out *out = &cli->out;
    char now[PLIM__STAMP_BYTES];
    char used[PLIM__UNITS_BYTES];
    char base[PLIM__UNITS_BYTES] = "-";
    char share[PLIM__UNITS_BYTES] = "-";
    char change[PLIM__UNITS_BYTES] = "";
    char rss[PLIM__UNITS_BYTES] = "-";
    uint64_t base_bytes = watch_base(cli, usage);
    int width = out->exact_bytes ? 14 : 11;
    plim__clock_iso(now);
    plim__units_bytes(used, usage->used_bytes, out->exact_bytes);
    int64_t delta = (int64_t)usage->used_bytes - (int64_t)watch->last_used_bytes;
    if (watch->row_count > 0)
        plim__units_change(change, delta, out->exact_bytes);
    if (usage->process_rss_bytes != PLIM_UNKNOWN)
        plim__units_bytes(rss, usage->process_rss_bytes, out->exact_bytes);
    if (base_bytes != PLIM_UNKNOWN)
        plim__units_bytes(base, base_bytes, out->exact_bytes);
    if (base_bytes != PLIM_UNKNOWN && base_bytes > 0)
        (void)snprintf(share, sizeof share, "%.1f%%",
                       (double)usage->used_bytes * 100.0 / (double)base_bytes);
    if (watch->row_count % WATCH_HEAD_EVERY == 0) {
        char head[128];
        (void)snprintf(head, sizeof head, "%-8s  %*s  %*s  %6s  %*s  %*s\n", "time", width, "used",
                       width, "of", "share", width, "change", width, "process");
        plim__out_styled(out, PLIM__STYLE_HEAD, head);
    }
    plim__out_printf(out, "%.8s  %*s  %*s  %6s  ", now + 11, width, used, width, base, share);
    char padded[PLIM__UNITS_BYTES + 16];
    (void)snprintf(padded, sizeof padded, "%*s", width, change);
    plim__out_styled(out, change[0] == '+' ? PLIM__STYLE_BAD : PLIM__STYLE_NONE, padded);
    plim__out_printf(out, "  %*s%s\n", width, rss, watch->above ? "  ALERT" : "");
    plim__out_flush(out);
}

static void watch_plain(watch_state *watch, const plim_usage *usage)
{
    char now[PLIM__STAMP_BYTES];
    plim__clock_iso(now);
    if (watch->row_count == 0)
        plim__out_puts(&watch->cli->out, "time\tused_bytes\ttotal_bytes\tprocess_rss_bytes\n");
    plim__out_printf(&watch->cli->out, "%s\t%llu\t", now, (unsigned long long)usage->used_bytes);
    if (usage->total_bytes != PLIM_UNKNOWN)
        plim__out_printf(&watch->cli->out, "%llu", (unsigned long long)usage->total_bytes);
    plim__out_puts(&watch->cli->out, "\t");
    if (usage->process_rss_bytes != PLIM_UNKNOWN)
        plim__out_printf(&watch->cli->out, "%llu", (unsigned long long)usage->process_rss_bytes);
    plim__out_puts(&watch->cli->out, "\n");
    plim__out_flush(&watch->cli->out);
}

static plim_status watch_run_then(watch_state *watch, const plim_usage *usage, plim_error *err)
{
    enum { VARIABLES = 6, VARIABLE_BYTES = 300 };
    plim__cli *cli = watch->cli;
    const char *command = cli->args.values[PLIM__OPTION_then].text;
    char text[VARIABLES][VARIABLE_BYTES];
    const char *environment[VARIABLES + 1] = {0};
    plim_target_info info;
    if (command == NULL)
        return PLIM_OK;
    plim_target_identify(watch->target, &info);
    (void)snprintf(text[0], VARIABLE_BYTES, "PLIM_TARGET=%s", info.address);
    (void)snprintf(text[1], VARIABLE_BYTES, "PLIM_PID=%lld", (long long)info.pid);
    (void)snprintf(text[2], VARIABLE_BYTES, "PLIM_RUNTIME=%s", info.runtime);
    (void)snprintf(text[3], VARIABLE_BYTES, "PLIM_USED_BYTES=%llu",
                   (unsigned long long)usage->used_bytes);
    (void)snprintf(text[4], VARIABLE_BYTES, "PLIM_TOTAL_BYTES=%llu",
                   (unsigned long long)usage->total_bytes);
    (void)snprintf(text[5], VARIABLE_BYTES, "PLIM_LIMIT_BYTES=%llu",
                   (unsigned long long)watch_base(cli, usage));
    for (size_t i = 0; i < VARIABLES; i++)
        environment[i] = text[i];
    int exit_code = 0;
    plim_status status =
        plim__process_run(command, environment, true, &cli->interrupt, &exit_code, err);
    if (status == PLIM_OK && exit_code != 0)
        plim__say_always(&cli->say, "the command of --then ended with %d: %s", exit_code, command);
    return status;
}

static plim_status watch_look(watch_state *watch, plim_error *err)
{
    plim__cli *cli = watch->cli;
    plim_usage usage;
    plim_status status = plim_target_usage(watch->target, &usage, err);
    if (status != PLIM_OK)
        return status;
    if (cli->args.values[PLIM__OPTION_alert].is_share && watch_base(cli, &usage) == PLIM_UNKNOWN)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "this runtime tells no total: --limit SIZE says what %llu%% is of",
                              (unsigned long long)cli->args.values[PLIM__OPTION_alert].number);
    bool above = watch_is_above(cli, &usage);
    bool crossed = above && !watch->above;
    watch->above = above;
    if (plim__cli_is_json(cli))
        watch_emit(watch, "usage", &usage);
    else if (plim__cli_is_human(cli))
        watch_row(watch, &usage);
    else
        watch_plain(watch, &usage);
    watch->last_used_bytes = usage.used_bytes;
    watch->row_count++;
    if (!crossed)
        return PLIM_OK;
    if (plim__cli_is_json(cli))
        watch_emit(watch, "alert", &usage);
    return watch_run_then(watch, &usage, err);
}

static bool watch_is_lost(plim_status status)
{
    return status == PLIM_ERR_GONE || status == PLIM_ERR_UNREACHABLE || status == PLIM_ERR_PROTOCOL;
}

static plim_status watch_reconnect(watch_state *watch, const plim_error *cause, plim_error *err)
{
    plim__cli *cli = watch->cli;
    if (plim__cli_is_json(cli))
        watch_emit(watch, "dropped", NULL);
    plim__say_always(&cli->say, "the target dropped (%s): reconnecting", cause->what);
    plim_status status = plim_target_reconnect(watch->target, watch_reconnect_ns, err);
    if (status != PLIM_OK)
        return status;
    if (plim__cli_is_json(cli))
        watch_emit(watch, "reconnected", NULL);
    plim__say_always(&cli->say, "the target is back");
    return PLIM_OK;
}

/* One look; a busy target only misses its turn, a lost one is reconnected to. */
static plim_status watch_turn(watch_state *watch, plim_error *err)
{
    plim_error cause = {0};
    plim_status status = watch_look(watch, &cause);
    if (status == PLIM_OK)
        return PLIM_OK;
    if (status == PLIM_ERR_TIMEOUT) {
        plim__say_always(&watch->cli->say, "no answer: %s", cause.what);
        return PLIM_OK;
    }
    if (watch_is_lost(status))
        return watch_reconnect(watch, &cause, err);
    *err = cause;
    return status;
}

plim_status plim__cmd_watch(plim__cli *cli, plim_error *err)
{
    watch_state watch = {.cli = cli};
    uint64_t every_ns = plim__args_number(&cli->args, PLIM__OPTION_every, watch_every_default_ns);
    uint64_t count = plim__args_number(&cli->args, PLIM__OPTION_count, 0);
    if (plim__args_has(&cli->args, PLIM__OPTION_then) &&
        !plim__args_has(&cli->args, PLIM__OPTION_alert))
        return plim_error_set(err, PLIM_ERR_USAGE, "--then wants --alert: at what should it run?");
    if (plim__args_has(&cli->args, PLIM__OPTION_openmetrics))
        return plim__watch_metrics(cli, every_ns, err);
    if (cli->args.operand_count > 1)
        return plim_error_set(err, PLIM_ERR_USAGE, "several targets want --openmetrics");
    plim_status status = plim__session_open(cli, cli->args.operands[0], &watch.target, err);
    if (status == PLIM_OK)
        plim__session_announce(cli, watch.target);
    if (status == PLIM_OK && plim__cli_is_human(cli)) {
        plim__session_show(cli, watch.target);
        plim__out_flush(&cli->out);
    }
    uint64_t next_ns = plim__clock_ns();
    for (uint64_t turn = 0; status == PLIM_OK && (count == 0 || turn < count); turn++) {
        uint64_t now_ns = plim__clock_ns();
        if (turn > 0 && next_ns > now_ns)
            status = plim__process_sleep(next_ns - now_ns, &cli->interrupt, err);
        next_ns = plim__clock_ns() + every_ns;
        if (status == PLIM_OK)
            status = watch_turn(&watch, err);
        if (plim__out_is_broken(&cli->out))
            break;
    }
    plim_target_close(&watch.target);
    return status;
}
