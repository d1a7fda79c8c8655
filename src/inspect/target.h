/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * @brief Inside a target: what is common to all of them, and what a runtime plugs in.
 *
 * A runtime is one plim__runtime (a table of functions) listed in runtimes.c. Those that speak CDP
 * share target->cdp and take the functions of cdp/heap.h for what V8 answers alike everywhere.
 * A runtime of another library (bridge) comes in as a plim_target_family, through the options, with
 * a protocol of its own. A function that is NULL in a table is answered with PLIM_ERR_UNSUPPORTED.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_TARGET_H
#define PLIM_INSPECT_TARGET_H
#include <plimsoll/target.h>

#include "inspect/cdp/session.h"
#include "inspect/launch/launcher.h"
#include "inspect/wire/loop.h"

enum {
    PLIM__TARGET_MAGIC = 0x7a96e001,
    PLIM__HOST_BYTES = 256,
    PLIM__PATH_BYTES = 1024,
    PLIM__NAME_BYTES = 256,
    PLIM__REMARK_BYTES = 320,
    PLIM__SERIES_BYTES = 32
};

/** An address that was read; which fields count depends on kind. */
typedef struct plim__address {
    enum plim__address_kind {
        PLIM__ADDRESS_HOST, /**< host:port, perhaps /id: asks /json/list */
        PLIM__ADDRESS_WS,   /**< ws://host:port/path: connects there */
        PLIM__ADDRESS_RDP,  /**< rdp://host:port, perhaps /id: Firefox */
        PLIM__ADDRESS_UNIX, /**< unix:/path: socket is the path */
        PLIM__ADDRESS_PID,  /**< pid:N: a runtime finds or opens its port */
        PLIM__ADDRESS_NAMED /**< SCHEME:REST of a family: path is REST, pid perhaps set by it */
    } kind;
    char host[PLIM__HOST_BYTES];
    uint16_t port;
    char path[PLIM__PATH_BYTES]; /**< "/id"; with HOST an id to look for, or empty */
    char socket[PLIM__PATH_BYTES];
    int64_t pid;
    uint32_t worker_id; /**< 0: none asked for */
} plim__address;

typedef struct plim__runtime plim__runtime;
typedef struct plim__tunnel plim__tunnel;
typedef struct plim__protocol plim__protocol;

/** State of what V8's inspector gives, kept by cdp/. */
typedef struct plim__cdp_state {
    plim__cdp_connection *connection; /**< NULL while not connected */
    plim__cdp_session *session;       /**< whom we talk to: the main one or a worker's; borrowed */
    bool sampling;                    /**< HeapProfiler.startSampling is on */
    bool tracking;                    /**< startTrackingHeapObjects is on */
    bool busy;                        /**< a snapshot was given up that the target goes on with */
    bool slowed; /**< V8 keeps its map of ids: needs enable + disable before we leave */
    plim_track_interval *intervals;
    uint32_t interval_count;
    uint32_t interval_cap;
    bool too_many_intervals;
    bool was_reset; /**< another debugger has ended the recording */
} plim__cdp_state;

