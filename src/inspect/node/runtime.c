/* SPDX-License-Identifier: MIT */
/*
 * Node as a row of the table of runtimes: what is put together of the files beside this one.
 * Invariant N1: workers.connection is NULL or the target's present connection. A reconnection
 * drops the old one unseen by us, so open() begins by forgetting it.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/estimate.h"
#include "inspect/cdp/heap.h"
#include "inspect/node/node.h"

static const uint64_t runtime_call_timeout_ns = 10000000000u;

static bool runtime_recognise(const char *browser)
{
    return strncmp(browser, "node.js/", 8) == 0;
}

static plim_status runtime_open(plim_target *target, plim_error *err)
{
    plim__node_state *state = plim__node_state_of(target);
    if (state == NULL)
        return plim__no_memory(err, "a target");
    plim__node_workers_stop(&state->workers, false);
    plim__node_gc_fini(&state->gc, target->allocator);
    plim__owner_find(target, &state->owner, plim__node_is_executable);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    plim_status status =
        plim__node_workers_start(&state->workers, target->allocator, target->cdp.connection,
                                 plim__target_timeout(target, runtime_call_timeout_ns), err);
    const char *title = NULL;
    if (status == PLIM_OK)
        status = plim__node_workers_attach(&state->workers, target->address.worker_id,
                                           &target->cdp.session, &title, err);
    if (status == PLIM_OK)
        (void)snprintf(target->title, sizeof target->title, "%s", title);
    return status;
}

static void runtime_close(plim_target *target)
{
    plim__node_state *state = target->runtime_state;
    if (state == NULL)
        return;
    bool is_connected = target->cdp.connection != NULL;
    if (is_connected)
        target->cdp.session = plim__cdp_main(target->cdp.connection);
    if (is_connected && state->gc.is_on &&
        plim__cdp_post(target->cdp.session, "NodeTracing.stop", NULL, NULL) != PLIM_OK)
        state->gc.is_on = false; /* the connection is gone, and the trace with it */
    if (target->opened_inspector && !target->options.keep_open)
        plim__node_close_inspector(target);
    is_connected = target->cdp.connection != NULL;
    if (is_connected)
        plim__cdp_off(plim__cdp_main(target->cdp.connection), "NodeTracing.dataCollected");
    plim__node_workers_stop(&state->workers, is_connected);
    plim__node_gc_fini(&state->gc, target->allocator);
    plim__owner_fini(&state->owner);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}

static plim_status runtime_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    const plim__node_state *state = target->runtime_state;
    plim__owner_usage(&state->owner, out_usage);
    return plim__cdp_usage(target, out_usage, err);
}

static plim_status runtime_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                    plim_error *err)
{
    const plim__node_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    return plim__cdp_estimate(target, &state->owner, out_estimate, err);
}

const plim__runtime plim__node_runtime = {
    .name = "node",
    .protocol = &plim__cdp_protocol,
    .launcher = &plim__node_launcher,
    .recognise = runtime_recognise,
    .resolve_pid = plim__node_resolve_pid,
    .open = runtime_open,
    .close = runtime_close,
    .usage = runtime_usage,
    .estimate = runtime_estimate,
    .gc_observe_start = plim__node_gc_start,
    .gc_observe_stop = plim__node_gc_stop,
};
