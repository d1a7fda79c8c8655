/* SPDX-License-Identifier: MIT */
/*
 * Collections as Firefox writes them: in the memory actor's events and in a Gecko profile. Who asks
 * for either, and when, is gc.c's; nothing here knows a connection.
 */
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "inspect/rdp/rdp.h"

enum { GC_FIRST_CAP = 64 };

/* ---- events -------------------------------------------------------------------------------- */

static plim_gc_event *gc_add(plim__rdp_gc *gc, const plim_allocator *allocator, plim_error *err)
{
    if (gc->count == PLIM_GC_EVENTS_MAX) {
        gc->too_many = true;
        (void)plim_error_set(err, PLIM_ERR_LIMIT, "more than %u collections", PLIM_GC_EVENTS_MAX);
        return NULL;
    }
    if (gc->count == gc->cap) {
        uint32_t cap = gc->cap == 0 ? GC_FIRST_CAP : gc->cap * 2;
        plim_gc_event *grown =
            plim__array_resize(allocator, gc->events, gc->cap, cap, sizeof *grown);
        if (grown == NULL) {
            (void)plim__no_memory(err, "the collections that were seen");
            return NULL;
        }
        gc->events = grown;
        gc->cap = cap;
    }
    plim_gc_event *event = &gc->events[gc->count++];
    *event =
        (plim_gc_event){.kind = "major", .before_bytes = PLIM_UNKNOWN, .after_bytes = PLIM_UNKNOWN};
    return event;
}

/* From milliseconds as Firefox writes them; hostile ones become 0. */
static uint64_t gc_ns(double ms)
{
    return ms > 0 && ms < 1e12 ? (uint64_t)(ms * 1e6) : 0;
}

static plim_status gc_add_span(plim__rdp_gc *gc, const plim_allocator *allocator, double from_ms,
                               double to_ms, plim_gc_event **out_event, plim_error *err)
{
    plim_gc_event *event = gc_add(gc, allocator, err);
    if (event == NULL)
        return gc->too_many ? PLIM_ERR_LIMIT : PLIM_ERR_NO_MEMORY;
    if (gc->first_ms < 0)
        gc->first_ms = from_ms;
    event->pause_ns = gc_ns(to_ms - from_ms);
    event->at_ns = gc_ns(from_ms - gc->first_ms);
    if (out_event != NULL)
        *out_event = event;
    return PLIM_OK;
}

plim_status plim__rdp_gc_on_event(plim__rdp_gc *gc, const plim_allocator *allocator,
                                  const json_t *packet, plim_error *err)
{
    const json_t *slices = json_object_get(json_object_get(packet, "data"), "collections");
    const json_t *slice;
    size_t index;
    plim_status status = PLIM_OK;
    if (!gc->is_on)
        return PLIM_OK;
    json_array_foreach(slices, index, slice)
    {
        double from = json_number_value(json_object_get(slice, "startTimestamp"));
        double to = json_number_value(json_object_get(slice, "endTimestamp"));
        if (status == PLIM_OK)
            status = gc_add_span(gc, allocator, from, to, NULL, err);
    }
    return status;
}

/* ---- the profile --------------------------------------------------------------------------- */

static uint64_t gc_bytes(const json_t *timings, const char *key)
{
    const json_t *value = json_object_get(timings, key);
    double bytes = json_number_value(value);
    return json_is_number(value) && bytes >= 0 && bytes < 1e18 ? (uint64_t)bytes : PLIM_UNKNOWN;
}

/* Where in a marker's row the fields stand; false: it is no such table. */
static bool gc_schema(const json_t *markers, size_t *start, size_t *end, size_t *data)
{
    const json_t *schema = json_object_get(markers, "schema");
    const json_t *fields[3] = {json_object_get(schema, "startTime"),
                               json_object_get(schema, "endTime"), json_object_get(schema, "data")};
    size_t places[3];
    for (size_t i = 0; i < 3; i++) {
        json_int_t place = json_integer_value(fields[i]);
        if (!json_is_integer(fields[i]) || place < 0 || place > 64)
            return false;
        places[i] = (size_t)place;
    }
    *start = places[0];
    *end = places[1];
    *data = places[2];
    return true;
}

