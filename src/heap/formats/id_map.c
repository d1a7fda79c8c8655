/* SPDX-License-Identifier: MIT */
#include "heap/formats/id_map.h"

#include <inttypes.h>

#include "base/allocator.h"
#include "base/assert.h"

/* Addresses and counters both end in zeros or run in a row: mixed, they spread. */
static uint32_t id_slot(const plim__id_map *map, uint64_t id)
{
    uint64_t mixed = (id ^ (id >> 33)) * 0xff51afd7ed558ccdu;
    mixed = (mixed ^ (mixed >> 33)) * 0xc4ceb9fe1a85ec53u;
    uint32_t slot = (uint32_t)(mixed >> 32) & map->mask;
    while (map->slots[slot] != 0 && map->ids[map->slots[slot] - 1] != id)
        slot = (slot + 1) & map->mask;
    return slot;
}

plim_status plim__id_map_make(plim__id_map *map, const plim_allocator *allocator,
                              const uint64_t *ids, uint32_t count, plim_error *err)
{
    PLIM_CHECK(count <= 1u << 30);
    uint32_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    *map = (plim__id_map){.allocator = allocator, .ids = ids, .mask = slots - 1};
    map->slots = plim__array_new_zero(allocator, slots, sizeof *map->slots);
    if (map->slots == NULL)
        return plim__no_memory(err, "the ids of a snapshot");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = id_slot(map, ids[i]);
        if (map->slots[slot] != 0) {
            plim__id_map_fini(map);
            return plim_error_set(err, PLIM_ERR_DAMAGED, "two nodes have the id %" PRIu64, ids[i]);
        }
        map->slots[slot] = i + 1;
    }
    return PLIM_OK;
}

void plim__id_map_fini(plim__id_map *map)
{
    if (map->slots != NULL)
        plim__array_free(map->allocator, map->slots, (size_t)map->mask + 1, sizeof *map->slots);
    map->slots = NULL;
}

uint32_t plim__id_map_find(const plim__id_map *map, uint64_t id)
{
    return map->slots[id_slot(map, id)] - 1; /* 0 is empty, and becomes PLIM_NONE */
}
