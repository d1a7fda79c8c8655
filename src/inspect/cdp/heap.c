/* SPDX-License-Identifier: MIT */
/*
 * Short calls: each is one method with its deadline. V8 needs neither HeapProfiler.enable nor
 * Runtime.enable for any of them; enable + disable at the end is what makes it forget its map of
 * object ids, which otherwise costs the target a third of its allocation speed.
 */
#include "inspect/cdp/heap.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

static const uint64_t heap_usage_timeout_ns = 2000000000u;
static const uint64_t heap_call_timeout_ns = 10000000000u;
static const uint64_t heap_leave_timeout_ns = 2000000000u;
static const uint64_t heap_hear_out_most_ns = 600000000000u; /* many GiB; a target without end */
static const uint64_t heap_evaluate_timeout_ns = 60000000000u;

/* A member that is a number of bytes, or PLIM_UNKNOWN. V8 writes whole doubles as integers, but
 * beyond 2^53 it might not. */
static uint64_t heap_bytes(const json_t *result, const char *key)
{
    const json_t *member = json_object_get(result, key);
    if (json_is_integer(member) && json_integer_value(member) >= 0)
        return (uint64_t)json_integer_value(member);
    if (json_is_real(member) && json_real_value(member) >= 0 && json_real_value(member) < 1e18)
        return (uint64_t)json_real_value(member);
    return PLIM_UNKNOWN;
}

plim_status plim__cdp_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    json_t *result = NULL;
    plim_status status =
        plim__cdp_call(target->cdp.session, "Runtime.getHeapUsage", NULL,
                       plim__target_timeout(target, heap_usage_timeout_ns), &result, err);
    if (status != PLIM_OK)
        return status;
    uint64_t used = heap_bytes(result, "usedSize");
    uint64_t total = heap_bytes(result, "totalSize");
    if (used == PLIM_UNKNOWN || total == PLIM_UNKNOWN) {
        json_decref(result);
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "Runtime.getHeapUsage: the reply has no usedSize or totalSize");
    }
    out_usage->used_bytes = used;
    out_usage->total_bytes = total;
    out_usage->embedder_bytes = heap_bytes(result, "embedderHeapUsedSize");
    out_usage->backing_store_bytes = heap_bytes(result, "backingStorageSize");
    json_decref(result);
    return PLIM_OK;
}

static plim_status heap_collect(plim_target *target, plim_error *err)
{
    return plim__cdp_call(target->cdp.session, "HeapProfiler.collectGarbage", NULL,
                          plim__target_timeout(target, heap_call_timeout_ns), NULL, err);
}

/* What was thrown: the description of an Error has its stack behind the first line. */
static plim_status heap_threw(const json_t *details, plim_error *err)
{
    const json_t *exception = json_object_get(details, "exception");
    const char *text = json_string_value(json_object_get(exception, "description"));
    if (text == NULL)
        text = json_string_value(json_object_get(exception, "value"));
    if (text == NULL)
        text = json_string_value(json_object_get(details, "text"));
    if (text == NULL)
        text = "something without a text";
    return plim_error_set(err, PLIM_ERR_REFUSED, "the expression threw: %.*s",
                          (int)strcspn(text, "\n"), text);
}

/* undefined, functions and symbols have no JSON: null. NaN and big integers come as their text. */
static json_t *heap_value_of(const json_t *object)
{
    json_t *value = json_object_get(object, "value");
    if (value == NULL)
        value = json_object_get(object, "unserializableValue");
    return value != NULL ? json_incref(value) : json_null();
}

static plim_status heap_evaluate(plim__cdp_session *session, const char *context,
                                 const char *expression, uint64_t timeout_ns, json_t **out_value,
                                 plim_error *err)
{
    PLIM_CHECK(expression != NULL);
    json_t *text = json_string(expression);
    if (text == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "the expression is not UTF-8");
    json_t *params = json_pack("{s:o,s:b,s:b,s:s*}", "expression", text, "returnByValue", 1,
                               "awaitPromise", 1, "uniqueContextId", context);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    json_t *result = NULL;
    plim_status status =
        plim__cdp_call(session, "Runtime.evaluate", params,
                       timeout_ns != 0 ? timeout_ns : heap_evaluate_timeout_ns, &result, err);
    if (status != PLIM_OK)
        return status;
    const json_t *details = json_object_get(result, "exceptionDetails");
    if (details != NULL)
        status = heap_threw(details, err);
    else if (out_value != NULL)
        *out_value = heap_value_of(json_object_get(result, "result"));
    json_decref(result);
    return status;
}

