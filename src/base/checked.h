/* SPDX-License-Identifier: MIT */
/**
 * @file checked.h
 * @brief Arithmetic on sizes that says when it does not fit.
 */
#ifndef PLIM_BASE_CHECKED_H
#define PLIM_BASE_CHECKED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Sets *out to a*b; false if it does not fit. */
static inline bool plim__mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/** Sets *out to a+b; false if it does not fit. */
static inline bool plim__add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/** Sets *out to a+b; false if it does not fit. */
static inline bool plim__add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

#endif
