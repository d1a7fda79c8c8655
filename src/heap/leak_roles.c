/* SPDX-License-Identifier: MIT */
/*
 * Roles: what a node of V8's heap is to someone who looks for a leak in a program. Only what a
 * program can make may leak or name a leak; code, shapes and feedback come and go with the
 * optimiser and say nothing. Tables and backing stores belong to whatever holds them: a Map that
 * grows gets a new table, and that is no new object of the program's.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

/* How far a global object may be, and at how many of those that hold it is looked: its context is
 * one of the first. */
enum { LEAK_GLOBAL_DISTANCE_MAX = 5, LEAK_GLOBAL_RETAINERS_MAX = 256 };

/* Objects and native nodes have names; V8 marks its own by this word. */
static plim__leak_role leak_named_role(plim_text name, bool hidden)
{
    static const plim_text scope = {"system / Context", 16};
    static const plim_text realm = {"system / NativeContext", 22};
    if (plim__text_starts(name, realm.data, realm.size_bytes))
        return PLIM__ROLE_REALM;
    if (plim__text_equal(name, scope))
        return PLIM__ROLE_SCOPE;
    if (hidden || plim__text_starts(name, "system / ", 9))
        return PLIM__ROLE_PART;
    return PLIM__ROLE_THING;
}

plim__leak_role plim__leak_role_of(const plim_graph *graph, uint32_t node)
{
    switch ((plim_node_type)graph->node_type[node]) {
    case PLIM_NODE_HIDDEN:
    case PLIM_NODE_OBJECT:
    case PLIM_NODE_NATIVE:
        return leak_named_role(plim__graph_string(graph, graph->node_name[node]),
                               graph->node_type[node] == PLIM_NODE_HIDDEN);
    case PLIM_NODE_ARRAY:
    case PLIM_NODE_NUMBER:
        return PLIM__ROLE_PART;
    case PLIM_NODE_STRING:
    case PLIM_NODE_CONS_STRING:
    case PLIM_NODE_SLICED_STRING:
        return PLIM__ROLE_TEXT;
    case PLIM_NODE_CLOSURE:
    case PLIM_NODE_REGEXP:
    case PLIM_NODE_SYMBOL:
    case PLIM_NODE_BIGINT:
    case PLIM_NODE_WASM_OBJECT:
        return PLIM__ROLE_THING;
    case PLIM_NODE_CODE:
    case PLIM_NODE_SYNTHETIC:
    case PLIM_NODE_OBJECT_SHAPE:
    case PLIM_NODE_OTHER:
        return PLIM__ROLE_NONE;
    }
    return PLIM__ROLE_NONE;
}

plim_status plim__leak_keys_init(plim__leak_keys *keys, const plim_graph *graph,
                                 plim__text_table *names, plim__leak_memory *memory,
                                 plim_error *err)
{
    *keys = (plim__leak_keys){.graph = graph, .names = names};
    keys->of_string = plim__leak_take(memory, graph->string_count, sizeof *keys->of_string);
    return keys->of_string != NULL ? PLIM_OK : plim__no_memory(err, "the search for leaks");
}

uint32_t plim__leak_key(plim__leak_keys *keys, uint32_t node, bool add)
{
    const plim_graph *graph = keys->graph;
    plim__leak_role role = plim__leak_role_of(graph, node);
    if (role == PLIM__ROLE_NONE || role == PLIM__ROLE_PART)
        return PLIM_NONE;
    if (role == PLIM__ROLE_TEXT)
        return PLIM__KEY_TEXT;
    uint8_t type = graph->node_type[node];
    if (type == PLIM_NODE_CLOSURE)
        return PLIM__KEY_FUNCTION;
    if (type == PLIM_NODE_REGEXP)
        return PLIM__KEY_PATTERN;
    if (type == PLIM_NODE_SYMBOL)
        return PLIM__KEY_SYMBOL;
    if (type == PLIM_NODE_BIGINT)
        return PLIM__KEY_BIGINT;
    uint32_t string = graph->node_name[node];
    if (keys->of_string[string] == 0) {
        plim_text name = plim__graph_string(graph, string);
        uint32_t number = add ? plim__text_table_add(keys->names, name)
                              : plim__text_table_find(keys->names, name);
        if (number == PLIM_NONE)
            return PLIM_NONE;
        keys->of_string[string] = number + 1;
    }
    return PLIM__KEY_NAMES + keys->of_string[string] - 1;
}

/* "… pair in WeakMap (table @123)": such an edge from the table itself does not keep the value. */
static bool leak_is_weak_table(plim_text name, uint64_t id)
{
    static const char mark[] = " pair in WeakMap (table @";
    const size_t mark_bytes = sizeof mark - 1;
    if (name.size_bytes < mark_bytes + 2 || name.data[name.size_bytes - 1] != ')')
        return false;
    size_t at = name.size_bytes - 1;
    uint64_t table = 0;
    uint64_t unit = 1;
    while (at > 0 && name.data[at - 1] >= '0' && name.data[at - 1] <= '9' &&
           unit < UINT64_MAX / 10) {
        table += (uint64_t)(name.data[at - 1] - '0') * unit;
        unit *= 10;
        at--;
    }
    return at >= mark_bytes && table == id &&
           memcmp(name.data + at - mark_bytes, mark, mark_bytes) == 0;
}

