/* SPDX-License-Identifier: MIT */
/*
 * The checked way. States and marks stand in tables of the space's, so an overrun never reaches the
 * one that tells of it.
 *
 * V1  What lies behind a watched block is as it was filled (overrun).
 * V2  A state is one that there is, a mark says the same as its copy (a stray write to the tables).
 * V3  A watched block that was released holds poison until it is taken again (use after release).
 * V4  Ghost, sums and budget of a slot say the same, and the ghost's two copies do.
 * P5  Only the beginning of a live block can be given back, and once.
 */
#include "memory/checks/checked.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/marks.h"
#include "memory/checks/panic.h"
#include "memory/checks/verify.h"
#include "memory/engine/large.h"
#include "memory/engine/slab.h"
#include "memory/engine/threads.h"

/* A block, found. */
typedef struct checked_block {
    plim__slot *slot;
    uint8_t *state;
    uint32_t *mark; /* level full: of a large block, or where each is watched; else NULL */
    char *begin;
    size_t held_bytes; /* occupied and charged */
    size_t bytes;      /* as asked for; if it is not watched, held_bytes */
    uint32_t page;     /* the one it begins on */
    uint32_t word;     /* the mark, as found; 0: none that makes sense, or it is not watched */
    unsigned code;
    bool is_watched;
} checked_block;

static plim__fault checked_fault(const char *invariant, const char *what, const plim__slot *slot,
                                 const void *address)
{
    return (plim__fault){invariant, what, slot, address};
}

/* --- marks -------------------------------------------------------------------------------- */

static const char *checked_site(const checked_block *block)
{
    return block->is_watched ? plim__place_site(plim__mark_place(block->word)) : NULL;
}

static bool checked_is_large(const checked_block *block)
{
    return block->code == PLIM__CLASS_LARGE;
}

/* Where its mark stands; NULL: nowhere but in its copy. */
static uint32_t *checked_mark(const plim_manager *manager, const checked_block *block)
{
    if (checked_is_large(block) && plim__is_full(manager))
        return plim__space_row(&manager->space, block->page);
    return plim__is_exact(manager) ? plim__mark_of(&manager->space, block->begin) : NULL;
}

/* What it says of a watched block. */
static uint32_t checked_word(const checked_block *block)
{
    return block->mark != NULL
               ? plim__mark_load(block->mark)
               : plim__mark_told(plim__guard_copy(block->begin, block->held_bytes), block->begin);
}

/* The second to fourth word of a large block's row: bytes, and a sum of all. */
static void checked_large_words(const checked_block *block, size_t bytes, uint32_t mark,
                                uint32_t out_words[3])
{
    uint64_t sum = plim__mark_copy((uint64_t)mark << 32 ^ bytes, block->begin);
    out_words[0] = (uint32_t)bytes;
    out_words[1] = (uint32_t)((uint64_t)bytes >> 32);
    out_words[2] = (uint32_t)(sum >> 32); /* the half that every bit of both has a say in */
}

static void checked_write_large(const checked_block *block, size_t bytes, const char *site)
{
    uint32_t mark = plim__mark_make(plim__place_of(site), 1);
    plim__mark_store(block->mark, mark);
    checked_large_words(block, bytes, mark, block->mark + 1);
}

static size_t checked_large_bytes(const uint32_t *mark)
{
    return (size_t)((uint64_t)mark[2] << 32 | mark[1]);
}

/* --- guard and poison --------------------------------------------------------------------- */

/* Where the whole slack is watched: of a large block always, of others at level redundant. */
static size_t checked_slack(const checked_block *block, size_t bytes)
{
    size_t end = block->held_bytes - (checked_is_large(block) ? 0 : sizeof(uint64_t));
    size_t behind = end - bytes;
    return behind < PLIM__GUARD_MAX ? behind : PLIM__GUARD_MAX;
}

static bool checked_slack_holds(const checked_block *block, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)block->begin + bytes;
    size_t length = checked_slack(block, bytes);
    for (size_t i = 0; i < length; i++)
        if (at[i] != PLIM__GUARD)
            return false;
    return true;
}

