/* SPDX-License-Identifier: MIT */
/* From new elements to old ones: ids are small numbers, so a table by id answers in one look. */
#include <plimsoll/continuity.h>

#include <stdbool.h>

#include "base/assert.h"

/* Marks of scratch that are no index. */
enum { MAPPING_ABSENT = -1, MAPPING_SEEN = -2 };

/* Writes each id's index into its place; false if one is too large or there already. */
static bool mapping_enter(const uint32_t *ids, size_t count, size_t id_end, int32_t *scratch)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= id_end || scratch[ids[i]] != MAPPING_ABSENT)
            return false;
        scratch[ids[i]] = (int32_t)i;
    }
    return true;
}

plim_status plim_mapping_make(const uint32_t *old_ids, size_t old_count, const uint32_t *new_ids,
                              size_t new_count, size_t id_end, int32_t *scratch,
                              int32_t *out_new_to_old)
{
    PLIM_CHECK(scratch != NULL || id_end == 0);
    for (size_t i = 0; i < id_end; i++)
        scratch[i] = MAPPING_ABSENT;
    if (id_end > INT32_MAX || !mapping_enter(old_ids, old_count, id_end, scratch))
        return PLIM_ERR_USAGE;
    for (size_t i = 0; i < new_count; i++) {
        if (new_ids[i] >= id_end || scratch[new_ids[i]] == MAPPING_SEEN)
            return PLIM_ERR_USAGE;
        int32_t old = scratch[new_ids[i]];
        out_new_to_old[i] = old >= 0 ? old : PLIM_MAPPING_NEW;
        scratch[new_ids[i]] = MAPPING_SEEN;
    }
    return PLIM_OK;
}
