/* SPDX-License-Identifier: MIT */
/**
 * @file swift.h
 * @brief The swift way of checked managers: what a thread has at hand, with a look at its mark.
 *
 * Each declines where anything is not as it should be, with nothing changed; the checked way then
 * finds out what it is. Builds without level standard have none of them.
 */
#ifndef PLIM_MEMORY_SWIFT_H
#define PLIM_MEMORY_SWIFT_H
#include "memory/engine/cache.h"

#if PLIM_VERIFY_MAX >= 3 /* PLIM_VERIFY_STANDARD, which the preprocessor does not know */

/** A block out of a checked cache's bin, the one at `top`, where that goes; else by plim__take().
 *  The thread is entered, and left in any case. */
void *plim__swift_take(plim__thread *thread, plim__cache *cache, plim__bin *bin, void **top,
                       size_t bytes, const char *site);

/** Gives a block back that is not of the thread's home; if this is not for it, by plim__give(). */
void plim__swift_give(plim__thread *thread, void *block);

/** The block with its new size, perhaps elsewhere, or NULL where that was refused; false: the other
 *  ways are to see to it. */
bool plim__swift_resize(void *block, size_t bytes, void **out_block);

#endif
#endif
