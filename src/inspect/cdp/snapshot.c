/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of V8's, or another document that comes as strings in messages: asked for, taken out
 * of its envelope, and on its way to the sink (flow.h), where it is checked to be one whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/v8_check.h"
#include "inspect/cdp/heap.h"
#include "inspect/flow.h"

typedef struct snapshot_job {
    plim_target *target;
    const plim__cdp_document *document;
    plim_progress progress;
    bool discard;
    plim_sink sink;
    plim__flow flow;
    plim__v8_check *check;
    plim_snapshot_result result; /* counts of the document are the writer's */
    uint64_t objects_done;
    uint64_t objects_total;
} snapshot_job;

/* ---- the writer ---------------------------------------------------------------------------- */

/* As plim__flow_kind.read: the document's own reader, or V8's check, which wants no copy. */
static plim_status snapshot_read(void *ctx, plim_source source, plim_error *err)
{
    snapshot_job *job = ctx;
    if (job->document->read != NULL)
        return job->document->read(job->document->ctx, source, &job->result, err);
    plim__v8_check_result counts = {0};
    plim_status status = PLIM_OK;
    const char *data;
    size_t len;
    while (status == PLIM_OK && plim__flow_next(&job->flow, &data, &len))
        status = plim__v8_check_feed(job->check, data, len, err);
    plim_status whole = plim__v8_check_finish(job->check, &counts, err);
    job->result.node_count = counts.node_count;
    job->result.edge_count = counts.edge_count;
    return status == PLIM_OK ? whole : status;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static plim_status snapshot_on_text(void *ctx, const char *data, size_t len, plim_error *err)
{
    snapshot_job *job = ctx;
    if (plim__flow_has_failed(&job->flow))
        return PLIM_OK;
    job->result.byte_count += len;
    return plim__flow_add(&job->flow, data, len, err);
}

static void snapshot_on_chunk(void *ctx)
{
    snapshot_job *job = ctx;
    job->result.chunk_count++;
}

static void snapshot_pause(void *ctx)
{
    const snapshot_job *job = ctx;
    plim__cdp_pause(job->target->cdp.connection);
}

static void snapshot_resume(void *ctx)
{
    const snapshot_job *job = ctx;
    plim__cdp_resume(job->target->cdp.connection);
}

static uint64_t snapshot_received(void *ctx)
{
    const snapshot_job *job = ctx;
    return plim__cdp_received_bytes(job->target->cdp.connection);
}

static plim_status snapshot_on_progress(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    snapshot_job *job = ctx;
    json_int_t done = json_integer_value(json_object_get(params, "done"));
    json_int_t total = json_integer_value(json_object_get(params, "total"));
    job->objects_done = done > 0 ? (uint64_t)done : 0;
    job->objects_total = total > 0 ? (uint64_t)total : 0;
    return PLIM_OK;
}

static bool snapshot_show_progress(void *ctx)
{
    const snapshot_job *job = ctx;
    const plim_progress *progress = &job->progress;
    if (progress->step == NULL)
        return true;
    if (job->result.byte_count == 0)
        return progress->step(progress->ctx, "collecting", job->objects_done, job->objects_total);
    return progress->step(progress->ctx, "receiving", job->result.byte_count, 0);
}

static const plim__flow_kind snapshot_flow = {
    .pause = snapshot_pause,
    .resume = snapshot_resume,
    .received = snapshot_received,
    .progress = snapshot_show_progress,
    .stalled_hint = "it may be paused by a debugger, or waiting for one; it takes the snapshot "
                    "when its event loop turns",
    .read = snapshot_read,
};

/* From request to reply; what came is in the flow, whatever is returned. */
static plim_status snapshot_receive(snapshot_job *job, plim_error *err)
{
    plim__cdp_state *cdp = &job->target->cdp;
    const plim__cdp_document *document = job->document;
    const plim__cdp_stream stream = {job, snapshot_on_text, snapshot_on_chunk};
    plim__cdp_request *request = NULL;
    uint64_t begin_ns = plim__loop_now_ns();
    plim__cdp_set_stream(cdp->connection, &stream);
    if (document->rule.key != NULL)
        plim__cdp_add_stream_rule(cdp->connection, document->rule);
    plim__cdp_on(cdp->session, "HeapProfiler.reportHeapSnapshotProgress", snapshot_on_progress,
                 job);
    plim_status status =
        plim__cdp_begin(cdp->session, document->method, document->params, &request, err);
    if (status == PLIM_OK) {
        cdp->slowed = true;
        status = plim__flow_await(&job->flow, plim__cdp_done(request), err);
        job->result.pause_ns = plim__loop_now_ns() - begin_ns;
        cdp->busy = !*plim__cdp_done(request);
        if (*plim__cdp_done(request) && status == PLIM_OK)
            status = plim__cdp_finish(&request, document->out_reply, err);
        else
            plim__cdp_drop(&request);
    }
    if (document->rule.key != NULL)
        plim__cdp_remove_stream_rule(cdp->connection, document->rule);
    plim__cdp_off(cdp->session, "HeapProfiler.reportHeapSnapshotProgress");
    plim__cdp_set_stream(cdp->connection, NULL);
    return status;
}

static plim_status snapshot_run(snapshot_job *job, plim_error *err)
{
    const plim_sink nowhere = {0};
    plim_status status = plim__flow_start(&job->flow, job->discard ? nowhere : job->sink, err);
    if (status != PLIM_OK) {
        json_decref(job->document->params);
        return status;
    }
    plim_error receive_error = {0};
    plim_status received = snapshot_receive(job, &receive_error);
    status = plim__flow_end(&job->flow, received, &receive_error, err);
    job->result.queue_peak_bytes = plim__flow_peak_bytes(&job->flow);
    return status;
}

plim_status plim__cdp_stream_document(plim_target *target, const plim__cdp_document *document,
                                      const plim_snapshot_options *options, plim_sink sink,
                                      plim_snapshot_result *out_result, plim_error *err)
{
    static const plim_snapshot_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    PLIM_CHECK(options->discard || sink.write != NULL);
    snapshot_job *job = plim__array_new_zero(target->allocator, 1, sizeof *job);
    if (job == NULL) {
        json_decref(document->params);
        return plim__no_memory(err, "a snapshot");
    }
    job->target = target;
    job->document = document;
    job->progress = options->progress;
    job->discard = options->discard;
    job->sink = sink;
    plim_status status =
        plim__flow_init(&job->flow, target->allocator, target->loop, &snapshot_flow, job,
                        target->options.stall_timeout_ns, err);
    if (status == PLIM_OK)
        status = plim__v8_check_create(target->allocator, &job->check, err);
    if (status == PLIM_OK)
        status = snapshot_run(job, err);
    else
        json_decref(document->params);
    if (out_result != NULL)
        *out_result = job->result;
    plim__v8_check_destroy(&job->check);
    plim__flow_fini(&job->flow);
    plim__array_free(target->allocator, job, 1, sizeof *job);
    return status;
}

plim_status plim__cdp_stream_snapshot(plim_target *target, const char *method,
                                      const plim_snapshot_options *options, plim_sink sink,
                                      plim_snapshot_result *out_result, plim_error *err)
{
    plim__cdp_document document = {.method = method};
    document.params = json_pack("{s:b,s:b}", "reportProgress", 1, "captureNumericValue",
                                options != NULL && options->numeric_values);
    if (document.params == NULL)
        return plim__no_memory(err, "a request");
    return plim__cdp_stream_document(target, &document, options, sink, out_result, err);
}

plim_status plim__cdp_snapshot(plim_target *target, const plim_snapshot_options *options,
                               plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    return plim__cdp_stream_snapshot(target, "HeapProfiler.takeHeapSnapshot", options, sink,
                                     out_result, err);
}
