/* SPDX-License-Identifier: MIT */
/**
 * @file jsc_check.h
 * @brief Says whether a source is one complete snapshot of JavaScriptCore, and counts it.
 *
 * Reads it to its end and keeps none of it: its memory does not grow with the snapshot. It runs on
 * the reader's own parts (json.h), so both accept the same language; that edges end at nodes that
 * are there, and rows at texts, only the reader can tell.
 * Thread-safety: one thread at a time per source.
 */
#ifndef PLIM_HEAP_JSC_CHECK_H
#define PLIM_HEAP_JSC_CHECK_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>

/** What passed by, as far as it came. */
typedef struct plim__jsc_counts {
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t highest_id;
    uint64_t newer_count; /**< nodes with an id above newer_than */
    uint64_t newer_bytes; /**< of these */
} plim__jsc_counts;

/**
 * Reads the source to its end. out_counts is not NULL and set in every case.
 * @retval PLIM_OK it was one complete document.
 * @retval PLIM_ERR_TRUNCATED it ended in the middle, or was empty.
 * @retval PLIM_ERR_DAMAGED not JSON, no snapshot, rows that are not whole; err says at which byte.
 * @retval PLIM_ERR_UNSUPPORTED a version above 3.  @retval PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__jsc_check(plim_source source, uint64_t newer_than,
                                           const plim_allocator *allocator,
                                           plim__jsc_counts *out_counts, plim_error *err);

#endif
