/* SPDX-License-Identifier: MIT */
/*
 * A pool from its beginning to its end: the supervisor of its workers, its clock, who is told what.
 * Invariants: P3 an owner's callback is never inside a call of his. P4 once ended, nothing happens.
 * (P1 and P2 are dispatch.c's.)
 */
#include <plimsoll/supervision.h>

#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/stream_socket.h"
#include "supervise/pool/parts.h"

enum {
    POOL_NAME_BYTES = PLIM_CHILD_ID_BYTES - 4, /* behind it -1 to -64 */
    POOL_QUEUE_DEFAULT = 1024,
    POOL_QUEUE_MAX = 65535,
    POOL_TRIES_DEFAULT = 3,
    POOL_CLIENTS_DEFAULT = 64,
    POOL_CLIENTS_MAX = 4096,
    POOL_DEATHS_PER_WORKER = 20,
    POOL_TICK_MS = 10,
    POOL_IDLE_TICK_MS = 100,
    POOL_OVERDUE_MAX = 256 /* of one tick: the rest in the next */
};

#define POOL_QUEUE_BYTES    (UINT64_C(64) << 20)
#define POOL_SEEN_NS        UINT64_C(500000000)
#define POOL_CANCEL_NS      UINT64_C(100000000)
#define POOL_HEALTH_NS      UINT64_C(5000000000)
#define POOL_HEALTH_WAIT_NS UINT64_C(2000000000)
#define POOL_START_NS       UINT64_C(10000000000)

struct plim__pool_clock {
    uv_loop_t own_loop;
    bool has_own_loop, has_timer;
    uv_timer_t timer;
};

/* --- the supervisor --------------------------------------------------------------------------- */

static void pool_fail_all(plim_worker_pool *pool, plim_status status, const char *text)
{
    for (uint32_t i = 0; i < pool->requests.cap; i++) {
        plim__pool_request *request = &pool->requests.items[i];
        if (request->state == PLIM__REQUEST_FREE)
            continue;
        pool->figures.failed++;
        plim__requests_finish(&pool->requests, request,
                              (plim_pool_answer){.status = status,
                                                 .error = text,
                                                 .error_bytes = (uint32_t)strlen(text)});
    }
    for (uint32_t i = 0; i < pool->seat_count; i++)
        pool->seats[i].request = 0;
}

static void pool_on_ended(plim_worker_pool *pool, plim_status status)
{
    if (pool->is_ended)
        return;
    pool->is_supervisor_stopped = true;
    pool->is_stopping = true;
    pool->end_status = status;
    pool_fail_all(pool, status == PLIM_OK ? PLIM_ERR_INTERRUPTED : PLIM_ERR_GONE,
                  status == PLIM_OK ? "the pool has ended"
                                    : "the pool has ended: its workers die too often");
    plim__server_close(pool);
    pool->is_ended = true;
    plim__pool_tell(pool, (plim_pool_event){.kind = PLIM_POOL_ENDED, .status = status});
}

static void pool_on_event(void *ctx, const plim_supervisor_event *event)
{
    plim_worker_pool *pool = ctx;
    plim__seat *seat = event->ctx;
    if (pool->options.supervised != NULL)
        pool->options.supervised(pool->options.ctx, event);
    if (event->kind == PLIM_EVENT_STARTED && seat != NULL)
        seat->pid = event->pid;
    else if (event->kind == PLIM_EVENT_STOPPING && seat != NULL)
        plim__seat_stopping(seat);
    else if (event->kind == PLIM_EVENT_EXITED && seat != NULL)
        plim__seat_exited(seat, event);
    else if (event->kind == PLIM_EVENT_ENDED)
        pool_on_ended(pool, event->status);
}

