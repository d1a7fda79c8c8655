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

#include "platform/shared.h"
#include "runtime/commit/journal.h"
#include "runtime/layout.h"

enum {
    PLIM__REGION_MAGIC = 0x4e610001,
    PLIM__EXTENT_SMALL_CLASSES = 64, /* by the grain, up to 1 KiB */
    PLIM__EXTENT_CLASSES = 64 + 4 * 15
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

struct plim_region {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__shared shared; /* memory NULL: the caller's storage */
    plim__region_head *head;
    plim__object *objects;
    plim__type_row *types;
    plim__field_row *fields;
    plim__name_row *names;
    char *text;
    unsigned char *log;
    unsigned char *data;

    /* Derived; one entry per slot. Lists are newest first; PLIM__INDEX_NONE ends them. */
    uint32_t *first_child, *next_sibling, *previous_sibling;
    uint32_t *next_owned, *previous_owned;
    uint32_t *free_slots; /* a stack */
    uint32_t free_slot_count;
    uint32_t *owner_heads; /* by hash of the owner; owner_mask + 1 of them */
    uint32_t owner_mask;
    uint32_t object_count;
    uint64_t value_bytes, held_bytes;
    uint64_t next_birth;

    /* Free room: lists of freed values by class (links lie in the room itself), then gaps. */
    uint64_t free_extents[PLIM__EXTENT_CLASSES]; /* offset + 1; 0: none */
    plim__gap *gaps;
    uint32_t gap_count, gap_capacity;

    /* Texts by hash (0: free); names by hash of kind and number, rows linked. */
    uint32_t *intern_offsets;
    uint32_t intern_mask, intern_count;
    uint32_t *name_heads, *name_next;
    uint32_t name_mask, name_free;

    const plim__region_observer *observer; /* NULL: nobody */
    uint32_t told_first, told_last;        /* ended and not yet told, linked by next_owned */
    bool is_telling;
    bool recovered;

    /* Transactions; NULL: the region has none. The other two stand from the first begin on. */
    plim_journal *history;
    uint32_t *scratch;     /* room to sort all objects: going back cannot fail for want of it */
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

/** Frees that. */
void plim__names_fini(plim_region *region);

/* --- types.c ------------------------------------------------------------------------------- */

/** Whether types, their fields and the hash in the head agree. */
PLIM_NODISCARD plim_status plim__types_check(const plim_region *region, plim_error *err);

/* --- recover.c ----------------------------------------------------------------------------- */

/** Undoes a value half written, rebuilds the lists, finishes a cascade. The head is sound. */
PLIM_NODISCARD plim_status plim__region_recover(plim_region *region, plim_error *err);

/** Room for count numbers, at most twice the objects and two: region->scratch if it stands. */
uint32_t *plim__scratch_take(plim_region *region, size_t count);

/** Gives it back. */
void plim__scratch_give(plim_region *region, uint32_t *scratch, size_t count);

/** Makes the derived lists anew, in the memory they have and region->scratch. */
PLIM_NODISCARD plim_status plim__region_rebuild(plim_region *region, plim_error *err);

/** Frees the derived lists. */
void plim__region_lists_fini(plim_region *region);

/* --- order.c ------------------------------------------------------------------------------- */

/** Numbers of live objects sorted by what `key` gives, stably; count of them into `out`, which
 *  has room for all, as has `scratch`. */
void plim__region_sort(const plim_region *region, uint64_t (*key)(const plim__object *),
                       uint32_t *out, uint32_t *scratch, uint32_t count);

/* --- extents.c ----------------------------------------------------------------------------- */

/** Bytes that a value of that size occupies. */
uint64_t plim__extent_bytes(uint32_t size_bytes);

/** Finds room; false if there is none. */
bool plim__extent_take(plim_region *region, uint32_t size_bytes, uint64_t *out_offset);

/** Gives room back. */
void plim__extent_give(plim_region *region, uint64_t offset, uint32_t size_bytes);

/** Forgets the lists and finds all room anew between live values. */
PLIM_NODISCARD plim_status plim__extents_rebuild(plim_region *region, plim_error *err);

/* --- objects.c ----------------------------------------------------------------------------- */

/** Puts a live object into the lists of its parent and its owner, as the newest. */
void plim__object_link(plim_region *region, uint32_t index);

/** Ends an object and all below it; lists stand, the intent is the caller's. */
void plim__object_cascade(plim_region *region, uint32_t root);

/** The next older object of an owner; from PLIM__INDEX_NONE on: the newest. */
uint32_t plim__owned_next(const plim_region *region, uint32_t owner, uint32_t at);

/** Ends all objects of an owner; how many. */
uint32_t plim__owner_cascade(plim_region *region, uint32_t owner);

#endif
