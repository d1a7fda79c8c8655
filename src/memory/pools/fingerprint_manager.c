/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints of a manager: per domain, type (size class, or whole pages) and site, the blocks
 * that are live. Where each block has a mark (level redundant, and full with each block watched)
 * those say which are; else it is those out of their slabs, less those in threads' caches.
 *
 * The walk goes page by page. What the blocks of some pages come to is counted in a small table,
 * under the manager's lock; when that is half full the lock is given back and the table told, for a
 * site's text may be somebody else's function.
 */
#include <string.h>

#include "base/text.h"
#include "memory/checks/checked.h"
#include "memory/checks/marks.h"
#include "memory/checks/panic.h"
#include "memory/engine/large.h"
#include "memory/engine/threads.h"
#include "memory/pools/fingerprint_walk.h"

_Static_assert((int)PLIM_FINGERPRINT_NAME_BYTES == (int)PLIM_DOMAIN_NAME_BYTES, "a name fits");

enum {
    WALK_MARKS = 1 << PLIM__PAGE_SHIFT >> 4, /* of a page: so many cells at most it fills */
    WALK_CELLS = 2 * WALK_MARKS
};

/* Called without locks for each part of what a row holds; the same row may come again, with what is
   to be taken off it, modulo 2^64. */
typedef void walk_told(void *ctx, const plim_fingerprint_row *row);

/* What some blocks come to. */
typedef struct walk_cell {
    uint16_t info; /* the page's: slot and class; 0: nobody's */
    uint16_t place;
    uint32_t count;
    uint64_t bytes;
} walk_cell;

typedef struct walk {
    plim_manager *manager;
    uint32_t page;  /* the next */
    uint32_t count; /* cells in use */
    walk_cell cells[WALK_CELLS];
} walk;

static void walk_count(walk *here, uint32_t info, uint32_t place, uint32_t count, uint64_t bytes)
{
    uint32_t at = (info * 0x9e3779b1u ^ place * 0x85ebca6bu) >> 16;
    walk_cell *cell = &here->cells[at % WALK_CELLS];
    while (cell->info != 0 && (cell->info != info || cell->place != place))
        cell = &here->cells[++at % WALK_CELLS];
    if (cell->info == 0) {
        *cell = (walk_cell){.info = (uint16_t)info, .place = (uint16_t)place};
        here->count++;
    }
    cell->count += count;
    cell->bytes += bytes;
}

/* The blocks that begin on a page of a slab, by their marks. */
static void walk_marks(walk *here, uint32_t info)
{
    const plim__space *space = &here->manager->space;
    const uint32_t *marks = plim__mark_of(space, plim__space_address(space, here->page));
    uint32_t bytes = plim__class_bytes[plim__info_code(info)];
    for (uint32_t i = 0; i < WALK_MARKS; i++) {
        uint32_t mark = plim__mark_load(&marks[i]);
        if (plim__mark_is_live(mark))
            walk_count(here, info, plim__mark_place(mark), 1, bytes);
    }
}

/* One page. With the lock. */
static void walk_page(walk *here)
{
    const plim__space *space = &here->manager->space;
    uint32_t info = space->info[here->page];
    unsigned code = plim__info_code(info);
    bool is_exact = plim__is_exact(here->manager);
    const plim__run *run = &space->runs[here->page];
    if (code == 0 || code == PLIM__CLASS_INNER ||
        plim__info_slot(info) == here->manager->tables_slot)
        return;
    if (code == PLIM__CLASS_LARGE) {
        const uint32_t *mark =
            is_exact ? plim__mark_of(space, plim__space_address(space, here->page)) : NULL;
        walk_count(here, info, mark != NULL ? plim__mark_place(*mark) : 0, 1,
                   plim__large_bytes(here->manager, here->page));
    } else if (is_exact) {
        walk_marks(here, info);
    } else if (space->backs[here->page] == 0) {
        uint32_t out = (uint32_t)run->block_count - run->free_count;
        if (out > 0)
            walk_count(here, info, 0, out, (uint64_t)out * plim__class_bytes[code]);
    }
}

/* From what was looked at to what is next: a run's pages but where each has its marks. */
static uint32_t walk_step(const walk *here)
{
    const plim__space *space = &here->manager->space;
    const plim__run *run = &space->runs[here->page];
    unsigned code = plim__info_code(space->info[here->page]);
    bool is_whole = code == PLIM__CLASS_LARGE ||
                    (run->start == here->page && (run->is_free || !plim__is_exact(here->manager)));
    return is_whole && run->pages > 0 ? run->pages : 1;
}

/* Some pages; false if there are none left. */
static bool walk_some(walk *here)
{
    plim_manager *manager = here->manager;
    plim__lock_take(&manager->lock);
    while (here->page < manager->space.touched && here->count < WALK_CELLS - WALK_MARKS) {
        walk_page(here);
        here->page += walk_step(here);
    }
    bool is_over = here->page >= manager->space.touched;
    plim__lock_give(&manager->lock);
    return !is_over;
}

