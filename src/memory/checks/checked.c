/* SPDX-License-Identifier: MIT */
/*
 * The checked path. Records stand in tables of their own, one per slab (of as many records as it
 * has blocks) or large block, made when the first block is taken and ended with the run of pages;
 * so an overrun never reaches the record that tells of it.
 *
 * V1  What lies behind a live block, up to its end, is as it was filled (overrun).
 * V2  A record's sum is that of its fields (a stray write to the tables).
 * V3  A released block holds poison until it is taken again (use after release).
 * V4  Ghost, sums and budget of a slot say the same, and the ghost's two copies do.
 * P5  Only the beginning of a live block can be given back, and once.
 */
#include "memory/checks/checked.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/panic.h"
#include "memory/checks/verify.h"
#include "memory/engine/large.h"
#include "memory/engine/slab.h"
#include "memory/engine/threads.h"

enum { CHECKED_GUARD = 0xfb };

/* A block, found. */
typedef struct checked_block {
    plim__slot *slot;
    plim__record *record;
    char *begin;
    size_t held_bytes; /* occupied and charged */
    uint32_t page;     /* the first of its run */
    unsigned code;
} checked_block;

static plim__fault checked_fault(const char *invariant, const char *what, const plim__slot *slot,
                                 const void *address)
{
    return (plim__fault){invariant, what, slot, address};
}

/* --- records ------------------------------------------------------------------------------ */

static size_t checked_table_bytes(const plim__space *space, uint32_t page)
{
    unsigned code = space->info[page] & (PLIM__CLASS_CODES - 1);
    size_t count = code == PLIM__CLASS_LARGE ? 1 : space->runs[page].block_count;
    return count * sizeof(plim__record);
}

/* The run's records, made at need; NULL if there is no room for them. */
static plim__record *checked_table(plim_manager *manager, uint32_t page)
{
    plim__space *space = &manager->space;
    if (space->records[page] == NULL)
        space->records[page] = plim__tables_take_locked(manager, checked_table_bytes(space, page));
    return space->records[page];
}

void plim__checked_closed(plim_manager *manager, uint32_t page)
{
    plim__space *space = &manager->space;
    void *table = space->records[page];
    if (table == NULL)
        return;
    space->records[page] = NULL;
    plim__tables_give_locked(manager, table, checked_table_bytes(space, page));
}

static uint32_t checked_sum(const plim__record *record, const void *block)
{
    uint32_t sum = 0x9e3779b9u;
    const uintptr_t words[] = {(uintptr_t)block, record->requested_bytes, (uintptr_t)record->site,
                               record->state};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint64_t word = words[i];
        sum = (sum ^ (uint32_t)word) * 0x01000193u;
        sum = (sum ^ (uint32_t)(word >> 32)) * 0x01000193u;
        sum ^= sum >> 15;
    }
    return sum;
}

static void checked_write(plim__record *record, const void *block, plim__record_state state,
                          size_t bytes, const char *site)
{
    record->state = state;
    record->requested_bytes = bytes;
    if (site != NULL || state == PLIM__RECORD_LIVE)
        record->site = site;
    record->sum = checked_sum(record, block);
}

/* --- guard and poison --------------------------------------------------------------------- */

static size_t checked_guard_length(const checked_block *block, size_t bytes)
{
    size_t behind = block->held_bytes - bytes;
    return behind < PLIM__GUARD_MAX ? behind : PLIM__GUARD_MAX;
}

static void checked_guard(const checked_block *block, size_t bytes)
{
    memset(block->begin + bytes, CHECKED_GUARD, checked_guard_length(block, bytes));
}

static bool checked_guard_holds(const checked_block *block)
{
    size_t bytes = block->record->requested_bytes;
    if (bytes > block->held_bytes)
        return false;
    const unsigned char *at = (const unsigned char *)block->begin + bytes;
    size_t length = checked_guard_length(block, bytes);
    for (size_t i = 0; i < length; i++)
        if (at[i] != CHECKED_GUARD)
            return false;
    return true;
}

