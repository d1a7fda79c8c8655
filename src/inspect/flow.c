/* SPDX-License-Identifier: MIT */
/*
 * States of the connection: RUNNING -> PAUSED plim__flow_add() -> RUNNING flow_resume()
 * Invariants: F1 the queue has room for all that one call of plim__flow_add() can bring, because
 * reading stops while there are two blocks left. F2 the writer's fields are its own until it has
 * been joined, but for writer_failed. F3 the sink is called by the writer alone.
 */
#include "inspect/flow.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "inspect/error_repeat.h"

static const uint64_t flow_tick_ns = 100000000u; /* ten looks a second at time and progress */

/* ---- the writer ---------------------------------------------------------------------------- */

static void flow_sink(plim__flow *flow, const char *data, size_t len)
{
    if (flow->sink.write == NULL)
        return;
    plim_error sink_error = {0};
    plim_status sunk = flow->sink.write(flow->sink.ctx, data, len, &sink_error);
    if (sunk == PLIM_OK)
        return;
    flow->writer_status = sunk;
    flow->writer_error = sink_error;
    (void)plim_error_set(&flow->writer_error, sunk, "the output: %s", plim_status_text(sunk));
}

/* The block has been dealt with: its room is the loop's again. */
static void flow_pop(plim__flow *flow)
{
    flow->has_block = false;
    flow->block_len = 0;
    plim__queue_pop(flow->queue);
    bool failed = flow->writer_status != PLIM_OK;
    if (failed)
        atomic_store(&flow->writer_failed, true);
    if (failed || atomic_load(&flow->paused))
        plim__loop_wake(flow->loop);
}

bool plim__flow_next(plim__flow *flow, const char **out_data, size_t *out_len)
{
    if (flow->has_block)
        flow_pop(flow);
    if (flow->writer_status != PLIM_OK || flow->has_ended)
        return false;
    flow->has_block = plim__queue_peek(flow->queue, &flow->block, &flow->block_len);
    flow->has_ended = !flow->has_block;
    if (flow->has_ended)
        return false;
    flow_sink(flow, flow->block, flow->block_len);
    *out_data = flow->block;
    *out_len = flow->block_len;
    return flow->writer_status == PLIM_OK;
}

/* As plim_source.read. */
static plim_status flow_pull(void *ctx, void *buffer, size_t cap, size_t *out_len, plim_error *err)
{
    plim__flow *flow = ctx;
    const char *data;
    size_t len;
    *out_len = 0;
    bool is_there = flow->has_block || plim__flow_next(flow, &data, &len);
    if (flow->writer_status != PLIM_OK)
        return plim_error_set(err, flow->writer_status, "the output failed");
    if (!is_there)
        return PLIM_OK;
    *out_len = flow->block_len < cap ? flow->block_len : cap;
    memcpy(buffer, flow->block, *out_len);
    flow->block += *out_len;
    flow->block_len -= *out_len;
    if (flow->block_len == 0)
        flow_pop(flow);
    return PLIM_OK;
}

