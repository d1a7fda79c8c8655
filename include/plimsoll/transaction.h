/* SPDX-License-Identifier: MIT */
/**
 * @file transaction.h
 * @brief Transactions of a region: all or nothing, undo, and the region as it was.
 *
 * A region made with `history_bytes` keeps what its transactions changed, as it was, within that
 * budget. Between begin and commit every call on the region belongs to the transaction: rollback,
 * a close, or the death of the process takes it all back (objects, values, types, texts, names).
 * Calls outside of a transaction are as they always were; undo takes back with a transaction what
 * came after it. The history lies in the region: undo and views reach back over earlier processes.
 *
 * What goes back stays within the region: numbers of types that were registered since, and texts'
 * offsets, name nothing any more or something else. References are stale, and stay so.
 * A call that would not fit the history any more gives PLIM_ERR_NO_SPACE and changes nothing; what
 * came before it can be committed or rolled back.
 *
 * Who looks on while a transaction is open: a plain view shows each object whole, perhaps as the
 * transaction has left it so far; plim_region_view_open_at() with 0 shows the committed state.
 * Cost: a begin and a commit some nanoseconds; a call the copy of what it changes first; going back
 * makes the writer's lists anew (nanoseconds per object).
 * @see docs/internals/commit.md
 */
#ifndef PLIM_TRANSACTION_H
#define PLIM_TRANSACTION_H
#include <plimsoll/region.h>
PLIM_DECLS_BEGIN

/**
 * @brief         Begins a transaction.
 * @param[in,out] region  not NULL.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED the region was made without history_bytes.
 * @retval PLIM_ERR_BUSY        one is open, or this is a call from an observer.
 * @retval PLIM_ERR_NO_MEMORY   as it says; only ever the first time.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_begin(plim_region *region, plim_error *err);

/**
 * @brief         Ends a transaction: it has happened.
 * @param[in,out] region  not NULL.
 * @retval PLIM_ERR_USAGE none is open.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_region_commit(plim_region *region);

/**
 * @brief         Ends a transaction: the region is as it was at its begin.
 * @param[in,out] region  not NULL.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_USAGE   none is open.
 * @retval PLIM_ERR_BUSY    this is a call from an observer.
 * @retval PLIM_ERR_DAMAGED what came back contradicts itself: something else wrote to the region.
 *                          It is to be closed.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_region_rollback(plim_region *region, plim_error *err);

/**
 * @brief         Marks this moment of an open transaction.
 * @param[in,out] region    not NULL.
 * @param[out]    out_mark  1 and up, rising as they nest; set only on PLIM_OK.
 * @retval PLIM_ERR_USAGE   none is open.
 * @retval PLIM_ERR_LIMIT   64 marks stand.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_mark(plim_region *region, uint32_t *out_mark);

/**
 * @brief         The region is as it was at a mark, which stands on; those above it are gone.
 * @param[in,out] region  not NULL.
 * @param[in]     mark    of this transaction.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_STALE no such mark stands.
 * @retval PLIM_ERR_BUSY, PLIM_ERR_DAMAGED as plim_region_rollback() says them.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_region_rollback_to(plim_region *region, uint32_t mark, plim_error *err);

/**
 * @brief         Forgets a mark and those above it; the region stays.
 * @param[in,out] region  not NULL.
 * @param[in]     mark    of this transaction.
 * @retval PLIM_ERR_STALE no such mark stands.
 * @note          Threads: the writer's.
 */
PLIM_API plim_status plim_region_unmark(plim_region *region, uint32_t mark);

