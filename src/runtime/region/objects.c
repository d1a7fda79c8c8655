/* SPDX-License-Identifier: MIT */
/*
 * Objects: made, read, replaced, ended. Each call is one commit (layout.h): what a kill leaves
 * before it is as if the call had not begun, after it as if it had returned.
 *
 * Order of stores: the compiler may not move them across the commits (release stores and signal
 * fences); a killed process's stores are all seen by the next one, in the order it made them.
 * Readers in other processes see a value whole or look again: seq is odd while it changes. The word
 * says when the object has ended, before its slot and its room have a new use.
 */
#include <plimsoll/region.h>

#include <string.h>

#include "base/assert.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

/* Out of the way, so that what is not rare needs no registers for it. */
#define RUNTIME_RARE __attribute__((noinline))
/* The same in both forms of a call, each with its constants. */
#define RUNTIME_SAME __attribute__((always_inline)) inline

static uint64_t object_word(const plim__object *object)
{
    return atomic_load_explicit(&object->word, memory_order_relaxed);
}

/* The upper half of a slot's word: its generation, and whether it lives. Only half is loaded, as
   who alone writes it may. */
static RUNTIME_SAME uint32_t object_generation(const plim__object *object)
{
    uint32_t generation;
    memcpy(&generation, (const unsigned char *)object + PLIM__SLOT_GENERATION, sizeof generation);
    return generation;
}

/* The one after a free slot's, of a live word, in its upper half. 0: there is none, the slot is to
   be retired. */
static RUNTIME_SAME uint64_t object_next_generation(const plim_region *region, uint32_t index)
{
    return (uint64_t)((object_generation(&region->objects[index]) | 1u << 31) + 1) << 32;
}

/* The object a reference names, or NULL. */
static RUNTIME_SAME plim__object *object_of(const plim_region *region, plim_ref ref)
{
    if (ref.index >= region->eye.object_max)
        return NULL;
    plim__object *object = &region->objects[ref.index];
    return object_generation(object) == (ref.generation | 1u << 31) ? object : NULL;
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
        .site = (uint32_t)object->about,
        .tag = (uint16_t)(object->about >> 32),
        .visibility = (uint8_t)(object->about >> 48),
        .version = atomic_load_explicit(&object->seq, memory_order_relaxed) / 2,
        .held_bytes = (uint32_t)(sizeof *object + plim__extent_bytes(object->size_bytes))};
    if (object->parent != 0) {
        uint64_t above = object_word(&region->objects[object->parent - 1]);
        seen.parent = (plim_ref){object->parent - 1, plim__word_generation(above)};
    }
    return seen;
}

/* Before a value changes or its object ends: its room may be another's from then on. */
static plim_status object_touch(plim_region *region, uint32_t index)
{
    const plim__object *object = &region->objects[index];
    plim_status status = plim__region_touch(region, object, sizeof *object);
    return status != PLIM_OK ? status
                             : plim__region_touch(region, region->data + object->data,
                                                  (size_t)plim__extent_bytes(object->size_bytes));
}

/* --- telling ------------------------------------------------------------------------------- */

static RUNTIME_RARE void object_tell_made(plim_region *region, uint32_t index)
{
    const plim__region_observer *observer = region->observer;
    plim_region_object object = object_describe(region, index);
    if (observer->allocated != NULL)
        observer->allocated(observer->context, region, &object);
}

static RUNTIME_RARE void object_tell_changed(plim_region *region, uint32_t index)
{
    const plim__region_observer *observer = region->observer;
    plim_region_object object = object_describe(region, index);
    if (observer->changed != NULL)
        observer->changed(observer->context, region, &object);
}

/* The slot of an object that is over, with its room, is there for the next of its type. */
static void object_give_back(plim_region *region, uint32_t index)
{
    uint64_t word = object_word(&region->objects[index]);
    plim__kind *kind = &region->kinds[plim__word_type(word) - 1];
    region->is_room_known = false;
    region->links[index].next = kind->free_first;
    kind->free_first = index;
}

/* An object that is over keeps room and slot until the observer has been told of it. */
static RUNTIME_RARE void object_tell_later(plim_region *region, uint32_t index)
{
    region->links[index].next = PLIM__INDEX_NONE;
    if (region->told_first == PLIM__INDEX_NONE)
        region->told_first = index;
    else
        region->links[region->told_last].next = index;
    region->told_last = index;
}

