/* SPDX-License-Identifier: MIT */
/* Edges are kept as a list of rows and put in the order of their sources at the end. */
#include "graph_maker.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/graph.h"

typedef struct maker_node {
    uint8_t type;
    uint8_t detached;
    bool has_location;
    uint32_t name;
    uint64_t id;
    uint64_t self_bytes;
    plim_location location;
} maker_node;

typedef struct maker_edge {
    uint32_t from;
    uint32_t to;
    uint32_t name;
    uint8_t type;
} maker_edge;

typedef struct maker_text {
    char *data;
    size_t size_bytes;
} maker_text;

struct graph_maker {
    bool has_detachedness;
    bool splits;
    maker_node *nodes;
    maker_edge *edges;
    maker_text *strings;
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t string_count;
    uint32_t node_capacity;
    uint32_t edge_capacity;
    uint32_t string_capacity;
};

static void *maker_array(size_t count, size_t item_bytes)
{
    if (count == 0)
        return NULL;
    void *array = plim__array_new_zero(plim_allocator_system(), count, item_bytes);
    PLIM_CHECK(array != NULL);
    return array;
}

/* Room for one more item of an array. */
static void *maker_room(void *array, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    uint32_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    array = plim__array_resize(plim_allocator_system(), array, *capacity, wanted, item_bytes);
    PLIM_CHECK(array != NULL);
    *capacity = wanted;
    return array;
}

static uint32_t maker_string(graph_maker *maker, const char *text)
{
    size_t size = strlen(text);
    for (uint32_t i = 0; i < maker->string_count && !maker->splits; i++)
        if (maker->strings[i].size_bytes == size && memcmp(maker->strings[i].data, text, size) == 0)
            return i;
    maker->strings = maker_room(maker->strings, maker->string_count, &maker->string_capacity,
                                sizeof *maker->strings);
    char *copy = maker_array(size + 1, 1);
    memcpy(copy, text, size);
    maker->strings[maker->string_count] = (maker_text){copy, size};
    return maker->string_count++;
}

graph_maker *graph_maker_create(bool has_detachedness)
{
    graph_maker *maker = maker_array(1, sizeof *maker);
    maker->has_detachedness = has_detachedness;
    (void)maker_string(maker, "<dummy>"); /* as V8 begins */
    return maker;
}

void graph_maker_split_strings(graph_maker *maker)
{
    maker->splits = true;
}

uint32_t graph_maker_node(graph_maker *maker, plim_node_type type, const char *name,
                          uint64_t self_bytes)
{
    maker->nodes =
        maker_room(maker->nodes, maker->node_count, &maker->node_capacity, sizeof *maker->nodes);
    maker->nodes[maker->node_count] = (maker_node){.type = (uint8_t)type,
                                                   .name = maker_string(maker, name),
                                                   .id = (uint64_t)maker->node_count * 2 + 1,
                                                   .self_bytes = self_bytes};
    return maker->node_count++;
}

static maker_node *maker_last(graph_maker *maker)
{
    PLIM_CHECK(maker->node_count > 0);
    return &maker->nodes[maker->node_count - 1];
}

void graph_maker_set_id(graph_maker *maker, uint64_t id)
{
    maker_last(maker)->id = id;
}

void graph_maker_set_detached(graph_maker *maker, uint32_t state)
{
    PLIM_CHECK(maker->has_detachedness && state <= 2);
    maker_last(maker)->detached = (uint8_t)state;
}

void graph_maker_set_location(graph_maker *maker, uint32_t script, uint32_t line, uint32_t column)
{
    maker_last(maker)->has_location = true;
    maker_last(maker)->location = (plim_location){script, line, column};
}

static void maker_add_edge(graph_maker *maker, maker_edge edge)
{
    maker->edges =
        maker_room(maker->edges, maker->edge_count, &maker->edge_capacity, sizeof *maker->edges);
    maker->edges[maker->edge_count++] = edge;
}

void graph_maker_edge(graph_maker *maker, uint32_t from, plim_edge_type type, const char *name,
                      uint32_t to)
{
    PLIM_CHECK(!plim__edge_has_index((uint8_t)type));
    maker_add_edge(maker, (maker_edge){from, to, maker_string(maker, name), (uint8_t)type});
}

void graph_maker_index(graph_maker *maker, uint32_t from, plim_edge_type type, uint32_t index,
                       uint32_t to)
{
    PLIM_CHECK(plim__edge_has_index((uint8_t)type));
    maker_add_edge(maker, (maker_edge){from, to, index, (uint8_t)type});
}

