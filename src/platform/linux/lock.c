/* SPDX-License-Identifier: MIT */
/* A lock on Linux: one word and futex(2). It spins a little first: what it guards takes less than a
 * microsecond, a sleep takes ten. */
#define _GNU_SOURCE
#include "platform/lock.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

enum { LOCK_OPEN = 0, LOCK_TAKEN = 1, LOCK_AWAITED = 2, LOCK_SPINS = 100 };

static bool lock_try(plim__lock *lock)
{
    uint32_t expected = LOCK_OPEN;
    return atomic_load_explicit(&lock->word, memory_order_relaxed) == LOCK_OPEN &&
           atomic_compare_exchange_strong_explicit(&lock->word, &expected, LOCK_TAKEN,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void lock_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void plim__lock_take(plim__lock *lock)
{
    for (int spin = 0; spin < LOCK_SPINS; spin++) {
        if (lock_try(lock))
            return;
        lock_pause();
    }
    /* Whoever gets it here leaves it marked as awaited: at worst one wake too many. */
    while (atomic_exchange_explicit(&lock->word, LOCK_AWAITED, memory_order_acquire) != LOCK_OPEN)
        (void)syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, LOCK_AWAITED, NULL, NULL, 0);
}

void plim__lock_give(plim__lock *lock)
{
    uint32_t was = atomic_exchange_explicit(&lock->word, LOCK_OPEN, memory_order_release);
    PLIM_DCHECK(was != LOCK_OPEN);
    if (was == LOCK_AWAITED)
        (void)syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void plim__lock_reset(plim__lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}
