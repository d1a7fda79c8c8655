/* SPDX-License-Identifier: MIT */
/*
 * A snapshot under way. Its thread calls the heap's function, which writes text; the text becomes
 * frames, and these wait in a list until the client has read those before. When too much waits,
 * the thread does; the loop and all other clients go on.
 *
 * States: MAKING -> MADE (is_finished) -> gone, when all is sent and the reply after it
 *         MAKING -> CANCELLED, when the client goes: the next write or question of the thread fails
 * Invariants: J1 what waits is PLIM_SERVER_QUEUE_BYTES_MAX and one frame at most. J2 the list is
 * changed under the lock; `text` and `utf8` are the thread's alone. J3 a chunk ends between
 * characters.
 * Order matters in one place: the panel waits for progress that says `finished` before the first
 * chunk, or it stays empty for ever. (What was seen of DevTools: docs/internals/server.md.)
 */
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/server.h"
#include "inspect/server/utf8.h"
#include "platform/thread.h"

enum {
    JOB_MAGIC = 0x5e7e0003,
    JOB_SLACK_BYTES = 128 /* head and tail of a chunk, and one character with its escape */
};

static const char JOB_HEAD[] =
    "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"";
static const char JOB_TAIL[] = "\"}}";

struct plim__job {
    uint32_t magic;
    plim_server *server;
    plim__connection *connection;
    json_t *id;
    plim_write_sample *samples;
    uint32_t sample_count, sample_cap;
    plim__thread thread;

    uv_mutex_t lock; /* over all in this part */
    uv_cond_t has_room;
    plim__frame *first;
    plim__frame **end;
    uint64_t waiting_bytes;
    bool is_cancelled;
    bool is_finished;

    /* The thread's; the loop's once it is finished. */
    plim_status status;
    plim_error error;
    plim__frame *filling;
    size_t used;
    plim__utf8 utf8;
};

/* --- the thread ---------------------------------------------------------------------------- */

static plim_status job_hand_over(plim__job *job, plim_error *err)
{
    plim__frame *frame = job->filling;
    memcpy(plim__frame_text(frame) + job->used, JOB_TAIL, sizeof JOB_TAIL - 1);
    plim__frame_set_length(frame, job->used + sizeof JOB_TAIL - 1);
    job->filling = NULL;
    uv_mutex_lock(&job->lock);
    while (job->waiting_bytes > PLIM_SERVER_QUEUE_BYTES_MAX && !job->is_cancelled)
        uv_cond_wait(&job->has_room, &job->lock);
    bool is_cancelled = job->is_cancelled;
    if (!is_cancelled) {
        *job->end = frame;
        job->end = plim__frame_next(frame);
        job->waiting_bytes += plim__frame_length(frame);
    }
    uv_mutex_unlock(&job->lock);
    if (is_cancelled) {
        plim__frame_destroy(frame);
        return plim_error_set(err, PLIM_ERR_GONE, "the client has gone");
    }
    plim__loop_wake(job->server->loop);
    return PLIM_OK;
}

/* Room in a frame for one character. */
static plim_status job_room(plim__job *job, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (job->filling != NULL && job->used >= PLIM_SERVER_CHUNK_BYTES)
        status = job_hand_over(job, err);
    if (status == PLIM_OK && job->filling == NULL) {
        job->filling =
            plim__frame_create(job->server->allocator, PLIM_SERVER_CHUNK_BYTES + JOB_SLACK_BYTES);
        if (job->filling == NULL)
            return plim__no_memory(err, "a part of a snapshot");
        memcpy(plim__frame_text(job->filling), JOB_HEAD, sizeof JOB_HEAD - 1);
        job->used = sizeof JOB_HEAD - 1;
    }
    return status;
}

/* One byte that JSON does not take as it is, or part of a character beyond ASCII. */
static void job_add_odd(plim__job *job, unsigned char byte)
{
    static const char DIGITS[] = "0123456789abcdef";
    char *out = plim__frame_text(job->filling) + job->used;
    char whole[PLIM__UTF8_OUT_BYTES];
    size_t length = plim__utf8_take(&job->utf8, byte, whole);
    for (size_t i = 0; i < length; i++) {
        unsigned char one = (unsigned char)whole[i];
        bool is_control = one < 0x20 && one != '\n';
        if (is_control) {
            const char escape[] = {'\\', 'u', '0', '0', DIGITS[one >> 4], DIGITS[one & 15]};
            memcpy(out, escape, sizeof escape);
            out += sizeof escape;
            continue;
        }
        if (one == '"' || one == '\\' || one == '\n')
            *out++ = '\\';
        *out++ = one == '\n' ? 'n' : (char)one;
    }
    job->used = (size_t)(out - plim__frame_text(job->filling));
}

static bool job_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static plim_status job_write(void *ctx, const void *data, size_t length, plim_error *err)
{
    plim__job *job = ctx;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length;) {
        plim_status status = job_room(job, err);
        if (status != PLIM_OK)
            return status;
        size_t room = PLIM_SERVER_CHUNK_BYTES - job->used, run = 0;
        if (job->utf8.have == 0) {
            while (run < room && i + run < length && job_is_plain(bytes[i + run]))
                run++;
            memcpy(plim__frame_text(job->filling) + job->used, bytes + i, run);
            job->used += run;
        }
        if (run == 0) {
            job_add_odd(job, bytes[i]);
            run = 1;
        }
        i += run;
    }
    return PLIM_OK;
}

