/* SPDX-License-Identifier: MIT */
/*
 * Two looks at one region, side by side: both give their live objects in the order of indexes, so
 * one pass over both finds what differs. A slot that another object has by now is an end first,
 * then a beginning.
 */
#include <plimsoll/transaction.h>

#include <string.h>

#include "base/assert.h"

static bool compare_is_same(const plim_region_object *a, const void *a_value,
                            const plim_region_object *b, const void *b_value)
{
    return a->type == b->type && a->size_bytes == b->size_bytes && a->owner == b->owner &&
           a->parent.index == b->parent.index && a->parent.generation == b->parent.generation &&
           a->site == b->site && a->tag == b->tag && a->visibility == b->visibility &&
           memcmp(a_value, b_value, a->size_bytes) == 0;
}

bool plim_region_view_compare(plim_region_view *older, plim_region_view *newer, uint64_t *position,
                              plim_region_change *out_change)
{
    PLIM_CHECK(older != NULL && newer != NULL && older != newer);
    for (;;) { /* ends: one of the indexes rises each time */
        uint32_t older_at = (uint32_t)*position, newer_at = (uint32_t)(*position >> 32);
        plim_region_change change = {.kind = PLIM_REGION_CHANGED};
        bool is_older = plim_region_view_next(older, &older_at, &change.older, &change.older_value);
        bool is_newer = plim_region_view_next(newer, &newer_at, &change.newer, &change.newer_value);
        if (!is_older && !is_newer)
            return false;
        bool both = is_older && is_newer && change.older.ref.index == change.newer.ref.index;
        if (both && change.older.birth == change.newer.birth) {
            *position = (uint64_t)newer_at << 32 | older_at;
            if (compare_is_same(&change.older, change.older_value, &change.newer,
                                change.newer_value))
                continue;
        } else if (!is_newer || (is_older && change.older.ref.index <= change.newer.ref.index)) {
            *position = (*position & ~(uint64_t)UINT32_MAX) | older_at;
            change.kind = PLIM_REGION_ENDED;
            change.newer = (plim_region_object){0};
            change.newer_value = NULL;
        } else {
            *position = (*position & UINT32_MAX) | (uint64_t)newer_at << 32;
            change.kind = PLIM_REGION_MADE;
            change.older = (plim_region_object){0};
            change.older_value = NULL;
        }
        *out_change = change;
        return true;
    }
}
