/* SPDX-License-Identifier: MIT */
/*
 * Caches. A bin is an array of addresses; when it is full the older three quarters go back to the
 * slabs, when it is empty up to half of it comes from them. Refills begin with two blocks and grow
 * with use, so that what is used seldom holds little.
 *
 * C1  Every block in a bin is charged to the domain; its slab counts it as given out.
 * C2  array <= top <= end, array[-1] is NULL, and nothing outside this file and the two fast ways
 *     of alloc.c moves top.
 */
#include "memory/engine/cache.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/checked.h"
#include "memory/engine/slab.h"

enum {
    CACHE_CAP_MAX = 160,   /* blocks: what a flush costs beside them is a tenth of it */
    CACHE_REFILL_MAX = 56, /* of them at once: less than 0.3 us */
    CACHE_SMALL = 2048,
    CACHE_BIN_BYTES_SMALL = 12 << 10, /* of one class up to 2 KiB: what comes and goes most */
    CACHE_BIN_BYTES = 8 << 10,        /* of a larger one: all 60 full are half a MiB */
    CACHE_CAP_TIGHT = 16,
    CACHE_BIN_BYTES_TIGHT = 900,
    /* A bin of blocks above 1 KiB begins with few places, and gets more each time it overflows: so
       many at most, and all bins together for so small a part of what the domain holds. */
    CACHE_GROWN_SMALL = 32,
    CACHE_GROWN_BYTES = 64 << 10,
    CACHE_GROWN_PART = 64,
    CACHE_GROWN_UNIT = 128 /* such blocks are multiples of it */
};
_Static_assert(PLIM__CLASS_COUNT *CACHE_GROWN_BYTES / CACHE_GROWN_UNIT <= UINT16_MAX,
               "what bins have more fits its count");

plim__cache plim__cache_empty;
static void *cache_nothing[2]; /* an array of no places behind a NULL */

void plim__cache_empty_init(void)
{
    for (unsigned code = 0; code < PLIM__CLASS_CODES; code++) {
        plim__bin *bin = &plim__cache_empty.bins[code];
        plim__own_store(&bin->top, &cache_nothing[1]);
        bin->end = bin->array = &cache_nothing[1];
    }
}

static size_t cache_held(const plim__bin *bin)
{
    return (size_t)(plim__own_load(&bin->top) - bin->array);
}

static uint32_t cache_cap(const plim_manager *manager, unsigned code)
{
    size_t most = manager->is_tight ? CACHE_CAP_TIGHT : CACHE_CAP_MAX;
    size_t block = plim__class_bytes[code];
    size_t bytes = manager->is_tight      ? CACHE_BIN_BYTES_TIGHT
                   : block <= CACHE_SMALL ? CACHE_BIN_BYTES_SMALL
                                          : CACHE_BIN_BYTES;
    size_t cap = bytes / block;
    return (uint32_t)(cap > most ? most : cap < 1 ? 1 : cap);
}

/* Places that a bin can come to have. */
static uint32_t cache_most(const plim_manager *manager, unsigned code)
{
    uint32_t cap = cache_cap(manager, code);
    if (manager->is_tight || code < PLIM__CLASS_FINE)
        return cap;
    size_t most = CACHE_GROWN_BYTES / plim__class_bytes[code];
    most = most < CACHE_GROWN_SMALL ? most : CACHE_GROWN_SMALL;
    return (uint32_t)most > cap ? (uint32_t)most : cap;
}

size_t plim__cache_bytes(const plim_manager *manager)
{
    size_t bytes = sizeof(plim__cache);
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++)
        bytes += (1 + cache_most(manager, code)) * sizeof(void *);
    return bytes;
}

void plim__cache_init(plim__cache *cache, plim_manager *manager, plim__domain *domain)
{
    *cache = plim__cache_empty;
    cache->id = plim__load(&domain->id);
    cache->slot = (uint16_t)domain->slot;
    cache->manager = manager;
    void **array = (void **)(void *)(cache + 1);
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        plim__bin *bin = &cache->bins[code];
        uint32_t cap = cache_cap(manager, code);
        *array++ = NULL;
        bin->array = array;
        plim__own_store(&bin->top, array);
        bin->end = array + cap;
        array += cache_most(manager, code);
        cache->batch[code] = 1;
        /* What the domain would refuse must not be at hand. */
        if (domain->request_max_bytes != 0 && plim__class_bytes[code] > domain->request_max_bytes)
            bin->end = bin->array;
    }
    if (plim__is_checked(manager))
        plim__checked_cache(cache);
}

uint32_t plim__cache_count(const plim__cache *cache, unsigned code)
{
    const plim__bin *bin = &cache->bins[code];
    return (uint32_t)(plim__foreign_load(&bin->top) - bin->array);
}

bool plim__cache_has_any(const plim__cache *cache)
{
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++)
        if (plim__cache_count(cache, code) != 0)
            return true;
    return plim__foreign_load(&cache->asked) != 0 || plim__foreign_load(&cache->asked_most) != 0;
}

