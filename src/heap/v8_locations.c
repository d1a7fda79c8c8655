/* SPDX-License-Identifier: MIT */
/*
 * Sorting is by radix, 11 bits at a time from the lowest: stable, so that of several rows of one
 * node the last stays last, and never worse than its three passes, whatever the file says.
 */
#include "heap/v8_locations.h"

#include <inttypes.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

enum {
    RADIX_BITS = 11,
    RADIX_DIGITS = 1 << RADIX_BITS,
    RADIX_PASSES = 3 /* of 11 bits: 33 */
};

void plim__v8_locations_init(plim__v8_locations *locations, const plim_allocator *allocator,
                             const plim__v8_meta *meta)
{
    *locations = (plim__v8_locations){
        .allocator = allocator,
        .meta = meta,
        .rows = {.item_bytes = sizeof(plim__node_location)},
    };
}

/* V8 writes a node's place in the numbers of `nodes`, not its ordinal. */
static bool node_of_offset(const plim__v8_meta *meta, uint64_t offset, uint32_t *out_node)
{
    uint64_t width = meta->width[PLIM__V8_NODE_ROWS];
    *out_node = (uint32_t)(offset / width);
    return offset % width == 0 && offset / width < meta->node_count;
}

static bool is_negative(uint64_t value)
{
    return value > INT64_MAX;
}

/* Sets *out_has to false where the row says that nothing is known. */
static plim_status read_row(const plim__v8_meta *meta, const uint64_t *row,
                            plim__node_location *out, bool *out_has, plim_error *err)
{
    uint64_t object = row[meta->field[PLIM__V8_LOCATION_OBJECT]];
    uint64_t script_id = row[meta->field[PLIM__V8_LOCATION_SCRIPT]];
    uint64_t line = row[meta->field[PLIM__V8_LOCATION_LINE]];
    uint64_t column = row[meta->field[PLIM__V8_LOCATION_COLUMN]];
    *out_has = false;
    if (!node_of_offset(meta, object, &out->node))
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "a location is of the object at %" PRIu64 ", where no node begins",
                              object);
    if (is_negative(script_id) || is_negative(line) || is_negative(column))
        return PLIM_OK; /* V8's "no position" */
    if (script_id > UINT32_MAX || line > UINT32_MAX || column > UINT32_MAX)
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "the location of node %" PRIu32 " has a number beyond 32 bits",
                              out->node);
    out->at = (plim_location){(uint32_t)script_id, (uint32_t)line, (uint32_t)column};
    out->script_node = PLIM_NONE;
    *out_has = true;
    uint8_t place = meta->field[PLIM__V8_LOCATION_SCRIPT_OBJECT];
    /* The root is no script: 0 is "none", and so is a negative number. */
    if (place == PLIM__V8_NO_FIELD || row[place] == 0 || is_negative(row[place]))
        return PLIM_OK;
    if (!node_of_offset(meta, row[place], &out->script_node))
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "the location of node %" PRIu32 " has its script at %" PRIu64
                              ", where no node begins",
                              out->node, row[place]);
    return PLIM_OK;
}

static bool meta_has_locations(const plim__v8_meta *meta)
{
    return meta->field[PLIM__V8_LOCATION_OBJECT] != PLIM__V8_NO_FIELD &&
           meta->field[PLIM__V8_LOCATION_SCRIPT] != PLIM__V8_NO_FIELD &&
           meta->field[PLIM__V8_LOCATION_LINE] != PLIM__V8_NO_FIELD &&
           meta->field[PLIM__V8_LOCATION_COLUMN] != PLIM__V8_NO_FIELD;
}

plim_status plim__v8_locations_take(plim__v8_locations *locations, const uint64_t *values,
                                    size_t row_count, plim_error *err)
{
    const plim__v8_meta *meta = locations->meta;
    PLIM_CHECK(meta != NULL);
    if (!meta_has_locations(meta))
        return PLIM_OK;
    size_t width = meta->width[PLIM__V8_LOCATION_ROWS];
    size_t needed = locations->count + row_count;
    if (needed > PLIM_NODES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more locations than there may be nodes");
    plim_status status = plim__v8_column_reserve(&locations->rows, locations->allocator, needed,
                                                 PLIM_NODES_MAX, err);
    if (status != PLIM_OK)
        return status;
    plim__node_location *rows = locations->rows.data;
    for (size_t row = 0; row < row_count && status == PLIM_OK; row++) {
        bool has;
        status = read_row(meta, values + row * width, &rows[locations->count], &has, err);
        locations->count += status == PLIM_OK && has;
    }
    return status;
}

static bool is_sorted(const plim__node_location *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (rows[i - 1].node >= rows[i].node)
            return false;
    }
    return true;
}

static void radix_pass(const plim__node_location *from, plim__node_location *to, uint32_t count,
                       unsigned shift)
{
    uint32_t next[RADIX_DIGITS] = {0};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        next[from[i].node >> shift & (RADIX_DIGITS - 1)]++;
    for (uint32_t digit = 0; digit < RADIX_DIGITS; digit++) {
        uint32_t here = next[digit];
        next[digit] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
        to[next[from[i].node >> shift & (RADIX_DIGITS - 1)]++] = from[i];
}

static plim_status sort_rows(plim__v8_locations *locations, plim_error *err)
{
    plim__v8_column other = {.item_bytes = sizeof(plim__node_location)};
    size_t capacity = locations->rows.capacity;
    plim_status status =
        plim__v8_column_reserve(&other, locations->allocator, capacity, capacity, err);
    if (status != PLIM_OK)
        return status;
    for (unsigned pass = 0; pass < RADIX_PASSES; pass++) {
        plim__v8_column from = locations->rows;
        radix_pass(from.data, other.data, locations->count, pass * RADIX_BITS);
        locations->rows = other;
        other = from;
    }
    plim__v8_column_fini(&other, locations->allocator);
    return PLIM_OK;
}

/* Of rows of one node the last stays. */
static void drop_doubles(plim__v8_locations *locations)
{
    plim__node_location *rows = locations->rows.data;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < locations->count; i++) {
        if (kept > 0 && rows[kept - 1].node == rows[i].node)
            kept--;
        rows[kept++] = rows[i];
    }
    locations->count = kept;
}

plim_status plim__v8_locations_detach(plim__v8_locations *locations, plim__node_location **out_rows,
                                      uint32_t *out_count, plim_error *err)
{
    *out_rows = NULL;
    *out_count = 0;
    if (locations->count == 0)
        return PLIM_OK;
    if (!is_sorted(locations->rows.data, locations->count)) {
        plim_status status = sort_rows(locations, err);
        if (status != PLIM_OK)
            return status;
        drop_doubles(locations);
    }
    void *rows = NULL;
    plim_status status = plim__v8_column_detach(&locations->rows, locations->allocator,
                                                locations->count, &rows, err);
    if (status != PLIM_OK)
        return status;
    *out_rows = rows;
    *out_count = locations->count;
    return PLIM_OK;
}

void plim__v8_locations_fini(plim__v8_locations *locations)
{
    plim__v8_column_fini(&locations->rows, locations->allocator);
}
