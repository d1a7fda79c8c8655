/* SPDX-License-Identifier: MIT */
/*
 * What takes time: sampling, and recordings of births (Chrome's "allocation timeline").
 *
 * A recording looks every 50 ms, or more rarely if looking takes long: what is the highest id, and
 * how many of those born between two earlier looks still live. Interval 0 is all that was there
 * before. The client is told what has changed; a client that does not read is not told, and
 * catches up later.
 * Invariants: R1 bounds and births have `count` elements, bounds rise. R2 a heap is sampled for one
 * client at a time: `sampler` is set exactly then.
 */
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"

enum {
    RECORD_INTERVAL_DEFAULT = 32768, /* V8's */
    RECORD_COST_PART = 10            /* a tenth of the time at most goes into looking */
};

struct plim__recording {
    const plim_allocator *allocator;
    uint64_t due_ns;
    uint64_t began_us;
    uint32_t count;
    plim_write_sample *samples; /* PLIM_SERVER_INTERVALS_MAX; a job takes them at the end */
    uint64_t bounds[PLIM_SERVER_INTERVALS_MAX];
    plim_served_births told[PLIM_SERVER_INTERVALS_MAX]; /* to the client */
    plim_served_births seen[PLIM_SERVER_INTERVALS_MAX];
};

/* --- recordings ---------------------------------------------------------------------------- */

static uint64_t record_clock_us(void)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_usec;
}

static void record_drop(plim__recording **recording_ptr)
{
    plim__recording *recording = *recording_ptr;
    if (recording == NULL)
        return;
    *recording_ptr = NULL;
    plim__array_free(recording->allocator, recording->samples, PLIM_SERVER_INTERVALS_MAX,
                     sizeof *recording->samples);
    plim__array_free(recording->allocator, recording, 1, sizeof *recording);
}

static plim__recording *record_begin(const plim_allocator *allocator)
{
    plim__recording *recording = plim__array_new_zero(allocator, 1, sizeof *recording);
    if (recording == NULL)
        return NULL;
    recording->allocator = allocator;
    recording->began_us = record_clock_us();
    recording->samples =
        plim__array_new_zero(allocator, PLIM_SERVER_INTERVALS_MAX, sizeof *recording->samples);
    if (recording->samples == NULL)
        record_drop(&recording);
    return recording;
}

/* A new interval if anything was born; past the most there may be, the last one grows. */
static void record_bound(plim__recording *recording, uint64_t last_id)
{
    uint32_t last = recording->count == 0 ? 0 : recording->count - 1;
    if (recording->count > 0 && last_id <= recording->bounds[last])
        return;
    if (recording->count < PLIM_SERVER_INTERVALS_MAX)
        last = recording->count++;
    recording->bounds[last] = last_id;
    recording->samples[last] =
        (plim_write_sample){record_clock_us() - recording->began_us, last_id};
}