/* Outside the lists, so that the observer may call back; what that ends comes behind. */
static RUNTIME_RARE void object_tell_released(plim_region *region)
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
        region->told_first = region->links[index].next;
        object_give_back(region, index);
    }
    region->is_telling = false;
}

/* --- lists --------------------------------------------------------------------------------- */

static void object_unlink(plim_region *region, uint32_t index)
{
    const plim__links *links = &region->links[index];
    const plim__object *object = &region->objects[index];
    uint32_t *head = plim__object_list(region, object->parent, object->owner);
    plim__list_order(region, head);
    if (*head == index)
        *head = links->next;
    else
        region->links[region->previous[(size_t)index + 1]].next = links->next;
    region->previous[(uint32_t)(links->next + 1)] = region->previous[(size_t)index + 1];
}

/* --- make ---------------------------------------------------------------------------------- */

/* Values are short for the most part, and of whole words: no call for those. */
static RUNTIME_SAME void object_put_quick(unsigned char *to, const unsigned char *from,
                                          uint32_t words)
{
    enum { WORD = sizeof(uint64_t) };
    if (from == NULL)
        for (uint32_t at = 0; at < words; at++)
            memset(to + (size_t)at * WORD, 0, WORD);
    else if (words == 2)
        memcpy(to, from, 2 * (size_t)WORD);
    else
        for (uint32_t at = 0; at < words; at++)
            memcpy(to + (size_t)at * WORD, from + (size_t)at * WORD, WORD);
}

/* In one store, as whoever passes it on at once loads it as one. generation: in the high half. */
static RUNTIME_SAME void object_put_ref(plim_ref *out_ref, uint32_t index, uint64_t generation)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t both = generation | index;
#else
    uint64_t both = (uint64_t)index << 32 | generation >> 32;
#endif
    memcpy(out_ref, &both, sizeof both);
}

/* A slot that is taken becomes an object. */
static RUNTIME_SAME void object_fill(plim_region *region, uint32_t index, uint64_t generation,
                                     uint32_t type, plim__kind *kind, const void *initial,
                                     uint32_t owner, uint32_t above, uint64_t about, bool is_quick,
                                     plim_ref *out_ref)
{
    plim__object *object = &region->objects[index];
    plim__put(&object->parent, above);
    plim__put(&object->owner, owner);
    if (is_quick)
        object_put_quick(region->data + object->data, initial, kind->words);
    else
        plim__put_bytes(region->data + object->data, initial, kind->size_bytes);
    uint64_t birth = region->next_birth;
    plim__put(&object->about, about);
    plim__put(&object->birth, birth);
    /* The commit. No reader trusts what lies here before it, nor what it saw of the last. */
    plim__commit(&object->word, generation | type << 16);
    region->next_birth = birth + 1;
    kind->live_count++;
    object_put_ref(out_ref, index, generation);
    plim__object_link_marked(region, index, plim__object_list(region, above, owner));
}

/* The parent's number, from 1 on, and its owner; false if it is stale. None: as they are. */
static RUNTIME_SAME bool object_above(const plim_region *region, plim_ref parent, uint32_t *above,
                                      uint32_t *owner)
{
    if (parent.generation == 0)
        return true;
    if (parent.index >= region->eye.object_max)
        return false;
    const plim__object *object = &region->objects[parent.index];
    *owner = object->owner;
    *above = parent.index + 1;
    return object_generation(object) == (parent.generation | 1u << 31);
}

