/* SPDX-License-Identifier: MIT */
/*
 * workerd and wrangler as rows of the table of runtimes. Their heaps are V8's, asked as
 * everywhere; otherwise are:
 *   collections  done only when a request enters the worker, and dropped when we leave before
 *   evaluation   has no default context: the worker's is asked for first
 *   company      one debugger at a time (company.c); wrangler's proxy turns a second one away
 *   process      behind wrangler the port is its proxy's, and the worker lives in another workerd
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/estimate.h"
#include "inspect/cdp/heap.h"
#include "inspect/probe.h"
#include "inspect/workerd/workerd.h"

enum { RUNTIME_CONTEXT_BYTES = 128, WORKERD_PATH_BYTES = 4096 };

static const uint64_t workerd_call_timeout_ns = 10000000000u;
static const uint64_t workerd_collect_timeout_ns = 1000000000u; /* under traffic it is at once */

/* ---- calls that are workerd's --------------------------------------------------------------- */

/* Who is there already must be known before workerd is: it would end both. Wrangler's proxy answers
   a second one by itself. */
static plim_status workerd_connect(plim_target *target, plim_error *err)
{
    if (target->runtime == &plim__wrangler_runtime)
        return plim__cdp_find(target, err);
    plim_status status = plim__workerd_look_out(target, err);
    if (status == PLIM_OK)
        status = plim__cdp_find(target, err);
    if (status == PLIM_OK)
        plim__cdp_explain_end(target->cdp.connection, "client closed connection",
                              "another debugger came: workerd takes one at a time, and ends both");
    return status;
}

static plim_status workerd_collect(plim_target *target, plim_error *err)
{
    plim_error why = {0};
    plim_status status =
        plim__cdp_call(target->cdp.session, "HeapProfiler.collectGarbage", NULL,
                       plim__target_timeout(target, workerd_collect_timeout_ns), NULL, &why);
    if (status != PLIM_ERR_TIMEOUT) {
        if (status != PLIM_OK && err != NULL)
            *err = why;
        return status;
    }
    (void)plim_error_set(err, status,
                         "the collection is pending: workerd collects when a request enters the "
                         "worker, and none did; it is dropped when plim leaves");
    plim_error_where(err, "%s:%u", target->address.host, (unsigned)target->address.port);
    plim_error_hint(err, "plim gc --snapshot collects now, by a snapshot that is thrown away; "
                         "--wait 30s gives you time to send a request");
    return status;
}

static plim_status workerd_on_context(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    char *id = ctx;
    const json_t *context = json_object_get(params, "context");
    const char *text = json_string_value(json_object_get(context, "uniqueId"));
    if (text != NULL && id[0] == '\0')
        (void)snprintf(id, RUNTIME_CONTEXT_BYTES, "%s", text);
    return PLIM_OK;
}

/* Contexts are told to who enables the domain; it may be on (wrangler's proxy has it on). */
static plim_status workerd_context(plim_target *target, char *out_id, plim_error *err)
{
    plim__cdp_session *session = target->cdp.session;
    uint64_t timeout_ns = plim__target_timeout(target, workerd_call_timeout_ns);
    out_id[0] = '\0';
    plim__cdp_on(session, "Runtime.executionContextCreated", workerd_on_context, out_id);
    plim_status status = plim__cdp_call(session, "Runtime.disable", NULL, timeout_ns, NULL, err);
    out_id[0] = '\0';
    if (status == PLIM_OK)
        status = plim__cdp_call(session, "Runtime.enable", NULL, timeout_ns, NULL, err);
    plim__cdp_off(session, "Runtime.executionContextCreated");
    if (status == PLIM_OK && out_id[0] == '\0')
        status = plim_error_set(err, PLIM_ERR_REFUSED, "the worker has no context to evaluate in");
    return status;
}

