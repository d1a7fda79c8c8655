/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of Firefox: saveHeapSnapshot stops the page's process while it writes a file into the
 * temporary directory of its machine; the browser's process then sends that file as one bulk
 * packet. The file stays: where it is local, it is removed once it has been compared with what
 * came.
 *
 * The bulk passes over two threads (flow.h): the writer's walks its messages, so that what is cut
 * or damaged is found while it passes.
 */
#include <plimsoll/codec.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/formats/firefox_count.h"
#include "heap/formats/firefox_timeline.h"
#include "inspect/flow.h"
#include "inspect/rdp/rdp.h"
#include "platform/leftover.h"

enum { SNAPSHOT_ID_BYTES = 48, SNAPSHOT_PATH_BYTES = 4352, SNAPSHOT_DIRECTORY_BYTES = 4096 };

static const uint64_t fxshot_left_grace_ns = 2000000000u;
static const uint64_t fxshot_leave_most_ns = 600000000000u;

typedef struct fxshot_job {
    plim_target *target;
    plim_progress progress;
    bool discard;
    bool is_timeline; /* the sink gets what is made of it */
    plim__firefox_timeline_options timeline;
    plim_sink sink;
    plim__flow flow;
    plim_snapshot_result result;
    uint64_t raw_bytes;     /* received */
    uint64_t written_bytes; /* the writer's, of a timeline */
    char id[SNAPSHOT_ID_BYTES];
    uint64_t since_s;
    uint64_t fingerprint;

    /* The loop's thread. */
    bool is_receiving;
    uint64_t expected_bytes;
    uint64_t left_ns; /* when the page was seen to be left; 0: it was not */

    plim__firefox_counts counts; /* the writer's */
} fxshot_job;

/* ---- the writer ---------------------------------------------------------------------------- */

static plim_status fxshot_write_timeline(void *ctx, const void *data, size_t len, plim_error *err)
{
    fxshot_job *job = ctx;
    job->written_bytes += len;
    return job->discard ? PLIM_OK : job->sink.write(job->sink.ctx, data, len, err);
}

static plim_status fxshot_timeline(fxshot_job *job, plim_source plain, plim_error *err)
{
    plim__firefox_timeline_result result = {0};
    plim_status status = plim__firefox_timeline(
        plain, &job->timeline, (plim_sink){job, fxshot_write_timeline}, &result, err);
    job->counts = (plim__firefox_counts){result.node_count, result.edge_count};
    job->result.new_count = result.live_count;
    job->result.new_bytes = result.live_bytes;
    return status;
}

/* As plim__flow_kind.read. */
static plim_status fxshot_read(void *ctx, plim_source raw, plim_error *err)
{
    fxshot_job *job = ctx;
    plim_decoder *decoder = NULL;
    plim_status status = plim_decoder_create(raw, NULL, &decoder, err);
    if (status == PLIM_OK && job->is_timeline)
        status = fxshot_timeline(job, plim_decoder_view(decoder), err);
    else if (status == PLIM_OK)
        status = plim__firefox_count(plim_decoder_view(decoder), plim__allocator_or_system(NULL),
                                     &job->counts, err);
    plim_decoder_destroy(&decoder);
    return status;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static plim_status fxshot_on_begin(void *ctx, uint64_t len, plim_error *err)
{
    fxshot_job *job = ctx;
    (void)err;
    job->expected_bytes = len;
    return PLIM_OK;
}

static plim_status fxshot_on_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    fxshot_job *job = ctx;
    if (plim__flow_has_failed(&job->flow))
        return PLIM_OK;
    job->raw_bytes += len;
    job->result.chunk_count++;
    job->fingerprint = plim__leftover_fingerprint(job->fingerprint, data, len);
    return plim__flow_add(&job->flow, data, len, err);
}

static void fxshot_pause(void *ctx)
{
    const fxshot_job *job = ctx;
    plim__rdp_pause(plim__rdp_state_of(job->target)->connection);
}

