/* SPDX-License-Identifier: MIT */
/**
 * @file rows.h
 * @brief Rows of one size, as many as come, up to PLIM_FOREIGN_ROWS_MAX.
 */
#ifndef PLIM_HEAP_ROWS_H
#define PLIM_HEAP_ROWS_H
#include "base/allocator.h"
#include "base/limits.h"

/** Zero it, set allocator and row_bytes; end it with plim__rows_fini(). */
typedef struct plim__rows {
    const plim_allocator *allocator;
    size_t row_bytes;
    void *data;
    uint32_t count, capacity;
} plim__rows;

/** The next row, not cleared; NULL if memory was refused or there are too many. */
static inline void *plim__rows_add(plim__rows *rows)
{
    if (rows->count == rows->capacity) {
        uint32_t wanted = rows->capacity == 0 ? 256 : rows->capacity * 2;
        wanted = wanted < PLIM_FOREIGN_ROWS_MAX ? wanted : PLIM_FOREIGN_ROWS_MAX;
        void *grown = wanted == rows->capacity
                          ? NULL
                          : plim__array_resize(rows->allocator, rows->data, rows->capacity, wanted,
                                               rows->row_bytes);
        if (grown == NULL)
            return NULL;
        rows->data = grown;
        rows->capacity = wanted;
    }
    return (char *)rows->data + rows->row_bytes * rows->count++;
}

/** Frees the rows. */
static inline void plim__rows_fini(plim__rows *rows)
{
    if (rows->data != NULL)
        plim__array_free(rows->allocator, rows->data, rows->capacity, rows->row_bytes);
    rows->data = NULL;
    rows->count = rows->capacity = 0;
}

#endif
