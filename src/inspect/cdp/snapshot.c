/* SPDX-License-Identifier: MIT */
/*
 * A snapshot on its way from socket to sink, over two threads: the caller's drives the socket,
 * takes the text out of its envelope and puts it into a queue; the writer's checks that it is one
 * whole document and gives it to the sink. Nothing else holds any of it.
 *
 * Where the sink is slower than the target, the queue fills and the socket is not read: Node keeps
 * what it has not sent, without loss, so the target stands still no longer than it must. The
 * writer wakes the loop when it has made room.
 *
 * States: RUNNING -> PAUSED snapshot_on_text() -> RUNNING snapshot_on_woken() -> ENDED
 * Invariants: S1 the queue has room for all that one call of snapshot_on_text() can bring, because
 * reading stops while there are two blocks left. S2 the writer's fields are its own until it has
 * been joined, but for writer_failed. S3 the sink is called by the writer alone.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/v8_check.h"
#include "inspect/cdp/heap.h"
#include "inspect/error_repeat.h"
#include "inspect/queue.h"

static const uint64_t snapshot_tick_ns = 100000000u; /* ten looks a second at time and progress */

typedef struct snapshot_job {
    plim_target *target;
    const plim__cdp_document *document;
    plim_progress progress;
    bool discard;
    plim_sink sink;
    plim__queue *queue;
    plim__v8_check *check;
    plim_snapshot_result result;

    /* The loop's thread. */
    bool stop; /* the writer failed: nothing more is wanted */
    _Atomic bool paused;
    uint64_t objects_done;
    uint64_t objects_total;
    uint64_t heard_bytes; /* on the socket, when last looked at */
    uint64_t heard_ns;

    /* The writer's thread. */
    uv_thread_t writer;
    _Atomic bool writer_failed;
    plim_status writer_status;
    plim_error writer_error;
    const char *block; /* of the queue, what the document's reader has not read yet */
    size_t block_len;
    bool has_ended;          /* the reader has seen the end */
    plim_status text_status; /* what the reader found at the end */
    plim_error text_error;
} snapshot_job;

/* ---- the writer ---------------------------------------------------------------------------- */

static plim_status snapshot_sink(snapshot_job *job, const char *data, size_t len)
{
    if (job->discard)
        return PLIM_OK;
    plim_error sink_error = {0};
    plim_status sunk = job->sink.write(job->sink.ctx, data, len, &sink_error);
    if (sunk == PLIM_OK || job->writer_status != PLIM_OK)
        return sunk;
    job->writer_error = sink_error;
    (void)plim_error_set(&job->writer_error, sunk, "the output: %s", plim_status_text(sunk));
    return sunk;
}

static plim_status snapshot_write(snapshot_job *job, const char *data, size_t len)
{
    plim_status status = plim__v8_check_feed(job->check, data, len, &job->writer_error);
    /* Damaged text is written, too: it is all there is to look at. */
    plim_error found = job->writer_error;
    plim_status sunk = snapshot_sink(job, data, len);
    if (status != PLIM_OK)
        job->writer_error = found;
    return status != PLIM_OK ? status : sunk;
}

/* The block has been dealt with: its room is the loop's again. */
static void snapshot_pop(snapshot_job *job)
{
    plim__queue_pop(job->queue);
    bool failed = job->writer_status != PLIM_OK;
    if (failed)
        atomic_store(&job->writer_failed, true);
    if (failed || atomic_load(&job->paused))
        plim__loop_wake(job->target->loop);
}

/* As plim_source.read: what comes out of the queue, and has gone to the sink. */
static plim_status snapshot_pull(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                 plim_error *err)
{
    snapshot_job *job = ctx;
    *out_len = 0;
    if (job->block_len == 0) {
        if (!plim__queue_peek(job->queue, &job->block, &job->block_len)) {
            job->block_len = 0;
            job->has_ended = true;
            return PLIM_OK;
        }
        job->writer_status = snapshot_sink(job, job->block, job->block_len);
        if (job->writer_status != PLIM_OK)
            return plim_error_set(err, job->writer_status, "the output failed");
    }
    size_t len = job->block_len < cap ? job->block_len : cap;
    memcpy(buffer, job->block, len);
    job->block += len;
    job->block_len -= len;
    if (job->block_len == 0)
        snapshot_pop(job);
    *out_len = len;
    return PLIM_OK;
}