static void fxshot_resume(void *ctx)
{
    const fxshot_job *job = ctx;
    plim__rdp_resume(plim__rdp_state_of(job->target)->connection);
}

static uint64_t fxshot_received(void *ctx)
{
    const fxshot_job *job = ctx;
    return plim__rdp_received_bytes(plim__rdp_state_of(job->target)->connection);
}

static bool fxshot_show_progress(void *ctx)
{
    const fxshot_job *job = ctx;
    const plim_progress *progress = &job->progress;
    if (progress->step == NULL)
        return true;
    if (!job->is_receiving)
        return progress->step(progress->ctx, "collecting", 0, 0);
    return progress->step(progress->ctx, "receiving", job->raw_bytes, job->expected_bytes);
}

/* Has the page gone? */
static plim_status fxshot_look(void *ctx, plim_error *err)
{
    fxshot_job *job = ctx;
    const plim__rdp_state *state = plim__rdp_state_of(job->target);
    uint64_t now_ns = plim__loop_now_ns();
    if (!job->is_receiving && state->left && job->left_ns == 0)
        job->left_ns = now_ns;
    if (job->left_ns == 0 || now_ns - job->left_ns < fxshot_left_grace_ns)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_GONE, "the page was left while it was taken");
}

static const plim__flow_kind fxshot_flow = {
    .pause = fxshot_pause,
    .resume = fxshot_resume,
    .received = fxshot_received,
    .look = fxshot_look,
    .progress = fxshot_show_progress,
    .stalled_hint = "a page whose script is busy, or stands still in a debugger, begins when it "
                    "goes on",
    .read = fxshot_read,
    .writes_rest = true, /* damaged, it is written all the same: it is all there is to look at */
};

/* A number with perhaps another behind a dash; it becomes a part of a file's name. */
static bool fxshot_take_id(const json_t *reply, char out[SNAPSHOT_ID_BYTES])
{
    const char *id = json_string_value(json_object_get(reply, "snapshotId"));
    size_t len = id != NULL ? strlen(id) : 0;
    if (len == 0 || len >= SNAPSHOT_ID_BYTES || strspn(id, "0123456789-") != len)
        return false;
    memcpy(out, id, len + 1);
    return true;
}

/* The page's process writes the file, and stands still meanwhile. */
static plim_status fxshot_save(fxshot_job *job, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(job->target);
    json_t *members = json_object();
    if (state->scope != PLIM__RDP_TAB)
        members = json_pack("{s:{s:b}}", "boundaries", "runtime", 1);
    if (members == NULL)
        return plim__no_memory(err, "a request");
    const plim__rdp_ask ask = {
        .actor = state->memory, .type = "saveHeapSnapshot", .members = members};
    plim__rdp_request *request = NULL;
    json_t *reply = NULL;
    uint64_t begin_ns = plim__loop_now_ns();
    job->since_s = plim__leftover_now_ms() / 1000u;
    plim_status status = plim__rdp_begin(state->connection, &ask, &request, err);
    if (status != PLIM_OK)
        return status;
    status = plim__flow_await(&job->flow, plim__rdp_done(request), err);
    job->result.pause_ns = plim__loop_now_ns() - begin_ns;
    if (status == PLIM_OK) {
        status = plim__rdp_finish(&request, &reply, err);
    } else if (!state->left) {
        state->saving = request; /* Firefox cannot stop: it is heard out when we leave */
        state->saving_since_s = job->since_s;
    } else {
        plim__rdp_drop(&request);
    }
    if (status == PLIM_OK && !fxshot_take_id(reply, job->id))
        status = plim_error_set(err, PLIM_ERR_PROTOCOL,
                                "saveHeapSnapshot: the reply names no "
                                "snapshot");
    json_decref(reply);
    return status;
}

