/* SPDX-License-Identifier: MIT */
/*
 * Collections, from V8's trace events through the NodeTracing domain. Nothing comes while it runs;
 * after stop come, in this order: tracingComplete, the reply, the data, and one more message of
 * data that holds nothing but metadata. So neither of the first two means complete: the last
 * message does, and where it does not come, silence.
 * The trace is the process's: events of other threads (workers) are told by tid, the main
 * isolate's being the one that equals the pid. A collection is a pair of begin and end with the
 * heap's sizes (MinorGC, MajorGC); a complete event (X) lies within and says less. Where a pair
 * was cut off by the beginning of the trace, the complete event stands for it.
 * Invariant G1: of overlapping items those from pairs win, so no collection is counted twice.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/heap.h"
#include "inspect/node/node.h"

enum { GC_FIRST_CAP = 64, GC_MINOR = 0, GC_MAJOR = 1 };

static const char *const gc_kinds[] = {"minor", "major"};
static const uint64_t gc_call_timeout_ns = 10000000000u;
static const uint64_t gc_quiet_ns = 300000000u;

static const struct gc_name {
    const char *name;
    int kind;
    bool is_pair;
} gc_names[] = {
    {"MinorGC", GC_MINOR, true},          {"MajorGC", GC_MAJOR, true},
    {"V8.GCScavenger", GC_MINOR, false},  {"V8.GCMinorMS", GC_MINOR, false},
    {"V8.GCMinorMC", GC_MINOR, false},    {"V8.GCCompactor", GC_MAJOR, false},
    {"V8.GCFinalizeMC", GC_MAJOR, false},
};

static uint64_t gc_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    double real = json_is_real(value) ? json_real_value(value) : -1.0;
    return real >= 0.0 && real < 9e15 ? (uint64_t)real : UINT64_MAX;
}

static plim_status gc_add(plim__node_gc *gc, const plim_allocator *allocator,
                          const plim__node_collection *item, plim_error *err)
{
    if (gc->count == PLIM_GC_EVENTS_MAX)
        return PLIM_OK; /* the first million tells enough */
    if (gc->count == gc->cap) {
        uint32_t cap = gc->cap == 0 ? GC_FIRST_CAP : gc->cap * 2;
        plim__node_collection *items =
            plim__array_resize(allocator, gc->items, gc->cap, cap, sizeof *items);
        if (items == NULL)
            return plim__no_memory(err, "the collections observed");
        gc->items = items;
        gc->cap = cap;
    }
    gc->items[gc->count++] = *item;
    return PLIM_OK;
}

/* One end of a pair. */
static plim_status gc_read_end(plim__node_gc *gc, const plim_allocator *allocator, int kind,
                               const json_t *event, uint64_t at_us, plim_error *err)
{
    const json_t *args = json_object_get(event, "args");
    const char *phase = json_string_value(json_object_get(event, "ph"));
    if (strcmp(phase, "B") == 0) {
        gc->begun_us[kind] = at_us;
        gc->begun_bytes[kind] = gc_number(args, "usedHeapSizeBefore");
        return PLIM_OK;
    }
    uint64_t begun_us = gc->begun_us[kind];
    gc->begun_us[kind] = UINT64_MAX;
    if (strcmp(phase, "E") != 0 || begun_us == UINT64_MAX || begun_us > at_us)
        return PLIM_OK; /* begun before we came */
    const plim__node_collection item = {
        .event = {.kind = gc_kinds[kind],
                  .pause_ns = (at_us - begun_us) * 1000,
                  .before_bytes = gc->begun_bytes[kind],
                  .after_bytes = gc_number(args, "usedHeapSizeAfter")},
        .at_us = begun_us,
        .is_pair = true,
    };
    return gc_add(gc, allocator, &item, err);
}

static plim_status gc_read_event(plim__node_gc *gc, const plim_allocator *allocator,
                                 const json_t *event, plim_error *err)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const char *phase = json_string_value(json_object_get(event, "ph"));
    uint64_t at_us = gc_number(event, "ts");
    uint64_t thread = gc_number(event, "tid");
    if (name == NULL || phase == NULL || at_us == UINT64_MAX || thread == UINT64_MAX ||
        at_us > UINT64_MAX / 1000 || thread != gc_number(event, "pid"))
        return PLIM_OK;
    for (size_t i = 0; i < sizeof gc_names / sizeof gc_names[0]; i++) {
        if (strcmp(gc_names[i].name, name) != 0)
            continue;
        if (gc_names[i].is_pair)
            return gc_read_end(gc, allocator, gc_names[i].kind, event, at_us, err);
        uint64_t pause_us = gc_number(event, "dur");
        if (strcmp(phase, "X") != 0 || pause_us > UINT64_MAX / 1000)
            return PLIM_OK;
        const plim__node_collection item = {
            .event = {.kind = gc_kinds[gc_names[i].kind],
                      .pause_ns = pause_us * 1000,
                      .before_bytes = PLIM_UNKNOWN,
                      .after_bytes = PLIM_UNKNOWN},
            .at_us = at_us,
        };
        return gc_add(gc, allocator, &item, err);
    }
    return PLIM_OK;
}

