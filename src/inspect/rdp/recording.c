/* SPDX-License-Identifier: MIT */
/*
 * Firefox's log of allocations, which sampling and tracking are made of. While it is on, each
 * allocation (or one of so many, by a coin) is noted with its stack; the notes lie in a ring until
 * they are pushed to us, twice or more a second. What a full ring has lost is not said by Firefox:
 * a batch as long as the ring is taken as the sign of it, and the result says so.
 * What was freed meanwhile is not known: the log's figures are of all that was allocated. What is
 * alive is known by the snapshot that ends a tracking, whose new nodes have their stacks.
 */
#include <plimsoll/codec.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/rdp/rdp.h"
#include "platform/leftover.h"

enum {
    RECORDING_DRAIN_MS = 250,
    RECORDING_SAMPLE_RING = 100000,
    RECORDING_TRACK_RING = 500000, /* 2 million allocations a second between two drains */
    RECORDING_OBJECT_BYTES = 512   /* so many bytes of the user's interval are one allocation */
};

static const uint64_t recording_timeout_ns = 10000000000u;
static const uint64_t recording_leave_timeout_ns = 2000000000u;
static const double recording_rarest = 1.0 / 4096;

static plim_status recording_start(plim_target *target, double probability, uint32_t ring,
                                   plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    plim_status status = plim__rdp_attach(target, err);
    if (status != PLIM_OK)
        return status;
    json_t *members =
        json_pack("{s:{s:f,s:I,s:i}}", "options", "probability", probability, "maxLogLength",
                  (json_int_t)ring, "drainAllocationsTimeout", RECORDING_DRAIN_MS);
    if (members == NULL)
        return plim__no_memory(err, "a request");
    const plim__rdp_ask ask = {
        .actor = state->memory, .type = "startRecordingAllocations", .members = members};
    json_t *reply = NULL;
    state->log = (plim__rdp_log){.allocator = target->allocator, .ring = ring};
    status = plim__rdp_call(state->connection, &ask,
                            plim__target_timeout(target, recording_timeout_ns), &reply, err);
    state->is_recording = status == PLIM_OK || status == PLIM_ERR_TIMEOUT;
    state->log.begun_ms = json_number_value(json_object_get(reply, "value"));
    state->log.begun_unix_ms = (double)plim__leftover_now_ms();
    json_decref(reply);
    return status;
}

static plim_status recording_lost(plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_GONE,
                                        "the page was left while it was recorded, and its log "
                                        "went with it");
    plim_error_hint(err, "record again, without leaving the page meanwhile");
    return status;
}

/* What is still in the ring, and no more from here on. */
static plim_status recording_drain(plim_target *target, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_ask ask = {.actor = state->memory, .type = "getAllocations"};
    json_t *reply = NULL;
    plim_status status = plim__rdp_call(
        state->connection, &ask, plim__target_timeout(target, recording_timeout_ns), &reply, err);
    if (status == PLIM_OK)
        status = plim__rdp_log_read(&state->log, reply, err);
    json_decref(reply);
    return status;
}

static plim_status recording_stop(plim_target *target, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_ask ask = {.actor = state->memory, .type = "stopRecordingAllocations"};
    plim_status status = plim__rdp_call(
        state->connection, &ask, plim__target_timeout(target, recording_timeout_ns), NULL, err);
    if (status == PLIM_OK)
        state->is_recording = false;
    return status;
}

/* The page may have been left at any moment: then what fails fails for that. */
static plim_status recording_judge(const plim_target *target, plim_status status,
                                   const plim_error *why, plim_error *err)
{
    if (plim__rdp_state_of(target)->left &&
        plim__rdp_status(plim__rdp_state_of(target)->connection, NULL) == PLIM_OK)
        return recording_lost(err);
    if (status != PLIM_OK && err != NULL && err->status == PLIM_OK)
        *err = *why;
    return status;
}

static void recording_end(plim__rdp_state *state)
{
    plim__rdp_log_fini(&state->log);
    state->is_sampling = state->is_tracking = state->is_recording = false;
}

static void recording_remark(plim_target *target, const char *what)
{
    const plim__rdp_log *log = &plim__rdp_state_of(target)->log;
    char overflow[128] = "";
    if (log->overflow_count > 0)
        (void)snprintf(overflow, sizeof overflow,
                       "; Firefox's log was full %u times, and what it lost then is missing",
                       (unsigned)log->overflow_count);
    (void)snprintf(target->remark, sizeof target->remark, "%s%s", what, overflow);
}

