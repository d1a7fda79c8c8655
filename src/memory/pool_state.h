/* SPDX-License-Identifier: MIT */
/**
 * @file pool_state.h
 * @brief Private: what a pool is made of, for frames and fingerprints.
 */
#ifndef PLIM_MEMORY_POOL_STATE_H
#define PLIM_MEMORY_POOL_STATE_H
#include <plimsoll/pool.h>

enum {
    PLIM__POOL_MAGIC = 0x0b0a7f11,
    PLIM__POOL_WORD_BITS = 64,
    PLIM__POOL_LINE_BYTES = 64, /* a cache line: alignment of buffers, and size of a guard */
    PLIM__POOL_WORDS_MAX = PLIM_POOL_SLOTS_MAX / PLIM__POOL_WORD_BITS
};

typedef struct plim__pool_slot {
    unsigned char *data;    /* NULL: no memory yet (LAZY), or now (EMULATED) */
    uint64_t serial;        /* of the handle given out last; 0: never */
    const char *site;       /* where that was */
    uint32_t element_count; /* asked for then */
    uint32_t poisoned;      /* bytes filled at the release; 0: none */
    uint64_t pinned_frame;
} plim__pool_slot;

struct plim_pool {
    uint32_t magic;
    uint32_t tag; /* what tells its handles from another pool's */
    uint32_t element_count_max;
    bool slow;           /* acquire and release have more to do than set bits */
    uint64_t open_words; /* bit w: free[w] is not 0 */
    uint64_t *free;      /* bit set: the slot is free */
    uint64_t *pinned;    /* subset of the slots in use */
    uint64_t *temporary; /* of the pinned, those pinned inside a frame */
    plim__pool_slot *slots;
    uint64_t serial; /* given out last; equals the number of acquires */
    uint64_t released_total;
    uint64_t refused_total;
    uint64_t stale_total;
    uint32_t in_use_max;
    uint32_t slot_count;
    uint32_t word_count;
    uint32_t element_bytes;
    plim_poison poison;
    plim_verify verify;
    plim_pool_policy policy;
    const plim_allocator *allocator;
    plim_panic_hook *panic;
    void *panic_ctx;
    uint64_t frame_number; /* of the frame that is open; 0: none */
    uint64_t frame_serial; /* serial at the begin of the last frame */
    bool in_frame_list;
    size_t block_bytes;       /* of this struct and all that stands behind it */
    size_t stride_bytes;      /* from one buffer to the next (RESERVED) */
    size_t slot_block_bytes;  /* of a slot's own block (LAZY) */
    uint64_t slot_held_bytes; /* blocks of single slots now (LAZY, EMULATED) */
    char name[PLIM_POOL_NAME_BYTES];
    char format[PLIM_POOL_NAME_BYTES];
};

/** Slots in use: acquires less releases. */
static inline uint32_t plim__pool_in_use(const plim_pool *pool)
{
    return (uint32_t)(pool->serial - pool->released_total);
}

/** Slots whose bit is set in the n-th word of "in use". */
static inline uint64_t plim__pool_used_word(const plim_pool *pool, uint32_t word)
{
    uint32_t left = pool->slot_count - word * PLIM__POOL_WORD_BITS;
    uint64_t all = left >= PLIM__POOL_WORD_BITS ? UINT64_MAX : (UINT64_C(1) << left) - 1;
    return ~pool->free[word] & all;
}

#endif
