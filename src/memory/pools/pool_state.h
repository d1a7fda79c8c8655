/* SPDX-License-Identifier: MIT */
/**
 * @file pool_state.h
 * @brief Private: what a pool is made of, for frames and fingerprints.
 */
#ifndef PLIM_MEMORY_POOL_STATE_H
#define PLIM_MEMORY_POOL_STATE_H
#include <plimsoll/pool.h>

#include "base/bits.h"

enum {
    PLIM__POOL_MAGIC = 0x0b0a7f11,
    PLIM__POOL_WORD_BITS = 64,
    PLIM__POOL_LINE_BYTES = 64, /* a cache line: alignment of buffers, and size of a guard */
    PLIM__POOL_WORDS_MAX = PLIM_POOL_SLOTS_MAX / PLIM__POOL_WORD_BITS
};

/* What is known of a slot beyond its place: from level standard on, and of pinned ones. */
typedef struct plim__pool_note {
    const char *site; /* of the acquire, or of the pin below level standard */
    uint64_t order;   /* of the acquire, level standard; 0: unknown */
    uint64_t pinned_frame;
    uint32_t element_count; /* asked for; below level standard what there is room for */
    uint32_t poisoned;      /* bytes filled at the release; 0: none */
} plim__pool_note;

struct plim_pool {
    plim__pool_head head; /* first: pool.h's inline acquire reads it */
    uint32_t magic;
    uint32_t element_count_max;
    uint64_t open_words; /* bit w set: free[w] may be not 0; clear: it is 0 */
    uint64_t *free;      /* bit set: the slot is free */
    uint64_t *pinned;    /* subset of the slots in use */
    uint64_t *temporary; /* of the pinned, those pinned inside a frame */
    plim__pool_place *places;
    plim__pool_note *notes;
    uint64_t acquired_counted; /* by the slow path alone; so all of them where `slow` */
    uint64_t released_total;
    uint64_t refused_total;
    uint64_t stale_total;
    uint32_t pinned_count;
    uint32_t high_water; /* of what was released so far: see pool_high_water() */
    uint32_t slot_count;
    uint32_t word_count;
    uint32_t element_bytes;
    plim_poison poison;
    plim_verify verify;
    plim_pool_policy policy;
    const plim_allocator *allocator;
    plim_panic_hook *panic;
    void *panic_ctx;
    uint64_t frame_number;   /* of the frame that is open; 0: none */
    uint64_t frame_acquired; /* by the last frame that ended */
    bool slow;               /* acquire and release have more to do than set bits */
    bool in_frame_list;
    size_t block_bytes;       /* of this struct and all that stands behind it */
    size_t stride_bytes;      /* from one buffer to the next (RESERVED) */
    size_t slot_block_bytes;  /* of a slot's own block (LAZY) */
    uint64_t slot_held_bytes; /* blocks of single slots now (LAZY, EMULATED) */
    char name[PLIM_POOL_NAME_BYTES];
    char format[PLIM_POOL_NAME_BYTES];
};

/** Slots whose bit is set in the n-th word of "in use". */
static inline uint64_t plim__pool_used_word(const plim_pool *pool, uint32_t word)
{
    uint32_t left = pool->slot_count - word * PLIM__POOL_WORD_BITS;
    uint64_t all = left >= PLIM__POOL_WORD_BITS ? UINT64_MAX : (UINT64_C(1) << left) - 1;
    return ~pool->free[word] & all;
}

/** Slots in use and not pinned. */
static inline uint32_t plim__pool_loose(const plim_pool *pool)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < pool->word_count; w++) {
        uint64_t loose = plim__pool_used_word(pool, w) & ~pool->pinned[w];
        if (loose != 0) /* between frames there are none */
            count += plim__bit_count(loose);
    }
    return count;
}

/** Slots in use. */
static inline uint32_t plim__pool_in_use(const plim_pool *pool)
{
    return pool->pinned_count + plim__pool_loose(pool);
}

/** Whether a slot's bit is set. */
static inline bool plim__pool_bit(const uint64_t *words, uint32_t index)
{
    return (words[index / PLIM__POOL_WORD_BITS] >> (index % PLIM__POOL_WORD_BITS) & 1) != 0;
}

/** The serial that a good handle of a slot has now. */
static inline uint64_t plim__pool_serial(const plim_pool *pool, uint32_t index)
{
    return pool->places[index].generation + pool->head.epoch;
}

/** The handle of a slot in use. */
static inline plim_slot plim__pool_handle(const plim_pool *pool, uint32_t index)
{
    return (plim_slot){plim__pool_serial(pool, index), index, pool->head.tag};
}

/** Has the inline acquire look at a word. */
static inline void plim__pool_head_at(plim_pool *pool, uint32_t word)
{
    pool->head.open = &pool->free[word];
    pool->head.first = word * PLIM__POOL_WORD_BITS;
    pool->head.places = &pool->places[pool->head.first];
}

/** Bytes of a guard, where the level has them. The twin for AddressSanitizer leaves that to it. */
static inline size_t plim__pool_front_bytes(const plim_pool *pool)
{
    bool guarded = pool->verify >= PLIM_VERIFY_FULL && pool->policy != PLIM_POOL_EMULATED;
    return guarded ? PLIM__POOL_LINE_BYTES : 0;
}

/** The next cache line's begin. */
static inline unsigned char *plim__pool_align(void *block)
{
    uintptr_t mask = PLIM__POOL_LINE_BYTES - 1;
    unsigned char *bytes = block;
    return bytes + ((~(uintptr_t)block + 1) & mask);
}

/** plim_pool_release_all(), for frames: a call inside the library. */
uint32_t plim__pool_release_loose(plim_pool *pool);

/** A pool of one word of slots, none of them pinned, and nothing to be done slot by slot. */
static inline bool plim__pool_is_plain(const plim_pool *pool)
{
    return pool->word_count == 1 && pool->pinned_count == 0 && !pool->slow;
}

/** plim__pool_release_loose() for such a pool, without a loop: what a frame does most. */
static inline uint32_t plim__pool_release_word(plim_pool *pool)
{
    uint64_t going = plim__pool_used_word(pool, 0);
    uint32_t count = 0;
    if (going != 0) {
        uint32_t high = PLIM__POOL_WORD_BITS - (uint32_t)__builtin_clzll(going);
        /* Lowest first: they are all there below the highest, unless some went back before. */
        count = (going & (going + 1)) == 0 ? high : plim__bit_count(going);
        pool->high_water = high > pool->high_water ? high : pool->high_water;
        pool->free[0] |= going;
        pool->open_words = 1;
        pool->released_total += count;
    }
    pool->head.epoch++;
    return count;
}

/** A pinned slot is to stay for good, though it was pinned inside a frame. */
void plim__pool_keep(plim_pool *pool, uint32_t index);

#endif
