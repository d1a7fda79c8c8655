/* SPDX-License-Identifier: MIT */
/*
 * What the next writer does first: a value that was half replaced becomes the old one again, the
 * lists are made anew from the objects, and a cascade that was under way is finished. Cost: one
 * pass over the slots that were ever used, in the order in which they lie. A list into which
 * something came that is older than what was there is marked, and put in order when somebody first
 * goes along it (lists.c); so it is the order of births that a cascade follows, whenever it comes.
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

/* Out of the way; in place, once with each constant. */
#define RECOVER_RARE __attribute__((noinline, cold))
#define RECOVER_SAME __attribute__((always_inline)) inline

enum {
    RECOVER_FAR = 1 << 18, /* more slots than the processor's caches hold */
    RECOVER_AHEAD = 16,    /* parents lie anywhere: so many are on their way at a time */
    RECOVER_KIND_SHIFT = 16 - 6,
    RECOVER_SEEN_BITS = 16, /* a slot */
    RECOVER_SEEN_LEAST = 63,
    RECOVER_LOOKS = 64
};

/* One rebuild. */
typedef struct recover_work {
    plim__room room;
    /* The births of live objects, once one was met out of order: which last digits were seen, and
       which more than once; room for those whose were, and to sort them. */
    uint64_t *births, *seen, *twice;
    uint64_t seen_mask;
    bool is_doubtful;
    uint32_t free_first, free_last;
    uint64_t newest; /* birth of those that have ended; at last of all */
    uint64_t linked; /* the newest that is in a list */
} recover_work;

/* Grains of values that lie one behind the other, and are not marked yet. */
typedef struct recover_span {
    uint64_t first, end;
} recover_span;

static uint64_t recover_word_of(const plim_region *region, uint32_t index)
{
    return atomic_load_explicit(&region->objects[index].word, memory_order_relaxed);
}

static uint32_t recover_top(const plim_region *region)
{
    return atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
}

static RECOVER_RARE plim_status recover_damaged(plim_error *err, uint32_t index, const char *what)
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
           ((size_t)region->head->object_max + 1) * 2 * sizeof(uint64_t);
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
    region->previous = plim__array_new(allocator, (size_t)count + 1, sizeof *region->previous);
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
    plim__array_free(allocator, region->previous, count + 1, sizeof *region->previous);
    plim__array_free(allocator, region->owner_heads, (size_t)region->owner_mask + 1,
                     sizeof *region->owner_heads);
    plim__array_free(allocator, region->gaps, region->gap_capacity, sizeof *region->gaps);
}

/* --- checks -------------------------------------------------------------------------------- */

/* What every slot is held to, at hand. */
typedef struct recover_bounds {
    const plim__object *objects;
    plim__kind *kinds;
    uint64_t kind_bytes;
    uint32_t top;
    plim__links *links;
    uint32_t *previous, *owner_heads;
    uint32_t owner_mask;
} recover_bounds;

static recover_bounds recover_bounds_of(const plim_region *region)
{
    return (recover_bounds){
        region->objects,     region->kinds,     region->kind_count * sizeof *region->kinds,
        recover_top(region), region->links,     region->previous,
        region->owner_heads, region->owner_mask};
}

/* The first grain of its value; one that is between two grains has a number above all. */
static RECOVER_SAME uint64_t recover_grain(const plim__object *object)
{
    enum { SHIFT = 4 };
    _Static_assert(PLIM__REGION_GRAIN == 1 << SHIFT, "a rotation divides by it");
    return object->data >> SHIFT | object->data << (64 - SHIFT);
}

/* R1 of one live object, by itself; what is wrong with it, or NULL, and its kind. In place: half of
   an open's time is spent here and in R2. */
static RECOVER_SAME const char *recover_judge_value(const recover_bounds *bounds,
                                                    const plim__object *object, uint64_t word,
                                                    plim__kind **out_kind)
{
    plim__kind *kind;
    /* The type, from 0 on, times the size of a kind: as it comes out of the word. */
    uint64_t at = (word >> RECOVER_KIND_SHIFT & UINT16_MAX * sizeof *kind) - sizeof *kind;
    if (at >= bounds->kind_bytes)
        return "has a type that is not there";
    kind = (plim__kind *)(void *)((char *)bounds->kinds + at);
    if (object->size_bytes != kind->size_bytes)
        return "has not the size of its type";
    if (recover_grain(object) >= kind->grain_end)
        return "has its value outside the data";
    *out_kind = kind;
    return NULL;
}

