/* SPDX-License-Identifier: MIT */
/**
 * @file serve.h
 * @brief A heap behind the protocol that browsers speak: Chrome DevTools opens it as it opens Node.
 *
 * The server knows a table of functions, not what is behind them: a snapshot file, a region, a
 * program's own heap. It listens on this machine only, and answers whoever asks by that machine's
 * name or number and comes from no other web page: `Host` must be a loopback name, `Origin` absent
 * or DevTools'. Each served heap has a path that cannot be guessed.
 * Everything runs on the thread that calls plim_server_run(); what a client sends is bounded and
 * checked, and a client that does not read is left after a time.
 * Thread-safety: one thread per server; plim_interrupt_raise() from anywhere.
 * @see docs/internals/server.md
 */
#ifndef PLIM_SERVE_H
#define PLIM_SERVE_H
#include <plimsoll/target.h>
PLIM_DECLS_BEGIN

enum { PLIM_SERVED_MAX = 64 /**< heaps one server may show */ };

/** One heap. Functions are called on the thread of plim_server_run(); NULL: it cannot do that. */
typedef struct plim_served {
    void *ctx;
    const char *title; /**< shown in the list of targets; copied, at most 255 bytes */
    const char *url;   /**< shown beside it; copied; NULL: none */
    /** Bytes in use and bytes held. Required. */
    plim_status (*usage)(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err);
    /** Writes a V8 heap snapshot. Required. */
    plim_status (*snapshot)(void *ctx, plim_sink sink, plim_progress progress, plim_error *err);
    /** "Collect garbage": gives back what is only cached; how much. */
    plim_status (*collect)(void *ctx, uint64_t *out_bytes, plim_error *err);
} plim_served;

/** A server; ended by plim_server_destroy(). */
typedef struct plim_server plim_server;

/** All zero is the default. */
typedef struct plim_server_options {
    uint32_t struct_bytes;           /**< sizeof(plim_server_options) */
    uint16_t port;                   /**< 0: any free one; DevTools looks at 9229 by itself */
    bool ipv6;                       /**< listen on ::1 instead of 127.0.0.1 */
    const plim_allocator *allocator; /**< NULL: the system's; borrowed until destroy */
    const plim_interrupt *interrupt; /**< NULL: none; borrowed until destroy */
    uint64_t stall_timeout_ns;       /**< 0: 30 s for a client that does not read */
} plim_server_options;

/**
 * @brief         Listens; nothing is answered before plim_server_run().
 * @param[in]     options     NULL: defaults.
 * @param[out]    out_server  set only on PLIM_OK; ended by plim_server_destroy().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_EXISTS    the port is taken.
 * @retval PLIM_ERR_ACCESS    the system does not allow that port.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_create(const plim_server_options *options,
                                                       plim_server **out_server, plim_error *err);

/**
 * @brief         Adds a heap to what is shown.
 * @param[in]     server  not NULL.
 * @param[in]     served  copied, but for what ctx points to: that must outlive the server.
 * @param[in,out] err     may be NULL.
 * @retval PLIM_ERR_LIMIT PLIM_SERVED_MAX are shown already.
 * @retval PLIM_ERR_USAGE a required function is missing, or the title is too long or empty.
 * @note          Threads: the server's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_add(plim_server *server, const plim_served *served,
                                                    plim_error *err);

/**
 * @brief     Where it listens.
 * @param[in] server  not NULL.
 * @return    "127.0.0.1:9229", valid until destroy.
 * @note      Threads: any.
 */
PLIM_API const char *plim_server_address(const plim_server *server);

/**
 * @brief         Answers, until asked to stop or the time is over.
 * @param[in]     server       not NULL.
 * @param[in]     duration_ns  UINT64_MAX: until the interrupt.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_INTERRUPTED  the interrupt was raised. Clients' faults are theirs, not ours.
 * @note          Threads: one at a time. May be called again.
 */
PLIM_API PLIM_NODISCARD plim_status plim_server_run(plim_server *server, uint64_t duration_ns,
                                                    plim_error *err);

/**
 * @brief         Closes all connections and ends it; @p *server is NULL.
 * @param[in,out] server  NULL and a pointer to NULL are accepted.
 * @note          Threads: not inside run.
 */
PLIM_API void plim_server_destroy(plim_server **server);

PLIM_DECLS_END
#endif
