/* SPDX-License-Identifier: MIT */
/*
 * Notes: a word per block, beside the slabs. Room for a slab's is taken when its first block is
 * noted, in powers of two, and stays with the slab's first page, whatever that page becomes, until
 * a slab of more blocks begins there: so nobody has to be told when slabs come and go.
 *
 * W1  A note is not 0 exactly while its block is given out (a moment later, a moment less).
 * W2  A page's room is its own; all words in it that are not in use are 0.
 * W3  A block's note is written only by who has the block.
 */
#include "preload/notes.h"

#include "base/assert.h"
#include "platform/backing.h"

enum {
    NOTES_KINDS = 16,       /* 1 << 14 blocks: more than any slab has */
    NOTES_COMMIT = 1 << 20, /* bytes at a time */
    NOTES_ROOM_SHIFT = 3,   /* one note for 8 bytes of pages, at most: slabs of 16 and rounding */
    NOTES_LARGE_KIND = 1    /* room for one */
};

bool plim__notes_are_on;

static struct {
    const plim__space *space;
    _Atomic uint64_t *pages; /* per page: where its notes are */
    _Atomic uint64_t *notes;
    uint64_t pages_bytes;
    uint64_t cap;       /* notes, in addresses */
    uint64_t committed; /* notes that may be touched */
    _Atomic uint64_t end;
    _Atomic uint64_t lost;
    _Atomic uint64_t births;
    uint64_t free[NOTES_KINDS]; /* by kind: start + 1 of room left by smaller slabs; in a list */
    uint32_t depth;
    plim__lock lock; /* of taking room */
} notes_state;

static PLIM__THREAD_LOCAL uint64_t notes_birth, notes_birth_end;

/* The kind of room that so many blocks need. */
static inline unsigned notes_kind(uint32_t count)
{
    return count <= 1 ? NOTES_LARGE_KIND : 33u - (unsigned)__builtin_clz(count - 1);
}

/* A child must find the locks open: nobody else holds them while it is made. */
static void notes_before_fork(void)
{
    plim__lock_take(&notes_state.lock);
    plim__stacks_freeze();
}

static void notes_after_fork(void)
{
    plim__stacks_thaw();
    plim__lock_give(&notes_state.lock);
}

bool plim__notes_start(const plim__space *space, uint32_t depth)
{
    PLIM_CHECK(depth > 0 && depth <= PLIM__STACK_FRAMES_MAX);
    size_t page = plim__backing_page();
    size_t pages_bytes = (space->page_count * sizeof(uint64_t) + page - 1) / page * page;
    size_t cap = space->bytes >> NOTES_ROOM_SHIFT;
    void *pages = plim__backing_reserve(pages_bytes);
    void *notes = plim__backing_reserve(cap * sizeof(uint64_t));
    if (pages == NULL || notes == NULL || !plim__backing_commit(pages, pages_bytes) ||
        !plim__stacks_start())
        return false; /* address space is all that is lost */
    notes_state.space = space;
    notes_state.pages = pages;
    notes_state.notes = notes;
    notes_state.pages_bytes = pages_bytes;
    notes_state.cap = cap;
    notes_state.depth = depth;
    notes_state.births = 1;
    plim__local_on_fork(notes_before_fork, notes_after_fork, notes_after_fork);
    plim__notes_are_on = true;
    return true;
}

void plim__notes_describe(plim__heap_map *map)
{
    map->note_pages_at = (uintptr_t)notes_state.pages;
    map->notes_at = (uintptr_t)notes_state.notes;
    map->notes_end_at = (uintptr_t)&notes_state.end;
    map->notes_lost_at = (uintptr_t)&notes_state.lost;
    map->births_at = (uintptr_t)&notes_state.births;
    map->own_at[2] = (uintptr_t)notes_state.pages;
    map->own_bytes[2] = notes_state.pages_bytes;
    map->own_at[3] = (uintptr_t)notes_state.notes;
    map->own_bytes[3] = notes_state.cap * sizeof(uint64_t);
    map->site_bits = PLIM__NOTE_SITE_BITS;
    map->depth = notes_state.depth;
    plim__stacks_describe(map);
}

uint64_t plim__notes_bytes(void)
{
    if (!plim__notes_are_on)
        return 0;
    return plim__load_relaxed(&notes_state.end) * sizeof(uint64_t) +
           notes_state.space->touched * sizeof(uint64_t) + plim__stacks_bytes();
}

/* More notes that may be touched; with the lock. */
static bool notes_commit(uint64_t end)
{
    if (end <= notes_state.committed)
        return true;
    uint64_t step = NOTES_COMMIT / sizeof(uint64_t);
    uint64_t goal = (end + step - 1) / step * step;
    goal = goal < notes_state.cap ? goal : notes_state.cap;
    char *from = (char *)(uintptr_t)notes_state.notes + notes_state.committed * sizeof(uint64_t);
    if (end > goal ||
        !plim__backing_commit(from, (goal - notes_state.committed) * sizeof(uint64_t)))
        return false;
    notes_state.committed = goal;
    return true;
}

