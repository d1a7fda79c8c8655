/* SPDX-License-Identifier: MIT */
/*
 * Requests and workers brought together. Whatever changes asks for it; one place, dispatch_give(),
 * then fills the service with spares, replaces who is due, and gives the queue's first to whoever
 * has been idle longest. So callbacks only note what happened.
 * Invariants: P1 at most `workers` seats are in service; a spare enters when one leaves. P2 a
 * worker is asked to end only while another that is idle stands ready for its place, unless there
 * are no spares.
 */
#include <uv.h>

#include "platform/stream_socket.h"
#include "supervise/pool/parts.h"

uint64_t plim__pool_now(const plim_worker_pool *pool)
{
    (void)pool;
    return plim__socket_now();
}

void plim__pool_tell(plim_worker_pool *pool, plim_pool_event event)
{
    if (event.text == NULL)
        event.text = "";
    if (pool->options.event != NULL)
        pool->options.event(pool->options.ctx, &event);
}

static bool dispatch_is_ready_for_work(const plim__seat *seat)
{
    return seat->state == PLIM__SEAT_IDLE && seat->health_id == 0;
}

static uint32_t dispatch_in_service(const plim_worker_pool *pool)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool->seat_count; i++)
        count += pool->seats[i].in_service;
    return count;
}

/* A spare that could enter service; NULL: none. */
static plim__seat *dispatch_spare(plim_worker_pool *pool)
{
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        plim__seat *seat = &pool->seats[i];
        if (!seat->in_service && dispatch_is_ready_for_work(seat) && seat->due == PLIM_WHY_NONE)
            return seat;
    }
    return NULL;
}

static void dispatch_fill_service(plim_worker_pool *pool)
{
    uint32_t count = dispatch_in_service(pool);
    for (; count < pool->options.workers; count++) {
        plim__seat *spare = dispatch_spare(pool);
        if (spare == NULL)
            return;
        spare->in_service = true;
    }
    if (!pool->is_ready) {
        pool->is_ready = true;
        plim__pool_tell(pool, (plim_pool_event){.kind = PLIM_POOL_READY});
    }
}

static void dispatch_replace_due(plim_worker_pool *pool)
{
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        plim__seat *seat = &pool->seats[i];
        if (seat->due == PLIM_WHY_NONE || seat->state != PLIM__SEAT_IDLE)
            continue;
        plim__seat *spare = seat->in_service ? dispatch_spare(pool) : NULL;
        if (seat->in_service && spare == NULL && pool->options.spares > 0)
            continue; /* its successor is not there yet */
        plim__seat_replace(seat);
        if (!seat->in_service && spare != NULL)
            spare->in_service = true;
    }
}

static plim__seat *dispatch_longest_idle(plim_worker_pool *pool)
{
    plim__seat *best = NULL;
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        plim__seat *seat = &pool->seats[i];
        if (seat->in_service && dispatch_is_ready_for_work(seat) &&
            (best == NULL || seat->idle_since_ns < best->idle_since_ns))
            best = seat;
    }
    return best;
}

static void dispatch_give(plim_worker_pool *pool)
{
    dispatch_fill_service(pool);
    dispatch_replace_due(pool);
    /* Each round busies a seat, or takes one out of service. */
    for (uint32_t i = 0; i < pool->seat_count && pool->requests.waiting > 0; i++) {
        plim__seat *seat = dispatch_longest_idle(pool);
        if (seat == NULL)
            return;
        plim__pool_request *request = plim__requests_take(&pool->requests);
        if (request == NULL || !plim__seat_give(seat, request))
            continue;
    }
}

void plim__pool_dispatch(plim_worker_pool *pool)
{
    if (pool->is_supervisor_stopped || pool->is_dispatching)
        return;
    pool->is_dispatching = true;
    dispatch_give(pool);
    pool->is_dispatching = false;
}

static void dispatch_on_later(uv_idle_t *handle)
{
    plim_worker_pool *pool = handle->data;
    (void)uv_idle_stop(handle);
    plim__pool_dispatch(pool);
}

void plim__pool_soon(plim_worker_pool *pool)
{
    if (pool->has_later && !pool->is_supervisor_stopped)
        (void)uv_idle_start(pool->later, dispatch_on_later);
}
