/* SPDX-License-Identifier: MIT */
/**
 * @file supervisor.h
 * @brief Processes kept running by the rules of Erlang/OTP's supervisor.
 *
 * A supervisor has children: programs, processes that a function of yours starts, or supervisors. A
 * child that ends is started again, or not, as its `restart` says; with it its siblings, as the
 * `strategy` says. More than `intensity` restarts within `period_s` end the supervisor with all its
 * children, and then its own parent decides. Starts are in the order of the list, stops in the
 * reverse order, one by one. These rules are OTP's to the letter; what is not OTP's is named so
 * ("Beyond OTP"), and is off unless asked for.
 *
 * What a process's end means: exit code 0 is `normal`; death by SIGTERM is `shutdown`, since that
 * is how a supervisor asks; every other end is `abnormal`.
 *
 * Everything is asynchronous: calls note what is wanted, the loop does it, events tell what came of
 * it. All memory is taken by plim_supervisor_create(), but the copy of the command of a child that
 * is made later, and the 8 KiB in which its lines are read: they are bounded by `dynamic_max`, and
 * given back with the child. No restart takes any. Nothing here prints.
 * Thread-safety: one thread per supervisor, but plim_supervisor_ask_stop(). The children die with
 * that thread, so it must live as long as they are wanted.
 * @see docs/internals/supervise.md
 */
#ifndef PLIM_SUPERVISOR_H
#define PLIM_SUPERVISOR_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

struct uv_loop_s; /* libuv's loop; this header does not need libuv's */

/** A tree of supervisors with its processes; ended by plim_supervisor_destroy(). */
typedef struct plim_supervisor plim_supervisor;

/** A child, by value, valid as long as its specification is there, over all restarts; 0 is none. A
    stale one is refused. The supervisor at the top is a child too: PLIM_CHILD_ROOT. */
typedef uint64_t plim_child;
enum { PLIM_CHILD_NONE = 0, PLIM_CHILD_ROOT = 1 };

/** Who is restarted when a child is. */
typedef enum plim_strategy {
    PLIM_ONE_FOR_ONE = 0,   /**< it alone */
    PLIM_ONE_FOR_ALL,       /**< all of them: the others are stopped, then all are started */
    PLIM_REST_FOR_ONE,      /**< it and those that stand after it */
    PLIM_SIMPLE_ONE_FOR_ONE /**< it alone; all children are made later, of one specification */
} plim_strategy;

/** When a child is restarted. */
typedef enum plim_restart {
    PLIM_PERMANENT = 0, /**< always, after a normal end too */
    PLIM_TRANSIENT,     /**< if it ended abnormally */
    PLIM_TEMPORARY      /**< never; its specification goes with it */
} plim_restart;

/** Whether a supervisor ends when significant children have ended by themselves. */
typedef enum plim_auto_shutdown {
    PLIM_AUTO_NEVER = 0,
    PLIM_AUTO_ANY_SIGNIFICANT, /**< when one has */
    PLIM_AUTO_ALL_SIGNIFICANT  /**< when the last one has */
} plim_auto_shutdown;

/** How a process ended, in OTP's words. */
typedef enum plim_exit_reason {
    PLIM_EXIT_NORMAL = 0,
    PLIM_EXIT_SHUTDOWN,
    PLIM_EXIT_ABNORMAL /**< any other: a code, a signal, not known */
} plim_exit_reason;

/** Why a child was ended on purpose, and what it counts as. */
typedef enum plim_why {
    PLIM_WHY_NONE = 0,     /**< it ended by itself */
    PLIM_WHY_STOPPED,      /**< its supervisor stops, or a sibling's end asked for it */
    PLIM_WHY_REQUESTED,    /**< plim_supervisor_recycle() with no other reason */
    PLIM_WHY_MEMORY,       /**< past its memory threshold */
    PLIM_WHY_REQUESTS,     /**< has answered as many requests as it may */
    PLIM_WHY_LIFETIME,     /**< has lived as long as it may */
    PLIM_WHY_DEADLINE,     /**< missed a deadline */
    PLIM_WHY_UNRESPONSIVE, /**< does not answer any more */
    PLIM_WHY_PROTOCOL,     /**< sent what no worker may send */
    PLIM_WHY_START_TIMEOUT /**< was not ready in time */
} plim_why;

