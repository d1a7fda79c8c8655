/* SPDX-License-Identifier: MIT */
/**
 * @file node.h
 * @brief What is Node's own, beyond what every V8 inspector does alike.
 *
 * docs/internals/node.md tells what was seen of Node and why each part here is as it is.
 * Thread-safety: one thread at a time per target; the functions on processes any.
 */
#ifndef PLIM_INSPECT_NODE_NODE_H
#define PLIM_INSPECT_NODE_NODE_H
#include "inspect/cdp/collections.h"
#include "inspect/node/workers.h"
#include "inspect/owner.h"
#include "inspect/probe.h"
#include "inspect/target.h"

enum { PLIM__NODE_PATH_BYTES = 4096 }; /* the longest path the system takes */

/** The row of the table of runtimes. */
extern const plim__runtime plim__node_runtime;

/** How it is started (launch.c). */
extern const plim__launcher plim__node_launcher;

/** Observing collections (gc.c). */
typedef struct plim__node_gc {
    bool is_on;
    bool is_complete; /**< the last message of data has come */
    bool is_stopping;
    uint32_t message_count; /**< of data, since stop was asked for */
    plim__cdp_collections seen;
} plim__node_gc;

/** The state of one target, from the first of resolve_pid() and open() to close(). */
typedef struct plim__node_state {
    plim__owner owner;
    plim__cdp_workers workers;
    plim__node_gc gc;
} plim__node_state;

/** target->runtime_state, made if there is none; NULL: no memory. */
plim__node_state *plim__node_state_of(plim_target *target);

/* process.c: Node seen from outside. */

/** Whether a path is Node's executable: named node, nodejs, or node with a version. */
bool plim__node_is_executable(const char *path);

/** Where options of the command line and NODE_OPTIONS put the inspector. */
typedef struct plim__node_flags {
    uint16_t port;  /**< 9229 unless an option says another; 0: any */
    bool is_told;   /**< an option named the port */
    bool is_opened; /**< --inspect and its kin: open from the beginning */
    bool waits;     /**< --inspect-brk, --inspect-wait */
} plim__node_flags;

/** Reads one option; changes *flags if it is one of the inspector's. */
void plim__node_flag_read(const char *option, plim__node_flags *flags);

/** Reads the options of a process; what cannot be read leaves the defaults. */
void plim__node_flags_of(const plim_allocator *allocator, int64_t pid, plim__node_flags *out_flags);

/**
 * Which listening sockets of a Node may be its inspector: those bound to the loopback, and any on
 * the port its options name. A server of the program that is bound to all addresses is not asked.
 */
bool plim__node_may_be_inspector(const plim__listener *listener, const plim__node_flags *flags);

/**
 * Finds the open inspector of a Node. PLIM_ERR_NOT_FOUND: it has none. PLIM_ERR_TIMEOUT: one may
 * be there, but nothing answered. Else as plim__process_listeners().
 */
PLIM_NODISCARD plim_status plim__node_find_inspector(plim__loop *loop,
                                                     const plim_allocator *allocator, int64_t pid,
                                                     uint64_t timeout_ns, plim__probe *out_probe);

/* open.c: by process id. */

/** As plim__runtime.resolve_pid. */
PLIM_NODISCARD plim_status plim__node_resolve_pid(plim_target *target, plim_error *err);

/** Closes the inspector of a process where we opened it, and waits until its port is closed. */
void plim__node_close_inspector(plim_target *target);

/* gc.c */

/** As plim__runtime.gc_observe_start. */
PLIM_NODISCARD plim_status plim__node_gc_start(plim_target *target, plim_error *err);
/** As plim__runtime.gc_observe_stop. */
PLIM_NODISCARD plim_status plim__node_gc_stop(plim_target *target, const plim_gc_event **out_events,
                                              uint32_t *out_count, plim_error *err);
/** Reads one NodeTracing.dataCollected; exposed for tests. */
PLIM_NODISCARD plim_status plim__node_gc_read(plim__node_gc *gc, const plim_allocator *allocator,
                                              const json_t *params, plim_error *err);
/** Frees; all zero is accepted. */
void plim__node_gc_fini(plim__node_gc *gc, const plim_allocator *allocator);

#endif
