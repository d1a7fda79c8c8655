/* SPDX-License-Identifier: MIT */
/*
 * A timeline of allocations. While it records, one line shows the last intervals as bars: bytes
 * allocated in each that still live. The recording is stopped by the time or by Ctrl-C, and then
 * saved; both are its regular end.
 */
#include <stdio.h>
#include <string.h>

#include "cli/process.h"
#include "cli/record.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { TRACK_BARS = 40, TRACK_LEVELS = 8 };

static const uint64_t track_poll_ns = 250000000u;

typedef struct track_job {
    plim__cli *cli;
    plim_target *target;
    plim_snapshot_result result;
    uint64_t live_bytes; /* of what was allocated since the start */
    uint64_t live_count;
    uint32_t interval_count;
    bool has_stacks;
    bool has_intervals; /* else what lives is known at the end, and collections are shown */
    bool has_collections;
    const plim_gc_event *events;
    uint32_t event_count;
} track_job;

/* Bars of the last intervals, several intervals to a bar: half a second each at 20 a second. */
static void track_bars(const plim_track_interval *intervals, uint32_t count, char *out,
                       size_t out_bytes)
{
    static const char *const blocks[] = {"\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83",
                                         "\xE2\x96\x84", "\xE2\x96\x85", "\xE2\x96\x86",
                                         "\xE2\x96\x87", "\xE2\x96\x88"};
    static const char *const letters[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    enum { PER_BAR = 10 };
    uint64_t sums[TRACK_BARS] = {0};
    uint64_t most = 1;
    uint32_t bar_count = (count + PER_BAR - 1) / PER_BAR;
    uint32_t first_bar = bar_count > TRACK_BARS ? bar_count - TRACK_BARS : 0;
    for (uint32_t i = first_bar * PER_BAR; i < count; i++) {
        if (i == 0)
            continue; /* interval 0 is what was there before */
        uint64_t *sum = &sums[i / PER_BAR - first_bar];
        *sum += intervals[i].bytes;
        if (*sum > most)
            most = *sum;
    }
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t bar = 0; bar < bar_count - first_bar && at + 4 < out_bytes; bar++) {
        size_t level = (size_t)((double)sums[bar] / (double)most * (TRACK_LEVELS - 1) + 0.5);
        const char *mark = plim__terminal_is_utf8() ? blocks[level] : letters[level];
        at += (size_t)snprintf(out + at, out_bytes - at, "%s", mark);
    }
}

static void track_show_live(track_job *job, const plim_track_interval *intervals, uint32_t count,
                            uint64_t begun_ns)
{
    char bars[TRACK_BARS * 4 + 8];
    char bytes[PLIM__UNITS_BYTES];
    char objects[PLIM__UNITS_BYTES];
    char line[400];
    job->live_bytes = job->live_count = 0;
    job->interval_count = count > 0 ? count - 1 : 0;
    for (uint32_t i = 1; i < count; i++) {
        job->live_bytes += intervals[i].bytes;
        job->live_count += intervals[i].count;
    }
    track_bars(intervals, count, bars, sizeof bars);
    plim__units_bytes(bytes, job->live_bytes, false);
    plim__units_count(objects, job->live_count);
    if (!job->has_intervals)
        (void)snprintf(line, sizeof line, "recording %.0f s (Ctrl-C saves)",
                       (double)(plim__clock_ns() - begun_ns) / 1e9);
    else
        (void)snprintf(line, sizeof line,
                       "recording %.0f s  %s  %s in %s new objects (Ctrl-C saves)",
                       (double)(plim__clock_ns() - begun_ns) / 1e9, bars, bytes, objects);
    plim__say_line(&job->cli->say, line);
}