/* All that is rare: no slot of its kind at hand, a long value, somebody who watches or is told. */
static RUNTIME_RARE plim_status object_make_about(plim_region *region, uint16_t type,
                                                  const void *initial, uint32_t owner,
                                                  uint32_t above, uint64_t about, plim_ref *out_ref)
{
    plim__kind *kind = &region->kinds[type - 1];
    plim_status status = plim__region_touch_head(region);
    if (status != PLIM_OK)
        return status;
    uint32_t index = kind->free_first;
    while (index != PLIM__INDEX_NONE && plim__slot_generation(region, index) == UINT32_MAX) {
        kind->free_first = region->links[index].next;
        plim__slot_retire(region, index);
        index = kind->free_first;
    }
    if (index != PLIM__INDEX_NONE)
        kind->free_first = region->links[index].next;
    else
        status = plim__slot_find(region, kind, &index);
    if (status != PLIM_OK)
        return status;
    /* Free room need not be told of: nobody looks at it, now or at an earlier moment. */
    status = plim__region_touch(region, &region->objects[index], sizeof *region->objects);
    if (status != PLIM_OK) {
        region->links[index].next = kind->free_first;
        kind->free_first = index;
        return status;
    }
    uint64_t generation = (plim__slot_generation(region, index) + UINT64_C(1)) << 32;
    object_fill(region, index, generation, type, kind, initial, owner, above, about, false,
                out_ref);
    if (region->observer != NULL)
        object_tell_made(region, index);
    return PLIM_OK;
}

static RUNTIME_RARE plim_status object_make_rare(plim_region *region, uint16_t type,
                                                 const void *initial, uint32_t owner,
                                                 uint32_t above, plim_ref *out_ref)
{
    return object_make_about(region, type, initial, owner, above, 0, out_ref);
}

/* A value of other than two words, or none given, or lists that are marked. */
static RUNTIME_RARE plim_status object_make_other(plim_region *region, uint16_t type,
                                                  const void *initial, uint32_t owner,
                                                  uint32_t above, plim_ref *out_ref)
{
    plim__kind *kind = &region->kinds[type - 1];
    uint32_t index = kind->free_first;
    if (index == PLIM__INDEX_NONE || kind->words == PLIM__KIND_RARE)
        return object_make_rare(region, type, initial, owner, above, out_ref);
    uint64_t generation = object_next_generation(region, index);
    if (generation == 0)
        return object_make_rare(region, type, initial, owner, above, out_ref);
    kind->free_first = region->links[index].next;
    object_fill(region, index, generation, type, kind, initial, owner, above, 0, true, out_ref);
    return PLIM_OK;
}

/* As the newest of its owner's. */
static RUNTIME_RARE plim_status object_link_alone(plim_region *region, uint32_t index)
{
    plim__object_link(region, index, plim__object_list(region, 0, region->objects[index].owner));
    return PLIM_OK;
}

/* What is most frequent, two words and a slot at hand, stands here by itself, in an order that
   keeps nearly all of it in registers; the rest is reached with the arguments where they are. */
plim_status plim_region_allocate(plim_region *region, uint16_t type, const void *initial,
                                 uint32_t owner, plim_ref parent, plim_ref *out_ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(out_ref != NULL);
    uint32_t above = 0;
    if (type - 1u >= region->kind_count || !object_above(region, parent, &above, &owner))
        return PLIM_ERR_STALE;
    plim__kind *kind = &region->kinds[type - 1];
    uint32_t index = kind->free_first;
    if (kind->quick_words != 2 || index == PLIM__INDEX_NONE || initial == NULL)
        return object_make_other(region, type, initial, owner, above, out_ref);
    plim__object *object = &region->objects[index];
    uint64_t generation = object_next_generation(region, index);
    if (generation == 0)
        return object_make_rare(region, type, initial, owner, above, out_ref);
    kind->free_first = region->links[index].next;
    plim__put(&object->owner, owner);
    plim__put(&object->parent, above);
    object_put_ref(out_ref, index, generation);
    memcpy(region->data + object->data, initial, 16);
    plim__put(&object->about, 0);
    plim__put(&object->birth, region->next_birth);
    region->next_birth++;
    plim__commit(&object->word, generation | (uint32_t)type << 16);
    kind->live_count++;
    if (above == 0)
        return object_link_alone(region, index);
    plim__object_link(region, index, &region->links[above - 1].first_child);
    return PLIM_OK;
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
    uint32_t owner = request->owner;
    uint32_t above = 0;
    if (request->type - 1u >= region->kind_count ||
        !object_above(region, request->parent, &above, &owner))
        return PLIM_ERR_STALE;
    uint64_t about = plim__about_of(request->site, request->tag, (uint32_t)request->visibility);
    return object_make_about(region, request->type, request->initial, owner, above, about, out_ref);
}

/* --- end ----------------------------------------------------------------------------------- */

