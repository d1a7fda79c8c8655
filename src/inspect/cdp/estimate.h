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
#include "inspect/owner.h"

/** As plim__runtime.estimate, for the target's isolate in that process. */
PLIM_NODISCARD plim_status plim__cdp_estimate(plim_target *target, const plim__owner *owner,
                                              plim_snapshot_estimate *out_estimate,
                                              plim_error *err);

/** The rule alone: what a process may grow by when used_bytes of heap are written. */
uint64_t plim__cdp_growth_bytes(uint64_t used_bytes);

#endif