/* The document's own reader. What it finds wrong before the end came is a failure that ends the
 * rest; at the end it may be that only the end is missing, which others know more of. */
static void snapshot_read(snapshot_job *job)
{
    plim_error error = {0};
    plim_source source = {.ctx = job, .read = snapshot_pull};
    plim_status status = job->document->read(job->document->ctx, source, &job->result, &error);
    if (job->has_ended) {
        job->text_status = status;
        job->text_error = error;
    } else if (job->writer_status == PLIM_OK) {
        job->writer_status = status;
        job->writer_error = error;
    }
    if (job->block_len > 0) {
        job->block_len = 0;
        snapshot_pop(job);
    }
}

static void snapshot_writer(void *arg)
{
    snapshot_job *job = arg;
    const char *data;
    size_t len;
    if (job->document->read != NULL)
        snapshot_read(job);
    while (!job->has_ended && plim__queue_peek(job->queue, &data, &len)) {
        if (job->writer_status == PLIM_OK && job->document->read == NULL)
            job->writer_status = snapshot_write(job, data, len);
        snapshot_pop(job);
    }
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static plim_status snapshot_on_text(void *ctx, const char *data, size_t len, plim_error *err)
{
    snapshot_job *job = ctx;
    if (atomic_load(&job->writer_failed))
        return PLIM_OK;
    job->result.byte_count += len;
    plim_status status = plim__queue_add(job->queue, data, len, err);
    if (status == PLIM_OK && plim__queue_room(job->queue) < 2 * PLIM__QUEUE_BLOCK_BYTES) {
        atomic_store(&job->paused, true);
        plim__cdp_pause(job->target->cdp.connection);
        /* The writer may have emptied the queue before it could see that we wait. */
        plim__loop_wake(job->target->loop);
    }
    return status;
}

static void snapshot_on_chunk(void *ctx)
{
    snapshot_job *job = ctx;
    job->result.chunk_count++;
}

static void snapshot_resume(snapshot_job *job)
{
    if (!atomic_load(&job->paused))
        return;
    atomic_store(&job->paused, false);
    plim__cdp_resume(job->target->cdp.connection);
}

static void snapshot_on_woken(void *ctx)
{
    snapshot_job *job = ctx;
    job->stop = atomic_load(&job->writer_failed);
    /* A quarter free: enough to read for a while, early enough for the writer not to run dry. */
    if (plim__queue_room(job->queue) >= PLIM_QUEUE_BYTES_MAX / 4)
        snapshot_resume(job);
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

static bool snapshot_show_progress(const snapshot_job *job)
{
    const plim_progress *progress = &job->progress;
    if (progress->step == NULL)
        return true;
    if (job->result.byte_count == 0)
        return progress->step(progress->ctx, "collecting", job->objects_done, job->objects_total);
    return progress->step(progress->ctx, "receiving", job->result.byte_count, 0);
}

/* Ten times a second: has it stalled, does the caller still want it? */
static plim_status snapshot_tick(snapshot_job *job, plim_error *err)
{
    const plim_target *target = job->target;
    uint64_t now_ns = plim__loop_now_ns();
    uint64_t heard_bytes = plim__cdp_received_bytes(target->cdp.connection);
    if (heard_bytes != job->heard_bytes || atomic_load(&job->paused)) {
        job->heard_bytes = heard_bytes;
        job->heard_ns = now_ns;
    }
    if (now_ns - job->heard_ns >= target->options.stall_timeout_ns) {
        char seconds[24];
        (void)snprintf(seconds, sizeof seconds, "%g",
                       (double)target->options.stall_timeout_ns / 1e9);
        plim_status status =
            plim_error_set(err, PLIM_ERR_TIMEOUT, "the target has sent nothing for %s s", seconds);
        plim_error_hint(err, "it may be paused by a debugger, or waiting for one; it takes the "
                             "snapshot when its event loop turns");
        return status;
    }
    if (snapshot_show_progress(job))
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "the snapshot was called off");
}

static plim_status snapshot_await(snapshot_job *job, plim__cdp_request *request, plim_error *err)
{
    for (;;) {
        plim_status status =
            plim__loop_wait_either(job->target->loop, plim__cdp_done(request), &job->stop,
                                   plim__loop_deadline(snapshot_tick_ns));
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "the snapshot was interrupted");
        if (status == PLIM_OK)
            return PLIM_OK;
        status = snapshot_tick(job, err);
        if (status != PLIM_OK)
            return status;
    }
}

