/* SPDX-License-Identifier: MIT */
/*
 * Collections are known from two sides. The memory actor tells of each major collection, with its
 * slices, once it has ended. The Gecko profiler knows minor ones, too, and sizes; it is the whole
 * browser's, so it is used only where nobody else runs it, without stacks and without sampling, and
 * its profile is asked for at the end and only the collections of our process are read out of it.
 * Where that fails, what the memory actor told is the answer, and a remark says what is missing.
 */
#include <plimsoll/codec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/rdp/rdp.h"

enum { GC_PROFILE_ENTRIES = 1 << 20, GC_PROFILE_INTERVAL_MS = 1000 };

static const uint64_t gc_timeout_ns = 10000000000u;
static const uint64_t gc_profile_timeout_ns = 30000000000u; /* a dozen processes are asked */

/* Bytes of a bulk packet, then what they unpack to. */
typedef struct gc_text {
    const plim_allocator *allocator;
    char *data;
    size_t len;
    size_t cap;
    size_t read; /* of it as a source */
} gc_text;

static plim_status gc_text_add(void *ctx, const char *data, size_t len, plim_error *err)
{
    gc_text *text = ctx;
    if (len > PLIM_CONTROL_BYTES_MAX - text->len)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a profile of more than %u bytes",
                              PLIM_CONTROL_BYTES_MAX);
    if (len > text->cap - text->len) {
        size_t cap = text->cap == 0 ? 1 << 16 : text->cap * 2;
        while (cap - text->len < len)
            cap *= 2;
        char *grown = plim__array_resize(text->allocator, text->data, text->cap, cap, 1);
        if (grown == NULL)
            return plim__no_memory(err, "a profile");
        text->data = grown;
        text->cap = cap;
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
    return PLIM_OK;
}

static plim_status gc_text_begin(void *ctx, uint64_t len, plim_error *err)
{
    (void)ctx;
    (void)len;
    (void)err;
    return PLIM_OK;
}

static plim_status gc_text_read(void *ctx, void *out, size_t cap, size_t *out_len, plim_error *err)
{
    gc_text *text = ctx;
    size_t left = text->len - text->read;
    (void)err;
    *out_len = left < cap ? left : cap;
    if (*out_len > 0)
        memcpy(out, text->data + text->read, *out_len);
    text->read += *out_len;
    return PLIM_OK;
}

static void gc_text_fini(gc_text *text)
{
    plim__array_free(text->allocator, text->data, text->cap, 1);
}

static plim_status gc_unpack(gc_text *packed, json_t **out_profile, plim_error *err)
{
    gc_text plain = {.allocator = packed->allocator};
    plim_decoder *decoder = NULL;
    char piece[4096];
    size_t len = 1;
    const plim_source raw = {.ctx = packed, .read = gc_text_read};
    plim_status status = plim_decoder_create(raw, packed->allocator, &decoder, err);
    while (status == PLIM_OK && len > 0) {
        plim_source source = plim_decoder_view(decoder);
        status = source.read(source.ctx, piece, sizeof piece, &len, err);
        if (status == PLIM_OK && len > 0)
            status = gc_text_add(&plain, piece, len, err);
    }
    plim_decoder_destroy(&decoder);
    if (status == PLIM_OK) {
        *out_profile = json_loadb(plain.data, plain.len, JSON_ALLOW_NUL, NULL);
        if (*out_profile == NULL)
            status = plim_error_set(err, PLIM_ERR_PROTOCOL, "the Gecko profile cannot be read");
    }
    gc_text_fini(&plain);
    return status;
}

/* ---- the profiler -------------------------------------------------------------------------- */

static plim_status gc_ask(plim_target *target, const char *type, json_t *members,
                          uint64_t timeout_ns, json_t **out_reply, plim_error *err)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    const plim__rdp_ask ask = {.actor = state->perf, .type = type, .members = members};
    return plim__rdp_call(state->connection, &ask, plim__target_timeout(target, timeout_ns),
                          out_reply, err);
}

