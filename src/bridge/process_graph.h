/* SPDX-License-Identifier: MIT */
/**
 * @file process_graph.h
 * @brief Blocks, roots and what was found between them, as a graph.
 */
#ifndef PLIM_BRIDGE_PROCESS_GRAPH_H
#define PLIM_BRIDGE_PROCESS_GRAPH_H
#include <plimsoll/graph.h>

#include "bridge/process_edges.h"
#include "bridge/process_sites.h"

/**
 * root -> "(GC roots)" -> a node per module, other mapping, stack and set of registers -> blocks ->
 * blocks. What no root leads to hangs from "(lost)", which says itself how much that is. Blocks are
 * of type object, called as their site, with their birth as id.
 */
PLIM_NODISCARD plim_status plim__process_graph(const plim__process_heap *heap,
                                               const plim__process_edges *edges,
                                               const plim__process_sites *sites,
                                               plim_graph **out_graph, plim_error *err);

#endif
