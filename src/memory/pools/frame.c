/* SPDX-License-Identifier: MIT */
/*
 * Frames over pools. Begin notes two counters per pool, end compares and releases: the price of a
 * frame is per pool and per 64 slots, never per buffer.
 * Invariants: P7 in every frame and pool, slots acquired + in use before == released + collected +
 *                in use after; in use after are exactly the pinned ones.
 *             F4 a frame begins and ends in turn: a begin inside a frame, or an end outside of one,
 *                is refused and changes nothing but the depth.
 */
#include <plimsoll/frame.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "memory/checks/panic.h"
#include "memory/engine/watch.h"
#include "memory/pools/pool_state.h"

enum { FRAME_MAGIC = 0x0f7a3e55 };

typedef struct frame_pool {
    plim_pool *pool;
    uint64_t released; /* at begin */
    uint32_t in_use;   /* at begin */
} frame_pool;

struct plim_frame {
    plim__watch watch; /* first: frame_note() finds the frame by it */
    uint32_t magic;
    uint32_t depth; /* begins without their ends */
    uint32_t pool_count;
    uint32_t pin_frames_max;
    uint32_t warm_frame_count;
    bool strict;
    plim_frame_hook *hook;
    void *hook_ctx;
    const plim_allocator *allocator;
    plim_frame_stats sum;
    /* Of the frame that is open. */
    uint64_t event_count;
    uint64_t allocation_count;
    uint64_t allocation_bytes;
    frame_pool pools[];
};

static size_t frame_bytes(uint32_t pool_count)
{
    return sizeof(plim_frame) + pool_count * sizeof(frame_pool);
}

static void frame_tell(plim_frame *frame, plim_frame_event event)
{
    event.frame_number = frame->sum.frame_count + 1;
    if (event.frame_number <= frame->warm_frame_count)
        return;
    if (event.site == NULL)
        event.site = "";
    frame->event_count++;
    if (frame->hook != NULL)
        frame->hook(frame->hook_ctx, &event);
}

static void frame_tell_slot(plim_frame *frame, const plim_pool *pool, uint32_t index,
                            plim_frame_event_kind kind)
{
    plim_pool_holder holder;
    if (!plim_pool_holder_read(pool, index, &holder))
        return;
    frame_tell(frame, (plim_frame_event){
                          .kind = kind,
                          .site = holder.site,
                          .owner = pool->name,
                          .count = 1,
                          .bytes = (uint64_t)holder.element_count * pool->element_bytes,
                      });
}

/* Strict frames: what the program did not give back itself. */
static void frame_tell_left(plim_frame *frame, const plim_pool *pool)
{
    for (uint32_t w = 0; w < pool->word_count; w++) {
        uint64_t left = plim__pool_used_word(pool, w) & ~pool->pinned[w];
        for (; left != 0; left &= left - 1)
            frame_tell_slot(frame, pool, w * PLIM__POOL_WORD_BITS + (uint32_t)__builtin_ctzll(left),
                            PLIM_FRAME_LEFT);
    }
}

/* Slots pinned inside a frame: told once, in the frame in which they have been held too long. */
static void frame_tell_kept(plim_frame *frame, const plim_pool *pool)
{
    for (uint32_t w = 0; w < pool->word_count; w++) {
        for (uint64_t kept = pool->temporary[w]; kept != 0; kept &= kept - 1) {
            uint32_t index = w * PLIM__POOL_WORD_BITS + (uint32_t)__builtin_ctzll(kept);
            uint64_t age = frame->sum.frame_count + 1 - pool->notes[index].pinned_frame;
            if (age == frame->pin_frames_max)
                frame_tell_slot(frame, pool, index, PLIM_FRAME_KEPT);
        }
    }
}

static __attribute__((noinline)) void frame_tell_pool(plim_frame *frame, const plim_pool *pool)
{
    if (frame->strict)
        frame_tell_left(frame, pool);
    if (pool->pinned_count > 0)
        frame_tell_kept(frame, pool);
}

static void frame_end_pool(plim_frame *frame, frame_pool *entry, plim_frame_stats *now)
{
    plim_pool *pool = entry->pool;
    if (frame->strict || pool->pinned_count > 0)
        frame_tell_pool(frame, pool);
    uint64_t released = pool->released_total - entry->released;
    uint32_t collected =
        plim__pool_is_plain(pool) ? plim__pool_release_word(pool) : plim__pool_release_loose(pool);
    uint64_t acquired = released + collected + pool->pinned_count - entry->in_use; /* P7 */
    pool->frame_acquired = acquired;
    pool->frame_number = 0;
    now->acquired += acquired;
    now->released += released;
    now->collected += collected;
    now->pinned += pool->pinned_count;
}

/* The manager gave a block inside the frame. */
static void frame_note(plim__watch *watch, const char *owner, size_t bytes, const char *site)
{
    plim_frame *frame = (plim_frame *)(void *)watch;
    frame->allocation_count++;
    frame->allocation_bytes += bytes;
    frame_tell(frame, (plim_frame_event){
                          .kind = PLIM_FRAME_ALLOCATED,
                          .site = plim__site_text(site),
                          .owner = owner,
                          .count = 1,
                          .bytes = bytes,
                      });
}

/* Apart, so that a frame that is not nested pays nothing for the event's room. */
static __attribute__((noinline)) plim_status frame_nested(plim_frame *frame, const char *site)
{
    frame_tell(frame, (plim_frame_event){
                          .kind = PLIM_FRAME_NESTED, .site = site, .owner = "", .count = 1});
    return PLIM_ERR_BUSY;
}

