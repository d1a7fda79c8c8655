/* SPDX-License-Identifier: MIT */
/**
 * @file draft.h
 * @brief Private pages over a journaled file, for code that writes through plain pointers.
 *
 * The truth is a file or memfd that its owner has mapped shared and opened a journal over. A draft
 * is a private mapping of it: whatever is written there stays the process's own until it is
 * committed, and vanishes with the process. Commit finds the written pages, and moves them into the
 * truth as one transaction. Nobody has to say what was written.
 *
 * The draft may lie in the owner's process (plim_draft_commit()), or in another, which has
 * inherited or was sent the descriptor: then the owner adopts what that process wrote
 * (plim_draft_adopt()), and the other drops its pages to see the truth again. A worker that dies
 * has changed nothing.
 *
 * When not to use it: where all writes go through calls of yours; plim_journal_note() costs less.
 * Thread-safety: one thread at a time; nobody writes to the draft while it is committed or adopted.
 * @see docs/internals/commit.md for the costs
 */
#ifndef PLIM_DRAFT_H
#define PLIM_DRAFT_H
#include <plimsoll/journal.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_draft_close(). */
typedef struct plim_draft plim_draft;

/** How written pages are found. What does not work here is refused, never assumed. */
typedef enum plim_draft_way {
    PLIM_DRAFT_ANY = 0, /**< the first that works, in this order */
    PLIM_DRAFT_SCAN,    /**< the kernel marks first writes (userfaultfd, PAGEMAP_SCAN; Linux 6.7) */
    PLIM_DRAFT_PRIVATE, /**< every private page; given back after each commit */
    PLIM_DRAFT_TRAP     /**< the first write to a page is a fault (SIGSEGV) handled here; a system
                             call that writes to such a page fails with EFAULT instead */
} plim_draft_way;

/** What part of which file. */
typedef struct plim_draft_options {
    uint32_t struct_bytes;           /**< sizeof(plim_draft_options) */
    plim_draft_way way;              /**< asked for */
    int descriptor;                  /**< of the file, open for reading; borrowed for the call */
    uint64_t offset_bytes;           /**< in the file; a multiple of the system's page */
    size_t size_bytes;               /**< likewise, 1 page and up */
    void *address;                   /**< where it is to lie; NULL: anywhere */
    const plim_allocator *allocator; /**< NULL: the system's */
} plim_draft_options;

/**
 * @brief         Maps a draft.
 * @param[in]     options    not NULL.
 * @param[out]    out_draft  set only on PLIM_OK; ended by plim_draft_close().
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED that way (or with ANY: none) works on this system.
 * @retval PLIM_ERR_EXISTS      something else is mapped at the address.
 * @retval PLIM_ERR_USAGE       an option outside its range.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: any. The way is tried out each time: 100 microseconds.
 */
PLIM_API PLIM_NODISCARD plim_status plim_draft_open(const plim_draft_options *options,
                                                    plim_draft **out_draft, plim_error *err);

/**
 * @brief         Unmaps a draft; what was not committed is gone. @p *draft is NULL.
 * @param[in,out] draft  NULL and a pointer to NULL are accepted.
 * @note          Threads: the draft's.
 */
PLIM_API void plim_draft_close(plim_draft **draft);

/**
 * @brief     Where the pages are.
 * @param[in] draft  not NULL.
 * @return    size_bytes of them, borrowed until close.
 * @note      Threads: any.
 */
PLIM_API void *plim_draft_memory(const plim_draft *draft);

/**
 * @brief     Which way was taken.
 * @param[in] draft  not NULL.
 * @return    never PLIM_DRAFT_ANY.
 * @note      Threads: any.
 */
PLIM_API plim_draft_way plim_draft_way_taken(const plim_draft *draft);

/**
 * @brief         Moves what was written into the truth, as one transaction of the journal's.
 * @param[in,out] draft         not NULL.
 * @param[in,out] journal       over the truth, in this process.
 * @param[in]     offset_bytes  in the journal's memory, of the draft's first byte.
 * @param[out]    out_bytes     how much was moved; may be NULL; set only on PLIM_OK.
 * @param[in,out] err           may be NULL.
 * @retval PLIM_ERR_BUSY        a transaction of the journal's is open.
 * @retval PLIM_ERR_NO_SPACE    more was written than the log holds.
 * @retval PLIM_ERR_USAGE       the draft does not lie within the journal's memory.
 * @retval PLIM_ERR_IO, PLIM_ERR_NO_MEMORY the system could not list the pages. After any failure
 *                              the truth is as it was, and the draft keeps what it has.
 * @note          Threads: the draft's, which is the journal's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_draft_commit(plim_draft *draft, plim_journal *journal,
                                                      uint64_t offset_bytes, uint64_t *out_bytes,
                                                      plim_error *err);

/**
 * @brief         The draft shows the truth again: what was written and not committed is gone, what
 *                others have committed is seen.
 * @param[in,out] draft  not NULL.
 * @param[in,out] err    may be NULL.
 * @retval PLIM_ERR_IO, PLIM_ERR_NO_MEMORY the system refused; the pages are as they were.
 * @note          Threads: the draft's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_draft_drop(plim_draft *draft, plim_error *err);

/**
 * @brief         Moves what another process has written to its draft into the truth, as one
 *                transaction. That process stands still meanwhile, and drops its pages afterwards.
 * @param[in,out] journal       over the truth, in this process.
 * @param[in]     offset_bytes  in the journal's memory, of the draft's first byte.
 * @param[in]     pid           the process; one that this one may trace (its child, its user's).
 * @param[in]     address       of the draft in that process.
 * @param[in]     size_bytes    of it; both multiples of the system's page.
 * @param[out]    out_bytes     how much was moved; may be NULL; set only on PLIM_OK.
 * @param[in,out] err           may be NULL.
 * @retval PLIM_ERR_GONE        it has ended, or has nothing mapped there. As after any failure the
 *                              truth is as it was.
 * @retval PLIM_ERR_ACCESS      the system does not let this process look.
 * @retval PLIM_ERR_BUSY, PLIM_ERR_NO_SPACE, PLIM_ERR_USAGE as plim_draft_commit() says them.
 * @retval PLIM_ERR_NOT_FOUND, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY, PLIM_ERR_UNSUPPORTED as they say.
 * @note          Threads: the journal's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_draft_adopt(plim_journal *journal, uint64_t offset_bytes,
                                                     int64_t pid, uint64_t address,
                                                     uint64_t size_bytes, uint64_t *out_bytes,
                                                     plim_error *err);

PLIM_DECLS_END
#endif
