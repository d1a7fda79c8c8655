/* SPDX-License-Identifier: MIT */
/**
 * @file bits.h
 * @brief Bits counted without the compiler's library, which a device may not have.
 */
#ifndef PLIM_BASE_BITS_H
#define PLIM_BASE_BITS_H
#include <stdint.h>

/** Bits set: three steps of adding neighbours, then a multiplication that adds the bytes. */
static inline uint32_t plim__bit_count(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

#endif
