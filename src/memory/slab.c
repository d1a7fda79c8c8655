/* SPDX-License-Identifier: MIT */
/*
 * Slabs. What is known of one stands in the run of its first page, outside the blocks; only the
 * links of free blocks lie inside them. A list per class has the slabs with room, fullest in front
 * as far as it goes for nothing: a slab comes to the front when its first block returns, so blocks
 * are taken where few are left, and slabs that empty are left alone to empty.
 *
 * B1  out = fresh - free_count blocks of a slab are given out; the rest are on its free list or
 *     were never touched (index fresh and up).
 * B2  A slab is listed exactly if out < block_count.
 * B3  An empty slab's pages go back to the space, except that a manager with room keeps one slab of
 *     a class where it would be the last with room: so one block back and forth moves no pages.
 */
#include "memory/slab.h"

#include "base/assert.h"
#include "memory/checked.h"

static void slab_list(plim__space *space, plim__central *central, unsigned code, uint32_t page)
{
    plim__run *run = &space->runs[page];
    run->prev = PLIM__PAGE_NONE;
    run->next = central->rooms[code];
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = page;
    central->rooms[code] = page;
    run->is_listed = 1;
}

static void slab_unlist(plim__space *space, plim__central *central, unsigned code, uint32_t page)
{
    plim__run *run = &space->runs[page];
    if (run->prev != PLIM__PAGE_NONE)
        space->runs[run->prev].next = run->next;
    else
        central->rooms[code] = run->next;
    if (run->next != PLIM__PAGE_NONE)
        space->runs[run->next].prev = run->prev;
    run->is_listed = 0;
}

static uint32_t slab_out(const plim__run *run)
{
    return (uint32_t)run->fresh - run->free_count;
}

void plim__central_init(plim__central *central)
{
    *central = (plim__central){0};
    for (unsigned code = 0; code < PLIM__CLASS_CODES; code++)
        central->rooms[code] = PLIM__PAGE_NONE;
}

/* A new slab; false if no pages are left for it, even for the smallest that holds a block. */
static bool slab_open(plim_manager *manager, plim__central *central, uint32_t slot, unsigned code)
{
    plim__space *space = &manager->space;
    uint32_t pages = plim__class_run_pages(code, manager->is_tight);
    uint32_t page = plim__space_take(space, pages, 1);
    if (page == PLIM__PAGE_NONE) {
        pages = plim__class_run_pages(code, true);
        page = plim__space_take(space, pages, 1);
    }
    if (page == PLIM__PAGE_NONE)
        return false;
    uint16_t info = (uint16_t)(slot << PLIM__CLASS_BITS | code);
    plim__space_mark(space, page, pages, info, info);
    for (uint32_t i = 0; i < pages; i++)
        space->runs[page + i].start = page;
    plim__run *run = &space->runs[page];
    run->free = NULL;
    run->free_count = 0;
    run->fresh = 0;
    run->block_count = (uint16_t)(((size_t)pages << PLIM__PAGE_SHIFT) / plim__class_bytes[code]);
    central->slab_bytes += (size_t)pages << PLIM__PAGE_SHIFT;
    slab_list(space, central, code, page);
    return true;
}

static void slab_close(plim_manager *manager, plim__central *central, unsigned code, uint32_t page)
{
    plim__space *space = &manager->space;
    uint32_t pages = space->runs[page].pages;
    PLIM_DCHECK(slab_out(&space->runs[page]) == 0);
    if (plim__is_checked(manager))
        plim__checked_closed(manager, page);
    slab_unlist(space, central, code, page);
    central->slab_bytes -= (size_t)pages << PLIM__PAGE_SHIFT;
    (void)plim__space_give(space, page, pages);
}

/* Moves up to `want` blocks of one slab to the front of the list. */
static uint32_t slab_pour(const plim__space *space, uint32_t page, size_t block_bytes,
                          uint32_t want, void **list)
{
    plim__run *run = &space->runs[page];
    uint32_t count = 0;
    if (*list == NULL && run->free_count > 0 && run->free_count <= want) {
        /* The whole list as it is: no block is touched. */
        count = run->free_count;
        *list = run->free;
        run->free = NULL;
        run->free_count = 0;
    }
    for (; count < want && run->free_count > 0; count++) {
        void **block = run->free;
        run->free = *block;
        run->free_count--;
        *block = *list;
        *list = block;
    }
    char *base = plim__space_address(space, page);
    for (; count < want && run->fresh < run->block_count; count++) {
        void **block = (void **)(void *)(base + run->fresh * block_bytes);
        run->fresh++;
        *block = *list;
        *list = block;
    }
    return count;
}

uint32_t plim__slab_handy(const plim_manager *manager, const plim__central *central, unsigned code,
                          uint32_t want)
{
    uint32_t page = central->rooms[code];
    uint32_t free_count = page != PLIM__PAGE_NONE ? manager->space.runs[page].free_count : 0;
    return free_count > want && free_count <= 2 * want ? free_count : want;
}

uint32_t plim__slab_take(plim_manager *manager, plim__central *central, uint32_t slot,
                         unsigned code, uint32_t want, void **out_list)
{
    plim__space *space = &manager->space;
    void *list = NULL;
    uint32_t count = 0;
    while (count < want) {
        uint32_t page = central->rooms[code];
        if (page == PLIM__PAGE_NONE) {
            if (!slab_open(manager, central, slot, code))
                break;
            page = central->rooms[code];
        }
        plim__run *run = &space->runs[page];
        count += slab_pour(space, page, plim__class_bytes[code], want - count, &list);
        if (slab_out(run) == run->block_count)
            slab_unlist(space, central, code, page);
    }
    central->block_count += count;
    central->charged_bytes += (size_t)count * plim__class_bytes[code];
    *out_list = list;
    return count;
}

void plim__slab_give(plim_manager *manager, plim__central *central, unsigned code, uint32_t page,
                     void *block)
{
    plim__space *space = &manager->space;
    uint32_t start = space->runs[page].start;
    plim__run *run = &space->runs[start];
    PLIM_DCHECK(slab_out(run) > 0);
    *(void **)block = run->free;
    run->free = block;
    run->free_count++;
    central->block_count--;
    central->charged_bytes -= plim__class_bytes[code];
    if (!run->is_listed)
        slab_list(space, central, code, start);
    if (slab_out(run) == 0) {
        bool is_last = central->rooms[code] == start && run->next == PLIM__PAGE_NONE;
        if (manager->is_tight || !is_last)
            slab_close(manager, central, code, start);
    }
}

void plim__slab_sweep(plim_manager *manager, plim__central *central)
{
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        uint32_t page = central->rooms[code];
        while (page != PLIM__PAGE_NONE) {
            uint32_t next = manager->space.runs[page].next;
            if (slab_out(&manager->space.runs[page]) == 0)
                slab_close(manager, central, code, page);
            page = next;
        }
    }
}

uint32_t plim__slab_index(const plim__space *space, unsigned code, uint32_t page,
                          const void *address, void **out_block)
{
    char *base = plim__space_address(space, space->runs[page].start);
    size_t block_bytes = plim__class_bytes[code];
    size_t index = (size_t)((const char *)address - base) / block_bytes;
    *out_block = base + index * block_bytes;
    return (uint32_t)index;
}
