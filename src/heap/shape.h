/* SPDX-License-Identifier: MIT */
/**
 * @file shape.h
 * @brief Plain objects by shape: what inferring and applying interfaces both look at.
 */
#ifndef PLIM_HEAP_SHAPE_H
#define PLIM_HEAP_SHAPE_H
#include "heap/graph.h"

/** Objects whose property edges have the same names in the same order. */
typedef struct plim__shape {
    uint32_t hash;
    uint32_t sample; /* the first such node */
    uint32_t count;
    uint32_t name; /* of its class; PLIM_NONE: none fits, each is called by its own name */
} plim__shape;

typedef struct plim__shapes {
    plim__shape *list; /* in the order of first sight */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* number + 1; 0 is empty; a power of two */
    uint32_t slot_count;
    uint64_t object_count;
} plim__shapes;

/** The next property edge of a node from `edge` on, or the end of its edges. */
static inline uint32_t plim__next_property(const plim_graph *graph, uint32_t edge, uint32_t end)
{
    while (edge < end && graph->edge_type[edge] != PLIM_EDGE_PROPERTY)
        edge++;
    return edge;
}

#endif
