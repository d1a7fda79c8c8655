/* SPDX-License-Identifier: MIT */
/**
 * @file analysis.h
 * @brief What Chrome DevTools would say of a graph: sizes, distances, dominators, classes.
 *
 * An analysis derives, over one graph: shallow sizes after DevTools' transfer to owners, distance
 * from the user roots, immediate dominators, retained sizes, and the class of every node. Answers
 * equal those of the DevTools heap snapshot worker bit for bit; docs/internals/devtools-rules.md
 * lists the rules. Optional parts are computed only when asked for.
 * Thread-safety: immutable after it was made; any number of readers at once.
 */
#ifndef PLIM_ANALYSIS_H
#define PLIM_ANALYSIS_H
#include <plimsoll/graph.h>
PLIM_DECLS_BEGIN

typedef struct plim_analysis plim_analysis;

/** Distance of what no path leads to. */
#define PLIM_DISTANCE_NONE (-5)
/** Distances from here on are counted from the root of the system, not from the user's roots. */
#define PLIM_DISTANCE_SYSTEM 100000000

/** Parts of an analysis; classes need nothing else, but their retained sizes need dominators. */
enum {
    PLIM_WANT_DISTANCES = 1u << 0,
    PLIM_WANT_DOMINATORS = 1u << 1, /**< and retained sizes */
    PLIM_WANT_CLASSES = 1u << 2,    /**< and the class rows */
    PLIM_WANT_RETAINERS = 1u << 3,  /**< edges by target, for retainers and paths */
    PLIM_WANT_ALL = (1u << 4) - 1
};

/** All zero is the default: everything, on two threads. */
typedef struct plim_analysis_options {
    uint32_t struct_bytes;           /**< sizeof(plim_analysis_options) */
    uint32_t want;                   /**< PLIM_WANT_…; 0 means all */
    uint32_t thread_count;           /**< 1 or 2; 0 means 2 */
    uint32_t unused;                 /**< 0 */
    const plim_allocator *allocator; /**< NULL: the system's; must be safe for two threads */
    plim_progress progress;          /**< step NULL: none */
    const plim_analysis *classes_of; /**< name plain objects by this one's inferred interfaces, as
                                          DevTools' Comparison does; made with PLIM_WANT_CLASSES,
                                          borrowed during the call; NULL: by its own */
} plim_analysis_options;

/**
 * @brief      Analyses a graph.
 * @param[in]  graph         borrowed until destroy.
 * @param[in]  options       NULL: defaults.
 * @param[out] out_analysis  set only on PLIM_OK; ended by plim_analysis_destroy().
 * @param[out] err           may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @retval PLIM_ERR_LIMIT more classes or names than src/base/limits.h allows.
 * @retval PLIM_ERR_INTERRUPTED progress asked to stop.
 * @note       Threads: any.
 * @see        Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", 2005
 *             (SEMI-NCA); docs/internals/devtools-rules.md
 */
PLIM_API PLIM_NODISCARD plim_status plim_analysis_create(const plim_graph *graph,
                                                         const plim_analysis_options *options,
                                                         plim_analysis **out_analysis,
                                                         plim_error *err);

/**
 * @brief         Ends the analysis, not its graph; @p *analysis is NULL afterwards.
 * @param[in,out] analysis  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_analysis_destroy(plim_analysis **analysis);

/**
 * @brief     The graph an analysis is of.
 * @param[in] analysis  not NULL.
 * @return    borrowed.
 * @note      Threads: any.
 */
PLIM_API const plim_graph *plim_analysis_graph(const plim_analysis *analysis);

/** What an analysis knows of one node; parts that were not asked for are 0 or PLIM_NONE. */
typedef struct plim_node_facts {
    uint64_t shallow_bytes; /**< after the transfer to owners: DevTools' "shallow size" */
    uint64_t retained_bytes;
    int32_t distance;     /**< 1 at a user root; PLIM_DISTANCE_NONE, PLIM_DISTANCE_SYSTEM */
    uint32_t dominator;   /**< ordinal; the root's is itself */
    uint32_t class_index; /**< into the class rows of plim_analysis_class() */
    bool detached;        /**< DevTools shows it with "Detached " before its name */
} plim_node_facts;

