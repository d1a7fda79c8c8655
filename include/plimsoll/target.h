/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * @brief A live runtime behind its inspector: one contract, whatever the protocol.
 *
 * A target is opened from an address (`127.0.0.1:9229`, `:9229`, `ws://…`, `rdp://127.0.0.1:6000`,
 * `unix:/path`, `pid:4242`, any with `#worker:N`; `ssh://USER@HOST/ADDRESS` by the system's ssh,
 * which ends when the thread does that opened it), and answers the calls below. What a runtime
 * cannot do is PLIM_ERR_UNSUPPORTED with the reason, never an empty result. Reading calls run no
 * code in the target. Calls block, driven by an event loop inside; every one has a deadline. A stop
 * request (plim_interrupt) ends the one under way with PLIM_ERR_INTERRUPTED.
 * Sockets are libuv's, which raises SIGPIPE where the other side hangs up: programs ignore it.
 * Thread-safety: one thread at a time per target; plim_interrupt_raise() from anywhere.
 */
#ifndef PLIM_TARGET_H
#define PLIM_TARGET_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

typedef struct plim_target plim_target;

/** A further kind of target that another library brings (bridge.h: programs in C); opaque. */
typedef struct plim_target_family plim_target_family;

/** A request to stop, raised by a signal handler or another thread. Zero it to start. */
typedef struct plim_interrupt {
    volatile int raised; /**< how often; read and written only through the two calls */
} plim_interrupt;

/**
 * @brief         Asks whatever watches @p interrupt to stop soon (within 100 ms).
 * @param[in,out] interrupt  not NULL.
 * @note          Threads: any. Signals: safe.
 */
PLIM_API void plim_interrupt_raise(plim_interrupt *interrupt);

/**
 * @brief     How often a stop was asked for.
 * @param[in] interrupt  NULL is never raised.
 * @return    the count.
 * @note      Threads: any. Signals: safe.
 */
PLIM_API int plim_interrupt_count(const plim_interrupt *interrupt);

/** All zero is the default. Times in nanoseconds; 0 means the default that is named. */
typedef struct plim_target_options {
    uint32_t struct_bytes;           /**< sizeof(plim_target_options) */
    bool open_inspector;             /**< pid: only: may send SIGUSR1 to a Node that catches it */
    bool keep_open;                  /**< leave an inspector that we opened open */
    bool list_workers;               /**< plim_discover() attaches to each open Node to list its
                                          threads: that ends what another debugger records there */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until close */
    const plim_interrupt *interrupt; /**< NULL: none; borrowed until close */
    uint64_t connect_timeout_ns;     /**< 0: 5 s */
    uint64_t call_timeout_ns;        /**< 0: per call, 2 s usage, 10 s collect and start/stop */
    uint64_t stall_timeout_ns;       /**< 0: 120 s without a byte while a snapshot is under way */
    const plim_target_family *const *families; /**< asked after the runtimes known here; ends with
                                                    NULL; NULL: none; borrowed until close */
    const char *ssh; /**< the program for addresses ssh://…; NULL: ssh; borrowed until close */
} plim_target_options;

/** What a runtime does otherwise than most, or not at all; bits of plim_target_info.traits. */
enum plim_target_trait {
    PLIM_TARGET_USAGE_EVALUATES =
        1,                        /**< its inspector has no figures of memory: plim_target_usage()
                                          evaluates code in it, which is to be said */
    PLIM_TARGET_NO_STACKS = 2,    /**< a recording of its allocations has no stacks */
    PLIM_TARGET_NO_INTERVALS = 4, /**< nor anything between its beginning and its end */
    PLIM_TARGET_IDS_CHANGE = 8    /**< ids of objects compare between no two snapshots */
};

/** What a target says of itself; strings are borrowed from the target, never NULL. */
typedef struct plim_target_info {
    const char *runtime;         /**< "node" */
    const char *version;         /**< "20.20.2" */
    const char *title;           /**< what it runs */
    const char *address;         /**< "127.0.0.1:9229" */
    int64_t pid;                 /**< -1 where unknown (remote) */
    uint32_t worker_id;          /**< 0: the main isolate */
    uint32_t traits;             /**< bits of plim_target_trait */
    const char *snapshot_ending; /**< of files with its snapshots: ".heapsnapshot" */
    const char *note; /**< a limit that is known without asking, in words; may be empty */
    /** What snapshots have in common whose ids compare, whichever connection took them; empty:
        they compare within one connection. */
    const char *series;
} plim_target_info;

/** A number the runtime cannot give. */
#define PLIM_UNKNOWN UINT64_MAX