/* [index, count, bytes, …] of what is not as the client was told. */
static json_t *record_changes(const plim__recording *recording)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < recording->count && list != NULL; i++) {
        plim_served_births now = recording->seen[i], then = recording->told[i];
        if (now.count == then.count && now.bytes == then.bytes)
            continue;
        if (json_array_append_new(list, json_integer(i)) != 0 ||
            json_array_append_new(list, json_integer((json_int_t)now.count)) != 0 ||
            json_array_append_new(list, json_integer((json_int_t)now.bytes)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static plim_status record_tell(plim__connection *connection, plim__recording *recording,
                               plim_error *err)
{
    json_t *changes = record_changes(recording);
    plim_status status = PLIM_OK;
    if (changes == NULL)
        return plim__no_memory(err, "a recording");
    if (json_array_size(changes) > 0)
        status = plim__connection_tell(connection,
                                       json_pack("{s:s, s:{s:O}}", "method",
                                                 "HeapProfiler.heapStatsUpdate", "params",
                                                 "statsUpdate", changes),
                                       err);
    json_decref(changes);
    if (status != PLIM_OK)
        return status;
    memcpy(recording->told, recording->seen, recording->count * sizeof *recording->told);
    return plim__connection_tell(
        connection,
        json_pack("{s:s, s:{s:I, s:f}}", "method", "HeapProfiler.lastSeenObjectId", "params",
                  "lastSeenObjectId", (json_int_t)recording->bounds[recording->count - 1],
                  "timestamp", (double)record_clock_us() / 1000),
        err);
}

/* One look. What was born between the two questions waits for the next one. */
static plim_status record_look(plim__connection *connection, plim_error *err)
{
    const plim_served *served = &plim__connection_shown(connection)->served;
    plim__recording *recording = plim__connection_visit(connection)->recording;
    uint64_t began_ns = plim__loop_now_ns(), last_id = 0;
    plim_status status = served->births(served->ctx, NULL, 0, NULL, &last_id, err);
    if (status == PLIM_OK) {
        record_bound(recording, last_id);
        status = served->births(served->ctx, recording->bounds, recording->count, recording->seen,
                                &last_id, err);
    }
    if (status == PLIM_OK)
        status = record_tell(connection, recording, err);
    uint64_t ended_ns = plim__loop_now_ns(), cost_ns = (ended_ns - began_ns) * RECORD_COST_PART;
    /* A little early, so that a tick of the clock is not missed by less than its jitter. */
    recording->due_ns =
        ended_ns + (cost_ns > PLIM_SERVER_TICK_NS ? cost_ns : PLIM_SERVER_TICK_NS * 4 / 5);
    return status;
}

bool plim__record_tick(plim_server *server)
{
    bool is_any = false;
    for (uint32_t i = 0; i < PLIM_SERVER_CONNECTIONS_MAX; i++) {
        plim__connection *connection = server->connections[i];
        plim__visit *visit = connection == NULL ? NULL : plim__connection_visit(connection);
        if (visit == NULL || visit->recording == NULL)
            continue;
        is_any = true;
        if (plim__loop_now_ns() >= visit->recording->due_ns &&
            plim__connection_has_room(connection))
            (void)record_look(connection, NULL); /* what fails once may go the next time */
    }
    return is_any;
}

json_t *plim__method_start_recording(plim__call *call)
{
    if (call->shown->served.births == NULL)
        return plim__method_failed(call, PLIM_ERR_UNSUPPORTED, "this heap does not tell of births");
    if (call->visit->recording != NULL)
        return plim__method_failed(call, PLIM_ERR_USAGE, "a recording is on already");
    call->visit->recording = record_begin(call->server->allocator);
    if (call->visit->recording == NULL)
        return plim__method_failed(call, PLIM_ERR_NO_MEMORY, "not enough memory to record");
    if (record_look(call->connection, &call->error) != PLIM_OK) {
        record_drop(&call->visit->recording);
        return plim__method_failed(call, call->error.status, "no recording");
    }
    return json_object();
}

json_t *plim__method_stop_recording(plim__call *call)
{
    plim__recording *recording = call->visit->recording;
    if (recording == NULL)
        return plim__method_failed(call, PLIM_ERR_USAGE, "no recording is on");
    if (call->visit->job != NULL)
        return plim__method_failed(call, PLIM_ERR_BUSY, "a snapshot is under way");
    (void)record_look(call->connection, NULL);
    bool reports = json_is_true(json_object_get(call->params, "reportProgress"));
    plim_status status =
        plim__job_start(call->server, call->connection, call->id, reports, recording->samples,
                        recording->count, PLIM_SERVER_INTERVALS_MAX, &call->error);
    if (status == PLIM_OK)
        recording->samples = NULL; /* the job's now */
    record_drop(&call->visit->recording);
    call->is_later = status == PLIM_OK;
    return status == PLIM_OK ? NULL : plim__method_failed(call, status, "no snapshot");
}

/* --- sampling ------------------------------------------------------------------------------ */

json_t *plim__method_start_sampling(plim__call *call)
{
    const plim_served *served = &call->shown->served;
    json_int_t interval = RECORD_INTERVAL_DEFAULT;
    const json_t *wanted = json_object_get(call->params, "samplingInterval");
    if (served->sample_start == NULL || served->sample_read == NULL)
        return plim__method_failed(call, PLIM_ERR_UNSUPPORTED, "this heap cannot be sampled");
    if (call->shown->sampler != NULL)
        return plim__method_failed(call, PLIM_ERR_USAGE, "it is being sampled already");
    if (json_is_number(wanted) && json_number_value(wanted) >= 1 &&
        json_number_value(wanted) <= INT32_MAX)
        interval = (json_int_t)json_number_value(wanted);
    plim_status status = served->sample_start(served->ctx, (uint64_t)interval, &call->error);
    if (status != PLIM_OK)
        return plim__method_failed(call, status, "no sampling");
    call->shown->sampler = call->connection;
    return json_object();
}

static json_t *record_profile(plim__call *call, bool ends)
{
    const plim_served *served = &call->shown->served;
    plim_served_profile *profile = NULL;
    json_t *whole = NULL;
    if (call->shown->sampler != call->connection)
        return plim__method_failed(call, PLIM_ERR_USAGE, "no sampling is on");
    plim__values_tell_sources(call);
    plim_status status =
        plim_served_profile_create(call->server->allocator, &profile, &call->error);
    if (status == PLIM_OK)
        status = served->sample_read(served->ctx, ends, profile, &call->error);
    if (status == PLIM_OK)
        whole = plim__profile_json(profile);
    plim_served_profile_destroy(&profile);
    if (ends)
        call->shown->sampler = NULL;
    if (whole == NULL)
        return plim__method_failed(call, status == PLIM_OK ? PLIM_ERR_NO_MEMORY : status,
                                   "no profile");
    return json_pack("{s:o}", "profile", whole);
}

json_t *plim__method_stop_sampling(plim__call *call)
{
    return record_profile(call, true);
}

json_t *plim__method_read_sampling(plim__call *call)
{
    return record_profile(call, false);
}

void plim__record_leave(plim__connection *connection)
{
    plim__shown *shown = plim__connection_shown(connection);
    record_drop(&plim__connection_visit(connection)->recording);
    if (shown == NULL || shown->sampler != connection)
        return;
    shown->sampler = NULL;
    plim_served_profile *profile = NULL;
    if (plim_served_profile_create(NULL, &profile, NULL) != PLIM_OK)
        return; /* it goes on until the next one starts it anew */
    (void)shown->served.sample_read(shown->served.ctx, true, profile, NULL);
    plim_served_profile_destroy(&profile);
}

/* ---- for those who are asked ---- */

void plim_served_births_add(plim_served_births *births, const uint64_t *bounds, uint32_t count,
                            uint64_t id, uint64_t bytes)
{
    PLIM_CHECK(count == 0 || (births != NULL && bounds != NULL));
    uint32_t low = 0; /* the first bound that is not below it */
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (bounds[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < count) {
        births[low].count++;
        births[low].bytes += bytes;
    }
}