/* The slices of a major collection come first; then the whole of it, which has the sizes. */
static void gc_take_major(plim__rdp_gc *gc, const json_t *timings)
{
    for (uint32_t i = gc->count; i > 0; i--) {
        if (strcmp(gc->events[i - 1].kind, "major") != 0)
            continue;
        gc->events[i - 1].before_bytes = gc_bytes(timings, "allocated_bytes");
        gc->events[i - 1].after_bytes = gc_bytes(timings, "post_heap_size");
        return;
    }
}

static plim_status gc_read_marker(plim__rdp_gc *gc, const plim_allocator *allocator,
                                  const json_t *data, double from_ms, double to_ms, plim_error *err)
{
    const char *type = json_string_value(json_object_get(data, "type"));
    const json_t *timings = json_object_get(data, "timings");
    plim_gc_event *event = NULL;
    plim_status status = PLIM_OK;
    if (type == NULL)
        return PLIM_OK;
    if (strcmp(type, "GCSlice") == 0)
        return gc_add_span(gc, allocator, from_ms, to_ms, NULL, err);
    if (strcmp(type, "GCMajor") == 0) {
        gc_take_major(gc, timings);
    } else if (strcmp(type, "GCMinor") == 0) {
        const json_t *nursery = json_object_get(data, "nursery");
        const char *how = json_string_value(json_object_get(nursery, "status"));
        if (how == NULL || strcmp(how, "complete") != 0)
            return PLIM_OK; /* there was nothing to collect */
        status = gc_add_span(gc, allocator, from_ms, to_ms, &event, err);
        if (status == PLIM_OK)
            event->kind = "minor";
    }
    return status;
}

static plim_status gc_read_thread(plim__rdp_gc *gc, const plim_allocator *allocator,
                                  const json_t *thread, plim_error *err)
{
    const json_t *markers = json_object_get(thread, "markers");
    const json_t *row;
    size_t index, start, end, data;
    plim_status status = PLIM_OK;
    if (!gc_schema(markers, &start, &end, &data))
        return PLIM_OK;
    json_array_foreach(json_object_get(markers, "data"), index, row)
    {
        const json_t *fields = json_array_get(row, data);
        if (json_is_object(fields) && status == PLIM_OK)
            status =
                gc_read_marker(gc, allocator, fields, json_number_value(json_array_get(row, start)),
                               json_number_value(json_array_get(row, end)), err);
    }
    return status;
}

/* Of old profiles the pid is a text. */
static bool gc_is_of(const json_t *thread, int64_t pid)
{
    const json_t *value = json_object_get(thread, "pid");
    const char *text = json_string_value(value);
    return (json_is_integer(value) && json_integer_value(value) == pid) ||
           (text != NULL && strtoll(text, NULL, 10) == pid);
}

static int gc_by_time(const void *a, const void *b)
{
    const plim_gc_event *one = a;
    const plim_gc_event *other = b;
    return (one->at_ns > other->at_ns) - (one->at_ns < other->at_ns);
}

static plim_status gc_read_threads(plim__rdp_gc *gc, const plim_allocator *allocator,
                                   const json_t *process, int64_t pid, plim_error *err)
{
    const json_t *thread;
    size_t index;
    plim_status status = PLIM_OK;
    /* Each process has a clock of its own; ours begins with the observation. */
    double begun_ms =
        json_number_value(json_object_get(json_object_get(process, "meta"), "profilingStartTime"));
    json_array_foreach(json_object_get(process, "threads"), index, thread)
    {
        if (status != PLIM_OK || !gc_is_of(thread, pid))
            continue;
        gc->first_ms = begun_ms > 0 ? begun_ms : 0;
        status = gc_read_thread(gc, allocator, thread, err);
    }
    return status;
}

plim_status plim__rdp_gc_read(plim__rdp_gc *gc, const plim_allocator *allocator,
                              const json_t *profile, int64_t pid, plim_error *err)
{
    const json_t *process;
    size_t index;
    if (!json_is_array(json_object_get(profile, "threads")))
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "the Gecko profile has no threads");
    gc->count = 0;
    plim_status status = gc_read_threads(gc, allocator, profile, pid, err);
    json_array_foreach(json_object_get(profile, "processes"), index, process)
    {
        if (status == PLIM_OK)
            status = gc_read_threads(gc, allocator, process, pid, err);
    }
    if (gc->count > 1)
        qsort(gc->events, gc->count, sizeof *gc->events, gc_by_time);
    return status;
}
