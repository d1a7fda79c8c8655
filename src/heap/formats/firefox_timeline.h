/* SPDX-License-Identifier: MIT */
/**
 * @file firefox_timeline.h
 * @brief A Firefox snapshot that was taken while its allocations were recorded, as a
 *        `.heaptimeline`.
 *
 * Nodes that were allocated meanwhile have their stacks in it; when each was made is not said, so
 * the timeline has one interval: the whole recording.
 * Thread-safety: one thread at a time per source.
 */
#ifndef PLIM_HEAP_FIREFOX_TIMELINE_H
#define PLIM_HEAP_FIREFOX_TIMELINE_H
#include <plimsoll/graph.h>

/** All zero but for duration_us is sensible. */
typedef struct plim__firefox_timeline_options {
    const plim_allocator *allocator; /**< NULL: the system's */
    uint64_t duration_us;            /**< of the recording */
    bool without_stacks;             /**< they are left out */
} plim__firefox_timeline_options;

/** What was written. */
typedef struct plim__firefox_timeline_result {
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t live_count; /**< of these, made while it was recorded */
    uint64_t live_bytes;
} plim__firefox_timeline_result;

/**
 * Reads plain (decompressed) text to its end, makes the graph, writes it. *out_result is set on
 * PLIM_OK. As plim_graph_read_firefox() and plim_graph_write_v8().
 */
PLIM_NODISCARD plim_status plim__firefox_timeline(plim_source plain,
                                                  const plim__firefox_timeline_options *options,
                                                  plim_sink sink,
                                                  plim__firefox_timeline_result *out_result,
                                                  plim_error *err);

#endif