/** Memory of one isolate, and of its process where it is local (from the system, no code run). */
typedef struct plim_usage {
    uint64_t used_bytes;
    uint64_t total_bytes;
    uint64_t embedder_bytes;      /**< PLIM_UNKNOWN before V8 13 */
    uint64_t backing_store_bytes; /**< PLIM_UNKNOWN before V8 13 */
    uint64_t process_rss_bytes;   /**< PLIM_UNKNOWN where it is not local */
    uint64_t process_peak_bytes;
    uint64_t cgroup_limit_bytes; /**< PLIM_UNKNOWN where there is none */
    uint64_t cgroup_used_bytes;
} plim_usage;

/**
 * @brief      Connects to a target and identifies it.
 * @param[in]  address     see the head of this file; a bare number is refused with both readings.
 * @param[in]  options     NULL: defaults.
 * @param[out] out_target  set only on PLIM_OK; ended by plim_target_close().
 * @param[out] err         what, where and what to do; may be NULL.
 * @retval PLIM_ERR_USAGE the address cannot be read, or several targets fit (the hint lists them).
 * @retval PLIM_ERR_UNREACHABLE nothing listens there.
 * @retval PLIM_ERR_PROTOCOL something listens that is no inspector.
 * @retval PLIM_ERR_REFUSED it is one and does not let us in; or SIGUSR1 would kill the process.
 * @retval PLIM_ERR_NOT_FOUND no such process, or no such worker.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_TIMEOUT, PLIM_ERR_NO_MEMORY, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_open(const char *address,
                                                     const plim_target_options *options,
                                                     plim_target **out_target, plim_error *err);

/**
 * @brief         Leaves the target as it was: stops what runs, ends the profiler (so that the
 *                target is as fast as before), closes an inspector we opened. *target becomes NULL.
 * @param[in,out] target  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's. Blocks for at most the call timeout; after a snapshot
 *                that was given up, until the target has finished it (V8 cannot stop, and some
 *                Nodes die if they are hung up on meanwhile), was silent so long, or a stop is
 *                asked for again.
 */
PLIM_API void plim_target_close(plim_target **target);

/**
 * @brief      Who it is.
 * @param[in]  target    not NULL.
 * @param[out] out_info  not NULL; valid until close.
 * @note       Threads: one at a time.
 */
PLIM_API void plim_target_identify(const plim_target *target, plim_target_info *out_info);

/**
 * @brief      What the last call's result leaves out, or left undone in the target, in a sentence:
 *             a file that could not be removed, allocations that were counted and not seen.
 * @param[in]  target  not NULL.
 * @return     "" where there is nothing to say; borrowed until the next call.
 * @note       Threads: one at a time.
 */
PLIM_API const char *plim_target_remark(const plim_target *target);

/**
 * @brief      Memory in use now. Runs no code in the target, but for PLIM_TARGET_USAGE_EVALUATES.
 * @param[in]  target     not NULL.
 * @param[out] out_usage  set only on PLIM_OK.
 * @param[out] err        may be NULL.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_usage(plim_target *target, plim_usage *out_usage,
                                                      plim_error *err);

/** What a snapshot would need, guessed before it is taken. */
typedef struct plim_snapshot_estimate {
    uint64_t peak_bytes;      /**< what the target's process may grow to */
    uint64_t available_bytes; /**< what cgroup and machine still give; PLIM_UNKNOWN if not local */
    bool safe;                /**< it fits, or nothing is known against it */
} plim_snapshot_estimate;

/**
 * @brief      Guesses whether the target would survive a snapshot (DESIGN: first do no harm).
 * @param[in]  target        not NULL.
 * @param[out] out_estimate  set only on PLIM_OK.
 * @param[out] err           may be NULL.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_estimate(plim_target *target,
                                                         plim_snapshot_estimate *out_estimate,
                                                         plim_error *err);

/** All zero is the default. */
typedef struct plim_snapshot_options {
    uint32_t struct_bytes;  /**< sizeof(plim_snapshot_options) */
    bool force;             /**< take it even if the estimate says it is not safe */
    bool numeric_values;    /**< V8's captureNumericValue */
    bool discard;           /**< count and check the bytes only (a floor to measure against) */
    plim_progress progress; /**< phases "collecting" (objects) and "receiving" (bytes) */
    bool as_v8;             /**< in V8's format, of a runtime that has another and can write both;
                                 may evaluate code in it */
} plim_snapshot_options;

/** What was taken. */
typedef struct plim_snapshot_result {
    uint64_t byte_count;
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t chunk_count;
    uint64_t pause_ns; /**< how long the target stood still: request to reply */
    uint64_t queue_peak_bytes;
    uint64_t new_count; /**< of a recording: objects made while it ran that live; 0 where its
                             intervals say it, PLIM_UNKNOWN where only the file does */
    uint64_t new_bytes; /**< of these */
} plim_snapshot_result;

