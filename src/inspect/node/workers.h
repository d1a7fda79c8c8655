/* SPDX-License-Identifier: MIT */
/**
 * @file workers.h
 * @brief The worker threads of a Node, listed and talked to through the main isolate's connection.
 *
 * Node numbers workers anew on every connection and in no order, so its workerId names nothing for
 * long. The thread id does (worker.threadId, unique in the process); it stands in the title that
 * Node gives: "[worker 2] name". `#worker:2` means that one.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_NODE_WORKERS_H
#define PLIM_INSPECT_NODE_WORKERS_H
#include "inspect/cdp/session.h"

enum { PLIM__NODE_SESSION_BYTES = 32, PLIM__NODE_TITLE_BYTES = 256 };

/** One worker. */
typedef struct plim__node_worker {
    uint32_t number; /**< its thread id */
    char session_id[PLIM__NODE_SESSION_BYTES];
    char title[PLIM__NODE_TITLE_BYTES];
} plim__node_worker;

/** Those of one connection. Must not move while it is started. */
typedef struct plim__node_workers {
    const plim_allocator *allocator;
    plim__cdp_connection *connection; /**< NULL: not started */
    plim__node_worker *items;
    uint32_t count;
    uint32_t cap;
    bool was_refused; /**< memory for one more was not to be had */
    char attached_id[PLIM__NODE_SESSION_BYTES];
    plim__cdp_session *attached; /**< NULL: none */
} plim__node_workers;

/** Attaches to all workers there are (they run on): after PLIM_OK they are listed. */
PLIM_NODISCARD plim_status plim__node_workers_start(plim__node_workers *workers,
                                                    const plim_allocator *allocator,
                                                    plim__cdp_connection *connection,
                                                    uint64_t timeout_ns, plim_error *err);

/**
 * The session of worker `number`, for good or until it ends, and its title, borrowed until the
 * loop turns. PLIM_ERR_NOT_FOUND says who is there.
 */
PLIM_NODISCARD plim_status plim__node_workers_attach(plim__node_workers *workers, uint32_t number,
                                                     plim__cdp_session **out_session,
                                                     const char **out_title, plim_error *err);

/** Lets go of the connection, which may be gone, and frees; all zero is accepted. */
void plim__node_workers_stop(plim__node_workers *workers, bool is_connected);

#endif
