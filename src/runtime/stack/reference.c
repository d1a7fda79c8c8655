/* SPDX-License-Identifier: MIT */
/*
 * Searches. By owner along the owner's list, so that what a block has is found without a walk over
 * the region; who may see what is decided here and nowhere else.
 */
#include <plimsoll/reference.h>

#include "base/assert.h"
#include "runtime/region/region.h"
#include "runtime/stack/stack.h"

static bool search_fits(const plim_search *search, const plim_region_object *object)
{
    return (!(search->by & PLIM_BY_OWNER) || object->owner == search->owner) &&
           (!(search->by & PLIM_BY_TYPE) || object->type == search->type) &&
           (!(search->by & PLIM_BY_TAG) || object->tag == search->tag) &&
           (!(search->by & PLIM_BY_VISIBILITY) || object->visibility == search->visibility);
}

/* The cursor is the index of the object found last, and 1 more. */
static bool search_owned(const plim_region *region, const plim_search *search, uint32_t *cursor,
                         plim_region_object *out_object)
{
    uint32_t at =
        plim__owned_next(region, search->owner, *cursor != 0 ? *cursor - 1 : PLIM__INDEX_NONE);
    for (; at != PLIM__INDEX_NONE; at = plim__owned_next(region, search->owner, at)) {
        uint32_t index = at;
        plim_region_object object;
        if (!plim_region_next(region, &index, &object) || !search_fits(search, &object))
            continue;
        *cursor = at + 1;
        *out_object = object;
        return true;
    }
    return false;
}

bool plim_region_search(const plim_region *region, const plim_search *search, uint32_t *cursor,
                        plim_region_object *out_object)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(search != NULL && cursor != NULL && out_object != NULL);
    if (search->struct_bytes != sizeof *search)
        return false;
    if (search->by & PLIM_BY_OWNER)
        return search_owned(region, search, cursor, out_object);
    plim_region_object object;
    while (plim_region_next(region, cursor, &object)) {
        if (!search_fits(search, &object))
            continue;
        *out_object = object;
        return true;
    }
    return false;
}

plim_status plim_region_create_child(plim_region *region, plim_ref parent, uint16_t type,
                                     const void *initial, plim_ref *out_ref)
{
    if (parent.generation == 0)
        return PLIM_ERR_STALE;
    return plim_region_allocate(region, type, initial, 0, parent, out_ref);
}

/* --- from a block -------------------------------------------------------------------------- */

/* The newest one of an owner that fits and is visible as `may` (bits by plim_visibility) says. */
static bool find_of(const plim_stack *stack, uint32_t owner, unsigned may,
                    const plim_search *search, plim_ref *out_ref)
{
    plim_search of = *search;
    plim_region_object object;
    of.by |= PLIM_BY_OWNER;
    of.owner = owner;
    for (uint32_t cursor = 0; search_owned(stack->region, &of, &cursor, &object);) {
        if ((may >> object.visibility & 1u) == 0)
            continue;
        *out_ref = object.ref;
        return true;
    }
    return false;
}

plim_status plim_stack_find(const plim_stack *stack, plim_ref block, const plim_search *search,
                            plim_ref *out_ref)
{
    enum {
        EVERYONE = 1u << PLIM_VISIBILITY_PUBLIC,
        ABOVE = EVERYONE | 1u << PLIM_VISIBILITY_INHERITED,
        OWNER = ABOVE | 1u << PLIM_VISIBILITY_PRIVATE
    };
    PLIM_CHECK_OBJ(stack, PLIM__STACK_MAGIC);
    PLIM_CHECK(search != NULL && out_ref != NULL);
    uint32_t at = 0;
    if (search->struct_bytes != sizeof *search)
        return PLIM_ERR_USAGE;
    if (block.generation == 0)
        block = plim_stack_current(stack);
    while (at < stack->frame_count && (stack->frames[at].ref.index != block.index ||
                                       stack->frames[at].ref.generation != block.generation))
        at++;
    if (at == stack->frame_count || !plim_region_is_valid(stack->region, block))
        return PLIM_ERR_STALE;
    if (find_of(stack, stack->frames[at].number, OWNER, search, out_ref))
        return PLIM_OK;
    for (uint32_t below = at; below-- > 0;)
        if (find_of(stack, stack->frames[below].number, ABOVE, search, out_ref))
            return PLIM_OK;
    for (uint32_t above = at + 1; above < stack->frame_count; above++)
        if (find_of(stack, stack->frames[above].number, EVERYONE, search, out_ref))
            return PLIM_OK;
    return find_of(stack, 0, EVERYONE, search, out_ref) ? PLIM_OK : PLIM_ERR_NOT_FOUND;
}
