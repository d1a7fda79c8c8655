/* SPDX-License-Identifier: MIT */
/*
 * A page that is navigated to another site gets another process, and so another heap; its session
 * stays. Chromium hands a call that was under way to the new process, which answers it: a snapshot
 * would be a whole one, of a page that nobody asked about. So whatever takes time asks for the
 * isolate's name before and after, and a series of snapshots is of one isolate or is none.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/chrome/chrome.h"

static const uint64_t guard_isolate_timeout_ns = 10000000000u;

static plim_status guard_isolate(plim_target *target, char out_isolate[PLIM__CHROME_ISOLATE_BYTES],
                                 plim_error *err)
{
    json_t *result = NULL;
    plim_status status =
        plim__cdp_call(target->cdp.session, "Runtime.getIsolateId", NULL,
                       plim__target_timeout(target, guard_isolate_timeout_ns), &result, err);
    if (status != PLIM_OK)
        return status;
    const char *id = json_string_value(json_object_get(result, "id"));
    if (id != NULL && strlen(id) < PLIM__CHROME_ISOLATE_BYTES)
        memcpy(out_isolate, id, strlen(id) + 1);
    else
        status = plim_error_set(err, PLIM_ERR_PROTOCOL, "Runtime.getIsolateId: no id in the reply");
    json_decref(result);
    return status;
}

static plim_status guard_swapped(plim__chrome_state *state, const char *what, plim_error *err)
{
    state->isolate[0] = '\0'; /* what comes next begins anew */
    plim_status status = plim_error_set(
        err, PLIM_ERR_GONE, "the page was navigated to another site %s: its heap is gone", what);
    plim_error_hint(err, "the address is still good: begin again, and let the page stay while "
                         "it is looked at");
    return status;
}

/* Nothing that was begun counts any more if the isolate is not the one it was begun with. A page
   too busy to say its name is taken at its word: it has not been navigated, or it would not be. */
static plim_status guard_check(plim_target *target, const char *what, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    char now[PLIM__CHROME_ISOLATE_BYTES];
    plim_error why = {0};
    plim_status status = guard_isolate(target, now, &why);
    if (status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_UNSUPPORTED)
        return PLIM_OK;
    if (status != PLIM_OK) {
        if (err != NULL)
            *err = why;
        return status;
    }
    state->was_reset = false;
    if (state->isolate[0] == '\0')
        memcpy(state->isolate, now, sizeof now);
    return strcmp(state->isolate, now) == 0 ? PLIM_OK : guard_swapped(state, what, err);
}

/* After a call whose result is only worth something if the isolate is still the same one. Where
   the call failed and the page is gone, its own words stand. */
static plim_status guard_judge(plim_target *target, plim_status status, const char *what,
                               plim_error *err)
{
    if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_GONE || status == PLIM_ERR_TIMEOUT)
        return status;
    plim_error swapped = {0};
    plim_status now = guard_check(target, what, &swapped);
    if (now != PLIM_ERR_GONE)
        return status;
    if (err != NULL)
        *err = swapped;
    return now;
}

/* A WebSocket's browser keeps 256 MiB that are not read yet, throws away what is more, and says
   that all went well. Only the text shows it; a pipe's browser waits. */
static plim_status guard_whole(const plim_target *target, plim_status status, plim_error *err)
{
    if ((status != PLIM_ERR_TRUNCATED && status != PLIM_ERR_DAMAGED) ||
        target->address.kind == PLIM__ADDRESS_NAMED)
        return status;
    if (err != NULL)
        *err = (plim_error){0}; /* it told where; that says nothing */
    status = plim_error_set(err, PLIM_ERR_TRUNCATED,
                            "parts of the snapshot are missing: the browser drops what is not "
                            "read in time, without a word");
    plim_error_hint(err, "write to a faster disk and do not stop plim meanwhile; a browser that "
                         "plim starts itself (--page URL) loses nothing");
    return status;
}

static plim_status guard_snapshot(plim_target *target, const plim_snapshot_options *options,
                                  plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    plim_status status = guard_check(target, "since the snapshot before", err);
    if (status != PLIM_OK)
        return status;
    status = plim__cdp_snapshot(target, options, sink, out_result, err);
    status = guard_whole(target, status, err);
    return guard_judge(target, status, "while the snapshot was taken", err);
}

static plim_status guard_sampling_start(plim_target *target, const plim_sampling_options *options,
                                        plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    state->isolate[0] = '\0';
    plim_status status = guard_check(target, "", err);
    return status == PLIM_OK ? plim__cdp_sampling_start(target, options, err) : status;
}

static plim_status guard_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (target->cdp.sampling)
        status = guard_check(target, "while it was sampled", err);
    return status == PLIM_OK ? plim__cdp_sampling_stop(target, sink, err) : status;
}

static plim_status guard_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    plim__chrome_state *state = target->runtime_state;
    state->isolate[0] = '\0';
    plim_status status = guard_check(target, "", err);
    return status == PLIM_OK ? plim__cdp_tracking_start(target, stacks, err) : status;
}

static plim_status guard_tracking_poll(plim_target *target, uint64_t wait_ns,
                                       const plim_track_interval **out_intervals,
                                       uint32_t *out_count, plim_error *err)
{
    const plim__chrome_state *state = target->runtime_state;
    plim_status status = plim__cdp_tracking_poll(target, wait_ns, out_intervals, out_count, err);
    if (status == PLIM_OK && state->was_reset)
        status = guard_check(target, "during the recording", err);
    return status;
}

static plim_status guard_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                       plim_sink sink, plim_snapshot_result *out_result,
                                       plim_error *err)
{
    plim_status status = PLIM_OK;
    if (target->cdp.tracking)
        status = guard_check(target, "during the recording", err);
    if (status != PLIM_OK)
        return status;
    status = plim__cdp_tracking_stop(target, options, sink, out_result, err);
    status = guard_whole(target, status, err);
    return guard_judge(target, status, "while the recording was ended", err);
}

/* A snapshot that was given up need not be heard out: Chromium does not mind a connection that
   closes, and forgets by itself what the session had asked for. */
static void guard_leave(plim_target *target)
{
    if (!target->cdp.busy)
        plim__cdp_protocol.leave(target);
}

static void guard_disconnect(plim_target *target)
{
    plim__cdp_protocol.disconnect(target);
}

static plim_status guard_collect(plim_target *target, plim_error *err)
{
    return plim__cdp_protocol.collect(target, err);
}

static plim_status guard_evaluate(plim_target *target, const char *expression, uint64_t timeout_ns,
                                  const char **out_json, plim_error *err)
{
    return plim__cdp_protocol.evaluate(target, expression, timeout_ns, out_json, err);
}

const plim__protocol plim__chrome_protocol = {
    .connect = plim__chrome_connect,
    .leave = guard_leave,
    .disconnect = guard_disconnect,
    .usage = plim__cdp_usage,
    .collect = guard_collect,
    .snapshot = guard_snapshot,
    .sampling_start = guard_sampling_start,
    .sampling_stop = guard_sampling_stop,
    .tracking_start = guard_tracking_start,
    .tracking_poll = guard_tracking_poll,
    .tracking_stop = guard_tracking_stop,
    .evaluate = guard_evaluate,
    .load = plim__chrome_load,
};
