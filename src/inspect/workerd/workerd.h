/* SPDX-License-Identifier: MIT */
/**
 * @file workerd.h
 * @brief Cloudflare's workerd, and wrangler's proxy before it.
 *
 * docs/internals/workerd.md tells what was seen of both and why each part here is as it is.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_WORKERD_WORKERD_H
#define PLIM_INSPECT_WORKERD_WORKERD_H
#include "inspect/owner.h"
#include "inspect/target.h"

/** The rows of the table of runtimes. */
extern const plim__runtime plim__workerd_runtime;
extern const plim__runtime plim__wrangler_runtime;

/** How they are started by us. wrangler's is asked before Node's, whose script it is. */
extern const plim__launcher plim__workerd_launcher;
extern const plim__launcher plim__wrangler_launcher;

/** The state of one target, from open() to close(). */
typedef struct plim__workerd_state {
    plim__owner owner;
} plim__workerd_state;

/** Whether a path is workerd's executable. */
bool plim__workerd_is_executable(const char *path);

/** workerd ends the session it has when another debugger comes: PLIM_ERR_REFUSED says who is there,
    as far as this machine can see. Nothing is sent. */
PLIM_NODISCARD plim_status plim__workerd_look_out(plim_target *target, plim_error *err);

#endif