plim_status plim__node_gc_read(plim__node_gc *gc, const plim_allocator *allocator,
                               const json_t *params, plim_error *err)
{
    const json_t *events = json_object_get(params, "value");
    bool is_metadata = true;
    size_t index;
    const json_t *event;
    plim_status status = PLIM_OK;
    json_array_foreach(events, index, event)
    {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        is_metadata = is_metadata && phase != NULL && strcmp(phase, "M") == 0;
        if (status == PLIM_OK)
            status = gc_read_event(gc, allocator, event, err);
    }
    if (gc->is_stopping) {
        gc->message_count++;
        gc->is_complete = gc->is_complete || (gc->message_count > 1 && is_metadata);
    }
    return status;
}

/* Time order; at the same microsecond the longer one, which is the outer one, first. */
static bool gc_is_before(const plim__node_collection *a, const plim__node_collection *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    if (a->is_pair != b->is_pair)
        return a->is_pair;
    return a->event.pause_ns > b->event.pause_ns;
}

static void gc_sift(plim__node_collection *items, uint32_t root, uint32_t count)
{
    for (;;) {
        uint64_t child = 2 * (uint64_t)root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && gc_is_before(&items[child], &items[child + 1]))
            child++;
        if (!gc_is_before(&items[root], &items[child]))
            return;
        plim__node_collection moving = items[root];
        items[root] = items[child];
        items[child] = moving;
        root = (uint32_t)child;
    }
}

/* Heap sort: no memory, no bad case. */
static void gc_sort(plim__node_collection *items, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--)
        gc_sift(items, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        plim__node_collection moving = items[0];
        items[0] = items[left - 1];
        items[left - 1] = moving;
        gc_sift(items, 0, left - 1);
    }
}

/* Marks complete events that lie within a pair: both say the same collection. */
static uint32_t gc_drop_inner(plim__node_collection *items, uint32_t count)
{
    uint32_t kept = 0;
    uint64_t pair_end_us = 0; /* of the pair that ends last so far */
    uint64_t plain_end_us = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t end_us = items[i].at_us + items[i].event.pause_ns / 1000;
        if (!items[i].is_pair && (items[i].at_us < pair_end_us || items[i].at_us < plain_end_us))
            continue;
        if (items[i].is_pair && end_us > pair_end_us)
            pair_end_us = end_us;
        if (!items[i].is_pair)
            plain_end_us = end_us;
        items[kept++] = items[i];
    }
    return kept;
}

/* The trace's clock is the machine's monotonic one, as ours is; its metadata tells when the first
   trace of the process began, not this one. Where the clocks are not the same (another machine, a
   time namespace) what was seen first is the beginning. */
static uint64_t gc_start_us(const plim__node_gc *gc)
{
    uint64_t first_us = gc->items[0].at_us;
    bool is_same_clock = gc->start_us <= first_us && gc->items[gc->count - 1].at_us <= gc->stop_us;
    return is_same_clock ? gc->start_us : first_us;
}

plim_status plim__node_gc_settle(plim__node_gc *gc, const plim_allocator *allocator,
                                 uint32_t *out_count, plim_error *err)
{
    PLIM_CHECK(gc != NULL && out_count != NULL);
    gc_sort(gc->items, gc->count);
    gc->count = gc_drop_inner(gc->items, gc->count);
    *out_count = gc->count;
    if (gc->count == 0)
        return PLIM_OK;
    plim__array_free(allocator, gc->events, gc->event_cap, sizeof *gc->events);
    gc->event_cap = 0;
    gc->events = plim__array_new(allocator, gc->count, sizeof *gc->events);
    if (gc->events == NULL)
        return plim__no_memory(err, "the collections observed");
    gc->event_cap = gc->count;
    uint64_t start_us = gc_start_us(gc);
    for (uint32_t i = 0; i < gc->count; i++) {
        gc->events[i] = gc->items[i].event;
        gc->events[i].at_ns = (gc->items[i].at_us - start_us) * 1000;
    }
    return PLIM_OK;
}

