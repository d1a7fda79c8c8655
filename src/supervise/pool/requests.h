/* SPDX-License-Identifier: MIT */
/**
 * @file requests.h
 * @brief Requests that wait or are under way, and the rule for those whose worker dies. No system.
 */
#ifndef PLIM_SUPERVISE_POOL_REQUESTS_H
#define PLIM_SUPERVISE_POOL_REQUESTS_H
#include <plimsoll/worker_pool.h>

typedef enum plim__request_state {
    PLIM__REQUEST_FREE = 0,
    PLIM__REQUEST_WAITING,
    PLIM__REQUEST_UNDER_WAY
} plim__request_state;

typedef struct plim__pool_request {
    uint64_t id; /* never 0, never twice in a pool's life; its low 16 bits find it */
    plim__request_state state;
    uint32_t flags, tries;
    uint64_t due_ns; /* UINT64_MAX: it has no deadline */
    unsigned char *code;
    uint32_t bytes;
    uint32_t next, before; /* in the queue, or among the free */
    void (*answered)(void *ctx, const plim_pool_answer *answer);
    void *ctx;
} plim__pool_request;

typedef struct plim__requests {
    const plim_allocator *allocator;
    plim__pool_request *items;
    uint32_t cap, free, first, last; /* indexes; PLIM_POOL_NONE: none */
    uint32_t waiting, under_way, tries_max;
    uint64_t bytes, bytes_max, serial;
} plim__requests;

/** What is to be done with a request whose worker has died. */
typedef enum plim__request_fate {
    PLIM__FATE_AGAIN,
    PLIM__FATE_REPEAT,
    PLIM__FATE_FAIL
} plim__request_fate;

/** Pre: 0 < cap < 65536. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__requests_init(plim__requests *requests, uint32_t cap,
                                               uint64_t bytes_max, uint32_t tries_max,
                                               const plim_allocator *allocator, plim_error *err);

/** Frees. Pre: none is left. All zero is accepted. */
void plim__requests_fini(plim__requests *requests);

/** At the end of the queue. PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__requests_add(plim__requests *requests, const void *code,
                                              uint32_t bytes, plim__pool_request **out,
                                              plim_error *err);

/** NULL: it is answered already. */
plim__pool_request *plim__requests_find(plim__requests *requests, uint64_t id);

/** The first of the queue goes to a worker; NULL: none waits. Post: under way, one try more. */
plim__pool_request *plim__requests_take(plim__requests *requests);

/** R2, R3, R4 of worker_pool.h; R1 is the caller's: he reads to the end first. */
plim__request_fate plim__requests_fate(const plim__requests *requests,
                                       const plim__pool_request *request, bool was_begun);

/** Back to the front of the queue. Pre: it is under way. */
void plim__requests_give_back(plim__requests *requests, plim__pool_request *request);

/** Takes it out and tells its owner: the one place where that is done. */
void plim__requests_finish(plim__requests *requests, plim__pool_request *request,
                           plim_pool_answer answer);

/** The one whose deadline comes first among all, if it is past `now`; else NULL. */
plim__pool_request *plim__requests_overdue(plim__requests *requests, uint64_t now_ns);

#endif
