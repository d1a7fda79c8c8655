/* SPDX-License-Identifier: MIT */
/**
 * @file estimate.h
 * @brief The process an isolate of V8 lives in, where it is of this machine: what it has, and what
 *        a snapshot would take.
 *
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_CDP_ESTIMATE_H
#define PLIM_INSPECT_CDP_ESTIMATE_H
#include "inspect/target.h"
#include "platform/process.h"

/**
 * As plim__runtime.estimate, for the target's isolate in `process` (pid 0: not local) that had
 * rss_at_open (PLIM_UNKNOWN: not known) when we came.
 */
PLIM_NODISCARD plim_status plim__cdp_estimate(plim_target *target, const plim__process_ref *process,
                                              uint64_t rss_at_open,
                                              plim_snapshot_estimate *out_estimate,
                                              plim_error *err);

/** The rule alone: what a process of rss_bytes may grow to when used_bytes of heap are written. */
uint64_t plim__cdp_peak_bytes(uint64_t rss_bytes, uint64_t rss_at_open, uint64_t used_bytes);

/** Fills the four fields of the process, as far as it is there. */
void plim__cdp_process_usage(const plim__process_ref *process, plim_usage *out_usage);

#endif
