/* SPDX-License-Identifier: MIT */
/**
 * @file id_map.h
 * @brief From the ids of a snapshot, which may be any 64-bit numbers, to ordinals.
 */
#ifndef PLIM_HEAP_ID_MAP_H
#define PLIM_HEAP_ID_MAP_H
#include <plimsoll/graph.h>

/** Ids are borrowed: the caller's array, one per ordinal, while the map lives. */
typedef struct plim__id_map {
    const plim_allocator *allocator;
    const uint64_t *ids;
    uint32_t *slots; /* ordinal + 1; 0 is empty; at most half are filled */
    uint32_t mask;
} plim__id_map;

/**
 * Maps count ids (at most 2^30). PLIM_ERR_DAMAGED if one stands twice, PLIM_ERR_NO_MEMORY; both
 * leave nothing behind.
 */
PLIM_NODISCARD plim_status plim__id_map_make(plim__id_map *map, const plim_allocator *allocator,
                                             const uint64_t *ids, uint32_t count, plim_error *err);

/** Frees; one that was cleared to zero is accepted. */
void plim__id_map_fini(plim__id_map *map);

/** The ordinal, or PLIM_NONE. */
uint32_t plim__id_map_find(const plim__id_map *map, uint64_t id);

#endif
