/* SPDX-License-Identifier: MIT */
/**
 * @file v8_locations.h
 * @brief The `locations` section on its way into a graph.
 *
 * Rows come in any order; the graph wants them sorted by node, one per node. Where a node has
 * several, the last holds, as in Chrome DevTools.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_V8_LOCATIONS_H
#define PLIM_HEAP_V8_LOCATIONS_H
#include "heap/graph.h"
#include "heap/v8_columns.h"
#include "heap/v8_meta.h"

typedef struct plim__v8_locations {
    const plim_allocator *allocator;
    const plim__v8_meta *meta; /* borrowed */
    plim__v8_column rows;      /* plim__node_location */
    uint32_t count;
} plim__v8_locations;

/** Starts; allocates nothing. */
void plim__v8_locations_init(plim__v8_locations *locations, const plim_allocator *allocator,
                             const plim__v8_meta *meta);

/** @retval PLIM_ERR_DAMAGED a row names a node that there is not, or a number beyond 32 bits. */
PLIM_NODISCARD plim_status plim__v8_locations_take(plim__v8_locations *locations,
                                                   const uint64_t *values, size_t row_count,
                                                   plim_error *err);

/** Sorts, and hands the rows out: NULL and 0 where there are none. */
PLIM_NODISCARD plim_status plim__v8_locations_detach(plim__v8_locations *locations,
                                                     plim__node_location **out_rows,
                                                     uint32_t *out_count, plim_error *err);

/** Frees; one that was cleared to zero and never started is accepted. */
void plim__v8_locations_fini(plim__v8_locations *locations);

#endif
