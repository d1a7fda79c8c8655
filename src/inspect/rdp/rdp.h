/* SPDX-License-Identifier: MIT */
/**
 * @file rdp.h
 * @brief Firefox as a target: what its files share.
 *
 * docs/internals/rdp.md tells what was seen of Firefox and why each part here is as it is.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_RDP_RDP_H
#define PLIM_INSPECT_RDP_RDP_H
#include "inspect/probe.h"
#include "inspect/rdp/connection.h"
#include "inspect/target.h"
#include "platform/process.h"

/** The row of the table of runtimes, and its protocol. */
extern const plim__runtime plim__firefox_runtime;
extern const plim__protocol plim__rdp_protocol;

/** What the target is a part of. */
typedef enum plim__rdp_scope {
    PLIM__RDP_TAB,     /**< one page */
    PLIM__RDP_PROCESS, /**< a content process with all its pages */
    PLIM__RDP_PARENT   /**< the browser itself */
} plim__rdp_scope;

/** The state of one target, from connect() to disconnect(). */
typedef struct plim__rdp_state {
    plim__rdp *connection;
    plim__rdp_scope scope;
    bool left;        /**< the page was left, or its process has gone: find the actors anew */
    bool attached;    /**< the memory actor is ours; not so after `left` */
    int64_t page_pid; /**< of the process that runs it, on its machine */
    int64_t tab_id;   /**< Firefox's number of the tab, kept over navigations */
    plim__process_ref process; /**< the same process where it is local; pid 0: it is not */
    plim__process_ref browser; /**< the one that has the port, where it is local; pid 0: not */
    uint64_t rss_at_open;      /**< PLIM_UNKNOWN where it is not local */
    char descriptor[PLIM__RDP_ACTOR_BYTES];
    char page[PLIM__RDP_ACTOR_BYTES]; /**< actor of the page or process */
    char memory[PLIM__RDP_ACTOR_BYTES];
    char files[PLIM__RDP_ACTOR_BYTES]; /**< heapSnapshotFileActor */
    char perf[PLIM__RDP_ACTOR_BYTES];  /**< "" where there is none */
    plim__rdp_request *saving; /**< saveHeapSnapshot that was given up: Firefox goes on with it */
    uint64_t saving_since_s;   /**< Unix time of that request */
} plim__rdp_state;

/** target->runtime_state of one that is connected. */
plim__rdp_state *plim__rdp_state_of(const plim_target *target);

/* runtime.c */

/** Finds the debugger's port of a process; false: it has none. */
bool plim__rdp_port_of(plim__loop *loop, const plim_allocator *allocator,
                       const plim__listeners *listeners, int64_t pid, plim__probe *out_probe);

/** What to do about a Firefox whose debugger is not open. */
extern const char plim__rdp_how_to_open[];

/** A tab, for a list; texts are borrowed. */
typedef struct plim__rdp_tab {
    int64_t id;
    const char *title;
    const char *version; /**< of its Firefox */
} plim__rdp_tab;

/** Gives each tab that has a page to `add`. As plim__rdp_connect() and plim__rdp_call(). */
PLIM_NODISCARD plim_status plim__rdp_list_tabs(plim__loop *loop, const plim_allocator *allocator,
                                               const plim__probe *probe, uint64_t timeout_ns,
                                               void (*add)(void *ctx, const plim__rdp_tab *tab),
                                               void *ctx);

/* find.c */

/** As plim__protocol.connect and .disconnect. */
PLIM_NODISCARD plim_status plim__rdp_find(plim_target *target, plim_error *err);
void plim__rdp_forget(plim_target *target);

/** Finds the actors anew after the page was left. PLIM_ERR_GONE: the tab or process is closed. */
PLIM_NODISCARD plim_status plim__rdp_refresh(plim_target *target, plim_error *err);

/* memory.c */

/** Makes the memory actor ours, which all but its figures need. */
PLIM_NODISCARD plim_status plim__rdp_attach(plim_target *target, plim_error *err);

/** As plim__runtime.usage, plim__protocol.collect and plim__runtime.estimate. */
PLIM_NODISCARD plim_status plim__rdp_usage(plim_target *target, plim_usage *out_usage,
                                           plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_collect(plim_target *target, plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_estimate(plim_target *target,
                                              plim_snapshot_estimate *out_estimate,
                                              plim_error *err);

/* snapshot.c */

/** As plim__protocol.snapshot. */
PLIM_NODISCARD plim_status plim__rdp_snapshot(plim_target *target,
                                              const plim_snapshot_options *options, plim_sink sink,
                                              plim_snapshot_result *out_result, plim_error *err);

/** Waits for a snapshot that was given up, and removes its file where that is local. */
void plim__rdp_snapshot_leave(plim_target *target);

#endif
