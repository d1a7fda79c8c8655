/* SPDX-License-Identifier: MIT */
/*
 * Collections through the NodeTracing domain. Nothing comes while it runs; after stop come, in this
 * order: tracingComplete, the reply, the data, and one more message of data that holds nothing but
 * metadata. So neither of the first two means complete: the last message does, and where it does
 * not come, silence.
 * The trace is the process's: events of other threads (workers) are told by tid, the main
 * isolate's being the one that equals the pid.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/node/node.h"

static const uint64_t gc_call_timeout_ns = 10000000000u;
static const uint64_t gc_quiet_ns = 300000000u;

plim_status plim__node_gc_read(plim__node_gc *gc, const plim_allocator *allocator,
                               const json_t *params, plim_error *err)
{
    const json_t *events = json_object_get(params, "value");
    bool is_metadata = true;
    size_t index;
    const json_t *event;
    json_array_foreach(events, index, event)
    {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        is_metadata = is_metadata && phase != NULL && strcmp(phase, "M") == 0;
    }
    if (gc->is_stopping) {
        gc->message_count++;
        gc->is_complete = gc->is_complete || (gc->message_count > 1 && is_metadata);
    }
    return plim__cdp_collections_read(&gc->seen, allocator, events, err);
}

void plim__node_gc_fini(plim__node_gc *gc, const plim_allocator *allocator)
{
    PLIM_CHECK(gc != NULL && allocator != NULL);
    plim__cdp_collections_fini(&gc->seen, allocator);
    *gc = (plim__node_gc){0};
}

static plim_status gc_on_data(void *ctx, const json_t *params, plim_error *err)
{
    plim_target *target = ctx;
    plim__node_state *state = target->runtime_state;
    return plim__node_gc_read(&state->gc, target->allocator, params, err);
}

plim_status plim__node_gc_start(plim_target *target, plim_error *err)
{
    plim__node_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (target->address.worker_id != 0) {
        plim_status status = plim_error_set(
            err, PLIM_ERR_UNSUPPORTED,
            "Node traces collections for the main isolate only, not for a worker thread");
        plim_error_hint(err, "leave out #worker:%u", (unsigned)target->address.worker_id);
        return status;
    }
    if (state->gc.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are being observed already");
    plim__node_gc_fini(&state->gc, target->allocator);
    plim__cdp_collections_init(&state->gc.seen);
    plim__cdp_on(target->cdp.session, "NodeTracing.dataCollected", gc_on_data, target);
    json_t *params = json_pack("{s:{s:[s]}}", "traceConfig", "includedCategories", "v8");
    plim_status status = PLIM_ERR_NO_MEMORY;
    state->gc.seen.start_us = plim__loop_now_ns() / 1000;
    if (params == NULL)
        (void)plim__no_memory(err, "a request");
    else
        status = plim__cdp_call(target->cdp.session, "NodeTracing.start", params,
                                plim__target_timeout(target, gc_call_timeout_ns), NULL, err);
    state->gc.is_on = status == PLIM_OK;
    if (status != PLIM_OK)
        plim__cdp_off(target->cdp.session, "NodeTracing.dataCollected");
    return status;
}

/* Until the last message has come, or none comes any more. */
static plim_status gc_wait(plim_target *target, plim__node_gc *gc, plim_error *err)
{
    uint64_t deadline_ns = plim__loop_deadline(plim__target_timeout(target, gc_call_timeout_ns));
    plim_status status = PLIM_ERR_TIMEOUT;
    while (status == PLIM_ERR_TIMEOUT && plim__loop_now_ns() < deadline_ns) {
        uint32_t before = gc->message_count;
        uint64_t quiet_ns = plim__loop_deadline(gc_quiet_ns);
        status = plim__loop_wait(target->loop, &gc->is_complete,
                                 quiet_ns < deadline_ns ? quiet_ns : deadline_ns);
        plim_status connected = plim__cdp_status(target->cdp.connection, err);
        if (connected != PLIM_OK)
            return connected;
        if (status == PLIM_ERR_TIMEOUT && before > 0 && before == gc->message_count)
            return PLIM_OK;
    }
    if (status == PLIM_ERR_TIMEOUT)
        return plim_error_set(err, status, "Node sent no data of the collections it observed");
    if (status != PLIM_OK)
        return plim_error_set(err, status, "interrupted while reading the collections observed");
    return status;
}

plim_status plim__node_gc_stop(plim_target *target, const plim_gc_event **out_events,
                               uint32_t *out_count, plim_error *err)
{
    plim__node_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (!state->gc.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not being observed");
    state->gc.is_on = false;
    state->gc.is_stopping = true;
    plim_status status =
        plim__cdp_call(target->cdp.session, "NodeTracing.stop", NULL,
                       plim__target_timeout(target, gc_call_timeout_ns), NULL, err);
    if (status == PLIM_OK)
        status = gc_wait(target, &state->gc, err);
    plim__cdp_off(target->cdp.session, "NodeTracing.dataCollected");
    uint32_t count = 0;
    state->gc.seen.stop_us = plim__loop_now_ns() / 1000;
    if (status == PLIM_OK)
        status = plim__cdp_collections_settle(&state->gc.seen, target->allocator, &count, err);
    if (status != PLIM_OK)
        return status;
    *out_events = state->gc.seen.events;
    *out_count = count;
    return PLIM_OK;
}