/** Times to wait for a child's end, in place of nanoseconds. */
#define PLIM_SHUTDOWN_DEFAULT  UINT64_C(0)      /**< 5 s for a process; a supervisor: infinity */
#define PLIM_SHUTDOWN_INFINITY UINT64_MAX       /**< wait as long as it takes */
#define PLIM_SHUTDOWN_KILL     (UINT64_MAX - 1) /**< do not ask; SIGKILL at once */

/** `intensity` of a supervisor that allows no restart at all. */
#define PLIM_INTENSITY_NONE UINT32_MAX

/** Where what a child writes goes. */
typedef enum plim_child_output {
    PLIM_OUTPUT_INHERIT = 0, /**< where our own goes */
    PLIM_OUTPUT_NOTHING,     /**< nowhere */
    PLIM_OUTPUT_LINES,       /**< read by us, always, and told as PLIM_EVENT_LINE */
    PLIM_OUTPUT_FILE         /**< added to a file */
} plim_child_output;

/** A descriptor that a child gets. */
typedef struct plim_child_descriptor {
    int ours;   /**< open in this process; borrowed until the start has been made */
    int theirs; /**< its number in the child, 0 to 255 */
} plim_child_descriptor;

enum {
    PLIM_CHILD_ID_BYTES = 64, /**< of an id, with its NUL */
    PLIM_CHILD_DESCRIPTORS_MAX = 8,
    PLIM_CHILD_VARIABLES_MAX = 16, /**< added by plim_child_launch */
    PLIM_EVENT_LINE_BYTES = 4096   /**< a longer line is told in parts */
};

/** What one start of a program gets, filled anew for each start by `prepare`. */
typedef struct plim_child_launch {
    plim_child_descriptor descriptors[PLIM_CHILD_DESCRIPTORS_MAX];
    uint32_t descriptor_count;
    const char *variables[PLIM_CHILD_VARIABLES_MAX]; /**< "NAME=value"; borrowed until the start */
    uint32_t variable_count;
} plim_child_launch;

/** A program. All strings are copied when the supervisor, or the child, is made. */
typedef struct plim_child_command {
    const char *const *argv;        /**< NULL-terminated; argv[0] without a slash: found by PATH */
    const char *const *environment; /**< all of it, NULL-terminated; NULL: ours */
    const char *folder;             /**< to run in; NULL: ours */
    plim_child_output output;       /**< of its standard output */
    plim_child_output error_output; /**< of its standard error */
    const char *output_file;        /**< of PLIM_OUTPUT_FILE; made with mode 0600 */
    bool has_input;                 /**< our standard input; else it is empty */
    uint64_t data_bytes_max;        /**< RLIMIT_DATA: allocation fails past it; 0: none */
    uint64_t cpu_seconds_max;       /**< RLIMIT_CPU; 0: none */
    uint32_t processes_max;         /**< RLIMIT_NPROC, of its user; 0: none */
    /** Beyond OTP. Called before each start; may add to *launch, or refuse the start. NULL: none */
    plim_status (*prepare)(void *ctx, plim_child child, plim_child_launch *launch, plim_error *err);
    /** Called after each start was tried, with what `prepare` gave: ours may be closed now. */
    void (*launched)(void *ctx, plim_child child, const plim_child_launch *launch);
} plim_child_command;

/** What a `start` function gave. */
typedef struct plim_child_process {
    int64_t pid; /**< 0 with PLIM_OK: it is under way; plim_supervisor_child_started() will tell */
    int pidfd;   /**< of it, taken over; -1: opened here, which is safe for our own children only */
} plim_child_process;

/** Beyond OTP: pauses before a start is tried again that has failed; never before a restart of what
    had started. All zero: none, as OTP. */
typedef struct plim_backoff {
    uint64_t first_ns;       /**< after the first failure; then doubled each time */
    uint64_t most_ns;        /**< 0: 30 s */
    uint32_t jitter_percent; /**< up to so much is taken off, by chance; 0 to 100 */
} plim_backoff;

struct plim_supervisor_spec;