struct plim_target {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_target_options options; /**< defaults filled in, but for call_timeout_ns, 0 = per call */
    plim__loop *loop;
    plim__tunnel *tunnel; /**< to another machine; NULL: none */
    const plim__runtime *runtime;
    void *runtime_state;   /**< the runtime's own */
    plim__address address; /**< host and port are set, whatever the kind was */
    plim__cdp_state cdp;
    char path[PLIM__PATH_BYTES]; /**< what was connected to; address.path is what was asked for */
    char version[PLIM__NAME_BYTES];
    char title[PLIM__NAME_BYTES];
    char url[PLIM__PATH_BYTES]; /**< of what runs there, as it was listed; empty where unknown */
    char shown_address[PLIM__HOST_BYTES + PLIM__PATH_BYTES + 64];
    char series[PLIM__SERIES_BYTES]; /**< see plim_target_info; empty for most */
    char remark[PLIM__REMARK_BYTES]; /**< of the last call, see plim_target_remark() */
    int64_t pid;                     /**< -1 where unknown; open() of the runtime finds it out */
    bool is_connected;     /**< of a protocol without cdp.connection: set and cleared by it */
    bool opened_inspector; /**< by resolve_pid: close() of the runtime closes it again */
    struct plim__gc_rounds {
        uint64_t begun_ns;     /**< when gc_observe_start() was called; 0: not observing */
        uint64_t round_ns;     /**< when the round under way was begun: times of its events */
        uint64_t blind_ns;     /**< between rounds, so far */
        plim_gc_event *events; /**< those of the last poll */
        uint32_t event_cap;
    } gc_rounds;
    char *text; /**< last text lent to the caller (evaluate) */
    size_t text_cap;
};

/**
 * What a family of inspectors answers alike, as the calls of plimsoll/target.h. Any function but
 * connect and disconnect may be NULL. disconnect() is also called where connect() failed.
 */
struct plim__protocol {
    /** Finds the target at address.host and .port (or whatever resolve_pid() and the scheme left in
        address), sets title (and version where plim__detect() could not), connects. */
    plim_status (*connect)(plim_target *target, plim_error *err);
    /** Ends what the target does for us, so that it is as fast as before; may fail silently. */
    void (*leave)(plim_target *target);
    void (*disconnect)(plim_target *target);
    plim_status (*usage)(plim_target *target, plim_usage *out_usage, plim_error *err);
    plim_status (*collect)(plim_target *target, plim_error *err);
    plim_status (*snapshot)(plim_target *target, const plim_snapshot_options *options,
                            plim_sink sink, plim_snapshot_result *out_result, plim_error *err);
    plim_status (*sampling_start)(plim_target *target, const plim_sampling_options *options,
                                  plim_error *err);
    plim_status (*sampling_stop)(plim_target *target, plim_sink sink, plim_error *err);
    plim_status (*tracking_start)(plim_target *target, bool stacks, plim_error *err);
    plim_status (*tracking_poll)(plim_target *target, uint64_t wait_ns,
                                 const plim_track_interval **out_intervals, uint32_t *out_count,
                                 plim_error *err);
    plim_status (*tracking_stop)(plim_target *target, const plim_snapshot_options *options,
                                 plim_sink sink, plim_snapshot_result *out_result, plim_error *err);
    plim_status (*evaluate)(plim_target *target, const char *expression, uint64_t timeout_ns,
                            const char **out_json, plim_error *err);
    /** Of pages alone. */
    plim_status (*load)(plim_target *target, const char *url, uint64_t timeout_ns, plim_error *err);
};

/** What a runtime is. Any function may be NULL. */
struct plim__runtime {
    const char *name;               /**< "node" */
    const plim__protocol *protocol; /**< &plim__cdp_protocol */
    const plim__launcher *launcher; /**< how it is started by us; NULL: it is not */
    const char *snapshot_ending;    /**< of files' names; NULL: ".heapsnapshot" */
    const char *note;   /**< a limit that is known without asking, in words; NULL: none */
    const char *scheme; /**< of a family: "region" for addresses "region:PATH"; NULL: none */
    uint32_t traits;    /**< bits of plim_target_trait */

    /** Whether plim ps shows an entry of /json/list as a target of its own; NULL: a process is one
        row, whatever it lists. */
    bool (*shows)(const json_t *list, const json_t *entry);

    /** What people call an entry of /json/list; NULL: as it is titled there, and plim ps shows the
        command line, which says more. */
    void (*entitle)(const json_t *entry, char *out, size_t cap);

    /** Whether a word is this runtime's: the Browser field of /json/version, "Server: NAME" of an
        HTTP server that has no such page, or {"from":"root" of Firefox; NULL: never. */
    bool (*recognise)(const char *word);

