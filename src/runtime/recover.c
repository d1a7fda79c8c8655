/* SPDX-License-Identifier: MIT */
/*
 * What the next writer does first: a value that was half replaced becomes the old one again, the
 * lists are made anew from the objects, and a cascade that was under way is finished. Cost: a
 * few passes over the slots that were ever used, and radix sorts of the live ones.
 *
 * The tables may be anything: a region is a file, and files get damaged. Everything that is
 * followed here is checked first, and what does not fit is PLIM_ERR_DAMAGED.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/region.h"
#include "runtime/store.h"

static uint64_t recover_word_of(const plim_region *region, uint32_t index)
{
    return atomic_load_explicit(&region->objects[index].word, memory_order_relaxed);
}

static uint32_t recover_top(const plim_region *region)
{
    return atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
}

static plim_status recover_damaged(plim_error *err, uint32_t index, const char *what)
{
    plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED, "object %u %s", index, what);
    plim_error_hint(err, "the region was damaged by something other than a crash; keep a copy");
    return status;
}

/* --- room to sort ---------------------------------------------------------------------------- */

uint32_t *plim__scratch_take(plim_region *region, size_t count)
{
    return region->scratch != NULL
               ? region->scratch
               : plim__array_new(region->allocator, count, sizeof *region->scratch);
}

void plim__scratch_give(plim_region *region, uint32_t *scratch, size_t count)
{
    if (scratch != region->scratch)
        plim__array_free(region->allocator, scratch, count, sizeof *scratch);
}

/* --- lists --------------------------------------------------------------------------------- */

static plim_status lists_make(plim_region *region, plim_error *err)
{
    const plim_allocator *allocator = region->allocator;
    size_t count = region->head->object_max;
    uint32_t heads = 64;
    while (heads < count / 4)
        heads *= 2;
    region->owner_mask = heads - 1;
    uint32_t **arrays[] = {&region->first_child, &region->next_sibling,   &region->previous_sibling,
                           &region->next_owned,  &region->previous_owned, &region->free_slots};
    region->owner_heads = plim__array_new(allocator, heads, sizeof *region->owner_heads);
    bool fits = region->owner_heads != NULL;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = plim__array_new(allocator, count, sizeof **arrays[i]);
        fits = fits && *arrays[i] != NULL;
    }
    if (!fits)
        return plim__no_memory(err, "the lists of a region");
    memset(region->owner_heads, 0xff, heads * sizeof *region->owner_heads);
    memset(region->first_child, 0xff, count * sizeof *region->first_child);
    return PLIM_OK;
}

void plim__region_lists_fini(plim_region *region)
{
    const plim_allocator *allocator = region->allocator;
    size_t count = region->head != NULL ? region->head->object_max : 0;
    uint32_t *arrays[] = {region->first_child, region->next_sibling,   region->previous_sibling,
                          region->next_owned,  region->previous_owned, region->free_slots};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        plim__array_free(allocator, arrays[i], count, sizeof **arrays);
    plim__array_free(allocator, region->owner_heads, (size_t)region->owner_mask + 1,
                     sizeof *region->owner_heads);
    plim__array_free(allocator, region->gaps, region->gap_capacity, sizeof *region->gaps);
}

/* --- checks -------------------------------------------------------------------------------- */

/* R1 and R2 of one live object, by itself. */
static plim_status recover_check(const plim_region *region, uint32_t index, plim_error *err)
{
    const plim__object *object = &region->objects[index];
    const plim__region_head *head = region->head;
    uint16_t type = plim__word_type(recover_word_of(region, index));
    if (type == 0 || type > plim__types_count(head->types))
        return recover_damaged(err, index, "has a type that is not there");
    if (object->size_bytes != region->types[type - 1].size_bytes)
        return recover_damaged(err, index, "has not the size of its type");
    if (object->data % PLIM__REGION_GRAIN != 0 || object->data > head->data_bytes ||
        head->data_bytes - object->data < plim__extent_bytes(object->size_bytes))
        return recover_damaged(err, index, "has its value outside the data");
    if (object->parent == 0)
        return PLIM_OK;
    if (object->parent > recover_top(region) ||
        !plim__word_is_live(recover_word_of(region, object->parent - 1)))
        return recover_damaged(err, index, "has a parent that is not there");
    const plim__object *above = &region->objects[object->parent - 1];
    if (above->birth >= object->birth || above->owner != object->owner)
        return recover_damaged(err, index, "is older than its parent, or another owner's");
    return PLIM_OK;
}

static uint64_t recover_birth(const plim__object *object)
{
    return object->birth;
}

static uint64_t recover_data(const plim__object *object)
{
    return object->data;
}

/* R3: values in the order in which they lie; R4: births in theirs. */
static plim_status recover_check_order(const plim_region *region, const uint32_t *by_data,
                                       const uint32_t *by_birth, uint32_t count, plim_error *err)
{
    for (uint32_t i = 1; i < count; i++) {
        const plim__object *before = &region->objects[by_data[i - 1]];
        if (before->data + plim__extent_bytes(before->size_bytes) >
            region->objects[by_data[i]].data)
            return recover_damaged(err, by_data[i], "lies over another's value");
        if (region->objects[by_birth[i - 1]].birth == region->objects[by_birth[i]].birth)
            return recover_damaged(err, by_birth[i], "has another's birth");
    }
    return PLIM_OK;
}

