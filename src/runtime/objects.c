/* SPDX-License-Identifier: MIT */
/*
 * Objects: made, read, replaced, ended. Each call is one commit (layout.h): what a kill leaves
 * before it is as if the call had not begun, after it as if it had returned.
 *
 * Order of stores: the compiler may not move them across the commits (release stores and signal
 * fences); a killed process's stores are all seen by the next one, in the order it made them.
 * Readers in other processes see a value whole or look again: seq is odd while it changes.
 */
#include <plimsoll/region.h>

#include <string.h>

#include "base/assert.h"
#include "runtime/region.h"
#include "runtime/store.h"

static uint64_t object_word(const plim__object *object)
{
    return atomic_load_explicit(&object->word, memory_order_relaxed);
}

/* The object a reference names, or NULL. */
static plim__object *object_of(const plim_region *region, plim_ref ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    if (ref.index >= region->head->object_max)
        return NULL;
    plim__object *object = &region->objects[ref.index];
    uint64_t word = object_word(object);
    return plim__word_is_live(word) && plim__word_generation(word) == ref.generation ? object
                                                                                     : NULL;
}

static void object_begin_change(plim__object *object)
{
    uint32_t seq = atomic_load_explicit(&object->seq, memory_order_relaxed);
    plim__put_word(&object->seq, seq + 1);
    atomic_thread_fence(memory_order_release); /* the odd number before what it announces */
}

static void object_end_change(plim__object *object)
{
    uint32_t seq = atomic_load_explicit(&object->seq, memory_order_relaxed);
    plim__commit(&object->seq, seq + 1);
}

static plim_region_object object_describe(const plim_region *region, uint32_t index)
{
    const plim__object *object = &region->objects[index];
    uint64_t word = object_word(object);
    plim_region_object seen = {
        .ref = {index, plim__word_generation(word)},
        .owner = object->owner,
        .type = plim__word_type(word),
        .size_bytes = object->size_bytes,
        .birth = object->birth,
        .site = object->site,
        .tag = object->tag,
        .visibility = object->visibility,
        .version = atomic_load_explicit(&object->seq, memory_order_relaxed) / 2,
        .held_bytes = (uint32_t)(sizeof *object + plim__extent_bytes(object->size_bytes))};
    if (object->parent != 0) {
        uint64_t above = object_word(&region->objects[object->parent - 1]);
        seen.parent = (plim_ref){object->parent - 1, plim__word_generation(above)};
    }
    return seen;
}

/* --- telling ------------------------------------------------------------------------------- */

static void object_tell_made(plim_region *region, uint32_t index)
{
    const plim__region_observer *observer = region->observer;
    plim_region_object object = object_describe(region, index);
    if (observer->allocated != NULL)
        observer->allocated(observer->context, region, &object);
}

static void object_tell_changed(plim_region *region, uint32_t index)
{
    const plim__region_observer *observer = region->observer;
    plim_region_object object = object_describe(region, index);
    if (observer->changed != NULL)
        observer->changed(observer->context, region, &object);
}

/* Room and slot of an object that is over: others may have them. */
static void object_give_back(plim_region *region, uint32_t index)
{
    const plim__object *object = &region->objects[index];
    plim__extent_give(region, object->data, object->size_bytes);
    /* Else retired: a generation never comes again. */
    if (plim__slot_generation(region, index) < UINT32_MAX)
        region->free_slots[region->free_slot_count++] = index;
}

/* An object that is over keeps room and slot until the observer has been told of it. */
static void object_tell_later(plim_region *region, uint32_t index)
{
    region->next_owned[index] = PLIM__INDEX_NONE;
    if (region->told_first == PLIM__INDEX_NONE)
        region->told_first = index;
    else
        region->next_owned[region->told_last] = index;
    region->told_last = index;
}

/* Outside the lists, so that the observer may call back; what that ends comes behind. */
static void object_tell_released(plim_region *region)
{
    if (region->told_first == PLIM__INDEX_NONE || region->is_telling)
        return;
    region->is_telling = true;
    while (region->told_first != PLIM__INDEX_NONE) {
        uint32_t index = region->told_first;
        const plim__region_observer *observer = region->observer;
        if (observer != NULL && observer->released != NULL) {
            plim_region_object object = object_describe(region, index);
            observer->released(observer->context, region, &object,
                               region->data + region->objects[index].data);
        }
        region->told_first = region->next_owned[index];
        object_give_back(region, index);
    }
    region->is_telling = false;
}

