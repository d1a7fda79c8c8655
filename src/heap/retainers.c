/* SPDX-License-Identifier: MIT */
/*
 * Edges by target: for each node the positions of the edges that lead to it, in ascending order.
 * The source of an edge is found by bisection in the graph's rows: half the memory of storing it,
 * and few are ever asked for.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

plim_status plim__retainers_find(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    plim_analysis *analysis = work->analysis;
    size_t count = graph->node_count;
    uint32_t *first = plim__array_new_zero(work->allocator, count + 1, sizeof *first);
    uint32_t *edges =
        plim__array_new(work->allocator, (size_t)graph->edge_count + 1, sizeof *edges);
    analysis->first_retainer = first;
    analysis->retainer_edge = edges;
    if (first == NULL || edges == NULL)
        return plim__no_memory(err, "retainers");
    for (uint32_t edge = 0; edge < graph->edge_count; edge++)
        first[graph->edge_to[edge]]++;
    uint32_t sum = 0; /* first[] becomes the end of each row; filling moves it to the start */
    for (uint32_t node = 0; node < graph->node_count; node++) {
        sum += first[node];
        first[node] = sum;
    }
    first[count] = sum;
    for (uint32_t edge = graph->edge_count; edge > 0; edge--)
        edges[--first[graph->edge_to[edge - 1]]] = edge - 1;
    return PLIM_OK;
}

uint32_t plim_analysis_retainer_count(const plim_analysis *analysis, uint32_t node)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK(analysis->first_retainer != NULL && node < analysis->graph->node_count);
    return analysis->first_retainer[node + 1] - analysis->first_retainer[node];
}

plim_retainer plim_analysis_retainer(const plim_analysis *analysis, uint32_t node, uint32_t index)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK(analysis->first_retainer != NULL && node < analysis->graph->node_count);
    PLIM_CHECK(index < analysis->first_retainer[node + 1] - analysis->first_retainer[node]);
    const uint32_t *first_edge = analysis->graph->first_edge;
    uint32_t edge = analysis->retainer_edge[analysis->first_retainer[node] + index];
    uint32_t low = 0; /* the last node whose edges start at or before this one */
    uint32_t high = analysis->graph->node_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (first_edge[middle] <= edge)
            low = middle;
        else
            high = middle;
    }
    return (plim_retainer){low, edge};
}
