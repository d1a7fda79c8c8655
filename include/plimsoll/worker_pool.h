/* SPDX-License-Identifier: MIT */
/**
 * @file worker_pool.h
 * @brief Requests to workers that may die: each is answered or failed, exactly once.
 *
 * A pool keeps `workers` processes of one command at work and `spares` more that are started and
 * greeted and wait. A worker has one request at a time; the one that has been idle longest gets the
 * next. When a worker dies, a spare takes its place at once, and the dead one's successor becomes
 * the spare. A worker that is to be replaced (it has answered enough, or its memory is past the
 * threshold by its own report or seen from outside) is replaced between two requests, once a spare
 * is there.
 *
 * The rule for a request whose worker dies:
 *   R1  an answer that had been sent whole counts, however the worker ended;
 *   R2  if the worker had not begun it (the supervisor's own page says so), another one gets it;
 *   R3  if it had, and the request is PLIM_MESSAGE_IDEMPOTENT, another one gets it, marked
 *       PLIM_MESSAGE_REPEATED, until `tries_max` workers have died of it;
 *   R4  else it fails with PLIM_ERR_GONE and a sentence that says how the worker died.
 * What is given to another goes before all that wait. `answered` is called once per request in any
 * case: with the answer, PLIM_ERR_GONE, PLIM_ERR_TIMEOUT past its deadline, PLIM_ERR_INTERRUPTED
 * when it was cancelled or the pool ends.
 *
 * The workers are children of a supervisor (supervisor.h): one for one, permanent.
 * Thread-safety: one thread per pool, which must live as long as the pool.
 */
#ifndef PLIM_WORKER_POOL_H
#define PLIM_WORKER_POOL_H
#include <plimsoll/channel.h>
#include <plimsoll/supervisor.h>
PLIM_DECLS_BEGIN

/** A pool with its workers; ended by plim_worker_pool_destroy(). */
typedef struct plim_worker_pool plim_worker_pool;

/** In place of a number: none. */
#define PLIM_POOL_NONE UINT32_MAX

/** What came of a request; pointers are borrowed for the time of the call. */
typedef struct plim_pool_answer {
    uint64_t request;
    int32_t status;            /**< a plim_status; the worker's own, if it answered */
    uint32_t tries;            /**< workers that were given it */
    const unsigned char *body; /**< the result */
    uint32_t body_bytes;
    uint32_t error_bytes;
    const char *error; /**< why not; without a NUL */
    int64_t pid;       /**< of the last of them; 0: none */
} plim_pool_answer;

/** What happened to the pool. */
typedef enum plim_pool_event_kind {
    PLIM_POOL_READY = 1,   /**< all workers have greeted for the first time */
    PLIM_POOL_WORKER_UP,   /**< one has greeted: pid */
    PLIM_POOL_WORKER_DIED, /**< pid, signal or exit_code, why; text: what is known of its end */
    PLIM_POOL_REPLACING,   /**< pid, why: it is asked to end, another has taken its place */
    PLIM_POOL_LOG,         /**< level, text: a worker's line */
    PLIM_POOL_MEMORY,      /**< used_bytes: a worker's report */
    PLIM_POOL_CLIENT,      /**< a connection came or was ended: text says which and why */
    PLIM_POOL_ENDED        /**< nothing runs any more: status */
} plim_pool_event_kind;

/** Texts are borrowed, printable, and end with NUL. */
typedef struct plim_pool_event {
    plim_pool_event_kind kind;
    uint32_t slot; /**< which of the workers, 0 … workers + spares - 1 */
    int64_t pid;
    int signal;
    int exit_code;
    plim_why why;
    plim_status status;
    uint32_t level;
    uint64_t used_bytes;
    const char *text;
} plim_pool_event;

