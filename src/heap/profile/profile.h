/* SPDX-License-Identifier: MIT */
/**
 * @file profile.h
 * @brief Inside a profile: how its readers build it, and what its writers share.
 *
 * Thread-safety: one thread while it is built; immutable afterwards.
 */
#ifndef PLIM_HEAP_PROFILE_H
#define PLIM_HEAP_PROFILE_H
#include <plimsoll/profile.h>

#include "heap/formats/rows.h"
#include "heap/text_table.h"

enum { PLIM__PROFILE_MAGIC = 0x7a96e0f1 };

struct plim_profile {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__rows frames;           /* plim_profile_frame */
    plim__rows calls;            /* plim_profile_call */
    plim__text_arena arena;      /* the bytes of all texts and keys */
    plim__text_table texts;      /* names and sources */
    plim__text_table frame_keys; /* a frame as numbers; its place here is its number */
    plim_profile_info info;
};

/** An empty one; NULL if memory was refused. */
plim_profile *plim__profile_new(const plim_allocator *allocator);

/** The number of a frame, added if it is new; PLIM_NONE if memory was refused. */
uint32_t plim__profile_frame_add(plim_profile *profile, plim_text function, plim_text source,
                                 uint32_t line, uint32_t column);

/** A call below one that is there (PLIM_NONE: the root), without a frame or figures. */
plim_status plim__profile_call_add(plim_profile *profile, uint32_t parent, uint32_t *out_call,
                                   plim_error *err);

/** A call to write to. */
static inline plim_profile_call *plim__profile_call(const plim_profile *profile, uint32_t call)
{
    return &((plim_profile_call *)profile->calls.data)[call];
}

/** A frame. */
static inline const plim_profile_frame *plim__profile_frame(const plim_profile *profile,
                                                            uint32_t frame)
{
    return &((const plim_profile_frame *)profile->frames.data)[frame];
}

/** a + b, or INT64_MAX: figures of a hostile file add up to more. */
static inline uint64_t plim__profile_add(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum < a || sum > INT64_MAX ? (uint64_t)INT64_MAX : sum;
}

/** The last step: totals, the main measure; known is bits of 1u << plim_measure. */
void plim__profile_settle(plim_profile *profile, uint32_t known, uint64_t interval_bytes);

/** Writers, one a form; options are never NULL and have an allocator. */
typedef plim_status plim__profile_writer(const plim_profile *profile, plim_sink sink,
                                         const plim_profile_write_options *options,
                                         plim_error *err);
plim__profile_writer plim__profile_write_heapprofile;
plim__profile_writer plim__profile_write_pprof;
plim__profile_writer plim__profile_write_folded;
plim__profile_writer plim__profile_write_speedscope;
plim__profile_writer plim__profile_write_html;

/** What a function is called where it has no name. */
static inline plim_text plim__profile_shown_name(const plim_profile_frame *frame)
{
    return frame->function.size_bytes > 0 ? frame->function : PLIM__TEXT("(anonymous)");
}

#endif
