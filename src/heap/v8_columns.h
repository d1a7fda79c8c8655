/* SPDX-License-Identifier: MIT */
/**
 * @file v8_columns.h
 * @brief The columns of a graph while they grow.
 *
 * A column grows by half at a time and never beyond what the caller says can still come, so what
 * a file announces costs nothing until its bytes have arrived.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_V8_COLUMNS_H
#define PLIM_HEAP_V8_COLUMNS_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stddef.h>

typedef struct plim__v8_column {
    void *data;
    size_t capacity; /* items */
    size_t item_bytes;
} plim__v8_column;

/** Room for needed items; grows to at most limit, which is at least needed. */
PLIM_NODISCARD plim_status plim__v8_column_reserve(plim__v8_column *column,
                                                   const plim_allocator *allocator, size_t needed,
                                                   size_t limit, plim_error *err);

/** As reserve(), the items behind what was there cleared. */
PLIM_NODISCARD plim_status plim__v8_column_reserve_zero(plim__v8_column *column,
                                                        const plim_allocator *allocator,
                                                        size_t needed, size_t limit,
                                                        plim_error *err);

/** Gives back what is beyond count and hands the rest out; NULL where count is 0. */
PLIM_NODISCARD plim_status plim__v8_column_detach(plim__v8_column *column,
                                                  const plim_allocator *allocator, size_t count,
                                                  void **out_data, plim_error *err);

/** Frees; a column without memory is accepted. */
void plim__v8_column_fini(plim__v8_column *column, const plim_allocator *allocator);

#endif