/**
 * @brief      What is known of one node.
 * @param[in]  analysis   not NULL.
 * @param[in]  node       0 to node_count-1; anything else is a fault of the caller and stops.
 * @param[out] out_facts  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_analysis_node(const plim_analysis *analysis, uint32_t node,
                                 plim_node_facts *out_facts);

/** One row of DevTools' Summary view; only nodes with a size count. */
typedef struct plim_class {
    plim_text name;          /**< borrowed from the analysis */
    uint64_t self_bytes;     /**< sum of shallow sizes */
    uint64_t retained_bytes; /**< DevTools' maxRet */
    uint32_t count;
    int32_t distance; /**< the smallest; may be PLIM_DISTANCE_NONE */
    bool has_location;
    plim_location location; /**< of the class, where the file says; script_id names the script */
} plim_class;

/**
 * @brief     How many classes there are, rows without a sized node included.
 * @param[in] analysis  not NULL; made with PLIM_WANT_CLASSES, else 0.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_analysis_class_count(const plim_analysis *analysis);

/**
 * @brief      One class row.
 * @param[in]  analysis     not NULL.
 * @param[in]  class_index  0 to plim_analysis_class_count()-1.
 * @param[out] out_class    not NULL. count is 0 where no node of it has a size.
 * @note       Threads: any.
 */
PLIM_API void plim_analysis_class(const plim_analysis *analysis, uint32_t class_index,
                                  plim_class *out_class);

/** One edge seen from its target. */
typedef struct plim_retainer {
    uint32_t from; /**< ordinal of the node that holds */
    uint32_t edge; /**< position of the edge */
} plim_retainer;

/**
 * @brief     How many edges lead to a node, weak ones included.
 * @param[in] analysis  made with PLIM_WANT_RETAINERS.
 * @param[in] node      0 to node_count-1.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_analysis_retainer_count(const plim_analysis *analysis, uint32_t node);

/**
 * @brief     One edge that leads to a node.
 * @param[in] analysis  made with PLIM_WANT_RETAINERS.
 * @param[in] node      0 to node_count-1.
 * @param[in] index     0 to plim_analysis_retainer_count()-1, in edge order.
 * @return    the retainer.
 * @note      Threads: any.
 */
PLIM_API plim_retainer plim_analysis_retainer(const plim_analysis *analysis, uint32_t node,
                                              uint32_t index);

/**
 * One way from the root to a node: nodes[0] is the root of the graph (ordinal 0), nodes[1] one of
 * its children (a user root, where there is one), nodes[length-1] the node; edges[i] leads to
 * nodes[i] (edges[0] is PLIM_NONE). No node is on it twice.
 */
typedef struct plim_path {
    uint32_t *nodes;
    uint32_t *edges;
    uint32_t length;
} plim_path;

/** Paths to one node; all memory is its own. */
typedef struct plim_paths plim_paths;

/**
 * @brief      The shortest way from the root to a node, as long as its distance says, and further
 *             ones that differ from it and from each other in the holder nearest the node, then in
 *             the next, shortest first. Of equals, the lowest id. The work of one call is bounded:
 *             where a node has very many holders, far ones may be missing.
 * @param[in]  analysis   made with PLIM_WANT_RETAINERS and PLIM_WANT_DISTANCES.
 * @param[in]  node       0 to node_count-1.
 * @param[in]  limit      how many at the most, 1 to PLIM_PATHS_MAX.
 * @param[in]  allocator  borrowed until destroy; NULL means the system's.
 * @param[out] out_paths  set only on PLIM_OK; ended by plim_paths_destroy(). Zero paths where
 *                        nothing holds the node but weak edges, or what does is not held itself.
 * @param[out] err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_paths_create(const plim_analysis *analysis, uint32_t node,
                                                      uint32_t limit,
                                                      const plim_allocator *allocator,
                                                      plim_paths **out_paths, plim_error *err);

/** Most paths one call gives: more than a person reads, few enough to find quickly. */
enum { PLIM_PATHS_MAX = 1000 };

/**
 * @brief     How many paths were found.
 * @param[in] paths  not NULL.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_paths_count(const plim_paths *paths);

/**
 * @brief     One path, borrowed.
 * @param[in] paths  not NULL.
 * @param[in] index  0 to plim_paths_count()-1.
 * @return    valid until plim_paths_destroy().
 * @note      Threads: any.
 */
PLIM_API const plim_path *plim_paths_get(const plim_paths *paths, uint32_t index);

/**
 * @brief         Ends the paths; @p *paths is NULL afterwards.
 * @param[in,out] paths  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_paths_destroy(plim_paths **paths);

PLIM_DECLS_END
#endif
