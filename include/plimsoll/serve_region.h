/* SPDX-License-Identifier: MIT */
/**
 * @file serve_region.h
 * @brief A C program in Chrome DevTools: its region behind a server, from outside or from inside.
 *
 * From outside (`plim serve PID`) all is read from the mapping: nothing is asked of the program and
 * it never stands still. From inside, plim_serve() is one call: a thread of its own answers, reads
 * the region as any other process would, and can do two things more: give back what the program's
 * allocator only caches ("Collect garbage"), and evaluate expressions, if the program has a way.
 * Allocations of objects are told by their sites (plim_object_request): exactly, not by samples,
 * and at no cost to the program. Those of plain domains are sampled while DevTools asks for it,
 * from inside (sampler.h).
 * Thread-safety: as each function says.
 * @see docs/internals/server.md
 */
#ifndef PLIM_SERVE_REGION_H
#define PLIM_SERVE_REGION_H
#include <plimsoll/serve.h>
PLIM_DECLS_BEGIN

/** A region that a server shows. */
typedef struct plim_served_region plim_served_region;

/**
 * @brief         Adds a region to what a server shows.
 * @param[in]     server      not NULL.
 * @param[in]     address     `pid:4242`, `region:PATH` or PATH, as plim_region_view_find(); copied.
 * @param[in]     allocator   NULL: the system's; borrowed until the end.
 * @param[out]    out_served  set only on PLIM_OK; ended by plim_served_region_destroy(), after the
 *                            server.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_LIMIT     the server shows as many as it can.
 * @return        Whatever plim_region_view_find() says.
 * @note          Threads: the server's.
 */
PLIM_API PLIM_NODISCARD plim_status plim_serve_region(plim_server *server, const char *address,
                                                      const plim_allocator *allocator,
                                                      plim_served_region **out_served,
                                                      plim_error *err);

/**
 * @brief         Ends it; @p *served is NULL. The server that showed it has ended before.
 * @param[in,out] served  NULL and a pointer to NULL are accepted.
 * @note          Threads: any.
 */
PLIM_API void plim_served_region_destroy(plim_served_region **served);

/** All zero is the default. */
typedef struct plim_serve_options {
    uint32_t struct_bytes; /**< sizeof(plim_serve_options) */
    uint16_t port;         /**< 0: any free one; DevTools looks at 9229 by itself */
    const char *address;   /**< NULL: the one region of this process, or its domains alone; else as
                                plim_serve_region() */
    void *ctx;             /**< for evaluate */
    /** What a person types in the console; see plim_served. Called on the server's thread: what it
     *  looks at must be safe there. NULL: expressions are refused. */
    plim_status (*evaluate)(void *ctx, const char *expression, plim_served_values out,
                            plim_error *err);
} plim_serve_options;

/** A server on a thread of its own; ended by plim_serve_end(). */
typedef struct plim_serving plim_serving;

/**
 * @brief         Shows this program to Chrome DevTools from now on, on a thread of its own.
 * @param[in]     options      NULL: defaults.
 * @param[out]    out_serving  set only on PLIM_OK; ended by plim_serve_end(), before the region is
 *                             closed if that is in memory or storage.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_EXISTS      the port is taken.
 * @retval PLIM_ERR_UNSUPPORTED the process that `address` names has no region. (A program without
 *                              one that serves itself is shown by its domains: usage, sampling.)
 * @retval PLIM_ERR_NO_MEMORY   the allocator or the system refused.
 * @return        Whatever else plim_region_view_find() and plim_server_create() say.
 * @note          Threads: any. The region's writer is not held up: it is read as from outside.
 */
PLIM_API PLIM_NODISCARD plim_status plim_serve(const plim_serve_options *options,
                                               plim_serving **out_serving, plim_error *err);

/**
 * @brief     Where it listens.
 * @param[in] serving  not NULL.
 * @return    "127.0.0.1:9229", valid until the end.
 * @note      Threads: any.
 */
PLIM_API const char *plim_serve_address(const plim_serving *serving);

/**
 * @brief         Closes all connections, ends the thread; @p *serving is NULL.
 * @param[in,out] serving  NULL and a pointer to NULL are accepted.
 * @note          Threads: any but its own.
 */
PLIM_API void plim_serve_end(plim_serving **serving);

PLIM_DECLS_END
#endif
