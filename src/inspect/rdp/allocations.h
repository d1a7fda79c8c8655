/* SPDX-License-Identifier: MIT */
/**
 * @file allocations.h
 * @brief Batches of Firefox's allocations log become a tree of calls, and intervals of time.
 *
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_INSPECT_RDP_ALLOCATIONS_H
#define PLIM_INSPECT_RDP_ALLOCATIONS_H
#include <plimsoll/profile.h>
#include <plimsoll/target.h>

#include <jansson.h>

#include "base/id_map.h"

/** What was read so far. Zero it, set the first group; end it with plim__rdp_log_fini(). */
typedef struct plim__rdp_log {
    const plim_allocator *allocator;
    uint32_t ring;        /**< entries that Firefox keeps between two batches */
    double begun_ms;      /**< when it was begun, on the clock of the entries */
    double begun_unix_ms; /**< the same moment, Unix time */

    plim_profile *profile; /**< self[ALLOC_…] and [SAMPLES] as they came; NULL: nothing yet */
    uint64_t entry_count;
    uint32_t overflow_count;        /**< batches that were full: what was lost there is not known */
    plim_track_interval *intervals; /**< 100 ms each; 0 is what was there before: unknown */
    uint32_t interval_count;
    uint32_t interval_cap;
    plim__id_map calls; /**< private: caller and frame to call */
    uint32_t *call_of;  /**< private: of the frames of the batch under way */
    uint32_t call_of_cap;
} plim__rdp_log;

/**
 * Adds one batch: the data of an event `allocations`, or the reply to getAllocations.
 * PLIM_ERR_PROTOCOL: it is none. PLIM_ERR_LIMIT: more intervals than PLIM_TRACK_INTERVALS_MAX.
 * PLIM_ERR_NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__rdp_log_read(plim__rdp_log *log, const json_t *batch,
                                              plim_error *err);

/**
 * Makes what was read a finished profile, each figure times `scale`, and hands it over; the log
 * begins anew. PLIM_ERR_NO_MEMORY.
 */
PLIM_NODISCARD plim_status plim__rdp_log_take(plim__rdp_log *log, double scale,
                                              plim_profile **out_profile, plim_error *err);

/** Frees; all zero is accepted. */
void plim__rdp_log_fini(plim__rdp_log *log);

#endif
