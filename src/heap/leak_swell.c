/* SPDX-License-Identifier: MIT */
/*
 * Swelling: an array of numbers or a Map of small values grows without one object more: its
 * table is replaced by a larger one. So old things whose own bytes (tables included, as DevTools
 * counts) grow in every round are leaks too, by the rule for bytes: the second growth at least
 * half of the first. So is a block that a C program makes larger each time. What clusters already
 * explain, because new objects hang in those tables, is left out.
 *
 * Invariant: leak_births.c has marked in search->swells what grows and keeps growing; here it is
 * only weighed.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

enum {
    LEAK_SWELL_BYTES_MIN = 4096, /* in each round: V8 resizes small tables for its own reasons */
    LEAK_SWELLS_MAX = 1 << 16    /* weighed at all; more say nothing new */
};

/* Marks the things in whose tables members of clusters hang: their growth is explained. */
static void swell_unmark_explained(plim__leak_search *search, const plim__leak_clusters *clusters)
{
    const plim_graph *graph = search->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t owner = search->owner[node];
        if (!search->swells[owner])
            continue;
        for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
            uint32_t cluster = clusters->of_node[graph->edge_to[edge]];
            if (cluster != PLIM_NONE && !clusters->items[cluster].dropped)
                search->swells[owner] = 0;
        }
    }
}

/* Whether the objects are blocks of a C program: each may grow, by realloc(). */
static bool swell_is_native(const plim_graph *graph)
{
    static const plim_text lost = {"(lost)", 6}; /* the third node there (src/bridge) */
    return graph->node_count > 2 && graph->node_type[2] == PLIM_NODE_SYNTHETIC &&
           plim__text_equal(plim__graph_string(graph, graph->node_name[2]), lost);
}

/* What can hold values that are no objects; keys of a plain object are texts, found as such. */
static bool swell_is_table(const plim_graph *graph, uint32_t node)
{
    if (graph->node_type[node] == PLIM_NODE_OBJECT && swell_is_native(graph))
        return true;
    return plim__leak_is_named(graph, node, "Array") || plim__leak_is_named(graph, node, "Map") ||
           plim__leak_is_named(graph, node, "Set");
}

static uint32_t swell_count(plim__leak_search *search)
{
    uint32_t count = 0;
    for (uint32_t node = 0; node < search->graph->node_count; node++) {
        search->swells[node] = search->swells[node] && search->birth[node] == 0 &&
                               count < LEAK_SWELLS_MAX && swell_is_table(search->graph, node);
        count += search->swells[node];
    }
    return count;
}

/* The own bytes of every swelling thing in every snapshot. */
static plim_status swell_measure(const plim__leak_search *search, uint32_t count,
                                 plim__leak_memory *memory, uint64_t *bytes, plim_error *err)
{
    for (uint32_t snapshot = 0; snapshot < search->count; snapshot++) {
        const plim_analysis *analysis = search->snapshots[snapshot];
        plim__leak_ids ids = {.mask = 0};
        plim_status status = plim__leak_ids_init(&ids, count, memory, err);
        if (status != PLIM_OK)
            return status;
        for (uint32_t node = 0; node < search->graph->node_count; node++)
            if (search->swells[node])
                plim__leak_ids_add(&ids, plim__leak_id(search->graph, node));
        plim__leak_ids_locate(&ids, analysis->graph);
        uint32_t number = 0;
        for (uint32_t node = 0; node < search->graph->node_count; node++) {
            if (!search->swells[node])
                continue;
            uint32_t there = plim__leak_ids_get(&ids, plim__leak_id(search->graph, node));
            bytes[(size_t)number++ * search->count + snapshot] =
                there == PLIM_NONE ? 0 : plim__analysis_shallow(analysis, there);
        }
    }
    return PLIM_OK;
}

/* Whether it grows by enough in every round; the growth of each round into out. */
static bool swell_grows(const uint64_t *bytes, uint32_t rounds, uint64_t *out)
{
    for (uint32_t round = 0; round < rounds; round++) {
        if (bytes[round + 1] < bytes[round] + LEAK_SWELL_BYTES_MIN)
            return false;
        out[round] = bytes[round + 1] - bytes[round];
    }
    return true;
}

plim_status plim__leak_swells_find(plim__leak_search *search, const plim__leak_clusters *clusters,
                                   plim__leak_memory *memory, plim__leak_rows *out_rows,
                                   plim_error *err)
{
    uint32_t rounds = search->count - 1;
    swell_unmark_explained(search, clusters);
    uint32_t count = swell_count(search);
    if (count == 0)
        return PLIM_OK;
    uint64_t *bytes =
        plim__leak_take(&search->memory, (size_t)count * search->count, sizeof *bytes);
    plim_leak *items = plim__leak_take(memory, count, sizeof *items);
    if (bytes == NULL || items == NULL)
        return plim__no_memory(err, "the search for leaks");
    plim_status status = swell_measure(search, count, &search->memory, bytes, err);
    uint32_t number = 0;
    uint32_t found = 0;
    for (uint32_t node = 0; status == PLIM_OK && node < search->graph->node_count; node++) {
        if (!search->swells[node])
            continue;
        uint64_t *growth = plim__leak_take(memory, (size_t)rounds * 2, sizeof *growth);
        if (growth == NULL)
            return plim__no_memory(err, "the search for leaks");
        const uint64_t *own = bytes + (size_t)number++ * search->count;
        if (swell_grows(own, rounds, growth))
            items[found++] = (plim_leak){.sample = node,
                                         .sample_id = plim__leak_id(search->graph, node),
                                         .holder = node,
                                         .count = 1,
                                         .self_bytes = own[rounds],
                                         .retained_bytes = search->last->retained[node],
                                         .growth_bytes = growth,
                                         .growth_count = growth + rounds,
                                         .round_count = rounds};
    }
    *out_rows = (plim__leak_rows){.items = items, .count = found};
    return status;
}