/* 0xDEADBEEF, byte by byte, whatever the byte order. Blocks are aligned to 16 bytes and a multiple
   of 16 long, so it goes by words. */
static uint64_t checked_poison_word(void)
{
    static const unsigned char BYTES[8] = {0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef};
    uint64_t word;
    memcpy(&word, BYTES, sizeof word);
    return word;
}

static size_t checked_poison_words(const checked_block *block)
{
    size_t bytes = block->held_bytes < PLIM__POISON_MAX ? block->held_bytes : PLIM__POISON_MAX;
    return bytes / sizeof(uint64_t);
}

static void checked_poison(const checked_block *block)
{
    uint64_t poison = checked_poison_word();
    uint64_t *words = (uint64_t *)(void *)block->begin;
    size_t count = checked_poison_words(block);
    for (size_t i = 0; i < count; i++)
        words[i] = poison;
}

/* But for the first word: a slab links its free blocks through it. */
static bool checked_poison_holds(const checked_block *block)
{
    uint64_t poison = checked_poison_word();
    const uint64_t *words = (const uint64_t *)(const void *)block->begin;
    size_t count = checked_poison_words(block);
    uint64_t differs = 0;
    for (size_t i = 1; i < count; i++)
        differs |= words[i] ^ poison;
    return differs == 0;
}

/* --- ghost -------------------------------------------------------------------------------- */

/* What should be true of a slot after an operation. */
static void checked_ghost(plim__slot *slot, size_t old_bytes, size_t bytes, size_t old_charge,
                          size_t charge)
{
    plim__ghost *ghost = &slot->ghost;
    ghost->requested_bytes = ghost->requested_bytes - old_bytes + bytes;
    if (ghost->requested_bytes > ghost->requested_mark)
        ghost->requested_mark = ghost->requested_bytes;
    ghost->charged_bytes = ghost->charged_bytes - old_charge + charge;
    ghost->charged_inverse = ~ghost->charged_bytes;
    ghost->block_count = ghost->block_count + (bytes != 0) - (old_bytes != 0);
}

void plim__checked_book(plim__slot *slot, size_t old_bytes, size_t bytes)
{
    checked_ghost(slot, old_bytes, bytes, old_bytes, bytes);
}

void plim__checked_mark_reset(plim__slot *slot)
{
    plim__lock_take(&slot->manager->lock);
    slot->ghost.requested_mark = slot->ghost.requested_bytes;
    plim__lock_give(&slot->manager->lock);
}

/* --- invariants around an operation -------------------------------------------------------- */

/* The slot's sums; and the whole state, where the level or the count asks for it. */
static plim__fault checked_around(plim_manager *manager, plim__slot *slot)
{
    if (!plim__is_full(manager))
        return (plim__fault){0};
    plim__fault fault = plim__verify_slot_sums(slot);
    if (fault.invariant != NULL)
        return fault;
    size_t every = PLIM__SAMPLE_EVERY + (size_t)manager->space.touched * PLIM__SAMPLE_PER_PAGE;
    if (++manager->checked_count < every && manager->verify < PLIM_VERIFY_REDUNDANT)
        return fault;
    manager->checked_count = 0;
    return plim__verify_state(manager, true);
}

static void checked_tell(plim_manager *manager, const plim__fault *fault, const char *site)
{
    plim__panic(manager, fault->invariant, fault->what, (plim__slot *)(uintptr_t)fault->slot, site,
                fault->address);
}

/* --- take --------------------------------------------------------------------------------- */

