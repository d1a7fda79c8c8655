/* SPDX-License-Identifier: MIT */
/*
 * A lock where there is one thread: interrupts are held back while any lock is taken, so nobody
 * else can want it. Without hooks nothing is held back, and a handler that comes in meanwhile is a
 * fault that is found.
 * Invariants: K1 depth is the number of locks taken. K2 interrupts are held back while depth > 0.
 */
#include "platform/lock.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/assert.h"
#include "platform/bare/hooks.h"

static unsigned bare_lock_depth;
static uint32_t bare_lock_state; /* what to restore once depth is 0 again */

void plim__lock_take(plim__lock *lock)
{
    const plim_bare_hooks *hooks = plim__bare_hooks();
    uint32_t state = hooks->mask != NULL ? hooks->mask() : 0;
    if (bare_lock_depth++ == 0)
        bare_lock_state = state;
    PLIM_CHECK(atomic_load_explicit(&lock->word, memory_order_relaxed) == 0);
    atomic_store_explicit(&lock->word, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

void plim__lock_give(plim__lock *lock)
{
    atomic_signal_fence(memory_order_seq_cst);
    PLIM_CHECK(atomic_load_explicit(&lock->word, memory_order_relaxed) == 1);
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
    PLIM_CHECK(bare_lock_depth > 0);
    const plim_bare_hooks *hooks = plim__bare_hooks();
    if (--bare_lock_depth == 0 && hooks->unmask != NULL)
        hooks->unmask(bare_lock_state);
}

void plim__lock_reset(plim__lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}
