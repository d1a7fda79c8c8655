/* SPDX-License-Identifier: MIT */
/*
 * Caches. A bin is two lists, as Bonwick's magazines are (2001): when the first is full it is set
 * aside as the second, when it is empty the second becomes the first, and only when that is not
 * possible either a whole list goes to or comes from the slabs; so a thread that moves around a
 * boundary takes no lock. Refills begin with two blocks and grow with use.
 *
 * C1  Every block in a bin is charged to the domain; its slab counts it as given out.
 * C2  sum - room - pops is the length of the first list: each push lowers room by one, each pop
 *     raises pops by one, and nothing else changes either outside this file.
 * C3  Neither list is longer than 255, and none longer than its size by more than what one slab
 *     had at hand.
 */
#include "memory/cache.h"

#include <string.h>

#include "base/assert.h"
#include "memory/slab.h"

enum {
    CACHE_LIST_MAX = 64,        /* blocks: what a refill links in under 0.3 us */
    CACHE_LIST_BYTES = 8 << 10, /* of one list: 52 classes full twice over are 0.8 MiB */
    CACHE_LIST_BYTES_TIGHT = 1 << 10,
    CACHE_POPS_MAX = 1 << 30 /* before it could wrap, the count moves to the slot's */
};

plim__cache plim__cache_empty;

static uint32_t cache_length(const plim__cache *cache, unsigned code)
{
    const plim__bin *bin = &cache->bins[code];
    return plim__own_load(&cache->more[code].sum) - plim__own_load(&bin->room) -
           plim__own_load(&bin->pops);
}

/* The first list is `head`, so long; room for as many more as make it full. */
static void cache_arm(plim__cache *cache, unsigned code, void *head, uint32_t length)
{
    plim__bin *bin = &cache->bins[code];
    plim__bin_more *more = &cache->more[code];
    uint32_t room = more->size > length ? more->size - length : 0;
    if (plim__own_load(&bin->pops) >= CACHE_POPS_MAX) {
        (void)plim__add_relaxed(&plim__slots[cache->slot].allocated, plim__own_load(&bin->pops));
        plim__own_store(&bin->pops, 0);
    }
    plim__foreign_store(&bin->head, head);
    plim__own_store(&bin->room, room);
    plim__own_store(&more->sum, length + room + plim__own_load(&bin->pops));
}

static void cache_reserve(plim__bin_more *more, void *list, uint32_t length)
{
    plim__foreign_store(&more->reserve, list);
    plim__own_store(&more->reserve_count, (uint16_t)length);
}

uint32_t plim__cache_count(const plim__cache *cache, unsigned code)
{
    return cache_length(cache, code) + plim__own_load(&cache->more[code].reserve_count);
}

bool plim__cache_has_any(const plim__cache *cache)
{
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        const plim__bin *bin = &cache->bins[code];
        /* A list that moves from one place to the other meanwhile is seen in one of three looks. */
        if (plim__foreign_load(&bin->head) != NULL ||
            plim__foreign_load(&cache->more[code].reserve) != NULL ||
            plim__foreign_load(&bin->head) != NULL)
            return true;
    }
    return false;
}

void plim__cache_init(plim__cache *cache, plim_manager *manager, plim__domain *domain)
{
    memset(cache, 0, sizeof *cache);
    cache->id = plim__load(&domain->id);
    cache->slot = domain->slot;
    cache->manager = manager;
    size_t bytes = manager->is_tight ? CACHE_LIST_BYTES_TIGHT : CACHE_LIST_BYTES;
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        size_t block = plim__class_bytes[code];
        size_t size = bytes / block;
        size = size > CACHE_LIST_MAX ? CACHE_LIST_MAX : size < 1 ? 1 : size;
        /* What the domain would refuse must not be at hand. */
        if (domain->request_max_bytes != 0 && block > domain->request_max_bytes)
            size = 0;
        cache->more[code].size = (uint8_t)size;
        cache->more[code].batch = 1;
        cache_arm(cache, code, NULL, 0);
    }
}

static void *cache_pop(plim__bin *bin)
{
    void **block = plim__own_load(&bin->head);
    if (block == NULL)
        return NULL;
    plim__own_store(&bin->head, *block);
    plim__own_add(&bin->pops, 1);
    return block;
}

