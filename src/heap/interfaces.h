/* SPDX-License-Identifier: MIT */
/**
 * @file interfaces.h
 * @brief Plain objects by shape: what inferring and applying interfaces share.
 */
#ifndef PLIM_HEAP_INTERFACES_H
#define PLIM_HEAP_INTERFACES_H
#include "heap/analysis.h"

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

/** definitions.c: infers the interfaces of a heap from the shapes of its plain objects. */
plim_status plim__definitions_infer(plim__analysis_work *work, const plim__shapes *shapes,
                                    plim_error *err);

/** definitions.c: takes over another analysis's interfaces. */
plim_status plim__definitions_copy(plim__analysis_work *work, plim_error *err);

/** interface_match.c: sets each shape's name by the definition that fits best. */
plim_status plim__interfaces_match(plim__analysis_work *work, plim__shapes *shapes,
                                   plim_error *err);

#endif