/** A child. Exactly one of command, start and supervisor is set. All zero else is the default. */
typedef struct plim_child_spec {
    uint32_t struct_bytes; /**< sizeof(plim_child_spec) */
    const char *id;        /**< unique among its siblings, without '/' and control characters */
    plim_restart restart;
    bool is_significant;  /**< not with PLIM_PERMANENT, nor under PLIM_AUTO_NEVER */
    uint64_t shutdown_ns; /**< asked to end (SIGTERM), killed after this; see PLIM_SHUTDOWN_… */
    const plim_child_command *command;
    /** Starts it. PLIM_ERR_UNSUPPORTED: there is none this time (OTP's `ignore`). Other failures
        are failed starts. The process is asked and killed by its pid or its group. */
    plim_status (*start)(void *ctx, plim_child child, plim_child_process *out, plim_error *err);
    const struct plim_supervisor_spec *supervisor;
    void *ctx; /**< passed to prepare, launched and start */
    /* Beyond OTP. */
    bool is_ready_told;        /**< started only once plim_supervisor_child_ready() says so */
    uint64_t start_timeout_ns; /**< killed if not started by then: a failed start; 0: no limit */
    uint64_t lives_ns; /**< a program that ends sooner has failed to start; 0: exec is enough */
    plim_backoff backoff;
} plim_child_spec;

/** A supervisor. All zero but the children is the default. */
typedef struct plim_supervisor_spec {
    uint32_t struct_bytes; /**< sizeof(plim_supervisor_spec) */
    plim_strategy strategy;
    uint32_t intensity; /**< restarts allowed within the period; 0: 1; or PLIM_INTENSITY_NONE */
    uint32_t period_s;  /**< 0: 5 s */
    plim_auto_shutdown auto_shutdown;
    const plim_child_spec *children; /**< PLIM_SIMPLE_ONE_FOR_ONE: the one they are all made of */
    uint32_t child_count;
} plim_supervisor_spec;

/** What happened. */
typedef enum plim_event_kind {
    PLIM_EVENT_STARTED = 1,  /**< pid; a supervisor: its children are all started */
    PLIM_EVENT_START_FAILED, /**< text says why; delay_ns until it is tried again, if it is */
    PLIM_EVENT_EXITED,       /**< reason, exit_code or signal, why, lived_ns */
    PLIM_EVENT_RESTARTING,   /**< its end was counted; it, or a whole group, is started again */
    PLIM_EVENT_RECYCLING,    /**< why: it is asked to end, to be replaced; not counted */
    PLIM_EVENT_STOPPING,     /**< it is asked to end */
    PLIM_EVENT_KILLING,      /**< it did not end in time, or was not to be asked */
    PLIM_EVENT_GAVE_UP,      /**< of a supervisor: too many restarts; it ends. text: the last */
    PLIM_EVENT_LINE,         /**< text: a line that it wrote; signal 1: standard output, 2: error */
    PLIM_EVENT_REPLY,        /**< what came of a request: request, status, child */
    PLIM_EVENT_ENDED         /**< of the top: nothing runs any more; reason, status */
} plim_event_kind;

/** Strings are borrowed for the time of the call. */
typedef struct plim_supervisor_event {
    plim_event_kind kind;
    plim_child child;
    plim_child parent; /**< its supervisor; PLIM_CHILD_NONE for the top */
    const char *id;    /**< of the child */
    void *ctx;         /**< of its specification */
    uint64_t at_ns;    /**< of the loop's clock: monotonic */
    int64_t pid;       /**< 0: none */
    plim_exit_reason reason;
    int exit_code; /**< -1: it was killed, or it is not known */
    int signal;    /**< that killed it; 0: none */
    plim_why why;
    uint64_t lived_ns;
    uint64_t delay_ns;
    uint64_t restarts; /**< of this child so far, recycled ones too */
    uint64_t request;
    plim_status status;
    const char *text; /**< not NULL; of a line without its end; may hold any byte */
    size_t text_bytes;
    bool is_cut; /**< the line goes on in the next event */
} plim_supervisor_event;

/** Who listens to events, besides the one of the options. */
enum { PLIM_SUPERVISOR_LISTENERS_MAX = 8 };

