/* SPDX-License-Identifier: MIT */
/**
 * @file journal.h
 * @brief Transactions, undo and earlier states of any memory, by the bytes as they were before.
 *
 * A journal watches over memory that is the caller's: before a place changes, the caller says so,
 * and the journal keeps the grain (4 KiB unless chosen otherwise) as it was. From that alone come
 * rollback, recovery after a crash, undo of what was committed, and the state at the n-th last
 * moment. Commit is one store: what was written stands already.
 *
 * The log lies in storage of the caller's too. If that outlives the process as the memory does
 * (the same file, another, a memfd), whoever opens the journal next finds the memory as it was
 * before a transaction that had begun, or after it: never between. Kept transactions fill the log
 * as a ring; the oldest is dropped first. Nothing is kept from before the first begin.
 *
 * What changes after a commit and before the next begin belongs to the transaction before it: undo
 * takes it back too. So it has to be noted as well; that costs a test of one bit.
 * When not to use it: for a plim_region, which does it by itself (transaction.h); for code that
 * cannot say what it writes (draft.h finds that out).
 * Thread-safety: one thread at a time writes; plim_journal_read_at() in any thread or process.
 * Cost: see docs/internals/commit.md.
 */
#ifndef PLIM_JOURNAL_H
#define PLIM_JOURNAL_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/** Opaque; ended by plim_journal_close(). */
typedef struct plim_journal plim_journal;

/** What is watched over, and where the log lies. */
typedef struct plim_journal_options {
    uint32_t struct_bytes; /**< sizeof(plim_journal_options) */
    uint32_t grain_bytes;  /**< a power of two from 64 to 65,536; 0: 4,096. A log keeps its own */
    uint32_t moment_max;   /**< kept transactions at most, up to 65,536; 0: 256. Likewise */
    void *memory;          /**< borrowed until close, aligned to 8 */
    size_t memory_bytes;   /**< 1 and up */
    void *log;             /**< borrowed until close, aligned to 64; all zero: a new one */
    size_t log_bytes;      /**< the budget: the log never takes more */
    const plim_allocator *allocator; /**< for one bit per grain; NULL: the system's */
} plim_journal_options;

/**
 * @brief         Begins to watch. A transaction that a killed process left open is taken back, an
 *                undo that it left in the middle is finished.
 * @param[in]     options      not NULL.
 * @param[out]    out_journal  set only on PLIM_OK; ended by plim_journal_close().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_DAMAGED     the log contradicts itself, or is of memory of another size.
 *                              Nothing was followed, nothing changed.
 * @retval PLIM_ERR_UNSUPPORTED made by another version, or a machine of another byte order.
 * @retval PLIM_ERR_NO_SPACE    the log has not room for two grains.
 * @retval PLIM_ERR_USAGE       an option outside its range.
 * @retval PLIM_ERR_NO_MEMORY   as it says.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_open(const plim_journal_options *options,
                                                      plim_journal **out_journal, plim_error *err);

/**
 * @brief         Ends the watch; a transaction that is open is rolled back. @p *journal is NULL.
 * @param[in,out] journal  NULL and a pointer to NULL are accepted.
 * @note          Threads: the writer's. What is kept stays in the log.
 */
PLIM_API void plim_journal_close(plim_journal **journal);

/**
 * @brief         Begins a transaction. If as many are kept as may be, the oldest is dropped.
 * @param[in,out] journal  not NULL.
 * @retval PLIM_ERR_BUSY   one is open; plim_journal_mark() nests.
 * @note          Threads: the writer's. Some nanoseconds, and one per grain that the last changed.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_begin(plim_journal *journal);

/**
 * @brief         Says that a range is about to change. To be called before the first store, in
 *                transactions and between them.
 * @param[in,out] journal       not NULL.
 * @param[in]     offset_bytes  of the range in the memory.
 * @param[in]     size_bytes    of it; 0 does nothing.
 * @retval PLIM_ERR_NO_SPACE    this transaction alone fills the log: the range must stay as it is;
 *                              what was written before can be committed or rolled back. Between
 *                              transactions never: there all that is kept is dropped instead.
 * @retval PLIM_ERR_USAGE       not within the memory.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_note(plim_journal *journal, uint64_t offset_bytes,
                                                      uint64_t size_bytes);

/**
 * @brief         Ends a transaction: it has happened. One store; marks are gone.
 * @param[in,out] journal  not NULL.
 * @retval PLIM_ERR_USAGE  none is open.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_journal_commit(plim_journal *journal);

/**
 * @brief         Ends a transaction: it has not happened; the memory is as it was at its begin.
 * @param[in,out] journal  not NULL.
 * @retval PLIM_ERR_USAGE  none is open.
 * @note          Threads: the writer's. A crash in the middle is finished by the next open.
 */
PLIM_API plim_status plim_journal_rollback(plim_journal *journal);

