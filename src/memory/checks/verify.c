/* SPDX-License-Identifier: MIT */
/*
 * The whole state: each page's row is read once, in order, so that every slab and every large block
 * is met whether a list has it or not; what they come to is then held against the sums that are
 * kept, and the sums against the budgets. A corrupted row may say anything, so every index is
 * bounded before it is used.
 *
 * Names (docs/invariants.md): S1 to S6 of the space (space.c); P1 P2 P4 P9 of blocks in slabs; B1
 * to B7 and L2 of budgets and the ledger (recover.c); B2 here, too: what is given out, by slab and
 * by budget, is the same.
 */
#include "memory/checks/verify.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "memory/budgets/lend.h"
#include "memory/checks/checked.h"
#include "memory/engine/slab.h"

enum { VERIFY_TRIES = 256 }; /* of sums that other threads move meanwhile */

/* What the slabs and large blocks of one slot come to. */
typedef struct verify_sum {
    size_t charged_bytes;
    size_t block_count;
    size_t slab_bytes;
    size_t large_bytes;
    uint32_t listed; /* slabs that say they are on a list */
} verify_sum;

typedef struct verify_walk {
    plim_manager *manager;
    verify_sum sums[PLIM__SLOTS];
    plim__fault fault;
} verify_walk;

static void verify_fault(verify_walk *walk, const char *invariant, const char *what,
                         const plim__slot *slot, const void *address)
{
    if (walk->fault.invariant == NULL)
        walk->fault = (plim__fault){invariant, what, slot, address};
}

static bool verify_is_slab(unsigned code)
{
    return code >= 1 && code <= PLIM__CLASS_COUNT;
}

/* The blocks not given out, bit for bit. */
static void verify_bits(verify_walk *walk, uint32_t page, const plim__slot *slot)
{
    const plim__space *space = &walk->manager->space;
    const plim__run *run = &space->runs[page];
    const uint32_t *bits = &space->bits[(size_t)page * PLIM__PAGE_WORDS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->pages * PLIM__PAGE_WORDS && i * 32 < run->block_count; i++) {
        if (bits[i] == 0)
            continue; /* all given out: most of what a busy program has */
        uint32_t left = run->block_count - i * 32;
        uint32_t outside = left >= 32 ? 0 : ~0u << left;
        if ((bits[i] & outside) != 0 || i < run->hint)
            verify_fault(walk, "P2", "a slab counts a block as free that is none", slot,
                         plim__space_address(space, page));
        count += plim__bit_count(bits[i]);
    }
    if (count != run->free_count)
        verify_fault(walk, "P2", "a slab has other free blocks than it counts", slot,
                     plim__space_address(space, page));
}

static uint32_t verify_slab(verify_walk *walk, uint32_t page, unsigned code, uint32_t slot_number)
{
    plim__space *space = &walk->manager->space;
    const plim__run *run = &space->runs[page];
    const plim__slot *slot = &plim__slots[slot_number];
    const void *address = plim__space_address(space, page);
    size_t bytes = (size_t)run->pages << PLIM__PAGE_SHIFT;
    if (run->pages == 0 || run->pages > space->touched - page || run->is_free) {
        verify_fault(walk, "S1", "a slab's pages are not a run of the space", slot, address);
        return 1;
    }
    for (uint32_t i = 0; i < run->pages; i++)
        if (space->info[page + i] != space->info[page] || space->backs[page + i] != i)
            verify_fault(walk, "S1", "a page of a slab does not know its slab", slot, address);
    uint32_t out = (uint32_t)run->block_count - run->free_count;
    if (run->block_count != bytes / plim__class_bytes[code] || run->free_count > run->block_count)
        verify_fault(walk, "P1", "a slab counts more blocks than it has", slot, address);
    else if ((run->is_listed != 0) != (out < run->block_count))
        verify_fault(walk, "P3", "a slab with room is on no list, or a full one is", slot, address);
    else
        verify_bits(walk, page, slot);
    verify_sum *sum = &walk->sums[slot_number];
    sum->block_count += out;
    sum->charged_bytes += (size_t)out * plim__class_bytes[code];
    sum->slab_bytes += bytes;
    sum->listed += run->is_listed != 0;
    return run->pages;
}

