/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/pauses.h"
#include "cli/process.h"
#include "cli/record.h"
#include "cli/session.h"
#include "cli/sheet.h"
#include "cli/terminal.h"
#include "cli/units.h"

/*
 * Two uses: one collection on request, with what it freed; and, with --watch, those that happen by
 * themselves, a line each until Ctrl-C or --duration, and then how long they were.
 */

static const uint64_t gc_every_default_ns = 2000000000u;

/* What one collection did; events are NULL where the runtime shows none. */
typedef struct gc_report {
    plim_usage before;
    plim_usage after;
    const plim_gc_event *events;
    uint32_t event_count;
    plim_status observed; /* PLIM_ERR_UNSUPPORTED: why there are no events */
    plim__pauses *pauses; /* all of them, added up */
    bool by_snapshot;     /* a snapshot was taken for it, since that collects */
    bool is_pending;      /* asked for, and not done while we waited: after is not set */
} gc_report;

static plim__pauses *gc_pauses_new(plim__cli *cli, plim_error *err)
{
    plim__pauses *pauses = cli->allocator->resize(cli->allocator->ctx, NULL, 0, sizeof *pauses);
    if (pauses == NULL)
        (void)plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the pauses");
    else
        memset(pauses, 0, sizeof *pauses);
    return pauses;
}

/* A snapshot begins with a collection, and is thrown away. */
static plim_status gc_by_snapshot(plim__cli *cli, plim_target *target, plim_error *err)
{
    const plim_snapshot_options options = {
        .struct_bytes = sizeof options,
        .discard = true,
        .progress = plim__record_progress(cli),
    };
    plim__say_begin(&cli->say, "collecting by a snapshot");
    plim_status status = plim_target_snapshot(target, &options, (plim_sink){0}, NULL, err);
    plim__say_end(&cli->say);
    return status;
}

static plim_status gc_by_request(plim__cli *cli, plim_target *target, gc_report *report,
                                 plim_error *err)
{
    plim__say_begin(&cli->say, "collecting garbage");
    plim_status status = plim_target_collect(target, err);
    plim__say_end(&cli->say);
    report->is_pending = status == PLIM_ERR_TIMEOUT;
    return status;
}

static plim_status gc_collect(plim__cli *cli, plim_target *target, gc_report *report,
                              plim_error *err)
{
    plim_error why = {0};
    plim__session_announce(cli, target);
    plim_status status = plim_target_usage(target, &report->before, err);
    if (status != PLIM_OK)
        return status;
    report->observed = plim_target_gc_observe_start(target, &why);
    if (report->observed != PLIM_OK && report->observed != PLIM_ERR_UNSUPPORTED) {
        *err = why;
        return report->observed;
    }
    if (report->observed != PLIM_OK)
        plim__say_detail(&cli->say, "no pauses: %s", why.what);
    if (report->by_snapshot)
        status = gc_by_snapshot(cli, target, err);
    else
        status = gc_by_request(cli, target, report, err);
    if (status == PLIM_OK)
        status = plim_target_usage(target, &report->after, err);
    if (status == PLIM_OK && report->observed == PLIM_OK)
        status = plim_target_gc_observe_stop(target, &report->events, &report->event_count, err);
    for (uint32_t i = 0; status == PLIM_OK && i < report->event_count; i++)
        plim__pauses_add(report->pauses, &report->events[i]);
    return status;
}

static void gc_emit_event(plim__emit *emit, const plim_gc_event *event)
{
    plim__emit_string(emit, "kind", event->kind);
    plim__emit_known(emit, "ns", event->pause_ns);
    plim__emit_unsigned(emit, "at_ns", event->at_ns);
    plim__emit_known(emit, "before_bytes", event->before_bytes);
    plim__emit_known(emit, "after_bytes", event->after_bytes);
}