/* Until the time is over or a stop is asked for; both end with PLIM_OK. */
static plim_status track_watch(track_job *job, plim_error *err)
{
    plim__cli *cli = job->cli;
    uint64_t duration_ns = plim__args_number(&cli->args, PLIM__OPTION_duration, UINT64_MAX);
    uint64_t begun_ns = plim__clock_ns();
    plim_status status = PLIM_OK;
    plim__say_begin(&cli->say, "recording (Ctrl-C saves)");
    while (status == PLIM_OK && plim_interrupt_count(&cli->interrupt) == 0) {
        uint64_t done_ns = plim__clock_ns() - begun_ns;
        if (done_ns >= duration_ns)
            break;
        uint64_t left_ns = duration_ns - done_ns;
        const plim_track_interval *intervals = NULL;
        uint32_t count = 0;
        plim_error cause = {0};
        status = plim_target_tracking_poll(job->target,
                                           left_ns < track_poll_ns ? left_ns : track_poll_ns,
                                           &intervals, &count, &cause);
        if (status == PLIM_OK)
            track_show_live(job, intervals, count, begun_ns);
        else if (status != PLIM_ERR_INTERRUPTED)
            *err = cause;
    }
    plim__say_end(&cli->say);
    plim__stops_rearm();
    return status == PLIM_ERR_INTERRUPTED ? PLIM_OK : status;
}

static plim_status track_save(void *ctx, plim_sink sink, plim_error *err)
{
    track_job *job = ctx;
    plim_snapshot_options options = {
        .struct_bytes = sizeof options,
        .progress = plim__record_progress(job->cli),
    };
    plim_status status = track_watch(job, err);
    if (status != PLIM_OK)
        return status;
    plim__say_begin(&job->cli->say, "saving the timeline");
    status = plim_target_tracking_stop(job->target, &options, sink, &job->result, err);
    if (status == PLIM_OK && (!job->has_intervals || job->result.new_count > 0)) {
        job->live_bytes = job->result.new_bytes;
        job->live_count = job->result.new_count;
    }
    if (status == PLIM_OK && !job->has_intervals) {
        job->has_collections = plim_target_gc_observe_stop(job->target, &job->events,
                                                           &job->event_count, NULL) == PLIM_OK;
    }
    plim__say_end(&job->cli->say);
    return status;
}

/* Collections while it ran, where they are all that there is between beginning and end. */
static void track_emit_collections(track_job *job)
{
    plim__emit *emit = &job->cli->emit;
    if (!job->has_collections) {
        plim__emit_null(emit, "collections");
        return;
    }
    plim__emit_array(emit, "collections");
    for (uint32_t i = 0; i < job->event_count; i++) {
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "kind", job->events[i].kind);
        plim__emit_known(emit, "ns", job->events[i].pause_ns);
        plim__emit_unsigned(emit, "at_ns", job->events[i].at_ns);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
}