static plim_status pool_supervise(plim_worker_pool *pool, plim_error *err)
{
    plim_child_spec children[PLIM__POOL_SEATS_MAX];
    pool->command = *pool->options.command;
    pool->command.prepare = plim__seat_prepare;
    pool->command.launched = plim__seat_launched;
    memset(children, 0, sizeof children);
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        plim__seat *seat = &pool->seats[i];
        seat->pool = pool;
        seat->index = i;
        seat->theirs = -1;
        seat->page_memory.descriptor = -1;
        seat->kill_ns = UINT64_MAX;
        plim__text id;
        plim__text_init(&id, seat->id, sizeof seat->id);
        plim__text_format(&id, "%s-%u", pool->options.name, (unsigned)i + 1);
        children[i] = (plim_child_spec){.struct_bytes = sizeof children[i],
                                        .id = seat->id,
                                        .restart = PLIM_PERMANENT,
                                        .shutdown_ns = pool->options.shutdown_ns,
                                        .command = &pool->command,
                                        .ctx = seat};
    }
    plim_supervisor_spec spec = {.struct_bytes = sizeof spec,
                                 .strategy = PLIM_ONE_FOR_ONE,
                                 .intensity = pool->options.intensity,
                                 .period_s = pool->options.period_s,
                                 .children = children,
                                 .child_count = pool->seat_count};
    plim_supervisor_options options = {.struct_bytes = sizeof options,
                                       .allocator = pool->allocator,
                                       .loop = pool->loop,
                                       .request_max = PLIM__POOL_SEATS_MAX * 2,
                                       .is_reaper = pool->options.is_reaper,
                                       .event = pool_on_event,
                                       .ctx = pool};
    return plim_supervisor_create(&spec, &options, &pool->supervisor, err);
}

/* --- time ------------------------------------------------------------------------------------- */

static void pool_time_out(plim_worker_pool *pool, uint64_t now_ns)
{
    for (int i = 0; i < POOL_OVERDUE_MAX; i++) {
        plim__pool_request *request = plim__requests_overdue(&pool->requests, now_ns);
        if (request == NULL)
            return;
        static const char text[] = "no answer within its deadline";
        for (uint32_t s = 0; s < pool->seat_count; s++) {
            if (pool->seats[s].request == request->id)
                plim__seat_cancel(&pool->seats[s]);
        }
        request = plim__requests_overdue(&pool->requests, now_ns);
        if (request == NULL)
            return; /* the worker was killed, and with it the request */
        pool->figures.failed++;
        plim__requests_finish(&pool->requests, request,
                              (plim_pool_answer){.status = PLIM_ERR_TIMEOUT,
                                                 .error = text,
                                                 .error_bytes = sizeof text - 1});
    }
}

static void pool_end_workers(plim_worker_pool *pool)
{
    if (pool->is_supervisor_stopped)
        return;
    pool->is_supervisor_stopped = true;
    pool_fail_all(pool, PLIM_ERR_INTERRUPTED, "the pool is being stopped");
    for (uint32_t i = 0; i < pool->seat_count; i++)
        pool->seats[i].is_asked = true;
    plim_supervisor_stop(pool->supervisor);
}