/* Says that the block is live; of a watched one: guard, mark, copy. */
static void checked_enter(const plim_manager *manager, const checked_block *block, size_t bytes,
                          const char *site)
{
    plim__state_store(block->state, block->is_watched ? PLIM__STATE_WATCHED : PLIM__STATE_LIVE);
    if (!block->is_watched)
        return;
    if (checked_is_large(block) || manager->verify == PLIM_VERIFY_REDUNDANT)
        memset(block->begin + bytes, PLIM__GUARD, checked_slack(block, bytes));
    if (checked_is_large(block)) {
        checked_write_large(block, bytes, site);
        return;
    }
    uint32_t mark = plim__mark_make(plim__place_of(site), bytes);
    if (block->mark != NULL)
        plim__mark_store(block->mark, mark);
    plim__guard_put(block->begin, bytes, block->held_bytes, mark);
}

/* Says that it was given back. Here there is time to poison the whole. */
static void checked_strike(const checked_block *block)
{
    /* A large block's pages may become anything; that it is gone, they say themselves. */
    plim__state_store(block->state, checked_is_large(block) ? PLIM__STATE_NONE
                                    : block->is_watched     ? PLIM__STATE_KEPT
                                                            : PLIM__STATE_GONE);
    if (!block->is_watched)
        return;
    uint32_t mark = plim__mark_resized(block->word, 0);
    mark |= checked_is_large(block) ? 0 : PLIM__MARK_WHOLE;
    plim__poison_put(block->begin, plim__poison_bytes(mark, block->held_bytes));
    if (block->mark != NULL)
        plim__mark_store(block->mark, mark);
    if (checked_is_large(block))
        memset(block->mark, 0, PLIM__ROW_WORDS * sizeof *block->mark);
}

/* Of a watched small block: whether what is behind it and its mark hold. Where mark and copy
   differ, the copy is believed if it makes sense. */
static plim__fault checked_small_fault(const plim_manager *manager, const checked_block *block)
{
    uint32_t mark = block->word;
    size_t most = block->held_bytes - PLIM__GUARD_MIN;
    bool is_sane = plim__mark_is_live(mark) && block->bytes <= most;
    if (is_sane && plim__guard_holds(block->begin, block->bytes, block->held_bytes, mark) &&
        (manager->verify < PLIM_VERIFY_REDUNDANT || checked_slack_holds(block, block->bytes)))
        return (plim__fault){0};
    uint64_t copy = plim__guard_copy(block->begin, block->held_bytes);
    uint64_t told = plim__mark_of_copy(copy, block->begin);
    size_t bytes = plim__mark_bytes((uint32_t)told);
    if (told != mark && told <= UINT32_MAX && bytes <= most &&
        plim__guard_holds(block->begin, bytes, block->held_bytes, (uint32_t)told))
        return checked_fault("V2", "a block's mark was written to", block->slot, block->begin);
    return checked_fault("V1", "a block was written to behind its end", block->slot, block->begin);
}

static plim__fault checked_large_fault(const checked_block *block)
{
    uint32_t words[3];
    checked_large_words(block, block->bytes, block->word, words);
    if (memcmp(words, block->mark + 1, sizeof words) != 0 || block->bytes > block->held_bytes)
        return checked_fault("V2", "a block's mark was written to", block->slot, block->begin);
    if (!checked_slack_holds(block, block->bytes))
        return checked_fault("V1", "a block was written to behind its end", block->slot,
                             block->begin);
    return (plim__fault){0};
}

/* --- ghost -------------------------------------------------------------------------------- */

static void ghost_asked(plim__ghost *ghost, ptrdiff_t bytes, ptrdiff_t most)
{
    ptrdiff_t top = ghost->requested_bytes + most;
    if (top > 0 && (size_t)top > ghost->requested_mark)
        ghost->requested_mark = (size_t)top;
    ghost->requested_bytes += bytes;
}

static void ghost_charged(plim__ghost *ghost, ptrdiff_t count, ptrdiff_t bytes)
{
    ghost->charged_bytes += (size_t)bytes;
    ghost->charged_inverse = ~ghost->charged_bytes;
    ghost->block_count += (size_t)count;
}

static void checked_asked(plim__slot *slot, size_t old_bytes, size_t bytes)
{
    if (!plim__is_exact(slot->manager))
        return;
    ptrdiff_t change = (ptrdiff_t)(bytes - old_bytes);
    ghost_asked(&slot->ghost, change, change);
}

