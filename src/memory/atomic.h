/* SPDX-License-Identifier: MIT */
/**
 * @file atomic.h
 * @brief The only door of the memory module to C11 atomics.
 *
 * Why a door: proofs/interleave runs the real code with every access below as a switch point, one
 * schedule after the other. It defines PLIM_ATOMIC_SEAM to the name of a header that defines
 * PLIM__SWITCH, PLIM__SPURIOUS and PLIM__SPIN; without it they are nothing. The accesses themselves
 * stay C11's, so sanitizers see what they know.
 *
 * The order is part of the name. Plain names are the safe ones: load acquires, store releases,
 * read-modify-write does both. `_relaxed` is for statistics, and for words only one thread writes.
 */
#ifndef PLIM_MEMORY_ATOMIC_H
#define PLIM_MEMORY_ATOMIC_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef PLIM_ATOMIC_SEAM
#include PLIM_ATOMIC_SEAM
#else
/* Called before the access to `word`; another thread may run there. */
#define PLIM__SWITCH(word) ((void)0)
/* True where a weak compare-and-swap is to fail although the word is as expected. */
#define PLIM__SPURIOUS()   (false)
/* One turn of a loop that waits for another thread. */
#if defined(__x86_64__) || defined(__i386__)
#define PLIM__SPIN() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PLIM__SPIN() __asm__ volatile("yield")
#else
#define PLIM__SPIN() ((void)0)
#endif
#endif

/** The word of truth of a budget: signed, as wide as a pointer (a Cortex-M has no wider atomic). */
typedef _Atomic ptrdiff_t plim__word;
typedef _Atomic size_t plim__count;

#define plim__load(word) (PLIM__SWITCH(word), atomic_load_explicit((word), memory_order_acquire))
#define plim__load_relaxed(word)                                                                   \
    (PLIM__SWITCH(word), atomic_load_explicit((word), memory_order_relaxed))
#define plim__store(word, value)                                                                   \
    (PLIM__SWITCH(word), atomic_store_explicit((word), (value), memory_order_release))
#define plim__store_relaxed(word, value)                                                           \
    (PLIM__SWITCH(word), atomic_store_explicit((word), (value), memory_order_relaxed))
/* Each gives the value before. */
#define plim__add(word, value)                                                                     \
    (PLIM__SWITCH(word), atomic_fetch_add_explicit((word), (value), memory_order_acq_rel))
#define plim__sub(word, value)                                                                     \
    (PLIM__SWITCH(word), atomic_fetch_sub_explicit((word), (value), memory_order_acq_rel))
#define plim__add_relaxed(word, value)                                                             \
    (PLIM__SWITCH(word), atomic_fetch_add_explicit((word), (value), memory_order_relaxed))
#define plim__exchange(word, value)                                                                \
    (PLIM__SWITCH(word), atomic_exchange_explicit((word), (value), memory_order_acq_rel))
/* On failure *expected is the value found. The weak one may fail for no reason: only in a loop. */
#define plim__cas(word, expected, desired)                                                         \
    (PLIM__SWITCH(word),                                                                           \
     atomic_compare_exchange_strong_explicit((word), (expected), (desired), memory_order_acq_rel,  \
                                             memory_order_acquire))
#define plim__cas_weak(word, expected, desired)                                                    \
    (PLIM__SWITCH(word), !PLIM__SPURIOUS() && atomic_compare_exchange_weak_explicit(               \
                                                  (word), (expected), (desired),                   \
                                                  memory_order_acq_rel, memory_order_acquire))
/* In one order with all other strong ones. */
#define plim__load_strong(word)                                                                    \
    (PLIM__SWITCH(word), atomic_load_explicit((word), memory_order_seq_cst))
#define plim__store_strong(word, value)                                                            \
    (PLIM__SWITCH(word), atomic_store_explicit((word), (value), memory_order_seq_cst))
#define plim__exchange_strong(word, value)                                                         \
    (PLIM__SWITCH(word), atomic_exchange_explicit((word), (value), memory_order_seq_cst))
/* Between threads, and between a thread and its own signal handler. */
#define plim__fence()        (PLIM__SWITCH(NULL), atomic_thread_fence(memory_order_seq_cst))
#define plim__fence_signal() atomic_signal_fence(memory_order_seq_cst)

#endif