static void walk_kind(plim_fingerprint_row *row, unsigned code)
{
    plim__text kind;
    plim__text_init(&kind, row->kind, sizeof row->kind);
    if (code == PLIM__CLASS_LARGE)
        plim__text_format(&kind, "large");
    else
        plim__text_format(&kind, "%u B", (unsigned)plim__class_bytes[code]);
}

static void walk_row(plim_fingerprint_row *row, uint32_t slot, unsigned code)
{
    memcpy(row->owner, plim__domain_slot(slot)->name, sizeof row->owner);
    walk_kind(row, code);
}

static void walk_tell(walk *here, walk_told *told, void *ctx)
{
    for (uint32_t i = 0; i < WALK_CELLS; i++) {
        walk_cell *cell = &here->cells[i];
        if (cell->info == 0)
            continue;
        plim_fingerprint_row row = {.count = cell->count, .bytes = cell->bytes};
        walk_row(&row, plim__info_slot(cell->info), plim__info_code(cell->info));
        plim__fingerprint_site(&row, plim__site_text(plim__place_site(cell->place)));
        told(ctx, &row);
        *cell = (walk_cell){0};
    }
    here->count = 0;
}

/* What is out of its slabs, but nobody's. */
static void walk_cached(plim_manager *manager, walk_told *told, void *ctx)
{
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++) {
        uint32_t counts[PLIM__CLASS_CODES];
        if (slot == manager->tables_slot || plim__slots[slot].manager != manager)
            continue;
        plim__threads_cached_blocks(slot, counts);
        for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
            uint64_t count = counts[code];
            plim_fingerprint_row row = {.count = 0 - count,
                                        .bytes = 0 - count * plim__class_bytes[code]};
            walk_row(&row, slot, code);
            if (count > 0)
                told(ctx, &row);
        }
    }
}

/* PLIM_BLOCKs and the C library's blocks lie in no page. */
static void walk_outside(plim_manager *manager, walk_told *told, void *ctx)
{
    for (uint32_t number = 1; number < PLIM__SLOTS; number++) {
        plim__slot *slot = &plim__slots[number];
        plim_fingerprint_row row = {.kind = "outside pages"};
        if (number == manager->tables_slot || slot->manager != manager)
            continue;
        plim__lock_take(&manager->lock);
        if (slot->manager == manager) {
            row.count = slot->central->static_count;
            row.bytes = slot->central->static_bytes;
            memcpy(row.owner, plim__slot_domain(slot)->name, sizeof row.owner);
        }
        plim__lock_give(&manager->lock);
        if (row.count > 0)
            told(ctx, &row);
    }
}

/* All of it. Nothing is allocated. */
static void walk_all(plim_manager *manager, walk_told *told, void *ctx)
{
    walk here = {.manager = manager};
    for (bool is_more = true; is_more;) {
        is_more = walk_some(&here);
        walk_tell(&here, told, ctx);
    }
    walk_outside(manager, told, ctx);
    if (!plim__is_exact(manager))
        walk_cached(manager, told, ctx);
}

/* Takes out rows that hold nothing; how many are left. */
static uint32_t window_sweep(plim_fingerprint_row *rows, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].count != 0 || rows[i].bytes != 0 || rows[i].state != 0)
            rows[kept++] = rows[i];
    return kept;
}

static void window_told(void *ctx, const plim_fingerprint_row *row)
{
    plim__fingerprint_window *window = ctx;
    uint32_t place = window->row_count;
    int order = 1;
    if (window->after.owner[0] != '\0' && plim__fingerprint_order(row, &window->after) <= 0)
        return;
    while (place > 0 && (order = plim__fingerprint_order(row, &window->rows[place - 1])) < 0)
        place--;
    if (place > 0 && order == 0) {
        window->rows[place - 1].count += row->count;
        window->rows[place - 1].bytes += row->bytes;
        return;
    }
    if (window->row_count == window->row_max) {
        window->has_more = true;
        if (place == window->row_max)
            return; /* its turn comes */
        window->row_count--;
    }
    plim_fingerprint_row *at = &window->rows[place];
    memmove(at + 1, at, (window->row_count - place) * sizeof *at);
    *at = *row;
    window->row_count++;
}

bool plim__fingerprint_next(plim__fingerprint_window *window, plim_manager *manager)
{
    if (window->is_last)
        return false;
    do {
        window->row_count = 0;
        window->has_more = false;
        walk_all(manager, window_told, window);
        if (window->row_count > 0)
            window->after = window->rows[window->row_count - 1];
        window->row_count = window_sweep(window->rows, window->row_count);
    } while (window->row_count == 0 && window->has_more);
    window->is_last = !window->has_more;
    return window->row_count > 0;
}

static void print_told(void *ctx, const plim_fingerprint_row *row)
{
    plim_fingerprint_add(ctx, row);
}

void plim_fingerprint_add_manager(plim_fingerprint *fingerprint, plim_manager *manager)
{
    manager = manager != NULL ? manager : plim_manager_default();
    if (manager == NULL)
        return; /* it could not be made: it holds nothing */
    walk_all(manager, print_told, fingerprint);
    fingerprint->row_count = window_sweep(fingerprint->rows, fingerprint->row_count);
}