/* What a cache was asked since it last told. */
static void checked_fold(plim__cache *cache)
{
    if (!plim__is_exact(cache->manager))
        return;
    plim__ghost *ghost = &plim__slots[cache->slot].ghost;
    ghost_asked(ghost, plim__own_load(&cache->asked), plim__own_load(&cache->asked_most));
    plim__own_store(&cache->asked, 0);
    plim__own_store(&cache->asked_most, 0);
}

/* So that this thread's operations are told in their order. */
static void checked_fold_own(const plim__slot *slot)
{
    plim__cache *cache = plim__thread_self->own[slot - plim__slots];
    if (cache != NULL)
        checked_fold(cache);
}

void plim__checked_moved(plim__cache *cache, ptrdiff_t count, ptrdiff_t bytes)
{
    checked_fold(cache);
    ghost_charged(&plim__slots[cache->slot].ghost, count, bytes);
}

void plim__checked_book(plim__slot *slot, size_t old_bytes, size_t bytes)
{
    checked_asked(slot, old_bytes, bytes);
    ghost_charged(&slot->ghost, (ptrdiff_t)(bytes != 0) - (ptrdiff_t)(old_bytes != 0),
                  (ptrdiff_t)(bytes - old_bytes));
}

void plim__checked_mark_reset(plim__slot *slot)
{
    plim__lock_take(&slot->manager->lock);
    slot->ghost.requested_mark =
        slot->ghost.requested_bytes > 0 ? (size_t)slot->ghost.requested_bytes : 0;
    plim__lock_give(&slot->manager->lock);
}

static int32_t checked_every(const plim_manager *manager)
{
    size_t every = PLIM__SAMPLE_EVERY + (size_t)manager->space.touched * PLIM__SAMPLE_PER_PAGE;
    return every < INT32_MAX ? (int32_t)every : INT32_MAX;
}

void plim__checked_cache(plim__cache *cache)
{
    const plim_manager *manager = cache->manager;
    bool is_full = plim__is_full(manager);
    cache->id ^= is_full ? PLIM__TURNED_FULL : PLIM__TURNED_STANDARD;
    cache->watch_in = manager->watch_first;
    cache->look_in = checked_every(manager);
    cache->states = (uintptr_t)manager->space.states - manager->space.base / PLIM__ALIGN;
    /* A request of the last class's size does not fit a mark. */
    cache->bins[PLIM__CLASS_COUNT].end = cache->bins[PLIM__CLASS_COUNT].array;
}

bool plim__checked_is_watched(plim_manager *manager)
{
    if (manager->watch_every == 1)
        return true;
    return __atomic_add_fetch(&manager->watch_count, 1, __ATOMIC_RELAXED) % manager->watch_every ==
           0;
}

/* A thread's way to blocks without the slabs; NULL: this operation has none. */
static plim__cache *checked_cache(plim_manager *manager, const plim__slot *slot, unsigned code)
{
    if (code == 0 || code == PLIM__CLASS_LARGE)
        return NULL;
    plim__cache *cache = plim__thread_cache(manager, plim__slot_domain(slot));
    return cache != NULL && plim__cache_keeps(cache, code) ? cache : NULL;
}

/* --- invariants around an operation -------------------------------------------------------- */

/* Whether it is time for a look at the whole state. */
static bool checked_is_due(plim_manager *manager, plim__cache *cache)
{
    if (manager->verify >= PLIM_VERIFY_REDUNDANT)
        return true;
    if (cache != NULL ? --cache->look_in > 0
                      : (int32_t)++manager->checked_count < checked_every(manager))
        return false;
    if (cache != NULL)
        cache->look_in = checked_every(manager);
    else
        manager->checked_count = 0;
    return true;
}

/* The slot's sums; and the whole state, where the level or the count asks for it. */
static plim__fault checked_around(plim_manager *manager, const plim__slot *slot, plim__cache *cache)
{
    if (!plim__is_full(manager))
        return (plim__fault){0};
    plim__fault fault = plim__verify_slot_sums(slot);
    if (fault.invariant != NULL || !checked_is_due(manager, cache))
        return fault;
    return plim__verify_state(manager, true);
}

static void checked_tell(plim_manager *manager, const plim__fault *fault, const char *site)
{
    plim__panic(manager, fault->invariant, fault->what, (plim__slot *)(uintptr_t)fault->slot, site,
                fault->address);
}

/* --- take --------------------------------------------------------------------------------- */

