/* SPDX-License-Identifier: MIT */
/*
 * Short calls of JavaScriptCore's Heap domain, and its snapshot, which is one reply of whatever
 * size with the id at its very end. Replies come in the order of the calls, one at a time: so a
 * call that was given up is waited out (plim__webkit_settle()) before the next text is asked for,
 * and no late snapshot can become part of another.
 */
#include "inspect/cdp/heap.h"

#include "base/assert.h"
#include "heap/formats/jsc_check.h"
#include "inspect/webkit/webkit.h"

static const uint64_t heap_call_timeout_ns = 10000000000u;

plim_status plim__webkit_collect(plim_target *target, plim_error *err)
{
    return plim__cdp_call(target->cdp.session, "Heap.gc", NULL,
                          plim__target_timeout(target, heap_call_timeout_ns), NULL, err);
}

plim_status plim__webkit_enable(plim_target *target, plim_error *err)
{
    plim__webkit_state *state = target->runtime_state;
    if (state->heap_is_on)
        return PLIM_OK;
    plim_status status =
        plim__cdp_call(target->cdp.session, "Heap.enable", NULL,
                       plim__target_timeout(target, heap_call_timeout_ns), NULL, err);
    /* Somebody else's debugger may have enabled it: one front-end is as good as the other. */
    if (status == PLIM_ERR_REFUSED) {
        status = PLIM_OK;
        if (err != NULL)
            *err = (plim_error){0};
    }
    state->heap_is_on = status == PLIM_OK;
    return status;
}

/* Enabling twice is refused, and that answer is as good as any: it comes after all the others. */
plim_status plim__webkit_settle(plim_target *target, plim_error *err)
{
    plim__cdp_state *cdp = &target->cdp;
    if (!cdp->busy)
        return PLIM_OK;
    plim__webkit_state *state = target->runtime_state;
    plim__cdp_request *request = NULL;
    plim_status status = plim__cdp_begin(cdp->session, "Heap.enable", NULL, &request, err);
    if (status != PLIM_OK)
        return status;
    uint64_t heard_bytes;
    do {
        heard_bytes = plim__cdp_received_bytes(cdp->connection);
        status = plim__loop_wait(target->loop, plim__cdp_done(request),
                                 plim__loop_deadline(target->options.stall_timeout_ns));
    } while (status == PLIM_ERR_TIMEOUT &&
             plim__cdp_received_bytes(cdp->connection) != heard_bytes);
    if (status == PLIM_OK) {
        status = plim__cdp_finish(&request, NULL, err);
        if (status == PLIM_ERR_REFUSED) {
            status = PLIM_OK;
            if (err != NULL)
                *err = (plim_error){0};
        }
        cdp->busy = status != PLIM_OK;
        state->heap_is_on = state->heap_is_on || status == PLIM_OK;
        return status;
    }
    plim__cdp_drop(&request);
    return plim_error_set(err, status, "the target is still busy with what was given up before");
}

static plim_status heap_read(void *ctx, plim_source source, plim_snapshot_result *result,
                             plim_error *err)
{
    const plim_allocator *allocator = ctx;
    plim__jsc_counts counts;
    plim_status status = plim__jsc_check(source, UINT64_MAX, allocator, &counts, err);
    result->node_count = counts.node_count;
    result->edge_count = counts.edge_count;
    return status;
}

plim_status plim__webkit_snapshot(plim_target *target, const plim_snapshot_options *options,
                                  plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    plim_status status = plim__webkit_settle(target, err);
    if (status != PLIM_OK)
        return status;
    const plim__cdp_document document = {
        .method = "Heap.snapshot",
        .rule = {.key = "snapshotData"},
        .read = heap_read,
        .ctx = (void *)(uintptr_t)target->allocator,
    };
    return plim__cdp_stream_document(target, &document, options, sink, out_result, err);
}

plim_status plim__webkit_sampling_start(plim_target *target, const plim_sampling_options *options,
                                        plim_error *err)
{
    (void)options;
    plim_status status = plim_error_set(
        err, PLIM_ERR_UNSUPPORTED,
        "%s %s gives no samples of its allocations: JavaScriptCore samples time only",
        target->runtime->name, target->version);
    plim_error_hint(err,
                    "plim track %s shows which classes grew, without stacks; plim leaks finds "
                    "who holds them",
                    target->shown_address);
    return status;
}

void plim__webkit_disconnect(plim_target *target)
{
    plim__cdp_protocol.disconnect(target);
}