plim_status plim_region_verify(const plim_region *region, plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uint32_t top = recover_top(region);
    uint32_t count = 0;
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; i < top && status == PLIM_OK; i++) {
        if (!plim__word_is_live(recover_word_of(region, i)))
            continue;
        count++;
        status = recover_check(region, i, err);
    }
    if (status != PLIM_OK)
        return status;
    if (count != region->object_count)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "%u objects live, %u counted", count,
                              region->object_count);
    uint32_t *order = plim__array_new(region->allocator, 3 * (size_t)count + 1, sizeof *order);
    if (order == NULL)
        return plim__no_memory(err, "a walk over a region");
    plim__region_sort(region, recover_data, order, order + 2 * (size_t)count, count);
    plim__region_sort(region, recover_birth, order + count, order + 2 * (size_t)count, count);
    status = recover_check_order(region, order, order + count, count, err);
    plim__array_free(region->allocator, order, 3 * (size_t)count + 1, sizeof *order);
    return status;
}

/* --- recovery ------------------------------------------------------------------------------ */

static plim_status recover_value(plim_region *region, plim_error *err)
{
    plim__region_head *head = region->head;
    if (atomic_load_explicit(&head->log_valid, memory_order_relaxed) == 0)
        return PLIM_OK;
    uint32_t index = head->log_index;
    if (index >= recover_top(region) || !plim__word_is_live(recover_word_of(region, index)))
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log is of an object that is not there");
    plim_status status = recover_check(region, index, err);
    if (status != PLIM_OK)
        return status;
    const plim__object *object = &region->objects[index];
    status = plim__region_touch_head(region);
    if (status == PLIM_OK)
        status = plim__region_touch(region, region->data + object->data, object->size_bytes);
    if (status != PLIM_OK) /* never between transactions */
        return status;
    plim__put_bytes(region->data + object->data, region->log, object->size_bytes);
    plim__commit(&head->log_valid, 0);
    region->recovered = true;
    return PLIM_OK;
}

/* One pass over the slots: counts, free slots, sequence numbers made even. */
static plim_status recover_slots(plim_region *region, plim_error *err)
{
    uint32_t top = recover_top(region);
    for (uint32_t i = top; i-- > 0;) { /* so that low slots are taken first */
        plim__object *object = &region->objects[i];
        uint64_t word = recover_word_of(region, i);
        uint32_t seq = atomic_load_explicit(&object->seq, memory_order_relaxed);
        if (seq % 2 != 0) {
            plim_status status = plim__region_touch(region, object, sizeof *object);
            if (status != PLIM_OK)
                return status;
            plim__commit(&object->seq, seq + 1);
            region->recovered = true;
        }
        if (!plim__word_is_live(word)) {
            if (plim__slot_generation(region, i) < UINT32_MAX)
                region->free_slots[region->free_slot_count++] = i;
            continue;
        }
        plim_status status = recover_check(region, i, err);
        if (status != PLIM_OK)
            return status;
        region->object_count++;
        region->value_bytes += object->size_bytes;
        if (object->birth >= region->next_birth)
            region->next_birth = object->birth + 1;
    }
    return PLIM_OK;
}

/* Links in the order of birth, so that lists are as they were. */
static plim_status recover_links(plim_region *region, plim_error *err)
{
    uint32_t count = region->object_count;
    size_t room = 2 * (size_t)count + 1;
    uint32_t *order = plim__scratch_take(region, room);
    if (order == NULL)
        return plim__no_memory(err, "the lists of a region");
    plim__region_sort(region, recover_birth, order, order + count, count);
    for (uint32_t i = 0; i < count; i++)
        plim__object_link(region, order[i]);
    plim__scratch_give(region, order, room);
    return PLIM_OK;
}

static plim_status recover_intent(plim_region *region, plim_error *err)
{
    uint64_t intent = atomic_load_explicit(&region->head->intent, memory_order_relaxed);
    uint32_t kind = (uint32_t)intent;
    uint32_t number = (uint32_t)(intent >> 32);
    if (kind == PLIM__INTENT_NONE)
        return PLIM_OK;
    if (kind == PLIM__INTENT_OWNER)
        (void)plim__owner_cascade(region, number);
    else if (kind != PLIM__INTENT_OBJECT || number >= recover_top(region))
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the intent is none that we know");
    else if (plim__word_is_live(recover_word_of(region, number)))
        plim__object_cascade(region, number);
    plim__commit(&region->head->intent, 0);
    region->recovered = true;
    return PLIM_OK;
}

plim_status plim__region_rebuild(plim_region *region, plim_error *err)
{
    uint64_t next_birth = region->next_birth; /* not again, though those that had them are gone */
    memset(region->owner_heads, 0xff,
           ((size_t)region->owner_mask + 1) * sizeof *region->owner_heads);
    memset(region->first_child, 0xff, region->head->object_max * sizeof *region->first_child);
    region->free_slot_count = 0;
    region->object_count = 0;
    region->value_bytes = 0;
    plim_status status = recover_slots(region, err);
    if (status == PLIM_OK)
        status = recover_links(region, err);
    if (status == PLIM_OK)
        status = plim__extents_rebuild(region, err);
    if (region->next_birth < next_birth)
        region->next_birth = next_birth;
    return status;
}

plim_status plim__region_recover(plim_region *region, plim_error *err)
{
    region->next_birth = 1;
    plim_status status = lists_make(region, err);
    if (status == PLIM_OK)
        status = recover_value(region, err);
    if (status == PLIM_OK)
        status = recover_slots(region, err);
    if (status == PLIM_OK)
        status = recover_links(region, err);
    if (status == PLIM_OK)
        status = plim_region_verify(region, err);
    if (status == PLIM_OK)
        status = plim__extents_rebuild(region, err);
    if (status == PLIM_OK)
        status = recover_intent(region, err);
    return status;
}