static void maker_fill_nodes(const graph_maker *maker, plim_graph *graph)
{
    uint32_t count = maker->node_count;
    bool high = false;
    for (uint32_t i = 0; i < count; i++) {
        graph->big_self_count += maker->nodes[i].self_bytes >= PLIM__SELF_OVERFLOW;
        graph->location_count += maker->nodes[i].has_location;
        high = high || maker->nodes[i].id >> 32 != 0;
    }
    graph->node_count = count;
    graph->node_type = maker_array(count, sizeof *graph->node_type);
    graph->node_detached =
        maker->has_detachedness ? maker_array(count, sizeof *graph->node_detached) : NULL;
    graph->node_name = maker_array(count, sizeof *graph->node_name);
    graph->node_id = maker_array(count, sizeof *graph->node_id);
    graph->id_high = high ? maker_array(count, sizeof *graph->id_high) : NULL;
    graph->node_self = maker_array(count, sizeof *graph->node_self);
    graph->big_self = maker_array(graph->big_self_count, sizeof *graph->big_self);
    graph->locations = maker_array(graph->location_count, sizeof *graph->locations);
    uint32_t big = 0;
    uint32_t location = 0;
    for (uint32_t i = 0; i < count; i++) {
        const maker_node *node = &maker->nodes[i];
        graph->node_type[i] = node->type;
        graph->node_name[i] = node->name;
        graph->node_id[i] = (uint32_t)node->id;
        if (high)
            graph->id_high[i] = (uint32_t)(node->id >> 32);
        if (maker->has_detachedness)
            graph->node_detached[i] = node->detached;
        graph->self_bytes += node->self_bytes;
        if (node->self_bytes >= PLIM__SELF_OVERFLOW) {
            graph->node_self[i] = PLIM__SELF_OVERFLOW;
            graph->big_self[big++] = (plim__big_self){i, node->self_bytes};
        } else {
            graph->node_self[i] = (uint32_t)node->self_bytes;
        }
        if (node->has_location)
            graph->locations[location++] =
                (plim__node_location){.node = i, .script_node = PLIM_NONE, .at = node->location};
    }
}

static void maker_fill_edges(const graph_maker *maker, plim_graph *graph)
{
    graph->edge_count = maker->edge_count;
    graph->first_edge = maker_array((size_t)maker->node_count + 1, sizeof *graph->first_edge);
    graph->edge_type = maker_array(maker->edge_count, sizeof *graph->edge_type);
    graph->edge_name = maker_array(maker->edge_count, sizeof *graph->edge_name);
    graph->edge_to = maker_array(maker->edge_count, sizeof *graph->edge_to);
    for (uint32_t i = 0; i < maker->edge_count; i++) {
        PLIM_CHECK(maker->edges[i].from < maker->node_count);
        graph->first_edge[maker->edges[i].from + 1]++;
    }
    for (uint32_t i = 0; i < maker->node_count; i++)
        graph->first_edge[i + 1] += graph->first_edge[i];
    uint32_t *next = maker_array((size_t)maker->node_count + 1, sizeof *next);
    memcpy(next, graph->first_edge, ((size_t)maker->node_count + 1) * sizeof *next);
    for (uint32_t i = 0; i < maker->edge_count; i++) {
        uint32_t at = next[maker->edges[i].from]++;
        graph->edge_type[at] = maker->edges[i].type;
        graph->edge_name[at] = maker->edges[i].name;
        graph->edge_to[at] = maker->edges[i].to;
    }
    plim__array_free(plim_allocator_system(), next, (size_t)maker->node_count + 1, sizeof *next);
}

static void maker_fill_strings(const graph_maker *maker, plim_graph *graph)
{
    graph->string_count = maker->string_count;
    for (uint32_t i = 0; i < maker->string_count; i++)
        graph->string_bytes += maker->strings[i].size_bytes;
    graph->string_start = maker_array((size_t)maker->string_count + 1, sizeof *graph->string_start);
    graph->strings = maker_array((size_t)graph->string_bytes + 1, 1);
    uint64_t at = 0;
    for (uint32_t i = 0; i < maker->string_count; i++) {
        graph->string_start[i] = at;
        memcpy(graph->strings + at, maker->strings[i].data, maker->strings[i].size_bytes);
        at += maker->strings[i].size_bytes;
    }
    graph->string_start[maker->string_count] = at;
}

plim_graph *graph_maker_finish(graph_maker **maker)
{
    graph_maker *dying = *maker;
    const plim_allocator *allocator = plim_allocator_system();
    plim_graph *graph = maker_array(1, sizeof *graph);
    graph->magic = PLIM__GRAPH_MAGIC;
    graph->allocator = allocator;
    maker_fill_nodes(dying, graph);
    maker_fill_edges(dying, graph);
    maker_fill_strings(dying, graph);
    PLIM_CHECK(plim__graph_is_valid(graph));
    for (uint32_t i = 0; i < dying->string_count; i++)
        plim__array_free(allocator, dying->strings[i].data, dying->strings[i].size_bytes + 1, 1);
    plim__array_free(allocator, dying->nodes, dying->node_capacity, sizeof *dying->nodes);
    plim__array_free(allocator, dying->edges, dying->edge_capacity, sizeof *dying->edges);
    plim__array_free(allocator, dying->strings, dying->string_capacity, sizeof *dying->strings);
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *maker = NULL;
    return graph;
}