    /**
     * Where somebody listens who answers no HTTP and says nothing: asks in this runtime's own
     * words. `by_owner`: only if the port's owner is known for one of its kind. PLIM_ERR_NOT_FOUND:
     * it is none; else as connect(). NULL: it is no such runtime.
     */
    plim_status (*knock)(plim_target *target, bool by_owner, plim_error *err);

    /**
     * Where nobody lists the path to connect to: tells it from the command line of the process;
     * false where that has none. Addresses that are shown have the path then. NULL: it is listed.
     */
    bool (*path_of)(const plim_allocator *allocator, int64_t pid, char *out_path, size_t cap);

    /**
     * Finds (with options.open_inspector opens) the inspector of process address.pid: sets
     * address.host, .port and perhaps .path, pid and opened_inspector. PLIM_ERR_UNSUPPORTED: that
     * process is none of this runtime's; the next one is asked.
     */
    plim_status (*resolve_pid)(plim_target *target, plim_error *err);

    /**
     * The connection stands; cdp.session is the main one, version and title hold what HTTP said.
     * Finds the pid where it is local, attaches to address.worker_id if that is not 0 (sets
     * cdp.session). Also called after a reconnect, with runtime_state of the first time.
     */
    plim_status (*open)(plim_target *target, plim_error *err);

    /**
     * The connection is about to be closed (and may be gone, or never have been): ends what
     * resolve_pid() and open() began, also where they failed half-way.
     */
    void (*close)(plim_target *target);

    /** NULL: the protocol's alone. Else calls that one too, and adds the process's part. */
    plim_status (*usage)(plim_target *target, plim_usage *out_usage, plim_error *err);
    /** NULL: nothing is known against a snapshot. */
    plim_status (*estimate)(plim_target *target, plim_snapshot_estimate *out_estimate,
                            plim_error *err);
    plim_status (*gc_observe_start)(plim_target *target, plim_error *err);
    plim_status (*gc_observe_stop)(plim_target *target, const plim_gc_event **out_events,
                                   uint32_t *out_count, plim_error *err);
};

/** One that was found; texts are copied. */
typedef void plim__discover_add(void *ctx, const plim_found *found);

/** What the public name stands for: a runtime that is not in the list below. */
struct plim_target_family {
    plim__runtime runtime;
    /** Gives each of its kind on this machine to `add`; NULL: none can be found. */
    plim_status (*discover)(const plim_target_options *options, plim__discover_add *add, void *ctx);
};

/** All runtimes that are compiled in; NULL ends the list. The last one recognises every V8. */
extern const plim__runtime *const plim__runtimes[];

/** Finds out by one question whose inspector answers at address.host and .port: sets runtime and,
    as far as that question told, version. PLIM_ERR_PROTOCOL: nobody's, or another's than it was
    before; _UNREACHABLE, _TIMEOUT,
    _INTERRUPTED, _NO_MEMORY as they say. */
PLIM_NODISCARD plim_status plim__detect(plim_target *target, plim_error *err);

/** The one that speaks first, without a request: Firefox. */
extern const plim__runtime *const plim__runtime_that_greets;

/** Reads an address. PLIM_ERR_USAGE with what it could have meant. */
PLIM_NODISCARD plim_status plim__address_parse(const char *text, plim__address *out_address,
                                               plim_error *err);

/** Whether it names this machine. */
bool plim__address_is_loopback(const plim__address *address);

/** Lends a value as JSON text until the next call, as plim_target_evaluate(); takes the reference.
    PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__target_lend_json(plim_target *target, json_t *value,
                                                  const char **out_json, plim_error *err);

/** The time a call may take: what the user said, or fallback_ns. */
static inline uint64_t plim__target_timeout(const plim_target *target, uint64_t fallback_ns)
{
    return target->options.call_timeout_ns != 0 ? target->options.call_timeout_ns : fallback_ns;
}

#endif
