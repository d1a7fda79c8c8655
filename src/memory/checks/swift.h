/* SPDX-License-Identifier: MIT */
/**
 * @file swift.h
 * @brief The swift way of checked managers: what a thread has at hand, with a look at its state.
 *
 * Each declines where anything is not as it should be, with nothing changed; the checked way then
 * finds out what it is. Builds without level standard have none of them.
 */
#ifndef PLIM_MEMORY_SWIFT_H
#define PLIM_MEMORY_SWIFT_H
#include "memory/checks/marks.h"
#include "memory/engine/cache.h"

#if PLIM_VERIFY_MAX >= 3 /* PLIM_VERIFY_STANDARD, which the preprocessor does not know */

/** The state of an address in a checked cache. One shift and one addition: the address's bits below
 *  an alignment are 0. */
static inline uint8_t *plim__swift_state(const plim__cache *cache, const void *block)
{
    return (uint8_t *)(cache->states + (uintptr_t)block / PLIM__ALIGN);
}

/** What plim__swift_pass() says. */
typedef enum plim__swift_passed {
    PLIM__SWIFT_NO,  /* it is no cache for that id */
    PLIM__SWIFT_YES, /* the block is live from here on */
    PLIM__SWIFT_ODD  /* level full, and a block's turn to be watched, or one that is not as new */
} plim__swift_passed;

/** What the fast way does besides where a cache's id is turned, with the block it came upon. */
static inline plim__swift_passed plim__swift_pass(plim__cache *cache, uint32_t turned,
                                                  const void *block)
{
    if (turned == PLIM__TURNED_STANDARD) {
        plim__state_store(plim__swift_state(cache, block), PLIM__STATE_LIVE);
        return PLIM__SWIFT_YES;
    }
    if (PLIM_VERIFY_MAX < 4 || turned != PLIM__TURNED_FULL)
        return PLIM__SWIFT_NO;
    if (--cache->watch_in == 0)
        return PLIM__SWIFT_ODD;
    uint8_t *state = plim__swift_state(cache, block);
    if (plim__state_load(state) > PLIM__STATE_GONE)
        return PLIM__SWIFT_ODD;
    plim__state_store(state, PLIM__STATE_LIVE);
    return PLIM__SWIFT_YES;
}

/** A block out of a cache of level full where the fast way found an odd one, or where each is
 *  watched; else by plim__take(). The thread is entered, and left in any case. */
void *plim__swift_take(plim__thread *thread, plim__cache *cache, size_t bytes, const char *site);

/** Gives a block of the thread's home back whose state is not live: a watched one; else by
 *  plim__give(). The thread is entered, and left in any case. */
void plim__swift_give(plim__thread *thread, uintptr_t grain, void *block);

/** The block with its new size, perhaps elsewhere, or NULL where that was refused; false: the other
 *  ways are to see to it. */
bool plim__swift_resize(plim__thread *thread, uintptr_t grain, void *block, size_t bytes,
                        void **out_block);

#endif
#endif
