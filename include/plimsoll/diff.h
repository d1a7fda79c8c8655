/* SPDX-License-Identifier: MIT */
/**
 * @file diff.h
 * @brief Two heaps compared, class by class, as DevTools' Comparison view does.
 *
 * An id that is only in the base was removed, one only in the target was added; the same id is the
 * same object, even if its size changed. Classes are the target's: analyse the base with
 * plim_analysis_options.classes_of set to the target's analysis.
 * Thread-safety: immutable after it was made.
 */
#ifndef PLIM_DIFF_H
#define PLIM_DIFF_H
#include <plimsoll/analysis.h>
PLIM_DECLS_BEGIN

typedef struct plim_diff plim_diff;

/** One row of the Comparison view; only classes in which something was added or removed. */
typedef struct plim_diff_row {
    plim_text name; /**< borrowed from the analyses */
    uint64_t added_bytes;
    uint64_t removed_bytes;
    int64_t delta_bytes;
    uint32_t added;
    uint32_t removed;
    int64_t delta;
} plim_diff_row;

/**
 * @brief      Compares two analyses made with PLIM_WANT_CLASSES.
 * @param[in]  base       borrowed until destroy; made with classes_of = @p target.
 * @param[in]  target     borrowed until destroy.
 * @param[in]  allocator  borrowed until destroy; NULL means the system's.
 * @param[out] out_diff   set only on PLIM_OK; ended by plim_diff_destroy(). Rows are ordered by
 *                        delta_bytes, largest first, then by name.
 * @param[out] err        may be NULL.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused; nothing is left behind.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_diff_create(const plim_analysis *base,
                                                     const plim_analysis *target,
                                                     const plim_allocator *allocator,
                                                     plim_diff **out_diff, plim_error *err);

/**
 * @brief     How many rows there are.
 * @param[in] diff  not NULL.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_diff_count(const plim_diff *diff);

/**
 * @brief     One row, borrowed.
 * @param[in] diff   not NULL.
 * @param[in] index  0 to plim_diff_count()-1.
 * @return    valid until plim_diff_destroy().
 * @note      Threads: any.
 */
PLIM_API const plim_diff_row *plim_diff_get(const plim_diff *diff, uint32_t index);

/**
 * @brief         Ends the comparison; @p *diff is NULL afterwards.
 * @param[in,out] diff  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_diff_destroy(plim_diff **diff);

PLIM_DECLS_END
#endif
