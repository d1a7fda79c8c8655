/* SPDX-License-Identifier: MIT */
/*
 * Collections: the untyped halves of vectors and maps, once for all types. The typed halves are in
 * the header, so that an item's size is a constant where it is copied.
 * A map keeps its entries without gaps (iteration is a walk, and backwards it allows removal) and
 * finds them by an index of hashes with linear probing. A removal moves later slots up instead of
 * leaving a mark, so that a map never gets slower with age.
 * Invariants: V1 count <= capacity. M1 each entry has one slot, with its hash. M2 from a hash's
 * home to its slot no slot is free. M3 slots > capacity, so every search meets a free one.
 */
#include "memory/user/collections.h"

#include <string.h>

#include "base/assert.h"
#include "base/checked.h"
#include "base/limits.h"
#include "memory/engine/alloc.h"
#include "memory/user/refused.h"

plim_status plim__collection_take(plim__here *here, plim_domain domain, const plim_allocator *from,
                                  size_t bytes, void **out_memory, const plim_allocator **out_from)
{
    if (here != NULL) {
        if (domain.id == 0)
            domain = plim__here_domain(here);
        from = plim_domain_allocator(domain);
    }
    if (from == NULL)
        return PLIM_ERR_STALE;
    void *memory = NULL;
    if (bytes > 0) {
        memory = from->resize(from->ctx, NULL, 0, bytes);
        if (memory == NULL)
            return here != NULL ? plim__refused() : PLIM_ERR_NO_MEMORY;
    }
    *out_memory = memory;
    *out_from = from;
    return PLIM_OK;
}

plim_status plim__vector_take(plim__vector *vector, plim__here *here, plim_domain domain,
                              const plim_allocator *from, size_t capacity, size_t item_bytes)
{
    PLIM_CHECK(vector != NULL);
    size_t bytes;
    if (!plim__mul_size(capacity, item_bytes, &bytes))
        return PLIM_ERR_LIMIT;
    plim__vector made = {.capacity = capacity};
    plim_status status = plim__collection_take(here, domain, from, bytes, &made.items, &made.from);
    if (status == PLIM_OK)
        *vector = made;
    return status;
}

void plim__vector_give(plim__vector *vector, size_t item_bytes)
{
    PLIM_CHECK(vector != NULL && vector->count <= vector->capacity);
    if (vector->items != NULL)
        (void)vector->from->resize(vector->from->ctx, vector->items, vector->capacity * item_bytes,
                                   0);
    *vector = (plim__vector){0};
}

void plim__vector_shift(plim__vector *vector, size_t index, bool is_opening, size_t item_bytes)
{
    PLIM_CHECK(index < vector->count + (is_opening ? 1 : 0));
    PLIM_CHECK(vector->count + (is_opening ? 1 : 0) <= vector->capacity);
    unsigned char *at = (unsigned char *)vector->items + index * item_bytes;
    if (is_opening)
        memmove(at + item_bytes, at, (vector->count++ - index) * item_bytes);
    else
        memmove(at, at + item_bytes, (--vector->count - index) * item_bytes);
}

/* A power of two, at least 2, of which the capacity is at most three quarters; 0: too many. */
static uint32_t map_slot_count(size_t capacity)
{
    if (capacity > PLIM_MAP_ENTRIES_MAX)
        return 0;
    uint32_t slots = 2;
    while (slots - slots / 4 < capacity + (slots < 4 ? 1 : 0))
        slots *= 2;
    return slots;
}

/* Bytes of the slots and of both; false if they cannot be counted. */
static bool map_layout(size_t capacity, size_t entry_bytes, size_t *out_slots_bytes,
                       size_t *out_bytes)
{
    uint32_t slots = map_slot_count(capacity);
    size_t entries_bytes;
    return slots != 0 && plim__mul_size(slots, sizeof(plim__map_slot), out_slots_bytes) &&
           plim__mul_size(capacity, entry_bytes, &entries_bytes) &&
           plim__add_size(*out_slots_bytes, entries_bytes, out_bytes);
}

plim_status plim__map_take(plim__map *map, plim__here *here, plim_domain domain,
                           const plim_allocator *from, size_t capacity, size_t entry_bytes)
{
    PLIM_CHECK(map != NULL);
    size_t slots_bytes, bytes;
    if (!map_layout(capacity, entry_bytes, &slots_bytes, &bytes))
        return PLIM_ERR_LIMIT;
    void *memory = NULL;
    plim__map made = {.capacity = (uint32_t)capacity};
    plim_status status =
        plim__collection_take(here, domain, from, capacity == 0 ? 0 : bytes, &memory, &made.from);
    if (status != PLIM_OK)
        return status;
    if (memory != NULL) {
        made.slots = memory;
        made.entries = (unsigned char *)memory + slots_bytes; /* a multiple of 16 */
        made.slot_mask = (uint32_t)(slots_bytes / sizeof(plim__map_slot)) - 1;
        memset(made.slots, 0, slots_bytes);
    }
    *map = made;
    return PLIM_OK;
}

void plim__map_give(plim__map *map, size_t entry_bytes)
{
    PLIM_CHECK(map != NULL && map->count <= map->capacity);
    size_t slots_bytes, bytes;
    if (map->slots != NULL) {
        PLIM_CHECK(map_layout(map->capacity, entry_bytes, &slots_bytes, &bytes));
        (void)map->from->resize(map->from->ctx, map->slots, bytes, 0);
    }
    *map = (plim__map){0};
}

void plim__map_clear(plim__map *map)
{
    PLIM_CHECK(map != NULL);
    map->count = 0;
    if (map->slots != NULL)
        memset(map->slots, 0, ((size_t)map->slot_mask + 1) * sizeof(plim__map_slot));
}

/* Frees a slot; those behind it that were pushed past it move up, for M2. */
static void map_vacate(plim__map *map, uint32_t hole)
{
    plim__map_slot *slots = map->slots;
    uint32_t mask = map->slot_mask;
    for (uint32_t at = (hole + 1) & mask; slots[at].entry != 0; at = (at + 1) & mask)
        if (((at - slots[at].hash) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    slots[hole] = (plim__map_slot){0};
}

void plim__map_erase(plim__map *map, uint32_t slot, uint32_t last_hash, size_t entry_bytes)
{
    PLIM_CHECK(map->count > 0 && map->slots[slot].entry != 0);
    uint32_t gone = map->slots[slot].entry, last = map->count;
    map_vacate(map, slot);
    if (gone != last) {
        uint32_t at = last_hash & map->slot_mask;
        while (map->slots[at].entry != last) {
            PLIM_CHECK(map->slots[at].entry != 0); /* M1, M2; else a key's hash has changed */
            at = (at + 1) & map->slot_mask;
        }
        map->slots[at].entry = gone;
        unsigned char *entries = map->entries;
        memcpy(entries + (gone - 1) * entry_bytes, entries + (last - 1) * entry_bytes, entry_bytes);
    }
    map->count--;
}
