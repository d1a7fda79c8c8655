/* SPDX-License-Identifier: MIT */
/*
 * Interfaces (rule 8): plain objects, those named Object, are told apart by their properties. Most
 * of them share few shapes, so everything costly is done once a shape: this file sorts the objects
 * into shapes, definitions.c infers which sets of properties deserve a name, interface_match.c
 * finds the best name of each shape.
 * Invariant: shapes of equal property names in equal order are one shape, by string index.
 */
#include "heap/interfaces.h"

#include "base/assert.h"

enum { SHAPE_SLOTS_MIN = 1024 };

static bool interface_is_plain(const plim__analysis_work *work, uint32_t node)
{
    const plim_graph *graph = work->graph;
    return graph->node_type[node] == PLIM_NODE_OBJECT &&
           work->string_kind[graph->node_name[node]] == PLIM__STRING_OBJECT;
}

static uint32_t interface_hash(const plim_graph *graph, uint32_t node)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    uint32_t end = graph->first_edge[node + 1];
    for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
        if (graph->edge_type[edge] == PLIM_EDGE_PROPERTY) {
            hash = (hash ^ graph->edge_name[edge]) * 0xff51afd7ed558ccdu;
            hash ^= hash >> 32;
        }
    }
    return (uint32_t)(hash * 0xc4ceb9fe1a85ec53u >> 32);
}

static bool interface_same_shape(const plim_graph *graph, uint32_t a, uint32_t b)
{
    uint32_t end_a = graph->first_edge[a + 1];
    uint32_t end_b = graph->first_edge[b + 1];
    uint32_t at_a = graph->first_edge[a];
    uint32_t at_b = graph->first_edge[b];
    for (;;) {
        at_a = plim__next_property(graph, at_a, end_a);
        at_b = plim__next_property(graph, at_b, end_b);
        if (at_a == end_a || at_b == end_b)
            return at_a == end_a && at_b == end_b;
        if (graph->edge_name[at_a++] != graph->edge_name[at_b++])
            return false;
    }
}

static bool interface_grow(const plim_allocator *allocator, plim__shapes *shapes)
{
    if (shapes->count == shapes->capacity) {
        uint32_t wanted = shapes->capacity == 0 ? SHAPE_SLOTS_MIN / 2 : shapes->capacity * 2;
        plim__shape *list =
            plim__array_resize(allocator, shapes->list, shapes->capacity, wanted, sizeof *list);
        if (list == NULL)
            return false;
        shapes->list = list;
        shapes->capacity = wanted;
    }
    if (shapes->count < shapes->slot_count / 2)
        return true;
    uint32_t wanted = shapes->slot_count == 0 ? SHAPE_SLOTS_MIN : shapes->slot_count * 2;
    uint32_t *slots = plim__array_new_zero(allocator, wanted, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < shapes->count; i++) {
        uint32_t slot = shapes->list[i].hash & (wanted - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (wanted - 1);
        slots[slot] = i + 1;
    }
    plim__array_free(allocator, shapes->slots, shapes->slot_count, sizeof *slots);
    shapes->slots = slots;
    shapes->slot_count = wanted;
    return true;
}

/* The shape of a plain object; PLIM_NONE if memory was refused. */
static uint32_t interface_shape_of(const plim__analysis_work *work, plim__shapes *shapes,
                                   uint32_t node)
{
    if (!interface_grow(work->allocator, shapes))
        return PLIM_NONE;
    uint32_t hash = interface_hash(work->graph, node);
    uint32_t mask = shapes->slot_count - 1;
    uint32_t slot = hash & mask;
    while (shapes->slots[slot] != 0) {
        plim__shape *shape = &shapes->list[shapes->slots[slot] - 1];
        if (shape->hash == hash && interface_same_shape(work->graph, shape->sample, node)) {
            shape->count++;
            return shapes->slots[slot] - 1;
        }
        slot = (slot + 1) & mask;
    }
    shapes->list[shapes->count] = (plim__shape){hash, node, 1, PLIM_NONE};
    shapes->slots[slot] = ++shapes->count;
    return shapes->count - 1;
}

static plim_status interface_sort(plim__analysis_work *work, plim__shapes *shapes, plim_error *err)
{
    for (uint32_t node = 0; node < work->graph->node_count; node++) {
        if (!interface_is_plain(work, node))
            continue;
        uint32_t shape = interface_shape_of(work, shapes, node);
        if (shape == PLIM_NONE)
            return plim__no_memory(err, "the shapes of plain objects");
        work->analysis->node_class[node] = shape;
        shapes->object_count++;
    }
    return PLIM_OK;
}

plim_status plim__interfaces_apply(plim__analysis_work *work, plim_error *err)
{
    plim__shapes shapes = {0};
    plim_status status = interface_sort(work, &shapes, err);
    if (status == PLIM_OK)
        status = work->classes_of != NULL ? plim__definitions_copy(work, err)
                                          : plim__definitions_infer(work, &shapes, err);
    if (status == PLIM_OK)
        status = plim__interfaces_match(work, &shapes, err);
    uint32_t *node_class = work->analysis->node_class;
    for (uint32_t node = 0; node < work->graph->node_count && status == PLIM_OK; node++) {
        if (!interface_is_plain(work, node))
            continue;
        uint32_t name = shapes.list[node_class[node]].name;
        node_class[node] = name != PLIM_NONE ? name : work->graph->node_name[node];
    }
    plim__array_free(work->allocator, shapes.list, shapes.capacity, sizeof *shapes.list);
    plim__array_free(work->allocator, shapes.slots, shapes.slot_count, sizeof *shapes.slots);
    return status;
}
