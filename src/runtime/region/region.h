/* SPDX-License-Identifier: MIT */
/**
 * @file region.h
 * @brief A region as its writer holds it: the mapping, and the lists that are derived from it.
 *
 * Invariants (plim_region_verify): R1 every live object has a type that exists, that type's size,
 * and room of its own within the data. R2 a parent is live, was born before its children, and has
 * their owner. R3 no two live values overlap. R4 births are unique. R5 counts and offsets of the
 * head lie within the mapping.
 */
#ifndef PLIM_RUNTIME_REGION_H
#define PLIM_RUNTIME_REGION_H
#include <plimsoll/region.h>

#include "platform/lock.h"
#include "platform/shared.h"
#include "runtime/commit/journal.h"
#include "runtime/region/layout.h"

enum {
    PLIM__REGION_MAGIC = 0x4e610001,
    PLIM__EXTENT_SMALL_CLASSES = 64, /* by the grain, up to 1 KiB */
    PLIM__EXTENT_CLASSES = 64 + 4 * 15,
    PLIM__KIND_QUICK_MAX = 8,
    PLIM__KIND_RARE = 9
};

#define PLIM__INDEX_NONE UINT32_MAX

/** Room between live values, for new ones. */
typedef struct plim__gap {
    uint64_t start, end;
} plim__gap;

/**
 * Who is told what happened to objects: after the change, outside locks, from the thread that
 * writes; a call that ends many tells when all are ended, children before parents, last made first.
 * May call the region back, and what that changes is told too. Any function may be NULL.
 */
typedef struct plim__region_observer {
    void *context;
    void (*allocated)(void *context, plim_region *region, const plim_region_object *object);
    void (*changed)(void *context, plim_region *region, const plim_region_object *object);
    /** Its reference and its parent's are stale by now; its last value is borrowed for the call. */
    void (*released)(void *context, plim_region *region, const plim_region_object *object,
                     const void *last_value);
    /** Much may have changed, and some references be stale: the region is as it was at a begin, a
     *  mark or an earlier moment. Nothing else is told of that. */
    void (*went_back)(void *context, plim_region *region);
} plim__region_observer;

/** The lists a slot is in. A child is in its parent's, an object that stands alone in its owner's,
 *  newest first; a free slot, and one whose end is not told yet, in theirs by `next`. */
typedef struct plim__links {
    uint32_t first_child; /* PLIM__INDEX_NONE: none; of a free slot always none */
    uint32_t next;        /* with it eight bytes: a step down a list is one load, by its number */
} plim__links;

/** What is derived of a type. Slots of its objects that have ended keep their room. */
typedef struct plim__kind {
    uint32_t size_bytes;
    uint32_t held_bytes; /* what a value occupies */
    uint32_t extent_class;
    uint32_t live_count;
    uint32_t free_first;  /* slots with room, linked by next; last ended first */
    uint32_t quick_words; /* of a value that is short and of whole words, if nobody watches and no
                             list is marked; else PLIM__KIND_RARE */
    uint32_t grains;      /* held_bytes in grains */
    uint32_t marks_end;   /* from which bit of a word on the marks do not fit into it */
    uint64_t grain_end;   /* of the data: no value begins there or behind */
    uint64_t marks;       /* so many bits, if there are fewer than a word of marks has */
    uint32_t words;       /* likewise, whether or not lists are marked */
    uint32_t align[3];
} plim__kind;
_Static_assert(sizeof(plim__kind) == 64, "found by a shift");

struct plim_region {
    plim__region_eye eye; /* first: plim_region_peek() */
    uint32_t magic;
    const plim_allocator *allocator;
    plim__shared shared; /* memory NULL: the caller's storage */
    plim__shared cut;    /* a copy for a reader; memory NULL: none */
    plim__region_head *head;
    plim__object *objects;
    plim__type_row *types;
    plim__field_row *fields;
    plim__name_row *names;
    char *text;
    unsigned char *log;
    unsigned char *data;

