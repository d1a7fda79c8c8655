/* SPDX-License-Identifier: MIT */
/**
 * @file marks.h
 * @brief What is known of a block from level standard on: a byte, and of watched blocks a word;
 *        both out of its reach, found by a shift of its address.
 *
 * The space has a table of states, one byte for each 16 of its pages. The state of the address at
 * which a live block begins says so; no other does. So "is this the beginning of a live block" is
 * one load and one comparison, whatever the address: inner addresses and free slots have no such
 * state. No two states are one flipped bit apart, but for the two that mean the same.
 *
 * What was asked for and where is a mark. Behind a watched block's end, in 16 bytes or more, stand
 * guard bytes, and in its last 8 bytes a copy of its mark, mixed with its address. Where one
 * block of many is watched that copy is all there is: whoever writes there wrote behind the end.
 * Where each is, a table has the marks themselves, a word for each 16 bytes, so that mark and copy
 * lie far apart. A large block has a row of four words in any case: its mark (its bytes do not fit,
 * and are 1 there), the bytes, and a sum.
 */
#ifndef PLIM_MEMORY_MARKS_H
#define PLIM_MEMORY_MARKS_H
#include "memory/checks/places.h"
#include "memory/engine/engine.h"

/** A state. Up to GONE: no block that anything is known of. */
enum {
    PLIM__STATE_NONE = 0,       /* no block began there since its pages were taken */
    PLIM__STATE_GONE = 0x03,    /* one did, and was given back */
    PLIM__STATE_LIVE = 0x9c,    /* a block begins there, not watched */
    PLIM__STATE_WATCHED = 0x65, /* a block begins there, and has a mark */
    PLIM__STATE_KEPT = 0xfa     /* that was given back, and holds poison */
};

enum {
    PLIM__MARK_NONE = 0, /* no block began there since its pages were taken */
    PLIM__MARK_SHIFT = 15,
    PLIM__MARK_BYTES = (1 << PLIM__MARK_SHIFT) - 1, /* larger requests are whole pages */
    PLIM__GUARD = 0xfb,
    PLIM__POISON_HEAD = 256,  /* of a released block, so much is poisoned each time … */
    PLIM__POISON_MAX = 32768, /* … and so much each so many times */
    PLIM__POISON_EVERY = 17   /* a prime: a loop of a few operations does not keep evading it */
};

/* A block began there, whatever its place; after its release: all of it was poisoned. */
#define PLIM__MARK_KNOWN (UINT32_C(1) << 31)
#define PLIM__MARK_WHOLE (UINT32_C(1) << 30)

#define PLIM__GUARD_WORD   UINT64_C(0xfbfbfbfbfbfbfbfb)
#define PLIM__MARK_FACTOR  UINT64_C(0x9e3779b97f4a7c15)
#define PLIM__MARK_INVERSE UINT64_C(0xf1de83e19937733d) /* their product is 1 */

/* Another thread's mark is read beside it only where the program itself is at fault; sanitizers
   are to be told of that by the program's words, not ours. */
#if defined(PLIM__FENCE_STRONG)
static inline uint8_t plim__state_load(const uint8_t *state)
{
    return __atomic_load_n(state, __ATOMIC_RELAXED);
}

static inline void plim__state_store(uint8_t *state, uint8_t value)
{
    __atomic_store_n(state, value, __ATOMIC_RELAXED);
}

static inline uint32_t plim__mark_load(const uint32_t *mark)
{
    return __atomic_load_n(mark, __ATOMIC_RELAXED);
}

static inline void plim__mark_store(uint32_t *mark, uint32_t word)
{
    __atomic_store_n(mark, word, __ATOMIC_RELAXED);
}
#else
static inline uint8_t plim__state_load(const uint8_t *state)
{
    return *state;
}

static inline void plim__state_store(uint8_t *state, uint8_t value)
{
    *state = value;
}

static inline uint32_t plim__mark_load(const uint32_t *mark)
{
    return *mark;
}

static inline void plim__mark_store(uint32_t *mark, uint32_t word)
{
    *mark = word;
}
#endif

_Static_assert(PLIM__MARK_SHIFT + PLIM__PLACES_LOG2 <= 30, "a place has room in a mark");

/** The state of an address of the space that is a multiple of 16. */
static inline uint8_t *plim__state_of(const plim__space *space, const void *address)
{
    return space->states + ((uintptr_t)address - space->base) / PLIM__ALIGN;
}

/** Where each block is watched: the mark of an address of the space that is a multiple of 16. */
static inline uint32_t *plim__mark_of(const plim__space *space, const void *address)
{
    return space->marks + ((uintptr_t)address - space->base) / PLIM__ALIGN;
}

/** A place, and 1 to MARK_BYTES bytes. */
static inline uint32_t plim__mark_make(uint32_t place, size_t bytes)
{
    return PLIM__MARK_KNOWN | place << PLIM__MARK_SHIFT | (uint32_t)bytes;
}

/** Whether a block begins there and was not given back. */
static inline bool plim__mark_is_live(uint32_t mark)
{
    return (mark & PLIM__MARK_BYTES) != 0;
}