static plim_status fxshot_transfer(fxshot_job *job, plim_error *err)
{
    const plim__rdp_state *state = plim__rdp_state_of(job->target);
    const plim__rdp_stream stream = {job, fxshot_on_begin, fxshot_on_data};
    plim__rdp_request *request = NULL;
    json_t *members = json_pack("{s:s}", "snapshotId", job->id);
    if (members == NULL)
        return plim__no_memory(err, "a request");
    const plim__rdp_ask ask = {.actor = state->files,
                               .type = "transferHeapSnapshot",
                               .members = members,
                               .stream = &stream};
    job->is_receiving = true;
    plim_status status = plim__rdp_begin(state->connection, &ask, &request, err);
    if (status == PLIM_OK) {
        status = plim__flow_await(&job->flow, plim__rdp_done(request), err);
        if (*plim__rdp_done(request) && status == PLIM_OK)
            status = plim__rdp_finish(&request, NULL, err);
        else
            plim__rdp_drop(&request);
    }
    return status;
}

/* ---- the file that Firefox leaves ---------------------------------------------------------- */

/* Where Firefox puts temporary files: what the first of these variables says. */
static void fxshot_directory(const plim_allocator *allocator, int64_t pid,
                             char out[SNAPSHOT_DIRECTORY_BYTES])
{
    static const char *const variables[] = {"TMPDIR=", "TMP=", "TEMP="};
    size_t best = sizeof variables / sizeof variables[0];
    size_t len = 0;
    char *text = plim__array_new(allocator, PLIM_COMMAND_BYTES_MAX, 1);
    (void)snprintf(out, SNAPSHOT_DIRECTORY_BYTES, "/tmp");
    if (text != NULL &&
        plim__process_environment(pid, text, PLIM_COMMAND_BYTES_MAX, &len) == PLIM_OK) {
        for (const char *at = text; at < text + len; at += strlen(at) + 1) {
            for (size_t i = 0; i < best; i++) {
                size_t name_len = strlen(variables[i]);
                if (strncmp(at, variables[i], name_len) != 0 || at[name_len] != '/' ||
                    strlen(at + name_len) >= SNAPSHOT_DIRECTORY_BYTES)
                    continue;
                memcpy(out, at + name_len, strlen(at + name_len) + 1);
                best = i;
            }
        }
    }
    plim__array_free(allocator, text, PLIM_COMMAND_BYTES_MAX, 1);
}

static void fxshot_remark(plim_target *target, const char *id, const char *why)
{
    (void)snprintf(target->remark, sizeof target->remark,
                   "Firefox has left %s.fxsnapshot in its temporary directory: %s", id, why);
}

/* Removes what Firefox has written, if it is that; a remark where it is left. size_bytes
   UINT64_MAX: what was written is not known. */
static void fxshot_remove_file(plim_target *target, const char *id, uint64_t since_s,
                               uint64_t size_bytes, uint64_t fingerprint)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    int64_t pid = state->browser.pid != 0 ? state->browser.pid : state->owner.process.pid;
    char directory[SNAPSHOT_DIRECTORY_BYTES];
    char path[SNAPSHOT_PATH_BYTES];
    plim__leftover which = {
        .path = path, .since_s = since_s, .size_bytes = size_bytes, .fingerprint = fingerprint};
    if (pid == 0 || plim__process_user(pid, &which.user) != PLIM_OK) {
        fxshot_remark(target, id, "it is not of this machine");
        return;
    }
    fxshot_directory(target->allocator, pid, directory);
    /* As that process sees it, which may be inside a container; then as we do. */
    (void)snprintf(path, sizeof path, "/proc/%lld/root%s/%s.fxsnapshot", (long long)pid, directory,
                   id);
    plim_status status = plim__leftover_remove(&which);
    if (status != PLIM_OK && status != PLIM_ERR_REFUSED) {
        (void)snprintf(path, sizeof path, "%s/%s.fxsnapshot", directory, id);
        status = plim__leftover_remove(&which);
    }
    if (status != PLIM_OK)
        fxshot_remark(target, id,
                      status == PLIM_ERR_REFUSED ? "what lies there is not what came"
                                                 : plim_status_text(status));
}