static uint32_t verify_large(verify_walk *walk, uint32_t page, uint32_t slot_number)
{
    const plim__space *space = &walk->manager->space;
    const plim__run *run = &space->runs[page];
    const plim__slot *slot = &plim__slots[slot_number];
    if (run->pages == 0 || run->pages > space->touched - page || run->is_free) {
        verify_fault(walk, "S1", "a large block's pages are not a run of the space", slot,
                     plim__space_address(space, page));
        return 1;
    }
    uint16_t inner = plim__info_of(slot_number, PLIM__CLASS_INNER);
    for (uint32_t i = 1; i < run->pages; i++)
        if (space->info[page + i] != inner)
            verify_fault(walk, "P9", "a page inside a large block is marked as another's", slot,
                         plim__space_address(space, page));
    size_t bytes = (size_t)run->pages << PLIM__PAGE_SHIFT;
    verify_sum *sum = &walk->sums[slot_number];
    sum->block_count++;
    sum->charged_bytes += bytes;
    sum->large_bytes += bytes;
    return run->pages;
}

static void verify_pages(verify_walk *walk)
{
    plim__space *space = &walk->manager->space;
    if (space->touched > space->page_count) {
        verify_fault(walk, "S6", "more pages were touched than there are", NULL, NULL);
        return;
    }
    for (uint32_t page = 0; page < space->touched;) {
        uint32_t info = space->info[page];
        uint32_t slot_number = plim__info_slot(info);
        unsigned code = plim__info_code(info);
        if (info == 0) {
            page++;
            continue;
        }
        if (info != plim__info_of(slot_number, code)) {
            verify_fault(walk, "S1", "a page's info word is none that there is", NULL,
                         plim__space_address(space, page));
            page++;
        } else if (slot_number >= PLIM__SLOTS ||
                   plim__slots[slot_number].manager != walk->manager) {
            verify_fault(walk, "P4", "a page is marked as nobody's, and is not free", NULL,
                         plim__space_address(space, page));
            page++;
        } else if (verify_is_slab(code)) {
            page += verify_slab(walk, page, code, slot_number);
        } else if (code == PLIM__CLASS_LARGE) {
            page += verify_large(walk, page, slot_number);
        } else {
            verify_fault(walk, "P9", "a page is inside a block that does not begin anywhere", NULL,
                         plim__space_address(space, page));
            page++;
        }
    }
}

/* The lists of slabs with room have as many members as slabs say they are listed, each its own. */
static void verify_lists(verify_walk *walk, uint32_t slot_number)
{
    const plim__space *space = &walk->manager->space;
    const plim__slot *slot = &plim__slots[slot_number];
    uint32_t listed = 0;
    for (unsigned list = 0; list < 2 * PLIM__CLASS_CODES; list++) {
        uint32_t before = PLIM__PAGE_NONE;
        unsigned code = list % PLIM__CLASS_CODES;
        uint16_t info = plim__info_of(slot_number, code);
        plim__room room = slot->central->rooms[list];
        for (uint32_t page = room == PLIM__ROOM_NONE ? PLIM__PAGE_NONE : room;
             page != PLIM__PAGE_NONE; page = space->runs[page].next) {
            if (page >= space->touched || space->info[page] != info ||
                space->runs[page].prev != before || !space->runs[page].is_listed ||
                ++listed > walk->sums[slot_number].listed) {
                verify_fault(walk, "P3", "a list of slabs with room has what is none of it", slot,
                             NULL);
                return;
            }
            before = page;
        }
    }
    if (listed != walk->sums[slot_number].listed)
        verify_fault(walk, "P3", "a slab with room is on no list", slot, NULL);
}