static bool checked_carve(plim_manager *manager, const plim__wish *wish, checked_block *out)
{
    plim__space *space = &manager->space;
    uint32_t number = (uint32_t)(wish->slot - plim__slots);
    void *begin = NULL;
    if (wish->code == 0)
        begin = plim__large_take(manager, wish->slot->central, number, wish->charge, wish->align);
    else
        (void)plim__slab_take(manager, wish->slot->central, number, wish->code, 1, &begin);
    if (begin == NULL)
        return false;
    uint32_t page = plim__space_page(space, begin);
    *out = (checked_block){
        .slot = wish->slot,
        .begin = begin,
        .held_bytes = wish->charge,
        .page = wish->code == 0 ? page : space->runs[page].start,
        .code = wish->code == 0 ? PLIM__CLASS_LARGE : wish->code,
    };
    return true;
}

/* The memory back to where it came from, with no record of it. */
static void checked_uncarve(plim_manager *manager, const checked_block *block)
{
    plim__central *central = block->slot->central;
    if (block->code == PLIM__CLASS_LARGE) {
        plim__checked_closed(manager, block->page);
        (void)plim__large_give(manager, central, block->page);
    } else {
        uint32_t page = plim__space_page(&manager->space, block->begin);
        plim__slab_give(manager, central, block->code, page, block->begin);
    }
}

/* Finds the record; if there is no room for records, the memory goes back. */
static bool checked_enrol(plim_manager *manager, checked_block *block)
{
    plim__record *table = checked_table(manager, block->page);
    if (table == NULL) {
        checked_uncarve(manager, block);
        return false;
    }
    uint32_t index = 0;
    void *begin = block->begin;
    if (block->code != PLIM__CLASS_LARGE)
        index = plim__slab_index(&manager->space, block->code, block->page, begin, &begin);
    block->record = &table[index];
    return true;
}

static plim__fault checked_reuse_fault(plim_manager *manager, const checked_block *block)
{
    if (!plim__is_full(manager) || block->record->state == PLIM__RECORD_NEVER)
        return (plim__fault){0};
    if (block->record->sum != checked_sum(block->record, block->begin))
        return checked_fault("V2", "the record of a released block was written to", block->slot,
                             block->begin);
    if (block->record->state != PLIM__RECORD_RELEASED)
        return checked_fault("P4", "a slab gave out a block that is live", block->slot,
                             block->begin);
    if (checked_poison_holds(block))
        return (plim__fault){0};
    /* So that the next request finds it in order. */
    checked_poison(block);
    return checked_fault("V3", "a block was written to after its release", block->slot,
                         block->begin);
}

/* With the lock, and the charge made. NULL: the reason in *out_reason, or a fault. */
static void *checked_take_locked(plim_manager *manager, const plim__wish *wish,
                                 plim_refusal_reason *out_reason, plim__fault *out_fault)
{
    checked_block block = {0};
    bool is_there = checked_carve(manager, wish, &block) && checked_enrol(manager, &block);
    if (!is_there) {
        /* Slabs that are kept though empty may be all that is in the way. */
        plim__manager_sweep(manager);
        is_there = checked_carve(manager, wish, &block) && checked_enrol(manager, &block);
    }
    if (!is_there) {
        *out_reason = manager->is_sealed ? PLIM_REFUSAL_SEALED : PLIM_REFUSAL_PAGES;
        return NULL;
    }
    *out_fault = checked_reuse_fault(manager, &block);
    if (out_fault->invariant != NULL) {
        checked_uncarve(manager, &block);
        return NULL;
    }
    if (plim__is_full(manager))
        checked_guard(&block, wish->bytes);
    checked_write(block.record, block.begin, PLIM__RECORD_LIVE, wish->bytes, wish->site);
    checked_ghost(wish->slot, 0, wish->bytes, 0, wish->charge);
    (void)plim__add_relaxed(&wish->slot->allocated, 1);
    return block.begin;
}

