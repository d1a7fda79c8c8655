/* SPDX-License-Identifier: MIT */
/**
 * @file fence.h
 * @brief Contract: a fence whose cost lies wholly on the side that runs seldom.
 *
 * One side, often: writes a word, PLIM__FENCE_LIGHT, reads another. The other side, seldom: writes
 * that other word, plim__fence_heavy(), reads the first. Post: at least one of them sees what the
 * other wrote. Where PLIM__FENCE_STRONG is defined both sides use seq_cst accesses instead: with
 * ThreadSanitizer, which understands those alone, and where the system cannot interrupt the others.
 */
#ifndef PLIM_PLATFORM_FENCE_H
#define PLIM_PLATFORM_FENCE_H
#include <stdatomic.h>
#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define PLIM__FENCE_STRONG 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLIM__FENCE_STRONG 1
#endif
#endif

/** Keeps the compiler, and nothing else, from moving accesses across. */
#define PLIM__FENCE_LIGHT() atomic_signal_fence(memory_order_seq_cst)

/** Once per process, and in the child of a fork: whether the light fence suffices here. */
bool plim__fence_start(void);

/** The heavy side: all other threads of the process have passed a full fence when it returns. */
void plim__fence_heavy(void);

/** Lets another thread run, in a loop that waits for it. */
void plim__fence_yield(void);

#endif
