/* SPDX-License-Identifier: MIT */
/**
 * @file random.h
 * @brief Numbers that scatter what would else happen at once; nobody's secret rests on them.
 */
#ifndef PLIM_BASE_RANDOM_H
#define PLIM_BASE_RANDOM_H
#include <stdint.h>

/** The next one, never 0 (xorshift64: Marsaglia, 2003). Pre: *state is not 0. */
static inline uint64_t plim__random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
