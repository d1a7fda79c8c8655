/* SPDX-License-Identifier: MIT */
/*
 * Slabs. All that is known of one stands outside of it: its row among the runs, and a bit for each
 * block that is not given out. So neither taking nor giving touches a block, an overrun or a late
 * write never leads the allocator astray, and of a slab that was never full the last pages were
 * never touched. A list per class has the slabs with room, fullest in front as far as it goes for
 * nothing: a slab comes to the front when its first block returns, so blocks are taken where few
 * are left, and slabs that empty are left alone to empty.
 *
 * Rows and bits of slabs lie far apart, and each row says which is next: a refill out of four had
 * to wait for one miss after the other. So the numbers of those behind the first are kept, too, and
 * all are fetched at once. They are hints, wrong where a slab left the middle of its list until a
 * refill walks by; nothing is done by them but to fetch.
 *
 * P2  free_count is the number of bits set; below the word `hint` none is.
 * P3  A slab is listed exactly if free_count > 0.
 * P4  An empty slab's pages go back to the space, except that a manager with room keeps one slab
 *     of a class where it would be the last with room: so one block back and forth moves no pages.
 */
#include "memory/engine/slab.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/checked.h"

enum {
    SLAB_MANY = 64, /* from so many of a class on the next have … */
    SLAB_GROWN = 4, /* … so many times the pages */
    /* What a refill looks at lies far away where slabs are many: no more than four of them, and no
       more than 32 blocks but of a single one. So it takes less than 0.6 us. */
    SLAB_HANDY = PLIM__AHEAD + 1,
    SLAB_SCATTERED = 32
};

/* The page a list's head names. */
static uint32_t slab_first(plim__room room)
{
    return room == PLIM__ROOM_NONE ? PLIM__PAGE_NONE : room;
}

static uint32_t *slab_bits(const plim__space *space, uint32_t page)
{
    return &space->bits[(size_t)page * PLIM__PAGE_WORDS];
}

/* The list a slab is on when it has room. */
static plim__room *slab_head(plim__central *central, unsigned code, bool is_lasting)
{
    return &central->rooms[is_lasting ? PLIM__CLASS_CODES + code : code];
}

#ifndef PLIM_BARE
size_t plim__central_bytes(const plim_manager *manager)
{
    size_t ahead_bytes = (PLIM__CLASS_COUNT + 1) * sizeof *(plim__central){0}.ahead;
    return sizeof(plim__central) + (manager->is_tight ? 0 : ahead_bytes);
}

/* A slab came in front of its list; what falls off behind is kept in its row. */
static void slab_ahead_push(plim__central *central, unsigned code, plim__run *run)
{
    if (central->ahead == NULL || run->is_lasting)
        return;
    uint32_t *ahead = central->ahead[code];
    run->ahead = ahead[PLIM__AHEAD - 1];
    memmove(ahead + 1, ahead, (PLIM__AHEAD - 1) * sizeof *ahead);
    ahead[0] = run->next != PLIM__PAGE_NONE ? run->next : 0;
}

/* The first slab is off its list. */
static void slab_ahead_pop(plim__central *central, unsigned code, const plim__run *run)
{
    if (central->ahead == NULL || run->is_lasting)
        return;
    uint32_t *ahead = central->ahead[code];
    memmove(ahead, ahead + 1, (PLIM__AHEAD - 1) * sizeof *ahead);
    ahead[PLIM__AHEAD - 1] = run->ahead;
}

/* The slab that does stand `place` behind the first. */
static void slab_ahead_set(plim__central *central, unsigned code, uint32_t place, uint32_t page)
{
    if (central->ahead != NULL && place > 0)
        central->ahead[code][place - 1] = page;
}

/* Has the rows and first bits of the first slab and of those thought to follow it fetched, all at
   once. A macro, for gcc deletes calls of a function that does nothing else. */