/* --- lists --------------------------------------------------------------------------------- */

static uint32_t *owner_head(plim_region *region, uint32_t owner)
{
    return &region->owner_heads[(owner * 2654435761u >> 7) & region->owner_mask];
}

uint32_t plim__owned_next(const plim_region *region, uint32_t owner, uint32_t at)
{
    at = at == PLIM__INDEX_NONE
             ? region->owner_heads[(owner * 2654435761u >> 7) & region->owner_mask]
             : region->next_owned[at];
    while (at != PLIM__INDEX_NONE && region->objects[at].owner != owner)
        at = region->next_owned[at]; /* another's, of the same hash */
    return at;
}

void plim__object_link(plim_region *region, uint32_t index)
{
    const plim__object *object = &region->objects[index];
    uint32_t *head = object->parent != 0 ? &region->first_child[object->parent - 1] : NULL;
    region->first_child[index] = PLIM__INDEX_NONE;
    region->previous_sibling[index] = PLIM__INDEX_NONE;
    region->next_sibling[index] = head != NULL ? *head : PLIM__INDEX_NONE;
    if (head != NULL) {
        if (*head != PLIM__INDEX_NONE)
            region->previous_sibling[*head] = index;
        *head = index;
    }
    head = owner_head(region, object->owner);
    region->previous_owned[index] = PLIM__INDEX_NONE;
    region->next_owned[index] = *head;
    if (*head != PLIM__INDEX_NONE)
        region->previous_owned[*head] = index;
    *head = index;
}

/* Takes an entry out of a list whose head is *head (or of no list: NULL). */
static void object_unlink(uint32_t *head, uint32_t *next, uint32_t *previous, uint32_t index)
{
    if (previous[index] != PLIM__INDEX_NONE)
        next[previous[index]] = next[index];
    else if (head != NULL)
        *head = next[index];
    if (next[index] != PLIM__INDEX_NONE)
        previous[next[index]] = previous[index];
}

/* --- make ---------------------------------------------------------------------------------- */

/* A free slot; its generation's next is never the last (retired slots are on no list). */
static bool slot_take(plim_region *region, uint32_t *out_index)
{
    plim__region_head *head = region->head;
    uint32_t top = atomic_load_explicit(&head->object_top, memory_order_relaxed);
    if (region->free_slot_count > 0) {
        *out_index = region->free_slots[--region->free_slot_count];
        return true;
    }
    if (top == head->object_max)
        return false;
    /* Covers the slot before it is live: recovery looks at all slots below. */
    plim__commit(&head->object_top, top + 1);
    *out_index = top;
    return true;
}

/* Fills a slot that is taken, and commits it. */
static void object_fill(plim_region *region, uint32_t index, uint32_t generation,
                        const plim__object *facts, const plim_object_request *request)
{
    plim__object *object = &region->objects[index];
    object_begin_change(object);
    plim__put(&object->parent, facts->parent);
    plim__put(&object->owner, facts->owner);
    plim__put(&object->size_bytes, facts->size_bytes);
    plim__put(&object->data, facts->data);
    plim__put(&object->birth, region->next_birth);
    plim__put(&object->site, request->site);
    plim__put(&object->tag, request->tag);
    plim__put(&object->visibility, (uint8_t)request->visibility);
    plim__put_bytes(region->data + facts->data, request->initial, facts->size_bytes);
    /* The commit. */
    plim__commit(&object->word, plim__word_of(generation, request->type, PLIM__OBJECT_LIVE));
    object_end_change(object);
    region->next_birth++;
    region->object_count++;
    region->value_bytes += facts->size_bytes;
    plim__object_link(region, index);
}

static plim_status object_make(plim_region *region, const plim_object_request *request,
                               plim_ref *out_ref)
{
    const plim__object *above = NULL;
    uint32_t index;
    plim__object facts = {.owner = request->owner};
    if (request->type == 0 || request->type > plim__types_count(region->head->types))
        return PLIM_ERR_STALE;
    if (request->parent.generation != 0) {
        above = object_of(region, request->parent);
        if (above == NULL)
            return PLIM_ERR_STALE;
        facts.owner = above->owner;
        facts.parent = request->parent.index + 1;
    }
    facts.size_bytes = region->types[request->type - 1].size_bytes;
    plim_status status = plim__region_touch_head(region);
    if (status != PLIM_OK)
        return status;
    if (!slot_take(region, &index))
        return PLIM_ERR_LIMIT;
    status = plim__region_touch(region, &region->objects[index], sizeof *region->objects);
    if (status == PLIM_OK && !plim__extent_take(region, facts.size_bytes, &facts.data))
        status = PLIM_ERR_LIMIT;
    if (status != PLIM_OK) {
        region->free_slots[region->free_slot_count++] = index;
        return status;
    }
    uint32_t generation = plim__slot_generation(region, index) + 1;
    object_fill(region, index, generation, &facts, request);
    *out_ref = (plim_ref){index, generation};
    if (region->observer != NULL)
        object_tell_made(region, index);
    return PLIM_OK;
}

