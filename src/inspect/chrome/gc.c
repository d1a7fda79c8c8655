/* SPDX-License-Identifier: MIT */
/*
 * Collections, from a trace of the category `v8`: of the whole browser, so those of other isolates
 * are told apart by process and thread (process.c).
 */
#include "base/assert.h"
#include "inspect/chrome/chrome.h"

static plim_status gc_take(void *ctx, const json_t *events, plim_error *err)
{
    plim_target *target = ctx;
    plim__chrome_state *state = target->runtime_state;
    return plim__cdp_collections_read(&state->seen, target->allocator, events, err);
}

static plim_status gc_not_located(plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                       "which process of the browser the page lives in was not to be "
                       "found out, so its collections cannot be told from others'");
    plim_error_hint(err, "the page may be busy, or somebody else may be tracing: try again");
    return status;
}

plim_status plim__chrome_gc_start(plim_target *target, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (state->is_observing)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are being observed already");
    if (state->session == NULL)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "events of collections are the browser's, and this is a page alone");
    plim__chrome_locate(target); /* anew: it may have moved */
    if (state->trace_pid == 0)
        return gc_not_located(err);
    plim__cdp_collections_fini(&state->seen, target->allocator);
    plim__cdp_collections_init(&state->seen);
    state->seen.pid = state->trace_pid;
    state->seen.thread = state->trace_thread;
    state->seen.start_us = plim__loop_now_ns() / 1000;
    plim__chrome_trace trace = {.take = gc_take, .ctx = target};
    plim_status status = plim__chrome_trace_start(target, "v8", trace, err);
    state->is_observing = status == PLIM_OK;
    return status;
}

plim_status plim__chrome_gc_stop(plim_target *target, const plim_gc_event **out_events,
                                 uint32_t *out_count, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (!state->is_observing)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not being observed");
    state->is_observing = false;
    plim_status status = plim__chrome_trace_end(target, err);
    uint32_t count = 0;
    state->seen.stop_us = plim__loop_now_ns() / 1000;
    if (status == PLIM_OK)
        status = plim__cdp_collections_settle(&state->seen, target->allocator, &count, err);
    if (status != PLIM_OK)
        return status;
    *out_events = state->seen.events;
    *out_count = count;
    return PLIM_OK;
}
