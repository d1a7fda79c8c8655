/* SPDX-License-Identifier: MIT */
/**
 * @file allocator.h
 * @brief Typed use of plim_allocator: arrays with checked sizes, and growing ones.
 */
#ifndef PLIM_BASE_ALLOCATOR_H
#define PLIM_BASE_ALLOCATOR_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <string.h>

#include "base/checked.h"

/** The given allocator, or the system's. */
static inline const plim_allocator *plim__allocator_or_system(const plim_allocator *allocator)
{
    return allocator != NULL ? allocator : plim_allocator_system();
}

/** count * item_bytes, uncleared; NULL if refused, if it does not fit, or if it is zero bytes. */
static inline void *plim__array_new(const plim_allocator *allocator, size_t count,
                                    size_t item_bytes)
{
    size_t bytes;
    if (!plim__mul_size(count, item_bytes, &bytes) || bytes == 0)
        return NULL;
    return allocator->resize(allocator->ctx, NULL, 0, bytes);
}

/** As plim__array_new(), cleared. */
static inline void *plim__array_new_zero(const plim_allocator *allocator, size_t count,
                                         size_t item_bytes)
{
    void *array = plim__array_new(allocator, count, item_bytes);
    if (array != NULL)
        memset(array, 0, count * item_bytes);
    return array;
}

/** Grows or shrinks; NULL if refused, and then the old array stands. new_count must not be 0. */
static inline void *plim__array_resize(const plim_allocator *allocator, void *array,
                                       size_t old_count, size_t new_count, size_t item_bytes)
{
    size_t bytes;
    if (!plim__mul_size(new_count, item_bytes, &bytes) || bytes == 0)
        return NULL;
    return allocator->resize(allocator->ctx, array, old_count * item_bytes, bytes);
}

/** Frees; NULL is accepted. */
static inline void plim__array_free(const plim_allocator *allocator, void *array, size_t count,
                                    size_t item_bytes)
{
    if (array != NULL)
        (void)allocator->resize(allocator->ctx, array, count * item_bytes, 0);
}

/** Reports PLIM_ERR_NO_MEMORY in the usual words and returns it. */
static inline plim_status plim__no_memory(plim_error *err, const char *what_for)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for %s", what_for);
    plim_error_hint(err, "raise --mem, or free memory on this machine");
    return status;
}

#endif
