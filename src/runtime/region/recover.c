/* SPDX-License-Identifier: MIT */
/*
 * What the next writer does first: a value that was half replaced becomes the old one again, the
 * lists are made anew from the objects, and a cascade that was under way is finished. Cost: three
 * passes over the slots that were ever used, and a radix sort of the live ones' births where they
 * do not lie in that order.
 *
 * The tables may be anything: a region is a file, and files get damaged. Everything that is
 * followed here is checked first, and what does not fit is PLIM_ERR_DAMAGED.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

/* A birth (less the first) and an index in one number, where that suffices. */
#define RECOVER_INDEX_BITS 28
#define RECOVER_SPAN_MAX   (UINT64_C(1) << 36)
_Static_assert(PLIM_REGION_OBJECTS_MAX == 1u << RECOVER_INDEX_BITS, "all indexes fit");

/* Live objects: birth and index, and room to sort them. */
typedef struct recover_list {
    uint64_t *births; /* then packed with the index */
    uint64_t *scratch;
    uint32_t *indexes;
    uint32_t count;
    uint64_t first, last; /* births */
    uint64_t end_bytes;   /* of the last value */
} recover_list;

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

/* --- scratch ------------------------------------------------------------------------------- */

size_t plim__scratch_bytes(const plim_region *region)
{
    size_t grains = (size_t)(region->head->data_bytes / PLIM__REGION_GRAIN);
    return (grains / 64 + 1) * sizeof(uint64_t) +
           (size_t)region->head->object_max * (2 * sizeof(uint64_t) + sizeof(uint32_t));
}

void *plim__scratch_take(plim_region *region)
{
    return region->scratch != NULL
               ? region->scratch
               : plim__array_new(region->allocator, plim__scratch_bytes(region), 1);
}

void plim__scratch_give(plim_region *region, void *scratch)
{
    if (scratch != region->scratch)
        plim__array_free(region->allocator, scratch, plim__scratch_bytes(region), 1);
}

/* --- lists --------------------------------------------------------------------------------- */

static plim_status lists_make(plim_region *region, plim_error *err)
{
    const plim_allocator *allocator = region->allocator;
    uint32_t count = region->head->object_max;
    uint32_t heads = 64;
    while (heads < count / 4)
        heads *= 2;
    region->owner_mask = heads - 1;
    region->owner_heads = plim__array_new(allocator, heads, sizeof *region->owner_heads);
    region->links = plim__array_new(allocator, count, sizeof *region->links);
    region->previous = plim__array_new(allocator, count, sizeof *region->previous);
    return region->owner_heads != NULL && region->links != NULL && region->previous != NULL
               ? PLIM_OK
               : plim__no_memory(err, "the lists of a region");
}

void plim__region_lists_fini(plim_region *region)
{
    const plim_allocator *allocator = region->allocator;
    size_t count = region->head != NULL ? region->head->object_max : 0;
    plim__array_free(allocator, region->kinds, region->head != NULL ? region->head->type_max : 0,
                     sizeof *region->kinds);
    plim__array_free(allocator, region->links, count, sizeof *region->links);
    plim__array_free(allocator, region->previous, count, sizeof *region->previous);
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
    if (type == 0 || type > region->kind_count)
        return recover_damaged(err, index, "has a type that is not there");
    const plim__kind *kind = &region->kinds[type - 1];
    if (object->size_bytes != kind->size_bytes)
        return recover_damaged(err, index, "has not the size of its type");
    if (object->data % PLIM__REGION_GRAIN != 0 || object->data > head->data_bytes ||
        head->data_bytes - object->data < kind->held_bytes)
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
    uint32_t counted;
    uint64_t value_bytes, held_bytes;
    plim__extents_sum(region, &counted, &value_bytes, &held_bytes);
    if (count != counted)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "%u objects live, %u counted", count, counted);
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

/* One pass over the slots: counts, free slots, sequence numbers made even; live ones into the
   list. */
static plim_status recover_slots(plim_region *region, recover_list *list, plim_error *err)
{
    uint32_t top = recover_top(region);
    uint32_t *free_end = &region->free_first; /* so that low slots are taken first */
    uint64_t newest = 0;
    for (uint32_t i = 0; i < top; i++) {
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
        /* Also of those that have ended: their numbers never come again. */
        newest = object->birth > newest ? object->birth : newest;
        if (!plim__word_is_live(word)) {
            if (plim__slot_generation(region, i) < UINT32_MAX) {
                *free_end = i;
                free_end = &region->links[i].next;
            }
            continue;
        }
        plim_status status = recover_check(region, i, err);
        if (status != PLIM_OK)
            return status;
        plim__kind *kind = &region->kinds[plim__word_type(word) - 1];
        kind->live_count++;
        list->indexes[list->count] = i;
        list->births[list->count++] = object->birth;
        list->first = object->birth < list->first ? object->birth : list->first;
        list->last = object->birth > list->last ? object->birth : list->last;
        if (object->data + kind->held_bytes > list->end_bytes)
            list->end_bytes = object->data + kind->held_bytes;
    }
    *free_end = PLIM__INDEX_NONE;
    if (newest > UINT64_MAX / 2)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "it has seen more objects than there can be");
    if (newest >= region->next_birth) /* what was taken back does not come again either */
        region->next_birth = newest + 1;
    return PLIM_OK;
}