static void pool_on_tick(uv_timer_t *timer)
{
    plim_worker_pool *pool = timer->data;
    uint64_t now = plim__pool_now(pool);
    if (pool->is_ended)
        return;
    for (uint32_t i = 0; i < pool->seat_count; i++)
        plim__seat_tick(&pool->seats[i], now);
    pool_time_out(pool, now);
    bool is_drained = pool->requests.waiting + pool->requests.under_way == 0;
    if (pool->is_stopping && (is_drained || now >= pool->drain_until_ns))
        pool_end_workers(pool);
    else
        plim__pool_dispatch(pool);
    if (pool->seen != NULL && now >= pool->seen_at_ns) {
        plim_supervision_write(pool->seen, pool->supervisor, NULL, pool, pool->is_stopping);
        pool->seen_at_ns = now + POOL_SEEN_NS;
    }
    bool is_at_work = !is_drained || !pool->is_ready || pool->is_stopping;
    (void)uv_timer_start(timer, pool_on_tick, is_at_work ? POOL_TICK_MS : POOL_IDLE_TICK_MS, 0);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void pool_defaults(plim_worker_pool_options *options)
{
    options->workers = options->workers == 0 ? 1 : options->workers;
    options->spares = options->spares == 0 ? 1 : options->spares;
    options->spares = options->spares == PLIM_POOL_NONE ? 0 : options->spares;
    options->queue_max = options->queue_max == 0 ? POOL_QUEUE_DEFAULT : options->queue_max;
    if (options->payload_max == 0)
        options->payload_max = PLIM_CHANNEL_PAYLOAD_DEFAULT;
    if (options->queue_bytes_max == 0)
        options->queue_bytes_max = POOL_QUEUE_BYTES;
    options->name = options->name == NULL ? "worker" : options->name;
    options->tries_max = options->tries_max == 0 ? POOL_TRIES_DEFAULT : options->tries_max;
    options->client_max = options->client_max == 0 ? POOL_CLIENTS_DEFAULT : options->client_max;
    if (options->cancel_grace_ns == 0)
        options->cancel_grace_ns = POOL_CANCEL_NS;
    if (options->health_interval_ns == 0)
        options->health_interval_ns = POOL_HEALTH_NS;
    if (options->health_timeout_ns == 0)
        options->health_timeout_ns = POOL_HEALTH_WAIT_NS;
    if (options->start_timeout_ns == 0)
        options->start_timeout_ns = POOL_START_NS;
}

static plim_status pool_check(const plim_worker_pool_options *options, plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "options of another version");
    if (options->command == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "a pool without the command of its workers");
    if (options->name != NULL &&
        plim__text_length(options->name, POOL_NAME_BYTES) == POOL_NAME_BYTES)
        return plim_error_set(err, PLIM_ERR_USAGE, "a name of more than %u bytes",
                              (unsigned)POOL_NAME_BYTES - 1);
    uint64_t spares = options->spares == PLIM_POOL_NONE ? 0 : options->spares;
    if (options->workers + spares > PLIM__POOL_SEATS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "at most %u workers, spares included",
                              (unsigned)PLIM__POOL_SEATS_MAX);
    if (options->queue_max > POOL_QUEUE_MAX || options->client_max > POOL_CLIENTS_MAX ||
        options->payload_max > PLIM_CHANNEL_PAYLOAD_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "at most %u requests, %u clients, %u bytes of a message",
                              (unsigned)POOL_QUEUE_MAX, (unsigned)POOL_CLIENTS_MAX,
                              (unsigned)PLIM_CHANNEL_PAYLOAD_MAX);
    return PLIM_OK;
}

static plim_status pool_open_loop(plim_worker_pool *pool, plim_error *err)
{
    struct plim__pool_clock *clock = plim__array_new_zero(pool->allocator, 1, sizeof *clock);
    pool->clock = clock;
    pool->later = plim__array_new_zero(pool->allocator, 1, sizeof *pool->later);
    if (clock == NULL || pool->later == NULL)
        return plim__no_memory(err, "a pool");
    pool->loop = pool->options.loop;
    if (pool->loop == NULL) {
        if (uv_loop_init(&clock->own_loop) != 0)
            return plim_error_set(err, PLIM_ERR_IO, "the system gives no event loop");
        clock->has_own_loop = true;
        pool->loop = &clock->own_loop;
    }
    (void)uv_timer_init(pool->loop,
                        &pool->clock->timer); /* both only note themselves in the loop */
    (void)uv_idle_init(pool->loop, pool->later);
    pool->clock->timer.data = pool;
    pool->later->data = pool;
    clock->has_timer = pool->has_later = true;
    (void)uv_timer_start(&pool->clock->timer, pool_on_tick, POOL_TICK_MS, 0);
    return PLIM_OK;
}

