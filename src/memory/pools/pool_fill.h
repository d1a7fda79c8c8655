/* SPDX-License-Identifier: MIT */
/**
 * @file pool_fill.h
 * @brief Private: what guards and released buffers are filled with, and whether they still are.
 */
#ifndef PLIM_MEMORY_POOL_FILL_H
#define PLIM_MEMORY_POOL_FILL_H
#include <plimsoll/pool.h>

/** Fills with the pattern of a kind; PLIM_POISON_NONE fills nothing. */
void plim__fill_poison(void *data, size_t bytes, plim_poison poison);

/** Whether all of it is that pattern. */
bool plim__fill_is_poison(const void *data, size_t bytes, plim_poison poison);

/** Fills with guard bytes. */
void plim__fill_guard(void *data, size_t bytes);

/** Whether all of it is guard bytes. */
bool plim__fill_is_guard(const void *data, size_t bytes);

#endif