static void track_tell(track_job *job, const char *path)
{
    plim__cli *cli = job->cli;
    char size[PLIM__UNITS_BYTES];
    char live[PLIM__UNITS_BYTES];
    char count[PLIM__UNITS_BYTES];
    char pause[PLIM__UNITS_BYTES];
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "track");
        plim__session_emit(cli, job->target);
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", job->result.byte_count);
        plim__emit_unsigned(&cli->emit, "nodes", job->result.node_count);
        plim__emit_known(&cli->emit, "live_bytes", job->live_bytes);
        plim__emit_known(&cli->emit, "live_count", job->live_count);
        plim__emit_unsigned(&cli->emit, "intervals", job->interval_count);
        plim__emit_unsigned(&cli->emit, "pause_ns", job->result.pause_ns);
        plim__emit_bool(&cli->emit, "has_stacks", job->has_stacks);
        plim__emit_bool(&cli->emit, "has_intervals", job->has_intervals);
        track_emit_collections(job);
        plim__session_emit_remark(cli, job->target);
        plim__emit_finish(&cli->emit);
        return;
    }
    if (!plim__cli_is_human(cli)) {
        plim__out_show(&cli->out, plim__text_of(path));
        plim__out_printf(&cli->out, "\t%llu", (unsigned long long)job->result.byte_count);
        if (job->live_bytes != PLIM_UNKNOWN)
            plim__out_printf(&cli->out, "\t%llu\t%llu\n", (unsigned long long)job->live_bytes,
                             (unsigned long long)job->live_count);
        else
            plim__out_puts(&cli->out, "\t\t\n");
        return;
    }
    plim__units_bytes(size, job->result.byte_count, cli->out.exact_bytes);
    plim__units_bytes(live, job->live_bytes, cli->out.exact_bytes);
    plim__units_count(count, job->live_count);
    plim__units_time(pause, job->result.pause_ns);
    plim__out_puts(&cli->out, plim__style_on(cli->out.colour, PLIM__STYLE_NAME));
    plim__out_show(&cli->out, plim__text_of(path));
    plim__out_puts(&cli->out, plim__style_off(cli->out.colour));
    plim__out_printf(&cli->out, "\n  %s; the target stood still for %s while it was saved\n", size,
                     pause);
    if (job->live_bytes != PLIM_UNKNOWN)
        plim__out_printf(&cli->out, "  %s in %s objects allocated while it ran are alive\n", live,
                         count);
    else
        plim__out_puts(&cli->out, "  what was allocated while it ran is in the file; this target "
                                  "does not say when\n");
    if (job->has_collections)
        plim__out_printf(&cli->out, "  %u collection%s meanwhile\n", job->event_count,
                         job->event_count == 1 ? "" : "s");
    plim__session_show_remark(cli, job->target);
    plim__say_later(&cli->say, "next: plim summary %s, or the Memory panel of Chrome DevTools",
                    path);
}

/* Says what the runtime cannot record, and begins. */
static plim_status track_begin(track_job *job, bool stacks, plim_error *err)
{
    plim_target_info info;
    plim_target_identify(job->target, &info);
    job->has_stacks = stacks && (info.traits & PLIM_TARGET_NO_STACKS) == 0;
    job->has_intervals = (info.traits & PLIM_TARGET_NO_INTERVALS) == 0;
    bool may_have_stacks = (info.traits & PLIM_TARGET_NO_STACKS) == 0;
    if (!job->has_intervals)
        plim__say_note(
            &job->cli->say,
            may_have_stacks
                ? "%s tells nothing while it records: what lives is in the file, without "
                  "times"
                : "%s records a snapshot at the beginning, one at the end and the "
                  "collections between: no stacks, no times of single objects",
            info.runtime);
    plim_status status = plim_target_tracking_start(job->target, stacks, err);
    if (status != PLIM_OK || job->has_intervals)
        return status;
    plim_error why = {0};
    status = plim_target_gc_observe_start(job->target, &why);
    if (status == PLIM_ERR_UNSUPPORTED)
        return PLIM_OK; /* "collections" is null then */
    if (status != PLIM_OK)
        *err = why;
    return status;
}

plim_status plim__cmd_track(plim__cli *cli, plim_error *err)
{
    track_job job = {.cli = cli};
    uint64_t bytes;
    plim__draft name;
    plim__draft_init(&name, cli->allocator);
    bool stacks = !plim__args_has(&cli->args, PLIM__OPTION_no_stacks);
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    plim_status status = plim__session_open(cli, cli->args.operands[0], &job.target, err);
    if (status == PLIM_OK && path == NULL) {
        plim__session_file_name(&name, job.target, ".heaptimeline");
        path = plim__draft_peek(&name);
    }
    if (status == PLIM_OK)
        status = track_begin(&job, stacks, err);
    if (status == PLIM_OK)
        status = plim__record(cli, path, track_save, &job, &bytes, err);
    if (status == PLIM_OK && !plim__record_is_stdout(path))
        track_tell(&job, path);
    if (status == PLIM_OK && plim__stops_count() > 0 &&
        plim__args_has(&cli->args, PLIM__OPTION_duration))
        status = plim_error_set(err, PLIM_ERR_INTERRUPTED,
                                "stopped early: the timeline covers the time until then");
    plim_target_close(&job.target);
    plim__draft_fini(&name);
    return status;
}
