/* SPDX-License-Identifier: MIT */
/**
 * @file swift.h
 * @brief The swift way of checked managers: what a thread has at hand, with a look at its mark.
 *
 * Each declines where anything is not as it should be, with nothing changed; the checked way then
 * finds out what it is. In builds without level standard they are nothing.
 */
#ifndef PLIM_MEMORY_SWIFT_H
#define PLIM_MEMORY_SWIFT_H
#include "memory/engine/cache.h"

#if PLIM_VERIFY_MAX >= 3 /* PLIM_VERIFY_STANDARD, which the preprocessor does not know */

/** A block of a domain, with the thread entered, its cache and bin found; it is left in any case.
 *  NULL: the cache has none, or is not that domain's. */
void *plim__swift_take(plim__thread *thread, plim__cache *cache, plim__bin *bin, uint32_t id,
                       size_t bytes, const char *site);

/** Gives a block back; false: the other ways are to see to it. */
bool plim__swift_give(void *block);

/** The block with its new size, perhaps elsewhere, or NULL where that was refused; false: the other
 *  ways are to see to it. */
bool plim__swift_resize(void *block, size_t bytes, void **out_block);

#else

static inline void *plim__swift_take(plim__thread *thread, plim__cache *cache, plim__bin *bin,
                                     uint32_t id, size_t bytes, const char *site)
{
    (void)cache, (void)bin, (void)id, (void)bytes, (void)site;
    plim__thread_leave(thread, PLIM__IDLE);
    return NULL;
}

static inline bool plim__swift_give(void *block)
{
    (void)block;
    return false;
}

static inline bool plim__swift_resize(void *block, size_t bytes, void **out_block)
{
    (void)block, (void)bytes, (void)out_block;
    return false;
}

#endif
#endif
