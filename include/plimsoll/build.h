/* SPDX-License-Identifier: MIT */
/**
 * @file build.h
 * @brief A graph made by hand: for heaps that come from no snapshot file.
 *
 * Nodes are added first or as one goes; edges in any order, once both ends are there. The first
 * node is the root. finish() turns it all into the one graph that every analysis reads.
 * Cost: about twice the memory of the graph while it is built.
 * Thread-safety: one thread per builder.
 */
#ifndef PLIM_BUILD_H
#define PLIM_BUILD_H
#include <plimsoll/graph.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by finish or destroy. */
typedef struct plim_graph_builder plim_graph_builder;

/**
 * @brief         Starts a graph without nodes.
 * @param[in]     allocator    NULL: the system's; borrowed by the graph as well.
 * @param[out]    out_builder  set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_builder_create(const plim_allocator *allocator,
                                                              plim_graph_builder **out_builder,
                                                              plim_error *err);

/**
 * @brief         Ends a builder and all in it; @p *builder is NULL.
 * @param[in,out] builder  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_graph_builder_destroy(plim_graph_builder **builder);

/**
 * @brief         Adds a node.
 * @param[in,out] builder     not NULL.
 * @param[in]     type        any but PLIM_NODE_OTHER.
 * @param[in]     name        copied; each distinct text is kept once.
 * @param[in]     id          the caller's; unique and, for DevTools, below 2^32.
 * @param[in]     self_bytes  its own size.
 * @return        its ordinal, or PLIM_NONE if memory was refused or there are too many.
 * @note          Threads: the owner's.
 */
PLIM_API uint32_t plim_graph_builder_node(plim_graph_builder *builder, plim_node_type type,
                                          plim_text name, uint64_t id, uint64_t self_bytes);

/**
 * @brief         Adds an edge whose name is a text.
 * @param[in,out] builder  not NULL.
 * @param[in]     from     an ordinal.
 * @param[in]     type     any but ELEMENT, HIDDEN and OTHER.
 * @param[in]     name     copied.
 * @param[in]     to       an ordinal.
 * @return        false if memory was refused or there are too many.
 * @note          Threads: the owner's.
 */
PLIM_API bool plim_graph_builder_edge(plim_graph_builder *builder, uint32_t from,
                                      plim_edge_type type, plim_text name, uint32_t to);

/**
 * @brief         Adds an edge whose name is a number.
 * @param[in,out] builder  not NULL.
 * @param[in]     from     an ordinal.
 * @param[in]     type     PLIM_EDGE_ELEMENT or PLIM_EDGE_HIDDEN.
 * @param[in]     index    the number.
 * @param[in]     to       an ordinal.
 * @return        false if memory was refused or there are too many.
 * @note          Threads: the owner's.
 */
PLIM_API bool plim_graph_builder_element(plim_graph_builder *builder, uint32_t from,
                                         plim_edge_type type, uint32_t index, uint32_t to);

/**
 * @brief         Says that the ids are places in memory, which another object has in the next
 *                snapshot: then no comparison goes by them.
 * @param[in,out] builder  not NULL.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_graph_builder_ids_are_addresses(plim_graph_builder *builder);

/**
 * @brief         Makes the graph and ends the builder, whatever comes of it; @p *builder is NULL.
 * @param[in,out] builder    not NULL.
 * @param[out]    out_graph  set only on PLIM_OK; ended by plim_graph_destroy().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused, now or at a call before.
 * @retval PLIM_ERR_USAGE     there is no node.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_builder_finish(plim_graph_builder **builder,
                                                              plim_graph **out_graph,
                                                              plim_error *err);

PLIM_DECLS_END
#endif