/** All zero is the default, but for struct_bytes. */
typedef struct plim_supervisor_options {
    uint32_t struct_bytes;           /**< sizeof(plim_supervisor_options) */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
    struct uv_loop_s *loop;          /**< NULL: an own one; borrowed until destroy has returned */
    uint32_t dynamic_max;            /**< children made later, alive at once; 0: 64 */
    uint32_t request_max;            /**< requests that wait, 0: 64 */
    bool is_reaper; /**< descendants of children that outlive their parent become ours, and are
                         killed when their child ends: for a program that does nothing else */
    /** Told of everything, on the loop's thread. May call every function here but run, step and
        destroy. NULL: nobody is told. */
    void (*event)(void *ctx, const plim_supervisor_event *event);
    void *ctx;
} plim_supervisor_options;

/** How a child is now. */
typedef enum plim_child_state {
    PLIM_CHILD_STOPPED = 0, /**< OTP's `undefined`: not running, its specification is there */
    PLIM_CHILD_STARTING,
    PLIM_CHILD_RUNNING,
    PLIM_CHILD_STOPPING,
    PLIM_CHILD_RESTARTING /**< a start failed and is tried again */
} plim_child_state;

/** A child at one moment. */
typedef struct plim_child_info {
    plim_child child;
    plim_child parent;
    const char *id; /**< borrowed until the next turn of the loop */
    void *ctx;
    bool is_supervisor;
    plim_child_state state;
    plim_restart restart;
    int64_t pid; /**< 0: none */
    uint64_t started_ns;
    uint64_t restarts;
} plim_child_info;

/** As supervisor:count_children/1. */
typedef struct plim_child_counts {
    uint32_t specs; /**< PLIM_SIMPLE_ONE_FOR_ONE: 1 */
    uint32_t active;
    uint32_t supervisors;
    uint32_t workers;
} plim_child_counts;

/**
 * @brief         Whether a specification, with all below it, can be supervised.
 * @param[in]     spec   not NULL.
 * @param[in,out] err    may be NULL; says which child and why.
 * @retval PLIM_ERR_USAGE          an id that is missing, too long or double; no or several ways to
 *                                 start; a value out of its range.
 * @retval PLIM_ERR_CONTRADICTION  significant and permanent; significant under PLIM_AUTO_NEVER.
 * @retval PLIM_ERR_LIMIT          more children or levels than limits.h allows.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_check(const plim_supervisor_spec *spec,
                                                          plim_error *err);

/**
 * @brief         Makes a supervisor; nothing runs yet. From here on it takes no memory but for
 *                children that are made later.
 * @param[in]     spec     not NULL; copied with all below it.
 * @param[in]     options  NULL: defaults.
 * @param[out]    out      set only on PLIM_OK; ended by plim_supervisor_destroy().
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_NO_MEMORY  the allocator refused.
 * @retval PLIM_ERR_IO         the system gives no loop.
 * @return        else as plim_supervisor_check().
 * @note          Threads: the one that stays.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_create(const plim_supervisor_spec *spec,
                                                           const plim_supervisor_options *options,
                                                           plim_supervisor **out, plim_error *err);

/**
 * @brief         Has one more listener told of everything, in the order of their coming, after the
 *                one of the options. It may call what that one may.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     event       not NULL; told from the next event on.
 * @param[in]     ctx         passed to it; with `event` it says which listener is meant.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_EXISTS    it listens already.
 * @retval PLIM_ERR_LIMIT     PLIM_SUPERVISOR_LISTENERS_MAX listen.
 * @note          Threads: the loop's. May be called in an event.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_listen(
    plim_supervisor *supervisor, void (*event)(void *ctx, const plim_supervisor_event *event),
    void *ctx, plim_error *err);

/**
 * @brief         A listener is told of nothing more, not even of the event under way.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     event       what it listens with.
 * @param[in]     ctx         what it listens with.
 * @retval PLIM_ERR_STALE     it does not listen.
 * @note          Threads: the loop's. May be called in an event.
 */
PLIM_API plim_status plim_supervisor_unlisten(plim_supervisor *supervisor,
                                              void (*event)(void *ctx,
                                                            const plim_supervisor_event *event),
                                              void *ctx);

/**
 * @brief         Begins to start the children, in order. PLIM_EVENT_STARTED of the top tells that
 *                all run; if one fails, those before it are stopped, and PLIM_EVENT_ENDED follows.
 * @param[in,out] supervisor  not NULL; not started before.
 * @note          Threads: the loop's.
 */
