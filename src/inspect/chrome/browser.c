/* SPDX-License-Identifier: MIT */
/* Chromium as a row of the table of runtimes: what is put together of the files beside this one. */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/estimate.h"
#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"
#include "inspect/probe.h"

/* Edge and what is built on Electron are Chromium under other names. */
static bool browser_recognise(const char *browser)
{
    const char *name = plim__probe_runtime(browser);
    return strcmp(name, "chrome") == 0 || strcmp(name, "edge") == 0 ||
           strcmp(name, "electron") == 0;
}

static plim_status browser_open(plim_target *target, plim_error *err)
{
    plim__chrome_state *state = plim__chrome_state_of(target);
    if (state == NULL)
        return plim__no_memory(err, "a target");
    if (target->address.worker_id != 0 && state->session == NULL)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "this browser shows its pages one by one, and not their workers");
    plim__chrome_locate(target);
    return plim__cdp_session_status(target->cdp.session, err);
}

static void browser_close(plim_target *target)
{
    plim__chrome_state *state = target->runtime_state;
    if (state == NULL)
        return;
    if (state->trace.is_on && target->cdp.connection != NULL &&
        plim__cdp_post(plim__cdp_main(target->cdp.connection), "Tracing.end", NULL, NULL) !=
            PLIM_OK)
        state->trace.is_on = false; /* the connection is gone, and the trace with it */
    plim__cdp_collections_fini(&state->seen, target->allocator);
    plim__owner_fini(&state->owner);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}

static plim_status browser_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    bool has_moved = state->has_moved || plim__owner_has_ended(&state->owner);
    plim_status status = plim__cdp_usage(target, out_usage, err);
    if (status == PLIM_OK && has_moved)
        plim__chrome_locate(target);
    if (status == PLIM_OK)
        plim__owner_usage(&state->owner, out_usage);
    return status;
}

static plim_status browser_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                    plim_error *err)
{
    const plim__chrome_state *state = target->runtime_state;
    return plim__cdp_estimate(target, &state->owner, out_estimate, err);
}

const plim__runtime plim__chrome_runtime = {
    .name = "chrome",
    .protocol = &plim__chrome_protocol,
    .launcher = &plim__chrome_launcher,
    .scheme = plim__chrome_scheme,
    .recognise = browser_recognise,
    .open = browser_open,
    .close = browser_close,
    .usage = browser_usage,
    .estimate = browser_estimate,
    .gc_observe_start = plim__chrome_gc_start,
    .gc_observe_stop = plim__chrome_gc_stop,
};
