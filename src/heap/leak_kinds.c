/* SPDX-License-Identifier: MIT */
/*
 * Kinds: what a leak looks like, read off the class that leaks, the way that leads to it, and the
 * names on that way. The rules, first match wins:
 *   a context (or a detached element) is in it        detached context or DOM
 *   suspended functions are what leaks                task that never ends
 *   it has a timer's function and hangs in a list of
 *   timers                                            timer
 *   it is a promise, or waits for one                 promise chain
 *   between a table of listeners and it are only
 *   tables and list elements                          listener
 *   text, most of it the same                         duplicated strings
 *   functions, or objects each of which keeps the one
 *   before in the scope of a function of its own      closure
 *   a global object holds it, or a collection that is
 *   a property of one                                 global reference
 *   a thing or a variable holds it                    growing collection
 *   else                                              other
 * The holder is the last old thing or scope on the way; elements of a chain give way to what
 * holds the chain.
 */
#include "base/assert.h"
#include "heap/leak_search.h"

static plim__leak_role kind_role(const plim__leak_scene *scene, uint32_t at)
{
    return plim__leak_role_of(scene->graph, scene->path->nodes[at]);
}

/* Whether position `at` of the path is reached by a name a person wrote. */
static bool kind_is_named(const plim__leak_scene *scene, uint32_t at)
{
    uint32_t edge = at == 0 ? PLIM_NONE : scene->path->edges[at];
    if (edge == PLIM_NONE)
        return false;
    uint8_t type = scene->graph->edge_type[edge];
    return type == PLIM_EDGE_PROPERTY || type == PLIM_EDGE_CONTEXT;
}

static bool kind_is_old(const plim__leak_scene *scene, uint32_t at)
{
    return scene->birth == NULL || scene->birth[scene->path->nodes[at]] == 0;
}

static bool kind_same_class(const plim__leak_scene *scene, uint32_t a, uint32_t b)
{
    const plim_graph *graph = scene->graph;
    uint32_t x = scene->path->nodes[a];
    uint32_t y = scene->path->nodes[b];
    return graph->node_type[x] == graph->node_type[y] && graph->node_name[x] == graph->node_name[y];
}

/* The nearest position above `at` that is a thing or a scope; 0 where there is none. */
static uint32_t kind_above(const plim__leak_scene *scene, uint32_t at)
{
    while (at > 0) {
        at--;
        if (kind_role(scene, at) >= PLIM__ROLE_SCOPE)
            break;
    }
    return at;
}

static void kind_find_holder(plim__leak_scene *scene)
{
    const plim_path *path = scene->path;
    uint32_t last = path->length - 1;
    uint32_t at = scene->swells ? last : kind_above(scene, last);
    uint32_t from = last;
    while (at > 0 && !kind_is_old(scene, at))
        at = kind_above(scene, at);
    for (uint32_t i = at + 1; i <= last; i++)
        if (kind_role(scene, i) >= PLIM__ROLE_REALM) {
            from = i;
            break;
        }
    /* A chain: old elements of the same class, each held by a property of the one before. */
    while (at > 0 && at < last && kind_same_class(scene, at, last) &&
           kind_role(scene, at) == PLIM__ROLE_THING &&
           (kind_is_named(scene, from) || !kind_is_named(scene, at))) {
        bool by_table = false;
        for (uint32_t i = at + 1; i < from; i++)
            by_table |= scene->graph->node_type[path->nodes[i]] == PLIM_NODE_ARRAY;
        uint32_t edge = path->edges[from];
        if (by_table || scene->graph->edge_type[edge] == PLIM_EDGE_ELEMENT)
            break;
        from = at;
        at = kind_above(scene, at);
    }
    scene->at = at;
    scene->named = at;
    while (scene->named > 0 && !kind_is_named(scene, scene->named))
        scene->named--;
    scene->leak->holder = path->nodes[at];
    uint32_t outer = kind_above(scene, at);
    scene->global = plim__leak_is_global(scene->analysis, path->nodes[at]) ||
                    (at > 0 && kind_is_named(scene, at) &&
                     plim__leak_is_global(scene->analysis, path->nodes[outer]));
}

static bool kind_edge_is(const plim__leak_scene *scene, uint32_t at, const char *name)
{
    plim_text wanted = {name, strlen(name)};
    uint32_t edge = at == 0 ? PLIM_NONE : scene->path->edges[at];
    if (edge == PLIM_NONE || plim__edge_has_index(scene->graph->edge_type[edge]))
        return false;
    plim_text text = plim__graph_string(scene->graph, scene->graph->edge_name[edge]);
    return plim__text_equal(text, wanted);
}

