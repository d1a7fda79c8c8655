/* SPDX-License-Identifier: MIT */
/*
 * A batch is four arrays: for each allocation the index of its frame, its time and its size; and
 * the table of frames, each with the index of its caller. The table is that of the whole recording
 * so far, so most of it is known from the batch before: calls are found by caller and frame.
 *
 * Invariants: A1 a frame's caller stands before it in the table (Firefox numbers it first), or it
 * counts as the outermost. A2 no call is deeper than LOG_DEPTH_MAX: below that a call hangs beside
 * its caller, so that the place that allocates is kept and the middle of a recursion is not.
 */
#include "inspect/rdp/allocations.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/profile/profile.h"

enum {
    LOG_DEPTH_MAX = 128, /* V8's */
    LOG_FIRST_INTERVALS = 256
};

static const double log_interval_ms = 100.0;

static plim_status log_fault(plim_error *err, const char *what)
{
    return plim_error_set(err, PLIM_ERR_PROTOCOL, "Firefox's log of allocations: %s", what);
}

static plim_text log_text(const json_t *object, const char *key)
{
    const json_t *text = json_object_get(object, key);
    return json_is_string(text) ? (plim_text){json_string_value(text), json_string_length(text)}
                                : PLIM__TEXT("");
}

/* Lines and columns count from 1. */
static uint32_t log_place(const json_t *object, const char *key)
{
    json_int_t place = json_integer_value(json_object_get(object, key));
    return place > 0 && place < UINT32_MAX ? (uint32_t)place : 0;
}

/* The call of a frame below its caller's, added if it is new; PLIM_NONE if memory was refused. */
static uint32_t log_call(plim__rdp_log *log, uint32_t parent, const json_t *form)
{
    plim_profile *profile = log->profile;
    uint32_t call;
    uint32_t frame = plim__profile_frame_add(profile, log_text(form, "functionDisplayName"),
                                             log_text(form, "source"), log_place(form, "line"),
                                             log_place(form, "column"));
    if (frame == PLIM_NONE)
        return PLIM_NONE;
    if (plim__profile_call(profile, parent)->depth + 1 >= LOG_DEPTH_MAX)
        parent = plim__profile_call(profile, parent)->parent;
    uint64_t key = (uint64_t)parent << 32 | frame;
    call = plim__id_map_find(&log->calls, key);
    if (call != PLIM_NONE)
        return call;
    if (plim__profile_call_add(profile, parent, &call, NULL) != PLIM_OK ||
        !plim__id_map_add(&log->calls, key, call))
        return PLIM_NONE;
    plim__profile_call(profile, call)->frame = frame;
    return call;
}

static plim_status log_frames(plim__rdp_log *log, const json_t *frames, plim_error *err)
{
    size_t count = json_array_size(frames);
    if (count > log->call_of_cap) {
        uint32_t *grown = plim__array_resize(log->allocator, log->call_of, log->call_of_cap, count,
                                             sizeof *grown);
        if (grown == NULL)
            return plim__no_memory(err, "a log of allocations");
        log->call_of = grown;
        log->call_of_cap = (uint32_t)count; /* a packet's bytes bound it */
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *form = json_array_get(frames, i);
        json_int_t parent = json_integer_value(json_object_get(form, "parent"));
        bool is_inner = parent > 0 && (size_t)parent < i;
        log->call_of[i] = 0;
        if (!json_is_object(form))
            continue; /* null: the outermost */
        log->call_of[i] = log_call(log, is_inner ? log->call_of[parent] : 0, form);
        if (log->call_of[i] == PLIM_NONE)
            return plim__no_memory(err, "a log of allocations");
    }
    return PLIM_OK;
}

static plim_status log_interval(plim__rdp_log *log, double at_ms, uint64_t bytes, plim_error *err)
{
    double since_ms = at_ms - log->begun_ms;
    /* Interval 0 is what was there before; clocks that disagree by a little give 1. */
    double place = since_ms > 0 ? since_ms / log_interval_ms : 0;
    if (!(place < PLIM_TRACK_INTERVALS_MAX - 2))
        return plim_error_set(err, PLIM_ERR_LIMIT, "the recording has more than %u intervals",
                              PLIM_TRACK_INTERVALS_MAX);
    uint32_t index = (uint32_t)place + 1;
    if (index >= log->interval_cap) {
        uint32_t cap =
            log->interval_cap < LOG_FIRST_INTERVALS ? LOG_FIRST_INTERVALS : log->interval_cap * 2;
        cap = cap > index ? cap : index + 1;
        plim_track_interval *grown = plim__array_resize(log->allocator, log->intervals,
                                                        log->interval_cap, cap, sizeof *grown);
        if (grown == NULL)
            return plim__no_memory(err, "the intervals of a recording");
        log->intervals = grown;
        log->interval_cap = cap;
    }
    while (log->interval_count <= index) {
        uint32_t at = log->interval_count++;
        log->intervals[at] =
            (plim_track_interval){.at_ms = log->begun_unix_ms + at * log_interval_ms};
    }
    log->intervals[index].count++;
    log->intervals[index].bytes = plim__profile_add(log->intervals[index].bytes, bytes);
    return PLIM_OK;
}