/* What a cascade has in its hands: the free slots of one kind, given back when another comes. */
typedef struct cascade_run {
    uint64_t low; /* of the words of its objects: the type */
    plim__kind *kind;
    uint32_t free_first, ended;
    uint32_t ended_before; /* of other kinds */
} cascade_run;

static void cascade_flush(const cascade_run *run)
{
    run->kind->live_count -= run->ended;
    run->kind->free_first = run->free_first;
}

static cascade_run cascade_begin(plim_region *region, uint64_t word, uint32_t ended_before)
{
    plim__kind *kind = &region->kinds[plim__word_type(word) - 1];
    return (cascade_run){(uint32_t)word, kind, kind->free_first, 0, ended_before};
}

/* Ends an object without children; the lists are the caller's. Generation and type stay: the next
   allocation raises the one, who is told is shown the other. */
static RUNTIME_SAME void cascade_end(plim_region *region, uint32_t index, cascade_run *run,
                                     bool is_told)
{
    plim__object *object = &region->objects[index];
    uint64_t word = object_word(object);
    if ((uint32_t)word != run->low) {
        cascade_flush(run);
        *run = cascade_begin(region, word, run->ended_before + run->ended);
    }
    /* The commit of this one; of the whole cascade it is the intent. Who is copying the value sees
       from it that it may not trust the copy. */
    plim__commit(&object->word, word ^ PLIM__OBJECT_LIVE);
    run->ended++;
    if (is_told) {
        object_tell_later(region, index);
    } else {
        region->links[index].next = run->free_first;
        run->free_first = index;
    }
}

/* Down along the newest children to one that has none; ends it; to its next, or up. No recursion,
   and no more steps than objects and edges below the root, which is in no list any more. */
static RUNTIME_SAME uint32_t cascade_run_down(plim_region *region, uint32_t root, bool is_told,
                                              bool is_unordered)
{
    plim__links *const links = region->links;
    cascade_run run = cascade_begin(region, object_word(&region->objects[root]), 0);
    uint32_t at = root;
    for (;;) {
        while (links[at].first_child != PLIM__INDEX_NONE) {
            if (is_unordered)
                plim__list_order(region, &links[at].first_child);
            at = links[at].first_child;
        }
        uint32_t next = links[at].next;
        cascade_end(region, at, &run, is_told);
        while (next == PLIM__INDEX_NONE && at != root) {
            at = region->objects[at].parent - 1;
            links[at].first_child = PLIM__INDEX_NONE; /* all have ended */
            next = links[at].next;
            cascade_end(region, at, &run, is_told);
        }
        if (next == PLIM__INDEX_NONE)
            break;
        at = next;
    }
    atomic_thread_fence(memory_order_release); /* before others write where values lay */
    cascade_flush(&run);
    return run.ended_before + run.ended;
}

uint32_t plim__object_cascade(plim_region *region, uint32_t root)
{
    object_unlink(region, root);
    region->links[root].next = PLIM__INDEX_NONE;
    region->is_room_known = false;
    if (region->observer != NULL)
        return cascade_run_down(region, root, true, true);
    return region->has_marks ? cascade_run_down(region, root, false, true)
                             : cascade_run_down(region, root, false, false);
}

uint32_t plim__owner_cascade(plim_region *region, uint32_t owner)
{
    uint32_t ended = 0;
    uint32_t next;
    uint32_t *head = plim__object_list(region, 0, owner);
    plim__list_order(region, head);
    for (uint32_t at = *head; at != PLIM__INDEX_NONE; at = next) {
        next = region->links[at].next;
        if (region->objects[at].owner == owner) /* else another of the same hash */
            ended += plim__object_cascade(region, at);
    }
    return ended;
}

/* All that a cascade will change, before it begins: it cannot stop in the middle. */
static plim_status object_touch_below(plim_region *region, uint32_t root)
{
    plim_status status = plim__region_touch_head(region);
    uint32_t at = root;
    while (status == PLIM_OK) { /* each object once, parents first */
        status = object_touch(region, at);
        if (region->links[at].first_child != PLIM__INDEX_NONE) {
            at = region->links[at].first_child;
            continue;
        }
        while (at != root && region->links[at].next == PLIM__INDEX_NONE)
            at = region->objects[at].parent - 1;
        if (at == root)
            return status;
        at = region->links[at].next;
    }
    return status;
}

