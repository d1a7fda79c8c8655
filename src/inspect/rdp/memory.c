/* SPDX-License-Identifier: MIT */
/*
 * The memory actor's short calls. `measure` needs no attachment and counts the page alone; a
 * process's actor has no such figures. Objects and strings are the used heap. The figure for what
 * else JavaScript takes has every large array's elements once more (they are in those of objects,
 * too), and so has the total of all: neither is used.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/rdp/rdp.h"

static const uint64_t memory_usage_timeout_ns = 2000000000u;
static const uint64_t memory_call_timeout_ns = 10000000000u;
static const uint64_t memory_grace_ns = 500000000u; /* for a page that is being left to answer */

/*
 * What a snapshot makes the page's process grow by, as a multiple of the page's own memory. Seen:
 * docs/internals/rdp.md.
 */
enum { MEMORY_ESTIMATE_FACTOR = 10 };

/* One try. The page may be left while it is asked: then its actor says nothing any more. */
static plim_status memory_ask(plim_target *target, const char *type, const char *reply_type,
                              uint64_t timeout_ns, json_t **out_reply, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_ask ask = {.actor = state->memory, .type = type, .reply_type = reply_type};
    plim__rdp_request *request = NULL;
    plim_status status = plim__rdp_begin(state->connection, &ask, &request, err);
    if (status != PLIM_OK)
        return status;
    const bool *done = plim__rdp_done(request);
    status =
        plim__loop_wait_either(target->loop, done, &state->left, plim__loop_deadline(timeout_ns));
    if (status == PLIM_OK && !*done)
        status = plim__loop_wait(target->loop, done, plim__loop_deadline(memory_grace_ns));
    if (*done)
        return plim__rdp_finish(&request, out_reply, err);
    plim__rdp_drop(&request);
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "%s was interrupted", type);
    if (state->left)
        return plim_error_set(err, PLIM_ERR_GONE, "the page was left while it was asked");
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%.3g", (double)timeout_ns / 1e9);
    status = plim_error_set(err, PLIM_ERR_TIMEOUT, "%s: no answer within %s s", type, seconds);
    plim_error_hint(err, "a page whose script is busy, or stands still in a debugger, answers "
                         "when it goes on");
    return status;
}

static plim_status memory_call(plim_target *target, const char *type, const char *reply_type,
                               uint64_t timeout_ns, json_t **out_reply, plim_error *err)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    plim_error why = {0};
    plim_status status = state->left ? PLIM_ERR_GONE : PLIM_OK;
    if (status == PLIM_OK)
        status = memory_ask(target, type, reply_type, timeout_ns, out_reply, &why);
    if (status == PLIM_ERR_GONE && plim__rdp_status(state->connection, err) == PLIM_OK) {
        why = (plim_error){0};
        bool was_attached = state->attached;
        status = plim__rdp_refresh(target, &why);
        if (status == PLIM_OK && was_attached) {
            status = memory_ask(target, "attach", "attached", timeout_ns, NULL, &why);
            plim__rdp_state_of(target)->attached = status == PLIM_OK;
        }
        if (status == PLIM_OK)
            status = memory_ask(target, type, reply_type, timeout_ns, out_reply, &why);
    }
    if (status != PLIM_OK && err != NULL && err->status == PLIM_OK)
        *err = why;
    return status;
}

plim_status plim__rdp_attach(plim_target *target, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    if (state->left) {
        plim_status status = plim__rdp_refresh(target, err);
        if (status != PLIM_OK)
            return status;
    }
    if (state->attached)
        return PLIM_OK;
    plim_status status =
        memory_call(target, "attach", "attached",
                    plim__target_timeout(target, memory_call_timeout_ns), NULL, err);
    state->attached = status == PLIM_OK;
    return status;
}

