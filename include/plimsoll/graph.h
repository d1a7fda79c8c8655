/* SPDX-License-Identifier: MIT */
/**
 * @file graph.h
 * @brief A heap as a graph: nodes, edges, strings, in columns; and the reader of V8 snapshots.
 *
 * Whatever a heap came from (a V8 snapshot, another engine's, a region), it becomes this one
 * graph, and every analysis works on it. A node is named by its ordinal, 0 to node_count-1, in
 * file order; node 0 is the root. An edge is named by its position, 0 to edge_count-1; the edges
 * of one node are neighbours. Facts are as the file gives them: what Chrome DevTools derives
 * (moved sizes, "Detached" names, classes) is in analysis.h.
 * Cost: 18 bytes a node, 9 an edge, plus strings (tests/heap/test_graph_memory.c holds it).
 * Thread-safety: immutable after it was made; any number of readers at once.
 */
#ifndef PLIM_GRAPH_H
#define PLIM_GRAPH_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

/** V8's node types by meaning, whatever number the file's meta gives them. */
typedef enum plim_node_type {
    PLIM_NODE_HIDDEN,
    PLIM_NODE_ARRAY,
    PLIM_NODE_STRING,
    PLIM_NODE_OBJECT,
    PLIM_NODE_CODE,
    PLIM_NODE_CLOSURE,
    PLIM_NODE_REGEXP,
    PLIM_NODE_NUMBER,
    PLIM_NODE_NATIVE,
    PLIM_NODE_SYNTHETIC,
    PLIM_NODE_CONS_STRING,
    PLIM_NODE_SLICED_STRING,
    PLIM_NODE_SYMBOL,
    PLIM_NODE_BIGINT,
    PLIM_NODE_OBJECT_SHAPE,
    PLIM_NODE_WASM_OBJECT,
    PLIM_NODE_OTHER /**< a type this version does not know; its name is in the file */
} plim_node_type;

/** V8's edge types by meaning. For ELEMENT and HIDDEN the name is a number, else a string. */
typedef enum plim_edge_type {
    PLIM_EDGE_CONTEXT,
    PLIM_EDGE_ELEMENT,
    PLIM_EDGE_PROPERTY,
    PLIM_EDGE_INTERNAL,
    PLIM_EDGE_HIDDEN,
    PLIM_EDGE_SHORTCUT,
    PLIM_EDGE_WEAK,
    PLIM_EDGE_OTHER
} plim_edge_type;

/** The weak edge from an object of a C program's region to where it was made, a node that is named
 *  "function file:line". */
#define PLIM_EDGE_MADE_AT "made at"

/** Bytes with a length, no NUL: UTF-8, but lone surrogates as V8 writes them stay (WTF-8). */
typedef struct plim_text {
    const char *data;
    size_t size_bytes;
} plim_text;

/** "No such node", "no such edge", "no such string". */
#define PLIM_NONE UINT32_MAX

/** Where an object's class or a closure was made; line and column count from 0, as V8's do. */
typedef struct plim_location {
    uint32_t script_id;
    uint32_t line;
    uint32_t column;
} plim_location;

typedef struct plim_graph plim_graph;

/** Totals of a graph. */
typedef struct plim_graph_info {
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t string_count;
    uint32_t location_count;
    uint64_t self_bytes;           /**< sum over nodes, as in the file */
    uint64_t extra_native_bytes;   /**< 0 where the file has none */
    uint64_t trace_function_count; /**< 0 unless allocations were tracked */
    uint64_t sample_count;         /**< rows of a timeline */
    uint64_t memory_bytes;         /**< what the graph itself takes */
    bool ids_are_addresses;        /**< they compare with no other snapshot's (Firefox) */
} plim_graph_info;

/** All zero is the default. */
typedef struct plim_read_options {
    uint32_t struct_bytes;           /**< sizeof(plim_read_options) */
    uint32_t unused;                 /**< 0 */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed by the graph */
    plim_progress progress;          /**< step NULL: none */
} plim_read_options;

/**
 * @brief      Reads a V8 heap snapshot or timeline of any generation into a graph.
 * @param[in]  source     plain JSON text; see codec.h for compressed files. Read to its end.
 * @param[in]  options    NULL: defaults.
 * @param[out] out_graph  set only on PLIM_OK; ended by plim_graph_destroy().
 * @param[out] err        what is wrong, at which byte and in which section; may be NULL.
 * @retval PLIM_ERR_DAMAGED not JSON, not a snapshot, an index out of range, counts that lie.
 * @retval PLIM_ERR_TRUNCATED the text ends early; where says at which byte.
 * @retval PLIM_ERR_LIMIT more than this build can hold (limits in src/base/limits.h).
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @retval PLIM_ERR_INTERRUPTED progress asked to stop.
 * @note       Threads: any; one at a time per source.
 * @see        V8 src/profiler/heap-snapshot-generator.cc; docs/internals/v8-snapshot.md
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_read_v8(plim_source source,
                                                       const plim_read_options *options,
                                                       plim_graph **out_graph, plim_error *err);

/** A moment of a recording, and the highest id that was given out by then. */
typedef struct plim_write_sample {
    uint64_t at_us;
    uint64_t last_id;
} plim_write_sample;

/** A function that allocates. */
typedef struct plim_write_function {
    const char *name;   /**< not NULL */
    const char *source; /**< path or URL; not NULL, "" where unknown */
    uint32_t script_id; /**< the number of that source; 0: none */
    uint32_t line;      /**< 1 and up; 0: unknown */
} plim_write_function;