/**
 * @brief      Streams a snapshot into a sink; nothing of it is held but a queue of
 *             PLIM_QUEUE_BYTES_MAX. The text is checked for completeness as it passes.
 * @param[in]  target      not NULL.
 * @param[in]  options     NULL: defaults.
 * @param[in]  sink        called from another thread, one call at a time.
 * @param[out] out_result  may be NULL; filled as far as it came even on failure.
 * @param[out] err         may be NULL.
 * @retval PLIM_ERR_UNSAFE the estimate says the target would not survive it; see force.
 * @retval PLIM_ERR_UNSUPPORTED as_v8, and it writes its own format only (plim export converts it).
 * @retval PLIM_ERR_TIMEOUT no byte for the stall limit.  @retval PLIM_ERR_GONE the target died.
 * @retval PLIM_ERR_TRUNCATED the reply came, but the document is not whole.
 * @retval PLIM_ERR_INTERRUPTED asked to stop; what came is in the sink.
 * @retval PLIM_ERR_NO_SPACE, PLIM_ERR_IO from the sink.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_snapshot(plim_target *target,
                                                         const plim_snapshot_options *options,
                                                         plim_sink sink,
                                                         plim_snapshot_result *out_result,
                                                         plim_error *err);

/**
 * @brief      Collects garbage and returns when it is done.
 * @param[in]  target  not NULL.
 * @param[out] err     may be NULL.
 * @retval PLIM_ERR_TIMEOUT it is busy: it will collect when its event loop turns.
 * @retval PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_collect(plim_target *target, plim_error *err);

/** One collection that was observed. */
typedef struct plim_gc_event {
    const char *kind;      /**< "minor" or "major", static storage */
    uint64_t pause_ns;     /**< PLIM_UNKNOWN where its clock does not run */
    uint64_t at_ns;        /**< since observation began, as far as the runtime tells */
    uint64_t before_bytes; /**< PLIM_UNKNOWN where it does not say */
    uint64_t after_bytes;
} plim_gc_event;

/**
 * @brief      Begins to observe collections.
 * @param[in]  target  not NULL.
 * @param[out] err     may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED this runtime or isolate has no such events.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_REFUSED, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_gc_observe_start(plim_target *target,
                                                                 plim_error *err);

/**
 * @brief      Ends the observation and gives what was seen, in order of time.
 * @param[in]  target      not NULL.
 * @param[out] out_events  borrowed, valid until the next call on the target.
 * @param[out] out_count   how many.
 * @param[out] err         may be NULL.
 * @retval PLIM_ERR_USAGE it was not begun.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_gc_observe_stop(plim_target *target,
                                                                const plim_gc_event **out_events,
                                                                uint32_t *out_count,
                                                                plim_error *err);

/**
 * @brief      Lets collections happen for a while and gives those that became known since the
 *             last poll, in order of time. Where the runtime tells of them only at the end (V8's
 *             traces), the observation is ended and begun anew each time: what happens in between,
 *             some milliseconds, is not seen.
 * @param[in]  target        observed.
 * @param[in]  wait_ns       how long; returns early on an interrupt.
 * @param[out] out_events    borrowed, valid until the next call on the target; at_ns counts from
 *                           the first start.
 * @param[out] out_count     how many.
 * @param[out] out_blind_ns  for how long, at the most, nothing could be seen, of all the time since
 *                           the start; may be NULL.
 * @param[out] err           may be NULL.
 * @retval PLIM_ERR_USAGE it was not begun.
 * @retval PLIM_ERR_INTERRUPTED a stop was asked for; the observation still runs.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_NO_MEMORY as they say; the
 *         observation has then ended.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status
plim_target_gc_observe_poll(plim_target *target, uint64_t wait_ns, const plim_gc_event **out_events,
                            uint32_t *out_count, uint64_t *out_blind_ns, plim_error *err);

/** All zero is the default. */
typedef struct plim_sampling_options {
    uint32_t struct_bytes;   /**< sizeof(plim_sampling_options) */
    bool include_collected;  /**< count what was freed, too (bigger reply) */
    uint64_t interval_bytes; /**< 0: 32768 */
} plim_sampling_options;

