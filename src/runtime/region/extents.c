/* SPDX-License-Identifier: MIT */
/*
 * Slots, and room for values. A value occupies a class: a multiple of 16 bytes up to 1 KiB, then
 * four sizes to a doubling (waste below 20 %). The slot of an object that has ended keeps its room
 * for the next of its type: that is a load and a store. Else a slot is taken from the free ones,
 * from those never used, or from another type, and room from the list of its class (links lie in
 * the room itself), from the gaps between live values, or from another type's. None of this is
 * truth: when all of it is used up, all free room is found anew from the live values (a bit per
 * grain up to the last of them), which also joins what was cut apart, and sees whether two overlap.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

static const uint64_t EXTENT_SMALL_MAX =
    (uint64_t)PLIM__EXTENT_SMALL_CLASSES * PLIM__REGION_GRAIN; /* 1 KiB */

/* The class of a size and, through *out_bytes, what its members occupy. */
static uint32_t extent_class(uint64_t size_bytes, uint64_t *out_bytes)
{
    uint64_t grains =
        size_bytes == 0 ? 1 : (size_bytes + PLIM__REGION_GRAIN - 1) / PLIM__REGION_GRAIN;
    if (grains <= PLIM__EXTENT_SMALL_CLASSES) {
        *out_bytes = grains * PLIM__REGION_GRAIN;
        return (uint32_t)grains - 1;
    }
    uint64_t base = EXTENT_SMALL_MAX;
    uint32_t number = PLIM__EXTENT_SMALL_CLASSES;
    while (size_bytes > base * 2) {
        base *= 2;
        number += 4;
    }
    uint64_t step = base / 4;
    uint64_t steps = (size_bytes - base + step - 1) / step; /* 1 to 4 */
    *out_bytes = base + steps * step;
    return number + (uint32_t)steps - 1;
}

uint64_t plim__extent_bytes(uint32_t size_bytes)
{
    uint64_t bytes;
    (void)extent_class(size_bytes, &bytes);
    return bytes;
}

plim__kind plim__kind_of(const plim_region *region, uint32_t size_bytes)
{
    uint64_t bytes;
    uint32_t number = extent_class(size_bytes, &bytes);
    PLIM_CHECK(number < PLIM__EXTENT_CLASSES);
    bool is_quick = region->history == NULL && region->observer == NULL && !PLIM__STOP_EVERY &&
                    size_bytes % 8 == 0 && size_bytes / 8 <= PLIM__KIND_QUICK_MAX;
    uint32_t words = is_quick ? size_bytes / 8 : PLIM__KIND_RARE;
    return (plim__kind){
        .quick_words = region->has_marks ? PLIM__KIND_RARE : words,
        .words = words,
        .size_bytes = size_bytes,
        .held_bytes = (uint32_t)bytes,
        .extent_class = number,
        .free_first = PLIM__INDEX_NONE,
        .grains = (uint32_t)(bytes / PLIM__REGION_GRAIN),
        .grain_end = bytes > region->head->data_bytes
                         ? 0
                         : (region->head->data_bytes - bytes) / PLIM__REGION_GRAIN + 1,
        .marks_end =
            bytes / PLIM__REGION_GRAIN < 64 ? 65 - (uint32_t)(bytes / PLIM__REGION_GRAIN) : 0,
        .marks = (UINT64_C(1) << bytes / PLIM__REGION_GRAIN % 64) - 1};
}

void plim__kinds_rate(plim_region *region)
{
    for (uint32_t i = 0; i < region->kind_count; i++) {
        plim__kind kind = plim__kind_of(region, region->kinds[i].size_bytes);
        region->kinds[i].quick_words = kind.quick_words;
        region->kinds[i].words = kind.words;
    }
}

void plim__extents_sum(const plim_region *region, uint32_t *out_count, uint64_t *out_value_bytes,
                       uint64_t *out_held_bytes)
{
    *out_count = 0;
    *out_value_bytes = *out_held_bytes = 0;
    for (uint32_t i = 0; i < region->kind_count; i++) {
        const plim__kind *kind = &region->kinds[i];
        *out_count += kind->live_count;
        *out_value_bytes += (uint64_t)kind->size_bytes * kind->live_count;
        *out_held_bytes += (uint64_t)kind->held_bytes * kind->live_count;
    }
}

static bool extent_from_gaps(plim_region *region, uint64_t bytes, uint64_t *out_offset)
{
    while (region->gap_count > 0) {
        plim__gap *gap = &region->gaps[region->gap_count - 1];
        if (gap->end - gap->start >= bytes) {
            *out_offset = gap->start;
            gap->start += bytes;
            return true;
        }
        if (region->gap_count == 1)
            break; /* the largest, kept for smaller values */
        region->gap_count--;
    }
    return false;
}

