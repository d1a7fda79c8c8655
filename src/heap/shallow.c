/* SPDX-License-Identifier: MIT */
/*
 * Shallow sizes (rule 5): the store behind an object counts as the object's own. Hidden nodes,
 * arrays and external string data can be owned; who alone reaches such a node, over edges that are
 * not weak and through such nodes only, is its owner and gets its size, unless it is synthetic or
 * the root. Nothing moves where the heap has no user roots: then internals are what is asked for.
 *
 * The owners are a fixpoint, so the order of visits does not matter. Each ownable node changes
 * twice at the most: from nobody to one owner, from one owner to several.
 * Invariants: S1 the sum of sizes stays. S2 an owner is never ownable itself. S3 a node is stacked
 * at most twice.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

#define SHALLOW_NOBODY  UINT32_MAX
#define SHALLOW_SEVERAL (UINT32_MAX - 1)

typedef struct shallow_walk {
    const plim__analysis_work *work;
    uint64_t *ownable; /* one bit per node: small enough for the caches */
    uint32_t *owner;   /* of ownable nodes */
    uint32_t *stack;
    size_t stack_count;
    size_t stack_capacity;
} shallow_walk;

static bool shallow_is_ownable(const plim__analysis_work *work, uint32_t node)
{
    const plim_graph *graph = work->graph;
    uint8_t type = graph->node_type[node];
    if (type == PLIM_NODE_HIDDEN || type == PLIM_NODE_ARRAY)
        return true;
    /* A detached node is called "Detached …" and is not meant. */
    return type == PLIM_NODE_NATIVE &&
           work->string_kind[graph->node_name[node]] == PLIM__STRING_EXTERNAL_DATA &&
           (work->analysis->detached == NULL || work->analysis->detached[node] == 0);
}

static bool shallow_bit(const uint64_t *bits, uint32_t node)
{
    return (bits[node >> 6] >> (node & 63) & 1) != 0;
}

static bool shallow_push(shallow_walk *walk, uint32_t node)
{
    if (walk->stack_count == walk->stack_capacity) {
        size_t wanted = walk->stack_capacity == 0 ? 1024 : walk->stack_capacity * 2;
        uint32_t *stack = plim__array_resize(walk->work->allocator, walk->stack,
                                             walk->stack_capacity, wanted, sizeof *stack);
        if (stack == NULL)
            return false;
        walk->stack = stack;
        walk->stack_capacity = wanted;
    }
    walk->stack[walk->stack_count++] = node;
    return true;
}

/* Tells the ownable nodes that `node` leads to who reaches them. */
static bool shallow_visit(shallow_walk *walk, uint32_t node, uint32_t owner)
{
    const plim_graph *graph = walk->work->graph;
    uint32_t end = graph->first_edge[node + 1];
    for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
        uint32_t to = graph->edge_to[edge];
        if (!shallow_bit(walk->ownable, to) || graph->edge_type[edge] == PLIM_EDGE_WEAK)
            continue;
        uint32_t before = walk->owner[to];
        if (before == owner || before == SHALLOW_SEVERAL)
            continue;
        walk->owner[to] = before == SHALLOW_NOBODY ? owner : SHALLOW_SEVERAL;
        if (!shallow_push(walk, to))
            return false;
    }
    return true;
}

static bool shallow_find_owners(shallow_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (shallow_bit(walk->ownable, node))
            continue;
        if (!shallow_visit(walk, node, node))
            return false;
        while (walk->stack_count > 0) {
            uint32_t next = walk->stack[--walk->stack_count];
            if (!shallow_visit(walk, next, walk->owner[next]))
                return false;
        }
    }
    return true;
}

static void shallow_move_sizes(const shallow_walk *walk, uint64_t *sizes)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (!shallow_bit(walk->ownable, node))
            continue;
        uint32_t owner = walk->owner[node];
        if (owner >= SHALLOW_SEVERAL || owner == 0 ||
            graph->node_type[owner] == PLIM_NODE_SYNTHETIC)
            continue;
        sizes[owner] += sizes[node];
        sizes[node] = 0;
    }
}

/* The 32-bit column out of the sums; what does not fit goes aside. */
static plim_status shallow_keep(plim__analysis_work *work, plim_error *err)
{
    plim_analysis *analysis = work->analysis;
    uint32_t node_count = work->graph->node_count;
    uint32_t big = 0;
    for (uint32_t node = 0; node < node_count; node++)
        big += work->sizes[node] >= PLIM__SELF_OVERFLOW;
    analysis->shallow = plim__array_new(work->allocator, node_count, sizeof *analysis->shallow);
    if (analysis->shallow == NULL)
        return plim__no_memory(err, "shallow sizes");
    if (big > 0) {
        analysis->big_shallow =
            plim__array_new(work->allocator, big, sizeof *analysis->big_shallow);
        if (analysis->big_shallow == NULL)
            return plim__no_memory(err, "shallow sizes");
        analysis->big_shallow_count = big;
    }
    uint32_t next = 0;
    for (uint32_t node = 0; node < node_count; node++) {
        uint64_t bytes = work->sizes[node];
        if (bytes >= PLIM__SELF_OVERFLOW) {
            analysis->shallow[node] = PLIM__SELF_OVERFLOW;
            analysis->big_shallow[next++] = (plim__big_self){node, bytes};
        } else {
            analysis->shallow[node] = (uint32_t)bytes;
        }
    }
    PLIM_CHECK(next == big);
    return PLIM_OK;
}

static plim_status shallow_walk_all(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    size_t words = ((size_t)graph->node_count + 63) / 64;
    shallow_walk walk = {.work = work};
    plim_status status = PLIM_OK;
    walk.ownable = plim__array_new_zero(work->allocator, words, sizeof *walk.ownable);
    walk.owner = plim__scratch_take(&work->other);
    if (walk.ownable == NULL || walk.owner == NULL) {
        status = plim__no_memory(err, "the owners of internal objects");
    } else {
        memset(walk.owner, 0xff, (size_t)graph->node_count * sizeof *walk.owner);
        for (uint32_t node = 0; node < graph->node_count; node++)
            if (shallow_is_ownable(work, node))
                walk.ownable[node >> 6] |= (uint64_t)1 << (node & 63);
        if (shallow_find_owners(&walk))
            shallow_move_sizes(&walk, work->sizes);
        else
            status = plim__no_memory(err, "the owners of internal objects");
    }
    plim__array_free(work->allocator, walk.ownable, words, sizeof *walk.ownable);
    plim__scratch_give(&work->other, walk.owner);
    plim__array_free(work->allocator, walk.stack, walk.stack_capacity, sizeof *walk.stack);
    return status;
}

plim_status plim__shallow_transfer(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    work->sizes = plim__array_new(work->allocator, graph->node_count, sizeof *work->sizes);
    if (work->sizes == NULL)
        return plim__no_memory(err, "shallow sizes");
    for (uint32_t node = 0; node < graph->node_count; node++)
        work->sizes[node] = plim__graph_self(graph, node);
    if (!work->has_user_roots)
        return PLIM_OK;
    plim_status status = shallow_walk_all(work, err);
    return status == PLIM_OK ? shallow_keep(work, err) : status;
}

uint64_t plim__analysis_big_shallow(const plim_analysis *analysis, uint32_t node)
{
    uint32_t low = 0;
    uint32_t high = analysis->big_shallow_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (analysis->big_shallow[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    PLIM_CHECK(low < analysis->big_shallow_count && analysis->big_shallow[low].node == node);
    return analysis->big_shallow[low].bytes;
}