/**
 * @brief         Takes back the last transactions and what came after each. They are gone.
 * @param[in,out] region  not NULL.
 * @param[in]     count   how many.
 * @param[in,out] err     how many are kept, if they are fewer; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   fewer are kept. Nothing changed.
 * @retval PLIM_ERR_UNSUPPORTED the region was made without history_bytes.
 * @retval PLIM_ERR_NO_MEMORY   as it says; nothing changed.
 * @retval PLIM_ERR_BUSY, PLIM_ERR_DAMAGED as plim_region_rollback() says them; BUSY also if a
 *                              transaction is open.
 * @note          Threads: the writer's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_undo(plim_region *region, uint32_t count,
                                                     plim_error *err);

/** What a region's history holds. */
typedef struct plim_region_history {
    uint64_t moment;       /**< number of the newest transaction; an undo lowers it */
    uint32_t kept;         /**< committed ones: as many can be undone, or looked back */
    uint32_t mark_count;   /**< standing; 0 from outside */
    uint64_t held_bytes;   /**< of budget_bytes, what was kept */
    uint64_t budget_bytes; /**< 0: the region has no history */
    bool is_open;          /**< a transaction is under way, or its writer died in it */
} plim_region_history;

/**
 * @brief      What the history holds.
 * @param[in]  region       not NULL.
 * @param[out] out_history  set; all zero if there is none.
 * @note       Threads: the writer's.
 */
PLIM_API void plim_region_read_history(const plim_region *region, plim_region_history *out_history);

/**
 * @brief         Looks at a region as it was before the last transactions. The look is a copy: it
 *                does not change any more, and the writer is not held up.
 * @param[in]     path       as plim_region_view_open() takes it.
 * @param[in]     back       transactions; 0: the last committed state. If no transaction is open
 *                           that is the region as it is, and the look goes on with it.
 * @param[in]     allocator  NULL: the system's; borrowed until close.
 * @param[out]    out_view   set only on PLIM_OK; ended by plim_region_view_close().
 * @param[in,out] err        how many are kept, if they are fewer; may be NULL.
 * @retval PLIM_ERR_NOT_FOUND   fewer are kept, or there is no such file.
 * @retval PLIM_ERR_UNSUPPORTED the region has no history, and @p back is above 0.
 * @retval PLIM_ERR_BUSY        the writer went back again and again while we looked.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_ACCESS, PLIM_ERR_IO, PLIM_ERR_NO_MEMORY as they say.
 * @note          Threads: any; one at a time per view.
 */
PLIM_API PLIM_NODISCARD plim_status plim_region_view_open_at(const char *path, uint32_t back,
                                                             const plim_allocator *allocator,
                                                             plim_region_view **out_view,
                                                             plim_error *err);

/**
 * @brief      What the history of a region that is looked at holds.
 * @param[in]  view         not NULL.
 * @param[out] out_history  set; all zero if there is none. Of a look at an earlier moment: as it
 *                          was when it was opened.
 * @note       Threads: the view's.
 */
PLIM_API void plim_region_view_history(const plim_region_view *view,
                                       plim_region_history *out_history);

/** What became of an object between two looks. */
typedef enum plim_region_change_kind {
    PLIM_REGION_MADE = 0, /**< only in the newer */
    PLIM_REGION_ENDED,    /**< only in the older */
    PLIM_REGION_CHANGED   /**< another value, owner, parent, tag, visibility or site */
} plim_region_change_kind;

/** One object that differs; the side that does not have it is all zero. */
typedef struct plim_region_change {
    plim_region_change_kind kind;
    plim_region_object older, newer;
    const void *older_value; /**< borrowed from the views until the next call; NULL: not there */
    const void *newer_value;
} plim_region_change;

/**
 * @brief         The next object that differs between two looks at one region, in the order of
 *                indexes. Objects are the same if their births are.
 * @param[in]     older       not NULL, another view than @p newer.
 * @param[in]     newer       not NULL.
 * @param[in,out] position    0 to start; where to go on next time.
 * @param[out]    out_change  set only if true is returned.
 * @return        false at the end.
 * @note          Threads: the views'.
 */
PLIM_API bool plim_region_view_compare(plim_region_view *older, plim_region_view *newer,
                                       uint64_t *position, plim_region_change *out_change);

PLIM_DECLS_END
#endif