plim_status plim_worker_pool_create(const plim_worker_pool_options *options,
                                    plim_worker_pool **out_pool, plim_error *err)
{
    PLIM_CHECK(options != NULL && out_pool != NULL);
    plim_status status = pool_check(options, err);
    if (status != PLIM_OK)
        return status;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_worker_pool *pool = plim__array_new_zero(allocator, 1, sizeof *pool);
    if (pool == NULL)
        return plim__no_memory(err, "a pool");
    pool->magic = PLIM__POOL_MAGIC;
    pool->allocator = allocator;
    pool->options = *options;
    pool_defaults(&pool->options);
    pool->seat_count = pool->options.workers + pool->options.spares;
    if (pool->options.intensity == 0)
        pool->options.intensity = pool->seat_count * POOL_DEATHS_PER_WORKER;
    pool->chance = plim__socket_now() | 1;
    status =
        plim__requests_init(&pool->requests, pool->options.queue_max, pool->options.queue_bytes_max,
                            pool->options.tries_max, allocator, err);
    if (status == PLIM_OK)
        status = plim__server_init(pool, err);
    if (status == PLIM_OK)
        status = pool_open_loop(pool, err);
    if (status == PLIM_OK)
        status = pool_supervise(pool, err);
    if (status == PLIM_OK && pool->options.seen_as != NULL)
        status = plim_supervision_open("pool", pool->options.seen_as, pool->seat_count, &pool->seen,
                                       err);
    if (status != PLIM_OK) {
        plim_worker_pool_destroy(&pool);
        return status;
    }
    plim_supervisor_start(pool->supervisor);
    *out_pool = pool;
    return PLIM_OK;
}

bool plim_worker_pool_step(plim_worker_pool *pool, bool wait)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (pool->is_ended)
        return false;
    (void)uv_run(pool->loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    return !pool->is_ended;
}

void plim_worker_pool_stop(plim_worker_pool *pool, uint64_t drain_ns)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (pool->is_ended)
        return;
    uint64_t now = plim__pool_now(pool);
    pool->is_stopping = true;
    pool->drain_until_ns = drain_ns < UINT64_MAX - now ? now + drain_ns : UINT64_MAX;
    (void)uv_timer_start(&pool->clock->timer, pool_on_tick, 0, 0);
}

plim_status plim_worker_pool_replace(plim_worker_pool *pool, plim_child child, plim_why why)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_CHECK(why != PLIM_WHY_NONE);
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        plim__seat *seat = &pool->seats[i];
        if (seat->state == PLIM__SEAT_DOWN || seat->child != child)
            continue;
        if (seat->due == PLIM_WHY_NONE)
            seat->due = why;
        plim__pool_soon(pool);
        return PLIM_OK;
    }
    return PLIM_ERR_STALE;
}

plim_supervisor *plim_worker_pool_supervisor(plim_worker_pool *pool)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    return pool->supervisor;
}

/* Handles of ours are closed in one more turn; a caller's loop goes on with what is his. */
static void pool_turn_out(plim_worker_pool *pool)
{
    struct plim__pool_clock *clock = pool->clock;
    if (clock->has_timer) {
        uv_close((uv_handle_t *)&pool->clock->timer, NULL);
        uv_close((uv_handle_t *)pool->later, NULL);
        clock->has_timer = pool->has_later = false;
    }
    (void)uv_run(pool->loop, clock->has_own_loop ? UV_RUN_DEFAULT : UV_RUN_NOWAIT);
    if (!clock->has_own_loop)
        return;
    int code = uv_loop_close(&clock->own_loop);
    PLIM_CHECK(code == 0); /* somebody left a handle open on it */
}

void plim_worker_pool_destroy(plim_worker_pool **pool_ptr)
{
    if (pool_ptr == NULL || *pool_ptr == NULL)
        return;
    plim_worker_pool *pool = *pool_ptr;
    *pool_ptr = NULL;
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    pool->is_stopping = true;
    pool->is_supervisor_stopped = true;
    pool_fail_all(pool, PLIM_ERR_INTERRUPTED, "the pool has ended");
    plim_supervisor_destroy(&pool->supervisor);
    plim_supervision_close(&pool->seen);
    for (uint32_t i = 0; i < pool->seat_count; i++)
        plim__seat_close(&pool->seats[i]);
    plim__server_close(pool);
    if (pool->loop != NULL)
        pool_turn_out(pool);
    plim__array_free(pool->allocator, pool->clock, 1, sizeof *pool->clock);
    plim__array_free(pool->allocator, pool->later, 1, sizeof *pool->later);
    plim__server_fini(pool);
    plim__requests_fini(&pool->requests);
    pool->magic = 0;
    plim__array_free(pool->allocator, pool, 1, sizeof *pool);
}
