/* SPDX-License-Identifier: MIT */
/**
 * @file workers.h
 * @brief The workers of a Deno, listed and talked to through the main isolate's connection.
 *
 * `#worker:N` is the N of the title that Deno gives, "worker [2]": they are numbered as they are
 * born, and keep the number. docs/internals/deno.md tells why it is done so and not otherwise.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_DENO_WORKERS_H
#define PLIM_INSPECT_DENO_WORKERS_H
#include "inspect/cdp/workers.h"

/** Those of one connection. Must not move while it is started. */
typedef struct plim__deno_workers {
    plim__cdp_workers list;
    uint32_t wanted; /**< is_there once the one with this number is listed */
    bool is_there;
} plim__deno_workers;

/**
 * Lists the workers there are (they run on, and nobody is attached to): waits for number `wanted`,
 * and for all of them as long as it takes Deno to tell them where that is 0 or does not come.
 */
PLIM_NODISCARD plim_status plim__deno_workers_start(
    plim__deno_workers *workers, const plim_allocator *allocator, plim__loop *loop,
    plim__cdp_connection *connection, uint32_t wanted, uint64_t timeout_ns, plim_error *err);

/** As plim__cdp_workers_attach(). */
PLIM_NODISCARD plim_status plim__deno_workers_attach(plim__deno_workers *workers, uint32_t number,
                                                     plim__cdp_session **out_session,
                                                     const char **out_title, plim_error *err);

/** Lets go of the connection, which may be gone, and frees; all zero is accepted. */
void plim__deno_workers_stop(plim__deno_workers *workers, bool is_connected);

#endif