void *plim__cache_take(plim__cache *cache, unsigned code)
{
    plim__bin *bin = &cache->bins[code];
    plim__bin_more *more = &cache->more[code];
    if (plim__own_load(&bin->head) == NULL && plim__own_load(&more->reserve) != NULL) {
        cache_arm(cache, code, plim__own_load(&more->reserve),
                  plim__own_load(&more->reserve_count));
        cache_reserve(more, NULL, 0);
    }
    return cache_pop(bin);
}

bool plim__cache_keep(plim__cache *cache, unsigned code, void *block)
{
    plim__bin *bin = &cache->bins[code];
    plim__bin_more *more = &cache->more[code];
    if (plim__own_load(&bin->room) == 0) {
        uint32_t length = cache_length(cache, code);
        if (length < more->size) {
            cache_arm(cache, code, plim__own_load(&bin->head), length);
        } else {
            if (plim__own_load(&more->reserve) != NULL || more->size == 0)
                return false;
            cache_reserve(more, plim__own_load(&bin->head), length);
            cache_arm(cache, code, NULL, 0);
        }
    }
    *(void **)block = plim__own_load(&bin->head);
    plim__own_store(&bin->head, block);
    plim__own_add(&bin->room, (uint32_t)-1);
    return true;
}

void *plim__cache_refill(plim__cache *cache, unsigned code, plim_refusal_reason *out_reason)
{
    void *block = plim__cache_take(cache, code);
    plim__bin_more *more = &cache->more[code];
    if (block != NULL)
        return block;
    plim__slot *slot = &plim__slots[cache->slot];
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    size_t bytes = plim__class_bytes[code];
    unsigned batch = more->batch * 2u;
    more->batch = (uint8_t)(batch < more->size ? batch : more->size);
    uint32_t want = plim__slab_handy(cache->manager, slot->central, code, more->batch);
    uint32_t had = (uint32_t)plim__budget_take_blocks(budget, bytes, want);
    if (had == 0) {
        *out_reason = PLIM_REFUSAL_BUDGET;
        return NULL;
    }
    void *list = NULL;
    uint32_t count = plim__slab_take(cache->manager, slot->central, cache->slot, code, had, &list);
    if (count < had)
        (void)plim__budget_give(budget, (had - count) * bytes);
    if (count == 0) {
        *out_reason = PLIM_REFUSAL_PAGES;
        return NULL;
    }
    cache_arm(cache, code, list, count);
    return cache_pop(&cache->bins[code]);
}

static size_t cache_give(plim__cache *cache, unsigned code, void *list)
{
    plim_manager *manager = cache->manager;
    plim__central *central = plim__slots[cache->slot].central;
    size_t count = 0;
    while (list != NULL) {
        void *block = list;
        list = *(void **)block;
        plim__slab_give(manager, central, code, plim__space_page(&manager->space, block), block);
        count++;
    }
    size_t bytes = count * plim__class_bytes[code];
    if (bytes > 0)
        (void)plim__budget_give(&plim__slot_domain(&plim__slots[cache->slot])->budget, bytes);
    return bytes;
}

void plim__cache_flush(plim__cache *cache, unsigned code, void *block)
{
    plim__bin_more *more = &cache->more[code];
    if (plim__cache_keep(cache, code, block))
        return;
    if (more->size == 0) {
        *(void **)block = NULL;
        (void)cache_give(cache, code, block);
        return;
    }
    (void)cache_give(cache, code, plim__own_load(&more->reserve));
    cache_reserve(more, NULL, 0);
    bool is_kept = plim__cache_keep(cache, code, block);
    PLIM_CHECK(is_kept);
}

size_t plim__cache_drain(plim__cache *cache)
{
    plim__slot *slot = &plim__slots[cache->slot];
    size_t bytes = 0;
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        plim__bin *bin = &cache->bins[code];
        plim__bin_more *more = &cache->more[code];
        PLIM_DCHECK((plim__own_load(&bin->head) == NULL) == (cache_length(cache, code) == 0));
        bytes += cache_give(cache, code, plim__own_load(&bin->head));
        bytes += cache_give(cache, code, plim__own_load(&more->reserve));
        cache_reserve(more, NULL, 0);
        (void)plim__add_relaxed(&slot->allocated, plim__own_load(&bin->pops));
        plim__own_store(&bin->pops, 0);
        cache_arm(cache, code, NULL, 0);
    }
    return bytes;
}
