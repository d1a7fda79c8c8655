/* SPDX-License-Identifier: MIT */
/*
 * Blocks of the C library. No page of the space is behind them, so they are booked as what static
 * storage is (static_bytes), and found through a table in the manager's own pages: open addressing
 * by address, at most half full, a hole closed by moving back what had been pushed on.
 *
 * P7  A manager's table has a row for each such block that is live, and for no other.
 */
#include "memory/engine/libc.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/checked.h"
#include "memory/checks/panic.h"
#include "memory/engine/threads.h"
#include "platform/backing.h"

enum { LIBC_ROWS_FIRST = 64, LIBC_ROWS_MAX = 1 << 22 /* their table is 160 MiB */ };

static plim__count libc_live; /* of all managers: with none, nobody looks */

static uint32_t libc_home(const void *block, uint32_t rows)
{
    uint64_t mixed = (uint64_t)(uintptr_t)block / PLIM__ALIGN * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 40) & (rows - 1);
}

/* Its row, or the free one where it would go. */
static uint32_t libc_row(const plim__libc_block *rows, uint32_t count, const void *block)
{
    uint32_t at = libc_home(block, count);
    while (rows[at].block != NULL && rows[at].block != block)
        at = (at + 1) & (count - 1);
    return at;
}

/* Room for one more; with the manager's lock. */
static bool libc_grow(plim_manager *manager)
{
    uint32_t old = manager->libc_rows;
    if (manager->libc_used < old / 2)
        return true;
    uint32_t rows = old == 0 ? LIBC_ROWS_FIRST : old * 2;
    plim__libc_block *table =
        rows > LIBC_ROWS_MAX ? NULL : plim__tables_take_locked(manager, rows * sizeof *table);
    if (table == NULL)
        return false;
    plim__libc_block *before = manager->libc_blocks;
    for (uint32_t i = 0; i < old; i++)
        if (before[i].block != NULL)
            table[libc_row(table, rows, before[i].block)] = before[i];
    if (before != NULL)
        plim__tables_give_locked(manager, before, old * sizeof *before);
    manager->libc_blocks = table;
    manager->libc_rows = rows;
    return true;
}

static void libc_book(plim__slot *slot, size_t charge, bool is_taken)
{
    size_t one = is_taken ? (size_t)1 : (size_t)0 - 1;
    slot->manager->libc_used += (uint32_t)one;
    (void)plim__add(&libc_live, one);
    plim__outside_book(slot, charge, is_taken);
}

/* Charges and enters a block that is there. */
static bool libc_enter(plim__slot *slot, const plim__libc_block *known,
                       plim_refusal_reason *out_reason)
{
    plim_manager *manager = slot->manager;
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    plim__lock_take(&manager->lock);
    bool has_row = libc_grow(manager);
    bool is_charged = has_row && plim__budget_take(budget, known->charge);
    if (is_charged) {
        plim__libc_block *rows = manager->libc_blocks;
        rows[libc_row(rows, manager->libc_rows, known->block)] = *known;
        libc_book(slot, known->charge, true);
    }
    plim__lock_give(&manager->lock);
    *out_reason = has_row ? PLIM_REFUSAL_BUDGET : PLIM_REFUSAL_PAGES;
    return is_charged;
}

/* The cap comes before the memory: whether there is room, as far as that can be said before both
   are taken. */
static bool libc_has_room(plim__slot *slot, size_t charge)
{
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    if (plim__budget_left(budget) >= charge || !plim__thread_begin())
        return true; /* or it is said where the block is entered */
    (void)plim__slots_relieve(slot);
    plim__thread_end();
    return plim__budget_left(budget) >= charge;
}

void *plim__libc_take(plim__slot *slot, size_t bytes, const char *site)
{
    plim__libc_block known = {
        .bytes = bytes, .charge = plim__libc_charge(bytes), .slot = slot, .site = site};
    plim_manager *manager = slot->manager;
    if (manager->is_sealed && manager->backing != PLIM_BACKING_EMULATED)
        return plim__refuse(slot, PLIM_REFUSAL_SEALED, bytes, known.charge, site);
    if (!libc_has_room(slot, known.charge))
        return plim__refuse(slot, PLIM_REFUSAL_BUDGET, bytes, known.charge, site);
    known.block = plim__backing_libc_take(bytes, false);
    if (known.block == NULL)
        return plim__refuse(slot, PLIM_REFUSAL_PAGES, bytes, known.charge, site);
    plim_refusal_reason reason = PLIM_REFUSAL_REENTERED;
    bool is_entered = false;
    if (plim__thread_begin()) {
        /* As everywhere: not final before what threads have cached was called in. */
        is_entered = libc_enter(slot, &known, &reason) ||
                     (plim__slots_relieve(slot) && libc_enter(slot, &known, &reason));
        plim__thread_end();
    }
    if (is_entered)
        return known.block;
    plim__backing_libc_give(known.block);
    return plim__refuse(slot, reason, bytes, known.charge, site);
}

/* The manager that has the block, with its lock, and the row; NULL if none has. */
static plim_manager *libc_lock_owner(const void *block, uint32_t *out_row)
{
    if (block == NULL || plim__load(&libc_live) == 0)
        return NULL;
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++) {
        plim_manager *manager = plim__manager_at(i);
        if (manager == NULL)
            continue;
        plim__lock_take(&manager->lock);
        const plim__libc_block *rows = manager->libc_blocks;
        if (rows != NULL) {
            *out_row = libc_row(rows, manager->libc_rows, block);
            if (rows[*out_row].block == block)
                return manager;
        }
        plim__lock_give(&manager->lock);
    }
    return NULL;
}

bool plim__libc_find(const void *block, plim__libc_block *out_known)
{
    uint32_t row = 0;
    if (plim__load(&libc_live) == 0 || !plim__thread_begin())
        return false;
    plim_manager *manager = libc_lock_owner(block, &row);
    if (manager != NULL) {
        const plim__libc_block *rows = manager->libc_blocks;
        *out_known = rows[row];
        plim__lock_give(&manager->lock);
    }
    plim__thread_end();
    return manager != NULL;
}

/* Frees a row; rows behind it that had been pushed on move back, so that walks still find them. */
static void libc_remove(plim__libc_block *rows, uint32_t count, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & (count - 1); rows[at].block != NULL;
         at = (at + 1) & (count - 1)) {
        uint32_t home = libc_home(rows[at].block, count);
        /* May it stand in the hole: is the hole between its home and where it stands, around? */
        if (((at - home) & (count - 1)) >= ((at - hole) & (count - 1))) {
            rows[hole] = rows[at];
            hole = at;
        }
    }
    rows[hole] = (plim__libc_block){0};
}

bool plim__libc_give(void *block)
{
    uint32_t row = 0;
    plim_manager *manager = libc_lock_owner(block, &row);
    if (manager == NULL)
        return false;
    plim__libc_block *rows = manager->libc_blocks;
    plim__libc_block known = rows[row];
    libc_remove(rows, manager->libc_rows, row);
    libc_book(known.slot, known.charge, false);
    (void)plim__budget_give(&plim__slot_domain(known.slot)->budget, known.charge);
    plim__lock_give(&manager->lock);
    plim__backing_libc_give(block);
    return true;
}

void plim__libc_end(plim_manager *manager)
{
    plim__libc_block *rows = manager->libc_blocks;
    for (uint32_t i = 0; i < manager->libc_rows; i++)
        if (rows[i].block != NULL) {
            (void)plim__sub(&libc_live, 1);
            plim__backing_libc_give(rows[i].block);
        }
    manager->libc_rows = 0;
    manager->libc_blocks = NULL;
}
