/* SPDX-License-Identifier: MIT */
/**
 * @file graph_maker.h
 * @brief Graphs made in memory, node by node, for tests of what walks graphs.
 *
 * Nodes get their ordinals in the order they are made; node 0 is the root. Edges may be added in
 * any order, and lead anywhere; those of one node keep the order they were added in. Equal strings
 * are one string, as V8 has it, unless graph_maker_split_strings() says otherwise. Refused memory
 * and an invalid graph end the test.
 */
#ifndef PLIM_TESTS_GRAPH_MAKER_H
#define PLIM_TESTS_GRAPH_MAKER_H
#include <plimsoll/graph.h>

typedef struct graph_maker graph_maker;

/** Starts an empty graph, with a detachedness column if asked for. */
graph_maker *graph_maker_create(bool has_detachedness);

/** From here on every name becomes a string of its own, even if there is an equal one. */
void graph_maker_split_strings(graph_maker *maker);

/** Appends a node; its id is 2*ordinal+1. Returns its ordinal. */
uint32_t graph_maker_node(graph_maker *maker, plim_node_type type, const char *name,
                          uint64_t self_bytes);

/** Gives the node made last another id. */
void graph_maker_set_id(graph_maker *maker, uint64_t id);

/** Gives the node made last a DOM state: 0, 1 or 2. */
void graph_maker_set_detached(graph_maker *maker, uint32_t state);

/** Gives the node made last a place in the source. */
void graph_maker_set_location(graph_maker *maker, uint32_t script, uint32_t line, uint32_t column);

/** Adds an edge that is called by a text. */
void graph_maker_edge(graph_maker *maker, uint32_t from, plim_edge_type type, const char *name,
                      uint32_t to);

/** Adds an element or hidden edge, which is called by a number. */
void graph_maker_index(graph_maker *maker, uint32_t from, plim_edge_type type, uint32_t index,
                       uint32_t to);

/** The graph, to be ended with plim_graph_destroy(); the maker is gone. */
plim_graph *graph_maker_finish(graph_maker **maker);

#endif
