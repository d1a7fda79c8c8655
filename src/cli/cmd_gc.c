/* SPDX-License-Identifier: MIT */
#include "cli/session.h"
#include "cli/sheet.h"
#include "cli/units.h"

/* What one collection did; events are NULL where the runtime shows none. */
typedef struct gc_report {
    plim_usage before;
    plim_usage after;
    const plim_gc_event *events;
    uint32_t event_count;
    plim_status observed; /* PLIM_ERR_UNSUPPORTED: why there are no events */
} gc_report;

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
    plim__say_begin(&cli->say, "collecting garbage");
    status = plim_target_collect(target, err);
    plim__say_end(&cli->say);
    if (status == PLIM_OK)
        status = plim_target_usage(target, &report->after, err);
    if (status == PLIM_OK && report->observed == PLIM_OK)
        status = plim_target_gc_observe_stop(target, &report->events, &report->event_count, err);
    return status;
}

static void gc_emit(plim__cli *cli, const plim_target *target, const gc_report *report)
{
    plim__emit *emit = &cli->emit;
    plim__emit_start(emit, &cli->out, "gc");
    plim__session_emit(cli, target);
    plim__emit_unsigned(emit, "before_bytes", report->before.used_bytes);
    plim__emit_unsigned(emit, "after_bytes", report->after.used_bytes);
    if (report->observed != PLIM_OK) {
        plim__emit_null(emit, "pauses");
    } else {
        plim__emit_array(emit, "pauses");
        for (uint32_t i = 0; i < report->event_count; i++) {
            plim__emit_object(emit, NULL);
            plim__emit_string(emit, "kind", report->events[i].kind);
            plim__emit_known(emit, "ns", report->events[i].pause_ns);
            plim__emit_unsigned(emit, "at_ns", report->events[i].at_ns);
            plim__emit_known(emit, "before_bytes", report->events[i].before_bytes);
            plim__emit_known(emit, "after_bytes", report->events[i].after_bytes);
            plim__emit_object_end(emit);
        }
        plim__emit_array_end(emit);
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
    plim__out_printf(&cli->out, "  before %s, after %s: ", before, after);
    plim__out_styled(&cli->out, delta < 0 ? PLIM__STYLE_GOOD : PLIM__STYLE_NONE, change);
    plim__out_puts(&cli->out, "\n");
    if (report->event_count > 0)
        plim__out_puts(&cli->out, "\n");
    gc_sheet(cli, report);
    if (report->observed != PLIM_OK)
        plim__out_puts(&cli->out, "  this isolate does not show its pauses\n");
}

plim_status plim__cmd_gc(plim__cli *cli, plim_error *err)
{
    plim_target *target = NULL;
    gc_report report = {.observed = PLIM_OK};
    plim_status status = plim__session_open(cli, cli->args.operands[0], &target, err);
    if (status == PLIM_OK)
        status = gc_collect(cli, target, &report, err);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        gc_emit(cli, target, &report);
    else if (status == PLIM_OK && plim__cli_is_human(cli))
        gc_show(cli, target, &report);
    else if (status == PLIM_OK)
        gc_sheet(cli, &report);
    plim_target_close(&target);
    return status;
}