bool plim__leak_edge_keeps(const plim_graph *graph, uint32_t from, uint32_t edge)
{
    uint8_t type = graph->edge_type[edge];
    if (type == PLIM_EDGE_WEAK || graph->edge_to[edge] == from)
        return false;
    if (type == PLIM_EDGE_SHORTCUT)
        return from == 0;
    if (type != PLIM_EDGE_INTERNAL || graph->node_type[from] != PLIM_NODE_ARRAY)
        return true;
    return !leak_is_weak_table(plim__graph_string(graph, graph->edge_name[edge]),
                               plim__leak_id(graph, from));
}

uint32_t plim__leak_follow(const plim_graph *graph, uint32_t node, plim_edge_type type,
                           const char *name)
{
    plim_text wanted = {name, strlen(name)};
    for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
        if (graph->edge_type[edge] == type &&
            plim__text_equal(plim__graph_string(graph, graph->edge_name[edge]), wanted))
            return graph->edge_to[edge];
    return PLIM_NONE;
}

bool plim__leak_is_named(const plim_graph *graph, uint32_t node, const char *name)
{
    plim_text wanted = {name, strlen(name)};
    return graph->node_type[node] == PLIM_NODE_OBJECT &&
           plim__text_equal(plim__graph_string(graph, graph->node_name[node]), wanted);
}

bool plim__leak_is_suspended(const plim_graph *graph, uint32_t node)
{
    return plim__leak_follow(graph, node, PLIM_EDGE_INTERNAL, "parameters_and_registers") !=
           PLIM_NONE;
}

/* WebKit's Window and the scopes of its workers; a shape of theirs, which only an engine makes,
 * has to hold what is called so. */
static bool leak_is_scope_of_webkit(const plim_graph *graph, uint32_t node)
{
    static const plim_text window = {"Window", 6};
    static const char ending[] = "GlobalScope";
    const size_t ending_bytes = sizeof ending - 1;
    plim_text name = plim__graph_string(graph, graph->node_name[node]);
    return plim__text_equal(name, window) ||
           (name.size_bytes >= ending_bytes &&
            memcmp(name.data + name.size_bytes - ending_bytes, ending, ending_bytes) == 0);
}

bool plim__leak_is_global(const plim_analysis *analysis, uint32_t node)
{
    static const plim_text global_object = {"global_object", 13};
    static const plim_text global_proxy = {"global_proxy_object", 19};
    static const plim_text structure = {"Structure", 9};
    const plim_graph *graph = analysis->graph;
    if (graph->node_type[node] != PLIM_NODE_OBJECT)
        return false;
    /* V8 up to 13: the user root is the global object; later it is the context that holds it, and
     * of contexts that an embedder holds (Chromium, Deno, workerd) there are two steps more. */
    if (analysis->distance[node] == 1)
        return true;
    if (analysis->distance[node] > LEAK_GLOBAL_DISTANCE_MAX)
        return false;
    bool is_scope = leak_is_scope_of_webkit(graph, node);
    uint32_t count = plim_analysis_retainer_count(analysis, node);
    for (uint32_t i = 0; i < count && i < LEAK_GLOBAL_RETAINERS_MAX; i++) {
        plim_retainer retainer = plim_analysis_retainer(analysis, node, i);
        if (graph->edge_type[retainer.edge] != PLIM_EDGE_INTERNAL)
            continue;
        plim_text name = plim__graph_string(graph, graph->edge_name[retainer.edge]);
        if (plim__text_equal(name, global_object) || plim__text_equal(name, global_proxy))
            return true;
        name = plim__graph_string(graph, graph->node_name[retainer.from]);
        if (is_scope && graph->node_type[retainer.from] == PLIM_NODE_OBJECT_SHAPE &&
            plim__text_equal(name, structure))
            return true;
    }
    return false;
}

plim__leak_root plim__leak_root_of(const plim_graph *graph, const plim_path *path)
{
    static const struct {
        const char *start;
        plim__leak_root root;
    } starts[] = {
        {"(lost)", PLIM__LEAK_ROOT_LOST},
        {"variables of ", PLIM__LEAK_ROOT_VARIABLES},
        {"stack of thread ", PLIM__LEAK_ROOT_PASSING},
        {"registers of thread ", PLIM__LEAK_ROOT_PASSING},
        {"memory ", PLIM__LEAK_ROOT_PASSING},
        {"owner ", PLIM__LEAK_ROOT_OWNER},
        {"(no owner)", PLIM__LEAK_ROOT_OWNER},
    };
    static const char owner[] = " (owner ";
    if (path == NULL || path->length < 4 || graph->node_type[path->nodes[2]] != PLIM_NODE_SYNTHETIC)
        return PLIM__LEAK_ROOT_FOREIGN;
    plim_text name = plim__graph_string(graph, graph->node_name[path->nodes[2]]);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (plim__text_starts(name, starts[i].start, strlen(starts[i].start)))
            return starts[i].root;
    for (size_t i = 0; i + sizeof owner <= name.size_bytes; i++)
        if (name.data[i] == ' ' && memcmp(name.data + i, owner, sizeof owner - 1) == 0 &&
            name.data[name.size_bytes - 1] == ')')
            return PLIM__LEAK_ROOT_OWNER; /* "session loop (owner 7)" */
    return PLIM__LEAK_ROOT_FOREIGN;
}