static bool extent_try(plim_region *region, const plim__kind *kind, uint64_t *out_offset)
{
    uint32_t number = kind->extent_class;
    uint64_t first = region->free_extents[number];
    if (first == 0)
        return extent_from_gaps(region, kind->held_bytes, out_offset);
    memcpy(&region->free_extents[number], region->data + first - 1, sizeof first);
    *out_offset = first - 1;
    return true;
}

static void extent_give(plim_region *region, uint64_t offset, uint32_t number)
{
    plim__put_bytes(region->data + offset, &region->free_extents[number], sizeof(uint64_t));
    region->free_extents[number] = offset + 1;
}

static bool extent_add_gap(plim_region *region, uint64_t start, uint64_t end)
{
    if (end <= start)
        return true;
    if (region->gap_count == region->gap_capacity) {
        uint32_t wanted = region->gap_capacity == 0 ? 64 : region->gap_capacity * 2;
        plim__gap *grown = plim__array_resize(region->allocator, region->gaps, region->gap_capacity,
                                              wanted, sizeof *grown);
        if (grown == NULL)
            return false;
        region->gaps = grown;
        region->gap_capacity = wanted;
    }
    region->gaps[region->gap_count++] = (plim__gap){start, end};
    return true;
}

/* The largest gap first, so that it is cut last; one pass, the others stay as they are. */
static void extent_largest_first(plim_region *region)
{
    for (uint32_t i = 1; i < region->gap_count; i++) {
        plim__gap gap = region->gaps[i];
        if (gap.end - gap.start > region->gaps[0].end - region->gaps[0].start) {
            region->gaps[i] = region->gaps[0];
            region->gaps[0] = gap;
        }
    }
}

void plim__room_begin(plim__room *room, void *scratch, uint64_t data_bytes)
{
    room->bits = scratch;
    room->grain_count = 0;
    room->grain_max = data_bytes / PLIM__REGION_GRAIN;
}

/* Twice as far as is needed, so that what is never reached is never touched. */
static __attribute__((noinline)) void extent_grow_room(plim__room *room, uint64_t end)
{
    uint64_t words = room->grain_count / 64;
    uint64_t wanted = (end * 2 < room->grain_max ? end * 2 : room->grain_max) / 64 + 1;
    memset(room->bits + words, 0, (size_t)(wanted - words) * sizeof *room->bits);
    room->grain_count = wanted * 64;
}

bool plim__room_mark_any(plim__room *room, uint64_t first, uint64_t count)
{
    uint64_t seen = 0;
    if (first + count > room->grain_count)
        extent_grow_room(room, first + count);
    while (count > 0) {
        uint64_t bit = first % 64;
        uint64_t here = 64 - bit < count ? 64 - bit : count;
        uint64_t mask = (here == 64 ? UINT64_MAX : (UINT64_C(1) << here) - 1) << bit;
        seen |= room->bits[first / 64] & mask;
        room->bits[first / 64] |= mask;
        first += here;
        count -= here;
    }
    return seen == 0;
}

/* The gaps between marked grains, and behind the last of them. */
static bool extent_gaps_of(plim_region *region, const plim__room *room)
{
    uint64_t at = 0; /* where a gap began, or the last ended */
    bool is_gap = true;
    for (uint64_t word = 0; word * 64 < room->grain_count; word++) {
        uint64_t marks = room->bits[word];
        if (is_gap ? marks == 0 : marks == UINT64_MAX)
            continue;
        for (uint64_t grain = word * 64; grain < word * 64 + 64; grain++) {
            bool is_free = (marks >> grain % 64 & 1) == 0;
            if (is_free == is_gap)
                continue;
            if (is_gap &&
                !extent_add_gap(region, at * PLIM__REGION_GRAIN, grain * PLIM__REGION_GRAIN))
                return false;
            at = grain;
            is_gap = is_free;
        }
    }
    if (!is_gap)
        at = room->grain_count;
    return extent_add_gap(region, at * PLIM__REGION_GRAIN, region->head->data_bytes);
}

plim_status plim__room_end(plim_region *region, const plim__room *room, plim_error *err)
{
    memset(region->free_extents, 0, sizeof region->free_extents);
    region->gap_count = 0;
    bool fits = extent_gaps_of(region, room);
    extent_largest_first(region);
    region->is_room_known = fits;
    return fits ? PLIM_OK : plim__no_memory(err, "the room of a region");
}

/* --- slots --------------------------------------------------------------------------------- */

static bool slot_is_live(const plim__object *object)
{
    return plim__word_is_live(atomic_load_explicit(&object->word, memory_order_relaxed));
}

static void slot_mark(plim__room *room, const plim__object *object)
{
    (void)plim__room_mark_any(room, object->data / PLIM__REGION_GRAIN,
                              plim__extent_bytes(object->size_bytes) / PLIM__REGION_GRAIN);
}