void *plim__cache_take(plim__cache *cache, unsigned code)
{
    plim__bin *bin = &cache->bins[code];
    void **top = plim__own_load(&bin->top) - 1;
    if (*top == NULL)
        return NULL;
    plim__own_store(&bin->top, top);
    plim__own_add(&bin->pops, 1);
    return *top;
}

bool plim__cache_keep(plim__cache *cache, unsigned code, void *block)
{
    plim__bin *bin = &cache->bins[code];
    void **top = plim__own_load(&bin->top);
    if (top == bin->end)
        return false;
    *top = block;
    plim__own_store(&bin->top, top + 1);
    return true;
}

void *plim__cache_refill(plim__cache *cache, unsigned code, plim_refusal_reason *out_reason)
{
    void *block = plim__cache_take(cache, code);
    if (block != NULL)
        return block;
    plim__bin *bin = &cache->bins[code];
    plim__slot *slot = &plim__slots[cache->slot];
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    size_t bytes = plim__class_bytes[code];
    uint32_t cap = (uint32_t)(bin->end - bin->array);
    uint32_t most = cap / 2 > CACHE_REFILL_MAX ? CACHE_REFILL_MAX : cap > 1 ? cap / 2 : 1;
    uint32_t want = cache->batch[code] * 2u < most ? cache->batch[code] * 2u : most;
    cache->batch[code] = (uint8_t)want;
    want = plim__slab_handy(cache->manager, slot->central, code, want);
    want = (uint32_t)plim__budget_take_blocks(budget, bytes, want);
    if (want == 0) {
        *out_reason = PLIM_REFUSAL_BUDGET;
        return NULL;
    }
    uint32_t count =
        plim__slab_take(cache->manager, slot->central, cache->slot, code, want, bin->array);
    if (count < want)
        (void)plim__budget_give(budget, (want - count) * bytes);
    if (plim__is_checked(cache->manager))
        plim__checked_moved(cache, (ptrdiff_t)count, (ptrdiff_t)(count * bytes));
    if (count == 0) {
        *out_reason = PLIM_REFUSAL_PAGES;
        return NULL;
    }
    if (count < want)
        memmove(bin->array, bin->array + (want - count), count * sizeof *bin->array);
    plim__own_release(&bin->top, bin->array + count);
    return plim__cache_take(cache, code);
}

/* The first `count` of the array go back. */
static size_t cache_give(plim__cache *cache, unsigned code, size_t count)
{
    plim__central *central = plim__slots[cache->slot].central;
    plim__bin *bin = &cache->bins[code];
    void **array = bin->array;
    size_t held = cache_held(bin);
    PLIM_DCHECK(held <= (size_t)(bin->end - bin->array) && count <= held);
    size_t left = held - count;
    plim__slab_give_many(cache->manager, central, code, array, count);
    memmove(array, array + count, left * sizeof *array);
    plim__own_release(&bin->top, array + left);
    size_t bytes = count * plim__class_bytes[code];
    if (bytes > 0)
        (void)plim__budget_give(&plim__slot_domain(&plim__slots[cache->slot])->budget, bytes);
    if (plim__is_checked(cache->manager))
        plim__checked_moved(cache, -(ptrdiff_t)count, -(ptrdiff_t)bytes);
    return bytes;
}

/* Twice the places, where that is allowed. */
static void cache_grow(plim__cache *cache, unsigned code)
{
    plim__bin *bin = &cache->bins[code];
    size_t cap = (size_t)(bin->end - bin->array), most = cache_most(cache->manager, code);
    size_t more = cap < most - cap ? cap : most - cap;
    size_t grown = cache->grown + more * plim__class_bytes[code] / CACHE_GROWN_UNIT;
    size_t held = plim__slots[cache->slot].central->charged_bytes;
    if (grown > held / CACHE_GROWN_PART / CACHE_GROWN_UNIT)
        return;
    cache->grown = (uint16_t)grown;
    bin->end += more;
}

void plim__cache_flush(plim__cache *cache, unsigned code, void *block)
{
    if (plim__cache_keep(cache, code, block))
        return;
    cache_grow(cache, code);
    if (plim__cache_keep(cache, code, block))
        return;
    size_t held = cache_held(&cache->bins[code]);
    (void)cache_give(cache, code, held - held / 4);
    bool is_kept = plim__cache_keep(cache, code, block);
    PLIM_CHECK(is_kept);
}

size_t plim__cache_drain(plim__cache *cache)
{
    plim__slot *slot = &plim__slots[cache->slot];
    size_t bytes = 0;
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        plim__bin *bin = &cache->bins[code];
        bytes += cache_give(cache, code, cache_held(bin));
        (void)plim__add_relaxed(&slot->allocated, plim__own_load(&bin->pops));
        plim__own_store(&bin->pops, 0);
    }
    return bytes;
}