#define SLAB_FETCH(space, central, code, page)                                                     \
    do {                                                                                           \
        __builtin_prefetch(&(space)->runs[page], 1);                                               \
        for (uint32_t i = 0; i < PLIM__AHEAD; i++)                                                 \
            __builtin_prefetch(&(space)->runs[(central)->ahead[code][i]], 1);                      \
        __builtin_prefetch(slab_bits((space), (page)), 1);                                         \
        for (uint32_t i = 0; i < PLIM__AHEAD; i++)                                                 \
            __builtin_prefetch(slab_bits((space), (central)->ahead[code][i]), 1);                  \
    } while (0)
#else
size_t plim__central_bytes(const plim_manager *manager)
{
    (void)manager;
    return sizeof(plim__central);
}

#define slab_ahead_push(central, code, run)        ((void)0)
#define slab_ahead_pop(central, code, run)         ((void)0)
#define slab_ahead_set(central, code, place, page) ((void)0)
#endif

static void slab_list(plim__space *space, plim__central *central, unsigned code, uint32_t page)
{
    plim__run *run = &space->runs[page];
    plim__room *head = slab_head(central, code, run->is_lasting);
    run->prev = PLIM__PAGE_NONE;
    run->next = slab_first(*head);
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = page;
    *head = (plim__room)page;
    run->is_listed = 1;
    slab_ahead_push(central, code, run);
}

static void slab_unlist(plim__space *space, plim__central *central, unsigned code, uint32_t page)
{
    plim__run *run = &space->runs[page];
    bool is_first = run->prev == PLIM__PAGE_NONE;
    if (!is_first)
        space->runs[run->prev].next = run->next;
    else
        *slab_head(central, code, run->is_lasting) = (plim__room)run->next;
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = run->prev;
    run->is_listed = 0;
    if (is_first)
        slab_ahead_pop(central, code, run);
}

void plim__central_init(plim__central *central, const plim_manager *manager)
{
    *central = (plim__central){0};
#ifndef PLIM_BARE
    if (!manager->is_tight && central != &manager->tables)
        central->ahead = (void *)(central + 1); /* zero, as tables come */
#else
    (void)manager;
#endif
    for (unsigned list = 0; list < 2 * PLIM__CLASS_CODES; list++)
        central->rooms[list] = PLIM__ROOM_NONE;
}

/* Pages of the next slab. A class that has many gets larger ones: fewer to open, and what is looked
   at for each block that comes back lies closer together; the last one's slack is then a tenth. */
static uint32_t slab_pages(const plim_manager *manager, const plim__central *central, unsigned code)
{
    uint32_t pages = plim__class_run_pages(code, manager->is_tight);
    bool is_grown =
        !manager->is_tight && code < PLIM__CLASS_FINE && central->slabs[code] >= SLAB_MANY;
    return is_grown ? pages * SLAB_GROWN : pages;
}

/* A new slab; false if no pages are left for it, even for the smallest that holds a block. */
static bool slab_open(plim_manager *manager, plim__central *central, uint32_t slot, unsigned code,
                      bool is_lasting)
{
    plim__space *space = &manager->space;
    uint32_t pages = slab_pages(manager, central, code);
    uint32_t page = plim__space_take(space, pages, 1);
    if (page == PLIM__PAGE_NONE) {
        pages = plim__class_run_pages(code, true);
        page = plim__space_take(space, pages, 1);
    }
    if (page == PLIM__PAGE_NONE)
        return false;
    uint16_t info = plim__info_of(slot, code);
    plim__space_mark(space, page, pages, info, info);
    for (uint32_t i = 0; i < pages; i++)
        space->backs[page + i] = (uint8_t)i;
    if (plim__is_checked(manager) && central != &manager->tables)
        plim__space_marked(space, page, pages);
    plim__run *run = &space->runs[page];
    run->block_count = (uint16_t)(((size_t)pages << PLIM__PAGE_SHIFT) / plim__class_bytes[code]);
    run->free_count = run->block_count;
    run->hint = 0;
    PLIM_DCHECK(run->block_count <= 32 * (UINT8_MAX + 1)); /* the hint's range */
    uint32_t *bits = slab_bits(space, page);
    for (uint32_t left = run->block_count, i = 0; left > 0; i++) {
        bits[i] = left >= 32 ? ~0u : (1u << left) - 1;
        left -= left >= 32 ? 32 : left;
    }
    central->slab_bytes += (size_t)pages << PLIM__PAGE_SHIFT;
    if (code < PLIM__CLASS_FINE && central->slabs[code] < UINT8_MAX)
        central->slabs[code]++;
    run->is_lasting = is_lasting;
    slab_list(space, central, code, page);
    return true;
}

