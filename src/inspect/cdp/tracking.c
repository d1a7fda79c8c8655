/* SPDX-License-Identifier: MIT */
/*
 * Tracking: V8 numbers intervals of time from 0 (what was there before) and keeps telling, of each
 * that changed, how many of its objects still live (heapStatsUpdate: triplets of index, count,
 * bytes); then at what moment it looked (lastSeenObjectId). So an interval's end is the first such
 * moment after its first triplet. Deno and workerd tell nothing before the end, and then at 0; so
 * there, that another debugger ended the recording (tracking_taken()) cannot be seen.
 */
#include "base/allocator.h"
#include "base/limits.h"
#include "inspect/cdp/heap.h"

static const uint64_t tracking_timeout_ns = 10000000000u;

static uint64_t tracking_number(const json_t *list, size_t index)
{
    double value = json_number_value(json_array_get(list, index));
    return value >= 0 && value < 1e18 ? (uint64_t)value : 0;
}

static plim_status tracking_reserve(plim_target *target, uint32_t count, plim_error *err)
{
    plim__cdp_state *cdp = &target->cdp;
    if (count <= cdp->interval_cap)
        return PLIM_OK;
    uint32_t cap = cdp->interval_cap < 256 ? 256 : cdp->interval_cap * 2;
    if (cap < count)
        cap = count;
    plim_track_interval *grown = plim__array_resize(target->allocator, cdp->intervals,
                                                    cdp->interval_cap, cap, sizeof *grown);
    if (grown == NULL)
        return plim__no_memory(err, "the intervals of a recording");
    cdp->intervals = grown;
    cdp->interval_cap = cap;
    return PLIM_OK;
}

static plim_status tracking_on_stats(void *ctx, const json_t *params, plim_error *err)
{
    plim_target *target = ctx;
    plim__cdp_state *cdp = &target->cdp;
    const json_t *list = json_object_get(params, "statsUpdate");
    size_t count = json_array_size(list);
    for (size_t i = 0; i + 2 < count; i += 3) {
        uint64_t index = tracking_number(list, i);
        if (index >= PLIM_TRACK_INTERVALS_MAX) {
            cdp->too_many_intervals = true;
            continue;
        }
        plim_status status = tracking_reserve(target, (uint32_t)index + 1, err);
        if (status != PLIM_OK)
            return status;
        while (cdp->interval_count <= index)
            cdp->intervals[cdp->interval_count++] = (plim_track_interval){0};
        uint64_t live = tracking_number(list, i + 1);
        cdp->was_reset |= index == 0 && cdp->interval_count > 1 && live > cdp->intervals[0].count;
        cdp->intervals[index].count = live;
        cdp->intervals[index].bytes = tracking_number(list, i + 2);
    }
    return PLIM_OK;
}

static plim_status tracking_on_seen(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim_target *target = ctx;
    plim__cdp_state *cdp = &target->cdp;
    double id = json_number_value(json_object_get(params, "lastSeenObjectId"));
    double at_ms = json_number_value(json_object_get(params, "timestamp"));
    uint64_t last_id = id >= 0 && id < 1e18 ? (uint64_t)id : 0;
    /* Those without a moment are the newest ones: an index may be skipped when nothing lives. */
    for (uint32_t i = cdp->interval_count; i > 0; i--) {
        plim_track_interval *interval = &cdp->intervals[i - 1];
        if (interval->last_object_id != 0 || interval->at_ms > 0)
            break;
        interval->at_ms = at_ms > 0 ? at_ms : 0;
        interval->last_object_id = last_id;
    }
    return PLIM_OK;
}

static void tracking_listen(plim_target *target)
{
    plim__cdp_session *session = target->cdp.session;
    plim__cdp_on(session, "HeapProfiler.heapStatsUpdate", tracking_on_stats, target);
    plim__cdp_on(session, "HeapProfiler.lastSeenObjectId", tracking_on_seen, target);
}

static void tracking_forget(plim_target *target)
{
    plim__cdp_off(target->cdp.session, "HeapProfiler.heapStatsUpdate");
    plim__cdp_off(target->cdp.session, "HeapProfiler.lastSeenObjectId");
}

plim_status plim__cdp_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    plim__cdp_state *cdp = &target->cdp;
    if (cdp->tracking)
        return plim_error_set(err, PLIM_ERR_USAGE, "tracking is on already");
    json_t *params = json_pack("{s:b}", "trackAllocations", stacks);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    cdp->interval_count = 0;
    cdp->too_many_intervals = false;
    cdp->was_reset = false;
    tracking_listen(target);
    plim_status status =
        plim__cdp_call(cdp->session, "HeapProfiler.startTrackingHeapObjects", params,
                       plim__target_timeout(target, tracking_timeout_ns), NULL, err);
    cdp->tracking = status == PLIM_OK || status == PLIM_ERR_TIMEOUT;
    if (!cdp->tracking)
        tracking_forget(target);
    return status;
}

static plim_status tracking_not_begun(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_USAGE, "tracking has not been started");
}

/* V8 has one recording for all debuggers of an isolate. Who ends it sends its intervals back to the
 * beginning: what was there before, which can only become less, becomes more. (Of a program that
 * allocates nothing meanwhile it does not, and nothing is lost.) */
static plim_status tracking_taken(plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_GONE,
                       "another debugger ended the recording: the target has one for all, and what "
                       "was recorded is gone");
    plim_error_hint(err, "take it again while nobody else records");
    return status;
}

plim_status plim__cdp_tracking_poll(plim_target *target, uint64_t wait_ns,
                                    const plim_track_interval **out_intervals, uint32_t *out_count,
                                    plim_error *err)
{
    const plim__cdp_state *cdp = &target->cdp;
    if (!cdp->tracking)
        return tracking_not_begun(err);
    plim_status status = plim__loop_sleep(target->loop, wait_ns);
    if (status == PLIM_OK)
        status = plim__cdp_session_status(cdp->session, err);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the recording was interrupted");
    if (cdp->was_reset)
        return tracking_taken(err);
    if (cdp->too_many_intervals)
        return plim_error_set(err, PLIM_ERR_LIMIT, "the recording has more than %u intervals",
                              PLIM_TRACK_INTERVALS_MAX);
    *out_intervals = cdp->intervals;
    *out_count = cdp->interval_count;
    return PLIM_OK;
}

plim_status plim__cdp_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                    plim_sink sink, plim_snapshot_result *out_result,
                                    plim_error *err)
{
    if (!target->cdp.tracking)
        return tracking_not_begun(err);
    if (target->cdp.was_reset) {
        target->cdp.tracking = false;
        tracking_forget(target);
        return tracking_taken(err);
    }
    plim_status status = plim__cdp_stream_snapshot(target, "HeapProfiler.stopTrackingHeapObjects",
                                                   options, sink, out_result, err);
    target->cdp.tracking = false; /* the target has been told, whatever became of the text */
    tracking_forget(target);
    if (out_result != NULL && (target->runtime->traits & PLIM_TARGET_NO_INTERVALS) != 0)
        out_result->new_count = out_result->new_bytes = PLIM_UNKNOWN; /* it is in the file alone */
    return status;
}