static bool job_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    plim__job *job = ctx;
    (void)phase;
    (void)done;
    (void)total;
    uv_mutex_lock(&job->lock);
    bool goes_on = !job->is_cancelled;
    uv_mutex_unlock(&job->lock);
    return goes_on;
}

static void *job_run(void *argument)
{
    plim__job *job = argument;
    const plim_served *served = &plim__connection_shown(job->connection)->served;
    plim_status status =
        served->snapshot(served->ctx, job->samples, job->sample_count, (plim_sink){job, job_write},
                         (plim_progress){job, job_step}, &job->error);
    if (status == PLIM_OK && job->utf8.have > 0)
        status = job_room(job, &job->error);
    if (status == PLIM_OK && job->utf8.have > 0) {
        char *out = plim__frame_text(job->filling) + job->used;
        job->used += plim__utf8_end(&job->utf8, out);
    }
    if (status == PLIM_OK && job->filling != NULL)
        status = job_hand_over(job, &job->error);
    job->status = status;
    uv_mutex_lock(&job->lock);
    job->is_finished = true;
    uv_mutex_unlock(&job->lock);
    plim__loop_wake(job->server->loop);
    return NULL;
}

/* --- the loop ------------------------------------------------------------------------------ */

static void job_free(plim__job *job)
{
    const plim_allocator *allocator = job->server->allocator;
    while (job->first != NULL) {
        plim__frame *next = *plim__frame_next(job->first);
        plim__frame_destroy(job->first);
        job->first = next;
    }
    plim__frame_destroy(job->filling);
    json_decref(job->id);
    plim__array_free(allocator, job->samples, job->sample_cap, sizeof *job->samples);
    uv_cond_destroy(&job->has_room);
    uv_mutex_destroy(&job->lock);
    job->magic = 0;
    plim__array_free(allocator, job, 1, sizeof *job);
}

static plim__job *job_create(plim_server *server, plim__connection *connection, const json_t *id)
{
    plim__job *job = plim__array_new_zero(server->allocator, 1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->magic = JOB_MAGIC;
    job->server = server;
    job->connection = connection;
    job->end = &job->first;
    job->id = json_deep_copy(id);
    bool has_lock = job->id != NULL && uv_mutex_init(&job->lock) == 0;
    if (has_lock && uv_cond_init(&job->has_room) == 0)
        return job;
    if (has_lock)
        uv_mutex_destroy(&job->lock);
    json_decref(job->id);
    plim__array_free(server->allocator, job, 1, sizeof *job);
    return NULL;
}

plim_status plim__job_start(plim_server *server, plim__connection *connection, const json_t *id,
                            bool reports_progress, plim_write_sample *samples,
                            uint32_t sample_count, uint32_t sample_cap, plim_error *err)
{
    plim__visit *visit = plim__connection_visit(connection);
    PLIM_CHECK(visit->job == NULL);
    plim__job *job = job_create(server, connection, id);
    if (job == NULL)
        return plim__no_memory(err, "a snapshot");
    if (reports_progress) {
        json_t *event = json_pack("{s:s, s:{s:i, s:i, s:b}}", "method",
                                  "HeapProfiler.reportHeapSnapshotProgress", "params", "done", 1,
                                  "total", 1, "finished", 1);
        if (plim__connection_tell(connection, event, err) != PLIM_OK) {
            job_free(job);
            return PLIM_ERR_GONE;
        }
    }
    job->samples = samples;
    job->sample_count = sample_count;
    job->sample_cap = sample_cap;
    if (!plim__thread_start(&job->thread, job_run, job)) {
        job->samples = NULL;
        job_free(job);
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "the system gives no thread");
    }
    visit->job = job;
    return PLIM_OK;
}

void plim__job_pump(plim__job **job_ptr)
{
    plim__job *job = *job_ptr;
    PLIM_CHECK_OBJ(job, JOB_MAGIC);
    bool is_empty = false, is_finished = false;
    while (!is_empty && plim__connection_has_room(job->connection)) {
        uv_mutex_lock(&job->lock);
        plim__frame *frame = job->first;
        is_finished = job->is_finished;
        if (frame != NULL) {
            job->first = *plim__frame_next(frame);
            job->end = job->first == NULL ? &job->first : job->end;
            job->waiting_bytes -= plim__frame_length(frame);
            uv_cond_signal(&job->has_room);
        }
        uv_mutex_unlock(&job->lock);
        is_empty = frame == NULL;
        if (frame != NULL && plim__connection_send_frame(job->connection, frame, NULL) != PLIM_OK)
            return; /* it has gone; the server destroys both */
    }
    if (!is_empty || !is_finished)
        return;
    plim__thread_join(&job->thread);
    if (job->status != PLIM_OK && job->error.what[0] == '\0')
        (void)plim_error_set(&job->error, job->status, "no snapshot");
    plim__method_reply(job->connection, job->id, job->status == PLIM_OK ? json_object() : NULL,
                       &job->error);
    job_free(job);
    *job_ptr = NULL;
}

void plim__job_destroy(plim__job **job_ptr)
{
    plim__job *job = *job_ptr;
    if (job == NULL)
        return;
    PLIM_CHECK_OBJ(job, JOB_MAGIC);
    uv_mutex_lock(&job->lock);
    job->is_cancelled = true;
    uv_cond_signal(&job->has_room);
    uv_mutex_unlock(&job->lock);
    plim__thread_join(&job->thread);
    job_free(job);
    *job_ptr = NULL;
}