void plim__node_gc_fini(plim__node_gc *gc, const plim_allocator *allocator)
{
    PLIM_CHECK(gc != NULL && allocator != NULL);
    plim__array_free(allocator, gc->items, gc->cap, sizeof *gc->items);
    plim__array_free(allocator, gc->events, gc->event_cap, sizeof *gc->events);
    *gc = (plim__node_gc){0};
}

static plim_status gc_on_data(void *ctx, const json_t *params, plim_error *err)
{
    plim_target *target = ctx;
    plim__node_state *state = target->runtime_state;
    return plim__node_gc_read(&state->gc, target->allocator, params, err);
}

plim_status plim__node_gc_start(plim_target *target, plim_error *err)
{
    plim__node_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (target->address.worker_id != 0) {
        plim_status status = plim_error_set(
            err, PLIM_ERR_UNSUPPORTED,
            "Node traces collections for the main isolate only, not for a worker thread");
        plim_error_hint(err, "leave out #worker:%u", (unsigned)target->address.worker_id);
        return status;
    }
    if (state->gc.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are being observed already");
    plim__node_gc_fini(&state->gc, target->allocator);
    state->gc.begun_us[GC_MINOR] = state->gc.begun_us[GC_MAJOR] = UINT64_MAX;
    plim__cdp_on(target->cdp.session, "NodeTracing.dataCollected", gc_on_data, target);
    json_t *params = json_pack("{s:{s:[s]}}", "traceConfig", "includedCategories", "v8");
    plim_status status = PLIM_ERR_NO_MEMORY;
    state->gc.start_us = plim__loop_now_ns() / 1000;
    if (params == NULL)
        (void)plim__no_memory(err, "a request");
    else
        status = plim__cdp_call(target->cdp.session, "NodeTracing.start", params,
                                plim__target_timeout(target, gc_call_timeout_ns), NULL, err);
    state->gc.is_on = status == PLIM_OK;
    if (status != PLIM_OK)
        plim__cdp_off(target->cdp.session, "NodeTracing.dataCollected");
    return status;
}

/* Until the last message has come, or none comes any more. */
static plim_status gc_wait(plim_target *target, plim__node_gc *gc, plim_error *err)
{
    uint64_t deadline_ns = plim__loop_deadline(plim__target_timeout(target, gc_call_timeout_ns));
    plim_status status = PLIM_ERR_TIMEOUT;
    while (status == PLIM_ERR_TIMEOUT && plim__loop_now_ns() < deadline_ns) {
        uint32_t before = gc->message_count;
        uint64_t quiet_ns = plim__loop_deadline(gc_quiet_ns);
        status = plim__loop_wait(target->loop, &gc->is_complete,
                                 quiet_ns < deadline_ns ? quiet_ns : deadline_ns);
        plim_status connected = plim__cdp_status(target->cdp.connection, err);
        if (connected != PLIM_OK)
            return connected;
        if (status == PLIM_ERR_TIMEOUT && before > 0 && before == gc->message_count)
            return PLIM_OK;
    }
    if (status == PLIM_ERR_TIMEOUT)
        return plim_error_set(err, status, "Node sent no data of the collections it observed");
    if (status != PLIM_OK)
        return plim_error_set(err, status, "interrupted while reading the collections observed");
    return status;
}

plim_status plim__node_gc_stop(plim_target *target, const plim_gc_event **out_events,
                               uint32_t *out_count, plim_error *err)
{
    plim__node_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (!state->gc.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not being observed");
    state->gc.is_on = false;
    state->gc.is_stopping = true;
    plim_status status =
        plim__cdp_call(target->cdp.session, "NodeTracing.stop", NULL,
                       plim__target_timeout(target, gc_call_timeout_ns), NULL, err);
    if (status == PLIM_OK)
        status = gc_wait(target, &state->gc, err);
    plim__cdp_off(target->cdp.session, "NodeTracing.dataCollected");
    uint32_t count = 0;
    state->gc.stop_us = plim__loop_now_ns() / 1000;
    if (status == PLIM_OK)
        status = plim__node_gc_settle(&state->gc, target->allocator, &count, err);
    if (status != PLIM_OK)
        return status;
    *out_events = state->gc.events;
    *out_count = count;
    return PLIM_OK;
}
