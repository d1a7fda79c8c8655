/* SPDX-License-Identifier: MIT */
/*
 * Births: the round in which each object of the last snapshot was first seen. Ids are sorted and
 * merged, never hashed: V8 writes them almost in order (99.5 %), so that sorting is nearly free,
 * and no input can make it quadratic.
 *
 * Invariant: an id that is in snapshot j and in the last is taken to be the same object
 * throughout; V8 never gives an id twice within one series.
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

/* Whatever of the last snapshot is in this one was born in `round` or before. */
static void births_join(const plim_graph *last, const uint32_t *last_sorted,
                        const plim_graph *graph, const uint32_t *sorted, uint8_t round,
                        uint8_t *birth)
{
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < last->node_count && k < graph->node_count) {
        uint64_t a = plim__leak_id(last, last_sorted[i]);
        uint64_t b = plim__leak_id(graph, sorted[k]);
        if (a == b)
            birth[last_sorted[i]] = round;
        if (a <= b)
            i++;
        if (b <= a && (a != b || i == last->node_count || plim__leak_id(last, last_sorted[i]) != b))
            k++;
    }
}

plim_status plim__leak_births_find(const plim_analysis *const *snapshots, uint32_t count,
                                   plim__leak_memory *memory, uint8_t **out_birth, plim_error *err)
{
    PLIM_CHECK(count >= 2 && count <= PLIM_LEAKS_ROUNDS_MAX);
    const plim_graph *last = snapshots[count - 1]->graph;
    plim__leak_memory scratch = {.allocator = memory->allocator};
    uint8_t *birth = plim__leak_take(memory, last->node_count, sizeof *birth);
    uint32_t *last_sorted = births_sorted(last, &scratch);
    plim_status status = PLIM_OK;
    if (birth == NULL || last_sorted == NULL)
        status = plim__no_memory(err, "the search for leaks");
    else
        memset(birth, (int)(count - 1), last->node_count);
    for (uint32_t round = count - 1; status == PLIM_OK && round-- > 0;) {
        plim__leak_memory one = {.allocator = memory->allocator};
        const plim_graph *graph = snapshots[round]->graph;
        const uint32_t *sorted = births_sorted(graph, &one);
        if (sorted == NULL)
            status = plim__no_memory(err, "the search for leaks");
        else
            births_join(last, last_sorted, graph, sorted, (uint8_t)round, birth);
        plim__leak_memory_fini(&one);
    }
    plim__leak_memory_fini(&scratch);
    if (status == PLIM_OK)
        *out_birth = birth;
    return status;
}