    plim__kind *kinds;   /* derived; one per type */
    plim__links *links;  /* derived; one per slot */
    uint32_t *previous;  /* likewise, each a place further on (so "none" has one too: the first); of
                              those that are not first in their list; of these a mark, if it is not
                              in order, else anything but that */
    uint32_t kind_count; /* types */
    uint32_t free_first; /* free slots without room, linked by next */
    uint32_t *owner_heads; /* by hash of the owner; owner_mask + 1 of them */
    uint32_t owner_mask;
    uint64_t next_birth;

    /* Free room that is no free slot's: by class (links lie in the room itself), then gaps. */
    uint64_t free_extents[PLIM__EXTENT_CLASSES]; /* offset + 1; 0: none */
    plim__gap *gaps;
    uint32_t gap_count, gap_capacity;
    plim_domain domain; /* id 0: nobody is charged */
    uint64_t charged_bytes, occupied_bytes;
    bool is_room_known; /* nothing was freed since the gaps were last looked for */

    /* Texts by hash (0: free); names by hash of kind and number, rows linked. */
    uint32_t *intern_offsets;
    uint32_t intern_mask, intern_count;
    uint32_t *name_heads, *name_next;
    uint32_t name_mask, name_free;

    const plim__region_observer *observer; /* NULL: nobody */
    uint32_t back_count; /* how often it went back: what was derived from it before is stale */
    uint32_t told_first, told_last; /* ended and not yet told, linked by next */
    plim__lock lock;
    _Atomic uintptr_t lock_holder; /* 0: nobody; else a name of the thread */
    uint32_t lock_depth;           /* the holder's */
    bool is_telling;
    bool has_marks; /* there may be lists with one */
    bool recovered;

    /* Transactions; NULL: the region has none. The other two stand from the first begin on. */
    plim_journal *history;
    void *scratch;         /* room to rebuild: going back cannot fail for want of it */
    uint32_t *generations; /* per slot, the highest that was ever taken back */
};

/** The highest generation that a slot had: the next object's is above it. */
static inline uint32_t plim__slot_generation(const plim_region *region, uint32_t index)
{
    uint32_t generation = plim__word_generation(
        atomic_load_explicit(&region->objects[index].word, memory_order_relaxed));
    return region->generations != NULL && region->generations[index] > generation
               ? region->generations[index]
               : generation;
}

/**
 * Says that a place is about to change, before the first store of a call. PLIM_ERR_NO_SPACE: the
 * transaction fills the history, the call must change nothing. Free room and rows that no count
 * covers need it not: what they hold is looked at by nobody, now or at an earlier moment.
 */
static inline plim_status plim__region_touch(plim_region *region, const void *place, size_t bytes)
{
    if (region->history == NULL || bytes == 0)
        return PLIM_OK;
    uint64_t offset =
        (uint64_t)((const unsigned char *)place - (const unsigned char *)region->head);
    return plim__journal_touch(region->history, offset - offsetof(plim__region_head, types), bytes);
}

/** Likewise, for the words of the head that change. */
static inline plim_status plim__region_touch_head(plim_region *region)
{
    return plim__region_touch(region, &region->head->types,
                              sizeof *region->head - offsetof(plim__region_head, types));
}

/* --- region.c ------------------------------------------------------------------------------ */

/** R5: whether a head is one of ours, of this layout, and all its tables lie within the bytes. */
PLIM_NODISCARD plim_status plim__region_check_head(const plim__region_head *head, size_t bytes,
                                                   plim_error *err);

/** The one observer, borrowed until another is set or the region is closed; NULL: none. */
void plim__region_observe(plim_region *region, const plim__region_observer *observer);

/* --- charge.c ------------------------------------------------------------------------------ */

/** Charges so many bytes more to the region's domain; nothing changed on failure. */
PLIM_NODISCARD plim_status plim__charge(plim_region *region, uint64_t bytes);

/** Takes so many back. */
void plim__refund(plim_region *region, uint64_t bytes);

/** Charges what lives, and nothing else. */
PLIM_NODISCARD plim_status plim__charge_anew(plim_region *region);

/** The domain is charged nothing any more. */
void plim__charge_end(plim_region *region);