void *plim__checked_take(const plim__wish *wish)
{
    plim__slot *slot = wish->slot;
    plim_manager *manager = slot->manager;
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    plim_refusal_reason reason = PLIM_REFUSAL_BUDGET;
    void *block = NULL;
    if (!plim__thread_begin())
        return plim__refuse(slot, PLIM_REFUSAL_REENTERED, wish->bytes, wish->charge, wish->site);
    plim__lock_take(&manager->lock);
    plim__fault fault = checked_around(manager, slot);
    if (fault.invariant == NULL && plim__budget_take(budget, wish->charge)) {
        block = checked_take_locked(manager, wish, &reason, &fault);
        if (block == NULL)
            (void)plim__budget_give(budget, wish->charge);
        else if (plim__is_full(manager))
            fault = plim__verify_slot_sums(slot);
    }
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (fault.invariant != NULL) {
        checked_tell(manager, &fault, wish->site);
        return NULL;
    }
    if (block == NULL)
        return plim__refuse(slot, reason, wish->bytes, wish->charge, wish->site);
    return block;
}

/* --- find, give, resize -------------------------------------------------------------------- */

/* The live block that begins at an address of the space; the fault, if there is none. */
static plim__fault checked_find(plim_manager *manager, const void *address, checked_block *out)
{
    plim__space *space = &manager->space;
    uint32_t page = plim__space_page(space, address);
    uint32_t info = space->info[page];
    plim__slot *slot = &plim__slots[info >> PLIM__CLASS_BITS];
    unsigned code = info & (PLIM__CLASS_CODES - 1);
    if (info == 0)
        return checked_fault("P5", "no block is there", NULL, address);
    if (code == PLIM__CLASS_INNER)
        return checked_fault("P5", "the middle of a block", slot, address);
    if (slot->central == &manager->tables)
        return checked_fault("P5", "the manager's own records", NULL, address);
    uint32_t start = code == PLIM__CLASS_LARGE ? page : space->runs[page].start;
    void *begin = plim__space_address(space, page);
    uint32_t index = 0;
    if (code != PLIM__CLASS_LARGE)
        index = plim__slab_index(space, code, page, address, &begin);
    plim__record *table = space->records[start];
    if (begin != address)
        return checked_fault("P5", "not the beginning of a block", slot, address);
    if (table == NULL || (code != PLIM__CLASS_LARGE && index >= space->runs[start].block_count))
        return checked_fault("P5", "no block is there", slot, address);
    *out = (checked_block){
        .slot = slot,
        .record = &table[index],
        .begin = begin,
        .page = start,
        .code = code,
        .held_bytes =
            code == PLIM__CLASS_LARGE ? plim__large_bytes(manager, page) : plim__class_bytes[code],
    };
    if (plim__is_full(manager) && out->record->state != PLIM__RECORD_NEVER &&
        out->record->sum != checked_sum(out->record, begin))
        return checked_fault("V2", "a block's record was written to", slot, address);
    if (out->record->state == PLIM__RECORD_RELEASED)
        return checked_fault("P5", "already given back", slot, address);
    if (out->record->state != PLIM__RECORD_LIVE)
        return checked_fault("P5", "no block is there", slot, address);
    if (plim__is_full(manager) && !checked_guard_holds(out))
        return checked_fault("V1", "a block was written to behind its end", slot, address);
    return (plim__fault){0};
}

static plim__fault checked_give_locked(plim_manager *manager, void *address, const char *site)
{
    checked_block block;
    plim__fault fault = checked_find(manager, address, &block);
    if (fault.invariant == NULL)
        fault = checked_around(manager, block.slot);
    if (fault.invariant != NULL)
        return fault;
    size_t bytes = block.record->requested_bytes;
    if (plim__is_full(manager))
        checked_poison(&block);
    checked_write(block.record, block.begin, PLIM__RECORD_RELEASED, bytes, site);
    checked_ghost(block.slot, bytes, 0, block.held_bytes, 0);
    checked_uncarve(manager, &block);
    (void)plim__budget_give(&plim__slot_domain(block.slot)->budget, block.held_bytes);
    if (plim__is_full(manager))
        fault = plim__verify_slot_sums(block.slot);
    return fault;
}

