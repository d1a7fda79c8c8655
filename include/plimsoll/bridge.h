/* SPDX-License-Identifier: MIT */
/**
 * @file bridge.h
 * @brief Where a C program's state meets the tools: a region as a heap graph, a process with a
 *        region as a target.
 *
 * In the graph of a region an object is a node of type `object`, called as its type is; what it
 * takes of the region is its size (its slot, and its room in the data). The root leads to
 * "(GC roots)", that to each owner: a stack's block, or a node without a size (`owner 7`, with a
 * name `clock (owner 7)`); an owner to its objects that have no parent, a parent to its children,
 * by elements numbered as births are; an object to those that its fields of kind PLIM_FIELD_REF
 * name, by properties called as the fields are (`peers[3]` in an array; a stale reference is none),
 * and by weak edges to those of PLIM_FIELD_WEAK. A text in a field is a node of type `string`,
 * without a size.
 * Thread-safety: a graph is immutable; a view is its owner's.
 * @see docs/internals/bridge.md
 */
#ifndef PLIM_BRIDGE_H
#define PLIM_BRIDGE_H
#include <plimsoll/graph.h>
#include <plimsoll/region.h>
#include <plimsoll/target.h>
PLIM_DECLS_BEGIN

/** Ids of nodes that are no objects lie from here to 2^32 - 1: root, owners, texts. */
#define PLIM_REGION_ID_SYNTHETIC 0xF0000000u

/** All zero is the default. */
typedef struct plim_region_graph_options {
    uint32_t struct_bytes;           /**< sizeof(plim_region_graph_options) */
    bool without_texts;              /**< no nodes for texts in fields */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed by the graph */
    plim_progress progress;          /**< step NULL: none; phase "objects" */
} plim_region_graph_options;

/**
 * @brief         Makes a graph of what a region holds now. Its writer is not held up: each object
 *                is as it was at one moment, but two objects may be of different ones (a reference
 *                to what has ended meanwhile is no edge).
 * @param[in]     view       not NULL.
 * @param[in]     options    NULL: defaults.
 * @param[out]    out_graph  set only on PLIM_OK; ended by plim_graph_destroy(). An object's id is
 *                           plim_region_node_id() of its birth: the same in every graph of the
 *                           region, whenever it is made.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_DAMAGED     values overlap, or types share fields: no region does so.
 * @retval PLIM_ERR_NO_MEMORY   the allocator refused.
 * @retval PLIM_ERR_INTERRUPTED progress asked to stop.
 * @note          Threads: the view's. Cost: a pass over the slots, then as plimsoll/build.h.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_from_region(plim_region_view *view,
                                                           const plim_region_graph_options *options,
                                                           plim_graph **out_graph, plim_error *err);

/**
 * @brief     The id that an object has in graphs: its birth, as long as that is below
 *            PLIM_REGION_ID_SYNTHETIC; later ones are moved above 2^32 (DevTools keeps 32 bits of
 *            an id: it may then take two objects for one in comparisons; plim does not).
 * @param[in] birth  1 and up.
 * @return    the id.
 * @note      Threads: any.
 */
PLIM_API uint64_t plim_region_node_id(uint64_t birth);

/**
 * @brief     The way back.
 * @param[in] id  of a node.
 * @return    the birth of the object; 0: the node is no object.
 * @note      Threads: any.
 */
PLIM_API uint64_t plim_region_node_birth(uint64_t id);

enum { PLIM_REGION_NAME_BYTES = 256 /**< room for the name of a region, with its NUL */ };

/**
 * @brief         Looks at the region of a program, or at one in a file.
 * @param[in]     address    `pid:4242` for the one region of a process; `region:PATH`, or PATH.
 *                           With `#at:0` behind it as of the last commit, `#at:-3` three
 *                           transactions before (transaction.h); with `#cut` as of one moment, the
 *                           program's next safe point (region.h).
 * @param[in]     allocator  NULL: the system's; borrowed until plim_region_view_close().
 * @param[out]    out_view   set only on PLIM_OK; ended by plim_region_view_close(). It stays what
 *                           it is when the process ends.
 * @param[out]    out_name   what the program called the region, or the file's name; has room for
 *                           PLIM_REGION_NAME_BYTES; set only on PLIM_OK; may be NULL.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED the process has no region.
 * @retval PLIM_ERR_USAGE       it has several (the hint lists them), or the address is a bare
 *                              number that is no file.
 * @retval PLIM_ERR_NOT_FOUND   no such process or file, or it keeps fewer moments.
 * @retval PLIM_ERR_ACCESS      another user's.
 * @retval PLIM_ERR_TIMEOUT     it came to no safe point within two seconds.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as plim_region_view_open() says them.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_view_find(const char *address,
                                                          const plim_allocator *allocator,
                                                          plim_region_view **out_view,
                                                          char *out_name, plim_error *err);

/**
 * @brief  Of an address as plim_region_view_find() takes it, how many bytes stand before the moment
 *         (#at:0, #at:-3, #cut): all of it where there is none, or where a file has that name.
 * @param[in] address  borrowed.
 * @return At most strlen(address). Whether there is such a region is not looked at.
 * @note   Threads: any.
 */
PLIM_API size_t plim_region_address_bytes(const char *address);

/**
 * @brief  The kinds of target that programs in C are, for plim_target_options: those with a region
 *         (`pid:4242`, `region:PATH`).
 * @return in static storage; ends with NULL.
 * @note   Threads: any.
 */
PLIM_API const plim_target_family *const *plim_program_families(void);

/**
 * @brief         Makes a graph of the heap of any program in C or C++ that runs with
 *                libplimsoll-malloc.so and PLIM_SITES. It stands still for a moment, as for a
 *                snapshot of it as a target; all edges are guessed (docs/internals/process.md).
 * @param[in]     pid        of the process.
 * @param[in]     allocator  NULL: the system's; borrowed by the graph.
 * @param[in]     progress   step NULL: none; phase "collecting" (blocks).
 * @param[out]    out_graph  set only on PLIM_OK; ended by plim_graph_destroy().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED it does not run with the library, or notes nothing.
 * @retval PLIM_ERR_ACCESS      the system does not let us read its memory.
 * @retval PLIM_ERR_BUSY        a debugger has it.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_GONE, PLIM_ERR_DAMAGED, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY,
 *         PLIM_ERR_INTERRUPTED as they say.
 * @note          Threads: any; one at a time per process.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_from_process(int64_t pid,
                                                            const plim_allocator *allocator,
                                                            plim_progress progress,
                                                            plim_graph **out_graph,
                                                            plim_error *err);

PLIM_DECLS_END
#endif
