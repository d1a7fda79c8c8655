/* SPDX-License-Identifier: MIT */
/*
 * Collections: an event each, with the runtime's own times in seconds. Where those are 0 the
 * runtime's stopwatch does not run (a page that has not been navigated since we came), and the
 * pause is not known. Its clock has another beginning than ours: the least delay between an
 * event's end and our reading of it is taken for none.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/heap.h"
#include "inspect/webkit/webkit.h"

enum { GC_FIRST_CAP = 64 };

static const char gc_event[] = "Heap.garbageCollected";
static const double gc_seconds_max = 1e9; /* 30 years: what is beyond is no time */

static double gc_seconds(const json_t *collection, const char *key)
{
    double seconds = json_number_value(json_object_get(collection, key));
    return seconds > 0 && seconds < gc_seconds_max ? seconds : 0;
}

static plim_status gc_on_event(void *ctx, const json_t *params, plim_error *err)
{
    plim_target *target = ctx;
    plim__webkit_state *state = target->runtime_state;
    plim__webkit_gc *gc = &state->gc;
    const json_t *collection = json_object_get(params, "collection");
    const char *type = json_string_value(json_object_get(collection, "type"));
    if (!gc->is_on || type == NULL || gc->count == PLIM_GC_EVENTS_MAX)
        return PLIM_OK; /* the first million tells enough */
    if (gc->count == gc->cap) {
        uint32_t cap = gc->cap == 0 ? GC_FIRST_CAP : gc->cap * 2;
        plim__webkit_collection *items =
            plim__array_resize(target->allocator, gc->items, gc->cap, cap, sizeof *items);
        if (items == NULL)
            return plim__no_memory(err, "the collections observed");
        gc->items = items;
        gc->cap = cap;
    }
    gc->items[gc->count++] = (plim__webkit_collection){
        .kind = type[0] == 'f' ? "major" : "minor", /* "full", "partial" */
        .start_s = gc_seconds(collection, "startTime"),
        .end_s = gc_seconds(collection, "endTime"),
        .heard_ns = plim__loop_now_ns(),
    };
    return PLIM_OK;
}

plim_status plim__webkit_gc_start(plim_target *target, plim_error *err)
{
    plim__webkit_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (state->gc.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are being observed already");
    plim_status status = plim__webkit_enable(target, err);
    if (status != PLIM_OK)
        return status;
    plim__cdp_on(target->cdp.session, gc_event, gc_on_event, target);
    state->gc.count = 0;
    state->gc.begun_ns = plim__loop_now_ns();
    state->gc.is_on = true;
    return PLIM_OK;
}

static bool gc_is_timed(const plim__webkit_collection *item)
{
    return item->end_s > 0 && item->end_s >= item->start_s;
}

/* The runtime's second 0 on our clock; 0 where no event is timed. */
static double gc_origin_ns(const plim__webkit_gc *gc)
{
    double origin_ns = 0;
    for (uint32_t i = 0; i < gc->count; i++) {
        if (!gc_is_timed(&gc->items[i]))
            continue;
        double candidate = (double)gc->items[i].heard_ns - gc->items[i].end_s * 1e9;
        if (origin_ns == 0 || candidate < origin_ns)
            origin_ns = candidate;
    }
    return origin_ns;
}

static plim_gc_event gc_event_of(const plim__webkit_gc *gc, const plim__webkit_collection *item,
                                 double origin_ns)
{
    plim_gc_event event = {
        .kind = item->kind,
        .pause_ns = PLIM_UNKNOWN,
        .at_ns = item->heard_ns - gc->begun_ns,
        .before_bytes = PLIM_UNKNOWN,
        .after_bytes = PLIM_UNKNOWN,
    };
    if (gc_is_timed(item)) {
        double at_ns = origin_ns + item->start_s * 1e9 - (double)gc->begun_ns;
        event.pause_ns = (uint64_t)((item->end_s - item->start_s) * 1e9 + 0.5);
        event.at_ns = at_ns > 0 ? (uint64_t)at_ns : 0;
    }
    return event;
}

plim_status plim__webkit_gc_stop(plim_target *target, const plim_gc_event **out_events,
                                 uint32_t *out_count, plim_error *err)
{
    plim__webkit_state *state = target->runtime_state;
    plim__webkit_gc *gc = &state->gc;
    if (!gc->is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not being observed");
    /* Events that are on their way come before the answer to this. */
    target->cdp.busy = true;
    plim_status status = plim__webkit_settle(target, err);
    plim__cdp_off(target->cdp.session, gc_event);
    gc->is_on = false;
    if (status != PLIM_OK)
        return status;
    plim__array_free(target->allocator, gc->events, gc->event_count, sizeof *gc->events);
    gc->event_count = 0;
    gc->events = NULL;
    if (gc->count > 0) {
        gc->events = plim__array_new(target->allocator, gc->count, sizeof *gc->events);
        if (gc->events == NULL)
            return plim__no_memory(err, "the collections observed");
        gc->event_count = gc->count;
    }
    double origin_ns = gc_origin_ns(gc);
    for (uint32_t i = 0; i < gc->count; i++)
        gc->events[i] = gc_event_of(gc, &gc->items[i], origin_ns);
    *out_events = gc->events;
    *out_count = gc->event_count;
    return PLIM_OK;
}
