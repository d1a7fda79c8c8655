/* SPDX-License-Identifier: MIT */
/*
 * Each distinct stack once: an array of rows that only grows, and an index by hash, open
 * addressing, at most half full. Looking up takes no lock; entering does.
 *
 * K1  A row is whole before the index leads to it, and never changes.
 * K2  The index never loses an entry, so a walk that ends at a 0 has seen all there were.
 */
#include "platform/backing.h"
#include "preload/notes.h"

enum {
    STACKS_MAX = (1 << PLIM__NOTE_SITE_BITS) - 1,
    STACKS_INDEX = 1 << (PLIM__NOTE_SITE_BITS + 1),
    STACKS_PROBES_MAX = 64, /* with a good hash nobody comes near; then the site is unknown */
    STACKS_COMMIT = 1 << 20
};

static struct {
    plim__heap_stack *rows;
    _Atomic uint32_t *index; /* number of a stack, by hash */
    size_t rows_bytes;       /* in addresses */
    size_t committed;        /* bytes of rows */
    _Atomic uint32_t count;
    plim__lock lock;
} stacks_state;

bool plim__stacks_start(void)
{
    size_t row_bytes = (size_t)STACKS_MAX * sizeof(plim__heap_stack);
    size_t index_bytes = (size_t)STACKS_INDEX * sizeof(uint32_t);
    size_t page = plim__backing_page();
    void *rows = plim__backing_reserve((row_bytes + page - 1) / page * page);
    void *index = plim__backing_reserve(index_bytes);
    if (rows == NULL || index == NULL || !plim__backing_commit(index, index_bytes))
        return false;
    stacks_state.rows = rows;
    stacks_state.rows_bytes = (row_bytes + page - 1) / page * page;
    stacks_state.index = index;
    return true;
}

void plim__stacks_freeze(void)
{
    plim__lock_take(&stacks_state.lock);
}

void plim__stacks_thaw(void)
{
    plim__lock_give(&stacks_state.lock);
}

void plim__stacks_describe(plim__heap_map *map)
{
    map->own_at[4] = (uintptr_t)stacks_state.rows;
    map->own_bytes[4] = stacks_state.rows_bytes;
    map->own_at[5] = (uintptr_t)stacks_state.index;
    map->own_bytes[5] = (uint64_t)STACKS_INDEX * sizeof(uint32_t);
    map->stacks_at = (uintptr_t)stacks_state.rows;
    map->stack_count_at = (uintptr_t)&stacks_state.count;
    map->stack_bytes = sizeof(plim__heap_stack);
}

uint64_t plim__stacks_bytes(void)
{
    return stacks_state.committed + (uint64_t)STACKS_INDEX * sizeof(uint32_t);
}

static inline uint32_t stacks_hash(const uint64_t *frames, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static inline bool stacks_same(const plim__heap_stack *row, uint32_t hash, const uint64_t *frames,
                               uint32_t count)
{
    if (row->hash != hash || row->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (row->frames[i] != frames[i])
            return false;
    return true;
}

/* Its number, or 0; *out_at is then the free place, or STACKS_INDEX if there is none near. */
static inline uint32_t stacks_look(uint32_t hash, const uint64_t *frames, uint32_t count,
                                   uint32_t *out_at)
{
    uint32_t at = hash & (STACKS_INDEX - 1);
    *out_at = STACKS_INDEX;
    for (uint32_t step = 0; step < STACKS_PROBES_MAX; step++) {
        uint32_t number = plim__load(&stacks_state.index[at]);
        if (number == 0) {
            *out_at = at;
            return 0;
        }
        if (stacks_same(&stacks_state.rows[number - 1], hash, frames, count))
            return number;
        at = (at + 1) & (STACKS_INDEX - 1);
    }
    return 0;
}

static bool stacks_commit(size_t bytes)
{
    if (bytes <= stacks_state.committed)
        return true;
    char *from = (char *)stacks_state.rows + stacks_state.committed;
    if (!plim__backing_commit(from, STACKS_COMMIT))
        return false;
    stacks_state.committed += STACKS_COMMIT;
    return true;
}

static __attribute__((noinline)) uint32_t stacks_enter(uint32_t hash, const uint64_t *frames,
                                                       uint32_t count)
{
    uint32_t at = STACKS_INDEX;
    plim__lock_take(&stacks_state.lock);
    uint32_t number =
        stacks_look(hash, frames, count, &at); /* another thread may have been first */
    uint32_t have = plim__load_relaxed(&stacks_state.count);
    if (number == 0 && at != STACKS_INDEX && have < STACKS_MAX &&
        stacks_commit((have + 1) * sizeof(plim__heap_stack))) {
        plim__heap_stack *row = &stacks_state.rows[have];
        row->hash = hash;
        row->count = count;
        for (uint32_t i = 0; i < count; i++)
            row->frames[i] = frames[i];
        number = have + 1;
        plim__store(&stacks_state.count, number);
        plim__store(&stacks_state.index[at], number);
    }
    plim__lock_give(&stacks_state.lock);
    return number;
}

uint32_t plim__stacks_number(const uint64_t *frames, uint32_t count)
{
    uint32_t at;
    uint32_t hash = stacks_hash(frames, count);
    uint32_t number = stacks_look(hash, frames, count, &at);
    return number != 0 ? number : stacks_enter(hash, frames, count);
}
