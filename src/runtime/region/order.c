/* SPDX-License-Identifier: MIT */
/*
 * Live objects in the order of a key: a radix sort over slots, since keys (places, births) are
 * large and dense in their low bits.
 */
#include <string.h>

#include "base/assert.h"
#include "runtime/region/region.h"

enum {
    SORT_BITS = 11,
    SORT_SLOTS = 1 << SORT_BITS,
    SORT_FEW = 16384, /* keys: below, going over a large table costs more than another pass */
    SORT_FEW_BITS = 8
};

void plim__region_sort(const plim_region *region, uint64_t (*key)(const plim__object *),
                       uint32_t *out, uint32_t *scratch, uint32_t count)
{
    uint32_t found = 0;
    uint64_t highest = 0;
    uint32_t top = atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
    for (uint32_t i = 0; i < top && found < count; i++) {
        if (!plim__word_is_live(
                atomic_load_explicit(&region->objects[i].word, memory_order_relaxed)))
            continue;
        uint64_t value = key(&region->objects[i]);
        highest = value > highest ? value : highest;
        out[found++] = i;
    }
    PLIM_CHECK(found == count);
    uint32_t *from = out;
    uint32_t *to = scratch;
    for (unsigned shift = 0; shift < 64 && highest >> shift != 0; shift += SORT_BITS) {
        uint32_t starts[SORT_SLOTS] = {0};
        uint32_t sum = 0;
        for (uint32_t i = 0; i < count; i++)
            starts[key(&region->objects[from[i]]) >> shift & (SORT_SLOTS - 1)]++;
        for (uint32_t slot = 0; slot < SORT_SLOTS; slot++) {
            uint32_t here = starts[slot];
            starts[slot] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            to[starts[key(&region->objects[from[i]]) >> shift & (SORT_SLOTS - 1)]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != out && count > 0)
        memcpy(out, from, (size_t)count * sizeof *out);
}

void plim__region_sort_numbers(uint64_t *keys, uint64_t *scratch, uint32_t count, uint64_t highest)
{
    uint64_t *from = keys;
    uint64_t *to = scratch;
    unsigned bits = count < SORT_FEW ? SORT_FEW_BITS : SORT_BITS;
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (unsigned shift = 0; shift < 64 && highest >> shift != 0; shift += bits) {
        uint32_t starts[SORT_SLOTS];
        uint32_t sum = 0;
        memset(starts, 0, (size_t)(mask + 1) * sizeof *starts);
        for (uint32_t i = 0; i < count; i++)
            starts[from[i] >> shift & mask]++;
        for (uint32_t slot = 0; slot <= mask; slot++) {
            uint32_t here = starts[slot];
            starts[slot] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            to[starts[from[i] >> shift & mask]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys && count > 0)
        memcpy(keys, from, (size_t)count * sizeof *keys);
}
