/* SPDX-License-Identifier: MIT */
/*
 * The graph seen from outside: copies of single rows out of the columns, and the walk that proves
 * the invariants of graph.h. Readers fill the columns, this file only looks at them.
 */
#include "heap/graph.h"

#include <plimsoll/graph.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/text_table.h"

static const char *const NODE_TYPE_NAMES[] = {
    [PLIM_NODE_HIDDEN] = "hidden",
    [PLIM_NODE_ARRAY] = "array",
    [PLIM_NODE_STRING] = "string",
    [PLIM_NODE_OBJECT] = "object",
    [PLIM_NODE_CODE] = "code",
    [PLIM_NODE_CLOSURE] = "closure",
    [PLIM_NODE_REGEXP] = "regexp",
    [PLIM_NODE_NUMBER] = "number",
    [PLIM_NODE_NATIVE] = "native",
    [PLIM_NODE_SYNTHETIC] = "synthetic",
    [PLIM_NODE_CONS_STRING] = "concatenated string",
    [PLIM_NODE_SLICED_STRING] = "sliced string",
    [PLIM_NODE_SYMBOL] = "symbol",
    [PLIM_NODE_BIGINT] = "bigint",
    [PLIM_NODE_OBJECT_SHAPE] = "object shape",
    [PLIM_NODE_WASM_OBJECT] = "wasm object",
    [PLIM_NODE_OTHER] = "other",
};

static const char *const EDGE_TYPE_NAMES[] = {
    [PLIM_EDGE_CONTEXT] = "context",   [PLIM_EDGE_ELEMENT] = "element",
    [PLIM_EDGE_PROPERTY] = "property", [PLIM_EDGE_INTERNAL] = "internal",
    [PLIM_EDGE_HIDDEN] = "hidden",     [PLIM_EDGE_SHORTCUT] = "shortcut",
    [PLIM_EDGE_WEAK] = "weak",         [PLIM_EDGE_OTHER] = "other",
};

static bool graph_edges_are_valid(const plim_graph *graph)
{
    for (uint32_t edge = 0; edge < graph->edge_count; edge++) {
        if (graph->edge_to[edge] >= graph->node_count || graph->edge_type[edge] > PLIM_EDGE_OTHER)
            return false;
        if (!plim__edge_has_index(graph->edge_type[edge]) &&
            graph->edge_name[edge] >= graph->string_count)
            return false;
    }
    return true;
}

static bool graph_nodes_are_valid(const plim_graph *graph)
{
    uint32_t big = 0;
    uint64_t self_bytes = 0;
    if (graph->first_edge[0] != 0 || graph->first_edge[graph->node_count] != graph->edge_count)
        return false;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (graph->first_edge[node] > graph->first_edge[node + 1] ||
            graph->node_name[node] >= graph->string_count ||
            graph->node_type[node] > PLIM_NODE_OTHER ||
            (graph->node_detached != NULL && graph->node_detached[node] > 2))
            return false;
        if (graph->node_self[node] == PLIM__SELF_OVERFLOW) {
            if (big >= graph->big_self_count || graph->big_self[big].node != node ||
                graph->big_self[big].bytes < PLIM__SELF_OVERFLOW)
                return false;
            self_bytes += graph->big_self[big].bytes;
            big++;
        } else {
            self_bytes += graph->node_self[node];
        }
    }
    return big == graph->big_self_count && self_bytes == graph->self_bytes;
}

static bool graph_strings_are_valid(const plim_graph *graph)
{
    if (graph->string_start[0] != 0 ||
        graph->string_start[graph->string_count] != graph->string_bytes)
        return false;
    for (uint32_t string = 0; string < graph->string_count; string++) {
        if (graph->string_start[string] > graph->string_start[string + 1])
            return false;
    }
    return true;
}

