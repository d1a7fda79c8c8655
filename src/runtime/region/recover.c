/* SPDX-License-Identifier: MIT */
/*
 * What the next writer does first: a value that was half replaced becomes the old one again, the
 * lists are made anew from the objects, and a cascade that was under way is finished. Cost: one
 * pass over the slots that were ever used; from the first on that does not lie in the order of
 * births, a radix sort of the live ones' births, and a pass in that order.
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

/* One rebuild. As long as slots lie in the order of births, each is linked when it is seen; from
   the first on that does not, live ones go into the list, to be sorted and linked then. */
typedef struct recover_work {
    plim__room room;
    uint64_t *births; /* then packed with the index */
    uint64_t *scratch;
    uint32_t *indexes;
    uint32_t count;
    uint64_t first, last; /* births of the list */
    bool is_sorted;
} recover_work;

static uint64_t recover_word_of(const plim_region *region, uint32_t index)
{
    return atomic_load_explicit(&region->objects[index].word, memory_order_relaxed);
}

static uint32_t recover_top(const plim_region *region)
{
    return atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
}

static __attribute__((noinline, cold)) plim_status recover_damaged(plim_error *err, uint32_t index,
                                                                   const char *what)
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

/* What every slot is held to, at hand. */
typedef struct recover_bounds {
    const plim__object *objects;
    plim__kind *kinds;
    uint64_t data_bytes;
    uint32_t kind_count, top;
} recover_bounds;

static recover_bounds recover_bounds_of(const plim_region *region)
{
    return (recover_bounds){region->objects, region->kinds, region->head->data_bytes,
                            region->kind_count, recover_top(region)};
}

/* R1 and R2 of one live object, by itself; what is wrong with it, or NULL, and its kind. In place:
   a third of the time that an open takes is spent here. */
static __attribute__((always_inline)) inline const char *recover_judge(const recover_bounds *bounds,
                                                                       const plim__object *object,
                                                                       uint64_t word,
                                                                       plim__kind **out_kind)
{
    uint32_t type = plim__word_type(word);
    if (type - 1 >= bounds->kind_count)
        return "has a type that is not there";
    plim__kind *kind = &bounds->kinds[type - 1];
    uint64_t data = object->data;
    if (object->size_bytes != kind->size_bytes)
        return "has not the size of its type";
    if (data % PLIM__REGION_GRAIN != 0 || data > bounds->data_bytes ||
        bounds->data_bytes - data < kind->held_bytes)
        return "has its value outside the data";
    *out_kind = kind;
    if (object->parent == 0)
        return NULL;
    const plim__object *above = &bounds->objects[object->parent - 1];
    if (object->parent > bounds->top ||
        !plim__word_is_live(atomic_load_explicit(&above->word, memory_order_relaxed)))
        return "has a parent that is not there";
    if (above->birth >= object->birth || above->owner != object->owner)
        return "is older than its parent, or another owner's";
    return NULL;
}

