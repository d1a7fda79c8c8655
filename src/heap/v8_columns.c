/* SPDX-License-Identifier: MIT */
#include "heap/v8_columns.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

plim_status plim__v8_column_reserve(plim__v8_column *column, const plim_allocator *allocator,
                                    size_t needed, size_t limit, plim_error *err)
{
    PLIM_CHECK(column->item_bytes > 0 && needed <= limit);
    if (needed <= column->capacity)
        return PLIM_OK;
    size_t wanted = column->capacity + column->capacity / 2;
    wanted = wanted < needed ? needed : wanted;
    wanted = wanted > limit ? limit : wanted;
    void *grown =
        plim__array_resize(allocator, column->data, column->capacity, wanted, column->item_bytes);
    if (grown == NULL)
        return plim__no_memory(err, "the graph of the snapshot");
    column->data = grown;
    column->capacity = wanted;
    return PLIM_OK;
}

plim_status plim__v8_column_reserve_zero(plim__v8_column *column, const plim_allocator *allocator,
                                         size_t needed, size_t limit, plim_error *err)
{
    size_t had = column->capacity;
    plim_status status = plim__v8_column_reserve(column, allocator, needed, limit, err);
    if (status == PLIM_OK && column->capacity > had)
        memset((char *)column->data + had * column->item_bytes, 0,
               (column->capacity - had) * column->item_bytes);
    return status;
}

plim_status plim__v8_column_detach(plim__v8_column *column, const plim_allocator *allocator,
                                   size_t count, void **out_data, plim_error *err)
{
    PLIM_CHECK(count <= column->capacity);
    if (count == 0) {
        plim__v8_column_fini(column, allocator);
    } else if (count < column->capacity) {
        void *shrunk = plim__array_resize(allocator, column->data, column->capacity, count,
                                          column->item_bytes);
        if (shrunk == NULL)
            return plim__no_memory(err, "the graph of the snapshot");
        column->data = shrunk;
    }
    *out_data = column->data;
    column->data = NULL;
    column->capacity = 0;
    return PLIM_OK;
}

void plim__v8_column_fini(plim__v8_column *column, const plim_allocator *allocator)
{
    plim__array_free(allocator, column->data, column->capacity, column->item_bytes);
    column->data = NULL;
    column->capacity = 0;
}