/* The list's indexes in the order of birth. */
static void recover_sort(const plim_region *region, recover_list *list)
{
    uint32_t count = list->count;
    bool is_sorted = true;
    for (uint32_t i = 1; i < count && is_sorted; i++)
        is_sorted = list->births[i - 1] < list->births[i];
    if (is_sorted)
        return;
    if (list->last - list->first >= RECOVER_SPAN_MAX) {
        plim__region_sort(region, recover_birth, list->indexes, (uint32_t *)list->scratch, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        list->births[i] = (list->births[i] - list->first) << RECOVER_INDEX_BITS | list->indexes[i];
    plim__region_sort_packed(list->births, list->scratch, count, RECOVER_INDEX_BITS,
                             (list->last - list->first) << RECOVER_INDEX_BITS);
    for (uint32_t i = 0; i < count; i++)
        list->indexes[i] = (uint32_t)list->births[i] & (PLIM_REGION_OBJECTS_MAX - 1);
}

/* R3 and R4; links in the order of birth, so that lists are as they were; and room. */
static plim_status recover_links(plim_region *region, const recover_list *list, void *scratch,
                                 plim_error *err)
{
    uint64_t before = 0;
    plim__room room;
    plim_status status = PLIM_OK;
    plim__room_begin(&room, scratch, list->end_bytes);
    for (uint32_t i = 0; i < list->count && status == PLIM_OK; i++) {
        uint32_t index = list->indexes[i];
        const plim__object *object = &region->objects[index];
        if (object->birth == before)
            status = recover_damaged(err, index, "has another's birth, or none");
        else if (!plim__room_mark(&room, object->data,
                                  region->kinds[plim__word_type(object->word) - 1].held_bytes))
            status = recover_damaged(err, index, "lies over another's value");
        before = object->birth;
        plim__object_link(region, index);
    }
    plim_status ended = plim__room_end(region, &room, err);
    return status != PLIM_OK ? status : ended;
}

plim_status plim__region_rebuild(plim_region *region, plim_error *err)
{
    size_t count = region->head->object_max;
    size_t room_words = (size_t)(region->head->data_bytes / PLIM__REGION_GRAIN / 64 + 1);
    uint64_t *scratch = plim__scratch_take(region);
    if (scratch == NULL)
        return plim__no_memory(err, "the lists of a region");
    recover_list list = {.first = UINT64_MAX, .births = scratch + room_words};
    list.scratch = list.births + count;
    list.indexes = (uint32_t *)(void *)(list.scratch + count);
    memset(region->owner_heads, 0xff, ((size_t)region->owner_mask + 1) * sizeof(uint32_t));
    memset(region->links, 0xff, count * sizeof *region->links);
    region->free_first = PLIM__INDEX_NONE;
    for (uint32_t i = 0; i < region->kind_count; i++)
        region->kinds[i] = plim__kind_of(region, region->kinds[i].size_bytes);
    plim_status status = recover_slots(region, &list, err);
    if (status == PLIM_OK) {
        recover_sort(region, &list);
        status = recover_links(region, &list, scratch, err);
    }
    plim__scratch_give(region, scratch);
    return status;
}

static plim_status recover_charge(plim_region *region, plim_error *err)
{
    plim_status status = plim__charge_anew(region);
    if (status == PLIM_OK)
        return status;
    status = plim_error_set(err, status, "the domain cannot take the %llu bytes of its objects",
                            (unsigned long long)region->occupied_bytes);
    plim_error_hint(err, "give the domain a higher limit");
    return status;
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
        (void)plim__object_cascade(region, number);
    plim__commit(&region->head->intent, 0);
    region->recovered = true;
    return PLIM_OK;
}

plim_status plim__region_recover(plim_region *region, plim_error *err)
{
    region->next_birth = 1;
    plim_status status = lists_make(region, err);
    if (status == PLIM_OK)
        status = recover_value(region, err);
    if (status == PLIM_OK)
        status = plim__region_rebuild(region, err);
    if (status == PLIM_OK)
        status = recover_intent(region, err);
    if (status == PLIM_OK)
        status = recover_charge(region, err);
    return status;
}