/** What one object of a kind is charged: its slot and its room. */
static inline uint64_t plim__kind_bytes(const plim__kind *kind)
{
    return sizeof(plim__object) + kind->held_bytes;
}

/* --- cut.c --------------------------------------------------------------------------------- */

/** Gives the copy up, if there is one. */
void plim__cut_close(plim_region *region);

/* --- view.c -------------------------------------------------------------------------------- */

/** The head as it is now; only what is atomic in it, or was checked, is to be trusted. */
const plim__region_head *plim__region_view_head(const plim_region_view *view);

/** It is of a copy, which nobody writes, whatever its head says. */
void plim__region_view_is_cut(plim_region_view *view);

/* --- transaction.c ------------------------------------------------------------------------- */

/** Opens the journal of a region that has one: what a crash left open is taken back. */
PLIM_NODISCARD plim_status plim__history_open(plim_region *region, plim_error *err);

/** Ends it; a transaction that is open is taken back in the mapping. */
void plim__history_close(plim_region *region);

/* --- names.c ------------------------------------------------------------------------------- */

/** Checks texts and names, and makes what finds them. */
PLIM_NODISCARD plim_status plim__names_init(plim_region *region, plim_error *err);

/** Makes it anew, in the memory it has, for texts that are no more than it once knew. */
PLIM_NODISCARD plim_status plim__names_rebuild(plim_region *region, plim_error *err);

/** As plim_region_name(), by the number of a text; 0: no name from now on. */
PLIM_NODISCARD plim_status plim__region_name_text(plim_region *region, uint32_t kind,
                                                  uint32_t number, uint32_t text);

/** Frees that. */
void plim__names_fini(plim_region *region);

/* --- types.c ------------------------------------------------------------------------------- */

/** Whether types, their fields and the hash in the head agree; what is derived of them. */
PLIM_NODISCARD plim_status plim__types_check(plim_region *region, plim_error *err);

/* --- recover.c ----------------------------------------------------------------------------- */

/** Undoes a value half written, rebuilds the lists, finishes a cascade. The head is sound. */
PLIM_NODISCARD plim_status plim__region_recover(plim_region *region, plim_error *err);

/** Room to rebuild: region->scratch if it stands; NULL if there is no memory for it. */
void *plim__scratch_take(plim_region *region);

/** Gives it back. */
void plim__scratch_give(plim_region *region, void *scratch);

/** Bytes of it: two numbers per object, and a bit per grain of the data. */
size_t plim__scratch_bytes(const plim_region *region);

/** Makes all that is derived anew, after objects or names were put back from outside. */
PLIM_NODISCARD plim_status plim__region_rebuild(plim_region *region, plim_error *err);

/** Frees the derived lists. */
void plim__region_lists_fini(plim_region *region);

/* --- order.c ------------------------------------------------------------------------------- */

/** Numbers of live objects sorted by what `key` gives, stably; count of them into `out`, which
 *  has room for all, as has `scratch`. */
void plim__region_sort(const plim_region *region, uint64_t (*key)(const plim__object *),
                       uint32_t *out, uint32_t *scratch, uint32_t count);

/** Sorts numbers, none of which is above `highest`; the same scratch. */
void plim__region_sort_numbers(uint64_t *keys, uint64_t *scratch, uint32_t count, uint64_t highest);

/* --- lists.c ------------------------------------------------------------------------------- */

/** Before the first of a list that is in no order, and whose others have nobody before them. */
#define PLIM__LIST_MARK UINT32_MAX

/** Puts a list that is not empty into the order of births, newest first. No memory is taken. */
void plim__list_sort(const plim_region *region, uint32_t *head);

/** Likewise, one that may be empty, and need not be marked. What is before the first of a list
 *  means nothing where there are no marks, and was perhaps never written. */
static inline void plim__list_order(const plim_region *region, uint32_t *head)
{
    if (region->has_marks && *head != PLIM__INDEX_NONE &&
        region->previous[(size_t)*head + 1] == PLIM__LIST_MARK)
        plim__list_sort(region, head);
}