static void slab_close(plim_manager *manager, plim__central *central, unsigned code, uint32_t page)
{
    plim__space *space = &manager->space;
    uint32_t pages = space->runs[page].pages;
    PLIM_DCHECK(space->runs[page].free_count == space->runs[page].block_count);
    if (plim__is_full(manager) &&
        central != &manager->tables) /* what is released says that there is poison */
        plim__space_unstate(space, page, pages);
    slab_unlist(space, central, code, page);
    central->slab_bytes -= (size_t)pages << PLIM__PAGE_SHIFT;
    if (code < PLIM__CLASS_FINE && central->slabs[code] > 0)
        central->slabs[code]--;
    (void)plim__space_give(space, page, pages);
}

/* Up to `want` blocks of one slab, downward from out_end: the lowest address on top. */
static uint32_t slab_pour(plim__space *space, uint32_t page, size_t block_bytes, uint32_t want,
                          void **out_end)
{
    plim__run *run = &space->runs[page];
    uint32_t *bits = slab_bits(space, page);
    char *base = plim__space_address(space, page);
    want = want < run->free_count ? want : run->free_count;
    uint32_t word = run->hint;
    uint32_t left = bits[word];
    for (uint32_t count = 0; count < want;) {
        while (left == 0) {
            bits[word] = 0;
            left = bits[++word];
        }
        uint32_t first = (uint32_t)__builtin_ctz(left);
        char *block = base + (word * 32 + first) * block_bytes;
        if (left == ~0u) { /* as most words of a new slab */
            uint32_t most = want - count < 32 ? want - count : 32;
            left = (uint32_t)(UINT64_C(0xffffffff) << most);
            for (uint32_t i = 0; i < most; i++, block += block_bytes)
                *--out_end = block;
            count += most;
        } else {
            left &= left - 1;
            *--out_end = block;
            count++;
        }
    }
    bits[word] = left;
    run->hint = (uint8_t)word;
    run->free_count = (uint16_t)(run->free_count - want);
    return want;
}

static uint32_t slab_take(plim_manager *manager, plim__central *central, uint32_t slot,
                          unsigned code, uint32_t want, void **out_blocks, bool is_lasting)
{
    plim__space *space = &manager->space;
    const plim__room *head = slab_head(central, code, is_lasting);
    uint32_t count = 0;
    while (count < want) {
        if (*head == PLIM__ROOM_NONE && !slab_open(manager, central, slot, code, is_lasting))
            break;
        uint32_t page = *head;
        count += slab_pour(space, page, plim__class_bytes[code], want - count,
                           out_blocks + want - count);
        if (space->runs[page].free_count == 0)
            slab_unlist(space, central, code, page);
    }
    central->block_count += count;
    central->charged_bytes += (size_t)count * plim__class_bytes[code];
    return count;
}