/**
 * @brief      Begins to sample allocations.
 * @param[in]  target   not NULL.
 * @param[in]  options  NULL: defaults.
 * @param[out] err      may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED, PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time. The sampler is the isolate's: another debugger's run ends.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_sampling_start(plim_target *target,
                                                               const plim_sampling_options *options,
                                                               plim_error *err);

/**
 * @brief      Ends sampling and writes the profile as `.heapprofile` JSON (Chrome's).
 * @param[in]  target  not NULL.
 * @param[in]  sink    gets the whole profile, or nothing.
 * @param[out] err     may be NULL.
 * @retval PLIM_ERR_USAGE it was not begun.  @retval PLIM_ERR_LIMIT the profile is too large.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_sampling_stop(plim_target *target, plim_sink sink,
                                                              plim_error *err);

/** Live part of a timeline: what was allocated in one interval and still lives (Firefox: what was
    allocated, whatever became of it; see plim_snapshot_result.new_count). */
typedef struct plim_track_interval {
    uint64_t count;
    uint64_t bytes;
    double at_ms; /**< Unix time of the interval's end; 0 where the runtime does not say */
    uint64_t last_object_id;
} plim_track_interval;

/**
 * @brief      Begins to track allocations.
 * @param[in]  target  not NULL.
 * @param[in]  stacks  with the stack of each (slows a loop that only allocates about 50 times);
 *                     without them all the same where PLIM_TARGET_NO_STACKS.
 * @param[out] err     may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED, PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_tracking_start(plim_target *target, bool stacks,
                                                               plim_error *err);

/**
 * @brief      Lets events come in for a while and shows the intervals so far.
 * @param[in]  target         not NULL.
 * @param[in]  wait_ns        how long to wait; returns early on an interrupt.
 * @param[out] out_intervals  borrowed, valid until the next call; interval 0 is what was there.
 * @param[out] out_count      how many.
 * @param[out] err            may be NULL.
 * @retval PLIM_ERR_USAGE it was not begun.  @retval PLIM_ERR_GONE the target died.
 * @retval PLIM_ERR_INTERRUPTED a stop was asked for; the recording still runs.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_tracking_poll(
    plim_target *target, uint64_t wait_ns, const plim_track_interval **out_intervals,
    uint32_t *out_count, plim_error *err);

/**
 * @brief      Ends tracking and streams the `.heaptimeline` (a snapshot with stacks and samples).
 * @param[in]  target      not NULL.
 * @param[in]  options     as for plim_target_snapshot(); NULL: defaults.
 * @param[in]  sink        as for plim_target_snapshot().
 * @param[out] out_result  may be NULL.
 * @param[out] err         may be NULL.
 * @retval PLIM_ERR_USAGE it was not begun.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_TRUNCATED, PLIM_ERR_INTERRUPTED,
 *         PLIM_ERR_NO_SPACE, PLIM_ERR_IO as for plim_target_snapshot().
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_tracking_stop(plim_target *target,
                                                              const plim_snapshot_options *options,
                                                              plim_sink sink,
                                                              plim_snapshot_result *out_result,
                                                              plim_error *err);

/**
 * @brief      Evaluates an expression in the target, awaiting a promise. This runs code there.
 * @param[in]  target      not NULL.
 * @param[in]  expression  not NULL.
 * @param[in]  timeout_ns  0: 60 s.
 * @param[out] out_json    the value as JSON text, borrowed until the next call; may be NULL.
 * @param[out] err         the exception's text, where it threw; may be NULL.
 * @retval PLIM_ERR_REFUSED it threw.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_evaluate(plim_target *target,
                                                         const char *expression,
                                                         uint64_t timeout_ns, const char **out_json,
                                                         plim_error *err);

/**
 * @brief      Has a page load a URL, or load itself again, and waits until it has (its load event).
 * @param[in]  target      not NULL.
 * @param[in]  url         NULL: again what it shows.
 * @param[in]  timeout_ns  0: 60 s.
 * @param[out] err         may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED it is no page.  @retval PLIM_ERR_UNREACHABLE the browser cannot.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_GONE, PLIM_ERR_PROTOCOL, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: one at a time. Ids of snapshots compare with those before where the page
 *             stays in its process: loading again does, another URL does not.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_load(plim_target *target, const char *url,
                                                     uint64_t timeout_ns, plim_error *err);

/**
 * @brief      Reconnects after a drop, waiting 100 ms, then twice as long each time, up to 5 s.
 * @param[in]  target      not NULL.
 * @param[in]  timeout_ns  how long to go on trying.
 * @param[out] err         may be NULL.
 * @retval PLIM_ERR_UNREACHABLE it did not come back.  @retval PLIM_ERR_INTERRUPTED asked to stop.
 * @note       Threads: one at a time. Ids of snapshots do not compare across a reconnection.
 */