/* R2 of one that has a parent, whose number is in range. is_older: it is known to be. */
static RECOVER_SAME const char *recover_judge_parent(const recover_bounds *bounds,
                                                     const plim__object *object, bool is_older)
{
    const plim__object *above = &bounds->objects[(size_t)object->parent - 1];
    if (!plim__word_is_live(atomic_load_explicit(&above->word, memory_order_relaxed)))
        return "has a parent that is not there";
    if ((!is_older && above->birth >= object->birth) || above->owner != object->owner)
        return "is older than its parent, or another owner's";
    return NULL;
}

/* Both. */
static RECOVER_SAME const char *recover_judge(const recover_bounds *bounds,
                                              const plim__object *object, uint64_t word,
                                              plim__kind **out_kind)
{
    const char *wrong = recover_judge_value(bounds, object, word, out_kind);
    if (wrong != NULL || object->parent == 0)
        return wrong;
    if (object->parent > bounds->top)
        return "has a parent that is not there";
    return recover_judge_parent(bounds, object, false);
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

/* Of a slot whose writer died, or lost its processor, in the middle. */
static RECOVER_RARE plim_status recover_seq(plim_region *region, uint32_t index)
{
    plim__object *object = &region->objects[index];
    plim_status status = plim__region_touch(region, object, sizeof *object);
    if (status != PLIM_OK)
        return status;
    plim__commit(&object->seq, object->seq + 1);
    region->recovered = true;
    return PLIM_OK;
}

static RECOVER_SAME bool recover_is_odd(const plim__object *object)
{
    return atomic_load_explicit(&object->seq, memory_order_relaxed) % 2 != 0;
}

/* Low slots are taken first. */
static void recover_free(plim_region *region, recover_work *work, uint32_t index)
{
    uint64_t birth = region->objects[index].birth; /* its number never comes again */
    work->newest = birth > work->newest ? birth : work->newest;
    if (plim__slot_generation(region, index) == UINT32_MAX)
        return;
    region->links[index].next = PLIM__INDEX_NONE;
    if (work->free_first == PLIM__INDEX_NONE)
        work->free_first = index;
    else
        region->links[work->free_last].next = index;
    work->free_last = index;
}

static RECOVER_RARE void recover_doubt(recover_work *work, uint64_t at)
{
    if (!work->is_doubtful)
        memset(work->twice, 0, (size_t)(work->seen_mask + 1) / 8);
    work->is_doubtful = true;
    work->twice[at / 64] |= UINT64_C(1) << at % 64;
}

/* A bit for the last digits of a birth, and one more where two births meet in it. */
static RECOVER_SAME void recover_note(recover_work *work, uint64_t birth)
{
    uint64_t at = birth & work->seen_mask;
    uint64_t *word = &work->seen[at / 64];
    uint64_t before = *word;
    uint64_t after = before | UINT64_C(1) << at % 64;
    *word = after;
    if (after == before)
        recover_doubt(work, at);
}

/* Where the list of an object begins. */
static RECOVER_SAME uint32_t *recover_list(const recover_bounds *bounds, const plim__object *object)
{
    uint32_t parent = object->parent;
    return parent != 0
               ? &bounds->links[(size_t)parent - 1].first_child
               : &bounds->owner_heads[plim__owner_hash_of(object->owner, bounds->owner_mask)];
}

/* Marks values that follow each other without a gap, as one. */
static bool recover_mark_span(recover_span *span, plim__room *room, uint64_t next)
{
    bool is_free =
        span->end == span->first || plim__room_mark_any(room, span->first, span->end - span->first);
    span->first = next;
    return is_free;
}

/* Some value up to that of a slot lies over another's: whose it is. */
static RECOVER_RARE plim_status recover_overlap(plim_region *region, recover_work *work,
                                                uint32_t last, plim_error *err)
{
    uint32_t index = 0;
    plim__room_begin(&work->room, work->room.bits, region->head->data_bytes);
    for (; index < last; index++) {
        uint64_t word = recover_word_of(region, index);
        if (plim__word_is_live(word) &&
            !plim__room_mark_any(&work->room, recover_grain(&region->objects[index]),
                                 region->kinds[plim__word_type(word) - 1].grains))
            break;
    }
    return recover_damaged(err, index, "lies over another's value");
}

/* Slots from the first on, while they lie in the order of births, and parents before their
   children: sequence numbers made even, R1 to R3, room, counts, lists. Most regions are all so. */
static plim_status recover_in_order(plim_region *region, recover_work *work, uint32_t *out_end,
                                    plim_error *err)
{
    const recover_bounds bounds = recover_bounds_of(region);
    const char *wrong = NULL;
    recover_span span = {0, 0};
    uint64_t linked = 0;
    uint32_t i = 0;
    for (; i < bounds.top; i++) {
        const plim__object *object = &bounds.objects[i];
        uint64_t word = atomic_load_explicit(&object->word, memory_order_relaxed);
        plim__kind *kind = NULL;
        bounds.links[i].first_child = PLIM__INDEX_NONE;
        if (recover_is_odd(object)) {
            plim_status status = recover_seq(region, i);
            if (status != PLIM_OK)
                return status;
        }
        if (!plim__word_is_live(word)) {
            recover_free(region, work, i);
            continue;
        }
        if (object->birth <= linked || object->parent > i)
            break;
        linked = object->birth;
        wrong = recover_judge_value(&bounds, object, word, &kind);
        if (wrong == NULL && object->parent != 0) /* which was linked, and so is older */
            wrong = recover_judge_parent(&bounds, object, true);
        if (wrong != NULL)
            return recover_damaged(err, i, wrong);
        uint64_t grain = recover_grain(object);
        if (grain != span.end && !recover_mark_span(&span, &work->room, grain))
            return recover_overlap(region, work, i, err);
        span.end = grain + kind->grains;
        kind->live_count++;
        uint32_t *head = recover_list(&bounds, object);
        bounds.links[i].next = *head;
        bounds.previous[(uint32_t)(*head + 1)] = i;
        *head = i;
    }
    *out_end = i;
    work->linked = linked;
    return recover_mark_span(&span, &work->room, 0) ? PLIM_OK
                                                    : recover_overlap(region, work, i, err);
}

/* The others: the same, into lists that are marked, and births noted. */
static RECOVER_SAME plim_status recover_run(plim_region *region, recover_work *work, uint32_t at,
                                            uint32_t end, bool is_ahead, plim_error *err)
{
    const recover_bounds bounds = recover_bounds_of(region);
    uint64_t linked = work->linked;
    for (uint32_t i = at; i < end; i++) {
        const plim__object *object = &bounds.objects[i];
        uint64_t word = atomic_load_explicit(&object->word, memory_order_relaxed);
        plim__kind *kind = NULL;
        if (is_ahead) { /* no access: it may be any number */
            size_t above = (size_t)object[RECOVER_AHEAD].parent - 1;
            __builtin_prefetch(&bounds.objects[above]);
            __builtin_prefetch(&bounds.links[above]);
        }
        if (recover_is_odd(object)) {
            plim_status status = recover_seq(region, i);
            if (status != PLIM_OK)
                return status;
        }
        if (!plim__word_is_live(word)) {
            recover_free(region, work, i);
            continue;
        }
        const char *wrong = recover_judge(&bounds, object, word, &kind);
        if (wrong == NULL && !plim__room_mark(&work->room, recover_grain(object), kind))
            wrong = "lies over another's value";
        if (wrong != NULL)
            return recover_damaged(err, i, wrong);
        kind->live_count++;
        recover_note(work, object->birth);
        uint32_t *head = recover_list(&bounds, object);
        bounds.links[i].next = *head;
        *head = i;
        linked = object->birth > linked ? object->birth : linked;
    }
    work->linked = linked;
    return PLIM_OK;
}

static plim_status recover_out_of_order(plim_region *region, recover_work *work, uint32_t at,
                                        plim_error *err)
{
    uint32_t top = recover_top(region);
    uint32_t ahead_to = top > RECOVER_FAR && top - RECOVER_AHEAD > at ? top - RECOVER_AHEAD : at;
    plim_status status = recover_run(region, work, at, ahead_to, true, err);
    return status == PLIM_OK ? recover_run(region, work, ahead_to, top, false, err) : status;
}

/* As many last digits as keep the births apart, if these are about as many as there are objects:
   the fewer, the nearer at hand. Looks at some. */
static uint64_t recover_seen_mask(const plim_region *region, uint64_t most)
{
    uint32_t top = recover_top(region);
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    uint64_t mask = RECOVER_SEEN_LEAST;
    for (uint32_t i = 0; i < RECOVER_LOOKS; i++) {
        uint64_t birth = region->objects[(uint64_t)top * i / RECOVER_LOOKS].birth;
        lowest = birth < lowest ? birth : lowest;
        highest = birth > highest ? birth : highest;
    }
    uint64_t wanted = (highest - lowest) + (highest - lowest) / 4;
    while (mask < wanted && mask < most)
        mask = mask * 2 + 1;
    return mask;
}

_Static_assert(PLIM__INDEX_NONE == UINT32_MAX && PLIM__LIST_MARK == UINT32_MAX, "bytes of 0xff");

/* The first slots were in order, from `at` on they are not: what comes from there into a list has
   its mark already. */
static void recover_leave_order(plim_region *region, recover_work *work, uint32_t at)
{
    uint32_t top = recover_top(region);
    work->seen_mask = recover_seen_mask(region, work->seen_mask);
    memset(work->seen, 0, (size_t)(work->seen_mask + 1) / 8);
    for (uint32_t i = 0; i < at; i++)
        if (plim__word_is_live(recover_word_of(region, i)))
            recover_note(work, region->objects[i].birth);
    memset(region->links + at, 0xff, (size_t)(top - at) * sizeof *region->links);
    memset(region->previous + at + 1, 0xff, (size_t)(top - at) * sizeof *region->previous);
    region->has_marks = true;
    plim__kinds_rate(region);
}

static plim_status recover_slots(plim_region *region, recover_work *work, plim_error *err)
{
    uint32_t at = 0;
    plim_status status = recover_in_order(region, work, &at, err);
    if (status == PLIM_OK && at < recover_top(region)) {
        recover_leave_order(region, work, at);
        status = recover_out_of_order(region, work, at, err);
    }
    if (status != PLIM_OK)
        return status;
    if (work->linked > work->newest)
        work->newest = work->linked;
    uint64_t floor = atomic_load_explicit(&region->head->birth_floor, memory_order_relaxed);
    if (floor > region->next_birth)
        region->next_birth = floor;
    if (work->newest > PLIM__BIRTH_MAX || region->next_birth > PLIM__BIRTH_MAX)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "it has seen more objects than there can be");
    if (work->newest >= region->next_birth) /* what was taken back does not come again either */
        region->next_birth = work->newest + 1;
    region->free_first = work->free_first;
    return PLIM_OK;
}