void plim__checked_give(plim_manager *manager, void *block, const char *site)
{
    plim__lock_take(&manager->lock);
    plim__fault fault = checked_give_locked(manager, block, site);
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (fault.invariant != NULL)
        checked_tell(manager, &fault, site);
}

void plim__checked_give_inside(plim_manager *manager, void *block)
{
    plim__lock_take(&manager->lock);
    plim__fault fault = checked_give_locked(manager, block, NULL);
    plim__lock_give(&manager->lock);
    if (fault.invariant != NULL)
        checked_tell(manager, &fault, NULL);
}

bool plim__checked_look(plim_manager *manager, const void *block, size_t *out_bytes,
                        const char **out_site)
{
    checked_block found;
    plim__lock_take(&manager->lock);
    bool is_live = checked_find(manager, block, &found).invariant == NULL;
    if (is_live) {
        *out_bytes = found.record->requested_bytes;
        *out_site = found.record->site;
    }
    plim__lock_give(&manager->lock);
    return is_live;
}

/* A large block's pages, as many as the new size takes; the budget follows. */
static bool checked_stretch(plim_manager *manager, checked_block *block, size_t charge)
{
    plim__budget *budget = &plim__slot_domain(block->slot)->budget;
    size_t old_charge = block->held_bytes;
    if (charge > old_charge && !plim__budget_take(budget, charge - old_charge))
        return false;
    bool is_done = plim__large_resize(manager, block->slot->central, block->page, charge);
    if (charge > old_charge && !is_done)
        (void)plim__budget_give(budget, charge - old_charge);
    if (charge < old_charge && is_done)
        (void)plim__budget_give(budget, old_charge - charge);
    return is_done;
}

static plim__resized checked_resize_locked(plim_manager *manager, const void *address, size_t bytes,
                                           const char *site, size_t *out_bytes,
                                           plim__fault *out_fault)
{
    checked_block block;
    *out_fault = checked_find(manager, address, &block);
    if (out_fault->invariant == NULL)
        *out_fault = checked_around(manager, block.slot);
    if (out_fault->invariant != NULL)
        return PLIM__RESIZED_FAULTY;
    size_t old_bytes = block.record->requested_bytes;
    size_t old_charge = block.held_bytes;
    size_t held = bytes + plim__guard_bytes(manager);
    *out_bytes = old_bytes < bytes ? old_bytes : bytes;
    if (block.code != PLIM__CLASS_LARGE) {
        if (held > PLIM__SMALL_MAX || plim__class_of(held) != block.code)
            return PLIM__RESIZED_MOVE;
    } else {
        size_t charge = plim__large_charge(held);
        if (held <= PLIM__SMALL_MAX ||
            (charge != old_charge && !checked_stretch(manager, &block, charge)))
            return PLIM__RESIZED_MOVE;
        block.held_bytes = charge;
    }
    if (plim__is_full(manager))
        checked_guard(&block, bytes);
    checked_write(block.record, block.begin, PLIM__RECORD_LIVE, bytes,
                  site != NULL ? site : block.record->site);
    checked_ghost(block.slot, old_bytes, bytes, old_charge, block.held_bytes);
    return PLIM__RESIZED_DONE;
}

plim__resized plim__checked_resize(plim_manager *manager, void *block, size_t bytes,
                                   const char *site, size_t *out_bytes)
{
    plim__fault fault = {0};
    if (!plim__thread_begin()) {
        (void)plim__refuse(NULL, PLIM_REFUSAL_REENTERED, bytes, 0, site);
        return PLIM__RESIZED_FAULTY;
    }
    plim__lock_take(&manager->lock);
    plim__resized resized = checked_resize_locked(manager, block, bytes, site, out_bytes, &fault);
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (resized == PLIM__RESIZED_FAULTY)
        checked_tell(manager, &fault, site);
    return resized;
}
