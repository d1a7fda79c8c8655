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
#include "base/assert.h"
#include "inspect/owner.h"
#include "inspect/probe.h"
#include "inspect/rdp/allocations.h"
#include "inspect/rdp/connection.h"
#include "inspect/target.h"
#include "platform/process.h"

/** The row of the table of runtimes, and its protocol. */
extern const plim__runtime plim__firefox_runtime;
extern const plim__protocol plim__rdp_protocol;

/** How it is started (start.c). */
extern const plim__launcher plim__firefox_launcher;

/** What the target is a part of. */
typedef enum plim__rdp_scope {
    PLIM__RDP_TAB,     /**< one page */
    PLIM__RDP_PROCESS, /**< a content process with all its pages */
    PLIM__RDP_PARENT   /**< the browser itself */
} plim__rdp_scope;

/** Observing collections (gc.c). */
typedef struct plim__rdp_gc {
    bool is_on;
    bool profiles; /**< the Gecko profiler runs for us: it knows minor collections, too */
    bool too_many;
    double first_ms; /**< the first event's time, on Firefox's clock; below 0: none */
    plim_gc_event *events;
    uint32_t count;
    uint32_t cap;
} plim__rdp_gc;

/** The state of one target, from connect() to disconnect(). */
typedef struct plim__rdp_state {
    plim__rdp *connection;
    plim__rdp_scope scope;
    bool left;        /**< the page was left, or its process has gone: find the actors anew */
    bool attached;    /**< the memory actor is ours; not so after `left` */
    int64_t page_pid; /**< of the process that runs it, on its machine */
    int64_t tab_id;   /**< Firefox's number of the tab, kept over navigations */
    char tab_title[PLIM__PROBE_TITLE_BYTES]; /**< as the tab was listed; "" once it was left */
    plim__owner owner;                       /**< that process, where it is local */
    plim__process_ref browser; /**< the one that has the port, where it is local; pid 0: not */
    char descriptor[PLIM__RDP_ACTOR_BYTES];
    char page[PLIM__RDP_ACTOR_BYTES]; /**< actor of the page or process */
    char memory[PLIM__RDP_ACTOR_BYTES];
    char files[PLIM__RDP_ACTOR_BYTES]; /**< heapSnapshotFileActor */
    char perf[PLIM__RDP_ACTOR_BYTES];  /**< "" where there is none */
    plim__rdp_request *saving; /**< saveHeapSnapshot that was given up: Firefox goes on with it */
    uint64_t saving_since_s;   /**< Unix time of that request */

    bool is_recording; /**< Firefox notes allocations for us: is_sampling or is_tracking */
    bool is_sampling;
    bool is_tracking;
    bool wants_stacks;
    double probability; /**< of one allocation to be noted */
    plim__rdp_log log;
    plim__rdp_gc gc;
} plim__rdp_state;

/** target->runtime_state of one that is connected. */
static inline plim__rdp_state *plim__rdp_state_of(const plim_target *target)
{
    plim__rdp_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    return state;
}

/* find.c */

/** What the user sees on a tab: its title, or where it leads. */
void plim__rdp_tab_title(const json_t *tab, char *out, size_t cap);

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

/** A snapshot, with the stacks of what was allocated meanwhile, as a `.heaptimeline`. */
PLIM_NODISCARD plim_status plim__rdp_timeline(plim_target *target,
                                              const plim_snapshot_options *options, plim_sink sink,
                                              plim_snapshot_result *out_result, plim_error *err);

/** Waits for a snapshot that was given up, and removes its file where that is local. */
void plim__rdp_snapshot_leave(plim_target *target);

/* recording.c */

/** As plim__protocol's functions of these names. */
PLIM_NODISCARD plim_status plim__rdp_sampling_start(plim_target *target,
                                                    const plim_sampling_options *options,
                                                    plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_sampling_stop(plim_target *target, plim_sink sink,
                                                   plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_tracking_start(plim_target *target, bool stacks,
                                                    plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_tracking_poll(plim_target *target, uint64_t wait_ns,
                                                   const plim_track_interval **out_intervals,
                                                   uint32_t *out_count, plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_tracking_stop(plim_target *target,
                                                   const plim_snapshot_options *options,
                                                   plim_sink sink, plim_snapshot_result *out_result,
                                                   plim_error *err);

/** Stops what records; frees. */
void plim__rdp_recording_leave(plim_target *target);

/* gc.c */

/** As plim__runtime.gc_observe_start and gc_observe_stop. */
PLIM_NODISCARD plim_status plim__rdp_gc_start(plim_target *target, plim_error *err);
PLIM_NODISCARD plim_status plim__rdp_gc_stop(plim_target *target, const plim_gc_event **out_events,
                                             uint32_t *out_count, plim_error *err);

/** Ends the observation; frees. */
void plim__rdp_gc_leave(plim_target *target);

/* gc_read.c */

/** An event `garbage-collection` has come: what it tells is added, while gc is on. */
PLIM_NODISCARD plim_status plim__rdp_gc_on_event(plim__rdp_gc *gc, const plim_allocator *allocator,
                                                 const json_t *packet, plim_error *err);

/** Reads the collections of one process out of a Gecko profile into gc; exposed for tests. */
PLIM_NODISCARD plim_status plim__rdp_gc_read(plim__rdp_gc *gc, const plim_allocator *allocator,
                                             const json_t *profile, int64_t pid, plim_error *err);

#endif
