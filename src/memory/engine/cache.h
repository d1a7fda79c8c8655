/* SPDX-License-Identifier: MIT */
/**
 * @file cache.h
 * @brief What a thread keeps of each domain: blocks already charged, given out without any shared
 *        write; and how others get them back.
 *
 * The owner marks itself busy around each touch of a cache, with a plain store. Whoever must have
 * the blocks (a request that would be refused, trim, fork, the end of a domain) turns the owner's
 * fast pointer to a cache that is always empty, fences heavily (fence.h), waits until the owner is
 * not busy, and has the cache to itself; the owner meanwhile ends up in the slow path and waits for
 * the manager's lock, which the other holds until the pointer is back.
 */
#ifndef PLIM_MEMORY_CACHE_H
#define PLIM_MEMORY_CACHE_H
#include "memory/atomic.h"
#include "memory/engine/engine.h"
#include "platform/fence.h"
#include "platform/local.h"

/*
 * Words that one thread writes and others may read while it does: accessed by the owner as plain
 * words, for that is the least code there is, and by the others through the atomic functions. What
 * orders them is the busy mark and the fences around it. With a sanitizer all accesses are atomic.
 */
#ifdef PLIM__FENCE_STRONG
#define PLIM__OWNED(type)              _Atomic(type)
#define plim__own_load(word)           plim__load_relaxed(word)
#define plim__own_store(word, new)     plim__store_relaxed((word), (new))
#define plim__own_add(word, much)      plim__own_store((word), plim__own_load(word) + (much))
#define plim__foreign_load(word)       plim__load(word)
#define plim__foreign_store(word, new) plim__store_strong((word), (new))
#define plim__own_release(word, new)   plim__store_strong((word), (new))
#else
#define PLIM__OWNED(type)              type
#define plim__own_load(word)           (*(word))
#define plim__own_store(word, new)     (*(word) = (new))
#define plim__own_add(word, much)      (*(word) += (much))
#define plim__foreign_load(word)       __atomic_load_n((word), __ATOMIC_ACQUIRE)
#define plim__foreign_store(word, new) __atomic_store_n((word), (new), __ATOMIC_SEQ_CST)
/* By the owner, or by who has it to himself, where nothing is read afterwards that would have to be
   newer: what went before is seen by whoever sees this. */
#define plim__own_release(word, new)   __atomic_store_n((word), (new), __ATOMIC_RELEASE)
#endif

/**
 * Blocks of one class: addresses in an array of the cache's, the last that came on top; before the
 * first stands a NULL. So one load says both whether there is a block and which; one comparison,
 * whether there is room; and what lies in a block is not touched.
 */
typedef struct plim__bin {
    PLIM__OWNED(void **) top; /* behind the last */
    void **end;               /* as far as top may go; array: blocks of this class are not kept */
    PLIM__OWNED(size_t) pops; /* blocks given out, ever */
    void **array;
} plim__bin;

/** One thread's of one domain. */
typedef struct plim__cache {
    uint32_t id;   /* the domain's handle, so that a stale one misses; if it is checked, turned */
    uint16_t slot; /* below PLIM__SLOT_COUNT */
    uint16_t watch_step; /* full: how often the distance of watched blocks was doubled */
    plim_manager *manager;
    /* Levels standard and full alone (checks/swift.h), so that bins do not share lines. */
    uintptr_t states;  /* the state of the address 0, as it were */
    uint32_t watch_in; /* full: takes until a block is watched */
    int32_t look_in;   /* full: operations until the whole state is looked at */
    plim__bin bins[PLIM__CLASS_CODES];
    uint8_t batch[PLIM__CLASS_COUNT + 1]; /* blocks of a refill; begins small, grows with use */
    uint16_t grown; /* by so many times 128 bytes may bins hold more than they began with */
    /* Level full, each block watched, alone. */
    PLIM__OWNED(ptrdiff_t) asked;      /* requested bytes that came and went since the last fold */
    PLIM__OWNED(ptrdiff_t) asked_most; /* the most that ever was */
} plim__cache;

/** What a checked cache's id is turned by: never by 0 in the part that says the slot. */
enum { PLIM__TURNED_STANDARD = 0x55, PLIM__TURNED_FULL = 0xaa };

/** Watched is idle, but not for the fast path (watch.h). */
enum { PLIM__IDLE = 0, PLIM__BUSY_FAST = 1, PLIM__BUSY_SLOW = 2, PLIM__WATCHED = 3 };

/** One thread. Those without a record share one that is always busy, so they take the slow path. */
typedef struct plim__thread {
    PLIM__OWNED(uint32_t) busy;
    /* The space looked at first when a block comes back: its bytes, in units of ALIGN; the info
       word of page 0 of all memory, as it were; where its blocks are checked, their states; and the
       info word that the next block's page is thought to have, whose class may be 0: unsure. */
    PLIM__OWNED(size_t) home_grains;
    PLIM__OWNED(uintptr_t) home_base;
    PLIM__OWNED(uintptr_t) home_pages;
    PLIM__OWNED(uint8_t *) home_states;
    size_t home_likely;
    _Atomic(void *) late; /* blocks given back by signal handlers, to be looked after */
    struct plim__thread *next;
    PLIM__OWNED(plim__cache *) fast[PLIM__SLOTS]; /* the owner's, or the empty cache */
    plim__cache *own[PLIM__SLOTS];                /* all there are; under the managers' locks */
    size_t flushed;                               /* the info word that the last flush was of */
} plim__thread;

/** The cache in which nothing is and for which there is no room. */
extern plim__cache plim__cache_empty;