static plim_status log_entry(plim__rdp_log *log, const json_t *frame, const json_t *size,
                             const json_t *time, plim_error *err)
{
    json_int_t index = json_integer_value(frame);
    double bytes = json_number_value(size);
    if (!json_is_number(size) || !json_is_number(time) || bytes < 0 || bytes > 1e15)
        return log_fault(err, "an entry that is none");
    plim_profile_call *call = plim__profile_call(log->profile, index > 0 ? log->call_of[index] : 0);
    uint64_t *self = call->self;
    self[PLIM_MEASURE_ALLOC_BYTES] =
        plim__profile_add(self[PLIM_MEASURE_ALLOC_BYTES], (uint64_t)bytes);
    self[PLIM_MEASURE_ALLOC_COUNT]++;
    self[PLIM_MEASURE_SAMPLES]++;
    return log_interval(log, json_number_value(time), (uint64_t)bytes, err);
}

/* A profile with its root alone. */
static plim_status log_begin(plim__rdp_log *log, plim_error *err)
{
    uint32_t root = 0, frame = PLIM_NONE;
    log->calls.allocator = log->allocator;
    log->profile = plim__profile_new(log->allocator);
    if (log->profile != NULL)
        frame = plim__profile_frame_add(log->profile, PLIM__TEXT("(root)"), PLIM__TEXT(""), 0, 0);
    if (frame == PLIM_NONE ||
        plim__profile_call_add(log->profile, PLIM_NONE, &root, NULL) != PLIM_OK) {
        plim_profile_destroy(&log->profile);
        return plim__no_memory(err, "a log of allocations");
    }
    plim__profile_call(log->profile, root)->frame = frame;
    return PLIM_OK;
}

plim_status plim__rdp_log_read(plim__rdp_log *log, const json_t *batch, plim_error *err)
{
    PLIM_CHECK(log != NULL && log->allocator != NULL);
    const json_t *frames = json_object_get(batch, "frames");
    const json_t *entries = json_object_get(batch, "allocations");
    const json_t *sizes = json_object_get(batch, "allocationSizes");
    const json_t *times = json_object_get(batch, "allocationsTimestamps");
    size_t count = json_array_size(entries);
    if (!json_is_array(frames) || !json_is_array(entries) || json_array_size(sizes) != count ||
        json_array_size(times) != count)
        return log_fault(err, "a batch without its four lists");
    plim_status status = log->profile == NULL ? log_begin(log, err) : PLIM_OK;
    if (status == PLIM_OK)
        status = log_frames(log, frames, err);
    size_t frame_count = json_array_size(frames);
    for (size_t i = 0; i < count && status == PLIM_OK; i++) {
        const json_t *frame = json_array_get(entries, i);
        json_int_t index = json_integer_value(frame);
        if (index != 0 && (index < 0 || index >= (json_int_t)frame_count))
            return log_fault(err, "an entry of a frame that is not there");
        status = log_entry(log, frame, json_array_get(sizes, i), json_array_get(times, i), err);
    }
    log->entry_count += count;
    /* A ring that is full may have been full for long. */
    if (log->ring != 0 && count >= log->ring)
        log->overflow_count++;
    return status;
}

static uint64_t log_scaled(uint64_t figure, double scale)
{
    double scaled = (double)figure * scale + 0.5;
    return scaled < 9e18 ? (uint64_t)scaled : (uint64_t)INT64_MAX;
}

plim_status plim__rdp_log_take(plim__rdp_log *log, double scale, plim_profile **out_profile,
                               plim_error *err)
{
    PLIM_CHECK(log != NULL && out_profile != NULL);
    plim_status status = log->profile == NULL ? log_begin(log, err) : PLIM_OK;
    if (status != PLIM_OK)
        return status;
    plim_profile *profile = log->profile;
    log->profile = NULL;
    plim__id_map_fini(&log->calls);
    for (uint32_t i = 0; i < profile->calls.count; i++) {
        uint64_t *self = plim__profile_call(profile, i)->self;
        self[PLIM_MEASURE_ALLOC_BYTES] = log_scaled(self[PLIM_MEASURE_ALLOC_BYTES], scale);
        self[PLIM_MEASURE_ALLOC_COUNT] = log_scaled(self[PLIM_MEASURE_ALLOC_COUNT], scale);
    }
    plim__profile_settle(profile,
                         1u << PLIM_MEASURE_ALLOC_BYTES | 1u << PLIM_MEASURE_ALLOC_COUNT |
                             1u << PLIM_MEASURE_SAMPLES,
                         0);
    *out_profile = profile;
    return PLIM_OK;
}

void plim__rdp_log_fini(plim__rdp_log *log)
{
    PLIM_CHECK(log != NULL);
    plim_profile_destroy(&log->profile);
    plim__id_map_fini(&log->calls);
    plim__array_free(log->allocator, log->intervals, log->interval_cap, sizeof *log->intervals);
    plim__array_free(log->allocator, log->call_of, log->call_of_cap, sizeof *log->call_of);
    *log = (plim__rdp_log){.allocator = log->allocator};
}