PLIM_API void plim_supervisor_start(plim_supervisor *supervisor);

/**
 * @brief         Starts, unless started, and turns the loop until nothing runs any more.
 * @param[in,out] supervisor  not NULL.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_OK             it was stopped, or its significant children had ended.
 * @retval PLIM_ERR_LIMIT      too many restarts.
 * @retval PLIM_ERR_REFUSED    a child could not be started at the start.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_run(plim_supervisor *supervisor,
                                                        plim_error *err);

/**
 * @brief         One turn of the loop: what has happened is dealt with.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     wait        wait for something to happen, or do only what is there.
 * @return        false: it has ended (or was not started), and nothing will happen any more.
 * @note          Threads: the loop's.
 */
PLIM_API bool plim_supervisor_step(plim_supervisor *supervisor, bool wait);

/**
 * @brief         A descriptor to wait on in a loop of one's own: readable means step without wait.
 * @param[in]     supervisor       not NULL.
 * @param[out]    out_timeout_ms   step after so long even so; -1: never. May be NULL.
 * @return        the descriptor, borrowed until destroy.
 * @note          Threads: the loop's.
 */
PLIM_API int plim_supervisor_descriptor(const plim_supervisor *supervisor, int *out_timeout_ms);

/**
 * @brief         Begins to stop everything, in reverse order; PLIM_EVENT_ENDED follows. A start
 *                that is under way is broken off. Again: nothing more happens.
 * @param[in,out] supervisor  not NULL.
 * @note          Threads: the loop's. May be called in an event.
 */
PLIM_API void plim_supervisor_stop(plim_supervisor *supervisor);

/**
 * @brief         As plim_supervisor_stop(), soon.
 * @param[in,out] supervisor  not NULL, not ended by destroy.
 * @note          Threads: any. Signals: safe.
 */
PLIM_API void plim_supervisor_ask_stop(plim_supervisor *supervisor);

/**
 * @brief         Begins to kill everything at once: no child is asked, no order is kept.
 * @param[in,out] supervisor  not NULL.
 * @note          Threads: the loop's.
 */
PLIM_API void plim_supervisor_abandon(plim_supervisor *supervisor);

/**
 * @brief         The process of a `start` that was under way is there, or could not be had.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     child       what `start` was called with.
 * @param[in]     status      PLIM_OK; PLIM_ERR_UNSUPPORTED: none this time; else a failure.
 * @param[in]     process     with PLIM_OK not NULL; its pidfd is taken over in any case.
 * @retval PLIM_ERR_STALE     nobody waits for that (any more): the process is killed.
 * @note          Threads: the loop's.
 */
PLIM_API plim_status plim_supervisor_child_started(plim_supervisor *supervisor, plim_child child,
                                                   plim_status status,
                                                   const plim_child_process *process);

/**
 * @brief         A child with `is_ready_told` is ready: now it counts as started.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     child       of this supervisor.
 * @retval PLIM_ERR_STALE     it is not starting.
 * @note          Threads: the loop's.
 */
PLIM_API plim_status plim_supervisor_child_ready(plim_supervisor *supervisor, plim_child child);

/**
 * @brief         Asks for one more child. Under PLIM_SIMPLE_ONE_FOR_ONE `spec` gives only its ctx.
 *                PLIM_EVENT_REPLY tells: PLIM_OK and the child; PLIM_ERR_EXISTS: that id is there;
 *                PLIM_ERR_GONE: the supervisor ends; else why it did not start (it is not kept).
 * @param[in,out] supervisor   not NULL.
 * @param[in]     parent       a supervisor in the tree.
 * @param[in]     spec         a command or a start, not a supervisor; copied. May be NULL under
 *                             PLIM_SIMPLE_ONE_FOR_ONE.
 * @param[out]    out_request  what the reply will carry; may be NULL.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_LIMIT      dynamic_max children are there, or request_max requests wait.
 * @retval PLIM_ERR_NOT_FOUND  no such supervisor.
 * @return        else as plim_supervisor_check().
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_start_child(plim_supervisor *supervisor,
                                                                plim_child parent,
                                                                const plim_child_spec *spec,
                                                                uint64_t *out_request,
                                                                plim_error *err);

/** What can be asked for a child that is there. */
typedef enum plim_child_request {
    PLIM_REQUEST_TERMINATE = 1, /**< stop it; its specification stays, unless temporary */
    PLIM_REQUEST_RESTART,       /**< start one that is stopped; PLIM_ERR_EXISTS: it runs */
    PLIM_REQUEST_DELETE,        /**< forget one that is stopped; PLIM_ERR_BUSY: it runs */
    PLIM_REQUEST_RECYCLE        /**< beyond OTP: stop it and start it anew; not counted */
} plim_child_request;