plim_status plim_region_allocate(plim_region *region, uint16_t type, const void *initial,
                                 uint32_t owner, plim_ref parent, plim_ref *out_ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(out_ref != NULL);
    const plim_object_request request = {
        .type = type, .initial = initial, .owner = owner, .parent = parent};
    return object_make(region, &request, out_ref);
}

plim_status plim_region_allocate_as(plim_region *region, const plim_object_request *request,
                                    plim_ref *out_ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(request != NULL && out_ref != NULL);
    if (request->struct_bytes != sizeof *request ||
        (uint32_t)request->visibility > PLIM_VISIBILITY_INHERITED ||
        request->site >= region->head->text_used)
        return PLIM_ERR_USAGE;
    return object_make(region, request, out_ref);
}

/* --- end ----------------------------------------------------------------------------------- */

/* One object without children. The generation stays: the next allocation raises it. */
static void object_end(plim_region *region, uint32_t index)
{
    plim__object *object = &region->objects[index];
    uint32_t generation = plim__word_generation(object_word(object));
    uint16_t type = plim__word_type(object_word(object)); /* stays, for whoever is told */
    object_unlink(object->parent != 0 ? &region->first_child[object->parent - 1] : NULL,
                  region->next_sibling, region->previous_sibling, index);
    object_unlink(owner_head(region, object->owner), region->next_owned, region->previous_owned,
                  index);
    object_begin_change(object);
    /* The commit of this one; of the whole cascade it is the intent. */
    plim__commit(&object->word, plim__word_of(generation, type, 0));
    object_end_change(object);
    region->object_count--;
    region->value_bytes -= object->size_bytes;
    if (region->observer == NULL)
        object_give_back(region, index);
    else
        object_tell_later(region, index);
}

void plim__object_cascade(plim_region *region, uint32_t root)
{
    /* Down along the newest children to one that has none; ends it; again from its parent. No
       recursion, and no more steps than objects and edges below the root. */
    uint32_t at = root;
    for (;;) {
        while (region->first_child[at] != PLIM__INDEX_NONE)
            at = region->first_child[at];
        uint32_t above = region->objects[at].parent;
        object_end(region, at);
        if (at == root)
            return;
        at = above - 1;
    }
}

uint32_t plim__owner_cascade(plim_region *region, uint32_t owner)
{
    /* The list is newest first and children are newer than parents, so each entry met has none
       of its own left; one that is of another owner (the same hash) is passed by. */
    uint32_t ended = 0;
    uint32_t next;
    for (uint32_t at = *owner_head(region, owner); at != PLIM__INDEX_NONE; at = next) {
        next = region->next_owned[at];
        if (region->objects[at].owner != owner)
            continue;
        PLIM_DCHECK(region->first_child[at] == PLIM__INDEX_NONE);
        object_end(region, at);
        ended++;
    }
    return ended;
}

static plim_status object_touch(plim_region *region, uint32_t index)
{
    const plim__object *object = &region->objects[index];
    plim_status status = plim__region_touch(region, object, sizeof *object);
    /* Its room, which may be another's from then on. */
    return status != PLIM_OK ? status
                             : plim__region_touch(region, region->data + object->data,
                                                  (size_t)plim__extent_bytes(object->size_bytes));
}

/* All that a cascade will change, before it begins: it cannot stop in the middle. */
static plim_status object_touch_below(plim_region *region, uint32_t root)
{
    plim_status status = plim__region_touch_head(region);
    uint32_t at = root;
    while (status == PLIM_OK) { /* each object once, parents first */
        status = object_touch(region, at);
        if (region->first_child[at] != PLIM__INDEX_NONE) {
            at = region->first_child[at];
            continue;
        }
        while (at != root && region->next_sibling[at] == PLIM__INDEX_NONE)
            at = region->objects[at].parent - 1;
        if (at == root)
            return status;
        at = region->next_sibling[at];
    }
    return status;
}