/**
 * @brief         Marks this moment of an open transaction.
 * @param[in,out] journal   not NULL.
 * @param[out]    out_mark  its number, 1 and up, rising as they nest; set only on PLIM_OK.
 * @retval PLIM_ERR_USAGE   no transaction is open.
 * @retval PLIM_ERR_LIMIT   64 marks stand.
 * @note          Threads: the writer's. What changes after it is kept anew, and takes room anew.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_mark(plim_journal *journal, uint32_t *out_mark);

/**
 * @brief         The memory is as it was at a mark, which stands on; those above it are gone.
 * @param[in,out] journal  not NULL.
 * @param[in]     mark     of this transaction.
 * @retval PLIM_ERR_STALE  no such mark stands.
 * @note          Threads: the writer's. A crash in the middle takes back the whole transaction.
 */
PLIM_API plim_status plim_journal_rollback_to(plim_journal *journal, uint32_t mark);

/**
 * @brief         Forgets a mark and those above it; the memory stays.
 * @param[in,out] journal  not NULL.
 * @param[in]     mark     of this transaction.
 * @retval PLIM_ERR_STALE  no such mark stands.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_journal_unmark(plim_journal *journal, uint32_t mark);

/**
 * @brief         Takes back the last transactions, and what changed after each. They are gone.
 * @param[in,out] journal   not NULL.
 * @param[in]     count     how many; 0 does nothing.
 * @param[in,out] err       how many there are; may be NULL.
 * @retval PLIM_ERR_BUSY    a transaction is open.
 * @retval PLIM_ERR_NOT_FOUND fewer are kept. Nothing changed.
 * @note          Threads: the writer's. A crash in the middle is finished by the next open. Those
 *                of earlier processes can be undone like any other.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_undo(plim_journal *journal, uint32_t count,
                                                      plim_error *err);

/** Totals of a journal. */
typedef struct plim_journal_info {
    uint64_t moment;     /**< number of the newest transaction; an undo lowers it */
    uint32_t kept;       /**< committed ones that can be undone */
    uint32_t mark_count; /**< standing */
    uint32_t grain_bytes;
    uint64_t held_grains; /**< of grain_max, what the kept and the open one take */
    uint64_t grain_max;   /**< what the log has room for */
    bool is_open;         /**< a transaction is */
    bool recovered;       /**< plim_journal_open() had something to take back or finish */
} plim_journal_info;

/**
 * @brief      Totals.
 * @param[in]  journal   not NULL.
 * @param[out] out_info  set.
 * @note       Threads: the writer's.
 */
PLIM_API void plim_journal_read_info(const plim_journal *journal, plim_journal_info *out_info);

/** A range of the memory. */
typedef struct plim_journal_range {
    uint64_t offset_bytes;
    uint64_t size_bytes;
} plim_journal_range;

/**
 * @brief         What may differ between two moments, in whole grains, rising, joined.
 * @param[in]     journal    not NULL.
 * @param[in]     older      moment: transactions back from the last committed.
 * @param[in]     newer      likewise, not above @p older; 0: now.
 * @param[out]    out_ranges filled up to @p range_max; may be NULL if that is 0.
 * @param[in]     range_max  room.
 * @param[out]    out_count  ranges there are; set only on PLIM_OK.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NOT_FOUND fewer are kept.
 * @retval PLIM_ERR_NO_MEMORY as it says.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_changes(const plim_journal *journal,
                                                         uint32_t older, uint32_t newer,
                                                         plim_journal_range *out_ranges,
                                                         size_t range_max, size_t *out_count,
                                                         plim_error *err);

/**
 * @brief         Copies the memory as it was before the last transactions, from outside: another
 *                thread, another process that mapped both, or a dead process's files. A transaction
 *                under way is not seen. The writer is not held up. Whatever the log says is checked
 *                before it is followed.
 * @param[in]     log           of a journal; may change meanwhile.
 * @param[in]     log_bytes     of it.
 * @param[in]     memory        what it watches over; may change meanwhile.
 * @param[in]     memory_bytes  of it.
 * @param[in]     back          transactions; 0: the last committed state.
 * @param[out]    out_copy      memory_bytes of room; untouched unless something is copied.
 * @param[in,out] err           how many are kept; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   fewer are kept.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_UNSUPPORTED as plim_journal_open() says them.
 * @retval PLIM_ERR_BUSY        the writer took back or dropped what was needed, again and again.
 * @note          Threads: any. With @p back 0 and no transaction open, what changes outside of one
 *                meanwhile may be seen in part; any other copy is of exactly one moment.
 */
PLIM_API PLIM_NODISCARD plim_status plim_journal_read_at(const void *log, size_t log_bytes,
                                                         const void *memory, size_t memory_bytes,
                                                         uint32_t back, void *out_copy,
                                                         plim_error *err);

PLIM_DECLS_END
#endif
