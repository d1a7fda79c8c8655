/* SPDX-License-Identifier: MIT */
/*
 * Graphs by hand: rows are gathered as they come, then edges are put in the order of their nodes by
 * counting (stable: edges of one node stay as they were added), and everything goes into columns.
 *
 * Invariants: B1 every edge's ends were nodes when it was added. B2 a builder that was refused
 * memory once stays so, and finish says it: callers may add without looking at each answer.
 */
#include <plimsoll/build.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/graph.h"
#include "heap/text_table.h"

enum { BUILDER_MAGIC = 0x6ab1e004, BUILDER_FIRST_ROWS = 1024, BUILDER_RECENT = 64 };

typedef struct build_node {
    uint64_t id;
    uint64_t self_bytes;
    uint32_t name;
    uint8_t type;
} build_node;

typedef struct build_edge {
    uint32_t from, to;
    uint32_t name; /* string number, or the index */
    uint8_t type;
} build_edge;

struct plim_graph_builder {
    uint32_t magic;
    const plim_allocator *allocator;
    build_node *nodes;
    uint32_t node_count, node_capacity;
    build_edge *edges;
    uint32_t edge_count, edge_capacity;
    plim__text_table texts;
    plim__text_arena arena;
    uint64_t text_bytes;
    uint32_t recent[BUILDER_RECENT]; /* numbers + 1 of texts met last, by where they came from */
    bool is_short;                   /* memory was refused */
    bool ids_are_addresses;
};