/* Free slots of all kinds lose their room, and all free room is found anew. */
static bool slots_rebuild(plim_region *region)
{
    plim__room room;
    uint32_t top = atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
    void *scratch = plim__scratch_take(region);
    if (scratch == NULL)
        return false;
    plim__room_begin(&room, scratch, region->head->data_bytes);
    for (uint32_t i = 0; i < top; i++) {
        const plim__object *object = &region->objects[i];
        if (slot_is_live(object))
            slot_mark(&room, object);
    }
    /* What is over and not told yet keeps its value until then. */
    for (uint32_t i = region->told_first; i != PLIM__INDEX_NONE; i = region->links[i].next)
        slot_mark(&room, &region->objects[i]);
    for (uint32_t i = 0; i < region->kind_count; i++) {
        plim__kind *kind = &region->kinds[i];
        while (kind->free_first != PLIM__INDEX_NONE) {
            uint32_t index = kind->free_first;
            kind->free_first = region->links[index].next;
            region->links[index].next = region->free_first;
            region->free_first = index;
            plim__refund(region, plim__kind_bytes(kind));
        }
    }
    plim_status status = plim__room_end(region, &room, NULL);
    plim__scratch_give(region, scratch);
    return status == PLIM_OK;
}

/* A free slot that a kind keeps, with its room: of any class, or of one. */
static bool slot_from_others(plim_region *region, const plim__kind *of_class, uint32_t *out_index,
                             uint32_t *out_class)
{
    for (uint32_t i = 0; i < region->kind_count; i++) {
        plim__kind *kind = &region->kinds[i];
        if (kind->free_first == PLIM__INDEX_NONE ||
            (of_class != NULL && kind->extent_class != of_class->extent_class))
            continue;
        *out_index = kind->free_first;
        *out_class = kind->extent_class;
        kind->free_first = region->links[*out_index].next;
        plim__refund(region, plim__kind_bytes(kind));
        return true;
    }
    return false;
}

/* A slot without room; its generation's next is never the last (retired ones are on no list). */
static bool slot_take(plim_region *region, uint32_t *out_index)
{
    plim__region_head *head = region->head;
    uint32_t top = atomic_load_explicit(&head->object_top, memory_order_relaxed);
    uint32_t number;
    if (region->free_first != PLIM__INDEX_NONE) {
        *out_index = region->free_first;
        region->free_first = region->links[*out_index].next;
        return true;
    }
    while (top < head->object_max) {
        /* One that was never used and says otherwise was spoilt. */
        if (slot_is_live(&region->objects[top]))
            plim__put_word(&region->objects[top].word, 0);
        /* Covers the slot before it is live: recovery looks at all slots below. */
        plim__commit(&head->object_top, top + 1);
        region->links[top] = (plim__links){PLIM__INDEX_NONE, PLIM__INDEX_NONE};
        *out_index = top++;
        if (plim__slot_generation(region, *out_index) < UINT32_MAX)
            return true;
    }
    if (!slot_from_others(region, NULL, out_index, &number))
        return false;
    extent_give(region, region->objects[*out_index].data, number);
    return true;
}

static bool slot_room(plim_region *region, const plim__kind *kind, uint64_t *out_offset)
{
    uint32_t count, other, number;
    uint64_t value_bytes, held_bytes;
    if (extent_try(region, kind, out_offset))
        return true;
    if (slot_from_others(region, kind, &other, &number)) {
        *out_offset = region->objects[other].data;
        region->links[other].next = region->free_first;
        region->free_first = other;
        return true;
    }
    /* Room is found anew only where that can help: something was freed since it last was, and
       there is as much in all. So what goes on asking a full region is refused at once. */
    plim__extents_sum(region, &count, &value_bytes, &held_bytes);
    return !region->is_room_known && region->head->data_bytes - held_bytes >= kind->held_bytes &&
           slots_rebuild(region) && extent_try(region, kind, out_offset);
}

plim_status plim__slot_find(plim_region *region, plim__kind *kind, uint32_t *out_index)
{
    uint64_t offset;
    uint32_t index;
    plim_status status = plim__charge(region, plim__kind_bytes(kind));
    if (status == PLIM_ERR_BUDGET && !region->is_room_known && slots_rebuild(region))
        status = plim__charge(region, plim__kind_bytes(kind)); /* what types kept is given back */
    if (status != PLIM_OK)
        return status;
    bool has_slot = slot_take(region, &index);
    if (has_slot && slot_room(region, kind, &offset)) {
        plim__put(&region->objects[index].size_bytes, kind->size_bytes);
        plim__put(&region->objects[index].data, offset);
        *out_index = index;
        return PLIM_OK;
    }
    if (has_slot) {
        region->links[index].next = region->free_first;
        region->free_first = index;
    }
    plim__refund(region, plim__kind_bytes(kind));
    return PLIM_ERR_LIMIT;
}

void plim__slot_retire(plim_region *region, uint32_t index)
{
    uint64_t bytes;
    const plim__object *object = &region->objects[index];
    extent_give(region, object->data, extent_class(object->size_bytes, &bytes));
    plim__refund(region, sizeof *object + bytes);
}
