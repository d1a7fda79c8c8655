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
#include "inspect/cdp/session.h"

enum { PLIM__DENO_SESSION_BYTES = 32, PLIM__DENO_TITLE_BYTES = 256 };

/** One worker. */
typedef struct plim__deno_worker {
    uint32_t number;
    char session_id[PLIM__DENO_SESSION_BYTES];
    char title[PLIM__DENO_TITLE_BYTES]; /**< its number and the last part of its URL */
} plim__deno_worker;

/** Those of one connection. Must not move while it is started. */
typedef struct plim__deno_workers {
    const plim_allocator *allocator;
    plim__cdp_connection *connection; /**< NULL: not started */
    plim__deno_worker *items;
    uint32_t count;
    uint32_t cap;
    uint32_t wanted; /**< is_there once the one with this number is listed */
    bool is_there;
    bool was_refused; /**< memory for one more was not to be had */
    char attached_id[PLIM__DENO_SESSION_BYTES];
    plim__cdp_session *attached; /**< NULL: none */
} plim__deno_workers;

/**
 * Lists the workers there are (they run on, and nobody is attached to): waits for number `wanted`,
 * and for all of them as long as it takes Deno to tell them where that is 0 or does not come.
 */
PLIM_NODISCARD plim_status plim__deno_workers_start(
    plim__deno_workers *workers, const plim_allocator *allocator, plim__loop *loop,
    plim__cdp_connection *connection, uint32_t wanted, uint64_t timeout_ns, plim_error *err);

/**
 * The session of worker `number`, for good or until it ends, and its title, borrowed until the
 * loop turns. PLIM_ERR_NOT_FOUND says who is there.
 */
PLIM_NODISCARD plim_status plim__deno_workers_attach(plim__deno_workers *workers, uint32_t number,
                                                     plim__cdp_session **out_session,
                                                     const char **out_title, plim_error *err);

/** Lets go of the connection, which may be gone, and frees; all zero is accepted. */
void plim__deno_workers_stop(plim__deno_workers *workers, bool is_connected);

#endif