PLIM_API PLIM_NODISCARD plim_status plim_target_reconnect(plim_target *target, uint64_t timeout_ns,
                                                          plim_error *err);

/** What plim_discover() found. Strings are borrowed from the list, never NULL. */
typedef struct plim_found {
    const char *runtime;
    const char *version; /**< empty where unknown */
    const char *title;
    const char *address; /**< "127.0.0.1:9229", with #worker:N for a worker; empty if closed */
    int64_t pid;
    bool can_open;           /**< a Node with its inspector closed that catches SIGUSR1 */
    const char *how_to_open; /**< of a closed one that we cannot open: what to do; else "" */
} plim_found;

typedef struct plim_found_list plim_found_list;

/**
 * @brief      Lists what can be inspected on this machine. Runs no code anywhere.
 * @param[in]  options   NULL: defaults.
 * @param[out] out_list  set only on PLIM_OK; ended by plim_found_list_destroy().
 * @param[out] err       may be NULL.
 * @retval PLIM_ERR_NO_MEMORY, PLIM_ERR_ACCESS, PLIM_ERR_INTERRUPTED as they say.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_discover(const plim_target_options *options,
                                                  plim_found_list **out_list, plim_error *err);

/**
 * @brief     How many were found.
 * @param[in] list  not NULL.
 * @return    the count.
 * @note      Threads: any.
 */
PLIM_API uint32_t plim_found_list_count(const plim_found_list *list);

/**
 * @brief     One of them, borrowed.
 * @param[in] list   not NULL.
 * @param[in] index  0 to plim_found_list_count()-1.
 * @return    valid until plim_found_list_destroy().
 * @note      Threads: any.
 */
PLIM_API const plim_found *plim_found_list_get(const plim_found_list *list, uint32_t index);

/**
 * @brief         Ends the list; @p *list is NULL afterwards.
 * @param[in,out] list  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_found_list_destroy(plim_found_list **list);

/** A program started by us with its inspector open. */
typedef struct plim_launched plim_launched;

/**
 * @brief      Starts a program that is a JavaScript runtime with its inspector open on a free port
 *             of 127.0.0.1; its output goes where ours goes (standard output to our standard
 *             error), its inspector's lines are kept from it.
 * @param[in]  argv          NULL-terminated; argv[0] is looked up in PATH.
 * @param[in]  options       NULL: defaults.
 * @param[out] out_launched  set only on PLIM_OK; ended by plim_launched_end().
 * @param[out] err           may be NULL.
 * @retval PLIM_ERR_NOT_FOUND no such program.  @retval PLIM_ERR_UNSUPPORTED not a runtime we know.
 * @retval PLIM_ERR_GONE it ended before its inspector was open.  @retval PLIM_ERR_TIMEOUT it never
 *         opened one.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_launch(const char *const *argv,
                                                const plim_target_options *options,
                                                plim_launched **out_launched, plim_error *err);

/**
 * @brief      Starts a browser that is installed here without a window, with a new profile that
 *             goes with it, and over a way of its own (Chromium's pipe, a socket in Firefox's
 *             profile), which nobody else can reach. plim_target_load() makes sure that the page
 *             is there, where the browser has that; Firefox has not, and begins with it.
 * @param[in]  name          NULL: Chromium, or what is made of it; else a program in PATH, or
 *                           "firefox" for any of its names.
 * @param[in]  url           the page it begins with; not NULL.
 * @param[in]  options       NULL: defaults.
 * @param[out] out_launched  set only on PLIM_OK; ended by plim_launched_end(), after the target.
 * @param[out] err           may be NULL.
 * @retval PLIM_ERR_NOT_FOUND there is no such browser.  @retval PLIM_ERR_GONE it ended at once.
 * @retval PLIM_ERR_UNSUPPORTED that program is none we know.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_launch_browser(const char *name, const char *url,
                                                        const plim_target_options *options,
                                                        plim_launched **out_launched,
                                                        plim_error *err);

/**
 * @brief     Its inspector's address, for plim_target_open().
 * @param[in] launched  not NULL.
 * @return    borrowed until plim_launched_end().
 * @note      Threads: any.
 */
PLIM_API const char *plim_launched_address(const plim_launched *launched);

/**
 * @brief     Its process id.
 * @param[in] launched  not NULL.
 * @return    the id.
 * @note      Threads: any.
 */
PLIM_API int64_t plim_launched_pid(const plim_launched *launched);

/**
 * @brief         Ends the program (SIGTERM, after 2 s SIGKILL, to its whole process group) and
 *                forgets it; @p *launched is NULL afterwards.
 * @param[in,out] launched  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_launched_end(plim_launched **launched);

PLIM_DECLS_END
#endif