static void gc_emit(plim__cli *cli, const plim_target *target, const gc_report *report)
{
    plim__emit *emit = &cli->emit;
    plim__emit_start(emit, &cli->out, "gc");
    plim__session_emit(cli, target);
    plim__emit_known(emit, "before_bytes", report->before.used_bytes);
    plim__emit_known(emit, "after_bytes",
                     report->is_pending ? PLIM_UNKNOWN : report->after.used_bytes);
    plim__emit_string(emit, "by", report->by_snapshot ? "snapshot" : "request");
    plim__emit_bool(emit, "pending", report->is_pending);
    if (report->is_pending || report->observed != PLIM_OK) {
        plim__emit_null(emit, "pauses");
        plim__emit_null(emit, "by_kind");
    } else {
        plim__emit_array(emit, "pauses");
        for (uint32_t i = 0; i < report->event_count; i++) {
            plim__emit_object(emit, NULL);
            gc_emit_event(emit, &report->events[i]);
            plim__emit_object_end(emit);
        }
        plim__emit_array_end(emit);
        plim__pauses_show(cli, report->pauses);
    }
    plim__emit_finish(emit);
}

static void gc_sheet(plim__cli *cli, const gc_report *report)
{
    static const plim__column columns[] = {
        {"kind", "collection", PLIM__CELL_TEXT},    {"ns", "pause", PLIM__CELL_TIME},
        {"at_ns", "at", PLIM__CELL_TIME},           {"before_bytes", "before", PLIM__CELL_BYTES},
        {"after_bytes", "after", PLIM__CELL_BYTES},
    };
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "pauses", columns, 5);
    for (uint32_t i = 0; i < report->event_count; i++) {
        const plim_gc_event *event = &report->events[i];
        plim__sheet_text(&sheet, plim__text_of(event->kind));
        plim__sheet_unsigned(&sheet, event->pause_ns);
        plim__sheet_unsigned(&sheet, event->at_ns);
        plim__sheet_unsigned(&sheet, event->before_bytes);
        plim__sheet_unsigned(&sheet, event->after_bytes);
    }
    plim__sheet_finish(&sheet);
}

static void gc_show(plim__cli *cli, const plim_target *target, const gc_report *report)
{
    char before[PLIM__UNITS_BYTES];
    char after[PLIM__UNITS_BYTES];
    char change[PLIM__UNITS_BYTES];
    int64_t delta = (int64_t)report->after.used_bytes - (int64_t)report->before.used_bytes;
    plim__units_bytes(before, report->before.used_bytes, cli->out.exact_bytes);
    plim__units_bytes(after, report->after.used_bytes, cli->out.exact_bytes);
    plim__units_change(change, delta, cli->out.exact_bytes);
    plim__session_show(cli, target);
    if (report->before.used_bytes == PLIM_UNKNOWN || report->after.used_bytes == PLIM_UNKNOWN) {
        plim__out_puts(&cli->out, "  collected; how much is in use is not known of this target\n");
    } else {
        plim__out_printf(&cli->out, "  before %s, after %s: ", before, after);
        plim__out_styled(&cli->out, delta < 0 ? PLIM__STYLE_GOOD : PLIM__STYLE_NONE, change);
        plim__out_puts(&cli->out, "\n");
    }
    if (report->event_count > 0)
        plim__out_puts(&cli->out, "\n");
    gc_sheet(cli, report);
    if (report->event_count > 2) {
        plim__out_puts(&cli->out, "\n");
        plim__pauses_show(cli, report->pauses);
    }
    if (report->observed != PLIM_OK)
        plim__out_puts(&cli->out, "  this isolate does not show its pauses\n");
}

/* ---- those that happen by themselves ---- */

typedef struct gc_watch {
    plim__cli *cli;
    plim_target *target;
    plim__pauses *pauses;
    uint64_t begun_ns;
    uint64_t blind_ns;
} gc_watch;

static void gc_line(plim__cli *cli, const plim_gc_event *event)
{
    char at[PLIM__UNITS_BYTES], pause[PLIM__UNITS_BYTES] = "unknown";
    char before[PLIM__UNITS_BYTES], after[PLIM__UNITS_BYTES];
    plim__units_time(at, event->at_ns);
    if (event->pause_ns != PLIM_UNKNOWN)
        plim__units_time(pause, event->pause_ns);
    plim__out_printf(&cli->out, "%12s  %-6s  %10s", at, event->kind, pause);
    if (event->before_bytes != PLIM_UNKNOWN && event->after_bytes != PLIM_UNKNOWN) {
        plim__units_bytes(before, event->before_bytes, cli->out.exact_bytes);
        plim__units_bytes(after, event->after_bytes, cli->out.exact_bytes);
        plim__out_printf(&cli->out, "  %10s -> %s", before, after);
    }
    plim__out_puts(&cli->out, "\n");
}