plim_status plim_graph_builder_create(const plim_allocator *allocator,
                                      plim_graph_builder **out_builder, plim_error *err)
{
    PLIM_CHECK(out_builder != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_graph_builder *builder = plim__array_new_zero(allocator, 1, sizeof *builder);
    if (builder == NULL)
        return plim__no_memory(err, "a graph");
    builder->magic = BUILDER_MAGIC;
    builder->allocator = allocator;
    builder->texts.allocator = allocator;
    builder->arena.allocator = allocator;
    *out_builder = builder;
    return PLIM_OK;
}

void plim_graph_builder_destroy(plim_graph_builder **builder_ptr)
{
    if (builder_ptr == NULL || *builder_ptr == NULL)
        return;
    plim_graph_builder *builder = *builder_ptr;
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    plim__array_free(builder->allocator, builder->nodes, builder->node_capacity,
                     sizeof *builder->nodes);
    plim__array_free(builder->allocator, builder->edges, builder->edge_capacity,
                     sizeof *builder->edges);
    plim__text_table_fini(&builder->texts);
    plim__text_arena_fini(&builder->arena);
    builder->magic = 0;
    plim__array_free(builder->allocator, builder, 1, sizeof *builder);
    *builder_ptr = NULL;
}

/* Room for one row more; the array stays where it was if there is none. */
static bool build_room(plim_graph_builder *builder, void **rows, uint32_t count, uint32_t *capacity,
                       uint32_t count_max, size_t row_bytes)
{
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity == 0              ? BUILDER_FIRST_ROWS
                      : *capacity > count_max / 2 ? count_max
                                                  : *capacity * 2;
    void *grown = count >= count_max
                      ? NULL
                      : plim__array_resize(builder->allocator, *rows, *capacity, wanted, row_bytes);
    if (grown == NULL) {
        builder->is_short = true;
        return false;
    }
    *rows = grown;
    *capacity = wanted;
    return true;
}

/* The number of a text, copied if it is new; PLIM_NONE if memory was refused. */
static uint32_t build_text(plim_graph_builder *builder, plim_text text)
{
    /* Names of types and fields come again and again, from where they came before: bytes that are
       the same need no hash. */
    uint32_t *recent = &builder->recent[(uintptr_t)text.data / 8 % BUILDER_RECENT];
    if (*recent > 0 && plim__text_equal(builder->texts.entries[*recent - 1].text, text))
        return *recent - 1;
    uint32_t number = plim__text_table_find(&builder->texts, text);
    if (number != PLIM_NONE) {
        *recent = number + 1;
        return number;
    }
    char *copy = plim__text_arena_take(&builder->arena, text.size_bytes);
    if (copy != NULL) {
        if (text.size_bytes > 0)
            memcpy(copy, text.data, text.size_bytes);
        number = plim__text_table_add(&builder->texts, (plim_text){copy, text.size_bytes});
    }
    if (number == PLIM_NONE)
        builder->is_short = true;
    else
        builder->text_bytes += text.size_bytes;
    return number;
}

uint32_t plim_graph_builder_node(plim_graph_builder *builder, plim_node_type type, plim_text name,
                                 uint64_t id, uint64_t self_bytes)
{
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    PLIM_CHECK(type < PLIM_NODE_OTHER);
    uint32_t text = build_text(builder, name);
    void *rows = builder->nodes;
    if (text == PLIM_NONE ||
        !build_room(builder, &rows, builder->node_count, &builder->node_capacity, PLIM_NODES_MAX,
                    sizeof *builder->nodes))
        return PLIM_NONE;
    builder->nodes = rows;
    builder->nodes[builder->node_count] = (build_node){id, self_bytes, text, (uint8_t)type};
    return builder->node_count++;
}

static bool build_add_edge(plim_graph_builder *builder, build_edge edge)
{
    void *rows = builder->edges;
    PLIM_CHECK(edge.from < builder->node_count && edge.to < builder->node_count);
    if (!build_room(builder, &rows, builder->edge_count, &builder->edge_capacity, PLIM_EDGES_MAX,
                    sizeof *builder->edges))
        return false;
    builder->edges = rows;
    builder->edges[builder->edge_count++] = edge;
    return true;
}

bool plim_graph_builder_edge(plim_graph_builder *builder, uint32_t from, plim_edge_type type,
                             plim_text name, uint32_t to)
{
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    PLIM_CHECK(type < PLIM_EDGE_OTHER && !plim__edge_has_index((uint8_t)type));
    uint32_t text = build_text(builder, name);
    return text != PLIM_NONE &&
           build_add_edge(builder, (build_edge){from, to, text, (uint8_t)type});
}

bool plim_graph_builder_element(plim_graph_builder *builder, uint32_t from, plim_edge_type type,
                                uint32_t index, uint32_t to)
{
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    PLIM_CHECK(plim__edge_has_index((uint8_t)type));
    return build_add_edge(builder, (build_edge){from, to, index, (uint8_t)type});
}

/* --- into columns -------------------------------------------------------------------------- */

static bool build_columns(const plim_graph_builder *builder, plim_graph *graph)
{
    const plim_allocator *allocator = builder->allocator;
    size_t nodes = builder->node_count;
    size_t edges = builder->edge_count;
    size_t big = 0;
    uint64_t id_max = 0;
    for (size_t i = 0; i < nodes; i++) {
        big += builder->nodes[i].self_bytes >= PLIM__SELF_OVERFLOW;
        id_max = builder->nodes[i].id > id_max ? builder->nodes[i].id : id_max;
    }
    graph->node_type = plim__array_new(allocator, nodes, sizeof *graph->node_type);
    graph->node_name = plim__array_new(allocator, nodes, sizeof *graph->node_name);
    graph->node_id = plim__array_new(allocator, nodes, sizeof *graph->node_id);
    graph->node_self = plim__array_new(allocator, nodes, sizeof *graph->node_self);
    graph->first_edge = plim__array_new_zero(allocator, nodes + 1, sizeof *graph->first_edge);
    graph->edge_type = plim__array_new(allocator, edges, sizeof *graph->edge_type);
    graph->edge_name = plim__array_new(allocator, edges, sizeof *graph->edge_name);
    graph->edge_to = plim__array_new(allocator, edges, sizeof *graph->edge_to);
    graph->string_start =
        plim__array_new(allocator, (size_t)builder->texts.count + 1, sizeof *graph->string_start);
    graph->strings = plim__array_new(allocator, (size_t)builder->text_bytes + 1, 1);
    if (id_max > UINT32_MAX)
        graph->id_high = plim__array_new(allocator, nodes, sizeof *graph->id_high);
    if (big > 0)
        graph->big_self = plim__array_new(allocator, big, sizeof *graph->big_self);
    /* What is freed is counted by these. */
    graph->node_count = (uint32_t)nodes;
    graph->edge_count = (uint32_t)edges;
    graph->string_count = builder->texts.count;
    graph->string_bytes = builder->text_bytes;
    graph->big_self_count = (uint32_t)big;
    bool has_edges = edges == 0 || (graph->edge_type != NULL && graph->edge_name != NULL &&
                                    graph->edge_to != NULL);
    return graph->node_type != NULL && graph->node_name != NULL && graph->node_id != NULL &&
           graph->node_self != NULL && graph->first_edge != NULL && has_edges &&
           graph->string_start != NULL && graph->strings != NULL &&
           (id_max <= UINT32_MAX || graph->id_high != NULL) &&
           (big == 0 || graph->big_self != NULL);
}

static void build_fill_nodes(const plim_graph_builder *builder, plim_graph *graph)
{
    uint32_t big = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const build_node *node = &builder->nodes[i];
        graph->node_type[i] = node->type;
        graph->node_name[i] = node->name;
        graph->node_id[i] = (uint32_t)node->id;
        if (graph->id_high != NULL)
            graph->id_high[i] = (uint32_t)(node->id >> 32);
        graph->self_bytes += node->self_bytes;
        if (node->self_bytes < PLIM__SELF_OVERFLOW) {
            graph->node_self[i] = (uint32_t)node->self_bytes;
        } else {
            graph->node_self[i] = PLIM__SELF_OVERFLOW;
            graph->big_self[big++] = (plim__big_self){i, node->self_bytes};
        }
    }
}

