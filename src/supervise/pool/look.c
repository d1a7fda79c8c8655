/* SPDX-License-Identifier: MIT */
/* What a pool and its workers are doing, for those who look on. */
#include "base/assert.h"
#include "supervise/pool/parts.h"

void plim_worker_pool_figures(const plim_worker_pool *pool, plim_pool_figures *out_figures)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_CHECK(out_figures != NULL);
    plim_pool_figures figures = pool->figures;
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        const plim__seat *seat = &pool->seats[i];
        bool is_up = seat->state == PLIM__SEAT_IDLE || seat->state == PLIM__SEAT_BUSY;
        figures.workers += is_up;
        figures.busy += seat->state == PLIM__SEAT_BUSY;
        figures.spares += is_up && !seat->in_service;
    }
    for (uint32_t i = 0; i < pool->options.client_max; i++)
        figures.clients += pool->clients[i].link != NULL;
    figures.waiting = pool->requests.waiting;
    figures.under_way = pool->requests.under_way;
    *out_figures = figures;
}

plim_status plim_worker_pool_worker(const plim_worker_pool *pool, uint32_t slot,
                                    plim_pool_worker *out_worker)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_CHECK(out_worker != NULL);
    static const plim_pool_state states[] = {[PLIM__SEAT_DOWN] = PLIM_POOL_DOWN,
                                             [PLIM__SEAT_STARTING] = PLIM_POOL_STARTING,
                                             [PLIM__SEAT_IDLE] = PLIM_POOL_IDLE,
                                             [PLIM__SEAT_BUSY] = PLIM_POOL_BUSY,
                                             [PLIM__SEAT_ENDING] = PLIM_POOL_ENDING};
    if (slot >= pool->seat_count)
        return PLIM_ERR_NOT_FOUND;
    const plim__seat *seat = &pool->seats[slot];
    bool is_up = seat->state == PLIM__SEAT_IDLE || seat->state == PLIM__SEAT_BUSY;
    *out_worker = (plim_pool_worker){.child = seat->child,
                                     .pid = seat->pid,
                                     .state = states[seat->state],
                                     .is_spare = is_up && !seat->in_service,
                                     .answered = seat->answered,
                                     .reported_bytes = seat->reported_bytes};
    uint64_t now = plim__pool_now(pool);
    if (seat->state == PLIM__SEAT_BUSY && now > seat->busy_since_ns)
        out_worker->busy_ns = now - seat->busy_since_ns;
    return PLIM_OK;
}

int64_t plim_worker_pool_pid(const plim_worker_pool *pool, uint32_t seat)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (seat >= pool->seat_count ||
        (pool->seats[seat].state != PLIM__SEAT_IDLE && pool->seats[seat].state != PLIM__SEAT_BUSY))
        return 0;
    return pool->seats[seat].pid;
}
