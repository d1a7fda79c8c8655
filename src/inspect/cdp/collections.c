/* SPDX-License-Identifier: MIT */
/*
 * Collections, read out of V8's trace events. A collection is MinorGC or MajorGC with the heap's
 * sizes: a pair of begin and end in Node, one complete event (X) in Chromium. The complete events
 * of V8's own phases lie within and say less; where a pair was cut off by the beginning of the
 * trace, they stand for it.
 * Invariant G1: of overlapping items those that know the sizes win, so no collection is counted
 * twice.
 */
#include "inspect/cdp/collections.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

enum { COLLECTIONS_FIRST_CAP = 64, COLLECTIONS_MINOR = 0, COLLECTIONS_MAJOR = 1 };

static const char *const collections_kinds[] = {"minor", "major"};

static const struct collections_name {
    const char *name;
    int kind;
    bool is_pair;
} collections_names[] = {
    {"MinorGC", COLLECTIONS_MINOR, true},          {"MajorGC", COLLECTIONS_MAJOR, true},
    {"V8.GCScavenger", COLLECTIONS_MINOR, false},  {"V8.GCMinorMS", COLLECTIONS_MINOR, false},
    {"V8.GCMinorMC", COLLECTIONS_MINOR, false},    {"V8.GCCompactor", COLLECTIONS_MAJOR, false},
    {"V8.GCFinalizeMC", COLLECTIONS_MAJOR, false},
};

static uint64_t collections_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    double real = json_is_real(value) ? json_real_value(value) : -1.0;
    return real >= 0.0 && real < 9e15 ? (uint64_t)real : UINT64_MAX;
}

static plim_status collections_add(plim__cdp_collections *seen, const plim_allocator *allocator,
                                   const plim__cdp_collection *item, plim_error *err)
{
    if (seen->count == PLIM_GC_EVENTS_MAX)
        return PLIM_OK; /* the first million tells enough */
    if (seen->count == seen->cap) {
        uint32_t cap = seen->cap == 0 ? COLLECTIONS_FIRST_CAP : seen->cap * 2;
        plim__cdp_collection *items =
            plim__array_resize(allocator, seen->items, seen->cap, cap, sizeof *items);
        if (items == NULL)
            return plim__no_memory(err, "the collections observed");
        seen->items = items;
        seen->cap = cap;
    }
    seen->items[seen->count++] = *item;
    return PLIM_OK;
}

/* One end of a pair. */
static plim_status collections_read_end(plim__cdp_collections *seen,
                                        const plim_allocator *allocator, int kind,
                                        const json_t *event, uint64_t at_us, plim_error *err)
{
    const json_t *args = json_object_get(event, "args");
    const char *phase = json_string_value(json_object_get(event, "ph"));
    if (strcmp(phase, "B") == 0) {
        seen->begun_us[kind] = at_us;
        seen->begun_bytes[kind] = collections_number(args, "usedHeapSizeBefore");
        return PLIM_OK;
    }
    uint64_t begun_us = seen->begun_us[kind];
    seen->begun_us[kind] = UINT64_MAX;
    if (strcmp(phase, "E") != 0 || begun_us == UINT64_MAX || begun_us > at_us)
        return PLIM_OK; /* begun before we came */
    const plim__cdp_collection item = {
        .event = {.kind = collections_kinds[kind],
                  .pause_ns = (at_us - begun_us) * 1000,
                  .before_bytes = seen->begun_bytes[kind],
                  .after_bytes = collections_number(args, "usedHeapSizeAfter")},
        .at_us = begun_us,
        .is_pair = true,
    };
    return collections_add(seen, allocator, &item, err);
}

static bool collections_is_ours(const plim__cdp_collections *seen, const json_t *event,
                                uint64_t thread)
{
    uint64_t pid = collections_number(event, "pid");
    return seen->pid == 0 ? thread == pid : pid == seen->pid && thread == seen->thread;
}

/* A complete event that knows the sizes: Chromium's. */
static plim_status collections_read_whole(plim__cdp_collections *seen,
                                          const plim_allocator *allocator, int kind,
                                          const json_t *event, uint64_t at_us, plim_error *err)
{
    const json_t *args = json_object_get(event, "args");
    uint64_t pause_us = collections_number(event, "dur");
    if (pause_us > UINT64_MAX / 1000)
        return PLIM_OK;
    const plim__cdp_collection item = {
        .event = {.kind = collections_kinds[kind],
                  .pause_ns = pause_us * 1000,
                  .before_bytes = collections_number(args, "usedHeapSizeBefore"),
                  .after_bytes = collections_number(args, "usedHeapSizeAfter")},
        .at_us = at_us,
        .is_pair = true,
    };
    return collections_add(seen, allocator, &item, err);
}