/* Room of that kind, all 0; with the lock. False if there is none. */
static bool notes_room(unsigned kind, uint64_t *out_start)
{
    uint64_t count = (uint64_t)1 << (kind - 1);
    if (notes_state.free[kind] != 0) {
        *out_start = notes_state.free[kind] - 1;
        notes_state.free[kind] = plim__load_relaxed(&notes_state.notes[*out_start]);
        plim__store_relaxed(&notes_state.notes[*out_start], 0);
        return true;
    }
    uint64_t start = plim__load_relaxed(&notes_state.end);
    if (count > notes_state.cap - start || !notes_commit(start + count))
        return false;
    plim__store_relaxed(&notes_state.end, start + count);
    *out_start = start;
    return true;
}

static __attribute__((noinline)) bool notes_grow(uint32_t page, unsigned kind)
{
    _Atomic uint64_t *row = &notes_state.pages[page];
    plim__lock_take(&notes_state.lock);
    uint64_t old = plim__load_relaxed(row);
    unsigned old_kind = (unsigned)(old & ((1u << PLIM__NOTE_KIND_BITS) - 1));
    uint64_t start = 0;
    bool has_room = old_kind >= kind; /* another thread was first */
    if (!has_room && notes_room(kind, &start)) {
        has_room = true;
        plim__store(row, start << PLIM__NOTE_KIND_BITS | kind);
        if (old_kind != 0) { /* of a smaller slab that ended: W2, all 0 */
            uint64_t old_start = old >> PLIM__NOTE_KIND_BITS;
            plim__store_relaxed(&notes_state.notes[old_start], notes_state.free[old_kind]);
            notes_state.free[old_kind] = old_start + 1;
        }
    }
    plim__lock_give(&notes_state.lock);
    return has_room;
}

/* Where a block's note is. NULL: it has no room, and gets none unless may_grow. */
static inline _Atomic uint64_t *notes_find(const void *block, bool may_grow)
{
    const plim__space *space = notes_state.space;
    uint32_t page = plim__space_page(space, block);
    unsigned code = plim__info_code(space->info[page]);
    uint32_t index = 0;
    unsigned needed = NOTES_LARGE_KIND;
    if (PLIM__LIKELY(code - 1 < PLIM__CLASS_COUNT)) {
        page = plim__space_slab(space, page);
        size_t offset = (uintptr_t)block - (uintptr_t)plim__space_address(space, page);
        index = (uint32_t)((uint64_t)offset * plim__class_inverse[code] >> 32);
        needed = notes_kind(space->runs[page].block_count);
    } else if (code != PLIM__CLASS_LARGE) {
        return NULL; /* no block: the program gives back what it does not have */
    }
    uint64_t row = plim__load(&notes_state.pages[page]);
    uint64_t start = row >> PLIM__NOTE_KIND_BITS;
    unsigned kind = (unsigned)(row & ((1u << PLIM__NOTE_KIND_BITS) - 1));
    /* What the slab needs decides, not the index: else of two threads that note its first blocks,
       one might still use the room of a smaller slab that was here before. */
    if (PLIM__UNLIKELY(kind < needed)) {
        if (!may_grow || !notes_grow(page, needed))
            return NULL;
        start = plim__load(&notes_state.pages[page]) >> PLIM__NOTE_KIND_BITS;
    }
    return &notes_state.notes[start + index];
}

static inline uint64_t notes_next_birth(void)
{
    if (PLIM__UNLIKELY(notes_birth == notes_birth_end)) {
        notes_birth = plim__add_relaxed(&notes_state.births, (uint64_t)PLIM__BIRTHS_AT_ONCE);
        notes_birth_end = notes_birth + PLIM__BIRTHS_AT_ONCE;
    }
    return notes_birth++;
}

void plim__notes_put(const void *block, uint64_t note)
{
    _Atomic uint64_t *at = notes_find(block, true);
    if (at != NULL)
        plim__store_relaxed(at, note);
    else
        (void)plim__add_relaxed(&notes_state.lost, 1);
}

void plim__notes_born(const void *block, const plim__caller *caller)
{
    uint64_t frames[PLIM__STACK_FRAMES_MAX];
    uint32_t count = plim__unwind(caller, frames, notes_state.depth);
    uint64_t site = plim__stacks_number(frames, count);
    plim__notes_put(block, notes_next_birth() << PLIM__NOTE_SITE_BITS | site);
}

uint64_t plim__notes_take(const void *block)
{
    _Atomic uint64_t *at = notes_find(block, false);
    if (at == NULL)
        return 0;
    uint64_t note = plim__load_relaxed(at);
    plim__store_relaxed(at, 0);
    return note;
}
