/* SPDX-License-Identifier: MIT */
/**
 * @file process_heap.h
 * @brief The blocks of another process's heap, as memory/heap_map.h lets them be read.
 *
 * Two steps: the map once per process; then, while its threads stand still, the pages and the notes
 * as they are. What was read is checked then and there: afterwards every index is in its bounds,
 * whatever the process holds.
 */
#ifndef PLIM_BRIDGE_PROCESS_HEAP_H
#define PLIM_BRIDGE_PROCESS_HEAP_H
#include "memory/heap_map.h"
#include "platform/peer.h"

/** A block: where it is, how long, and its note. */
typedef struct plim__process_block {
    uint64_t address;
    uint64_t note; /* birth << PLIM__NOTE_SITE_BITS | site */
    uint64_t bytes;
    uint32_t domain;
} plim__process_block;

/** What one reading found. Zero it but for the allocator; ended by plim__process_heap_fini(). */
typedef struct plim__process_heap {
    const plim_allocator *allocator;
    plim__heap_map map;          /* checked */
    plim__process_block *blocks; /* in order of address */
    uint32_t block_count, block_cap;
    /* Per page: the first block that begins at or behind its first byte or reaches into it. */
    uint32_t *first_block;
    uint32_t page_count; /* pages that were ever taken */
    uint64_t used_bytes;
    uint64_t lost_notes; /* blocks that the process had no room to note */
} plim__process_heap;

/** Whether a mapping is one that begins with a map. */
bool plim__process_is_map(const plim__peer_mapping *mapping);

/** Finds and checks the map. PLIM_ERR_UNSUPPORTED: that process has none; PLIM_ERR_DAMAGED: what it
 *  has is not one of this version. */
PLIM_NODISCARD plim_status plim__process_find_map(const plim__peer *peer, plim__heap_map *out_map,
                                                  plim_error *err);

/** Another number for each process, and after each exec(); 0: it cannot be told. */
uint64_t plim__process_heap_identity(int64_t pid, const plim__heap_map *map);

/** Reads pages and notes: all live blocks. Pre: map is set, the rest zero. */
PLIM_NODISCARD plim_status plim__process_read_blocks(const plim__peer *peer,
                                                     plim__process_heap *heap, plim_error *err);

/** The block that an address lies in; UINT32_MAX: none. */
uint32_t plim__process_block_at(const plim__process_heap *heap, uint64_t address);

/** Frees. */
void plim__process_heap_fini(plim__process_heap *heap);

#endif
