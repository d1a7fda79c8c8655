/* SPDX-License-Identifier: MIT */
/**
 * @file firefox_count.h
 * @brief Says whether what passes by is one whole Firefox snapshot, and counts what is in it.
 *
 * Nothing is kept but a buffer: messages are walked, not held. Their contents are looked at no
 * further than is needed to find their ends and the edges.
 * Thread-safety: one thread at a time per source.
 */
#ifndef PLIM_HEAP_FIREFOX_COUNT_H
#define PLIM_HEAP_FIREFOX_COUNT_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>

#include <stdint.h>

/** What passed by; so far, where it failed. */
typedef struct plim__firefox_counts {
    uint64_t node_count;
    uint64_t edge_count;
} plim__firefox_counts;

/**
 * Reads plain (decompressed) text to its end.
 * PLIM_ERR_TRUNCATED: it stops in the middle, or has no node. PLIM_ERR_DAMAGED, _NO_MEMORY; and
 * what the source gives.
 */
PLIM_NODISCARD plim_status plim__firefox_count(plim_source plain, const plim_allocator *allocator,
                                               plim__firefox_counts *out_counts, plim_error *err);

#endif