static void *flow_write(void *arg)
{
    plim__flow *flow = arg;
    plim_error error = {0};
    plim_source source = {.ctx = flow, .read = flow_pull};
    const char *data;
    size_t len;
    plim_status status = flow->kind->read(flow->ctx, source, &error);
    if (flow->has_ended || flow->kind->writes_rest) {
        flow->text_status = status;
        flow->text_error = error;
    } else if (flow->writer_status == PLIM_OK) {
        flow->writer_status = status;
        flow->writer_error = error;
    }
    while (plim__flow_next(flow, &data, &len))
        ;
    /* Where that failed, the rest goes by. */
    if (flow->has_block)
        flow_pop(flow);
    while (!flow->has_ended && plim__queue_peek(flow->queue, &data, &len))
        flow_pop(flow);
    return NULL;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static void flow_resume(plim__flow *flow)
{
    if (!atomic_load(&flow->paused))
        return;
    atomic_store(&flow->paused, false);
    flow->kind->resume(flow->ctx);
}

static void flow_on_woken(void *ctx)
{
    plim__flow *flow = ctx;
    flow->stop = atomic_load(&flow->writer_failed);
    /* A quarter free: enough to read for a while, early enough for the writer not to run dry. */
    if (plim__queue_room(flow->queue) >= PLIM_QUEUE_BYTES_MAX / 4)
        flow_resume(flow);
}

plim_status plim__flow_init(plim__flow *flow, const plim_allocator *allocator, plim__loop *loop,
                            const plim__flow_kind *kind, void *ctx, uint64_t stall_ns,
                            plim_error *err)
{
    PLIM_CHECK(flow != NULL && loop != NULL && kind != NULL && kind->read != NULL);
    *flow = (plim__flow){.kind = kind, .ctx = ctx, .loop = loop, .stall_ns = stall_ns};
    return plim__queue_create(allocator, PLIM_QUEUE_BYTES_MAX, &flow->queue, err);
}

plim_status plim__flow_start(plim__flow *flow, plim_sink sink, plim_error *err)
{
    PLIM_CHECK(flow->queue != NULL && !flow->is_running);
    flow->sink = sink;
    if (!plim__thread_start(&flow->writer, flow_write, flow))
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no thread to be had");
    flow->is_running = true;
    plim__loop_on_wake(flow->loop, flow_on_woken, flow);
    return PLIM_OK;
}

bool plim__flow_has_failed(const plim__flow *flow)
{
    return atomic_load(&flow->writer_failed);
}

plim_status plim__flow_add(plim__flow *flow, const char *data, size_t len, plim_error *err)
{
    if (plim__flow_has_failed(flow))
        return PLIM_OK;
    plim_status status = plim__queue_add(flow->queue, data, len, err);
    if (status == PLIM_OK && plim__queue_room(flow->queue) < 2 * PLIM__QUEUE_BLOCK_BYTES) {
        atomic_store(&flow->paused, true);
        flow->kind->pause(flow->ctx);
        /* The writer may have emptied the queue before it could see that we wait. */
        plim__loop_wake(flow->loop);
    }
    return status;
}

static plim_status flow_stalled(const plim__flow *flow, plim_error *err)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%g", (double)flow->stall_ns / 1e9);
    plim_status status =
        plim_error_set(err, PLIM_ERR_TIMEOUT, "the target has sent nothing for %s s", seconds);
    plim_error_hint(err, "%s", flow->kind->stalled_hint);
    return status;
}

/* Ten times a second: has it stalled, does the caller still want it? */
static plim_status flow_tick(plim__flow *flow, plim_error *err)
{
    uint64_t now_ns = plim__loop_now_ns();
    uint64_t heard_bytes = flow->kind->received(flow->ctx);
    if (heard_bytes != flow->heard_bytes || atomic_load(&flow->paused)) {
        flow->heard_bytes = heard_bytes;
        flow->heard_ns = now_ns;
    }
    plim_status status = flow->kind->look != NULL ? flow->kind->look(flow->ctx, err) : PLIM_OK;
    if (status != PLIM_OK)
        return status;
    if (now_ns - flow->heard_ns >= flow->stall_ns)
        return flow_stalled(flow, err);
    if (flow->kind->progress(flow->ctx))
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "the snapshot was called off");
}

plim_status plim__flow_await(plim__flow *flow, const bool *done, plim_error *err)
{
    flow->heard_bytes = flow->kind->received(flow->ctx);
    flow->heard_ns = plim__loop_now_ns();
    for (;;) {
        plim_status status = plim__loop_wait_either(flow->loop, done, &flow->stop,
                                                    plim__loop_deadline(flow_tick_ns));
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "the snapshot was interrupted");
        if (status == PLIM_OK)
            return PLIM_OK;
        status = flow_tick(flow, err);
        if (status != PLIM_OK)
            return status;
    }
}

plim_status plim__flow_end(plim__flow *flow, plim_status received, const plim_error *why,
                           plim_error *err)
{
    PLIM_CHECK(flow->is_running);
    plim__loop_on_wake(flow->loop, NULL, NULL);
    flow_resume(flow); /* what still comes falls on nobody, and must not stay in the way */
    plim__queue_finish(flow->queue);
    plim__thread_join(&flow->writer);
    flow->is_running = false;
    if (received == PLIM_ERR_INTERRUPTED)
        return plim__error_repeat(err, why);
    if (flow->writer_status != PLIM_OK)
        return plim__error_repeat(err, &flow->writer_error);
    if (received != PLIM_OK)
        return plim__error_repeat(err, why);
    return flow->text_status == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &flow->text_error);
}

uint64_t plim__flow_peak_bytes(plim__flow *flow)
{
    return plim__queue_peak_bytes(flow->queue);
}

void plim__flow_fini(plim__flow *flow)
{
    PLIM_CHECK(!flow->is_running);
    plim__queue_destroy(&flow->queue);
}
