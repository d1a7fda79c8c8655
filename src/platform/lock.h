/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h
 * @brief Contract: mutual exclusion in one word; all zero is open.
 *
 * Pre: not taken twice by one thread; held for a bounded number of steps. Post: what was written
 * before give is seen after the next take. Needs no start-up and no memory.
 */
#ifndef PLIM_PLATFORM_LOCK_H
#define PLIM_PLATFORM_LOCK_H
#include <stdbool.h>
#include <stdint.h>

/** Caller's storage; private. */
typedef struct plim__lock {
    _Atomic uint32_t word; /* 0 open, 1 taken, 2 taken and somebody waits */
} plim__lock;

/** Waits until it is ours. */
void plim__lock_take(plim__lock *lock);

/** Opens it. */
void plim__lock_give(plim__lock *lock);

/** Makes it open, whatever it was: for storage that is not known to be zero. */
void plim__lock_reset(plim__lock *lock);

#endif