static plim_status object_touch_owned(plim_region *region, uint32_t owner)
{
    plim_status status = plim__region_touch_head(region);
    uint32_t at = *owner_head(region, owner);
    for (; at != PLIM__INDEX_NONE && status == PLIM_OK; at = region->next_owned[at])
        if (region->objects[at].owner == owner)
            status = object_touch(region, at);
    return status;
}

plim_status plim_region_release(plim_region *region, plim_ref ref)
{
    plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    plim_status status = region->history != NULL ? object_touch_below(region, ref.index) : PLIM_OK;
    if (status != PLIM_OK)
        return status;
    /* One object alone needs no intent: its own word is the commit. */
    bool is_alone = region->first_child[ref.index] == PLIM__INDEX_NONE;
    if (!is_alone)
        plim__commit(&region->head->intent, plim__intent_of(PLIM__INTENT_OBJECT, ref.index));
    plim__object_cascade(region, ref.index);
    if (!is_alone)
        plim__commit(&region->head->intent, 0);
    object_tell_released(region);
    return PLIM_OK;
}

plim_status plim_region_release_owner(plim_region *region, uint32_t owner, uint32_t *out_count)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim_status status = region->history != NULL ? object_touch_owned(region, owner) : PLIM_OK;
    if (status != PLIM_OK)
        return status;
    plim__commit(&region->head->intent, plim__intent_of(PLIM__INTENT_OWNER, owner));
    uint32_t ended = plim__owner_cascade(region, owner);
    plim__commit(&region->head->intent, 0);
    object_tell_released(region);
    if (out_count != NULL)
        *out_count = ended;
    return PLIM_OK;
}

/* --- values -------------------------------------------------------------------------------- */

bool plim_region_is_valid(const plim_region *region, plim_ref ref)
{
    return object_of(region, ref) != NULL;
}

const void *plim_region_peek(const plim_region *region, plim_ref ref)
{
    const plim__object *object = object_of(region, ref);
    return object == NULL ? NULL : region->data + object->data;
}

plim_status plim_region_get(const plim_region *region, plim_ref ref, void *out_value,
                            uint32_t size_bytes)
{
    const plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    if (size_bytes != object->size_bytes)
        return PLIM_ERR_USAGE;
    memcpy(out_value, region->data + object->data, size_bytes);
    return PLIM_OK;
}

plim_status plim_region_set(plim_region *region, plim_ref ref, const void *value,
                            uint32_t size_bytes)
{
    plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    if (size_bytes != object->size_bytes)
        return PLIM_ERR_USAGE;
    unsigned char *place = region->data + object->data;
    plim_status status = plim__region_touch(region, object, sizeof *object);
    if (status == PLIM_OK)
        status = plim__region_touch(region, place, (size_t)plim__extent_bytes(size_bytes));
    if (status == PLIM_OK && size_bytes > sizeof(uint64_t))
        status = plim__region_touch_head(region);
    if (status != PLIM_OK)
        return status;
    if (size_bytes <= sizeof(uint64_t)) {
        /* One store: values are aligned to the grain and have at least that much room. */
        uint64_t word = 0;
        memcpy(&word, value, size_bytes);
        object_begin_change(object);
        plim__commit((_Atomic uint64_t *)(void *)place, word);
        object_end_change(object);
    } else {
        plim__region_head *head = region->head;
        plim__put_bytes(region->log, place, size_bytes);
        plim__put(&head->log_index, ref.index);
        plim__commit(&head->log_valid, 1);
        atomic_signal_fence(memory_order_seq_cst); /* the log stands before a byte changes */
        object_begin_change(object);
        plim__put_bytes(place, value, size_bytes);
        object_end_change(object);
        plim__commit(&head->log_valid, 0); /* the commit */
    }
    if (region->observer != NULL)
        object_tell_changed(region, ref.index);
    return PLIM_OK;
}

plim_status plim_region_describe(const plim_region *region, plim_ref ref,
                                 plim_region_object *out_object)
{
    if (object_of(region, ref) == NULL)
        return PLIM_ERR_STALE;
    *out_object = object_describe(region, ref.index);
    return PLIM_OK;
}

bool plim_region_next(const plim_region *region, uint32_t *index, plim_region_object *out_object)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uint32_t top = atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
    while (*index < top) {
        uint32_t at = (*index)++;
        if (!plim__word_is_live(object_word(&region->objects[at])))
            continue;
        *out_object = object_describe(region, at);
        return true;
    }
    return false;
}