plim_status plim_frame_begin(plim_frame *frame, const char *site)
{
    PLIM_CHECK_OBJ(frame, FRAME_MAGIC);
    if (frame->depth++ > 0)
        return frame_nested(frame, site);
    frame->event_count = 0;
    frame->allocation_count = 0;
    frame->allocation_bytes = 0;
    plim__watch_begin(&frame->watch);
    for (uint32_t i = 0; i < frame->pool_count; i++) {
        frame_pool *entry = &frame->pools[i];
        entry->released = entry->pool->released_total;
        entry->in_use = plim__pool_in_use(entry->pool);
        entry->pool->frame_number = frame->sum.frame_count + 1;
    }
    return PLIM_OK;
}

static void frame_add_up(plim_frame_stats *sum, const plim_frame_stats *now)
{
    sum->frame_count++;
    sum->acquired += now->acquired;
    sum->released += now->released;
    sum->collected += now->collected;
    sum->pinned = now->pinned;
    sum->allocation_count += now->allocation_count;
    sum->allocation_bytes += now->allocation_bytes;
    sum->event_count += now->event_count;
}

plim_status plim_frame_end(plim_frame *frame, plim_frame_stats *out_stats)
{
    PLIM_CHECK_OBJ(frame, FRAME_MAGIC);
    if (frame->depth == 0)
        return PLIM_ERR_USAGE;
    if (--frame->depth > 0) {
        if (out_stats != NULL)
            *out_stats = (plim_frame_stats){0};
        return PLIM_OK;
    }
    plim__watch_end(&frame->watch);
    plim_frame_stats now = {.frame_count = 1,
                            .allocation_count = frame->allocation_count,
                            .allocation_bytes = frame->allocation_bytes};
    for (uint32_t i = 0; i < frame->pool_count; i++)
        frame_end_pool(frame, &frame->pools[i], &now);
    now.event_count = frame->event_count;
    frame_add_up(&frame->sum, &now);
    if (out_stats != NULL)
        *out_stats = now;
    return PLIM_OK;
}

void plim_frame_stats_read(const plim_frame *frame, plim_frame_stats *out_stats)
{
    PLIM_CHECK_OBJ(frame, FRAME_MAGIC);
    *out_stats = frame->sum;
}

const char *plim_frame_event_name(plim_frame_event_kind kind)
{
    switch (kind) {
    case PLIM_FRAME_ALLOCATED:
        return "allocated";
    case PLIM_FRAME_KEPT:
        return "kept";
    case PLIM_FRAME_LEFT:
        return "left";
    case PLIM_FRAME_NESTED:
        return "nested";
    }
    return "unknown";
}

/* Takes the pools one by one; gives them all back if one is taken. */
static plim_status frame_claim(plim_frame *frame, const plim_frame_options *options,
                               plim_error *err)
{
    for (uint32_t i = 0; i < options->pool_count; i++) {
        plim_pool *pool = options->pools[i];
        PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
        if (pool->in_frame_list) {
            for (uint32_t k = 0; k < i; k++)
                frame->pools[k].pool->in_frame_list = false;
            return plim_error_set(err, PLIM_ERR_BUSY, "pool %s is in a frame already", pool->name);
        }
        pool->in_frame_list = true;
        frame->pools[i].pool = pool;
    }
    frame->pool_count = options->pool_count;
    return PLIM_OK;
}

plim_status plim_frame_create(const plim_frame_options *options, plim_frame **out_frame,
                              plim_error *err)
{
    PLIM_CHECK(options != NULL && out_frame != NULL);
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "struct_bytes is not sizeof(plim_frame_options)");
    if (options->pool_count > PLIM_FRAME_POOLS_MAX ||
        (options->pool_count > 0 && options->pools == NULL))
        return plim_error_set(err, PLIM_ERR_USAGE, "a frame has 0 to %d pools, not %u",
                              PLIM_FRAME_POOLS_MAX, options->pool_count);
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    size_t bytes = frame_bytes(options->pool_count);
    plim_frame *frame = plim__array_new_zero(allocator, 1, bytes);
    if (frame == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for a frame of %u pools",
                              options->pool_count);
    frame->magic = FRAME_MAGIC;
    frame->watch.note = frame_note;
    frame->pin_frames_max =
        options->pin_frames_max != 0 ? options->pin_frames_max : PLIM_FRAME_PIN_FRAMES_DEFAULT;
    frame->warm_frame_count = options->warm_frame_count;
    frame->strict = options->strict;
    frame->hook = options->hook;
    frame->hook_ctx = options->hook_ctx;
    frame->allocator = allocator;
    plim_status status = frame_claim(frame, options, err);
    if (status != PLIM_OK) {
        plim__array_free(allocator, frame, 1, bytes);
        return status;
    }
    *out_frame = frame;
    return PLIM_OK;
}

void plim_frame_destroy(plim_frame **frame)
{
    if (frame == NULL || *frame == NULL)
        return;
    plim_frame *ended = *frame;
    PLIM_CHECK_OBJ(ended, FRAME_MAGIC);
    PLIM_CHECK(ended->depth == 0);
    for (uint32_t i = 0; i < ended->pool_count; i++)
        ended->pools[i].pool->in_frame_list = false;
    ended->magic = 0;
    plim__array_free(ended->allocator, ended, 1, frame_bytes(ended->pool_count));
    *frame = NULL;
}