static plim_status workerd_evaluate(plim_target *target, const char *expression,
                                    uint64_t timeout_ns, const char **out_json, plim_error *err)
{
    char id[RUNTIME_CONTEXT_BYTES];
    plim_status status = workerd_context(target, id, err);
    if (status != PLIM_OK)
        return status;
    return plim__cdp_evaluate(target, id, expression, timeout_ns, out_json, err);
}

/* ---- the process ---------------------------------------------------------------------------- */

static plim__workerd_state *workerd_state(plim_target *target)
{
    if (target->runtime_state == NULL) {
        plim__workerd_state *made = plim__array_new_zero(target->allocator, 1, sizeof *made);
        if (made == NULL)
            return NULL;
        made->owner = plim__owner_none();
        target->runtime_state = made;
    }
    return target->runtime_state;
}

static plim_status workerd_open(plim_target *target, plim_error *err)
{
    plim__workerd_state *state = workerd_state(target);
    if (state == NULL)
        return plim__no_memory(err, "a target");
    plim__owner_find(target, &state->owner, plim__workerd_is_executable);
    if (target->address.worker_id == 0)
        return PLIM_OK;
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED, "workers of workerd have no numbers, but names");
    plim_error_hint(err, "%s:%u/NAME; plim ps lists them", target->address.host,
                    (unsigned)target->address.port);
    return status;
}

/* The workerd that the proxy is connected to; 0: none yet. */
static int64_t workerd_behind(const plim_target *target, int64_t proxy)
{
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim__listeners peers = {0};
    int64_t found = 0;
    plim_status status = plim__connections_read(target->allocator, &peers);
    if (status == PLIM_OK)
        status =
            plim__process_listeners(proxy, &peers, indexes, PLIM_PORTS_PER_PROCESS_MAX, &count);
    for (uint32_t i = 0; status == PLIM_OK && i < count; i++) {
        int64_t pid = 0;
        char path[WORKERD_PATH_BYTES];
        const plim__listener *peer = &peers.items[indexes[i]];
        /* It is connected to wrangler's own Node, too. */
        if (plim__port_owner(target->allocator, peer->port, &pid) == PLIM_OK && pid != proxy &&
            plim__process_executable(pid, path, sizeof path) == PLIM_OK &&
            plim__workerd_is_executable(path))
            found = pid;
    }
    plim__listeners_fini(&peers);
    return found;
}

static plim_status workerd_open_wrangler(plim_target *target, plim_error *err)
{
    plim__workerd_state *state = workerd_state(target);
    plim__cdp_explain_end(target->cdp.connection, "Too many clients",
                          "wrangler's inspector takes one debugger at a time: end the other one");
    plim_status status = workerd_open(target, err);
    if (status != PLIM_OK || state == NULL || state->owner.process.pid == 0)
        return status;
    /* That is the proxy; whose heap we look at is whom it looks at. */
    int64_t behind = workerd_behind(target, target->pid);
    plim__owner_fini(&state->owner);
    target->pid = -1;
    if (behind != 0)
        (void)plim__owner_take(target, &state->owner, behind, plim__workerd_is_executable);
    return PLIM_OK;
}

static void workerd_close(plim_target *target)
{
    plim__workerd_state *state = target->runtime_state;
    if (state == NULL)
        return;
    plim__owner_fini(&state->owner);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}

static plim_status workerd_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    const plim__workerd_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    plim__owner_usage(&state->owner, out_usage);
    return plim__cdp_usage(target, out_usage, err);
}

static plim_status workerd_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                    plim_error *err)
{
    const plim__workerd_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    return plim__cdp_estimate(target, &state->owner, out_estimate, err);
}

static plim_status workerd_gc_observe(plim_target *target, plim_error *err)
{
    (void)target;
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                       "workerd tells nobody of its collections: its inspector has no trace, its "
                       "workers no perf_hooks, and their clock stands still");
    plim_error_hint(err, "plim watch shows what the heap holds");
    return status;
}

