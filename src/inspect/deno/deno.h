/* SPDX-License-Identifier: MIT */
/**
 * @file deno.h
 * @brief What is Deno's own, beyond what every V8 inspector does alike.
 *
 * docs/internals/deno.md tells what was seen of Deno and why each part here is as it is.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_DENO_DENO_H
#define PLIM_INSPECT_DENO_DENO_H
#include "inspect/deno/workers.h"
#include "inspect/owner.h"
#include "inspect/target.h"

/** The row of the table of runtimes. */
extern const plim__runtime plim__deno_runtime;

/** How it is started by us. */
extern const plim__launcher plim__deno_launcher;

/** The state of one target, from open() to close(). */
typedef struct plim__deno_state {
    plim__owner owner;
    plim__deno_workers workers;
} plim__deno_state;

/** Whether a path is Deno's executable. */
bool plim__deno_is_executable(const char *path);

#endif