static plim_status collections_read_event(plim__cdp_collections *seen,
                                          const plim_allocator *allocator, const json_t *event,
                                          plim_error *err)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const char *phase = json_string_value(json_object_get(event, "ph"));
    uint64_t at_us = collections_number(event, "ts");
    uint64_t thread = collections_number(event, "tid");
    if (name == NULL || phase == NULL || at_us == UINT64_MAX || thread == UINT64_MAX ||
        at_us > UINT64_MAX / 1000 || !collections_is_ours(seen, event, thread))
        return PLIM_OK;
    for (size_t i = 0; i < sizeof collections_names / sizeof collections_names[0]; i++) {
        if (strcmp(collections_names[i].name, name) != 0)
            continue;
        if (collections_names[i].is_pair && strcmp(phase, "X") == 0)
            return collections_read_whole(seen, allocator, collections_names[i].kind, event, at_us,
                                          err);
        if (collections_names[i].is_pair)
            return collections_read_end(seen, allocator, collections_names[i].kind, event, at_us,
                                        err);
        uint64_t pause_us = collections_number(event, "dur");
        if (strcmp(phase, "X") != 0 || pause_us > UINT64_MAX / 1000)
            return PLIM_OK;
        const plim__cdp_collection item = {
            .event = {.kind = collections_kinds[collections_names[i].kind],
                      .pause_ns = pause_us * 1000,
                      .before_bytes = PLIM_UNKNOWN,
                      .after_bytes = PLIM_UNKNOWN},
            .at_us = at_us,
        };
        return collections_add(seen, allocator, &item, err);
    }
    return PLIM_OK;
}

void plim__cdp_collections_init(plim__cdp_collections *seen)
{
    PLIM_CHECK(seen != NULL);
    *seen = (plim__cdp_collections){0};
    seen->begun_us[COLLECTIONS_MINOR] = seen->begun_us[COLLECTIONS_MAJOR] = UINT64_MAX;
}

plim_status plim__cdp_collections_read(plim__cdp_collections *seen, const plim_allocator *allocator,
                                       const json_t *events, plim_error *err)
{
    size_t index;
    const json_t *event;
    plim_status status = PLIM_OK;
    json_array_foreach(events, index, event)
    {
        if (status == PLIM_OK)
            status = collections_read_event(seen, allocator, event, err);
    }
    return status;
}

/* Time order; at the same microsecond the longer one, which is the outer one, first. */
static bool collections_is_before(const plim__cdp_collection *a, const plim__cdp_collection *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    if (a->is_pair != b->is_pair)
        return a->is_pair;
    return a->event.pause_ns > b->event.pause_ns;
}

static void collections_sift(plim__cdp_collection *items, uint32_t root, uint32_t count)
{
    for (;;) {
        uint64_t child = 2 * (uint64_t)root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && collections_is_before(&items[child], &items[child + 1]))
            child++;
        if (!collections_is_before(&items[root], &items[child]))
            return;
        plim__cdp_collection moving = items[root];
        items[root] = items[child];
        items[child] = moving;
        root = (uint32_t)child;
    }
}

/* Heap sort: no memory, no bad case. */
static void collections_sort(plim__cdp_collection *items, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--)
        collections_sift(items, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        plim__cdp_collection moving = items[0];
        items[0] = items[left - 1];
        items[left - 1] = moving;
        collections_sift(items, 0, left - 1);
    }
}

/* Marks complete events that lie within a pair: both say the same collection. */
static uint32_t collections_drop_inner(plim__cdp_collection *items, uint32_t count)
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
static uint64_t collections_start_us(const plim__cdp_collections *seen)
{
    uint64_t first_us = seen->items[0].at_us;
    bool is_same_clock =
        seen->start_us <= first_us && seen->items[seen->count - 1].at_us <= seen->stop_us;
    return is_same_clock ? seen->start_us : first_us;
}

plim_status plim__cdp_collections_settle(plim__cdp_collections *seen,
                                         const plim_allocator *allocator, uint32_t *out_count,
                                         plim_error *err)
{
    PLIM_CHECK(seen != NULL && out_count != NULL);
    collections_sort(seen->items, seen->count);
    seen->count = collections_drop_inner(seen->items, seen->count);
    *out_count = seen->count;
    if (seen->count == 0)
        return PLIM_OK;
    plim__array_free(allocator, seen->events, seen->event_cap, sizeof *seen->events);
    seen->event_cap = 0;
    seen->events = plim__array_new(allocator, seen->count, sizeof *seen->events);
    if (seen->events == NULL)
        return plim__no_memory(err, "the collections observed");
    seen->event_cap = seen->count;
    uint64_t start_us = collections_start_us(seen);
    for (uint32_t i = 0; i < seen->count; i++) {
        seen->events[i] = seen->items[i].event;
        seen->events[i].at_ns = (seen->items[i].at_us - start_us) * 1000;
    }
    return PLIM_OK;
}

void plim__cdp_collections_fini(plim__cdp_collections *seen, const plim_allocator *allocator)
{
    PLIM_CHECK(seen != NULL && allocator != NULL);
    plim__array_free(allocator, seen->items, seen->cap, sizeof *seen->items);
    plim__array_free(allocator, seen->events, seen->event_cap, sizeof *seen->events);
    *seen = (plim__cdp_collections){0};
}
