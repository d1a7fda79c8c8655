/* SPDX-License-Identifier: MIT */
/**
 * @file graph.h
 * @brief The columns of a graph, for readers that fill them and analyses that walk them.
 *
 * Invariants (plim__graph_is_valid); node_count is never 0:
 *  I1 first_edge has node_count+1 entries, ascending, first_edge[node_count] == edge_count.
 *  I2 every edge_to is below node_count; every node_name below string_count.
 *  I3 edge_name is below string_count, except for ELEMENT and HIDDEN edges, whose name is a number.
 *  I4 string_start has string_count+1 entries, ascending, the last one string_bytes.
 *  I5 a node's self size is node_self[n], or, where that is PLIM__SELF_OVERFLOW, in big_self,
 *     sorted by node.
 *  I6 locations are sorted by node, at most one per node.
 */
#ifndef PLIM_HEAP_GRAPH_H
#define PLIM_HEAP_GRAPH_H
#include <plimsoll/graph.h>

enum { PLIM__GRAPH_MAGIC = 0x6ab1e001 };

/** node_self of a node whose size is in big_self: sizes of 4 GiB - 1 and more. */
#define PLIM__SELF_OVERFLOW UINT32_MAX

typedef struct plim__big_self {
    uint32_t node;
    uint64_t bytes;
} plim__big_self;

typedef struct plim__node_location {
    uint32_t node;
    plim_location at;
    uint32_t script_node; /* ordinal of the script where the file says (V8 15), else PLIM_NONE */
} plim__node_location;

typedef struct plim__script {
    uint32_t script_id;
    uint32_t name; /* string index */
} plim__script;

struct plim_graph {
    uint32_t magic;
    const plim_allocator *allocator;

    /* Nodes, one entry each. */
    uint32_t node_count;
    uint8_t *node_type;     /* plim_node_type */
    uint8_t *node_detached; /* 0 to 2; NULL where the file's meta has no detachedness */
    uint32_t *node_name;    /* string index */
    uint32_t *node_id;      /* low 32 bits; V8 ids fit (see id_high) */
    uint32_t *id_high;      /* high 32 bits; NULL while all are 0 */
    uint32_t *node_self;
    uint32_t *first_edge; /* node_count + 1 */
    uint32_t *node_trace; /* trace_node_id; NULL while all are 0 */

    /* Edges, one entry each, grouped by node. */
    uint32_t edge_count;
    uint8_t *edge_type;  /* plim_edge_type */
    uint32_t *edge_name; /* string index or number */
    uint32_t *edge_to;   /* ordinal */

    /* Strings: WTF-8, unescaped, one after another; the block has one byte more than used. */
    uint32_t string_count;
    uint64_t string_bytes;
    uint64_t *string_start; /* string_count + 1 */
    char *strings;

    plim__big_self *big_self;
    uint32_t big_self_count;

    plim__node_location *locations;
    uint32_t location_count;

    plim__script *scripts; /* sorted by script_id; filled by plim__graph_find_scripts() */
    uint32_t script_count;

    bool ids_are_addresses;
    uint64_t self_bytes;
    uint64_t extra_native_bytes;
    uint64_t trace_function_count;
    uint64_t sample_count;
};

/** Self size of a node whose node_self is PLIM__SELF_OVERFLOW. */
uint64_t plim__graph_big_self(const plim_graph *graph, uint32_t node);

/** Self size of a node as the file gives it. */
static inline uint64_t plim__graph_self(const plim_graph *graph, uint32_t node)
{
    uint32_t small = graph->node_self[node];
    return small != PLIM__SELF_OVERFLOW ? small : plim__graph_big_self(graph, node);
}

/** String of an index below string_count. */
static inline plim_text plim__graph_string(const plim_graph *graph, uint32_t string)
{
    uint64_t start = graph->string_start[string];
    plim_text text = {graph->strings + start, (size_t)(graph->string_start[string + 1] - start)};
    return text;
}

/** Whether an edge's name is a number. */
static inline bool plim__edge_has_index(uint8_t type)
{
    return type == PLIM_EDGE_ELEMENT || type == PLIM_EDGE_HIDDEN;
}

/** I1 to I6; slow. */
bool plim__graph_is_valid(const plim_graph *graph);

/** Finds script names by way of closures (src/heap/scripts.c); a reader's last step. */
plim_status plim__graph_find_scripts(plim_graph *graph, plim_error *err);

#endif
