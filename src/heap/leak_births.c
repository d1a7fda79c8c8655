/* SPDX-License-Identifier: MIT */
/*
 * Births: the round in which each object of the last snapshot was first seen. Ids are sorted and
 * merged, never hashed: V8 writes them almost in order (99.5 %), so that sorting is nearly free,
 * and no input can make it quadratic.
 *
 * Invariant: an id that is in snapshot j and in the last, with the same role and class, is taken
 * to be the same object throughout.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

/* Merges two sorted runs of ordinals into out. */
static void births_merge(const plim_graph *graph, const uint32_t *runs, uint32_t middle,
                         uint32_t count, uint32_t *out)
{
    uint32_t left = 0;
    uint32_t right = middle;
    for (uint32_t i = 0; i < count; i++) {
        bool from_left = right == count || (left < middle && plim__leak_id(graph, runs[left]) <=
                                                                 plim__leak_id(graph, runs[right]));
        out[i] = from_left ? runs[left++] : runs[right++];
    }
}

/* Ordinals in the order of their ids: a merge sort that only copies what is in order already. */
static uint32_t *births_sorted(const plim_graph *graph, plim__leak_memory *memory)
{
    uint32_t count = graph->node_count;
    uint32_t *sorted = plim__leak_take(memory, count, sizeof *sorted);
    uint32_t *other = plim__leak_take(memory, count, sizeof *other);
    if (sorted == NULL || other == NULL)
        return NULL;
    bool ascending = true;
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = i;
        if (i > 0 && plim__leak_id(graph, i) < plim__leak_id(graph, i - 1))
            ascending = false;
    }
    for (uint64_t width = 1; width < count && !ascending; width *= 2) {
        for (uint64_t at = 0; at < count; at += 2 * width) {
            uint32_t start = (uint32_t)at;
            uint32_t middle = (uint32_t)(count - at < width ? count - at : width);
            uint32_t both = (uint32_t)(count - at < 2 * width ? count - at : 2 * width);
            bool in_order = middle == both || plim__leak_id(graph, sorted[start + middle - 1]) <=
                                                  plim__leak_id(graph, sorted[start + middle]);
            if (in_order)
                memcpy(other + start, sorted + start, both * sizeof *sorted);
            else
                births_merge(graph, sorted + start, middle, both, other + start);
        }
        uint32_t *swap = sorted;
        sorted = other;
        other = swap;
    }
    return sorted;
}

/* The columns that go from snapshot to snapshot, latest first. */
typedef struct births_columns {
    plim__leak_births out;
    uint32_t *bytes;  /* own bytes in the snapshot joined last */
    uint32_t *growth; /* and how much they grew from there to the next */
} births_columns;

/* A node of the last snapshot was met in this one, which is `round` rounds after the first. */
static void births_meet(births_columns *columns, uint32_t node, uint32_t round, uint64_t bytes)
{
    uint32_t own = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    uint32_t later = columns->bytes[node];
    uint32_t growth = later > own ? later - own : 0;
    /* Between the first two rounds: the second growth is at least half of the first. */
    if (growth == 0 || (round == 0 && columns->growth[node] < growth - growth / 2))
        columns->out.swells[node] = 0;
    columns->out.birth[node] = (uint8_t)round;
    columns->bytes[node] = own;
    columns->growth[node] = growth;
}

/*
 * Whether one id means one object. V8's bookkeeping of moved objects has been seen to fail on a
 * machine under heavy load: thousands of ids then belong to other objects. A thing that has
 * changed its class is another one; texts change their form, and tables belong to things.
 */
static bool births_is_same(const plim_graph *a, uint32_t x, const plim_graph *b, uint32_t y)
{
    plim__leak_role role = plim__leak_role_of(a, x);
    if (role != plim__leak_role_of(b, y))
        return false;
    return role != PLIM__ROLE_THING || (a->node_type[x] == b->node_type[y] &&
                                        plim__text_equal(plim__graph_string(a, a->node_name[x]),
                                                         plim__graph_string(b, b->node_name[y])));
}

/* Whatever of the last snapshot is in this one was born in `round` or before. */
static void births_join(const plim_graph *last, const uint32_t *last_sorted,
                        const plim_analysis *analysis, const uint32_t *sorted, uint32_t round,
                        births_columns *columns)
{
    const plim_graph *graph = analysis->graph;
    uint32_t k = 0;
    for (uint32_t i = 0; i < last->node_count; i++) {
        uint64_t id = plim__leak_id(last, last_sorted[i]);
        while (k < graph->node_count && plim__leak_id(graph, sorted[k]) < id)
            k++;
        if (k == graph->node_count || plim__leak_id(graph, sorted[k]) != id)
            continue;
        uint32_t node = last_sorted[i];
        if (births_is_same(last, node, graph, sorted[k]))
            births_meet(columns, node, round, plim__analysis_shallow(analysis, sorted[k]));
        else
            columns->out.lost += plim__leak_role_of(last, node) == PLIM__ROLE_THING;
    }
}

plim_status plim__leak_births_find(const plim_analysis *const *snapshots, uint32_t count,
                                   plim__leak_memory *memory, plim__leak_births *out_births,
                                   plim_error *err)
{
    PLIM_CHECK(count >= 3 && count <= PLIM_LEAKS_ROUNDS_MAX);
    const plim_graph *last = snapshots[count - 1]->graph;
    uint32_t node_count = last->node_count;
    plim__leak_memory scratch = {.allocator = memory->allocator};
    births_columns columns = {
        .out = {.birth = plim__leak_take(memory, node_count, sizeof(uint8_t)),
                .swells = plim__leak_take(memory, node_count, sizeof(uint8_t))},
        .bytes = plim__leak_take(&scratch, node_count, sizeof(uint32_t)),
        .growth = plim__leak_take(&scratch, node_count, sizeof(uint32_t))};
    uint32_t *last_sorted = births_sorted(last, &scratch);
    if (columns.out.birth == NULL || columns.out.swells == NULL || columns.bytes == NULL ||
        columns.growth == NULL || last_sorted == NULL) {
        plim__leak_memory_fini(&scratch);
        return plim__no_memory(err, "the search for leaks");
    }
    for (uint32_t node = 0; node < node_count; node++) {
        uint64_t bytes = plim__analysis_shallow(snapshots[count - 1], node);
        columns.bytes[node] = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
        columns.out.birth[node] = (uint8_t)(count - 1);
        columns.out.swells[node] = 1;
    }
    plim_status status = PLIM_OK;
    for (uint32_t round = count - 1; status == PLIM_OK && round-- > 0;) {
        plim__leak_memory one = {.allocator = memory->allocator};
        const uint32_t *sorted = births_sorted(snapshots[round]->graph, &one);
        if (sorted == NULL)
            status = plim__no_memory(err, "the search for leaks");
        else
            births_join(last, last_sorted, snapshots[round], sorted, round, &columns);
        plim__leak_memory_fini(&one);
    }
    plim__leak_memory_fini(&scratch);
    if (status == PLIM_OK)
        *out_births = columns.out;
    return status;
}
