/* SPDX-License-Identifier: MIT */
/*
 * JavaScriptCore's "tracking": a snapshot when it begins, one when it ends, and nothing between
 * but collections. Of the first only the highest id is kept: ids rise, so what is above it is new.
 * The second is read into a graph as it comes, and written as a `.heaptimeline` with two samples,
 * the beginning and the end: DevTools then tells the new objects from the old. There are no
 * stacks and no intervals between, whatever was asked for (PLIM_TARGET_NO_STACKS, _NO_INTERVALS).
 */
#include <plimsoll/formats.h>

#include <time.h>

#include "base/assert.h"
#include "heap/formats/jsc_check.h"
#include "inspect/cdp/heap.h"
#include "inspect/webkit/webkit.h"

/* What the first snapshot is read for. */
typedef struct tracking_first {
    const plim_allocator *allocator;
    plim__jsc_counts counts;
} tracking_first;

/* What the second one becomes. */
typedef struct tracking_last {
    const plim_allocator *allocator;
    plim_graph *graph;
} tracking_last;

static plim_status tracking_read_first(void *ctx, plim_source source, plim_snapshot_result *result,
                                       plim_error *err)
{
    tracking_first *first = ctx;
    plim_status status = plim__jsc_check(source, 0, first->allocator, &first->counts, err);
    result->node_count = first->counts.node_count;
    result->edge_count = first->counts.edge_count;
    return status;
}

static plim_status tracking_read_last(void *ctx, plim_source source, plim_snapshot_result *result,
                                      plim_error *err)
{
    tracking_last *last = ctx;
    plim_read_options options = {.struct_bytes = sizeof options, .allocator = last->allocator};
    plim_status status = plim_graph_read_jsc(source, &options, &last->graph, err);
    if (status != PLIM_OK)
        return status;
    plim_graph_info info;
    plim_graph_read_info(last->graph, &info);
    result->node_count = info.node_count;
    result->edge_count = info.edge_count;
    return PLIM_OK;
}

static plim_status tracking_is_off(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_USAGE, "tracking has not been started");
}

static uint64_t tracking_unix_us(void)
{
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

plim_status plim__webkit_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    (void)stacks;
    plim__webkit_state *state = target->runtime_state;
    if (state->recording.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "tracking is on already");
    plim_status status = plim__webkit_settle(target, err);
    if (status != PLIM_OK)
        return status;
    tracking_first first = {.allocator = target->allocator};
    const plim__cdp_document document = {
        .method = "Heap.startTracking",
        .rule = {.method = "Heap.trackingStart", .key = "snapshotData"},
        .read = tracking_read_first,
        .ctx = &first,
    };
    plim_snapshot_options options = {.struct_bytes = sizeof options, .discard = true};
    plim_snapshot_result result;
    plim_error why = {0};
    status = plim__cdp_stream_document(target, &document, &options, (plim_sink){0}, &result, &why);
    if (status == PLIM_ERR_TRUNCATED && result.byte_count == 0) {
        /* Success without a snapshot: somebody else has begun, and would get our end. */
        status = plim_error_set(err, PLIM_ERR_REFUSED,
                                "another debugger is recording in the target already");
        return status;
    }
    state->recording.is_on = status == PLIM_OK || status == PLIM_ERR_INTERRUPTED;
    if (status != PLIM_OK) {
        if (err != NULL)
            *err = why;
        return status;
    }
    state->recording.highest_id = first.counts.highest_id;
    state->recording.begun_us = tracking_unix_us();
    state->recording.before = (plim_track_interval){
        .count = first.counts.newer_count,
        .bytes = first.counts.newer_bytes,
        .at_ms = (double)state->recording.begun_us / 1e3,
        .last_object_id = first.counts.highest_id,
    };
    return PLIM_OK;
}

plim_status plim__webkit_tracking_poll(plim_target *target, uint64_t wait_ns,
                                       const plim_track_interval **out_intervals,
                                       uint32_t *out_count, plim_error *err)
{
    const plim__webkit_state *state = target->runtime_state;
    if (!state->recording.is_on)
        return tracking_is_off(err);
    plim_status status = plim__loop_sleep(target->loop, wait_ns);
    if (status == PLIM_OK)
        status = plim__cdp_status(target->cdp.connection, err);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the recording was interrupted");
    *out_intervals = &state->recording.before;
    *out_count = 1;
    return PLIM_OK;
}

/* What is new, counted; the highest id. */
static uint64_t tracking_count_new(const plim_graph *graph, uint64_t highest_id,
                                   plim_snapshot_result *result)
{
    uint64_t highest_now = highest_id;
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    for (uint32_t i = 0; i < info.node_count; i++) {
        plim_node node;
        plim_graph_node(graph, i, &node);
        if (node.id <= highest_id)
            continue;
        result->new_count++;
        result->new_bytes += node.self_bytes;
        highest_now = node.id > highest_now ? node.id : highest_now;
    }
    return highest_now;
}

static plim_status tracking_write(plim_target *target, const plim_graph *graph,
                                  const plim_snapshot_options *options, plim_sink sink,
                                  plim_snapshot_result *result, plim_error *err)
{
    const plim__webkit_recording *recording =
        &((const plim__webkit_state *)target->runtime_state)->recording;
    uint64_t highest_now = tracking_count_new(graph, recording->highest_id, result);
    uint64_t now_us = tracking_unix_us();
    plim_write_sample samples[] = {
        {.at_us = 0, .last_id = recording->highest_id},
        {.at_us = now_us > recording->begun_us ? now_us - recording->begun_us : 1,
         .last_id = highest_now},
    };
    plim_write_options write = {
        .struct_bytes = sizeof write,
        .allocator = target->allocator,
        .samples = samples,
        .sample_count = highest_now > recording->highest_id ? 2 : 1,
        .keep_ids = true,
    };
    if (options != NULL && options->discard)
        return PLIM_OK;
    return plim_graph_write_v8(graph, sink, &write, err);
}

plim_status plim__webkit_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                       plim_sink sink, plim_snapshot_result *out_result,
                                       plim_error *err)
{
    plim__webkit_state *state = target->runtime_state;
    if (!state->recording.is_on)
        return tracking_is_off(err);
    plim_status status = plim__webkit_settle(target, err);
    if (status != PLIM_OK)
        return status;
    tracking_last last = {.allocator = target->allocator};
    const plim__cdp_document document = {
        .method = "Heap.stopTracking",
        .rule = {.method = "Heap.trackingComplete", .key = "snapshotData"},
        .read = tracking_read_last,
        .ctx = &last,
    };
    plim_snapshot_options receive = options != NULL ? *options : (plim_snapshot_options){0};
    plim_snapshot_result result = {0};
    receive.discard = true; /* what goes to the sink is made of it */
    status = plim__cdp_stream_document(target, &document, &receive, (plim_sink){0}, &result, err);
    if (status == PLIM_OK)
        status = tracking_write(target, last.graph, options, sink, &result, err);
    state->recording.is_on = false; /* the target has been told, whatever became of the text */
    plim_graph_destroy(&last.graph);
    if (out_result != NULL)
        *out_result = result;
    return status;
}