/* Node's EventEmitter keeps listeners in `_events`, its EventTarget in a map behind a symbol. */
static void kind_find_events(plim__leak_scene *scene)
{
    const plim_path *path = scene->path;
    for (uint32_t at = path->length - 1; at > 0; at--) {
        if (kind_edge_is(scene, at, "_events") || kind_edge_is(scene, at, "<symbol kEvents>")) {
            scene->events = at;
            return;
        }
        uint32_t above = at - 1;
        plim__leak_role role = kind_role(scene, above);
        bool is_function = scene->graph->node_type[path->nodes[above]] == PLIM_NODE_CLOSURE;
        if (role == PLIM__ROLE_SCOPE || role == PLIM__ROLE_REALM || is_function)
            return;
    }
}

static bool kind_is_timer(const plim__leak_scene *scene)
{
    const plim_graph *graph = scene->graph;
    uint32_t sample = scene->leak->sample;
    if (plim__leak_follow(graph, sample, PLIM_EDGE_PROPERTY, "_onTimeout") == PLIM_NONE)
        return false;
    /* An entry of a list of timers is linked both ways; one that has fired is linked no more. */
    uint32_t next = plim__leak_follow(graph, sample, PLIM_EDGE_PROPERTY, "_idleNext");
    return next != PLIM_NONE &&
           plim__leak_follow(graph, next, PLIM_EDGE_PROPERTY, "_idlePrev") == sample;
}

static bool kind_is_promise(const plim__leak_scene *scene)
{
    if (plim__leak_is_named(scene->graph, scene->leak->sample, "Promise"))
        return true;
    return scene->path != NULL && scene->at > 0 &&
           plim__leak_is_named(scene->graph, scene->path->nodes[scene->at], "Promise");
}

/* A chain through scopes: the sample has a function that captured another of its class. */
static void kind_find_keeper(plim__leak_scene *scene)
{
    const plim_graph *graph = scene->graph;
    uint32_t sample = scene->leak->sample;
    scene->keeper = PLIM_NONE;
    for (uint32_t edge = graph->first_edge[sample]; edge < graph->first_edge[sample + 1]; edge++) {
        uint32_t function = graph->edge_to[edge];
        if (graph->edge_type[edge] != PLIM_EDGE_PROPERTY ||
            graph->node_type[function] != PLIM_NODE_CLOSURE)
            continue;
        uint32_t scope = plim__leak_follow(graph, function, PLIM_EDGE_INTERNAL, "context");
        if (scope == PLIM_NONE)
            continue;
        for (uint32_t i = graph->first_edge[scope]; i < graph->first_edge[scope + 1]; i++) {
            uint32_t other = graph->edge_to[i];
            /* HIDDEN: a variable of a block, whose name V8 does not write. */
            if ((graph->edge_type[i] != PLIM_EDGE_CONTEXT &&
                 graph->edge_type[i] != PLIM_EDGE_HIDDEN) ||
                other == sample || graph->node_type[other] != graph->node_type[sample] ||
                graph->node_name[other] != graph->node_name[sample])
                continue;
            scene->keeper = function;
            scene->captured = i;
            return;
        }
    }
}

static plim_leak_kind kind_decide(const plim__leak_scene *scene)
{
    if (scene->root == PLIM__LEAK_ROOT_LOST)
        return PLIM_LEAK_LOST;
    if (scene->root != PLIM__LEAK_ROOT_FOREIGN)
        return PLIM_LEAK_COLLECTION;
    if (scene->swells)
        return scene->global ? PLIM_LEAK_GLOBAL : PLIM_LEAK_COLLECTION;
    plim_node_facts facts;
    plim_analysis_node(scene->analysis, scene->leak->sample, &facts);
    plim__leak_role role = plim__leak_role_of(scene->graph, scene->leak->sample);
    if (scene->realm || facts.detached)
        return PLIM_LEAK_DETACHED;
    if (scene->task != PLIM_NONE)
        return PLIM_LEAK_TASK;
    if (kind_is_timer(scene))
        return PLIM_LEAK_TIMER;
    if (kind_is_promise(scene))
        return PLIM_LEAK_PROMISE;
    if (scene->events != 0)
        return PLIM_LEAK_LISTENER;
    if (scene->same_texts)
        return PLIM_LEAK_STRINGS;
    if (scene->graph->node_type[scene->leak->sample] == PLIM_NODE_CLOSURE ||
        scene->keeper != PLIM_NONE)
        return PLIM_LEAK_CLOSURE;
    if (scene->path == NULL)
        return PLIM_LEAK_OTHER;
    if (scene->global)
        return PLIM_LEAK_GLOBAL;
    bool held = kind_role(scene, scene->at) >= PLIM__ROLE_SCOPE;
    return held && role >= PLIM__ROLE_TEXT ? PLIM_LEAK_COLLECTION : PLIM_LEAK_OTHER;
}

void plim__leak_kind_find(plim__leak_scene *scene)
{
    scene->at = 0;
    scene->named = 0;
    scene->events = 0;
    scene->global = false;
    if (scene->path != NULL && scene->path->length > 1) {
        kind_find_holder(scene);
        kind_find_events(scene);
    } else {
        scene->path = NULL;
    }
    scene->root = plim__leak_root_of(scene->graph, scene->path);
    kind_find_keeper(scene);
    scene->leak->kind = kind_decide(scene);
}