/** One call of a tree of calls; a caller stands before what it calls. */
typedef struct plim_write_call {
    uint32_t function; /**< index of it */
    uint32_t parent;   /**< an earlier call, or PLIM_NONE: the outermost */
    uint64_t count;    /**< objects made by this call, not by those below it */
    uint64_t bytes;    /**< of these */
} plim_write_call;

/** Where the objects of a graph were allocated. */
typedef struct plim_write_trace {
    const plim_write_function *functions;
    uint32_t function_count;
    const plim_write_call *calls;
    uint32_t call_count;
    const uint32_t *node_call; /**< per node its call, or PLIM_NONE */
} plim_write_trace;

/** All zero is the default. */
typedef struct plim_write_options {
    uint32_t struct_bytes;            /**< sizeof(plim_write_options) */
    uint32_t sample_count;            /**< of samples */
    const plim_allocator *allocator;  /**< NULL: the system's; 64 KiB while it writes */
    plim_progress progress;           /**< step NULL: none */
    const plim_write_sample *samples; /**< of a recording, rising; NULL: none */
    const plim_write_trace *trace;    /**< NULL: not known */
    bool keep_ids;                    /**< ids past 32 bits as they are; else ordinals instead */
} plim_write_options;

/**
 * @brief         Writes a graph as a V8 heap snapshot, which Chrome DevTools opens; read back it
 *                is the same graph, but for sizes of 4 GiB and more: they are spread over further
 *                nodes, since DevTools keeps sizes in 32 bits; and for ids, numbered anew where
 *                one passes 32 bits (see keep_ids). Of a timeline's stacks and samples it has
 *                those that the options name.
 * @param[in]     graph    not NULL.
 * @param[in]     sink     where to, in pieces of at most 64 KiB.
 * @param[in]     options  NULL: defaults.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_NO_MEMORY    the allocator refused.
 * @retval PLIM_ERR_INTERRUPTED  progress asked to stop; the sink has a part of it.
 * @retval PLIM_ERR_LIMIT        sizes so large that their further nodes pass 32 bits.
 * @note          Threads: any; whatever else the sink returned is passed on.
 * @see           docs/internals/v8-snapshot.md
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_write_v8(const plim_graph *graph, plim_sink sink,
                                                        const plim_write_options *options,
                                                        plim_error *err);

/**
 * @brief         Ends the graph; @p *graph is NULL afterwards.
 * @param[in,out] graph  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_graph_destroy(plim_graph **graph);

/**
 * @brief      Totals.
 * @param[in]  graph     not NULL.
 * @param[out] out_info  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_graph_read_info(const plim_graph *graph, plim_graph_info *out_info);

/** One node as the file gives it. */
typedef struct plim_node {
    uint64_t id; /**< the engine's; stable within one series of snapshots */
    uint64_t self_bytes;
    plim_text name; /**< borrowed from the graph */
    plim_node_type type;
    uint32_t first_edge; /**< position of its first edge */
    uint32_t edge_count;
    uint32_t detachedness; /**< 0 unknown, 1 attached, 2 detached */
} plim_node;

/** One edge as the file gives it. */
typedef struct plim_edge {
    plim_text name; /**< borrowed; empty where the name is a number */
    uint32_t index; /**< the number; PLIM_NONE where the name is a string */
    uint32_t to;    /**< ordinal of the node it leads to */
    plim_edge_type type;
} plim_edge;

/**
 * @brief      One node.
 * @param[in]  graph     not NULL.
 * @param[in]  node      0 to node_count-1; anything else is a fault of the caller and stops.
 * @param[out] out_node  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_graph_node(const plim_graph *graph, uint32_t node, plim_node *out_node);

/**
 * @brief      One edge.
 * @param[in]  graph     not NULL.
 * @param[in]  edge      0 to edge_count-1; anything else is a fault of the caller and stops.
 * @param[out] out_edge  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_graph_edge(const plim_graph *graph, uint32_t edge, plim_edge *out_edge);

/**
 * @brief     The node with that id.
 * @param[in] graph  not NULL.
 * @param[in] id     any.
 * @return    its ordinal, or PLIM_NONE. Cost: one pass over the ids.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_graph_find_id(const plim_graph *graph, uint64_t id);

/**
 * @brief      Where the class or closure of a node was made, if the file says.
 * @param[in]  graph         not NULL.
 * @param[in]  node          0 to node_count-1.
 * @param[out] out_location  set only if true is returned.
 * @return     whether there is a location.
 * @note       Threads: any.
 */
PLIM_API bool plim_graph_location(const plim_graph *graph, uint32_t node,
                                  plim_location *out_location);

/**
 * @brief     The name (URL or path) of a script, as far as the graph knows it.
 * @param[in] graph      not NULL.
 * @param[in] script_id  as in a location.
 * @return    borrowed text, empty where unknown. (Found by way of closures: see
 *            src/heap/scripts.c.)
 * @note      Threads: any.
 */
PLIM_API plim_text plim_graph_script_name(const plim_graph *graph, uint32_t script_id);

/**
 * @brief     The word for a node type, as V8 writes it ("closure", "concatenated string").
 * @param[in] type  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_node_type_name(plim_node_type type);

/**
 * @brief     The word for an edge type, as V8 writes it ("property", "context").
 * @param[in] type  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_edge_type_name(plim_edge_type type);

PLIM_DECLS_END
#endif