static void build_fill_edges(const plim_graph_builder *builder, plim_graph *graph)
{
    /* Ends of each node's edges, then filled from the back: what is left are the beginnings. */
    uint32_t *first = graph->first_edge;
    for (uint32_t i = 0; i < graph->edge_count; i++)
        first[builder->edges[i].from]++;
    uint32_t sum = 0;
    for (uint32_t node = 0; node <= graph->node_count; node++) {
        sum += first[node];
        first[node] = sum;
    }
    for (uint32_t i = graph->edge_count; i-- > 0;) {
        const build_edge *edge = &builder->edges[i];
        uint32_t at = --first[edge->from];
        graph->edge_type[at] = edge->type;
        graph->edge_name[at] = edge->name;
        graph->edge_to[at] = edge->to;
    }
}

static void build_fill_strings(const plim_graph_builder *builder, plim_graph *graph)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < graph->string_count; i++) {
        plim_text text = builder->texts.entries[i].text;
        graph->string_start[i] = at;
        if (text.size_bytes > 0)
            memcpy(graph->strings + at, text.data, text.size_bytes);
        at += text.size_bytes;
    }
    graph->string_start[graph->string_count] = at;
    graph->strings[at] = '\0';
}

void plim_graph_builder_ids_are_addresses(plim_graph_builder *builder)
{
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    builder->ids_are_addresses = true;
}

plim_status plim_graph_builder_finish(plim_graph_builder **builder_ptr, plim_graph **out_graph,
                                      plim_error *err)
{
    PLIM_CHECK(builder_ptr != NULL && out_graph != NULL);
    plim_graph_builder *builder = *builder_ptr;
    PLIM_CHECK_OBJ(builder, BUILDER_MAGIC);
    plim_status status = PLIM_OK;
    plim_graph *graph = NULL;
    if (builder->is_short)
        status = plim__no_memory(err, "a graph");
    else if (builder->node_count == 0)
        status = plim_error_set(err, PLIM_ERR_USAGE, "a graph has at least its root");
    if (status == PLIM_OK) {
        graph = plim__array_new_zero(builder->allocator, 1, sizeof *graph);
        if (graph == NULL)
            status = plim__no_memory(err, "a graph");
    }
    if (status == PLIM_OK) {
        graph->magic = PLIM__GRAPH_MAGIC;
        graph->allocator = builder->allocator;
        graph->ids_are_addresses = builder->ids_are_addresses;
        if (!build_columns(builder, graph)) {
            status = plim__no_memory(err, "a graph");
            plim_graph_destroy(&graph);
        } else {
            build_fill_nodes(builder, graph);
            build_fill_edges(builder, graph);
            build_fill_strings(builder, graph);
            PLIM_DCHECK_SLOW(plim__graph_is_valid(graph));
            *out_graph = graph;
        }
    }
    plim_graph_builder_destroy(builder_ptr);
    return status;
}
