/* SPDX-License-Identifier: MIT */
/**
 * @file memory_inline.h
 * @brief Private: what memory.h compiles into a program, so that blocks come and go without a call:
 *        one that this thread has at hand, of a size known to the compiler; and any that it has
 *        room for when it comes back.
 *
 * Nothing here is for use by name, and none of it is a stable interface: a program compiled with
 * this header belongs to libraries in which the same number stands at the end of
 * plim__inline_thread_3, and with others does not link or load. -DPLIM_NO_INLINE leaves it out;
 * so do compilations without optimization, with ThreadSanitizer, without an operating system.
 * Thread-safety: any thread; what orders the accesses is in docs/internals/memory.md.
 */
#ifndef PLIM_MEMORY_INLINE_H
#define PLIM_MEMORY_INLINE_H
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

#if defined(__SANITIZE_THREAD__)
#define PLIM__HAS_RACES_SEEN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLIM__HAS_RACES_SEEN 1
#endif
#endif

/* Where the libraries have what it looks at, and where it is looked at. */
#if defined(__linux__) && defined(__GNUC__) && __STDC_HOSTED__ && !defined(PLIM_BARE)
#define PLIM__HAS_LAYOUT 1
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) && !defined(PLIM_NO_INLINE) &&            \
    !defined(PLIM__HAS_RACES_SEEN)
#define PLIM__HAS_INLINE 1
#endif
#endif

#if defined(__GNUC__) || defined(__clang__)
#define PLIM__UNUSED __attribute__((unused))
#define PLIM__FORCED __attribute__((unused, always_inline)) static inline
#else
#define PLIM__UNUSED
#define PLIM__FORCED static inline
#endif
#define PLIM__INLINE PLIM__UNUSED static inline

/** Private: a size's class, for sizes up to 32 KiB; plim__class_of() as arithmetic, which the
 *  compiler does when the size is a constant. */
PLIM__FORCED size_t plim__inline_class(size_t bytes)
{
    return bytes <= 256     ? (bytes + 15) / 16
           : bytes <= 512   ? 16 + (bytes - 256 + 31) / 32
           : bytes <= 1024  ? 24 + (bytes - 512 + 63) / 64
           : bytes <= 2048  ? 32 + (bytes - 1024 + 127) / 128
           : bytes <= 4096  ? 40 + (bytes - 2048 + 511) / 512
           : bytes <= 8192  ? 44 + (bytes - 4096 + 511) / 512
           : bytes <= 16384 ? 52 + (bytes - 8192 + 2047) / 2048
                            : 56 + (bytes - 16384 + 4095) / 4096;
}

#ifdef PLIM__HAS_LAYOUT
enum {
    PLIM__INLINE_MAX = 32768,
    PLIM__INLINE_SLOTS = 256,
    PLIM__INLINE_CODES = 64,
    PLIM__INLINE_SLOT_SHIFT = 8,
    PLIM__INLINE_CODES_MASK = 0xff,
    PLIM__INLINE_CODE_MASK = 0xfc, /* of an info word: the class code times 4 … */
    PLIM__INLINE_BIN_FACTOR = 8,   /* … and times this, the way to its bin */
    PLIM__INLINE_PAGE_SHIFT = 12,
    PLIM__INLINE_ALIGN_SHIFT = 4,
    PLIM__INLINE_LIVE = 0x9c,
    PLIM__INLINE_GONE = 0x03
};

/** Private: plim__bin, as far as it is looked at here. */
typedef struct __attribute__((may_alias)) plim__inline_bin {
    void **top;
    void **end;
    size_t pops;
    void **array;
} plim__inline_bin;

/** Private: plim__cache, likewise. */
typedef struct __attribute__((may_alias)) plim__inline_cache {
    uint32_t id, slot;
    void *manager;
    uintptr_t checked[2];
    plim__inline_bin bins[PLIM__INLINE_CODES];
} plim__inline_cache;

/** Private: plim__thread, likewise. */
typedef struct __attribute__((may_alias)) plim__inline_thread {
    uint32_t busy;
    size_t home_grains;
    uintptr_t home_base;
    uintptr_t home_pages;
    uint8_t *home_states;
    size_t home_likely;
    void *late, *next;
    plim__inline_cache *fast[PLIM__INLINE_SLOTS];
} plim__inline_thread;