void plim__rdp_recording_leave(plim_target *target)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_ask ask = {.actor = state->memory, .type = "stopRecordingAllocations"};
    uint64_t timeout_ns = plim__target_timeout(target, recording_leave_timeout_ns);
    if (state->is_recording && !state->left &&
        plim__rdp_call(state->connection, &ask, timeout_ns, NULL, NULL) == PLIM_OK)
        state->is_recording = false; /* else it ends with the connection */
    recording_end(state);
}

/* ---- sampling ------------------------------------------------------------------------------ */

plim_status plim__rdp_sampling_start(plim_target *target, const plim_sampling_options *options,
                                     plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    uint64_t interval =
        options != NULL && options->interval_bytes != 0 ? options->interval_bytes : 32768;
    if (state->is_recording)
        return plim_error_set(err, PLIM_ERR_USAGE, "a recording is on already");
    double probability = (double)RECORDING_OBJECT_BYTES / (double)interval;
    probability = probability > 1 ? 1 : probability;
    state->probability = probability < recording_rarest ? recording_rarest : probability;
    plim_status status = recording_start(target, state->probability, RECORDING_SAMPLE_RING, err);
    state->is_sampling = state->is_recording;
    return status;
}

plim_status plim__rdp_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    plim_error why = {0};
    char remark[PLIM__REMARK_BYTES];
    if (!state->is_sampling)
        return plim_error_set(err, PLIM_ERR_USAGE, "sampling has not been started");
    plim_profile *profile = NULL;
    plim_status status = state->left ? PLIM_ERR_GONE : recording_drain(target, &why);
    if (status == PLIM_OK)
        status = recording_stop(target, &why);
    status = recording_judge(target, status, &why, err);
    if (status == PLIM_OK)
        status = plim__rdp_log_take(&state->log, 1 / state->probability, &profile, err);
    if (status == PLIM_OK) {
        const plim_profile_write_options options = {.struct_bytes = sizeof options,
                                                    .form = PLIM_PROFILE_HEAPPROFILE,
                                                    .allocator = target->allocator};
        (void)snprintf(remark, sizeof remark,
                       "Firefox samples by number, 1 allocation of %.0f, and does not say what "
                       "was freed: the figures are of all that was allocated, and rare large "
                       "objects may be missing",
                       1 / state->probability);
        recording_remark(target, remark);
        status = plim_profile_write(profile, sink, &options, err);
    }
    plim_profile_destroy(&profile);
    if (status == PLIM_OK || state->left)
        recording_end(state);
    return status;
}

/* ---- tracking ------------------------------------------------------------------------------ */

plim_status plim__rdp_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    if (state->is_recording)
        return plim_error_set(err, PLIM_ERR_USAGE, "a recording is on already");
    state->wants_stacks = stacks;
    plim_status status = recording_start(target, 1, RECORDING_TRACK_RING, err);
    state->is_tracking = state->is_recording;
    return status;
}

static plim_status recording_not_begun(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_USAGE, "tracking has not been started");
}

plim_status plim__rdp_tracking_poll(plim_target *target, uint64_t wait_ns,
                                    const plim_track_interval **out_intervals, uint32_t *out_count,
                                    plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    if (!state->is_tracking)
        return recording_not_begun(err);
    plim_status status = plim__loop_wait(target->loop, &state->left, plim__loop_deadline(wait_ns));
    if (state->left)
        return recording_lost(err);
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "the recording was interrupted");
    status = plim__rdp_status(state->connection, err);
    if (status != PLIM_OK)
        return status;
    *out_intervals = state->log.intervals;
    *out_count = state->log.interval_count;
    return PLIM_OK;
}

plim_status plim__rdp_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                    plim_sink sink, plim_snapshot_result *out_result,
                                    plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    plim_error why = {0};
    if (!state->is_tracking)
        return recording_not_begun(err);
    plim_status status = state->left ? PLIM_ERR_GONE : recording_drain(target, &why);
    /* While it is still on: afterwards the nodes have no stacks any more. */
    if (status == PLIM_OK)
        status = plim__rdp_timeline(target, options, sink, out_result, &why);
    char left[PLIM__REMARK_BYTES]; /* what the snapshot had to say */
    memcpy(left, target->remark, sizeof left);
    if (!state->left && status != PLIM_ERR_INTERRUPTED && state->is_recording)
        (void)recording_stop(target, NULL);
    status = recording_judge(target, status, &why, err);
    if (status == PLIM_OK && left[0] == '\0')
        recording_remark(target, "Firefox does not say when an object of the timeline was made, "
                                 "only that it was made while it ran");
    if (!state->is_recording || state->left)
        recording_end(state);
    return status;
}