/* From request to reply; what came is in the queue, whatever is returned. */
static plim_status snapshot_receive(snapshot_job *job, plim_error *err)
{
    plim__cdp_state *cdp = &job->target->cdp;
    const plim__cdp_document *document = job->document;
    const plim__cdp_stream stream = {job, snapshot_on_text, snapshot_on_chunk};
    plim__cdp_request *request = NULL;
    uint64_t begin_ns = plim__loop_now_ns();
    job->heard_bytes = plim__cdp_received_bytes(cdp->connection);
    job->heard_ns = begin_ns;
    plim__cdp_set_stream(cdp->connection, &stream);
    if (document->rule.key != NULL)
        plim__cdp_add_stream_rule(cdp->connection, document->rule);
    plim__cdp_on(cdp->session, "HeapProfiler.reportHeapSnapshotProgress", snapshot_on_progress,
                 job);
    plim__loop_on_wake(job->target->loop, snapshot_on_woken, job);
    plim_status status =
        plim__cdp_begin(cdp->session, document->method, document->params, &request, err);
    if (status == PLIM_OK) {
        cdp->slowed = true;
        status = snapshot_await(job, request, err);
        job->result.pause_ns = plim__loop_now_ns() - begin_ns;
        cdp->busy = !*plim__cdp_done(request);
        if (*plim__cdp_done(request) && status == PLIM_OK)
            status = plim__cdp_finish(&request, document->out_reply, err);
        else
            plim__cdp_drop(&request);
    }
    if (document->rule.key != NULL)
        plim__cdp_remove_stream_rule(cdp->connection, document->rule);
    plim__loop_on_wake(job->target->loop, NULL, NULL);
    plim__cdp_off(cdp->session, "HeapProfiler.reportHeapSnapshotProgress");
    plim__cdp_set_stream(cdp->connection, NULL);
    snapshot_resume(job); /* what still comes falls on nobody, and must not stay in the way */
    return status;
}

/* What counts of three verdicts. A stop that was asked for is no fault of anybody; then the writer,
 * whose failure ends the rest; then the connection; and the document must be whole where the reply
 * said that it is. */
static plim_status snapshot_judge(snapshot_job *job, plim_status received,
                                  const plim_error *receive_error, plim_error *err)
{
    plim__v8_check_result counts = {0};
    plim_error check_error = job->text_error;
    plim_status whole = job->text_status;
    if (job->document->read == NULL) {
        whole = plim__v8_check_finish(job->check, &counts, &check_error);
        job->result.node_count = counts.node_count;
        job->result.edge_count = counts.edge_count;
    }
    if (received == PLIM_ERR_INTERRUPTED)
        return plim__error_repeat(err, receive_error);
    if (job->writer_status != PLIM_OK)
        return plim__error_repeat(err, &job->writer_error);
    if (received != PLIM_OK)
        return plim__error_repeat(err, receive_error);
    return whole == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &check_error);
}

static plim_status snapshot_run(snapshot_job *job, plim_error *err)
{
    int code = uv_thread_create(&job->writer, snapshot_writer, job);
    if (code != 0) {
        json_decref(job->document->params);
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no thread to be had: %s",
                              uv_strerror(code));
    }
    plim_error receive_error = {0};
    plim_status received = snapshot_receive(job, &receive_error);
    plim__queue_finish(job->queue);
    code = uv_thread_join(&job->writer);
    PLIM_CHECK(code == 0);
    job->result.queue_peak_bytes = plim__queue_peak_bytes(job->queue);
    return snapshot_judge(job, received, &receive_error, err);
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
    plim_status status = PLIM_OK;
    if (job == NULL)
        status = plim__no_memory(err, "a snapshot");
    if (status == PLIM_OK) {
        job->target = target;
        job->document = document;
        job->progress = options->progress;
        job->discard = options->discard;
        job->sink = sink;
        status = plim__queue_create(target->allocator, PLIM_QUEUE_BYTES_MAX, &job->queue, err);
    }
    if (status == PLIM_OK)
        status = plim__v8_check_create(target->allocator, &job->check, err);
    if (status == PLIM_OK)
        status = snapshot_run(job, err);
    else
        json_decref(document->params);
    if (job != NULL) {
        if (out_result != NULL)
            *out_result = job->result;
        plim__v8_check_destroy(&job->check);
        plim__queue_destroy(&job->queue);
        plim__array_free(target->allocator, job, 1, sizeof *job);
    }
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
