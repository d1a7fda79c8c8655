/* SPDX-License-Identifier: MIT */
/**
 * @file ids.h
 * @brief From the ids of a snapshot, which may be any 64-bit numbers, to rows.
 */
#ifndef PLIM_HEAP_IDS_H
#define PLIM_HEAP_IDS_H
#include <plimsoll/error.h>

#include <inttypes.h>

#include "base/allocator.h"
#include "base/id_map.h"

/** Maps each id to its row; PLIM_ERR_DAMAGED if one is there twice, or PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD static inline plim_status plim__ids_map(plim__id_map *map, const uint64_t *ids,
                                                       uint32_t count, plim_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == UINT64_MAX || plim__id_map_find(map, ids[i]) != UINT32_MAX)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "two nodes have the id %" PRIu64, ids[i]);
        if (!plim__id_map_add(map, ids[i], i))
            return plim__no_memory(err, "the ids of a snapshot");
    }
    return PLIM_OK;
}

#endif