plim_status plim__cdp_evaluate(plim_target *target, const char *context, const char *expression,
                               uint64_t timeout_ns, const char **out_json, plim_error *err)
{
    json_t *value = NULL;
    plim_status status =
        heap_evaluate(target->cdp.session, context, expression, timeout_ns, &value, err);
    return status == PLIM_OK ? plim__target_lend_json(target, value, out_json, err) : status;
}

static plim_status heap_evaluate_text(plim_target *target, const char *expression,
                                      uint64_t timeout_ns, const char **out_json, plim_error *err)
{
    return plim__cdp_evaluate(target, NULL, expression, timeout_ns, out_json, err);
}

/* A snapshot that was given up is heard to its end, as the target has to make it anyway: Node 20
 * and 22 die of a connection that closes while their messages are on the way to it (the
 * inspector's thread writes to a socket that it has just let go). A target that sends nothing any
 * more may be hung up on. */
static plim_status heap_hear_out(plim_target *target, uint64_t quiet_ns)
{
    plim__cdp_state *cdp = &target->cdp;
    plim__cdp_request *request = NULL;
    plim_status status = plim__cdp_begin(cdp->session, "HeapProfiler.enable", NULL, &request, NULL);
    if (status != PLIM_OK)
        return status;
    uint64_t end_ns = plim__loop_deadline(heap_hear_out_most_ns);
    uint64_t heard_bytes;
    do {
        heard_bytes = plim__cdp_received_bytes(cdp->connection);
        status =
            plim__loop_wait(target->loop, plim__cdp_done(request), plim__loop_deadline(quiet_ns));
    } while (status == PLIM_ERR_TIMEOUT && plim__loop_now_ns() < end_ns &&
             plim__cdp_received_bytes(cdp->connection) != heard_bytes);
    if (status == PLIM_OK)
        return plim__cdp_finish(&request, NULL, NULL);
    plim__cdp_drop(&request);
    return status;
}

void plim__cdp_leave(plim_target *target)
{
    plim__cdp_state *cdp = &target->cdp;
    bool something_runs = cdp->slowed || cdp->sampling || cdp->tracking;
    if (cdp->connection == NULL || !something_runs)
        return;
    uint64_t timeout_ns = plim__target_timeout(target, heap_leave_timeout_ns);
    plim_status status;
    if (cdp->busy)
        status = heap_hear_out(target, timeout_ns);
    else
        status = plim__cdp_call(cdp->session, "HeapProfiler.enable", NULL, timeout_ns, NULL, NULL);
    if (status == PLIM_OK)
        status = plim__cdp_call(cdp->session, "HeapProfiler.disable", NULL, timeout_ns, NULL, NULL);
    if (status == PLIM_OK)
        cdp->slowed = cdp->sampling = cdp->tracking = false;
}

void plim__cdp_end(plim_target *target)
{
    plim__cdp_state *cdp = &target->cdp;
    plim__cdp_disconnect(&cdp->connection);
    plim__array_free(target->allocator, cdp->intervals, cdp->interval_cap, sizeof *cdp->intervals);
    *cdp = (plim__cdp_state){0};
}

const plim__protocol plim__cdp_protocol = {
    .connect = plim__cdp_find,
    .leave = plim__cdp_leave,
    .disconnect = plim__cdp_end,
    .usage = plim__cdp_usage,
    .collect = heap_collect,
    .snapshot = plim__cdp_snapshot,
    .sampling_start = plim__cdp_sampling_start,
    .sampling_stop = plim__cdp_sampling_stop,
    .tracking_start = plim__cdp_tracking_start,
    .tracking_poll = plim__cdp_tracking_poll,
    .tracking_stop = plim__cdp_tracking_stop,
    .evaluate = heap_evaluate_text,
};