/* True if nobody had it running and it runs now. */
static bool gc_start_profiler(plim_target *target)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    json_t *reply = NULL;
    if (state->perf[0] == '\0' ||
        gc_ask(target, "isActive", NULL, gc_timeout_ns, &reply, NULL) != PLIM_OK)
        return false;
    bool is_free = json_is_false(json_object_get(reply, "value"));
    json_decref(reply);
    if (!is_free)
        return false;
    json_t *members = json_pack("{s:i,s:i,s:i,s:[s],s:[s]}", "entries", GC_PROFILE_ENTRIES,
                                "duration", 0, "interval", GC_PROFILE_INTERVAL_MS, "features",
                                "nostacksampling", "threads", "GeckoMain");
    reply = NULL;
    bool runs = members != NULL &&
                gc_ask(target, "startProfiler", members, gc_timeout_ns, &reply, NULL) == PLIM_OK;
    runs = runs && json_is_true(json_object_get(reply, "value"));
    json_decref(reply);
    return runs;
}

static plim_status gc_fetch_profile(plim_target *target, json_t **out_profile, plim_error *err)
{
    const plim__rdp_state *state = plim__rdp_state_of(target);
    json_t *reply = NULL;
    plim_status status =
        gc_ask(target, "startCaptureAndStopProfiler", NULL, gc_profile_timeout_ns, &reply, err);
    if (status != PLIM_OK)
        return status;
    json_int_t handle = json_integer_value(json_object_get(reply, "value"));
    json_decref(reply);
    gc_text packed = {.allocator = target->allocator};
    const plim__rdp_stream stream = {&packed, gc_text_begin, gc_text_add};
    json_t *members = json_pack("{s:I}", "handle", handle);
    if (members == NULL)
        return plim__no_memory(err, "a request");
    const plim__rdp_ask ask = {.actor = state->perf,
                               .type = "getPreviouslyCapturedProfileDataBulk",
                               .members = members,
                               .stream = &stream};
    status = plim__rdp_call(state->connection, &ask,
                            plim__target_timeout(target, gc_profile_timeout_ns), NULL, err);
    if (status == PLIM_OK)
        status = gc_unpack(&packed, out_profile, err);
    gc_text_fini(&packed);
    return status;
}

plim_status plim__rdp_gc_start(plim_target *target, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    plim_status status = plim__rdp_attach(target, err);
    if (status != PLIM_OK)
        return status;
    state->gc.count = 0;
    state->gc.first_ms = -1;
    state->gc.too_many = false;
    state->gc.profiles = state->gc.profiles || gc_start_profiler(target);
    state->gc.is_on = true;
    return PLIM_OK;
}

plim_status plim__rdp_gc_stop(plim_target *target, const plim_gc_event **out_events,
                              uint32_t *out_count, plim_error *err)
{
    plim__rdp_state *state = plim__rdp_state_of(target);
    plim__rdp_gc *gc = &state->gc;
    plim_error why = {0};
    if (!gc->is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "collections are not observed");
    plim_status status = PLIM_ERR_UNSUPPORTED;
    json_t *profile = NULL;
    if (gc->profiles) {
        status = gc_fetch_profile(target, &profile, &why);
        gc->profiles = false;
    }
    gc->is_on = false;
    if (status == PLIM_OK)
        status = plim__rdp_gc_read(gc, target->allocator, profile, state->page_pid, &why);
    json_decref(profile);
    if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_GONE || status == PLIM_ERR_NO_MEMORY)
        return plim_error_set(err, status, "%s", why.what);
    if (status != PLIM_OK)
        (void)snprintf(target->remark, sizeof target->remark,
                       "minor collections are missing: Firefox's profiler %s",
                       status == PLIM_ERR_UNSUPPORTED ? "is another's" : "gave no profile");
    *out_events = gc->events;
    *out_count = gc->count;
    return PLIM_OK;
}

void plim__rdp_gc_leave(plim_target *target)
{
    plim__rdp_gc *gc = &plim__rdp_state_of(target)->gc;
    if (gc->profiles)
        (void)gc_ask(target, "stopProfilerAndDiscardProfile", NULL, gc_timeout_ns, NULL, NULL);
    gc->profiles = gc->is_on = false;
}
