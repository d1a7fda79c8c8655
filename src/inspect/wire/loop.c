/* SPDX-License-Identifier: MIT */
/*
 * A wait is uv_run(ONCE) in a loop with a timer beside it that fires every 50 ms: so a stop request
 * raised by a signal handler, which must not touch the loop, is seen in time, and a deadline needs
 * no timer of its own.
 * Invariants: L1 the tick runs exactly while a wait is under way. L2 waits do not nest. L3 the tick
 * repeats: uv_run(ONCE) runs timers that are due before it waits, and one that had run out while we
 * were not given the processor would leave it waiting for ever.
 */
#include "inspect/wire/loop.h"

#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { PLIM__LOOP_MAGIC = 0x100b0001, PLIM__LOOP_TICK_MS = 50 };

struct plim__loop {
    uint32_t magic;
    const plim_allocator *allocator;
    const plim_interrupt *interrupt;
    int acknowledged;
    bool waiting;
    void (*woken)(void *ctx);
    void *woken_ctx;
    uv_loop_t uv;
    uv_timer_t tick;
    uv_async_t wake;
};

static void loop_on_tick(uv_timer_t *timer)
{
    (void)timer; /* its only use is that uv_run() returns */
}

static void loop_on_wake(uv_async_t *async)
{
    plim__loop *loop = async->data;
    if (loop->woken != NULL)
        loop->woken(loop->woken_ctx);
}

/* Both handles or none; what was begun is closed by running the loop out. */
static int loop_open_handles(plim__loop *loop)
{
    int code = uv_timer_init(&loop->uv, &loop->tick);
    if (code != 0)
        return code;
    loop->wake.data = loop;
    code = uv_async_init(&loop->uv, &loop->wake, loop_on_wake);
    if (code != 0) {
        uv_close((uv_handle_t *)&loop->tick, NULL);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    return code;
}

plim_status plim__loop_create(const plim_allocator *allocator, const plim_interrupt *interrupt,
                              plim__loop **out_loop, plim_error *err)
{
    PLIM_CHECK(allocator != NULL && out_loop != NULL);
    plim__loop *loop = plim__array_new_zero(allocator, 1, sizeof *loop);
    if (loop == NULL)
        return plim__no_memory(err, "an event loop");
    loop->magic = PLIM__LOOP_MAGIC;
    loop->allocator = allocator;
    loop->interrupt = interrupt;
    int code = uv_loop_init(&loop->uv);
    if (code == 0) {
        code = loop_open_handles(loop);
        if (code == 0) {
            *out_loop = loop;
            return PLIM_OK;
        }
        (void)uv_loop_close(&loop->uv);
    }
    plim__array_free(allocator, loop, 1, sizeof *loop);
    return plim_error_set(err, code == UV_ENOMEM ? PLIM_ERR_NO_MEMORY : PLIM_ERR_IO,
                          "cannot start an event loop: %s", uv_strerror(code));
}

void plim__loop_destroy(plim__loop **loop_ptr)
{
    if (loop_ptr == NULL || *loop_ptr == NULL)
        return;
    plim__loop *loop = *loop_ptr;
    *loop_ptr = NULL;
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    PLIM_CHECK(!loop->waiting);
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    int code = uv_loop_close(&loop->uv);
    PLIM_CHECK(code == 0); /* somebody left a handle open on it */
    loop->magic = 0;
    plim__array_free(loop->allocator, loop, 1, sizeof *loop);
}

uv_loop_t *plim__loop_uv(plim__loop *loop)
{
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    return &loop->uv;
}

uint64_t plim__loop_now_ns(void)
{
    return uv_hrtime();
}

uint64_t plim__loop_deadline(uint64_t timeout_ns)
{
    uint64_t now = plim__loop_now_ns();
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* Milliseconds until the next look: at least 1, so that a wait never spins. */
static uint64_t loop_next_tick_ms(uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t left_ms = (deadline_ns - now_ns) / 1000000u + 1;
    return left_ms < PLIM__LOOP_TICK_MS ? left_ms : PLIM__LOOP_TICK_MS;
}

plim_status plim__loop_wait_either(plim__loop *loop, const bool *done, const bool *other,
                                   uint64_t deadline_ns)
{
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    PLIM_CHECK(done != NULL && other != NULL);
    PLIM_CHECK(!loop->waiting); /* a callback must not wait */
    plim_status status = PLIM_OK;
    loop->waiting = true;
    while (!*done && !*other) {
        int raised = plim_interrupt_count(loop->interrupt);
        if (raised > loop->acknowledged) {
            loop->acknowledged = raised;
            status = PLIM_ERR_INTERRUPTED;
            break;
        }
        uint64_t now_ns = plim__loop_now_ns();
        if (now_ns >= deadline_ns) {
            status = PLIM_ERR_TIMEOUT;
            break;
        }
        uv_update_time(&loop->uv);
        uint64_t tick_ms = loop_next_tick_ms(now_ns, deadline_ns);
        (void)uv_timer_start(&loop->tick, loop_on_tick, tick_ms, tick_ms); /* L3 */
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&loop->tick);
    loop->waiting = false;
    return status;
}

plim_status plim__loop_wait(plim__loop *loop, const bool *done, uint64_t deadline_ns)
{
    return plim__loop_wait_either(loop, done, done, deadline_ns);
}

plim_status plim__loop_sleep(plim__loop *loop, uint64_t duration_ns)
{
    static const bool never = false;
    plim_status status = plim__loop_wait(loop, &never, plim__loop_deadline(duration_ns));
    return status == PLIM_ERR_TIMEOUT ? PLIM_OK : status;
}

void plim__loop_acknowledge(plim__loop *loop)
{
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    loop->acknowledged = plim_interrupt_count(loop->interrupt);
}

void plim__loop_on_wake(plim__loop *loop, void (*woken)(void *ctx), void *ctx)
{
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    loop->woken = woken;
    loop->woken_ctx = ctx;
}

void plim__loop_wake(plim__loop *loop)
{
    PLIM_CHECK_OBJ(loop, PLIM__LOOP_MAGIC);
    (void)uv_async_send(&loop->wake);
}