static bool graph_tables_are_valid(const plim_graph *graph)
{
    for (uint32_t i = 0; i < graph->location_count; i++) {
        const plim__node_location *location = &graph->locations[i];
        if (location->node >= graph->node_count || (i > 0 && location[-1].node >= location->node))
            return false;
        if (location->script_node != PLIM_NONE && location->script_node >= graph->node_count)
            return false;
    }
    for (uint32_t i = 0; i < graph->script_count; i++) {
        const plim__script *script = &graph->scripts[i];
        if (script->name >= graph->string_count ||
            (i > 0 && script[-1].script_id >= script->script_id))
            return false;
    }
    return true;
}

bool plim__graph_is_valid(const plim_graph *graph)
{
    if (graph == NULL || graph->magic != PLIM__GRAPH_MAGIC || graph->node_count == 0)
        return false;
    return graph_strings_are_valid(graph) && graph_nodes_are_valid(graph) &&
           graph_edges_are_valid(graph) && graph_tables_are_valid(graph);
}

uint64_t plim__graph_big_self(const plim_graph *graph, uint32_t node)
{
    uint32_t low = 0;
    uint32_t high = graph->big_self_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (graph->big_self[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    PLIM_CHECK(low < graph->big_self_count && graph->big_self[low].node == node);
    return graph->big_self[low].bytes;
}

void plim_graph_destroy(plim_graph **graph)
{
    if (graph == NULL || *graph == NULL)
        return;
    plim_graph *dead = *graph;
    PLIM_CHECK_OBJ(dead, PLIM__GRAPH_MAGIC);
    const plim_allocator *allocator = dead->allocator;
    size_t nodes = dead->node_count;
    size_t edges = dead->edge_count;
    plim__array_free(allocator, dead->node_type, nodes, sizeof *dead->node_type);
    plim__array_free(allocator, dead->node_detached, nodes, sizeof *dead->node_detached);
    plim__array_free(allocator, dead->node_name, nodes, sizeof *dead->node_name);
    plim__array_free(allocator, dead->node_id, nodes, sizeof *dead->node_id);
    plim__array_free(allocator, dead->id_high, nodes, sizeof *dead->id_high);
    plim__array_free(allocator, dead->node_self, nodes, sizeof *dead->node_self);
    plim__array_free(allocator, dead->first_edge, nodes + 1, sizeof *dead->first_edge);
    plim__array_free(allocator, dead->node_trace, nodes, sizeof *dead->node_trace);
    plim__array_free(allocator, dead->edge_type, edges, sizeof *dead->edge_type);
    plim__array_free(allocator, dead->edge_name, edges, sizeof *dead->edge_name);
    plim__array_free(allocator, dead->edge_to, edges, sizeof *dead->edge_to);
    plim__array_free(allocator, dead->string_start, (size_t)dead->string_count + 1,
                     sizeof *dead->string_start);
    plim__array_free(allocator, dead->strings, dead->string_bytes + 1, 1);
    plim__array_free(allocator, dead->big_self, dead->big_self_count, sizeof *dead->big_self);
    plim__array_free(allocator, dead->locations, dead->location_count, sizeof *dead->locations);
    plim__array_free(allocator, dead->scripts, dead->script_count, sizeof *dead->scripts);
    dead->magic = 0;
    plim__array_free(allocator, dead, 1, sizeof *dead);
    *graph = NULL;
}

static uint64_t graph_memory_bytes(const plim_graph *graph)
{
    uint64_t nodes = graph->node_count;
    uint64_t edges = graph->edge_count;
    uint64_t per_node = sizeof *graph->node_type + sizeof *graph->node_name +
                        sizeof *graph->node_id + sizeof *graph->node_self +
                        sizeof *graph->first_edge;
    per_node += graph->node_detached != NULL ? sizeof *graph->node_detached : 0;
    per_node += graph->id_high != NULL ? sizeof *graph->id_high : 0;
    per_node += graph->node_trace != NULL ? sizeof *graph->node_trace : 0;
    uint64_t per_edge =
        sizeof *graph->edge_type + sizeof *graph->edge_name + sizeof *graph->edge_to;
    return sizeof *graph + nodes * per_node + sizeof *graph->first_edge + edges * per_edge +
           ((uint64_t)graph->string_count + 1) * sizeof *graph->string_start + graph->string_bytes +
           1 + graph->big_self_count * sizeof *graph->big_self +
           graph->location_count * sizeof *graph->locations +
           graph->script_count * sizeof *graph->scripts;
}

void plim_graph_read_info(const plim_graph *graph, plim_graph_info *out_info)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(out_info != NULL);
    *out_info = (plim_graph_info){
        .node_count = graph->node_count,
        .edge_count = graph->edge_count,
        .string_count = graph->string_count,
        .location_count = graph->location_count,
        .self_bytes = graph->self_bytes,
        .extra_native_bytes = graph->extra_native_bytes,
        .trace_function_count = graph->trace_function_count,
        .sample_count = graph->sample_count,
        .memory_bytes = graph_memory_bytes(graph),
        .ids_are_addresses = graph->ids_are_addresses,
    };
}

void plim_graph_node(const plim_graph *graph, uint32_t node, plim_node *out_node)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(node < graph->node_count);
    PLIM_CHECK(out_node != NULL);
    uint64_t high = graph->id_high != NULL ? graph->id_high[node] : 0;
    *out_node = (plim_node){
        .id = high << 32 | graph->node_id[node],
        .self_bytes = plim__graph_self(graph, node),
        .name = plim__graph_string(graph, graph->node_name[node]),
        .type = (plim_node_type)graph->node_type[node],
        .first_edge = graph->first_edge[node],
        .edge_count = graph->first_edge[node + 1] - graph->first_edge[node],
        .detachedness = graph->node_detached != NULL ? graph->node_detached[node] : 0,
    };
}