void plim__rdp_snapshot_leave(plim_target *target)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    uint64_t deadline_ns = plim__loop_deadline(fxshot_leave_most_ns);
    char id[SNAPSHOT_ID_BYTES];
    json_t *reply = NULL;
    if (state->saving == NULL)
        return;
    const bool *done = plim__rdp_done(state->saving);
    if (plim__loop_wait_either(target->loop, done, &state->left, deadline_ns) != PLIM_OK || !*done)
        plim__rdp_drop(&state->saving);
    else if (plim__rdp_finish(&state->saving, &reply, NULL) == PLIM_OK && fxshot_take_id(reply, id))
        fxshot_remove_file(target, id, state->saving_since_s, UINT64_MAX, 0);
    json_decref(reply);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static plim_status fxshot_receive(fxshot_job *job, plim_error *err)
{
    const plim_sink nowhere = {0};
    bool is_written = !job->discard && !job->is_timeline;
    plim_status status = plim__flow_start(&job->flow, is_written ? job->sink : nowhere, err);
    if (status != PLIM_OK)
        return status;
    plim_error receive_error = {0};
    plim_status received = fxshot_transfer(job, &receive_error);
    status = plim__flow_end(&job->flow, received, &receive_error, err);
    job->result.queue_peak_bytes = plim__flow_peak_bytes(&job->flow);
    job->result.byte_count = job->is_timeline ? job->written_bytes : job->raw_bytes;
    job->result.node_count = job->counts.node_count;
    job->result.edge_count = job->counts.edge_count;
    bool is_known = received == PLIM_OK && job->raw_bytes == job->expected_bytes;
    fxshot_remove_file(job->target, job->id, job->since_s,
                       is_known ? job->expected_bytes : UINT64_MAX, job->fingerprint);
    return status;
}

static plim_status fxshot_take(plim_target *target, const plim_snapshot_options *options,
                               const plim__firefox_timeline_options *timeline, plim_sink sink,
                               plim_snapshot_result *out_result, plim_error *err)
{
    static const plim_snapshot_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    PLIM_CHECK(options->discard || sink.write != NULL);
    fxshot_job *job = plim__array_new_zero(target->allocator, 1, sizeof *job);
    if (job == NULL)
        return plim__no_memory(err, "a snapshot");
    job->target = target;
    job->progress = options->progress;
    job->discard = options->discard;
    job->sink = sink;
    job->fingerprint = PLIM__LEFTOVER_SEED;
    if (timeline != NULL) {
        job->is_timeline = true;
        job->timeline = *timeline;
    }
    plim_status status = plim__flow_init(&job->flow, target->allocator, target->loop, &fxshot_flow,
                                         job, target->options.stall_timeout_ns, err);
    if (status == PLIM_OK)
        status = fxshot_save(job, err);
    if (status == PLIM_OK)
        status = fxshot_receive(job, err);
    if (out_result != NULL)
        *out_result = job->result;
    plim__flow_fini(&job->flow);
    plim__array_free(target->allocator, job, 1, sizeof *job);
    return status;
}

plim_status plim__rdp_snapshot(plim_target *target, const plim_snapshot_options *options,
                               plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    plim_status status = plim__rdp_attach(target, err);
    return status == PLIM_OK ? fxshot_take(target, options, NULL, sink, out_result, err) : status;
}

plim_status plim__rdp_timeline(plim_target *target, const plim_snapshot_options *options,
                               plim_sink sink, plim_snapshot_result *out_result, plim_error *err)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_log *log = &state->log;
    double now_ms = (double)plim__leftover_now_ms();
    const plim__firefox_timeline_options timeline = {
        .duration_us =
            now_ms > log->begun_unix_ms ? (uint64_t)((now_ms - log->begun_unix_ms) * 1000.0) : 0,
        .without_stacks = !state->wants_stacks,
    };
    return fxshot_take(target, options, &timeline, sink, out_result, err);
}