static RECOVER_RARE plim_status recover_twice(const plim_region *region, uint64_t birth,
                                              plim_error *err)
{
    uint32_t index = recover_top(region);
    while (index > 0 && (!plim__word_is_live(recover_word_of(region, index - 1)) ||
                         region->objects[index - 1].birth != birth))
        index--;
    return recover_damaged(err, index - 1, "has another's birth");
}

/* R4, where the last digits of some are the same: these are few, are gathered, and sorted. */
static RECOVER_RARE plim_status recover_unique(const plim_region *region, recover_work *work,
                                               plim_error *err)
{
    uint64_t *const births = work->births;
    uint32_t top = recover_top(region);
    uint32_t count = 0;
    for (uint32_t i = 0; i < top; i++) {
        uint64_t birth = region->objects[i].birth;
        uint64_t at = birth & work->seen_mask;
        births[count] = birth;
        count += (work->twice[at / 64] >> at % 64 & 1) != 0 &&
                 plim__word_is_live(recover_word_of(region, i));
    }
    plim__region_sort_numbers(births, work->seen, count, work->linked);
    for (uint32_t i = 1; i < count; i++)
        if (births[i] == births[i - 1])
            return recover_twice(region, births[i], err);
    return PLIM_OK;
}

plim_status plim__region_rebuild(plim_region *region, plim_error *err)
{
    size_t count = region->head->object_max;
    size_t room_words = (size_t)(region->head->data_bytes / PLIM__REGION_GRAIN / 64 + 1);
    uint64_t *scratch = plim__scratch_take(region);
    if (scratch == NULL)
        return plim__no_memory(err, "the lists of a region");
    recover_work work = {.births = scratch + room_words,
                         .seen = scratch + room_words + count + 1,
                         .seen_mask = RECOVER_SEEN_LEAST,
                         .free_first = PLIM__INDEX_NONE};
    while (work.seen_mask * 2 + 1 < count * RECOVER_SEEN_BITS)
        work.seen_mask = work.seen_mask * 2 + 1;
    work.twice = work.seen + (work.seen_mask + 1) / 64;
    memset(region->owner_heads, 0xff, ((size_t)region->owner_mask + 1) * sizeof(uint32_t));
    region->has_marks = false;
    region->previous[0] = 0; /* no mark */
    for (uint32_t i = 0; i < region->kind_count; i++)
        region->kinds[i] = plim__kind_of(region, region->kinds[i].size_bytes);
    plim__room_begin(&work.room, scratch, region->head->data_bytes);
    plim_status status = recover_slots(region, &work, err);
    if (status == PLIM_OK && work.is_doubtful)
        status = recover_unique(region, &work, err);
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
