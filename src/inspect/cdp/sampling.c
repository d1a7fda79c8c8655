/* SPDX-License-Identifier: MIT */
/*
 * Sampling: nothing comes while it runs, and at the end one reply whose `profile` is a
 * .heapprofile word for word. Its numbers and strings are jansson's again, in the same order.
 */
#include <string.h>

#include "base/allocator.h"
#include "inspect/cdp/heap.h"

enum { PLIM__SAMPLING_BUFFER_BYTES = 64 << 10 };

static const uint64_t sampling_timeout_ns = 10000000000u;
static const uint64_t sampling_interval_bytes = 32768; /* V8's own default */

/* From jansson's small pieces to a sink's large ones. */
typedef struct sampling_writer {
    plim_sink sink;
    plim_status status;
    plim_error *err;
    size_t len;
    char buffer[PLIM__SAMPLING_BUFFER_BYTES];
} sampling_writer;

plim_status plim__cdp_sampling_start(plim_target *target, const plim_sampling_options *options,
                                     plim_error *err)
{
    if (target->cdp.sampling)
        return plim_error_set(err, PLIM_ERR_USAGE, "sampling is on already");
    uint64_t interval = sampling_interval_bytes;
    bool collected = false;
    if (options != NULL && options->interval_bytes != 0)
        interval = options->interval_bytes;
    if (options != NULL)
        collected = options->include_collected;
    if (interval > INT32_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a sampling interval of 2 GiB and more");
    json_t *params = json_pack("{s:I,s:b,s:b}", "samplingInterval", (json_int_t)interval,
                               "includeObjectsCollectedByMajorGC", collected,
                               "includeObjectsCollectedByMinorGC", collected);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    plim_status status =
        plim__cdp_call(target->cdp.session, "HeapProfiler.startSampling", params,
                       plim__target_timeout(target, sampling_timeout_ns), NULL, err);
    /* After a timeout it may start all the same; then closing stops it. */
    target->cdp.sampling = status == PLIM_OK || status == PLIM_ERR_TIMEOUT;
    return status;
}

static void sampling_flush(sampling_writer *writer)
{
    if (writer->len > 0 && writer->status == PLIM_OK)
        writer->status =
            writer->sink.write(writer->sink.ctx, writer->buffer, writer->len, writer->err);
    writer->len = 0;
}

static int sampling_on_text(const char *text, size_t len, void *ctx)
{
    sampling_writer *writer = ctx;
    while (len > 0 && writer->status == PLIM_OK) {
        size_t room = sizeof writer->buffer - writer->len;
        size_t part = len < room ? len : room;
        memcpy(writer->buffer + writer->len, text, part);
        writer->len += part;
        text += part;
        len -= part;
        if (writer->len == sizeof writer->buffer)
            sampling_flush(writer);
    }
    return writer->status == PLIM_OK ? 0 : -1;
}

static plim_status sampling_write(const plim_target *target, const json_t *profile, plim_sink sink,
                                  plim_error *err)
{
    sampling_writer *writer = plim__array_new(target->allocator, 1, sizeof *writer);
    if (writer == NULL)
        return plim__no_memory(err, "a profile");
    writer->sink = sink;
    writer->status = PLIM_OK;
    writer->err = err;
    writer->len = 0;
    int failed = json_dump_callback(profile, sampling_on_text, writer, JSON_COMPACT);
    sampling_flush(writer);
    plim_status status = writer->status;
    plim__array_free(target->allocator, writer, 1, sizeof *writer);
    if (status == PLIM_OK && failed != 0)
        return plim__no_memory(err, "a profile");
    return status;
}

/* V8 has one sampler for all debuggers of an isolate: who ends it has what was sampled. */
static plim_status sampling_judge(plim_target *target, plim_status status, plim_error *err)
{
    if (status != PLIM_ERR_REFUSED || err == NULL || strstr(err->what, "was not started") == NULL)
        return status;
    target->cdp.sampling = false;
    *err = (plim_error){0};
    status = plim_error_set(err, PLIM_ERR_GONE,
                            "another debugger ended the sampling, and has what was sampled: the "
                            "target has one sampler for all");
    plim_error_hint(err, "take it again while nobody else profiles");
    return status;
}

plim_status plim__cdp_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    if (!target->cdp.sampling)
        return plim_error_set(err, PLIM_ERR_USAGE, "sampling has not been started");
    json_t *result = NULL;
    plim_status status =
        plim__cdp_call(target->cdp.session, "HeapProfiler.stopSampling", NULL,
                       plim__target_timeout(target, sampling_timeout_ns), &result, err);
    if (status != PLIM_OK)
        return sampling_judge(target, status, err);
    target->cdp.sampling = false;
    const json_t *profile = json_object_get(result, "profile");
    if (json_is_object(json_object_get(profile, "head")))
        status = sampling_write(target, profile, sink, err);
    else
        status = plim_error_set(err, PLIM_ERR_PROTOCOL,
                                "HeapProfiler.stopSampling: the reply has no profile");
    json_decref(result);
    return status;
}