static void verify_slot(verify_walk *walk, uint32_t slot_number, bool is_exact)
{
    plim__slot *slot = &plim__slots[slot_number];
    const plim__central *central = slot->central;
    const verify_sum *sum = &walk->sums[slot_number];
    verify_lists(walk, slot_number);
    if (sum->block_count + central->static_count != central->block_count ||
        sum->charged_bytes + central->static_bytes != central->charged_bytes ||
        sum->slab_bytes != central->slab_bytes || sum->large_bytes != central->large_bytes)
        verify_fault(walk, "B2", "slabs and blocks do not come to the sums kept of them", slot,
                     NULL);
    if (slot_number == walk->manager->tables_slot)
        return;
    if (plim__is_checked(walk->manager)) {
        plim__fault fault = plim__verify_slot_sums(slot);
        if (fault.invariant != NULL)
            verify_fault(walk, fault.invariant, fault.what, fault.slot, fault.address);
    }
    size_t charged = plim__budget_charged(&plim__slot_domain(slot)->budget);
    size_t given = central->charged_bytes;
    if (charged < given)
        verify_fault(walk, "B2", "blocks are given out that no budget was charged for", slot, NULL);
    if (is_exact && charged > given)
        verify_fault(walk, "B2", "a budget is charged for blocks that nobody has", slot, NULL);
}

plim__fault plim__verify_slot_sums(const plim__slot *slot)
{
    const plim__ghost *ghost = &slot->ghost;
    const char *broken = NULL;
    const char *what = NULL;
    if (ghost->charged_inverse != ~ghost->charged_bytes) {
        broken = "V4";
        what = "the two copies of a budget's second account differ";
    } else if (ghost->charged_bytes != slot->central->charged_bytes ||
               ghost->block_count != slot->central->block_count) {
        broken = "V4";
        what = "the blocks given out are not those counted a second time";
    } else if (ghost->charged_bytes != plim__budget_charged(&plim__slot_domain(slot)->budget)) {
        broken = "B2";
        what = "a budget is not charged what its second account says";
    } else if (ghost->requested_bytes > (ptrdiff_t)ghost->charged_bytes ||
               (ptrdiff_t)ghost->requested_mark < ghost->requested_bytes) {
        broken = "B7";
        what = "more is requested than charged, or a mark is below what it marks";
    }
    return (plim__fault){broken, what, broken != NULL ? slot : NULL, NULL};
}

/* Loans and limits move without the manager's lock, so a look may fall into the middle of one; a
   fault is there at every look. */
static void verify_bank(verify_walk *walk)
{
    const char *what = NULL;
    const char *broken = NULL;
    for (unsigned i = 0; i < VERIFY_TRIES; i++) {
        broken = plim__bank_check(&walk->manager->bank, &what);
        if (broken == NULL)
            return;
        PLIM__SPIN();
    }
    verify_fault(walk, broken, what, NULL, NULL);
}

plim__fault plim__verify_state(plim_manager *manager, bool is_exact)
{
    verify_walk walk = {.manager = manager};
    const char *broken = plim__space_fault(&manager->space);
    if (broken != NULL)
        verify_fault(&walk, broken, "the runs of pages do not add up to the space", NULL, NULL);
    verify_pages(&walk);
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++)
        if (plim__slots[slot].manager == manager)
            verify_slot(&walk, slot, is_exact);
    verify_bank(&walk);
    return walk.fault;
}

plim_status plim_manager_verify(plim_manager *manager, plim_error *err)
{
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    plim__fault fault = {0};
    /* A thread between two words of a budget makes a sum look wrong for a moment; a fault stays. */
    for (unsigned i = 0; i < VERIFY_TRIES; i++) {
        plim__lock_take(&manager->lock);
        fault = plim__verify_state(manager, false);
        plim__lock_give(&manager->lock);
        if (fault.invariant == NULL)
            return PLIM_OK;
        PLIM__SPIN();
    }
    (void)plim_error_set(err, PLIM_ERR_INTERNAL, "%s: %s", fault.invariant, fault.what);
    plim_error_where(err, "manager %s, domain %s, address %p", manager->name,
                     fault.slot != NULL ? plim__slot_domain(fault.slot)->name : "-", fault.address);
    return PLIM_ERR_INTERNAL;
}
