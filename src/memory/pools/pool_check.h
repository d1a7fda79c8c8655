/* SPDX-License-Identifier: MIT */
/**
 * @file pool_check.h
 * @brief Private: what the levels and policies of a pool add to acquire and release.
 */
#ifndef PLIM_MEMORY_POOL_CHECK_H
#define PLIM_MEMORY_POOL_CHECK_H
#include "memory/pools/pool_state.h"

/** Gives a slot its memory where it has none yet; its note is made. False if it was refused. */
bool plim__pool_slot_take(plim_pool *pool, uint32_t index);

/** Gives the memory of a slot back, where it has some of its own. */
void plim__pool_slot_give(plim_pool *pool, uint32_t index);

/** Level full: puts the guards around a slot's elements. */
void plim__pool_guards_write(const plim_pool *pool, uint32_t index);

/** Whether they are whole; true where there are none. */
bool plim__pool_guards_whole(const plim_pool *pool, uint32_t index);

/** Whether a free slot's poison is; true where there is none, or the level does not look. */
bool plim__pool_poison_whole(const plim_pool *pool, uint32_t index);

/** What the level and the policy do with a slot that comes back. */
void plim__pool_clean(plim_pool *pool, uint32_t index);

/** The whole pool is looked at; what is wrong is told as the slot's. */
void plim__pool_verify_now(const plim_pool *pool, uint32_t index);

/** Level redundant: that, after every operation. */
static inline void plim__pool_verify_after(const plim_pool *pool, uint32_t index)
{
    if (pool->verify == PLIM_VERIFY_REDUNDANT)
        plim__pool_verify_now(pool, index);
}

/** Tells the hook that an invariant is broken; without one it is the end. PLIM_ERR_INTERNAL. */
plim_status plim__pool_panic(const plim_pool *pool, uint32_t index, const char *invariant,
                             const char *what);

#endif
