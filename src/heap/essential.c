/* SPDX-License-Identifier: MIT */
/*
 * Essential edges (rule 4): those that count for dominators, one bit each. Left out are weak edges,
 * edges of a node to itself, the table's edge to the value of a WeakMap (the key's edge stays: the
 * value is shown under its key), and, unless they start at the root, shortcuts and edges from
 * outside into the page-owned set.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

/* Whether an internal edge is the one that leads from the table of a WeakMap. */
static bool essential_is_from_table(const plim__analysis_work *work, uint32_t node, uint32_t name)
{
    const plim_graph *graph = work->graph;
    if (work->weak_pair == NULL || work->string_kind[name] != PLIM__STRING_WEAK_PAIR)
        return false;
    uint64_t id = graph->node_id[node];
    if (graph->id_high != NULL)
        id |= (uint64_t)graph->id_high[node] << 32;
    return work->weak_table[work->weak_pair[name]] == id;
}

static bool essential_is(const plim__analysis_work *work, const uint64_t *owned, uint32_t node,
                         bool node_owned, uint32_t edge)
{
    const plim_graph *graph = work->graph;
    uint8_t type = graph->edge_type[edge];
    uint32_t to = graph->edge_to[edge];
    if (type == PLIM_EDGE_WEAK || to == node)
        return false;
    if (type == PLIM_EDGE_INTERNAL && essential_is_from_table(work, node, graph->edge_name[edge]))
        return false;
    if (node == 0)
        return true;
    if (type == PLIM_EDGE_SHORTCUT)
        return false;
    return node_owned || owned == NULL || (owned[to >> 6] >> (to & 63) & 1) == 0;
}

plim_status plim__essential_find(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    size_t words = ((size_t)graph->edge_count + 63) / 64 + 1; /* never empty */
    uint64_t *owned;
    plim_status status = plim__page_owned_find(work, &owned, err);
    if (status != PLIM_OK)
        return status;
    work->essential = plim__array_new_zero(work->allocator, words, sizeof *work->essential);
    if (work->essential == NULL)
        status = plim__no_memory(err, "the marks of essential edges");
    for (uint32_t node = 0; node < graph->node_count && status == PLIM_OK; node++) {
        bool node_owned = owned == NULL || (owned[node >> 6] >> (node & 63) & 1) != 0;
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++)
            if (essential_is(work, owned, node, node_owned, edge))
                work->essential[edge >> 6] |= (uint64_t)1 << (edge & 63);
    }
    size_t owned_words = ((size_t)graph->node_count + 63) / 64;
    plim__array_free(work->allocator, owned, owned_words, sizeof *owned);
    return status;
}