static void gc_plain(plim__cli *cli, const plim_gc_event *event)
{
    const uint64_t figures[] = {event->pause_ns, event->at_ns, event->before_bytes,
                                event->after_bytes};
    plim__out_puts(&cli->out, event->kind);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        plim__out_puts(&cli->out, "\t");
        if (figures[i] != PLIM_UNKNOWN)
            plim__out_printf(&cli->out, "%llu", (unsigned long long)figures[i]);
    }
    plim__out_puts(&cli->out, "\n");
}

static void gc_watch_take(gc_watch *watch, const plim_gc_event *events, uint32_t count)
{
    plim__cli *cli = watch->cli;
    for (uint32_t i = 0; i < count; i++) {
        plim__pauses_add(watch->pauses, &events[i]);
        if (plim__cli_is_json(cli)) {
            plim__emit_start(&cli->emit, &cli->out, "gc");
            plim__emit_string(&cli->emit, "event", "collection");
            gc_emit_event(&cli->emit, &events[i]);
            plim__emit_finish(&cli->emit);
        } else if (plim__cli_is_human(cli)) {
            gc_line(cli, &events[i]);
        } else {
            gc_plain(cli, &events[i]);
        }
    }
    plim__out_flush(&cli->out);
}

static void gc_watch_summary(gc_watch *watch)
{
    plim__cli *cli = watch->cli;
    uint64_t time_ns = plim__clock_ns() - watch->begun_ns;
    uint64_t total_ns = plim__pauses_total(watch->pauses);
    bool is_known = watch->pauses->count == 0 || plim__pauses_known(watch->pauses) > 0;
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "gc");
        plim__emit_string(&cli->emit, "event", "summary");
        plim__session_emit(cli, watch->target);
        plim__emit_unsigned(&cli->emit, "duration_ns", time_ns);
        plim__emit_unsigned(&cli->emit, "blind_ns", watch->blind_ns);
        plim__emit_unsigned(&cli->emit, "count", watch->pauses->count);
        plim__emit_known(&cli->emit, "total_ns", is_known ? total_ns : PLIM_UNKNOWN);
        plim__pauses_show(cli, watch->pauses);
        plim__emit_finish(&cli->emit);
        return;
    }
    if (!plim__cli_is_human(cli))
        return;
    char time[PLIM__UNITS_BYTES], total[PLIM__UNITS_BYTES], blind[PLIM__UNITS_BYTES];
    plim__units_time(time, time_ns);
    plim__units_time(total, total_ns);
    plim__units_time(blind, watch->blind_ns);
    plim__out_printf(&cli->out,
                     "%llu collection%s in %s: ", (unsigned long long)watch->pauses->count,
                     watch->pauses->count == 1 ? "" : "s", time);
    if (!is_known)
        plim__out_puts(&cli->out, "how long they paused is not known of this target\n");
    else
        plim__out_printf(&cli->out, "%s of pauses, %.2f %% of the time\n", total,
                         time_ns > 0 ? (double)total_ns * 100.0 / (double)time_ns : 0.0);
    if (watch->blind_ns > 0)
        plim__out_printf(&cli->out, "  for %s of it none could be seen (--every)\n", blind);
    if (watch->pauses->count > 0)
        plim__out_puts(&cli->out, "\n");
    plim__pauses_show(cli, watch->pauses);
}

