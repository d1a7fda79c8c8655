/* SPDX-License-Identifier: MIT */
/*
 * Page-owned nodes (rule 3): what the global objects and the document trees reach. Edges from
 * outside into this set do not count for dominators, or a debugger's holds would change them.
 * Snapshots of V8 15.0 and later have no such entry point: then there is nothing to mark.
 * Invariant: a node is pushed once, when its bit is set: the stack needs node_count entries.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

static bool page_is_entry(const plim__analysis_work *work, uint32_t edge)
{
    const plim_graph *graph = work->graph;
    uint32_t to = graph->edge_to[edge];
    if (graph->edge_type[edge] == PLIM_EDGE_SHORTCUT)
        return true;
    return graph->edge_type[edge] == PLIM_EDGE_ELEMENT &&
           graph->node_type[to] == PLIM_NODE_SYNTHETIC &&
           work->string_kind[graph->node_name[to]] == PLIM__STRING_DOM_TREES;
}

static bool page_take(uint64_t *bits, uint32_t node)
{
    uint64_t bit = (uint64_t)1 << (node & 63);
    if ((bits[node >> 6] & bit) != 0)
        return false;
    bits[node >> 6] |= bit;
    return true;
}

static void page_spread(const plim_graph *graph, uint64_t *bits, uint32_t *stack, uint32_t count)
{
    while (count > 0) {
        uint32_t node = stack[--count];
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
            uint32_t to = graph->edge_to[edge];
            if (graph->edge_type[edge] != PLIM_EDGE_WEAK && page_take(bits, to))
                stack[count++] = to;
        }
    }
}

plim_status plim__page_owned_find(plim__analysis_work *work, uint64_t **out_bits, plim_error *err)
{
    const plim_graph *graph = work->graph;
    uint32_t root_end = graph->first_edge[1];
    uint32_t entry = graph->first_edge[0];
    *out_bits = NULL;
    while (entry < root_end && !page_is_entry(work, entry))
        entry++;
    if (entry == root_end)
        return PLIM_OK;
    size_t words = ((size_t)graph->node_count + 63) / 64;
    uint64_t *bits = plim__array_new_zero(work->allocator, words, sizeof *bits);
    uint32_t *stack = plim__scratch_take(&work->caller);
    if (bits == NULL || stack == NULL) {
        plim__array_free(work->allocator, bits, words, sizeof *bits);
        plim__scratch_give(&work->caller, stack);
        return plim__no_memory(err, "the marks of page-owned objects");
    }
    uint32_t count = 0;
    for (; entry < root_end; entry++)
        if (page_is_entry(work, entry) && page_take(bits, graph->edge_to[entry]))
            stack[count++] = graph->edge_to[entry];
    page_spread(graph, bits, stack, count);
    plim__scratch_give(&work->caller, stack);
    *out_bits = bits;
    return PLIM_OK;
}