void plim_graph_edge(const plim_graph *graph, uint32_t edge, plim_edge *out_edge)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(edge < graph->edge_count);
    PLIM_CHECK(out_edge != NULL);
    plim_edge row = {
        .index = PLIM_NONE,
        .to = graph->edge_to[edge],
        .type = (plim_edge_type)graph->edge_type[edge],
    };
    if (plim__edge_has_index(graph->edge_type[edge]))
        row.index = graph->edge_name[edge];
    else
        row.name = plim__graph_string(graph, graph->edge_name[edge]);
    *out_edge = row;
}

uint32_t plim_graph_find_id(const plim_graph *graph, uint64_t id)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    if (graph->id_high == NULL && id > UINT32_MAX)
        return PLIM_NONE;
    uint32_t low = (uint32_t)id;
    uint32_t high = (uint32_t)(id >> 32);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (graph->node_id[node] == low && (graph->id_high == NULL || graph->id_high[node] == high))
            return node;
    }
    return PLIM_NONE;
}

bool plim_graph_location(const plim_graph *graph, uint32_t node, plim_location *out_location)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(node < graph->node_count);
    PLIM_CHECK(out_location != NULL);
    uint32_t low = 0;
    uint32_t high = graph->location_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (graph->locations[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == graph->location_count || graph->locations[low].node != node)
        return false;
    *out_location = graph->locations[low].at;
    return true;
}

plim_text plim_graph_script_name(const plim_graph *graph, uint32_t script_id)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    uint32_t low = 0;
    uint32_t high = graph->script_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (graph->scripts[middle].script_id < script_id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == graph->script_count || graph->scripts[low].script_id != script_id)
        return (plim_text){"", 0};
    /* V8 15 names the node of a script so, where it named it by its URL alone before. */
    static const char mark[] = "system / Script / ";
    plim_text name = plim__graph_string(graph, graph->scripts[low].name);
    if (plim__text_starts(name, mark, sizeof mark - 1) && name.size_bytes >= sizeof mark)
        name = (plim_text){name.data + sizeof mark - 1, name.size_bytes - (sizeof mark - 1)};
    return name;
}

const char *plim_node_type_name(plim_node_type type)
{
    return type >= PLIM_NODE_HIDDEN && type <= PLIM_NODE_OTHER ? NODE_TYPE_NAMES[type] : "other";
}

const char *plim_edge_type_name(plim_edge_type type)
{
    return type >= PLIM_EDGE_CONTEXT && type <= PLIM_EDGE_OTHER ? EDGE_TYPE_NAMES[type] : "other";
}
