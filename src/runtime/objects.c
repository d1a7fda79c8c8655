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
    atomic_store_explicit(&object->seq, seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* the odd number before what it announces */
}

static void object_end_change(plim__object *object)
{
    uint32_t seq = atomic_load_explicit(&object->seq, memory_order_relaxed);
    atomic_store_explicit(&object->seq, seq + 1, memory_order_release);
}

/* --- lists --------------------------------------------------------------------------------- */

static uint32_t *owner_head(plim_region *region, uint32_t owner)
{
    return &region->owner_heads[(owner * 2654435761u >> 7) & region->owner_mask];
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
    atomic_store_explicit(&head->object_top, top + 1, memory_order_release);
    *out_index = top;
    return true;
}

plim_status plim_region_allocate(plim_region *region, uint16_t type, const void *initial,
                                 uint32_t owner, plim_ref parent, plim_ref *out_ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(out_ref != NULL);
    const plim__object *above = NULL;
    uint32_t index;
    uint64_t offset;
    if (type == 0 || type > region->head->type_count)
        return PLIM_ERR_STALE;
    if (parent.generation != 0) {
        above = object_of(region, parent);
        if (above == NULL)
            return PLIM_ERR_STALE;
        owner = above->owner;
    }
    uint32_t size_bytes = region->types[type - 1].size_bytes;
    if (!slot_take(region, &index))
        return PLIM_ERR_LIMIT;
    if (!plim__extent_take(region, size_bytes, &offset)) {
        region->free_slots[region->free_slot_count++] = index;
        return PLIM_ERR_LIMIT;
    }
    plim__object *object = &region->objects[index];
    uint32_t generation = plim__word_generation(object_word(object)) + 1;
    object_begin_change(object);
    object->parent = above != NULL ? parent.index + 1 : 0;
    object->owner = owner;
    object->size_bytes = size_bytes;
    object->data = offset;
    object->birth = region->next_birth;
    if (initial != NULL)
        memcpy(region->data + offset, initial, size_bytes);
    else
        memset(region->data + offset, 0, size_bytes);
    /* The commit. */
    atomic_store_explicit(&object->word, plim__word_of(generation, type, PLIM__OBJECT_LIVE),
                          memory_order_release);
    object_end_change(object);
    region->next_birth++;
    region->object_count++;
    region->value_bytes += size_bytes;
    plim__object_link(region, index);
    *out_ref = (plim_ref){index, generation};
    return PLIM_OK;
}

/* --- end ----------------------------------------------------------------------------------- */

/* One object without children. The generation stays: the next allocation raises it. */
static void object_end(plim_region *region, uint32_t index)
{
    plim__object *object = &region->objects[index];
    uint32_t generation = plim__word_generation(object_word(object));
    object_unlink(object->parent != 0 ? &region->first_child[object->parent - 1] : NULL,
                  region->next_sibling, region->previous_sibling, index);
    object_unlink(owner_head(region, object->owner), region->next_owned, region->previous_owned,
                  index);
    object_begin_change(object);
    /* The commit of this one; of the whole cascade it is the intent. */
    atomic_store_explicit(&object->word, plim__word_of(generation, 0, 0), memory_order_release);
    object_end_change(object);
    plim__extent_give(region, object->data, object->size_bytes);
    region->object_count--;
    region->value_bytes -= object->size_bytes;
    if (generation < UINT32_MAX) /* else retired: a generation never comes again */
        region->free_slots[region->free_slot_count++] = index;
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

plim_status plim_region_release(plim_region *region, plim_ref ref)
{
    plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    /* One object alone needs no intent: its own word is the commit. */
    bool is_alone = region->first_child[ref.index] == PLIM__INDEX_NONE;
    if (!is_alone)
        atomic_store_explicit(&region->head->intent,
                              plim__intent_of(PLIM__INTENT_OBJECT, ref.index),
                              memory_order_release);
    plim__object_cascade(region, ref.index);
    if (!is_alone)
        atomic_store_explicit(&region->head->intent, 0, memory_order_release);
    return PLIM_OK;
}

plim_status plim_region_release_owner(plim_region *region, uint32_t owner, uint32_t *out_count)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    atomic_store_explicit(&region->head->intent, plim__intent_of(PLIM__INTENT_OWNER, owner),
                          memory_order_release);
    uint32_t ended = plim__owner_cascade(region, owner);
    atomic_store_explicit(&region->head->intent, 0, memory_order_release);
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
    if (size_bytes <= sizeof(uint64_t)) {
        /* One store: values are aligned to the grain and have at least that much room. */
        uint64_t word = 0;
        memcpy(&word, value, size_bytes);
        atomic_store_explicit((_Atomic uint64_t *)(void *)place, word, memory_order_release);
        return PLIM_OK;
    }
    plim__region_head *head = region->head;
    memcpy(region->log, place, size_bytes);
    head->log_index = ref.index;
    atomic_store_explicit(&head->log_valid, 1, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* the log stands before the first byte changes */
    object_begin_change(object);
    memcpy(place, value, size_bytes);
    object_end_change(object);
    atomic_store_explicit(&head->log_valid, 0, memory_order_release); /* the commit */
    return PLIM_OK;
}

bool plim_region_next(const plim_region *region, uint32_t *index, plim_region_object *out_object)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    uint32_t top = atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
    for (; *index < top; (*index)++) {
        const plim__object *object = &region->objects[*index];
        uint64_t word = object_word(object);
        if (!plim__word_is_live(word))
            continue;
        plim_region_object seen = {.ref = {*index, plim__word_generation(word)},
                                   .owner = object->owner,
                                   .type = plim__word_type(word),
                                   .size_bytes = object->size_bytes,
                                   .birth = object->birth};
        if (object->parent != 0) {
            uint64_t above = object_word(&region->objects[object->parent - 1]);
            seen.parent = (plim_ref){object->parent - 1, plim__word_generation(above)};
        }
        (*index)++;
        *out_object = seen;
        return true;
    }
    return false;
}
