/* SPDX-License-Identifier: MIT */
/**
 * @file graph_text.h
 * @brief A graph as text, through the public functions: what a person compares.
 */
#ifndef PLIM_TESTS_HEAP_GRAPH_TEXT_H
#define PLIM_TESTS_HEAP_GRAPH_TEXT_H
#include <plimsoll/graph.h>

#include "streams.h"

/** Totals, then each node, its location, its edges; beyond ASCII as \xNN; NUL at the end. */
void test_graph_text(const plim_graph *graph, test_sink *out);

/** Reads a text; the source's size is hidden where chunk is odd, so that both ways are walked. */
plim_status test_read_text(const char *data, size_t len, size_t chunk,
                           const plim_allocator *allocator, plim_graph **out_graph,
                           plim_error *err);

#endif