static plim_status recover_check(const plim_region *region, uint32_t index, plim_error *err)
{
    plim__kind *kind;
    recover_bounds bounds = recover_bounds_of(region);
    const char *wrong =
        recover_judge(&bounds, &region->objects[index], recover_word_of(region, index), &kind);
    return wrong == NULL ? PLIM_OK : recover_damaged(err, index, wrong);
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

static void recover_list_add(const plim_region *region, recover_work *work, uint32_t index)
{
    uint64_t birth = region->objects[index].birth;
    work->indexes[work->count] = index;
    work->births[work->count++] = birth;
    work->first = birth < work->first ? birth : work->first;
    work->last = birth > work->last ? birth : work->last;
}

static void recover_clear_heads(plim_region *region)
{
    memset(region->owner_heads, 0xff, ((size_t)region->owner_mask + 1) * sizeof(uint32_t));
}

/* A slot that lies out of order was met: what was linked so far goes into the list. */
static __attribute__((noinline)) void recover_list(const plim_region *region, recover_work *work,
                                                   uint32_t index)
{
    if (work->is_sorted) {
        work->is_sorted = false;
        work->first = UINT64_MAX;
        work->last = 0;
        for (uint32_t i = 0; i < index; i++)
            if (plim__word_is_live(recover_word_of(region, i)))
                recover_list_add(region, work, i);
    }
    recover_list_add(region, work, index);
}

/* Of a slot whose writer died, or lost its processor, in the middle. */
static __attribute__((noinline)) plim_status recover_seq(plim_region *region, uint32_t index)
{
    plim__object *object = &region->objects[index];
    plim_status status = plim__region_touch(region, object, sizeof *object);
    if (status != PLIM_OK)
        return status;
    plim__commit(&object->seq, object->seq + 1);
    region->recovered = true;
    return PLIM_OK;
}

static void recover_free(plim_region *region, uint32_t free_last)
{
    region->free_first = PLIM__INDEX_NONE;
    for (uint32_t i = free_last; i != PLIM__INDEX_NONE; i = region->previous[i]) {
        region->links[i].next = region->free_first;
        region->free_first = i;
    }
}

/* One pass over the slots: sequence numbers made even, R1 to R3, room, counts, free slots; live
   ones are linked while they lie in the order of births, else listed. */
static plim_status recover_slots(plim_region *region, recover_work *work, plim_error *err)
{
    const recover_bounds bounds = recover_bounds_of(region);
    plim__room *const room = &work->room;
    uint32_t free_last = PLIM__INDEX_NONE;
    uint64_t newest = 0;
    uint64_t before = 0; /* the birth of the last that was linked; once out of order, the highest */
    for (uint32_t i = 0; i < bounds.top; i++) {
        const plim__object *object = &bounds.objects[i];
        uint64_t word = atomic_load_explicit(&object->word, memory_order_relaxed);
        uint64_t birth = object->birth;
        plim__kind *kind = NULL;
        if (atomic_load_explicit(&object->seq, memory_order_relaxed) % 2 != 0) {
            plim_status status = recover_seq(region, i);
            if (status != PLIM_OK)
                return status;
        }
        /* Also of those that have ended: their numbers never come again. */
        newest = birth > newest ? birth : newest;
        region->links[i].first_child = PLIM__INDEX_NONE;
        if (!plim__word_is_live(word)) {
            if (plim__slot_generation(region, i) < UINT32_MAX) {
                region->previous[i] = free_last; /* so that low slots are taken first */
                free_last = i;
            }
            continue;
        }
        const char *wrong = recover_judge(&bounds, object, word, &kind);
        if (wrong == NULL && !plim__room_mark(room, object->data, kind->held_bytes))
            wrong = "lies over another's value";
        if (wrong != NULL)
            return recover_damaged(err, i, wrong);
        kind->live_count++;
        /* A parent that lies behind its child is out of order too: its links are not yet there. */
        if (birth > before && object->parent <= i) {
            before = birth;
            plim__object_link(region, i, plim__object_list(region, object->parent, object->owner));
        } else {
            before = UINT64_MAX;
            recover_list(region, work, i);
        }
    }
    if (newest > UINT64_MAX / 2)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "it has seen more objects than there can be");
    if (newest >= region->next_birth) /* what was taken back does not come again either */
        region->next_birth = newest + 1;
    if (!work->is_sorted) { /* none is linked yet */
        recover_clear_heads(region);
        memset(region->links, 0xff, bounds.top * sizeof *region->links);
    }
    recover_free(region, free_last);
    return PLIM_OK;
}

/* The list's indexes in the order of birth. */
static void recover_sort(const plim_region *region, recover_work *work)
{
    uint32_t count = work->count;
    if (work->last - work->first >= RECOVER_SPAN_MAX) {
        plim__region_sort(region, recover_birth, work->indexes, (uint32_t *)work->scratch, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        work->births[i] = (work->births[i] - work->first) << RECOVER_INDEX_BITS | work->indexes[i];
    plim__region_sort_packed(work->births, work->scratch, count, RECOVER_INDEX_BITS,
                             (work->last - work->first) << RECOVER_INDEX_BITS);
    for (uint32_t i = 0; i < count; i++)
        work->indexes[i] = (uint32_t)work->births[i] & (PLIM_REGION_OBJECTS_MAX - 1);
}

/* R4; links in the order of birth, so that lists are as they were. */
static plim_status recover_links(plim_region *region, const recover_work *work, plim_error *err)
{
    enum { AHEAD = 12 }; /* slots lie anywhere: so many are on their way at a time */
    uint64_t before = 0;
    for (uint32_t i = 0; i < work->count; i++) {
        if (i + AHEAD < work->count)
            __builtin_prefetch(&region->objects[work->indexes[i + AHEAD]]);
        uint32_t index = work->indexes[i];
        const plim__object *object = &region->objects[index];
        if (object->birth == before)
            return recover_damaged(err, index, "has another's birth, or none");
        before = object->birth;
        plim__object_link(region, index, plim__object_list(region, object->parent, object->owner));
    }
    return PLIM_OK;
}

plim_status plim__region_rebuild(plim_region *region, plim_error *err)
{
    size_t count = region->head->object_max;
    size_t room_words = (size_t)(region->head->data_bytes / PLIM__REGION_GRAIN / 64 + 1);
    uint64_t *scratch = plim__scratch_take(region);
    if (scratch == NULL)
        return plim__no_memory(err, "the lists of a region");
    recover_work work = {.births = scratch + room_words, .is_sorted = true};
    work.scratch = work.births + count;
    work.indexes = (uint32_t *)(void *)(work.scratch + count);
    recover_clear_heads(region);
    for (uint32_t i = 0; i < region->kind_count; i++)
        region->kinds[i] = plim__kind_of(region, region->kinds[i].size_bytes);
    plim__room_begin(&work.room, scratch, region->head->data_bytes);
    plim_status status = recover_slots(region, &work, err);
    if (status == PLIM_OK && !work.is_sorted) {
        recover_sort(region, &work);
        status = recover_links(region, &work, err);
    }
    if (status == PLIM_OK)
        status = plim__room_end(region, &work.room, err);
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
