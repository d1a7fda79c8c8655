/* SPDX-License-Identifier: MIT */
/*
 * Distances (rule 6): breadth first from the user roots, which are at 1; then from the root, at
 * PLIM_DISTANCE_SYSTEM (at 0 where there are no user roots), for whatever was not reached. Weak
 * edges do not count, nor do the filtered ones:
 *  - `sloppy_function_map` of a native context,
 *  - in a map's descriptors all but the first two and two of every three (maps share these arrays),
 *  - of the two edges to a WeakMap's value the one that is met first: the value is as far as the
 *    farther of its table and its key. The set of pairs met is shared by both passes.
 * The filter looks only at edges whose target has no distance yet; DevTools' does, and the WeakMap
 * rule depends on it. For the same reason a user root that the root leads to twice is queued twice.
 * Invariant: the queue takes each node once, user roots as often as the root leads to them.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

typedef struct distance_walk {
    plim__analysis_work *work;
    int32_t *distance;
    uint32_t *queue;
    size_t queue_count;
    uint64_t *pending; /* one bit per WeakMap pair: met once */
} distance_walk;

/* JavaScript's parseInt(text, 10) as far as the filter needs it: below 2, and modulo 3. */
static bool distance_follows_text(plim_text text)
{
    size_t at = 0;
    while (at < text.size_bytes &&
           (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r')))
        at++;
    bool negative = at < text.size_bytes && text.data[at] == '-';
    if (at < text.size_bytes && (text.data[at] == '-' || text.data[at] == '+'))
        at++;
    size_t first = at;
    double number = 0;
    while (at < text.size_bytes && text.data[at] >= '0' && text.data[at] <= '9' && number < 1e15)
        number = number * 10 + (text.data[at++] - '0');
    if (at == first || negative)
        return true; /* not a number is not 1 modulo 3; a negative one is below 2 */
    return number < 2 || (uint64_t)number % 3 != 1;
}

static bool distance_follows_descriptor(const plim_graph *graph, uint32_t edge)
{
    uint32_t name = graph->edge_name[edge];
    if (plim__edge_has_index(graph->edge_type[edge]))
        return name < 2 || name % 3 != 1;
    return distance_follows_text(plim__graph_string(graph, name));
}

/* Whether an internal edge may be followed: of a WeakMap's pair only the second one met. */
static bool distance_follows_internal(distance_walk *walk, uint32_t name)
{
    const plim__analysis_work *work = walk->work;
    if (work->weak_pair == NULL || work->string_kind[name] != PLIM__STRING_WEAK_PAIR)
        return true;
    uint32_t pair = work->weak_pair[name];
    uint64_t bit = (uint64_t)1 << (pair & 63);
    walk->pending[pair >> 6] ^= bit;
    return (walk->pending[pair >> 6] & bit) == 0;
}

typedef enum distance_source { SOURCE_PLAIN, SOURCE_CONTEXT, SOURCE_DESCRIPTORS } distance_source;

static distance_source distance_source_of(const plim__analysis_work *work, uint32_t node)
{
    const plim_graph *graph = work->graph;
    uint8_t type = graph->node_type[node];
    if (type != PLIM_NODE_HIDDEN && type != PLIM_NODE_ARRAY)
        return SOURCE_PLAIN;
    uint8_t kind = work->string_kind[graph->node_name[node]];
    if (type == PLIM_NODE_HIDDEN)
        return kind == PLIM__STRING_NATIVE_CONTEXT ? SOURCE_CONTEXT : SOURCE_PLAIN;
    return kind == PLIM__STRING_DESCRIPTORS ? SOURCE_DESCRIPTORS : SOURCE_PLAIN;
}

static bool distance_follows(distance_walk *walk, distance_source source, uint32_t edge)
{
    const plim__analysis_work *work = walk->work;
    const plim_graph *graph = work->graph;
    uint8_t type = graph->edge_type[edge];
    if (source == SOURCE_DESCRIPTORS)
        return distance_follows_descriptor(graph, edge);
    if (source == SOURCE_CONTEXT && !plim__edge_has_index(type) &&
        work->string_kind[graph->edge_name[edge]] == PLIM__STRING_SLOPPY_MAP)
        return false;
    return type != PLIM_EDGE_INTERNAL || distance_follows_internal(walk, graph->edge_name[edge]);
}

/* Breadth first from what is queued. */
static void distance_spread(distance_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (size_t next = 0; next < walk->queue_count; next++) {
        uint32_t node = walk->queue[next];
        /* A chain of 2^31 nodes wraps, as in DevTools, and is not undefined. */
        int32_t distance = (int32_t)((uint32_t)walk->distance[node] + 1);
        distance_source source = distance_source_of(walk->work, node);
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
            uint32_t to = graph->edge_to[edge];
            if (walk->distance[to] != PLIM_DISTANCE_NONE ||
                graph->edge_type[edge] == PLIM_EDGE_WEAK || !distance_follows(walk, source, edge))
                continue;
            walk->distance[to] = distance;
            walk->queue[walk->queue_count++] = to;
        }
    }
}

static void distance_run(distance_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++)
        walk->distance[node] = PLIM_DISTANCE_NONE;
    for (uint32_t edge = graph->first_edge[0]; edge < graph->first_edge[1]; edge++) {
        uint32_t to = graph->edge_to[edge];
        if (plim__is_user_root(walk->work, to)) {
            walk->distance[to] = 1;
            walk->queue[walk->queue_count++] = to;
        }
    }
    bool any = walk->queue_count > 0;
    distance_spread(walk);
    walk->distance[0] = any ? PLIM_DISTANCE_SYSTEM : 0;
    walk->queue[0] = 0;
    walk->queue_count = 1;
    distance_spread(walk);
}

plim_status plim__distances_find(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    size_t words = ((size_t)work->weak_pair_count + 63) / 64 + 1;
    distance_walk walk = {.work = work};
    plim_status status = PLIM_OK;
    walk.distance = plim__array_new(work->allocator, graph->node_count, sizeof *walk.distance);
    walk.queue = plim__scratch_take(&work->other); /* room for the root's edges as well */
    walk.pending = plim__array_new_zero(work->allocator, words, sizeof *walk.pending);
    work->analysis->distance = walk.distance;
    if (walk.distance != NULL && walk.queue != NULL && walk.pending != NULL)
        distance_run(&walk);
    else
        status = plim__no_memory(err, "distances");
    plim__scratch_give(&work->other, walk.queue);
    plim__array_free(work->allocator, walk.pending, words, sizeof *walk.pending);
    return status;
}
