/* SPDX-License-Identifier: MIT */
/**
 * @file webkit.h
 * @brief Runtimes on JavaScriptCore: Bun, and WebKitGTK as the kin of Safari.
 *
 * The messages are CDP's in shape (calls by id, events by method), so cdp/session.h carries them;
 * the domains are others: Heap for snapshots, collections and "tracking" (two snapshots), Runtime
 * for evaluation. There is no sampling and no stack anywhere, and ids of objects live as long as
 * the connection: Heap.disable would end them, and is never sent.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_WEBKIT_WEBKIT_H
#define PLIM_INSPECT_WEBKIT_WEBKIT_H
#include "inspect/owner.h"
#include "inspect/target.h"

/** Bun: `bun --inspect`; and how it is started. */
extern const plim__runtime plim__bun_runtime;
extern const plim__launcher plim__bun_launcher;

/** One collection, in the runtime's own time. */
typedef struct plim__webkit_collection {
    const char *kind;
    double start_s; /**< 0, as end_s, where the runtime's clock does not run */
    double end_s;
    uint64_t heard_ns; /**< when the event was read, on our clock */
} plim__webkit_collection;

/** Collections that are observed. */
typedef struct plim__webkit_gc {
    bool is_on;
    uint64_t begun_ns;
    plim__webkit_collection *items;
    uint32_t count;
    uint32_t cap;
    plim_gc_event *events; /**< what the caller was given */
    uint32_t event_count;
} plim__webkit_gc;

/** What a recording knows of its first snapshot. */
typedef struct plim__webkit_recording {
    bool is_on;
    uint64_t highest_id; /**< objects above it are new */
    uint64_t begun_us;   /**< Unix time */
    uint64_t begun_ns;   /**< our clock */
    plim_track_interval before;
} plim__webkit_recording;

/** The part of plim_target.runtime_state that both runtimes have. */
typedef struct plim__webkit_state {
    plim__owner owner;
    bool heap_is_on; /**< Heap.enable was answered on this connection */
    plim__webkit_gc gc;
    plim__webkit_recording recording;
    struct plim__gtk_targets *targets; /**< WebKitGTK's alone; its own to end */
} plim__webkit_state;

/** Made at the first question; NULL if memory was refused. */
plim__webkit_state *plim__webkit_state_of(plim_target *target);

/** Forgets what only the connection knew. */
void plim__webkit_state_reset(plim_target *target);

/** Frees it. */
void plim__webkit_state_fini(plim_target *target);

/* ---- heap.c: what JavaScriptCore answers alike ---- */

/** Heap.gc. */
PLIM_NODISCARD plim_status plim__webkit_collect(plim_target *target, plim_error *err);

/** As plim_target_snapshot(), the estimate apart: JavaScriptCore's own JSON. */
PLIM_NODISCARD plim_status plim__webkit_snapshot(plim_target *target,
                                                 const plim_snapshot_options *options,
                                                 plim_sink sink, plim_snapshot_result *out_result,
                                                 plim_error *err);

/** Waits until whatever was given up has been answered: replies come in the order of the calls. */
PLIM_NODISCARD plim_status plim__webkit_settle(plim_target *target, plim_error *err);

/** Heap.enable, once a connection: without it there are no events of collections. */
PLIM_NODISCARD plim_status plim__webkit_enable(plim_target *target, plim_error *err);

/** Says that there is no sampling, and what there is. */
PLIM_NODISCARD plim_status plim__webkit_sampling_start(plim_target *target,
                                                       const plim_sampling_options *options,
                                                       plim_error *err);

/** As plim__protocol.disconnect. */
void plim__webkit_disconnect(plim_target *target);

/* ---- evaluate.c ---- */

/** Evaluates and gives the value, a new reference; `is_guarded`: a promise that is refused must
 *  not end the program (Bun's ends of it). */
PLIM_NODISCARD plim_status plim__webkit_evaluate(plim_target *target, const char *expression,
                                                 bool is_guarded, uint64_t timeout_ns,
                                                 json_t **out_value, plim_error *err);

/* ---- gc.c ---- */

PLIM_NODISCARD plim_status plim__webkit_gc_start(plim_target *target, plim_error *err);
PLIM_NODISCARD plim_status plim__webkit_gc_stop(plim_target *target,
                                                const plim_gc_event **out_events,
                                                uint32_t *out_count, plim_error *err);

/* ---- tracking.c ---- */

PLIM_NODISCARD plim_status plim__webkit_tracking_start(plim_target *target, bool stacks,
                                                       plim_error *err);
PLIM_NODISCARD plim_status plim__webkit_tracking_poll(plim_target *target, uint64_t wait_ns,
                                                      const plim_track_interval **out_intervals,
                                                      uint32_t *out_count, plim_error *err);
PLIM_NODISCARD plim_status plim__webkit_tracking_stop(plim_target *target,
                                                      const plim_snapshot_options *options,
                                                      plim_sink sink,
                                                      plim_snapshot_result *out_result,
                                                      plim_error *err);

/* ---- state.c ---- */

/** As plim__runtime.estimate, from the process alone: a snapshot takes it to `factor` times what
 *  it had. */
void plim__webkit_estimate(const plim__webkit_state *state, uint32_t factor,
                           plim_snapshot_estimate *out_estimate);

#endif