/* This thread's record; one that is always busy where there is none. (__thread: C++ would reach a
   thread_local of another file through a function.) */
#define PLIM__WITHOUT_A_CALL __attribute__((tls_model("initial-exec")))
PLIM_API extern __thread plim__inline_thread *plim__inline_thread_3 PLIM__WITHOUT_A_CALL;

#endif

#ifdef PLIM__HAS_INLINE
/** Private: a block of a domain, if this thread has one at hand. The same steps as alloc_fast(). */
PLIM__FORCED void *plim__inline_take(uint32_t id, size_t bytes)
{
    plim__inline_thread *thread = plim__inline_thread_3;
    if (__builtin_expect(__atomic_load_n(&thread->busy, __ATOMIC_RELAXED) != 0, 0))
        return NULL;
    __atomic_store_n(&thread->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    plim__inline_cache *cache =
        __atomic_load_n(&thread->fast[id % PLIM__INLINE_SLOTS], __ATOMIC_ACQUIRE);
    plim__inline_bin *bin = &cache->bins[plim__inline_class(bytes)];
    void **top = bin->top - 1;
    void *block = *top;
    if (__builtin_expect(block != NULL && cache->id == id, 1)) {
        bin->top = top;
        bin->pops++;
    } else {
        block = NULL;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->busy, 0, __ATOMIC_RELEASE);
    return block;
}

/** Private: the cache, and in it the bin, that a page's info word names. */
PLIM__FORCED plim__inline_cache *plim__inline_cache_of(plim__inline_thread *thread, size_t info)
{
    return __atomic_load_n(&thread->fast[info >> PLIM__INLINE_SLOT_SHIFT], __ATOMIC_ACQUIRE);
}

PLIM__FORCED plim__inline_bin *plim__inline_bin_of(plim__inline_cache *cache, size_t info)
{
    size_t into = (info & PLIM__INLINE_CODE_MASK) * PLIM__INLINE_BIN_FACTOR;
    return (plim__inline_bin *)(void *)((char *)cache->bins + into);
}

/** Private: the state of a checked block says that it is live; from here on that it is not. */
PLIM__FORCED bool plim__inline_release(uint8_t *state)
{
    if (*state != PLIM__INLINE_LIVE)
        return false;
    *state = PLIM__INLINE_GONE;
    return true;
}

/** Private: gives a block back, if this thread knows whose it is and has room for it. The same
 *  steps as plim_free(). */
PLIM__FORCED bool plim__inline_give(void *block)
{
    plim__inline_thread *thread = plim__inline_thread_3;
    uintptr_t offset = (uintptr_t)block - thread->home_base;
    uintptr_t grain = offset >> PLIM__INLINE_ALIGN_SHIFT |
                      offset << (8 * sizeof offset - PLIM__INLINE_ALIGN_SHIFT);
    if (__builtin_expect(grain >= thread->home_grains ||
                             __atomic_load_n(&thread->busy, __ATOMIC_RELAXED) != 0,
                         0))
        return false;
    __atomic_store_n(&thread->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uintptr_t page = (uintptr_t)block >> PLIM__INLINE_PAGE_SHIFT;
    size_t info = *(const uint16_t *)(thread->home_pages + page * sizeof(uint16_t));
    size_t likely = thread->home_likely;
    plim__inline_cache *cache = plim__inline_cache_of(thread, likely);
    plim__inline_bin *bin = plim__inline_bin_of(cache, likely);
    __asm__("" : "+r"(bin)); /* known before the info word is */
    if (info != likely) {
        size_t unsure = info & ~(size_t)PLIM__INLINE_CODES_MASK;
        if (__builtin_expect(unsure != likely, 0)) {
            thread->home_likely = unsure;
            cache = plim__inline_cache_of(thread, unsure);
        }
        bin = plim__inline_bin_of(cache, info);
    }
    void **top = bin->top;
    bool is_kept = false;
    if (__builtin_expect(top != bin->end, 1)) {
        if (__builtin_expect(thread->home_states == NULL, 1) ||
            plim__inline_release(&thread->home_states[grain])) {
            *top = block;
            bin->top = top + 1;
            is_kept = true;
        }
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->busy, 0, __ATOMIC_RELEASE);
    return is_kept;
}
#endif

PLIM_DECLS_END
#endif