uint32_t plim__slab_handy(const plim_manager *manager, plim__central *central, unsigned code,
                          uint32_t want)
{
    uint32_t count = 0;
    uint32_t page = slab_first(central->rooms[code]);
    if (page == PLIM__PAGE_NONE) {
        size_t pages = plim__class_run_pages(code, manager->is_tight);
        count = (uint32_t)((pages << PLIM__PAGE_SHIFT) / plim__class_bytes[code]);
    }
#ifndef PLIM_BARE
    else if (want > 1 && central->ahead != NULL)
        SLAB_FETCH(&manager->space, central, code, page);
#endif
    for (uint32_t i = 0; page != PLIM__PAGE_NONE && count < want && i < SLAB_HANDY; i++) {
        slab_ahead_set(central, code, i, page);
        const plim__run *run = &manager->space.runs[page];
        count += run->free_count;
        page = run->next;
        if (count < want && want > SLAB_SCATTERED)
            want = SLAB_SCATTERED;
    }
    return count < want ? count : want;
}

uint32_t plim__slab_take(plim_manager *manager, plim__central *central, uint32_t slot,
                         unsigned code, uint32_t want, void **out_blocks)
{
    return slab_take(manager, central, slot, code, want, out_blocks, false);
}

void *plim__slab_take_lasting(plim_manager *manager, plim__central *central, uint32_t slot,
                              unsigned code)
{
    void *block = NULL;
    (void)slab_take(manager, central, slot, code, 1, &block, true);
    return block;
}

/* A slab that has its first free block, or its last. */
static __attribute__((noinline)) void slab_turned(plim_manager *manager, plim__central *central,
                                                  unsigned code, uint32_t start)
{
    plim__space *space = &manager->space;
    const plim__run *run = &space->runs[start];
    if (!run->is_listed)
        slab_list(space, central, code, start);
    if (run->free_count == run->block_count) {
        bool is_last =
            *slab_head(central, code, run->is_lasting) == start && run->next == PLIM__PAGE_NONE;
        if (manager->is_tight || !is_last)
            slab_close(manager, central, code, start);
    }
}

void plim__slab_give(plim_manager *manager, plim__central *central, unsigned code, void *block)
{
    plim__slab_give_many(manager, central, code, &block, 1);
}

/* Each turn is some 40 instructions that wait for nothing of the turn before; whether a block was
   given twice is asked once, at the end. */
void plim__slab_give_many(plim_manager *manager, plim__central *central, unsigned code,
                          void *const *blocks, size_t count)
{
    uintptr_t base = manager->space.base;
    const uint8_t *backs = manager->space.backs;
    plim__run *runs = manager->space.runs;
    uint32_t *bits = manager->space.bits;
    uint64_t inverse = plim__class_inverse[code];
    uint32_t twice = 0;
    for (size_t i = 0; i < count; i++) {
        size_t offset = (uintptr_t)blocks[i] - base;
        size_t page = offset >> PLIM__PAGE_SHIFT;
        size_t start = page - backs[page];
        plim__run *run = &runs[start];
        /* Exact, since a block begins at a multiple of its size. */
        uint64_t product = (offset - (start << PLIM__PAGE_SHIFT)) * inverse;
        uint32_t *word = &bits[start * PLIM__PAGE_WORDS + (size_t)(product >> 37)];
        uint32_t bit = 1u << (product >> 32 & 31);
        uint32_t old = *word;
        *word = old | bit;
        twice |= old & bit;
        run->hint = 0;
        uint32_t free_count = ++run->free_count;
        if (PLIM__UNLIKELY(free_count == 1 ||
                           free_count == run->block_count)) /* P3: 1 is the first */
            slab_turned(manager, central, code, (uint32_t)start);
    }
    PLIM_DCHECK(twice == 0);
    central->block_count -= count;
    central->charged_bytes -= count * plim__class_bytes[code];
}

void plim__slab_sweep(plim_manager *manager, plim__central *central)
{
    for (unsigned list = 1; list < 2 * PLIM__CLASS_CODES; list++) {
        uint32_t page = slab_first(central->rooms[list]);
        while (page != PLIM__PAGE_NONE) {
            const plim__run *run = &manager->space.runs[page];
            uint32_t next = run->next;
            if (run->free_count == run->block_count)
                slab_close(manager, central, list % PLIM__CLASS_CODES, page);
            page = next;
        }
    }
}
