/* SPDX-License-Identifier: MIT */
/*
 * A recording of births: see region_track.h. Two walks a look: how far births have come, then who
 * of those lives. What is born meanwhile, and may be met or not, waits for the next one.
 * Invariant: K1 last_object_id of the intervals rises, so that an id's is found by halving.
 */
#include "bridge/region_track.h"

#include <plimsoll/bridge.h>

#include <time.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "bridge/serve_region.h"
#include "platform/shared.h"

enum {
    TRACK_FIRST_INTERVALS = 256,
    TRACK_COST_PART = 10 /* of the time at most is spent looking */
};

static double track_unix_ms(void)
{
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1000.0 + (double)now.tv_nsec / 1e6;
}

static uint32_t track_interval_of(const plim__region_track *track, uint64_t id)
{
    uint32_t low = 0, high = track->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (track->intervals[middle].last_object_id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Room for one more; past the most there may be, what comes is added to the last one. */
static plim_status track_reserve(plim__region_track *track, plim_error *err)
{
    if (track->count < track->capacity || track->count == PLIM_TRACK_INTERVALS_MAX)
        return PLIM_OK;
    uint32_t wanted = track->capacity == 0 ? TRACK_FIRST_INTERVALS : track->capacity * 2;
    plim_track_interval *grown = plim__array_resize(track->allocator, track->intervals,
                                                    track->capacity, wanted, sizeof *grown);
    if (grown == NULL)
        return plim__no_memory(err, "a recording");
    track->intervals = grown;
    track->capacity = wanted;
    return PLIM_OK;
}

static void track_add(plim__region_track *track, const plim_track_interval *born)
{
    if (track->count < PLIM_TRACK_INTERVALS_MAX) {
        track->intervals[track->count++] = *born;
        return;
    }
    plim_track_interval *last = &track->intervals[track->count - 1];
    last->count += born->count;
    last->bytes += born->bytes;
    last->last_object_id = born->last_object_id;
}

plim_status plim__region_track_look(plim__region_track *track, plim_region_view *view,
                                    plim_error *err)
{
    uint64_t began_ns = plim__shared_now();
    plim_region_object object;
    const void *value = NULL;
    plim_track_interval born = {.at_ms = track_unix_ms()};
    plim_status status = track_reserve(track, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < track->count; i++)
        track->intervals[i].count = track->intervals[i].bytes = 0;
    for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value);) {
        uint64_t id = plim_region_node_id(object.birth);
        born.last_object_id = id > born.last_object_id ? id : born.last_object_id;
    }
    for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value);) {
        uint64_t id = plim_region_node_id(object.birth);
        uint32_t which = track_interval_of(track, id);
        plim_track_interval *interval = which < track->count ? &track->intervals[which] : &born;
        if (which == track->count && id > born.last_object_id)
            continue;
        interval->count++;
        interval->bytes += object.held_bytes;
    }
    if (born.count > 0 || track->count == 0)
        track_add(track, &born);
    uint64_t ended_ns = plim__shared_now();
    uint64_t rest_ns = (ended_ns - began_ns) * TRACK_COST_PART;
    track->due_ns = ended_ns + (rest_ns > PLIM_SERVER_TICK_NS ? rest_ns : PLIM_SERVER_TICK_NS);
    return PLIM_OK;
}

plim_status plim__region_track_write(const plim__region_track *track, plim_region_view *view,
                                     plim_sink sink, plim_progress progress,
                                     plim_snapshot_result *out_result, plim_error *err)
{
    plim_write_sample *samples =
        plim__array_new(track->allocator, track->capacity, sizeof *samples);
    if (samples == NULL)
        return plim__no_memory(err, "a recording");
    for (uint32_t i = 0; i < track->count; i++) {
        double ms = track->intervals[i].at_ms - track->intervals[0].at_ms;
        samples[i] = (plim_write_sample){ms > 0 ? (uint64_t)(ms * 1000) : 0,
                                         track->intervals[i].last_object_id};
        if (i == 0)
            continue;
        out_result->new_count += track->intervals[i].count;
        out_result->new_bytes += track->intervals[i].bytes;
    }
    const plim__region_traced how = {.allocator = track->allocator,
                                     .samples = samples,
                                     .sample_count = track->count,
                                     .keep_ids = true,
                                     .has_stacks = track->has_stacks};
    plim_status status = plim__region_write_traced(view, &how, sink, progress, out_result, err);
    plim__array_free(track->allocator, samples, track->capacity, sizeof *samples);
    return status;
}

void plim__region_track_fini(plim__region_track *track)
{
    plim__array_free(track->allocator, track->intervals, track->capacity, sizeof *track->intervals);
    *track = (plim__region_track){.allocator = track->allocator};
}
