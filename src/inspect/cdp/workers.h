/* SPDX-License-Identifier: MIT */
/**
 * @file workers.h
 * @brief Workers that are talked to through the main isolate's connection, each with its number.
 *
 * A list that the runtime's own events fill (node/workers.c, deno/workers.c), and the one of them
 * that is attached to. What is said to it goes as the runtime wants; what it says comes flat, or
 * wrapped in NodeWorker.receivedMessageFromWorker.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_CDP_WORKERS_H
#define PLIM_INSPECT_CDP_WORKERS_H
#include "inspect/cdp/session.h"

enum { PLIM__CDP_WORKER_SESSION_BYTES = 32, PLIM__CDP_WORKER_TITLE_BYTES = 256 };

/** One worker. */
typedef struct plim__cdp_worker {
    uint32_t number; /**< the N of #worker:N; 0: it has none */
    char session_id[PLIM__CDP_WORKER_SESSION_BYTES];
    char title[PLIM__CDP_WORKER_TITLE_BYTES];
} plim__cdp_worker;

/** Those of one connection. Must not move while it is started. All zero: not started. */
typedef struct plim__cdp_workers {
    const plim_allocator *allocator;
    plim__cdp_connection *connection; /**< NULL: not started */
    plim__cdp_worker *items;
    uint32_t count;
    uint32_t cap;
    bool was_refused; /**< memory for one more was not to be had */
    char attached_id[PLIM__CDP_WORKER_SESSION_BYTES];
    plim__cdp_session *attached; /**< NULL: none */
} plim__cdp_workers;

/** The N of a title that begins with `head`, N and "]" ("[worker 2] name"); 0 where it does not. */
uint32_t plim__cdp_worker_number(const char *title, const char *head);

/** Begins an empty list, and takes wrapped answers for the one that will be attached to. */
void plim__cdp_workers_init(plim__cdp_workers *workers, const plim_allocator *allocator,
                            plim__cdp_connection *connection);

/** The one with this session; NULL: none. */
plim__cdp_worker *plim__cdp_workers_find(plim__cdp_workers *workers, const char *session_id);

/**
 * Lists one more. The title may be anything, and is made fit to be shown. One whose session's name
 * is too long or that is one more than PLIM_WORKERS_MAX is left out; where memory is, was_refused.
 * True: it is listed.
 */
bool plim__cdp_workers_add(plim__cdp_workers *workers, uint32_t number, const char *session_id,
                           const char *title);

/** It has ended: off the list, and calls to it fail with PLIM_ERR_GONE. NULL, unknown: nothing. */
void plim__cdp_workers_forget(plim__cdp_workers *workers, const char *session_id);

/**
 * The session of worker `number`, for good or until it ends, and its title, borrowed until the
 * loop turns. `send` wraps what is said to it, as of plim__cdp_session_create() with `workers` as
 * its ctx; NULL: its session is a flat one. PLIM_ERR_NOT_FOUND calls it by `what`, "worker thread",
 * and names those there are.
 */
PLIM_NODISCARD plim_status plim__cdp_workers_attach(plim__cdp_workers *workers, uint32_t number,
                                                    const char *what, plim__cdp_send send,
                                                    plim__cdp_session **out_session,
                                                    const char **out_title, plim_error *err);

/** Ends the session that is attached to; the connection must be there. */
void plim__cdp_workers_detach(plim__cdp_workers *workers);

/** Frees; the connection may be gone. All zero is accepted, and left behind. */
void plim__cdp_workers_fini(plim__cdp_workers *workers);

#endif
