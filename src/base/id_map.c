/* SPDX-License-Identifier: MIT */
#include "base/id_map.h"

#include "base/allocator.h"
#include "base/assert.h"

enum { ID_MAP_FIRST = 256 };

/* The finalizer of MurmurHash3: every bit of the key moves every bit of the place. */
uint64_t plim__id_hash(uint64_t key)
{
    key ^= key >> 33;
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ key >> 33;
}

static uint32_t id_map_place(const plim__id_map *map, uint64_t key)
{
    uint32_t at = (uint32_t)plim__id_hash(key) & (map->capacity - 1);
    while (map->entries[at].key != 0 && map->entries[at].key != key + 1)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

uint32_t plim__id_map_find(const plim__id_map *map, uint64_t key)
{
    if (map->count == 0)
        return UINT32_MAX;
    const plim__id_entry *entry = &map->entries[id_map_place(map, key)];
    return entry->key != 0 ? entry->value : UINT32_MAX;
}

static bool id_map_grow(plim__id_map *map)
{
    plim__id_map grown = {.allocator = map->allocator,
                          .capacity = map->capacity == 0 ? ID_MAP_FIRST : map->capacity * 2};
    grown.entries =
        map->capacity > UINT32_MAX / 4
            ? NULL
            : plim__array_new_zero(map->allocator, grown.capacity, sizeof *map->entries);
    if (grown.entries == NULL)
        return false;
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].key != 0)
            grown.entries[id_map_place(&grown, map->entries[i].key - 1)] = map->entries[i];
    }
    grown.count = map->count;
    plim__id_map_fini(map);
    *map = grown;
    return true;
}

bool plim__id_map_add(plim__id_map *map, uint64_t key, uint32_t value)
{
    PLIM_DCHECK(key < UINT64_MAX);
    if (map->count >= map->capacity / 2 && !id_map_grow(map))
        return false;
    uint32_t at = id_map_place(map, key);
    PLIM_DCHECK(map->entries[at].key == 0);
    map->entries[at] = (plim__id_entry){key + 1, value};
    map->count++;
    return true;
}

void plim__id_map_fini(plim__id_map *map)
{
    plim__array_free(map->allocator, map->entries, map->capacity, sizeof *map->entries);
    map->entries = NULL;
    map->count = map->capacity = 0;
}
