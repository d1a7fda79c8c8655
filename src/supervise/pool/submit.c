/* SPDX-License-Identifier: MIT */
/* Requests of an owner's, and of clients', who come to the pool as an owner does (server.c). */
#include "base/assert.h"
#include "supervise/pool/parts.h"

plim_status plim_worker_pool_submit(plim_worker_pool *pool, const void *code, uint32_t bytes,
                                    uint32_t flags, uint64_t timeout_ns,
                                    void (*answered)(void *ctx, const plim_pool_answer *answer),
                                    void *ctx, uint64_t *out_request, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_CHECK(code != NULL || bytes == 0);
    if (pool->is_stopping || pool->is_ended)
        return plim_error_set(err, PLIM_ERR_SEALED, "the pool is being stopped");
    if (bytes > pool->options.payload_max - PLIM_MESSAGE_HEAD_BYTES_MAX ||
        pool->options.payload_max < PLIM_MESSAGE_HEAD_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a request of %u bytes; workers take %u",
                              (unsigned)bytes, (unsigned)pool->options.payload_max);
    plim__pool_request *request = NULL;
    plim_status status = plim__requests_add(&pool->requests, code, bytes, &request, err);
    if (status != PLIM_OK)
        return status;
    timeout_ns = timeout_ns == 0 ? pool->options.request_timeout_ns : timeout_ns;
    uint64_t now = plim__pool_now(pool);
    if (timeout_ns != 0 && timeout_ns < UINT64_MAX - now)
        request->due_ns = now + timeout_ns;
    request->flags = flags & PLIM_MESSAGE_IDEMPOTENT;
    request->answered = answered;
    request->ctx = ctx;
    pool->figures.submitted++;
    if (out_request != NULL)
        *out_request = request->id;
    plim__pool_soon(pool);
    return PLIM_OK;
}

plim_status plim_worker_pool_cancel(plim_worker_pool *pool, uint64_t id)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    plim__pool_request *request = plim__requests_find(&pool->requests, id);
    if (request == NULL)
        return PLIM_ERR_STALE;
    static const char text[] = "it was cancelled";
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        if (pool->seats[i].request == id)
            plim__seat_cancel(&pool->seats[i]);
    }
    request = plim__requests_find(&pool->requests, id);
    if (request == NULL)
        return PLIM_OK;
    pool->figures.failed++;
    plim__requests_finish(&pool->requests, request,
                          (plim_pool_answer){.status = PLIM_ERR_INTERRUPTED,
                                             .error = text,
                                             .error_bytes = sizeof text - 1});
    return PLIM_OK;
}
