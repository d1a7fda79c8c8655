/* SPDX-License-Identifier: MIT */
/**
 * @file id_map.h
 * @brief Numbers to numbers, by open addressing: ids of a snapshot to rows, owners to nodes.
 */
#ifndef PLIM_BASE_ID_MAP_H
#define PLIM_BASE_ID_MAP_H
#include <plimsoll/allocator.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct plim__id_entry {
    uint64_t key; /* + 1; 0: empty */
    uint32_t value;
} plim__id_entry;

/** Zero it but for the allocator to start. */
typedef struct plim__id_map {
    const plim_allocator *allocator;
    plim__id_entry *entries;
    uint32_t count, capacity; /* a power of two, at most half full */
} plim__id_map;

/** Spreads the bits of a number. */
uint64_t plim__id_hash(uint64_t key);

/** The value of a key; UINT32_MAX if there is none. */
uint32_t plim__id_map_find(const plim__id_map *map, uint64_t key);

/** Adds a key that is not there; false if memory was refused. Pre: key is below UINT64_MAX. */
bool plim__id_map_add(plim__id_map *map, uint64_t key, uint32_t value);

/** Frees. */
void plim__id_map_fini(plim__id_map *map);

#endif