/* A member that is a number of bytes, or PLIM_UNKNOWN. */
static uint64_t memory_bytes(const json_t *reply, const char *key)
{
    double value = json_number_value(json_object_get(reply, key));
    bool is_number = json_is_number(json_object_get(reply, key));
    return is_number && value >= 0 && value < 1e18 ? (uint64_t)value : PLIM_UNKNOWN;
}

/* The figures of a page. Where the reply has none (a process's), unknown and PLIM_OK. */
static plim_status memory_measure(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    json_t *reply = NULL;
    plim_status status =
        memory_call(target, "measure", NULL, plim__target_timeout(target, memory_usage_timeout_ns),
                    &reply, err);
    if (status != PLIM_OK)
        return status;
    uint64_t objects = memory_bytes(reply, "jsObjectsSize");
    uint64_t strings = memory_bytes(reply, "jsStringsSize");
    bool has_js = objects != PLIM_UNKNOWN && strings != PLIM_UNKNOWN;
    out_usage->used_bytes = has_js ? objects + strings : PLIM_UNKNOWN;
    uint64_t parts[] = {memory_bytes(reply, "domSize"), memory_bytes(reply, "styleSize"),
                        memory_bytes(reply, "otherSize")};
    if (parts[0] != PLIM_UNKNOWN && parts[1] != PLIM_UNKNOWN && parts[2] != PLIM_UNKNOWN)
        out_usage->embedder_bytes = parts[0] + parts[1] + parts[2];
    json_decref(reply);
    if (!has_js && plim__rdp_state_of(target)->scope != PLIM__RDP_PROCESS)
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "measure: the reply has no figures");
    return PLIM_OK;
}

/* Of a whole process: what of its memory no other process shares. */
static plim_status memory_resident(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    json_t *reply = NULL;
    plim_status status =
        memory_call(target, "residentUnique", NULL,
                    plim__target_timeout(target, memory_usage_timeout_ns), &reply, err);
    if (status != PLIM_OK)
        return status;
    out_usage->total_bytes = memory_bytes(reply, "value");
    json_decref(reply);
    return PLIM_OK;
}

plim_status plim__rdp_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    plim_status status = memory_measure(target, out_usage, err);
    if (status == PLIM_OK && out_usage->used_bytes == PLIM_UNKNOWN)
        status = memory_resident(target, out_usage, err);
    if (status == PLIM_OK)
        plim__owner_usage(&plim__rdp_state_of(target)->owner, out_usage);
    return status;
}

plim_status plim__rdp_collect(plim_target *target, plim_error *err)
{
    uint64_t timeout_ns = plim__target_timeout(target, memory_call_timeout_ns);
    plim_status status = plim__rdp_attach(target, err);
    if (status == PLIM_OK)
        status = memory_call(target, "forceGarbageCollection", NULL, timeout_ns, NULL, err);
    /* What the page and the browser hold of each other goes with a cycle collection only; and what
       that lets go of, with the next collection. */
    if (status == PLIM_OK)
        status = memory_call(target, "forceCycleCollection", NULL, timeout_ns, NULL, err);
    if (status == PLIM_OK)
        status = memory_call(target, "forceGarbageCollection", NULL, timeout_ns, NULL, err);
    return status;
}

plim_status plim__rdp_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                               plim_error *err)
{
    plim_usage usage = {.used_bytes = PLIM_UNKNOWN, .total_bytes = PLIM_UNKNOWN};
    const plim__rdp_state *state = plim__rdp_state_of(target);
    plim_status status = plim__rdp_usage(target, &usage, err);
    if (status != PLIM_OK)
        return status;
    uint64_t bytes = usage.used_bytes != PLIM_UNKNOWN ? usage.used_bytes : usage.total_bytes;
    if (bytes < UINT64_MAX / 2 / MEMORY_ESTIMATE_FACTOR)
        plim__owner_estimate(&state->owner, bytes * MEMORY_ESTIMATE_FACTOR, out_estimate);
    else
        *out_estimate = (plim_snapshot_estimate){PLIM_UNKNOWN, PLIM_UNKNOWN, true};
    return PLIM_OK;
}