/** All zero is the default, but for struct_bytes and command. */
typedef struct plim_worker_pool_options {
    uint32_t struct_bytes;             /**< sizeof(plim_worker_pool_options) */
    const plim_child_command *command; /**< a worker; its prepare and launched are the pool's */
    uint32_t workers;                  /**< at work at once; 0: 1; at most 64 with the spares */
    uint32_t spares;                   /**< 0: 1; PLIM_POOL_NONE: none */
    uint32_t queue_max;       /**< requests that wait or are under way; 0: 1,024; at most 65,535 */
    uint32_t payload_max;     /**< of a request or answer; 0: 1 MiB */
    uint64_t queue_bytes_max; /**< of code that waits or is under way; 0: 64 MiB */
    uint32_t tries_max;       /**< 0: 3 */
    uint32_t client_max;      /**< connections served at once; 0: 64 */
    uint64_t max_requests;    /**< answered by one worker before it is replaced; 0: no end */
    uint64_t max_requests_jitter; /**< up to so many fewer, by chance: not all at once */
    uint64_t memory_bytes;        /**< replaced past it, by report or from outside (what it has for
                                       itself: plim_memory_of()); 0: no end */
    uint64_t memory_kill_bytes;   /**< killed past it, whatever it does; 0: no end */
    uint64_t request_timeout_ns;  /**< of a request that names no deadline; 0: none */
    uint64_t cancel_grace_ns;     /**< from CANCEL until the worker is killed; 0: 100 ms */
    uint64_t health_interval_ns;  /**< an idle worker is asked as often; 0: 5 s; UINT64_MAX: not */
    uint64_t health_timeout_ns;   /**< killed if it has not answered by then; 0: 2 s */
    uint64_t start_timeout_ns;    /**< killed if it has not greeted by then; 0: 10 s */
    uint64_t shutdown_ns;         /**< from being asked to end until it is killed; 0: 5 s */
    uint32_t intensity;           /**< deaths allowed within period_s; 0: 20 per worker */
    uint32_t period_s;            /**< 0: 5 s */
    const char *name;             /**< of its workers: NAME-1, NAME-2, …; NULL: "worker" */
    const char *seen_as;    /**< plim ps and plim top show it under that name; NULL: they do not */
    bool is_reaper;         /**< as plim_supervisor_options.is_reaper */
    struct uv_loop_s *loop; /**< NULL: an own one */
    const plim_allocator *allocator;                        /**< NULL: the system's */
    void (*event)(void *ctx, const plim_pool_event *event); /**< NULL: nobody is told */
    /** Told of what its supervisor tells, too, before `event`: starts, ends, lines that workers
        write. May call what a supervisor's event may. NULL: nobody is told. */
    void (*supervised)(void *ctx, const plim_supervisor_event *event);
    void *ctx;
} plim_worker_pool_options;

/** The pool at one moment, and since it was made. */
typedef struct plim_pool_figures {
    uint32_t workers; /**< that have greeted and live, spares included */
    uint32_t busy;    /**< of them */
    uint32_t spares;  /**< of them */
    uint32_t clients;
    uint32_t waiting;   /**< requests in the queue */
    uint32_t under_way; /**< requests at workers */
    uint64_t submitted; /**< requests taken, ever */
    uint64_t answered;  /**< by workers */
    uint64_t failed;    /**< GONE, TIMEOUT, INTERRUPTED: not by workers */
    uint64_t repeated;  /**< given to another worker */
    uint64_t deaths;    /**< workers that ended without being asked. Who is killed by others after
                             it was asked (replaced, or the pool ends its workers) is none */
    uint64_t replaced;  /**< workers that were asked to end */
    uint64_t refused;   /**< what workers sent and may not send */
} plim_pool_figures;

/** How a worker is. */
typedef enum plim_pool_state {
    PLIM_POOL_DOWN = 0, /**< there is no process */
    PLIM_POOL_STARTING, /**< it has not greeted */
    PLIM_POOL_IDLE,
    PLIM_POOL_BUSY,  /**< with a request */
    PLIM_POOL_ENDING /**< it is asked to end, or its connection has ended */
} plim_pool_state;

/** A worker at one moment; figures are of this life of it. */
typedef struct plim_pool_worker {
    plim_child child; /**< of the pool's supervisor */
    int64_t pid;      /**< 0: none */
    plim_pool_state state;
    bool is_spare;
    uint64_t answered;
    uint64_t reported_bytes; /**< by itself; 0: nothing */
    uint64_t busy_ns;        /**< with the request it has; 0: it has none */
} plim_pool_worker;

/**
 * @brief         Makes a pool and begins to start its workers.
 * @param[in]     options   not NULL; copied.
 * @param[out]    out_pool  set only on PLIM_OK; ended by plim_worker_pool_destroy().
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_USAGE      a number out of its range, or no command.
 * @retval PLIM_ERR_NO_MEMORY  as it says.
 * @retval PLIM_ERR_IO         the system gives no loop.
 * @note          Threads: the one that stays.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_pool_create(const plim_worker_pool_options *options,
                                                            plim_worker_pool **out_pool,
                                                            plim_error *err);

/**
 * @brief         Hands in a request. `answered` is called exactly once if this gives PLIM_OK.
 *                Without it nobody is told what comes of it (a cast, not a call); all else is the
 *                same: it is given to a worker, again if that dies before it has begun.
 * @param[in]     pool         not NULL.
 * @param[in]     code         copied; may be NULL where bytes is 0.
 * @param[in]     bytes        of code.
 * @param[in]     flags        PLIM_MESSAGE_IDEMPOTENT, or 0.
 * @param[in]     timeout_ns   0: the pool's; UINT64_MAX: none.
 * @param[in]     answered     called by the loop, never inside this call; NULL: nobody waits.
 * @param[in]     ctx          passed to it.
 * @param[out]    out_request  its number; may be NULL.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_LIMIT      queue_max or queue_bytes_max is reached, or it is too long.
 * @retval PLIM_ERR_NO_MEMORY  as it says.
 * @retval PLIM_ERR_SEALED     the pool is being stopped.
 * @note          Threads: the pool's. May be called from `answered`.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_pool_submit(
    plim_worker_pool *pool, const void *code, uint32_t bytes, uint32_t flags, uint64_t timeout_ns,
    void (*answered)(void *ctx, const plim_pool_answer *answer), void *ctx, uint64_t *out_request,
    plim_error *err);

/**
 * @brief         Nobody waits for it any more: it is answered with PLIM_ERR_INTERRUPTED before this
 *                returns. A worker that has it is told, and killed if it goes on.
 * @param[in]     pool     not NULL.
 * @param[in]     request  its number.
 * @retval PLIM_ERR_STALE  it is answered already.
 * @note          Threads: the pool's.
 */
