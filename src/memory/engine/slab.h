/* SPDX-License-Identifier: MIT */
/**
 * @file slab.h
 * @brief Slabs: runs of pages cut into blocks of one class, for one slot. Under the manager's lock.
 */
#ifndef PLIM_MEMORY_SLAB_H
#define PLIM_MEMORY_SLAB_H
#include "memory/engine/engine.h"

/** Bytes of a domain's, with what stands behind it. */
size_t plim__central_bytes(const plim_manager *manager);

/** Makes it empty: the manager's own, or one of zeroed memory of that size. */
void plim__central_init(plim__central *central, const plim_manager *manager);

/**
 * Takes up to `want` blocks of a class, lowest addresses of a slab first, into the end of
 * out_blocks, downward: the last of that array is the first taken, so that the top of a thread's
 * array is served in rising order. How many; fewer only where no page is left for another slab.
 * Budgets are the caller's. No block is touched.
 */
uint32_t plim__slab_take(plim_manager *manager, plim__central *central, uint32_t slot,
                         unsigned code, uint32_t want, void **out_blocks);

/** Of `want` blocks, as many as can be had with one new slab at most: no refill takes long. */
uint32_t plim__slab_handy(const plim_manager *manager, plim__central *central, unsigned code,
                          uint32_t want);

/** One block that lasts to the end, from slabs of such; NULL if no page is left. */
void *plim__slab_take_lasting(plim_manager *manager, plim__central *central, uint32_t slot,
                              unsigned code);

/** Gives one block back to its slab. */
void plim__slab_give(plim_manager *manager, plim__central *central, unsigned code, void *block);

/** Gives back blocks of one class. */
void plim__slab_give_many(plim_manager *manager, plim__central *central, unsigned code,
                          void *const *blocks, size_t count);

/** Gives back the pages of slabs that are kept though they are empty. */
void plim__slab_sweep(plim_manager *manager, plim__central *central);

#endif