/* From the slabs or the pages, charged; NULL and why. */
static void *checked_carve_charged(plim_manager *manager, const plim__wish *wish,
                                   plim_refusal_reason *out_reason)
{
    plim__budget *budget = &plim__slot_domain(wish->slot)->budget;
    plim__central *central = wish->slot->central;
    uint32_t number = (uint32_t)(wish->slot - plim__slots);
    void *begin = NULL;
    *out_reason = PLIM_REFUSAL_BUDGET;
    if (!plim__budget_take(budget, wish->charge))
        return NULL;
    *out_reason = PLIM_REFUSAL_PAGES;
    if (wish->code == 0)
        begin = plim__large_take(manager, central, number, wish->charge, wish->align);
    else if (wish->is_lasting)
        begin = plim__slab_take_lasting(manager, central, number, wish->code);
    else
        (void)plim__slab_take(manager, central, number, wish->code, 1, &begin);
    if (begin == NULL) {
        (void)plim__budget_give(budget, wish->charge);
        return NULL;
    }
    ghost_charged(&wish->slot->ghost, 1, (ptrdiff_t)wish->charge);
    (void)plim__add_relaxed(&wish->slot->allocated, 1);
    return begin;
}

static bool checked_carve(plim_manager *manager, const plim__wish *wish, plim__cache *cache,
                          checked_block *out, plim_refusal_reason *out_reason)
{
    void *begin = cache != NULL ? plim__cache_refill(cache, wish->code, out_reason)
                                : checked_carve_charged(manager, wish, out_reason);
    if (begin == NULL)
        return false;
    *out = (checked_block){
        .slot = wish->slot,
        .state = plim__state_of(&manager->space, begin),
        .begin = begin,
        .held_bytes = wish->charge,
        .bytes = wish->bytes,
        .page = plim__space_page(&manager->space, begin),
        .code = wish->code == 0 ? PLIM__CLASS_LARGE : wish->code,
        .is_watched = wish->is_watched,
    };
    out->mark = checked_mark(manager, out);
    if (wish->code == 0)
        plim__space_rowed(&manager->space, out->page);
    return true;
}

/* The memory back to where it came from, or to the thread's cache, and what it was charged. */
static void checked_uncarve(plim_manager *manager, const checked_block *block, plim__cache *cache)
{
    plim__central *central = block->slot->central;
    if (cache != NULL) {
        plim__cache_flush(cache, block->code, block->begin);
        return;
    }
    if (checked_is_large(block))
        (void)plim__large_give(manager, central, block->page);
    else
        plim__slab_give(manager, central, block->code, block->begin);
    ghost_charged(&block->slot->ghost, -1, -(ptrdiff_t)block->held_bytes);
    (void)plim__budget_give(&plim__slot_domain(block->slot)->budget, block->held_bytes);
}

/* The mark of a block that is to be taken says that it is live, or its state that it is watched. */
static plim__fault checked_reuse_watched(const checked_block *block)
{
    uint32_t mark = checked_word(block);
    uint64_t copy = plim__guard_copy(block->begin, block->held_bytes);
    if (plim__mark_is_live(mark) && plim__mark_of_copy(copy, block->begin) == mark)
        return checked_fault("P4", "a slab gave out a block that is live", block->slot,
                             block->begin);
    plim__state_store(block->state, PLIM__STATE_GONE);
    if (block->mark == NULL)
        return checked_fault("V2", "the state of a released block was written to", block->slot,
                             block->begin);
    plim__mark_store(block->mark, plim__mark_resized(mark, 0));
    return checked_fault("V2", "the mark of a released block was written to", block->slot,
                         block->begin);
}

/* What was given back before must be as it was left. Pages that were a large block's are not looked
   at: they may have been anything meanwhile. */
