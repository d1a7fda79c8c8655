/* SPDX-License-Identifier: MIT */
/*
 * Tracing: of the whole browser, on its own session only, and one at a time in all. Data comes
 * after the end was asked for, in any number of messages, and tracingComplete is the last of it.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"

static const uint64_t trace_call_timeout_ns = 10000000000u;

static plim_status trace_on_data(void *ctx, const json_t *params, plim_error *err)
{
    const plim__chrome_state *state = ctx;
    const json_t *events = json_object_get(params, "value");
    return state->trace.take(state->trace.ctx, events, err);
}

static plim_status trace_on_complete(void *ctx, const json_t *params, plim_error *err)
{
    (void)params;
    (void)err;
    plim__chrome_state *state = ctx;
    state->trace.is_complete = true;
    return PLIM_OK;
}

static void trace_forget(plim__cdp_session *main)
{
    plim__cdp_off(main, "Tracing.dataCollected");
    plim__cdp_off(main, "Tracing.tracingComplete");
}

plim_status plim__chrome_trace_start(plim_target *target, const char *category,
                                     plim__chrome_trace trace, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL && state->session != NULL && !state->trace.is_on);
    plim__cdp_session *main = plim__cdp_main(target->cdp.connection);
    json_t *params = json_pack("{s:s,s:{s:s,s:[s],s:[s]}}", "transferMode", "ReportEvents",
                               "traceConfig", "recordMode", "recordContinuously",
                               "includedCategories", category, "excludedCategories", "*");
    if (params == NULL)
        return plim__no_memory(err, "a request");
    state->trace = trace;
    plim__cdp_on(main, "Tracing.dataCollected", trace_on_data, state);
    plim__cdp_on(main, "Tracing.tracingComplete", trace_on_complete, state);
    plim_status status =
        plim__cdp_call(main, "Tracing.start", params,
                       plim__target_timeout(target, trace_call_timeout_ns), NULL, err);
    if (status == PLIM_ERR_REFUSED)
        plim_error_hint(err, "a browser takes one trace at a time: end the other one (the "
                             "Performance panel of DevTools, another plim)");
    state->trace.is_on = status == PLIM_OK;
    if (status != PLIM_OK)
        trace_forget(main);
    return status;
}

plim_status plim__chrome_trace_end(plim_target *target, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL && state->trace.is_on);
    plim__cdp_session *main = plim__cdp_main(target->cdp.connection);
    uint64_t timeout_ns = plim__target_timeout(target, trace_call_timeout_ns);
    plim_status status = plim__cdp_call(main, "Tracing.end", NULL, timeout_ns, NULL, err);
    state->trace.is_on = false;
    plim_status waited = PLIM_OK;
    if (status == PLIM_OK)
        waited = plim__loop_wait(target->loop, &state->trace.is_complete,
                                 plim__loop_deadline(timeout_ns));
    trace_forget(main);
    if (status == PLIM_OK && waited != PLIM_OK)
        status = plim__cdp_status(target->cdp.connection, err);
    if (status == PLIM_OK && waited != PLIM_OK)
        status = plim_error_set(err, waited, "the browser has not sent all of its trace");
    return status;
}