/** This thread's record. */
extern PLIM__THREAD_LOCAL plim__thread *plim__thread_self;

/** Marks the owner busy; what follows is not begun before others can see it. */
static inline void plim__thread_enter(plim__thread *thread)
{
#ifdef PLIM__FENCE_STRONG
    (void)plim__exchange_strong(&thread->busy, PLIM__BUSY_FAST);
#else
    plim__own_store(&thread->busy, PLIM__BUSY_FAST);
    PLIM__FENCE_LIGHT();
#endif
}

/** Ends that; what went before is done when others see it. */
static inline void plim__thread_leave(plim__thread *thread, uint32_t state)
{
    PLIM__FENCE_LIGHT();
#if defined(PLIM__FENCE_STRONG)
    plim__store(&thread->busy, state);
#elif defined(__x86_64__) || defined(__i386__)
    plim__own_store(&thread->busy, state); /* stores are seen in order */
#else
    __atomic_store_n(&thread->busy, state, __ATOMIC_RELEASE);
#endif
}

/** The place of an address in the owner's home, in units of ALIGN; what is not aligned comes to lie
 *  behind every space. */
static inline uintptr_t plim__thread_grain(const plim__thread *thread, const void *block)
{
    uintptr_t offset = (uintptr_t)block - plim__own_load(&thread->home_base);
    return offset / PLIM__ALIGN | offset << (8 * sizeof offset - PLIM__ALIGN_SHIFT);
}

/** The info word of an address's page, which is in the owner's home. */
static inline size_t plim__thread_info(const plim__thread *thread, const void *block)
{
    uintptr_t page = (uintptr_t)block >> PLIM__PAGE_SHIFT;
    return *(const uint16_t *)(plim__own_load(&thread->home_pages) + page * sizeof(uint16_t));
}

/** While busy: the owner's way to a cache. */
static inline plim__cache *plim__thread_fast(plim__thread *thread, size_t slot)
{
#if defined(PLIM__FENCE_STRONG)
    return plim__load_strong(&thread->fast[slot]);
#elif defined(__x86_64__) || defined(__i386__)
    return thread->fast[slot];
#else
    return __atomic_load_n(&thread->fast[slot], __ATOMIC_ACQUIRE);
#endif
}

/** The bin that a page's info word names. */
static inline plim__bin *plim__cache_bin(plim__cache *cache, size_t info)
{
    _Static_assert(sizeof(plim__bin) % (1 << PLIM__INFO_CODE_SHIFT) == 0, "a bin in so many parts");
    size_t part = sizeof(plim__bin) >> PLIM__INFO_CODE_SHIFT;
    size_t into = (info & PLIM__INFO_CODE_MASK) * part;
    return (plim__bin *)(void *)((char *)cache->bins + into);
}

/**
 * The bin of what comes back to a page with that info word. Whose the last block was, this one's is
 * likely to be, too, and where two flushes in a row were of one class (plim__thread_flushed()), it
 * is likely to be of that. Where that is so the processor has the bin before it has the word: a
 * branch that it foresees instead of two loads that wait.
 */
static inline plim__bin *plim__thread_bin(plim__thread *thread, size_t info)
{
    size_t likely = thread->home_likely;
    plim__cache *cache = plim__thread_fast(thread, plim__info_slot(likely));
    plim__bin *bin = plim__cache_bin(cache, likely);
#ifdef __GNUC__
    __asm__("" : "+r"(bin)); /* so that it is not put off until it is needed */
#endif
    if (info != likely) {
        size_t unsure = info & ~(size_t)PLIM__INFO_CODES_MASK;
        if (PLIM__UNLIKELY(unsure != likely)) {
            thread->home_likely = unsure;
            cache = plim__thread_fast(thread, plim__info_slot(unsure));
        }
        bin = plim__cache_bin(cache, info);
    }
    return bin;
}

/** A bin was flushed; its slot and class. */
static inline void plim__thread_flushed(plim__thread *thread, size_t info)
{
    if (thread->flushed == info)
        thread->home_likely = info;
    thread->flushed = info;
}

/** Whether blocks of a class are kept at all. */
static inline bool plim__cache_keeps(const plim__cache *cache, unsigned code)
{
    return cache->bins[code].end != cache->bins[code].array;
}

/** Blocks of a class in a cache; exact for who has it to himself. */
uint32_t plim__cache_count(const plim__cache *cache, unsigned code);

/** Whether anything is in it, or yet to be told by it, for who has it not to himself: never missed
 *  if it is there all the while. */
bool plim__cache_has_any(const plim__cache *cache);

/** Bytes of a cache with its arrays. */
size_t plim__cache_bytes(const plim_manager *manager);

/** Makes plim__cache_empty what it says. */
void plim__cache_empty_init(void);

/** Makes it, with nothing in it; under the manager's lock. */
void plim__cache_init(plim__cache *cache, plim_manager *manager, plim__domain *domain);

/* For the owner, busy, or for who has it to himself. */

/** A block that is at hand; NULL if none is. */
void *plim__cache_take(plim__cache *cache, unsigned code);

/** Keeps a block if there is room for it. */
bool plim__cache_keep(plim__cache *cache, unsigned code, void *block);

/* Under the manager's lock. */

/** A block, after more have been had from the slabs; NULL and why, if not even one. */
void *plim__cache_refill(plim__cache *cache, unsigned code, plim_refusal_reason *out_reason);

/** Keeps a block, after others went back to the slabs. */
void plim__cache_flush(plim__cache *cache, unsigned code, void *block);

/** All of it goes back; bytes. */
size_t plim__cache_drain(plim__cache *cache);

#endif
