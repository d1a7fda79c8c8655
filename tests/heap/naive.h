/* SPDX-License-Identifier: MIT */
/**
 * @file naive.h
 * @brief The rules of analysis.h once more, as plainly as they can be written.
 *
 * The twin that model tests compare with: dominators by taking a node away and looking what is no
 * longer reached, owners by searching from each of them, classes by comparing texts. It shares no
 * code with the library but the graph's accessors, and is of no use beyond small graphs.
 */
#ifndef PLIM_TESTS_NAIVE_H
#define PLIM_TESTS_NAIVE_H
#include <plimsoll/graph.h>

enum {
    NAIVE_NODES_MAX = 48,
    NAIVE_EDGES_MAX = 256,
    NAIVE_NAME_BYTES = 320,
    NAIVE_PROPERTIES_MAX = 32,
    NAIVE_DEFINITIONS_MAX = 24
};

typedef struct naive_edge {
    uint32_t from;
    uint32_t to;
    plim_edge_type type;
    uint32_t index;
    char name[NAIVE_NAME_BYTES];
} naive_edge;

typedef struct naive_definition {
    char name[NAIVE_NAME_BYTES];
    char properties[NAIVE_PROPERTIES_MAX][16];
    unsigned property_count;
    unsigned seen;
} naive_definition;

typedef struct naive_class {
    char key[NAIVE_NAME_BYTES + 64];        /* what DevTools groups by */
    char public_key[NAIVE_NAME_BYTES + 64]; /* what it shows */
    char name[NAIVE_NAME_BYTES];
    uint64_t self_bytes;
    uint64_t retained_bytes;
    uint32_t count;
    uint32_t first;
    int32_t distance;
    bool shown;
} naive_class;

typedef struct naive {
    uint32_t node_count;
    uint32_t edge_count;
    plim_node nodes[NAIVE_NODES_MAX];
    naive_edge edges[NAIVE_EDGES_MAX];
    char names[NAIVE_NODES_MAX][NAIVE_NAME_BYTES]; /* with "Detached " where it belongs */
    bool has_detachedness;
    bool detached[NAIVE_NODES_MAX];
    bool essential[NAIVE_EDGES_MAX];
    uint64_t shallow[NAIVE_NODES_MAX];
    int32_t distance[NAIVE_NODES_MAX];
    uint32_t dominator[NAIVE_NODES_MAX];
    uint64_t retained[NAIVE_NODES_MAX];
    naive_definition definitions[NAIVE_DEFINITIONS_MAX];
    unsigned definition_count;
    char class_names[NAIVE_NODES_MAX][NAIVE_NAME_BYTES];
    uint32_t node_class[NAIVE_NODES_MAX];
    naive_class classes[NAIVE_NODES_MAX];
    uint32_t class_count;
} naive;

/** Fills all of *out; plain objects are named by classes_of's definitions, or, if NULL, by own. */
void naive_analyse(const plim_graph *graph, bool has_detachedness, const naive *classes_of,
                   naive *out);

#endif
