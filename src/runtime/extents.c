/* SPDX-License-Identifier: MIT */
/*
 * Room for values. A value occupies a class: a multiple of 16 bytes up to 1 KiB, then four sizes to
 * a doubling (waste below 20 %). Freed room goes to its class's list, whose links lie in the room;
 * else room is cut off the gaps between live values. None of this is truth: when a class is empty
 * and the gaps are used up, all free room is found anew from the live values, which also joins
 * what was cut apart.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/region.h"

static const uint64_t EXTENT_SMALL_MAX =
    (uint64_t)PLIM__EXTENT_SMALL_CLASSES * PLIM__REGION_GRAIN; /* 1 KiB */

/* The class of a size and, through *out_bytes, what its members occupy. */
static uint32_t extent_class(uint64_t size_bytes, uint64_t *out_bytes)
{
    uint64_t grains =
        size_bytes == 0 ? 1 : (size_bytes + PLIM__REGION_GRAIN - 1) / PLIM__REGION_GRAIN;
    if (grains <= PLIM__EXTENT_SMALL_CLASSES) {
        *out_bytes = grains * PLIM__REGION_GRAIN;
        return (uint32_t)grains - 1;
    }
    uint64_t base = EXTENT_SMALL_MAX;
    uint32_t number = PLIM__EXTENT_SMALL_CLASSES;
    while (size_bytes > base * 2) {
        base *= 2;
        number += 4;
    }
    uint64_t step = base / 4;
    uint64_t steps = (size_bytes - base + step - 1) / step; /* 1 to 4 */
    *out_bytes = base + steps * step;
    return number + (uint32_t)steps - 1;
}

uint64_t plim__extent_bytes(uint32_t size_bytes)
{
    uint64_t bytes;
    (void)extent_class(size_bytes, &bytes);
    return bytes;
}

static bool extent_from_gaps(plim_region *region, uint64_t bytes, uint64_t *out_offset)
{
    while (region->gap_count > 0) {
        plim__gap *gap = &region->gaps[region->gap_count - 1];
        if (gap->end - gap->start >= bytes) {
            *out_offset = gap->start;
            gap->start += bytes;
            return true;
        }
        if (region->gap_count == 1)
            break; /* the largest, kept for smaller values */
        region->gap_count--;
    }
    return false;
}

static bool extent_try(plim_region *region, uint32_t size_bytes, uint64_t *out_offset)
{
    uint64_t bytes;
    uint32_t number = extent_class(size_bytes, &bytes);
    PLIM_CHECK(number < PLIM__EXTENT_CLASSES);
    uint64_t first = region->free_extents[number];
    if (first == 0)
        return extent_from_gaps(region, bytes, out_offset);
    memcpy(&region->free_extents[number], region->data + first - 1, sizeof first);
    *out_offset = first - 1;
    return true;
}

bool plim__extent_take(plim_region *region, uint32_t size_bytes, uint64_t *out_offset)
{
    if (!extent_try(region, size_bytes, out_offset) &&
        (plim__extents_rebuild(region, NULL) != PLIM_OK ||
         !extent_try(region, size_bytes, out_offset)))
        return false;
    region->held_bytes += plim__extent_bytes(size_bytes);
    return true;
}

void plim__extent_give(plim_region *region, uint64_t offset, uint32_t size_bytes)
{
    uint64_t bytes;
    uint32_t number = extent_class(size_bytes, &bytes);
    memcpy(region->data + offset, &region->free_extents[number], sizeof(uint64_t));
    region->free_extents[number] = offset + 1;
    region->held_bytes -= bytes;
}

static uint64_t extent_key(const plim__object *object)
{
    return object->data;
}

static bool extent_add_gap(plim_region *region, uint64_t start, uint64_t end)
{
    if (end <= start)
        return true;
    if (region->gap_count == region->gap_capacity) {
        uint32_t wanted = region->gap_capacity == 0 ? 64 : region->gap_capacity * 2;
        plim__gap *grown = plim__array_resize(region->allocator, region->gaps, region->gap_capacity,
                                              wanted, sizeof *grown);
        if (grown == NULL)
            return false;
        region->gaps = grown;
        region->gap_capacity = wanted;
    }
    region->gaps[region->gap_count++] = (plim__gap){start, end};
    return true;
}

/* The largest gap first, so that it is cut last; one pass, the others stay as they are. */
static void extent_largest_first(plim_region *region)
{
    for (uint32_t i = 1; i < region->gap_count; i++) {
        plim__gap gap = region->gaps[i];
        if (gap.end - gap.start > region->gaps[0].end - region->gaps[0].start) {
            region->gaps[i] = region->gaps[0];
            region->gaps[0] = gap;
        }
    }
}

plim_status plim__extents_rebuild(plim_region *region, plim_error *err)
{
    uint32_t count = region->object_count;
    uint32_t *order = plim__scratch_take(region, 2 * (size_t)count + 2);
    if (order == NULL)
        return plim__no_memory(err, "the room of a region");
    plim__region_sort(region, extent_key, order, order + count, count);
    memset(region->free_extents, 0, sizeof region->free_extents);
    region->gap_count = 0;
    region->held_bytes = 0;
    uint64_t at = 0;
    bool fits = true;
    for (uint32_t i = 0; i < count && fits; i++) {
        const plim__object *object = &region->objects[order[i]];
        fits = extent_add_gap(region, at, object->data);
        at = object->data + plim__extent_bytes(object->size_bytes);
        region->held_bytes += plim__extent_bytes(object->size_bytes);
    }
    fits = fits && extent_add_gap(region, at, region->head->data_bytes);
    extent_largest_first(region);
    plim__scratch_give(region, order, 2 * (size_t)count + 2);
    return fits ? PLIM_OK : plim__no_memory(err, "the room of a region");
}