static inline size_t plim__mark_bytes(uint32_t mark)
{
    return mark & PLIM__MARK_BYTES;
}

/** The place of its request, given back or not. */
static inline uint32_t plim__mark_place(uint32_t mark)
{
    return (mark & ~(PLIM__MARK_KNOWN | PLIM__MARK_WHOLE)) >> PLIM__MARK_SHIFT;
}

/** How much of a released block that mark says is poison. */
static inline size_t plim__poison_bytes(uint32_t mark, size_t held)
{
    size_t most =
        (mark & PLIM__MARK_WHOLE) != 0 ? (size_t)PLIM__POISON_MAX : (size_t)PLIM__POISON_HEAD;
    return held < most ? held : most;
}

/** The mark of the same block after a resize; 0 bytes: after its release. */
static inline uint32_t plim__mark_resized(uint32_t mark, size_t bytes)
{
    return (mark & ~(uint32_t)PLIM__MARK_BYTES) | (uint32_t)bytes;
}

/** What the last 8 bytes of a block repeat at level full: the mark, mixed so that whatever is
 *  written over the copy says nothing that makes sense. */
static inline uint64_t plim__mark_copy(uint64_t mark, const void *block)
{
    uint64_t word = mark ^ (uintptr_t)block;
    word = (word ^ word >> 32) * PLIM__MARK_FACTOR;
    return word ^ word >> 32;
}

/** The mark that a copy was made of; more than 32 bits: it was made of none. */
static inline uint64_t plim__mark_of_copy(uint64_t copy, const void *block)
{
    uint64_t word = (copy ^ copy >> 32) * PLIM__MARK_INVERSE;
    return (word ^ word >> 32) ^ (uintptr_t)block;
}

/** The mark that a watched block's copy says; 0: it says nothing that makes sense. */
static inline uint32_t plim__mark_told(uint64_t copy, const void *block)
{
    uint64_t told = plim__mark_of_copy(copy, block);
    return told <= UINT32_MAX && (told & PLIM__MARK_KNOWN) != 0 ? (uint32_t)told : 0;
}

/* --- level full: guard and poison of small blocks; held is the block's class ------------------ */

/* Words at any address. */
static inline uint64_t plim__word_at(const char *at)
{
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static inline void plim__word_put(char *at, uint64_t word)
{
    __builtin_memcpy(at, &word, sizeof word);
}

/* Where the second guard word lies: right behind the first, or before the copy. */
static inline size_t plim__guard_second(size_t bytes, size_t held)
{
    size_t next = bytes + sizeof(uint64_t), last = held - 2 * sizeof(uint64_t);
    return next < last ? next : last;
}

/** The copy of a block's mark. */
static inline uint64_t plim__guard_copy(const char *block, size_t held)
{
    return plim__word_at(block + held - sizeof(uint64_t));
}

/** Guards a block with 16 bytes or more behind its end: all 16 of them are watched. */
static inline void plim__guard_put(char *block, size_t bytes, size_t held, uint64_t mark)
{
    plim__word_put(block + bytes, PLIM__GUARD_WORD);
    plim__word_put(block + plim__guard_second(bytes, held), PLIM__GUARD_WORD);
    plim__word_put(block + held - sizeof(uint64_t), plim__mark_copy(mark, block));
}

/** Whether nothing of it was written to. `bytes` + 16 is at most `held`. */
static inline bool plim__guard_holds(const char *block, size_t bytes, size_t held, uint64_t mark)
{
    uint64_t differs = plim__word_at(block + bytes) ^ PLIM__GUARD_WORD;
    differs |= plim__word_at(block + plim__guard_second(bytes, held)) ^ PLIM__GUARD_WORD;
    differs |= plim__word_at(block + held - sizeof(uint64_t)) ^ plim__mark_copy(mark, block);
    return differs == 0;
}

/* 16 bytes at a time: blocks begin at multiples of 16 and are multiples of 16 long. */
typedef uint32_t plim__line __attribute__((vector_size(16), may_alias));

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PLIM__POISON UINT32_C(0xdeadbeef)
#else
#define PLIM__POISON UINT32_C(0xefbeadde)
#endif

/** DE AD BE EF, over and over. */
static inline void plim__poison_put(char *block, size_t bytes)
{
    const plim__line poison = {PLIM__POISON, PLIM__POISON, PLIM__POISON, PLIM__POISON};
    for (size_t at = 0; at < bytes; at += sizeof poison)
        *(plim__line *)(void *)(block + at) = poison;
}

static inline bool plim__poison_holds(const char *block, size_t bytes)
{
    const plim__line poison = {PLIM__POISON, PLIM__POISON, PLIM__POISON, PLIM__POISON};
    plim__line differs = {0, 0, 0, 0};
    for (size_t at = 0; at < bytes; at += sizeof poison)
        differs |= *(const plim__line *)(const void *)(block + at) ^ poison;
    return (differs[0] | differs[1] | differs[2] | differs[3]) == 0;
}

#endif