static plim__fault checked_reuse_fault(const plim_manager *manager, const checked_block *block)
{
    uint8_t state = plim__state_load(block->state);
    if (state <= PLIM__STATE_GONE || checked_is_large(block))
        return (plim__fault){0};
    if (state == PLIM__STATE_LIVE)
        return checked_fault("P4", "a slab gave out a block that is live", block->slot,
                             block->begin);
    bool is_full = plim__is_full(manager);
    bool is_kept = state == PLIM__STATE_KEPT && is_full;
    if (!is_kept && (state != PLIM__STATE_WATCHED || !is_full)) {
        plim__state_store(block->state, PLIM__STATE_GONE);
        return checked_fault("V2", "the state of a released block was written to", block->slot,
                             block->begin);
    }
    uint32_t mark = block->mark != NULL ? plim__mark_load(block->mark) : PLIM__MARK_WHOLE;
    if (!is_kept || mark == PLIM__MARK_NONE || plim__mark_is_live(mark))
        return checked_reuse_watched(block);
    size_t poisoned = plim__poison_bytes(mark, block->held_bytes);
    if (plim__poison_holds(block->begin, poisoned))
        return (plim__fault){0};
    /* So that the next request finds it in order. */
    plim__poison_put(block->begin, poisoned);
    return checked_fault("V3", "a block was written to after its release", block->slot,
                         block->begin);
}

/* With the lock. NULL: the reason in *out_reason, or a fault. */
static void *checked_take_locked(plim_manager *manager, const plim__wish *wish, plim__cache *cache,
                                 plim_refusal_reason *out_reason, plim__fault *out_fault)
{
    checked_block block = {0};
    *out_fault = checked_around(manager, wish->slot, cache);
    if (out_fault->invariant != NULL || !checked_carve(manager, wish, cache, &block, out_reason))
        return NULL;
    *out_fault = checked_reuse_fault(manager, &block);
    if (out_fault->invariant != NULL) {
        checked_uncarve(manager, &block, cache);
        return NULL;
    }
    checked_enter(manager, &block, wish->bytes, wish->site);
    checked_fold_own(wish->slot);
    checked_asked(wish->slot, 0, wish->bytes);
    if (plim__is_full(manager)) /* it can only be told: the block is there */
        *out_fault = plim__verify_slot_sums(wish->slot);
    return block.begin;
}

static void *checked_take_once(plim_manager *manager, const plim__wish *wish,
                               plim_refusal_reason *out_reason, plim__fault *out_fault)
{
    plim__cache *cache = wish->is_lasting ? NULL : checked_cache(manager, wish->slot, wish->code);
    plim__lock_take(&manager->lock);
    void *block = checked_take_locked(manager, wish, cache, out_reason, out_fault);
    plim__lock_give(&manager->lock);
    return block;
}

/* What is at hand of what was wanting; false if nothing was. */
static bool checked_relieve(plim_manager *manager, const plim__wish *wish,
                            plim_refusal_reason reason)
{
    if (reason == PLIM_REFUSAL_BUDGET)
        return plim__slots_relieve(wish->slot);
    (void)plim__threads_drain(manager, 0);
    plim__lock_take(&manager->lock);
    plim__manager_sweep(manager);
    plim__lock_give(&manager->lock);
    return true;
}

void *plim__checked_take(const plim__wish *wish)
{
    plim__slot *slot = wish->slot;
    plim_manager *manager = slot->manager;
    plim_refusal_reason reason = PLIM_REFUSAL_BUDGET;
    plim__fault fault = {0};
    if (!plim__thread_begin())
        return plim__refuse(slot, PLIM_REFUSAL_REENTERED, wish->bytes, wish->charge, wish->site);
    void *block = checked_take_once(manager, wish, &reason, &fault);
    if (block == NULL && fault.invariant == NULL && checked_relieve(manager, wish, reason))
        block = checked_take_once(manager, wish, &reason, &fault);
    plim__thread_end();
    if (fault.invariant != NULL) {
        checked_tell(manager, &fault, wish->site);
        return NULL;
    }
    if (block == NULL && reason == PLIM_REFUSAL_PAGES && manager->is_sealed)
        reason = PLIM_REFUSAL_SEALED;
    if (block == NULL)
        return plim__refuse(slot, reason, wish->bytes, wish->charge, wish->site);
    return block;
}

/* --- a thread's cache, filled and emptied --------------------------------------------------- */

/* Whether the slot's sums hold, and it is no time for a look at the whole state: else the checked
   way is to see to it. */
static bool checked_is_quiet(const plim_manager *manager, plim__cache *cache)
{
    if (!plim__is_full(manager))
        return true;
    if (cache->look_in <= 1 || plim__verify_slot_sums(&plim__slots[cache->slot]).invariant != NULL)
        return false;
    cache->look_in--;
    return true;
}

/* What is wrong with the slot's sums after an operation, which can only be told. */
static void checked_after(plim_manager *manager, uint32_t slot, plim__fault *out_fault)
{
    if (plim__is_full(manager))
        *out_fault = plim__verify_slot_sums(&plim__slots[slot]);
}