PLIM_API plim_status plim_worker_pool_cancel(plim_worker_pool *pool, uint64_t request);

/**
 * @brief         Serves clients that speak the channel, at one more address.
 * @param[in]     pool               not NULL.
 * @param[in]     address            "unix:/path" (the user's own), "HOST:PORT" of this machine.
 * @param[in]     is_remote_allowed  other machines, too: nobody is asked who he is.
 * @param[out]    out_address        cap bytes: with the port that was given to port 0; may be NULL.
 * @param[in]     cap                at out_address.
 * @param[in,out] err                may be NULL.
 * @retval PLIM_ERR_EXISTS  somebody listens there.
 * @retval PLIM_ERR_LIMIT   four addresses are served already.
 * @retval PLIM_ERR_ACCESS, PLIM_ERR_USAGE, PLIM_ERR_IO  as they say.
 * @note          Threads: the pool's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_pool_listen(plim_worker_pool *pool,
                                                            const char *address,
                                                            bool is_remote_allowed,
                                                            char *out_address, size_t cap,
                                                            plim_error *err);

/**
 * @brief         Turns the loop once.
 * @param[in]     pool  not NULL.
 * @param[in]     wait  for something to happen, 100 ms at most; or do only what is there.
 * @return        false: it has ended.
 * @note          Threads: the pool's; not from a callback. With a loop of the caller's, run that.
 */
PLIM_API bool plim_worker_pool_step(plim_worker_pool *pool, bool wait);

/**
 * @brief         Takes no more requests; once those there are answered, ends the workers.
 * @param[in]     pool      not NULL.
 * @param[in]     drain_ns  after it what is left is failed; 0: at once.
 * @note          Threads: the pool's. May be called from a callback. PLIM_POOL_ENDED follows.
 */
PLIM_API void plim_worker_pool_stop(plim_worker_pool *pool, uint64_t drain_ns);

/**
 * @brief      Figures.
 * @param[in]  pool         not NULL.
 * @param[out] out_figures  not NULL.
 * @note       Threads: the pool's.
 */
PLIM_API void plim_worker_pool_figures(const plim_worker_pool *pool,
                                       plim_pool_figures *out_figures);

/**
 * @brief      A worker.
 * @param[in]  pool        not NULL.
 * @param[in]  slot        0 … workers + spares - 1.
 * @param[out] out_worker  set only on PLIM_OK.
 * @retval PLIM_ERR_NOT_FOUND  there is no such slot.
 * @note       Threads: the pool's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_pool_worker(const plim_worker_pool *pool,
                                                            uint32_t slot,
                                                            plim_pool_worker *out_worker);

/**
 * @brief         Has a worker replaced, once it is idle and a spare is there: what a monitor's
 *                `decide` calls.
 * @param[in]     pool   not NULL.
 * @param[in]     child  of the pool's supervisor.
 * @param[in]     why    told with the events; not PLIM_WHY_NONE.
 * @retval PLIM_ERR_STALE  it has no process now.
 * @note          Threads: the pool's.
 */
PLIM_API plim_status plim_worker_pool_replace(plim_worker_pool *pool, plim_child child,
                                              plim_why why);

/**
 * @brief     The process of a worker.
 * @param[in] pool  not NULL.
 * @param[in] slot  0 … workers + spares - 1.
 * @return    0: none has greeted there now.
 * @note      Threads: the pool's.
 */
PLIM_API int64_t plim_worker_pool_pid(const plim_worker_pool *pool, uint32_t slot);

/**
 * @brief         The supervisor of its workers: for figures and events of its own.
 * @param[in]     pool  not NULL.
 * @return        borrowed.
 * @note          Threads: the pool's.
 */
PLIM_API plim_supervisor *plim_worker_pool_supervisor(plim_worker_pool *pool);

/**
 * @brief         Ends it at once: what is not answered fails, workers are killed. *pool is NULL.
 * @param[in,out] pool  NULL and a pointer to NULL are accepted; not from a callback.
 * @note          Threads: the pool's.
 */
PLIM_API void plim_worker_pool_destroy(plim_worker_pool **pool);

PLIM_DECLS_END
#endif
