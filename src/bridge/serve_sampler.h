/* SPDX-License-Identifier: MIT */
/**
 * @file serve_sampler.h
 * @brief Plain memory of the program that serves itself, in DevTools' "Allocation sampling": what
 *        plimsoll/sampler.h notes of its domains, with names for calls.
 *
 * Thread-safety: one thread at a time.
 */
#ifndef PLIM_BRIDGE_SERVE_SAMPLER_H
#define PLIM_BRIDGE_SERVE_SAMPLER_H
#include <plimsoll/serve.h>

#include "bridge/process_sites.h"

/** Zero it but for the allocator; ended by plim__serve_sampler_fini(). */
typedef struct plim__serve_sampler {
    const plim_allocator *allocator;
    plim__process_sites *places; /* names of this process's code; NULL: not yet, or none */
    bool is_ours;                /* the sampler is on by our doing */
} plim__serve_sampler;

/** Begins. One that the program itself has started is read as it is. */
PLIM_NODISCARD plim_status plim__serve_sampler_start(plim__serve_sampler *sampler,
                                                     uint64_t interval_bytes, plim_error *err);

/** Adds what was noted and lives; `ends`: no more is noted. */
PLIM_NODISCARD plim_status plim__serve_sampler_read(plim__serve_sampler *sampler, bool ends,
                                                    plim_served_profile *profile, plim_error *err);

void plim__serve_sampler_fini(plim__serve_sampler *sampler);

#endif