void *plim__checked_refill(plim_manager *manager, uint32_t slot, plim__cache *cache, unsigned code,
                           const char *site)
{
    plim__fault fault = {0};
    plim_refusal_reason reason = PLIM_REFUSAL_NONE;
    void *block = NULL;
    if (!plim__thread_begin())
        return NULL;
    plim__lock_take(&manager->lock);
    if (plim__thread_self->own[slot] == cache && checked_is_quiet(manager, cache))
        block = plim__cache_refill(cache, code, &reason);
    if (block != NULL) {
        uint8_t *state = plim__state_of(&manager->space, block);
        if (plim__state_load(state) <= PLIM__STATE_GONE) {
            plim__state_store(state, PLIM__STATE_LIVE);
        } else {
            (void)plim__cache_keep(cache, code, block); /* where it was */
            block = NULL;
        }
        checked_after(manager, slot, &fault);
    }
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (fault.invariant != NULL)
        checked_tell(manager, &fault, site);
    return block;
}

bool plim__checked_flush(plim_manager *manager, uint32_t slot, plim__cache *cache, unsigned code,
                         void *block)
{
    plim__fault fault = {0};
    if (!plim__thread_begin())
        return false;
    plim__lock_take(&manager->lock);
    uint8_t *state = plim__state_of(&manager->space, block);
    bool is_done = plim__thread_self->own[slot] == cache &&
                   plim__state_load(state) == PLIM__STATE_LIVE && checked_is_quiet(manager, cache);
    if (is_done) {
        plim__state_store(state, PLIM__STATE_GONE);
        plim__cache_flush(cache, code, block);
        checked_after(manager, slot, &fault);
    }
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (fault.invariant != NULL)
        checked_tell(manager, &fault, NULL);
    return is_done;
}

/* --- find, give, resize -------------------------------------------------------------------- */

/* Why a state is none of a live block; NULL: it is. */
static const char *checked_state_fault(uint8_t state, const char **out_what)
{
    if (state == PLIM__STATE_LIVE || state == PLIM__STATE_WATCHED)
        return NULL;
    *out_what = state == PLIM__STATE_NONE                                ? "no block begins there"
                : state == PLIM__STATE_GONE || state == PLIM__STATE_KEPT ? "already given back"
                                                                         : "a block's state was "
                                                                           "written to";
    bool is_known =
        state == PLIM__STATE_NONE || state == PLIM__STATE_GONE || state == PLIM__STATE_KEPT;
    return is_known ? "P5" : "V2";
}

/* The live block that begins at an address of the space; the fault, if there is none. */
static plim__fault checked_find(plim_manager *manager, const void *address, checked_block *out)
{
    plim__space *space = &manager->space;
    uint32_t page = plim__space_page(space, address);
    uint32_t info = space->info[page];
    plim__slot *slot = &plim__slots[plim__info_slot(info)];
    unsigned code = plim__info_code(info);
    if (info == 0)
        return checked_fault("P5", "no block is there", NULL, address);
    if (code == PLIM__CLASS_INNER)
        return checked_fault("P5", "the middle of a block", slot, address);
    if (slot->central == &manager->tables)
        return checked_fault("P5", "the manager's own records", NULL, address);
    bool is_large = code == PLIM__CLASS_LARGE;
    uint8_t *state = plim__state_of(space, address);
    bool is_begin = ((uintptr_t)address & (PLIM__ALIGN - 1)) == 0 &&
                    (!is_large || address == plim__space_address(space, page));
    if (!is_begin)
        return checked_fault("P5", "not the beginning of a block", slot, address);
    const char *what = NULL;
    const char *broken = checked_state_fault(plim__state_load(state), &what);
    if (broken != NULL)
        return checked_fault(broken, what, slot, address);
    size_t held = is_large ? plim__large_bytes(manager, page) : plim__class_bytes[code];
    *out = (checked_block){
        .slot = slot,
        .state = state,
        .begin = (char *)space->base + ((uintptr_t)address - space->base),
        .held_bytes = held,
        .bytes = held,
        .page = page,
        .code = code,
    };
    out->mark = checked_mark(manager, out);
    out->is_watched = plim__is_full(manager) && plim__state_load(state) == PLIM__STATE_WATCHED;
    if (!out->is_watched)
        return (plim__fault){0};
    out->word = checked_word(out);
    out->bytes = is_large ? checked_large_bytes(out->mark) : plim__mark_bytes(out->word);
    return is_large ? checked_large_fault(out) : checked_small_fault(manager, out);
}

