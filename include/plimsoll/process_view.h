/* SPDX-License-Identifier: MIT */
/**
 * @file process_view.h
 * @brief The blocks of any C or C++ program that runs with libplimsoll-malloc.so and PLIM_SITES,
 *        listed while it runs: by the place that allocated them, by domain, one by one.
 *
 * A look reads pages and notes of the process and nothing else; it is not stopped and not asked.
 * Each block is there or not as of some moment of the look. Who holds a block is a question for a
 * graph (plim_graph_from_process()), for which the process stands still.
 * Everything said here is another process's word: bounded, and texts are clean, but it may be
 * false.
 * Thread-safety: one thread at a time per view.
 * @see docs/internals/process.md
 */
#ifndef PLIM_PROCESS_VIEW_H
#define PLIM_PROCESS_VIEW_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/** A process that is looked at; ended by plim_process_view_close(). */
typedef struct plim_process_view plim_process_view;

/** Of one look. */
typedef struct plim_process_view_info {
    uint64_t block_count;
    uint64_t used_bytes;   /**< of blocks, as they are rounded */
    uint64_t held_bytes;   /**< of pages that were ever taken */
    uint64_t newest_birth; /**< the highest of any block; 0: none lives */
    uint64_t identity; /**< another one in each process, and after each exec(); 0: not known. Births
                            compare between looks, and snapshots, of one identity */
} plim_process_view_info;

/** One block. */
typedef struct plim_process_block {
    uint64_t address;
    uint64_t bytes;
    uint64_t birth;  /**< 1 and up; later ones are higher; plim_region_node_id() makes its id */
    uint32_t site;   /**< for plim_process_view_site() */
    uint32_t domain; /**< for plim_process_view_domain() */
} plim_process_block;

/** What blocks are put together by. */
typedef enum plim_process_group_by {
    PLIM_PROCESS_BY_SITE = 0, /**< by the name of the place: their type, as far as one knows it */
    PLIM_PROCESS_BY_DOMAIN
} plim_process_group_by;

/** Blocks of one site or domain. */
typedef struct plim_process_group {
    const char *name; /**< clean text, borrowed until the next look */
    uint64_t count;
    uint64_t bytes;
} plim_process_group;

/**
 * @brief         Finds the heap of a process. Nothing is listed yet: plim_process_view_look().
 * @param[in]     pid        of the process.
 * @param[in]     allocator  NULL: the system's; borrowed until close.
 * @param[out]    out_view   set only on PLIM_OK.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED it does not run with the library, or notes nothing (the hint says
 *                              what to do).
 * @retval PLIM_ERR_ACCESS      the system does not let us read its memory.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_DAMAGED, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_process_view_open(int64_t pid,
                                                           const plim_allocator *allocator,
                                                           plim_process_view **out_view,
                                                           plim_error *err);

/**
 * @brief         Closes it; @p *view is NULL.
 * @param[in,out] view  NULL and a pointer to NULL are accepted.
 * @note          Threads: any.
 */
PLIM_API void plim_process_view_close(plim_process_view **view);

/**
 * @brief         Lists the blocks that live now, in place of those of the last look.
 * @param[in]     view  not NULL.
 * @param[in,out] err   may be NULL.
 * @retval PLIM_ERR_GONE     it has ended.
 * @retval PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY as they say; there are no blocks then.
 * @note          Threads: the view's. Cost: 8 bytes read per block and per page.
 */
PLIM_API PLIM_NODISCARD plim_status plim_process_view_look(plim_process_view *view,
                                                           plim_error *err);

/**
 * @brief      Sums of the last look.
 * @param[in]  view      not NULL.
 * @param[out] out_info  not NULL.
 * @note       Threads: the view's.
 */
PLIM_API void plim_process_view_read_info(const plim_process_view *view,
                                          plim_process_view_info *out_info);

/**
 * @brief      A block of the last look, in the order of addresses.
 * @param[in]  view       not NULL.
 * @param[in]  index      from 0.
 * @param[out] out_block  set only if true is returned.
 * @return     whether there are so many.
 * @note       Threads: the view's.
 */
PLIM_API bool plim_process_view_block(const plim_process_view *view, uint64_t index,
                                      plim_process_block *out_block);

/**
 * @brief      The block that an address lies in.
 * @param[in]  view       not NULL.
 * @param[in]  address    any; of a block's first byte or of its middle.
 * @param[out] out_block  set only if true is returned.
 * @return     whether there is one.
 * @note       Threads: the view's.
 */
PLIM_API bool plim_process_view_at(const plim_process_view *view, uint64_t address,
                                   plim_process_block *out_block);

/**
 * @brief     The name of a site: `FUNCTION FILE:LINE`, `FUNCTION (MODULE)` or `MODULE+OFFSET`.
 * @param[in] view  not NULL.
 * @param[in] site  of a block.
 * @return    clean text, borrowed until the next look; never NULL.
 * @note      Threads: the view's.
 */
PLIM_API const char *plim_process_view_site(const plim_process_view *view, uint32_t site);

/**
 * @brief     The name of a domain.
 * @param[in] view    not NULL.
 * @param[in] domain  of a block.
 * @return    clean text, borrowed until the next look; never NULL.
 * @note      Threads: the view's.
 */
PLIM_API const char *plim_process_view_domain(const plim_process_view *view, uint32_t domain);

/**
 * @brief      Sums of the last look, the largest first.
 * @param[in]  view       not NULL.
 * @param[in]  by         what is put together.
 * @param[out] out_count  how many groups; not NULL.
 * @return     the groups, borrowed until the next look.
 * @note       Threads: the view's.
 */
PLIM_API const plim_process_group *plim_process_view_groups(const plim_process_view *view,
                                                            plim_process_group_by by,
                                                            uint64_t *out_count);

/**
 * @brief      Bytes of the process, as they are now.
 * @param[in]  view     not NULL.
 * @param[in]  address  of a block.
 * @param[out] out      room for them.
 * @param[in]  bytes    wanted.
 * @return     how many there were, from the first one on; 0: none can be read.
 * @note       Threads: the view's.
 */
PLIM_API size_t plim_process_view_read(const plim_process_view *view, uint64_t address, void *out,
                                       size_t bytes);

PLIM_DECLS_END
#endif