static plim_status workerd_resolve_pid(plim_target *target, plim_error *err)
{
    return plim__owner_resolve(target, plim__workerd_is_executable, "workerd",
                               "workerd serve --inspector-addr=127.0.0.1:9229", err);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool workerd_recognise(const char *browser)
{
    return strncmp(browser, "workerd", 7) == 0;
}

static bool workerd_recognise_wrangler(const char *browser)
{
    return strncmp(browser, "wrangler/", 9) == 0;
}

/* Named by miniflare after the user's worker; it names one of its own so, too. */
static bool workerd_is_users(const json_t *entry)
{
    static const char users[] = "core:user:";
    static const char own[] = "core:user:miniflare-";
    const char *id = json_string_value(json_object_get(entry, "id"));
    return id != NULL && strncmp(id, users, sizeof users - 1) == 0 &&
           strncmp(id, own, sizeof own - 1) != 0;
}

/* Titles are "workerd: worker NAME" with the id for a name, and miniflare puts a word of its own
   before it. */
static void workerd_entitle(const json_t *entry, char *out, size_t cap)
{
    static const char users[] = "core:user:";
    const char *id = json_string_value(json_object_get(entry, "id"));
    const char *title = json_string_value(json_object_get(entry, "title"));
    if (id != NULL && workerd_is_users(entry))
        id += sizeof users - 1;
    plim__probe_copy_text(out, cap, id != NULL ? id : title != NULL ? title : "");
}

static void workerd_entitle_wrangler(const json_t *entry, char *out, size_t cap)
{
    const char *title = json_string_value(json_object_get(entry, "title"));
    plim__probe_copy_text(out, cap, title != NULL ? title : "");
}

/* Of those that wrangler's miniflare runs, only the user's own; of others, all. */
static bool workerd_shows(const json_t *list, const json_t *entry)
{
    size_t index;
    const json_t *one;
    bool has_users = false;
    json_array_foreach(list, index, one)
    {
        has_users = has_users || workerd_is_users(one);
    }
    return !has_users || workerd_is_users(entry);
}

static const plim__protocol workerd_protocol = {
    .connect = workerd_connect,
    .leave = plim__cdp_leave,
    .disconnect = plim__cdp_end,
    .usage = plim__cdp_usage,
    .collect = workerd_collect,
    .snapshot = plim__cdp_snapshot,
    .sampling_start = plim__cdp_sampling_start,
    .sampling_stop = plim__cdp_sampling_stop,
    .tracking_start = plim__cdp_tracking_start,
    .tracking_poll = plim__cdp_tracking_poll,
    .tracking_stop = plim__cdp_tracking_stop,
    .evaluate = workerd_evaluate,
};

const plim__runtime plim__workerd_runtime = {
    .name = "workerd",
    .protocol = &workerd_protocol,
    .launcher = &plim__workerd_launcher,
    .traits = PLIM_TARGET_NO_INTERVALS,
    .note = "on Cloudflare a worker may use 128 MB; workerd itself sets no limit",
    .entitle = workerd_entitle,
    .recognise = workerd_recognise,
    .shows = workerd_shows,
    .resolve_pid = workerd_resolve_pid,
    .open = workerd_open,
    .close = workerd_close,
    .usage = workerd_usage,
    .estimate = workerd_estimate,
    .gc_observe_start = workerd_gc_observe,
};

const plim__runtime plim__wrangler_runtime = {
    .name = "wrangler",
    .protocol = &workerd_protocol,
    .launcher = &plim__wrangler_launcher,
    .traits = PLIM_TARGET_NO_INTERVALS,
    .note = "on Cloudflare a worker may use 128 MB; workerd itself sets no limit",
    .entitle = workerd_entitle_wrangler,
    .recognise = workerd_recognise_wrangler,
    .open = workerd_open_wrangler,
    .close = workerd_close,
    .usage = workerd_usage,
    .estimate = workerd_estimate,
    .gc_observe_start = workerd_gc_observe,
};