static plim__fault checked_give_locked(plim_manager *manager, void *address, plim__cache *cache)
{
    checked_block block;
    plim__fault fault = checked_find(manager, address, &block);
    if (fault.invariant == NULL)
        fault = checked_around(manager, block.slot, cache);
    if (fault.invariant != NULL)
        return fault;
    checked_strike(&block);
    checked_fold_own(block.slot);
    checked_asked(block.slot, block.bytes, 0);
    checked_uncarve(manager, &block, cache);
    if (plim__is_full(manager))
        fault = plim__verify_slot_sums(block.slot);
    return fault;
}

/* Inside, and so a fault is the caller's to tell. */
static plim__fault checked_give(plim_manager *manager, void *block)
{
    uint32_t info = manager->space.info[plim__space_page(&manager->space, block)];
    const plim__slot *slot = &plim__slots[plim__info_slot(info)];
    plim__cache *cache = NULL;
    if (info != 0 && slot->central != &manager->tables)
        cache = checked_cache(manager, slot, plim__info_code(info));
    plim__lock_take(&manager->lock);
    plim__fault fault = checked_give_locked(manager, block, cache);
    plim__lock_give(&manager->lock);
    return fault;
}

void plim__checked_give(plim_manager *manager, void *block, const char *site)
{
    plim__thread_home(manager);
    plim__fault fault = checked_give(manager, block);
    plim__thread_end();
    if (fault.invariant != NULL)
        checked_tell(manager, &fault, site);
}

void plim__checked_give_inside(plim_manager *manager, void *block)
{
    plim__fault fault = checked_give(manager, block);
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
        *out_bytes = found.bytes;
        *out_site = checked_site(&found);
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
    if (is_done) {
        ghost_charged(&block->slot->ghost, 0, (ptrdiff_t)(charge - old_charge));
        block->held_bytes = charge;
    }
    return is_done;
}

/* Whether the block can serve the size where it stands; large ones are made to. */
static bool checked_fits(plim_manager *manager, checked_block *block, size_t bytes)
{
    size_t held = bytes + (block->is_watched ? PLIM__GUARD_MIN : 0);
    bool is_small = held <= plim__small_max(manager);
    if (!checked_is_large(block))
        return is_small && plim__class_of(held) == block->code;
    size_t charge = plim__large_charge(held);
    return !is_small && (charge == block->held_bytes || checked_stretch(manager, block, charge));
}

static plim__resized checked_resize_locked(plim_manager *manager, const void *address, size_t bytes,
                                           const char *site, checked_block *block,
                                           plim__fault *out_fault)
{
    *out_fault = checked_find(manager, address, block);
    if (out_fault->invariant == NULL)
        *out_fault = checked_around(manager, block->slot, NULL);
    if (out_fault->invariant != NULL)
        return PLIM__RESIZED_FAULTY;
    size_t old_bytes = block->bytes;
    if (site == NULL)
        site = checked_site(block);
    if (!checked_fits(manager, block, bytes))
        return PLIM__RESIZED_MOVE;
    checked_enter(manager, block, bytes, site);
    checked_fold_own(block->slot);
    checked_asked(block->slot, old_bytes, bytes);
    return PLIM__RESIZED_DONE;
}

plim__resized plim__checked_resize(plim_manager *manager, void *block, size_t bytes,
                                   const char **site, size_t *out_bytes)
{
    plim__fault fault = {0};
    checked_block found = {0};
    if (!plim__thread_begin()) {
        (void)plim__refuse(NULL, PLIM_REFUSAL_REENTERED, bytes, 0, *site);
        return PLIM__RESIZED_FAULTY;
    }
    plim__lock_take(&manager->lock);
    plim__resized resized = checked_resize_locked(manager, block, bytes, *site, &found, &fault);
    if (resized == PLIM__RESIZED_MOVE && *site == NULL)
        *site = checked_site(&found);
    *out_bytes = found.bytes;
    plim__lock_give(&manager->lock);
    plim__thread_end();
    if (resized == PLIM__RESIZED_FAULTY)
        checked_tell(manager, &fault, *site);
    return resized;
}