static plim_status object_touch_owned(plim_region *region, uint32_t owner)
{
    plim_status status = plim__region_touch_head(region);
    for (uint32_t at = *plim__object_list(region, 0, owner);
         at != PLIM__INDEX_NONE && status == PLIM_OK; at = region->links[at].next)
        if (region->objects[at].owner == owner)
            status = object_touch_below(region, at);
    return status;
}

uint32_t plim__owned_next(const plim_region *region, uint32_t owner, uint32_t at)
{
    const plim__links *links = region->links;
    if (at != PLIM__INDEX_NONE && links[at].first_child != PLIM__INDEX_NONE) {
        plim__list_order(region, &region->links[at].first_child);
        return links[at].first_child;
    }
    while (at != PLIM__INDEX_NONE && region->objects[at].parent != 0 &&
           links[at].next == PLIM__INDEX_NONE)
        at = region->objects[at].parent - 1;
    uint32_t hash = plim__owner_hash(region, owner);
    if (at == PLIM__INDEX_NONE)
        plim__list_order(region, &region->owner_heads[hash]);
    at = at == PLIM__INDEX_NONE ? region->owner_heads[hash] : links[at].next;
    while (at != PLIM__INDEX_NONE && region->objects[at].owner != owner)
        at = links[at].next; /* another's, of the same hash */
    return at;
}

plim_status plim_region_release(plim_region *region, plim_ref ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    if (region->history != NULL) {
        plim_status status = object_touch_below(region, ref.index);
        if (status != PLIM_OK)
            return status;
    }
    /* One object alone needs no intent: its own word is the commit. */
    bool is_alone = region->links[ref.index].first_child == PLIM__INDEX_NONE;
    if (!is_alone)
        plim__commit(&region->head->intent, plim__intent_of(PLIM__INTENT_OBJECT, ref.index));
    (void)plim__object_cascade(region, ref.index);
    if (!is_alone)
        plim__commit(&region->head->intent, 0);
    if (region->told_first != PLIM__INDEX_NONE)
        object_tell_released(region);
    return PLIM_OK;
}

plim_status plim_region_release_owner(plim_region *region, uint32_t owner, uint32_t *out_count)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    if (region->history != NULL) {
        plim_status status = object_touch_owned(region, owner);
        if (status != PLIM_OK)
            return status;
    }
    plim__commit(&region->head->intent, plim__intent_of(PLIM__INTENT_OWNER, owner));
    uint32_t ended = plim__owner_cascade(region, owner);
    plim__commit(&region->head->intent, 0);
    if (region->told_first != PLIM__INDEX_NONE)
        object_tell_released(region);
    if (out_count != NULL)
        *out_count = ended;
    return PLIM_OK;
}

/* --- values -------------------------------------------------------------------------------- */

bool plim_region_is_valid(const plim_region *region, plim_ref ref)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return object_of(region, ref) != NULL;
}

static inline void object_copy_value(void *to, const unsigned char *from, uint32_t bytes)
{
    enum { STEP = 8 };
    if (bytes == STEP || bytes == 2 * STEP)
        for (uint32_t at = 0; at < bytes; at += STEP)
            memcpy((unsigned char *)to + at, from + at, STEP);
    else
        memcpy(to, from, bytes);
}

#undef plim_region_get /* the header has it in place for those who call it by its name */
plim_status plim_region_get(const plim_region *region, plim_ref ref, void *out_value,
                            uint32_t size_bytes)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    const plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    if (size_bytes != object->size_bytes)
        return PLIM_ERR_USAGE;
    object_copy_value(out_value, region->data + object->data, size_bytes);
    return PLIM_OK;
}

plim_status plim_region_set(plim_region *region, plim_ref ref, const void *value,
                            uint32_t size_bytes)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim__object *object = object_of(region, ref);
    if (object == NULL)
        return PLIM_ERR_STALE;
    if (size_bytes != object->size_bytes)
        return PLIM_ERR_USAGE;
    unsigned char *place = region->data + object->data;
    if (region->history != NULL) {
        plim_status status = object_touch(region, ref.index);
        if (status == PLIM_OK && size_bytes > sizeof(uint64_t))
            status = plim__region_touch_head(region);
        if (status != PLIM_OK)
            return status;
    }
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
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
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
