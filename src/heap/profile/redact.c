/* SPDX-License-Identifier: MIT */
/*
 * A profile without the names that a program gave: each distinct text becomes "redactedN", N by
 * first appearance, functions and sources numbered together. What the sampler itself says instead
 * of a name stays, where the source is empty: a function of a program has one.
 *
 * Invariants: R1 different texts stay different, so frames stay distinct and keep their numbers.
 * R2 on failure the profile is as it was.
 */
#include <plimsoll/redact.h>

#include <stdio.h>

#include "base/assert.h"
#include "heap/profile/profile.h"

enum { REDACT_PROFILE_NAME_BYTES = 32 };

typedef struct redact_frames {
    plim_profile *made;
    plim__text_table secrets; /* borrows the old profile's texts */
} redact_frames;

/* What V8's profilers and ours put where there is no function. */
static bool redact_frames_keeps(const plim_profile_frame *frame)
{
    static const char *const kept[] = {
        "(root)", "(anonymous)", "(V8 API)", "(GC)",       "(PARSER)", "(BYTECODE_COMPILER)",
        "(JS)",   "(COMPILER)",  "(OTHER)",  "(EXTERNAL)", "(IDLE)",   "(native)",
    };
    if (frame->source.size_bytes > 0)
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (plim__text_equal(frame->function, (plim_text){kept[i], strlen(kept[i])}))
            return true;
    }
    return false;
}

/* The text that stands for another; false if memory was refused. */
static bool redact_frames_text(redact_frames *state, plim_text text,
                               char room[REDACT_PROFILE_NAME_BYTES], plim_text *out_text)
{
    *out_text = text;
    if (text.size_bytes == 0)
        return true;
    uint32_t number = plim__text_table_add(&state->secrets, text);
    if (number == PLIM_NONE)
        return false;
    int len = snprintf(room, REDACT_PROFILE_NAME_BYTES, "redacted%u", number + 1);
    PLIM_CHECK(len > 0 && len < REDACT_PROFILE_NAME_BYTES);
    *out_text = (plim_text){room, (size_t)len};
    return true;
}

static bool redact_frames_all(redact_frames *state, const plim_profile *profile)
{
    for (uint32_t i = 0; i < profile->info.frame_count; i++) {
        const plim_profile_frame *frame = plim__profile_frame(profile, i);
        char rooms[2][REDACT_PROFILE_NAME_BYTES];
        plim_text function = frame->function;
        plim_text source = frame->source;
        if (!redact_frames_keeps(frame) &&
            (!redact_frames_text(state, frame->function, rooms[0], &function) ||
             !redact_frames_text(state, frame->source, rooms[1], &source)))
            return false;
        uint32_t number =
            plim__profile_frame_add(state->made, function, source, frame->line, frame->column);
        if (number == PLIM_NONE)
            return false;
        PLIM_CHECK(number == i); /* R1 */
    }
    return true;
}

plim_status plim_profile_redact(plim_profile *profile, uint64_t *out_texts, plim_error *err)
{
    PLIM_CHECK_OBJ(profile, PLIM__PROFILE_MAGIC);
    redact_frames state = {.made = plim__profile_new(profile->allocator),
                           .secrets = {.allocator = profile->allocator}};
    bool is_done = state.made != NULL && redact_frames_all(&state, profile);
    if (is_done) {
        plim_profile old = *profile;
        profile->frames = state.made->frames;
        profile->arena = state.made->arena;
        profile->texts = state.made->texts;
        profile->frame_keys = state.made->frame_keys;
        state.made->frames = old.frames;
        state.made->arena = old.arena;
        state.made->texts = old.texts;
        state.made->frame_keys = old.frame_keys;
        if (out_texts != NULL)
            *out_texts = state.secrets.count;
    }
    plim__text_table_fini(&state.secrets);
    plim_profile_destroy(&state.made);
    return is_done ? PLIM_OK : plim__no_memory(err, "a redacted profile");
}
