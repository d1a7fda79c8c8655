/* SPDX-License-Identifier: MIT */
/**
 * @file large.h
 * @brief Blocks that are runs of pages of their own. Under the manager's lock; budgets are the
 *        caller's.
 */
#ifndef PLIM_MEMORY_LARGE_H
#define PLIM_MEMORY_LARGE_H
#include "memory/engine/engine.h"

/** Whole pages for so many bytes, in bytes. */
static inline size_t plim__large_charge(size_t bytes)
{
    return (bytes + PLIM__PAGE_BYTES - 1) & ~(PLIM__PAGE_BYTES - 1);
}

/** A block of `charge` bytes (whole pages); NULL if no run of pages is free. */
void *plim__large_take(plim_manager *manager, plim__central *central, uint32_t slot, size_t charge,
                       size_t align);

/** Gives the block back that begins at the page; the bytes it was charged. */
size_t plim__large_give(plim_manager *manager, plim__central *central, uint32_t page);

/** Makes it larger or smaller where it stands; false if what is behind it is not free. */
bool plim__large_resize(plim_manager *manager, plim__central *central, uint32_t page,
                        size_t charge);

/** Bytes of the block that begins at the page. */
size_t plim__large_bytes(const plim_manager *manager, uint32_t page);

#endif
