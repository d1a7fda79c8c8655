/* SPDX-License-Identifier: MIT */
/*
 * DOM state (rule 2): which nodes DevTools shows with "Detached " before their name.
 *
 * Nodes whose state the file gives are the start; the state spreads from attached nodes first, then
 * from detached ones, over all edges but hidden and weak ones, and through native nodes only. What
 * one state has reached the other does not change. Files without the field: native nodes whose
 * name begins with "Detached " are detached, and nothing spreads.
 * Invariant: a node is pushed at most once, so the stack never holds more than node_count entries.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

enum { DOM_ATTACHED = 1, DOM_DETACHED = 2, DOM_VISITED = 4 };

typedef struct dom_walk {
    plim__analysis_work *work;
    uint8_t *state; /* per node: DOM_… */
    uint32_t *stack;
    uint32_t stack_count;
    uint32_t detached_count;
} dom_walk;

/* Gives a node its state; a native one is pushed if it is of the state that now spreads. */
static void dom_visit(dom_walk *walk, uint32_t node, uint8_t state)
{
    if ((walk->state[node] & DOM_VISITED) != 0)
        return;
    if (walk->work->graph->node_type[node] != PLIM_NODE_NATIVE) {
        walk->state[node] = DOM_VISITED;
        return;
    }
    walk->state[node] = DOM_VISITED | state;
    if (state == DOM_DETACHED)
        walk->detached_count++;
    walk->stack[walk->stack_count++] = node;
}

static void dom_spread(dom_walk *walk, uint8_t state)
{
    const plim_graph *graph = walk->work->graph;
    while (walk->stack_count > 0) {
        uint32_t node = walk->stack[--walk->stack_count];
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
            uint8_t type = graph->edge_type[edge];
            if (type != PLIM_EDGE_HIDDEN && type != PLIM_EDGE_WEAK)
                dom_visit(walk, graph->edge_to[edge], state);
        }
    }
}

/* Every node whose state the file gives is visited before anything spreads. */
static void dom_start(dom_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint8_t given = graph->node_detached[node] & 3;
        if (given == 0)
            continue;
        bool native = graph->node_type[node] == PLIM_NODE_NATIVE;
        walk->state[node] = (uint8_t)(DOM_VISITED | (native ? given & 3 : 0));
    }
}

/* Pushes the native nodes the file gives this state. */
static void dom_push_given(dom_walk *walk, uint8_t state)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (graph->node_detached[node] == state && graph->node_type[node] == PLIM_NODE_NATIVE) {
            walk->stack[walk->stack_count++] = node;
            if (state == DOM_DETACHED)
                walk->detached_count++;
        }
    }
}

/* The name with "Detached " of every string that a detached node has. */
static plim_status dom_make_names(plim__analysis_work *work, plim_error *err)
{
    static const size_t prefix_bytes = sizeof "Detached " - 1;
    plim_analysis *analysis = work->analysis;
    const plim_graph *graph = work->graph;
    work->detached_name =
        plim__array_new(work->allocator, graph->string_count, sizeof *work->detached_name);
    if (work->detached_name == NULL)
        return plim__no_memory(err, "the names of detached nodes");
    memset(work->detached_name, 0xff, graph->string_count * sizeof *work->detached_name);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t string = graph->node_name[node];
        if (analysis->detached[node] == 0 || work->detached_name[string] != PLIM_NONE)
            continue;
        plim_text old = plim__graph_string(graph, string);
        char *text = plim__text_arena_take(&analysis->arena, prefix_bytes + old.size_bytes);
        if (text == NULL)
            return plim__no_memory(err, "the names of detached nodes");
        memcpy(text, "Detached ", prefix_bytes);
        if (old.size_bytes > 0)
            memcpy(text + prefix_bytes, old.data, old.size_bytes);
        uint32_t name =
            plim__analysis_add_name(analysis, (plim_text){text, prefix_bytes + old.size_bytes});
        if (name == PLIM_NONE)
            return plim__no_memory(err, "the names of detached nodes");
        work->detached_name[string] = name;
    }
    return PLIM_OK;
}

/* Hands the states over as flags, if there is a detached node at all. */
static plim_status dom_finish(dom_walk *walk, plim_error *err)
{
    plim__analysis_work *work = walk->work;
    const plim_graph *graph = work->graph;
    if (walk->detached_count == 0) {
        plim__array_free(work->allocator, walk->state, graph->node_count, 1);
        return PLIM_OK;
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        walk->state[node] = (walk->state[node] & DOM_DETACHED) != 0;
    work->analysis->detached = walk->state;
    return graph->node_detached != NULL ? dom_make_names(work, err) : PLIM_OK;
}

/* Whether the file gives any node a state: whether the column is not all zero. */
static bool dom_is_given(const plim_graph *graph)
{
    const uint8_t *column = graph->node_detached;
    if (column == NULL)
        return false;
    /* The first is zero, and each is as the one before: as fast as memory is. */
    return column[0] != 0 || memcmp(column, column + 1, (size_t)graph->node_count - 1) != 0;
}

/* Old files: the name says it. */
static void dom_read_names(dom_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t string = graph->node_name[node];
        if (graph->node_type[node] == PLIM_NODE_NATIVE &&
            walk->work->string_kind[string] == PLIM__STRING_DETACHED) {
            walk->state[node] = DOM_DETACHED;
            walk->detached_count++;
        }
    }
}

plim_status plim__dom_state_find(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    bool given = dom_is_given(graph);
    if (!given && graph->node_detached != NULL)
        return PLIM_OK; /* a heap without DOM: the usual case of Node */
    dom_walk walk = {.work = work};
    walk.state = plim__array_new_zero(work->allocator, graph->node_count, 1);
    if (walk.state == NULL)
        return plim__no_memory(err, "the states of DOM nodes");
    if (!given) {
        dom_read_names(&walk);
        return dom_finish(&walk, err);
    }
    walk.stack = plim__array_new(work->allocator, graph->node_count, sizeof *walk.stack);
    if (walk.stack == NULL) {
        plim__array_free(work->allocator, walk.state, graph->node_count, 1);
        return plim__no_memory(err, "the states of DOM nodes");
    }
    dom_start(&walk);
    dom_push_given(&walk, DOM_ATTACHED);
    dom_spread(&walk, DOM_ATTACHED);
    dom_push_given(&walk, DOM_DETACHED);
    dom_spread(&walk, DOM_DETACHED);
    plim__array_free(work->allocator, walk.stack, graph->node_count, sizeof *walk.stack);
    return dom_finish(&walk, err);
}