/**
 * @brief         Asks for something; PLIM_EVENT_REPLY tells what came of it: PLIM_OK,
 *                PLIM_ERR_NOT_FOUND it is not there (any more), PLIM_ERR_BUSY it is being
 *                restarted or runs, PLIM_ERR_UNSUPPORTED not under PLIM_SIMPLE_ONE_FOR_ONE,
 *                PLIM_ERR_GONE its supervisor ends, PLIM_ERR_EXISTS it runs.
 * @param[in,out] supervisor   not NULL.
 * @param[in]     child        not the top.
 * @param[in]     what         what is asked.
 * @param[in]     why          told with the events; PLIM_WHY_NONE: PLIM_WHY_REQUESTED.
 * @param[out]    out_request  may be NULL.
 * @retval PLIM_ERR_LIMIT      request_max requests wait.
 * @retval PLIM_ERR_STALE      no such child.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_ask(plim_supervisor *supervisor,
                                                        plim_child child, plim_child_request what,
                                                        plim_why why, uint64_t *out_request);

/**
 * @brief         Kills a child's process at once. What follows is what follows a crash.
 * @param[in,out] supervisor  not NULL.
 * @param[in]     child       a process, not a supervisor.
 * @param[in]     why         told with its PLIM_EVENT_EXITED.
 * @retval PLIM_ERR_STALE     it has none now.
 * @note          Threads: the loop's.
 */
PLIM_API plim_status plim_supervisor_kill(plim_supervisor *supervisor, plim_child child,
                                          plim_why why);

/**
 * @brief         A child by its path from the top: "web/worker-1"; "" is the top.
 * @param[in]     supervisor  not NULL.
 * @param[in]     path        not NULL.
 * @return        PLIM_CHILD_NONE: there is none.
 * @note          Threads: the loop's.
 */
PLIM_API plim_child plim_supervisor_find(const plim_supervisor *supervisor, const char *path);

/**
 * @brief         How a child is.
 * @param[in]     supervisor  not NULL.
 * @param[in]     child       any.
 * @param[out]    out_info    set only on PLIM_OK.
 * @retval PLIM_ERR_STALE     no such child.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_child(const plim_supervisor *supervisor,
                                                          plim_child child,
                                                          plim_child_info *out_info);

/**
 * @brief         The next of a supervisor's children, in the order of their starts.
 * @param[in]     supervisor  not NULL.
 * @param[in]     parent      a supervisor in the tree.
 * @param[in]     after       a child of it; PLIM_CHILD_NONE: the first is wanted.
 * @return        PLIM_CHILD_NONE: there are no more.
 * @note          Threads: the loop's.
 */
PLIM_API plim_child plim_supervisor_next(const plim_supervisor *supervisor, plim_child parent,
                                         plim_child after);

/**
 * @brief         How many children there are, by kind and state.
 * @param[in]     supervisor   not NULL.
 * @param[in]     parent       a supervisor in the tree.
 * @param[out]    out_counts   set only on PLIM_OK.
 * @retval PLIM_ERR_STALE      no such supervisor.
 * @note          Threads: the loop's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_supervisor_count(const plim_supervisor *supervisor,
                                                          plim_child parent,
                                                          plim_child_counts *out_counts);

/**
 * @brief         Ends it; what still runs is killed and waited for. *supervisor is NULL afterwards.
 * @param[in,out] supervisor  NULL and a pointer to NULL are accepted. With a loop of the caller's:
 *                            that loop is turned until all handles are closed.
 * @note          Threads: the loop's.
 */
PLIM_API void plim_supervisor_destroy(plim_supervisor **supervisor);

PLIM_DECLS_END
#endif
