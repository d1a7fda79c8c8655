/* SPDX-License-Identifier: MIT */
/*
 * Deno as a row of the table of runtimes. Its heap is V8's, asked as everywhere; its own are the
 * workers, and what it does not have: events of collections (neither a trace nor perf_hooks has
 * any), and intervals while a recording runs.
 * Invariant N1: workers.connection is NULL or the target's present connection. A reconnection
 * drops the old one unseen by us, so open() begins by forgetting it.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/cdp/estimate.h"
#include "inspect/cdp/heap.h"
#include "inspect/deno/deno.h"
#include "inspect/probe.h"

static const uint64_t deno_call_timeout_ns = 10000000000u;

static bool deno_recognise(const char *browser)
{
    return strncmp(browser, "Deno/", 5) == 0;
}

static plim_status deno_resolve_pid(plim_target *target, plim_error *err)
{
    return plim__owner_resolve(target, plim__deno_is_executable, "deno",
                               "deno run --inspect=127.0.0.1:9229", err);
}

static plim__deno_state *deno_state(plim_target *target)
{
    if (target->runtime_state == NULL) {
        plim__deno_state *made = plim__array_new_zero(target->allocator, 1, sizeof *made);
        if (made == NULL)
            return NULL;
        made->owner = plim__owner_none();
        target->runtime_state = made;
    }
    return target->runtime_state;
}

/* The answers of a worker go to whoever connected first: is that us? */
static plim_status deno_check_worker(plim_target *target, plim_error *err)
{
    plim_usage usage;
    plim_error why = {0};
    plim_status status = plim__cdp_usage(target, &usage, &why);
    if (status != PLIM_ERR_TIMEOUT) {
        if (status != PLIM_OK && err != NULL)
            *err = why;
        return status;
    }
    (void)plim_error_set(err, status, "worker %u does not answer",
                         (unsigned)target->address.worker_id);
    plim_error_hint(err, "it is busy; or its answers go to another debugger, as Deno gives them to "
                         "the one that connected first: end that one (an editor, DevTools)");
    return status;
}

static plim_status deno_open_worker(plim_target *target, plim__deno_state *state, plim_error *err)
{
    uint32_t number = target->address.worker_id;
    const char *title = NULL;
    /* Answers of a worker go to one connection, to others' calls as well: theirs count from 1. */
    plim__cdp_ids_apart(target->cdp.connection);
    plim_status status = plim__deno_workers_start(
        &state->workers, target->allocator, target->loop, target->cdp.connection, number,
        plim__target_timeout(target, deno_call_timeout_ns), err);
    if (status == PLIM_OK)
        status =
            plim__deno_workers_attach(&state->workers, number, &target->cdp.session, &title, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(target->title, sizeof target->title, "%s", title);
    return deno_check_worker(target, err);
}

/* Deno's title is "deno - main [pid: 24303]"; what it runs is in the URL. */
static void deno_entitle(const json_t *entry, char *out, size_t cap)
{
    const char *url = json_string_value(json_object_get(entry, "url"));
    const char *title = json_string_value(json_object_get(entry, "title"));
    const char *stroke = url != NULL ? strrchr(url, '/') : NULL;
    if (stroke != NULL && stroke[1] != '\0')
        title = stroke + 1;
    plim__probe_copy_text(out, cap, title != NULL ? title : "");
}

static plim_status deno_open(plim_target *target, plim_error *err)
{
    plim__deno_state *state = deno_state(target);
    if (state == NULL)
        return plim__no_memory(err, "a target");
    plim__deno_workers_stop(&state->workers, false);
    plim__owner_find(target, &state->owner, plim__deno_is_executable);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    return deno_open_worker(target, state, err);
}

static void deno_close(plim_target *target)
{
    plim__deno_state *state = target->runtime_state;
    if (state == NULL)
        return;
    bool is_connected = target->cdp.connection != NULL;
    if (is_connected)
        target->cdp.session = plim__cdp_main(target->cdp.connection);
    plim__deno_workers_stop(&state->workers, is_connected);
    plim__owner_fini(&state->owner);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}

static plim_status deno_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    const plim__deno_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    plim__owner_usage(&state->owner, out_usage);
    return plim__cdp_usage(target, out_usage, err);
}

static plim_status deno_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                 plim_error *err)
{
    const plim__deno_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    return plim__cdp_estimate(target, &state->owner, out_estimate, err);
}

static plim_status deno_gc_observe(plim_target *target, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                       "Deno tells nobody of its collections: it has no trace, and its perf_hooks "
                       "have no entries of kind gc (%s)",
                       target->version);
    plim_error_hint(err, "plim watch shows what its heap holds, and plim gc what one frees");
    return status;
}

const plim__runtime plim__deno_runtime = {
    .name = "deno",
    .protocol = &plim__cdp_protocol,
    .launcher = &plim__deno_launcher,
    .traits = PLIM_TARGET_NO_INTERVALS,
    .entitle = deno_entitle,
    .recognise = deno_recognise,
    .resolve_pid = deno_resolve_pid,
    .open = deno_open,
    .close = deno_close,
    .usage = deno_usage,
    .estimate = deno_estimate,
    .gc_observe_start = deno_gc_observe,
};