static plim_status gc_watch_loop(gc_watch *watch, plim_error *err)
{
    plim__cli *cli = watch->cli;
    uint64_t every_ns = plim__args_number(&cli->args, PLIM__OPTION_every, gc_every_default_ns);
    uint64_t duration_ns = plim__args_number(&cli->args, PLIM__OPTION_duration, UINT64_MAX);
    const plim_gc_event *events = NULL;
    uint32_t count = 0;
    plim_status status = plim_target_gc_observe_start(watch->target, err);
    if (status != PLIM_OK)
        return status; /* nothing was shown: a refusal is all there is */
    watch->begun_ns = plim__clock_ns();
    if (plim__cli_is_human(cli)) {
        plim__session_show(cli, watch->target);
        plim__out_flush(&cli->out);
    } else if (!plim__cli_is_json(cli)) {
        plim__out_puts(&cli->out, "kind\tns\tat_ns\tbefore_bytes\tafter_bytes\n");
    }
    while (status == PLIM_OK && !plim__out_is_broken(&cli->out)) {
        plim_error why = {0};
        uint64_t done_ns = plim__clock_ns() - watch->begun_ns;
        if (done_ns >= duration_ns)
            break;
        uint64_t left_ns = duration_ns - done_ns;
        status = plim_target_gc_observe_poll(watch->target, left_ns < every_ns ? left_ns : every_ns,
                                             &events, &count, &watch->blind_ns, &why);
        if (status == PLIM_OK)
            gc_watch_take(watch, events, count);
        else if (status != PLIM_ERR_INTERRUPTED)
            *err = why;
    }
    if (status != PLIM_OK && status != PLIM_ERR_INTERRUPTED)
        return status; /* what was seen until then is in the summary */
    plim__stops_rearm();
    status = plim_target_gc_observe_stop(watch->target, &events, &count, err);
    if (status == PLIM_OK)
        gc_watch_take(watch, events, count);
    return status;
}

static plim_status gc_watch_run(plim__cli *cli, plim_target *target, plim_error *err)
{
    gc_watch watch = {.cli = cli, .target = target, .pauses = gc_pauses_new(cli, err)};
    if (watch.pauses == NULL)
        return PLIM_ERR_NO_MEMORY;
    plim_status status = gc_watch_loop(&watch, err);
    if (watch.begun_ns != 0)
        gc_watch_summary(&watch);
    if (status == PLIM_OK && plim__stops_count() > 0 &&
        plim__args_has(&cli->args, PLIM__OPTION_duration))
        status = plim_error_set(err, PLIM_ERR_INTERRUPTED,
                                "stopped early: the summary covers the time until then");
    (void)cli->allocator->resize(cli->allocator->ctx, watch.pauses, sizeof *watch.pauses, 0);
    return status;
}

static plim_status gc_once(plim__cli *cli, plim_target *target, plim_error *err)
{
    gc_report report = {.observed = PLIM_OK, .pauses = gc_pauses_new(cli, err)};
    if (report.pauses == NULL)
        return PLIM_ERR_NO_MEMORY;
    report.by_snapshot = plim__args_has(&cli->args, PLIM__OPTION_by_snapshot);
    plim_status status = gc_collect(cli, target, &report, err);
    if ((status == PLIM_OK || report.is_pending) && plim__cli_is_json(cli))
        gc_emit(cli, target, &report);
    else if (status == PLIM_OK && plim__cli_is_human(cli))
        gc_show(cli, target, &report);
    else if (status == PLIM_OK)
        gc_sheet(cli, &report);
    (void)cli->allocator->resize(cli->allocator->ctx, report.pauses, sizeof *report.pauses, 0);
    return status;
}

plim_status plim__cmd_gc(plim__cli *cli, plim_error *err)
{
    plim_target *target = NULL;
    bool is_watch = plim__args_has(&cli->args, PLIM__OPTION_gc_watch);
    if (!is_watch && (plim__args_has(&cli->args, PLIM__OPTION_duration) ||
                      plim__args_has(&cli->args, PLIM__OPTION_every)))
        return plim_error_set(err, PLIM_ERR_USAGE, "--duration and --every want --watch");
    plim_status status = plim__session_open(cli, cli->args.operands[0], &target, err);
    if (status == PLIM_OK)
        status = is_watch ? gc_watch_run(cli, target, err) : gc_once(cli, target, err);
    plim_target_close(&target);
    return status;
}
