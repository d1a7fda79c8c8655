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
#include "inspect/cdp/workers.h"

/** Attaches to all workers there are (they run on): after PLIM_OK they are listed. */
PLIM_NODISCARD plim_status plim__node_workers_start(plim__cdp_workers *workers,
                                                    const plim_allocator *allocator,
                                                    plim__cdp_connection *connection,
                                                    uint64_t timeout_ns, plim_error *err);

/** As plim__cdp_workers_attach(). */
PLIM_NODISCARD plim_status plim__node_workers_attach(plim__cdp_workers *workers, uint32_t number,
                                                     plim__cdp_session **out_session,
                                                     const char **out_title, plim_error *err);

/** Lets go of the connection, which may be gone, and frees; all zero is accepted. */
void plim__node_workers_stop(plim__cdp_workers *workers, bool is_connected);

#endif