/* --- extents.c ----------------------------------------------------------------------------- */

/** Bytes that a value of that size occupies. */
uint64_t plim__extent_bytes(uint32_t size_bytes);

/** What is derived of a type of that size, without objects. */
plim__kind plim__kind_of(const plim_region *region, uint32_t size_bytes);

/** Of which kinds objects can be made without a look at who watches. */
void plim__kinds_rate(plim_region *region);

/** A slot with room for an object of a kind that has none to itself, charged. */
PLIM_NODISCARD plim_status plim__slot_find(plim_region *region, plim__kind *kind,
                                           uint32_t *out_index);

/** Takes back slot and room of an object that is over and whose slot is retired. */
void plim__slot_retire(plim_region *region, uint32_t index);

/** Sums over all kinds: live objects, their values, what those occupy. */
void plim__extents_sum(const plim_region *region, uint32_t *out_count, uint64_t *out_value_bytes,
                       uint64_t *out_held_bytes);

/** Where free room lies, found from live values: begin, each of them, end. Bits are the grains'. */
typedef struct plim__room {
    uint64_t *bits;       /* at the beginning of a scratch */
    uint64_t grain_count; /* that were set to 0, or marked; a multiple of 64 */
    uint64_t grain_max;   /* of the data */
} plim__room;

/** Nothing is marked. */
void plim__room_begin(plim__room *room, void *scratch, uint64_t data_bytes);

/** As plim__room_mark(), of any length, whether it was looked at before or not. */
bool plim__room_mark_any(plim__room *room, uint64_t first, uint64_t count);

/** A live value, within the data, by the number of its first grain; false if it lies over
 *  another. */
static inline bool plim__room_mark(plim__room *room, uint64_t first, const plim__kind *kind)
{
    if (first % 64 >= kind->marks_end || first >= room->grain_count)
        return plim__room_mark_any(room, first, kind->grains);
    uint64_t mask = kind->marks << first % 64;
    uint64_t *word = &room->bits[first / 64];
    bool is_free = (*word & mask) == 0;
    *word |= mask;
    return is_free;
}

/** The gaps, in the region's list instead of what was there. */
PLIM_NODISCARD plim_status plim__room_end(plim_region *region, const plim__room *room,
                                          plim_error *err);

/* --- objects.c ----------------------------------------------------------------------------- */

static inline uint32_t plim__owner_hash_of(uint32_t owner, uint32_t mask)
{
    return (owner * 2654435761u >> 7) & mask;
}

static inline uint32_t plim__owner_hash(const plim_region *region, uint32_t owner)
{
    return plim__owner_hash_of(owner, region->owner_mask);
}

/** The list an object is in: its parent's (from 1 on), or its owner's. */
static inline uint32_t *plim__object_list(plim_region *region, uint32_t parent, uint32_t owner)
{
    return parent != 0 ? &region->links[parent - 1].first_child
                       : &region->owner_heads[plim__owner_hash(region, owner)];
}

/** Puts a live object into a list as the newest, where no list is marked. */
static inline void plim__object_link(plim_region *region, uint32_t index, uint32_t *head)
{
    uint32_t next = *head;
    region->links[index].next = next;
    region->previous[(uint32_t)(next + 1)] = index;
    *head = index;
}

/** Likewise, where some may be: a mark goes on to the newest. */
static inline void plim__object_link_marked(plim_region *region, uint32_t index, uint32_t *head)
{
    region->previous[(size_t)index + 1] = region->previous[(uint32_t)(*head + 1)];
    plim__object_link(region, index, head);
}

/** Ends an object and all below it; lists stand, the intent is the caller's. How many. */
uint32_t plim__object_cascade(plim_region *region, uint32_t root);

/** The next object of an owner, from PLIM__INDEX_NONE on: those that stand alone newest first, each
 *  before those below it. */
uint32_t plim__owned_next(const plim_region *region, uint32_t owner, uint32_t at);

/** Ends all objects of an owner; how many. */
uint32_t plim__owner_cascade(plim_region *region, uint32_t owner);

#endif
