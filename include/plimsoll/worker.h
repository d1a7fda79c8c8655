/* SPDX-License-Identifier: MIT */
/**
 * @file worker.h
 * @brief What a worker process calls: it gets requests from its supervisor, and answers them.
 *
 *     plim_worker *worker;
 *     if (plim_worker_open(NULL, &worker, &err) != PLIM_OK) …
 *     while (plim_worker_receive(worker, UINT64_MAX, &request, &err) == PLIM_OK)
 *         … plim_worker_answer(worker, &request, PLIM_OK, result, bytes, NULL, &err);
 *     plim_worker_close(&worker);
 *
 * One request at a time; questions about its health are answered while it waits. A worker may die
 * at any moment: whoever waits for it is told what became of the request (worker_pool.h has the
 * rule). When it dies by its own fault, a handler writes the signal, registers and return addresses
 * into memory of the supervisor, and the signal then takes its way. SIGTERM, unless the program
 * handles it, lets it finish what it has: the next receive says PLIM_ERR_SEALED.
 *
 * Started by a supervisor, it finds its socket in PLIM_WORKER_DESCRIPTOR and that memory in
 * PLIM_WORKER_PAGE; elsewhere it connects to options.address or PLIM_WORKER_ADDRESS.
 * It needs the C library alone: no event loop, no thread.
 * Thread-safety: one thread; plim_worker_last_words() from any.
 */
#ifndef PLIM_WORKER_H
#define PLIM_WORKER_H
#include <plimsoll/channel.h>
PLIM_DECLS_BEGIN

/** A worker's line to its supervisor; one per process. */
typedef struct plim_worker plim_worker;

/** All zero is the default, but for struct_bytes. */
typedef struct plim_worker_options {
    uint32_t struct_bytes;           /**< sizeof(plim_worker_options) */
    uint32_t payload_max;            /**< of a request; 0: 1 MiB */
    const char *address;             /**< to connect to; NULL: what the environment says */
    const char *name;                /**< for logs; NULL: none */
    bool is_without_handler;         /**< no signal is handled: neither crashes nor SIGTERM */
    uint64_t send_timeout_ns;        /**< for the supervisor to take an answer; 0: 30 s */
    const plim_allocator *allocator; /**< NULL: the system's */
} plim_worker_options;

/** A request under way; valid until the next plim_worker_receive(). */
typedef struct plim_request {
    uint64_t id;
    const void *code;     /**< its bytes; a NUL that is not counted stands behind them */
    uint32_t bytes;       /**< of code */
    uint32_t deadline_ms; /**< how long the answer is of use, from its arrival; 0: for ever */
    bool is_idempotent;   /**< it may be done twice */
    bool is_repeated;     /**< another worker may have begun it, and died */
} plim_request;

/**
 * @brief         Finds the supervisor, greets it, installs the crash handler.
 * @param[in]     options     NULL: defaults.
 * @param[out]    out_worker  set only on PLIM_OK; ended by plim_worker_close().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_NOT_FOUND  no address is given, and the environment names no supervisor.
 * @return        else as plim_channel_open().
 * @note          Threads: the one that receives. The stack for the handler is this thread's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_open(const plim_worker_options *options,
                                                     plim_worker **out_worker, plim_error *err);

/**
 * @brief         Waits for the next request. One that was not answered is answered as failed.
 * @param[in]     worker       not NULL.
 * @param[in]     timeout_ns   UINT64_MAX: for ever.
 * @param[out]    out_request  set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_TIMEOUT      none came.
 * @retval PLIM_ERR_INTERRUPTED  a signal was handled meanwhile.
 * @retval PLIM_ERR_SEALED       the supervisor asks it to end: there will be no more.
 * @retval PLIM_ERR_GONE         the supervisor has ended; so should the worker.
 * @return        else as plim_channel_receive().
 * @note          Threads: one.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_receive(plim_worker *worker, uint64_t timeout_ns,
                                                        plim_request *out_request, plim_error *err);

/**
 * @brief         Answers the request that was received last. What is answered once is answered.
 * @param[in]     worker   not NULL.
 * @param[in]     request  that one.
 * @param[in]     status   PLIM_OK, or why not.
 * @param[in]     result   bytes of it; may be NULL where bytes is 0.
 * @param[in]     bytes    as many.
 * @param[in]     error    a sentence; NULL: none.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_STALE  it is not that one, or is answered already.
 * @retval PLIM_ERR_LIMIT  more than the supervisor takes; nothing was sent: answer with less.
 * @retval PLIM_ERR_GONE, PLIM_ERR_TIMEOUT  the supervisor has ended or does not read.
 * @note          Threads: one.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_answer(plim_worker *worker,
                                                       const plim_request *request,
                                                       plim_status status, const void *result,
                                                       uint32_t bytes, const char *error,
                                                       plim_error *err);

/**
 * @brief         Whether nobody waits for the answer any more; costs a system call.
 * @param[in]     worker  not NULL.
 * @return        true once the request under way was cancelled, or the supervisor has ended. It
 *                should still be answered, with PLIM_ERR_INTERRUPTED.
 * @note          Threads: one. Health questions that wait are answered.
 */
PLIM_API bool plim_worker_is_cancelled(plim_worker *worker);

/**
 * @brief         Reports memory in use; past its threshold the supervisor has the worker replaced.
 * @param[in]     worker       not NULL.
 * @param[in]     used_bytes   as the worker counts it.
 * @param[in]     limit_bytes  its own budget; 0: none.
 * @param[in,out] err          may be NULL.
 * @return        as plim_channel_send().
 * @note          Threads: one.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_report_memory(plim_worker *worker,
                                                              uint64_t used_bytes,
                                                              uint64_t limit_bytes,
                                                              plim_error *err);

/**
 * @brief         A line for the supervisor's log.
 * @param[in]     worker  not NULL.
 * @param[in]     level   0 error, 1 warning, 2 notice, 3 detail.
 * @param[in]     text    a line without its end; not NULL.
 * @param[in,out] err     may be NULL.
 * @return        as plim_channel_send().
 * @note          Threads: one.
 */
PLIM_API PLIM_NODISCARD plim_status plim_worker_log(plim_worker *worker, uint32_t level,
                                                    const char *text, plim_error *err);

/**
 * @brief         What shall be told should the worker die from now on; "" takes it back.
 * @param[in]     worker  not NULL.
 * @param[in]     text    a sentence of at most 511 bytes, cut behind them; not NULL.
 * @note          Threads: any, the last one counts. Signals: safe. Without a supervisor's memory
 *                (a worker that has connected from elsewhere) it is kept nowhere.
 */
PLIM_API void plim_worker_last_words(plim_worker *worker, const char *text);

/**
 * @brief         Hangs up; @p *worker is NULL afterwards. The crash handler is removed.
 * @param[in,out] worker  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_worker_close(plim_worker **worker);

PLIM_DECLS_END
#endif
