/* SPDX-License-Identifier: MIT */
/**
 * @file heap.h
 * @brief Memory work that every V8 inspector does alike, on target->cdp.session.
 *
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_CDP_HEAP_H
#define PLIM_INSPECT_CDP_HEAP_H
#include "inspect/target.h"

/** The table of all that is below. */
extern const plim__protocol plim__cdp_protocol;

/** cdp/find.c: as plim__protocol.connect. */
PLIM_NODISCARD plim_status plim__cdp_find(plim_target *target, plim_error *err);

/**
 * Runtime.getHeapUsage: fills the four isolate fields; those of the process stay as they are, so a
 * runtime fills them before or after. PLIM_UNKNOWN for what this V8 does not say.
 */
PLIM_NODISCARD plim_status plim__cdp_usage(plim_target *target, plim_usage *out_usage,
                                           plim_error *err);

/** As plim_target_evaluate(), in the context of this unique id; NULL: the default one. */
PLIM_NODISCARD plim_status plim__cdp_evaluate(plim_target *target, const char *context,
                                              const char *expression, uint64_t timeout_ns,
                                              const char **out_json, plim_error *err);

/** As plim__protocol.leave and .disconnect. */
void plim__cdp_leave(plim_target *target);
void plim__cdp_end(plim_target *target);

/** As plim_target_snapshot(), the estimate apart. options may be NULL. */
PLIM_NODISCARD plim_status plim__cdp_snapshot(plim_target *target,
                                              const plim_snapshot_options *options, plim_sink sink,
                                              plim_snapshot_result *out_result, plim_error *err);

/** The same for a method that ends with a snapshot: takeHeapSnapshot, stopTrackingHeapObjects. */
PLIM_NODISCARD plim_status plim__cdp_stream_snapshot(plim_target *target, const char *method,
                                                     const plim_snapshot_options *options,
                                                     plim_sink sink,
                                                     plim_snapshot_result *out_result,
                                                     plim_error *err);

/** A call whose answer is a document: what asks for it, where its text stands, what it must be. */
typedef struct plim__cdp_document {
    const char *method;
    json_t *params;           /**< taken; NULL: {} */
    plim__envelope_rule rule; /**< the string of the text; key NULL: V8's chunks */

    /**
     * Reads the text as it comes, to its end, and fills the counts of the result; on a thread of
     * its own. What it reads has been given to the sink. NULL: V8's check.
     */
    plim_status (*read)(void *ctx, plim_source source, plim_snapshot_result *result,
                        plim_error *err);
    void *ctx;
    json_t **out_reply; /**< the result in the reply, the caller's to end; NULL: not wanted */
} plim__cdp_document;

/** As plim_target_snapshot(), for any document. */
PLIM_NODISCARD plim_status plim__cdp_stream_document(
    plim_target *target, const plim__cdp_document *document, const plim_snapshot_options *options,
    plim_sink sink, plim_snapshot_result *out_result, plim_error *err);

/** As the calls of plimsoll/target.h. */
PLIM_NODISCARD plim_status plim__cdp_sampling_start(plim_target *target,
                                                    const plim_sampling_options *options,
                                                    plim_error *err);
PLIM_NODISCARD plim_status plim__cdp_sampling_stop(plim_target *target, plim_sink sink,
                                                   plim_error *err);
PLIM_NODISCARD plim_status plim__cdp_tracking_start(plim_target *target, bool stacks,
                                                    plim_error *err);
PLIM_NODISCARD plim_status plim__cdp_tracking_poll(plim_target *target, uint64_t wait_ns,
                                                   const plim_track_interval **out_intervals,
                                                   uint32_t *out_count, plim_error *err);
PLIM_NODISCARD plim_status plim__cdp_tracking_stop(plim_target *target,
                                                   const plim_snapshot_options *options,
                                                   plim_sink sink, plim_snapshot_result *out_result,
                                                   plim_error *err);

#endif
