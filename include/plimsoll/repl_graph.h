/* SPDX-License-Identifier: MIT */
/**
 * @file repl_graph.h
 * @brief The variables and the heap of a C session, as pieces with types and as a heap graph.
 *
 * A picture is made of a session as it was last adopted. A block's type is known where a typed
 * pointer that is itself known (a variable, a member of a typed block) leads to its start; then its
 * pointers are exactly those that the type has. Everything else is conservative and says so: a
 * block that only untyped pointers reach, and memory of the session that no variable names, are
 * searched for words that are addresses of blocks. A block counts as reachable if anything found
 * that way leads to it: what is called unreachable is so.
 * Thread-safety: as the session; a graph is immutable.
 * @see docs/internals/repl-graph.md
 */
#ifndef PLIM_REPL_GRAPH_H
#define PLIM_REPL_GRAPH_H
#include <plimsoll/graph.h>
#include <plimsoll/repl.h>
#include <plimsoll/serve.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_repl_picture_destroy(). */
typedef struct plim_repl_picture plim_repl_picture;

/** A variable or a block of the heap. */
typedef struct plim_repl_piece {
    const char *name; /**< of a variable; "" a block */
    const char *type; /**< as C writes it; "" unknown. Until the picture ends */
    uint64_t id;      /**< of its node: the same in every graph of the session while it lives */
    uint64_t address;
    uint64_t bytes;
    uint64_t count;    /**< of values of that type: more than one is an array; 0 unknown */
    bool is_block;     /**< of the heap */
    bool is_reachable; /**< something leads to it; variables always are */
} plim_repl_piece;

/** Sums over a picture. */
typedef struct plim_repl_totals {
    uint64_t variables;
    uint64_t blocks, block_bytes;
    uint64_t typed_blocks, typed_bytes;
    uint64_t unreachable_blocks, unreachable_bytes;
} plim_repl_totals;

/**
 * @brief         Looks at all of a session.
 * @param[in,out] repl         not NULL; outlives the picture, and nothing is entered, undone or
 *                             linked meanwhile.
 * @param[in]     allocator    NULL: the system's; borrowed until destroy.
 * @param[out]    out_picture  set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused.
 * @return        Whatever else plim_repl_blocks() says.
 * @note          Threads: the session's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_repl_picture_create(plim_repl *repl,
                                                             const plim_allocator *allocator,
                                                             plim_repl_picture **out_picture,
                                                             plim_error *err);

/**
 * @brief         Ends it; @p *picture is NULL.
 * @param[in,out] picture  NULL and a pointer to NULL are accepted.
 * @note          Threads: the owner's.
 */
PLIM_API void plim_repl_picture_destroy(plim_repl_picture **picture);

/**
 * @brief         The next piece: variables in order of definition, then blocks by address.
 * @param[in]     picture    not NULL.
 * @param[in,out] index      0 to start; moved on.
 * @param[out]    out_piece  set on true.
 * @return        false: there are no more.
 * @note          Threads: the owner's.
 */
PLIM_API bool plim_repl_picture_next(const plim_repl_picture *picture, uint32_t *index,
                                     plim_repl_piece *out_piece);

/**
 * @brief      Sums.
 * @param[in]  picture     not NULL.
 * @param[out] out_totals  set.
 * @note       Threads: the owner's.
 */
PLIM_API void plim_repl_picture_totals(const plim_repl_picture *picture,
                                       plim_repl_totals *out_totals);

/**
 * @brief         The picture as a heap graph: root, "(GC roots)", variables, blocks; blocks that
 *                nothing reaches stand below "(not reachable)".
 * @param[in]     picture    not NULL.
 * @param[out]    out_graph  set only on PLIM_OK; ended by plim_graph_destroy(), also after the
 *                           picture.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 * @note          Threads: the owner's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_from_repl(const plim_repl_picture *picture,
                                                         plim_graph **out_graph, plim_error *err);

/** A session that a server shows; ended by plim_served_repl_destroy(). */
typedef struct plim_served_repl plim_served_repl;

/**
 * @brief         Adds a session to what a server shows: its heap, and a console that enters C.
 * @param[in]     server      not NULL; ends before @p out_served does.
 * @param[in]     repl        not NULL; used by the server's threads while plim_server_run() runs,
 *                            one at a time: nobody else uses it then.
 * @param[in]     title       shown in the list of targets.
 * @param[in]     allocator   NULL: the system's.
 * @param[out]    out_served  set only on PLIM_OK.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 * @retval PLIM_ERR_LIMIT     PLIM_SERVED_MAX are shown already.
 * @note          Threads: the server's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_serve_repl(plim_server *server, plim_repl *repl,
                                                    const char *title,
                                                    const plim_allocator *allocator,
                                                    plim_served_repl **out_served, plim_error *err);

/**
 * @brief         Stops the entry that a console runs: it has not happened. One without an end is
 *                stopped after 10 seconds anyway, if the session has no deadline of its own.
 * @param[in,out] served  not NULL.
 * @return        false: none runs.
 * @note          Threads: any, and signal handlers.
 */
PLIM_API bool plim_served_repl_interrupt(plim_served_repl *served);

/**
 * @brief         Ends it; @p *served is NULL.
 * @param[in,out] served  NULL and a pointer to NULL are accepted.
 * @note          Threads: any.
 */
PLIM_API void plim_served_repl_destroy(plim_served_repl **served);

PLIM_DECLS_END
#endif
