/* SPDX-License-Identifier: MIT */
/*
 * Pools: slots of one size whose flags are bits, in one block taken at the start.
 *
 * The lowest free slot is a "count trailing zeros" away: head.open points at the first word of free
 * flags that may have one. release_all is a loop over words, not slots: it raises the epoch. A
 * handle's serial is its slot's generation + the epoch, and one of the two rises whenever the slot
 * is released; a slot that stays over a release_all, pinned, gets its generation lowered by what
 * the epoch rose. So a slot's serial never falls, rises with each release, and no handle is ever
 * another's (H1): at a release per nanosecond 64 bits last 584 years. The slot core of slot_core.h
 * keeps the same promise with generations alone and is proved; tests/memory/test_model_pool.c
 * holds this file against it.
 * The plain acquire is in pool.h, so that it needs no call; it keeps no notes. What has more to do
 * (`slow`: level standard and above, LAZY, EMULATED) comes here, and is noted.
 * Invariants (plim_pool_verify, pool_check.c):
 *   P1 0 <= in use <= slot_count. P2 free + in use == slot_count (a flag is one or the other), and
 *      where acquires are counted, acquires - releases == in use.
 *   P3 words before head.open are 0, and so is free[w] where open_words has no bit w; no bit beyond
 *      slot_count is ever set.
 *   P4 pinned is part of in use, temporary of pinned; pinned_count is their number.
 *   P5 release of a free, foreign or stale slot is refused and changes nothing (pool_resolve).
 *   P8 level full: the guards of a slot in use are whole, the poison of a free one is.
 */
#include <plimsoll/pool.h>

#include <string.h>

#include "base/assert.h"
#include "memory/pools/pool_check.h"
#include "memory/pools/pool_state.h"

static uint32_t pool_first_bit(uint64_t word)
{
    return (uint32_t)__builtin_ctzll(word);
}

static void pool_set(uint64_t *words, uint32_t index, bool on)
{
    uint64_t bit = UINT64_C(1) << (index % PLIM__POOL_WORD_BITS);
    uint64_t *word = &words[index / PLIM__POOL_WORD_BITS];
    *word = on ? *word | bit : *word & ~bit;
}

/* The one place that decides whether a handle is good (P5, H1). */
static bool pool_resolve(const plim_pool *pool, plim_slot slot)
{
    return slot.pool == pool->head.tag && slot.index < pool->slot_count &&
           plim__pool_serial(pool, slot.index) == slot.serial &&
           !plim__pool_bit(pool->free, slot.index);
}

/* Where a slot in use was taken; "?" where the level does not keep it. */
static const char *pool_site(const plim_pool *pool, uint32_t index)
{
    const char *site = pool->notes[index].site;
    bool known = pool->slow || plim__pool_bit(pool->pinned, index);
    return known && site != NULL ? site : "?";
}

/* ---- acquire ---- */

static plim_status pool_refuse_full(const plim_pool *pool, plim_error *err)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < pool->slot_count; i++) {
        if (pool->notes[i].order < pool->notes[oldest].order)
            oldest = i;
    }
    plim_status status = plim_error_set(
        err, PLIM_ERR_BUDGET, "all %u buffers of pool %s are in use; the oldest was taken at %s",
        pool->slot_count, pool->name, pool_site(pool, oldest));
    plim_error_hint(err, "release what is not needed, or give the pool more slots");
    return status;
}

static plim_status pool_refuse_count(const plim_pool *pool, size_t element_count, plim_error *err)
{
    plim_status status = plim_error_set(
        err, PLIM_ERR_LIMIT, "%zu elements were asked for, and a buffer of pool %s has room for %u",
        element_count, pool->name, pool->element_count_max);
    plim_error_hint(err, "ask for fewer, or raise element_count_max of the pool");
    return status;
}

/* Points the head at the first word with a free slot; false if all are in use. */
static bool pool_seek(plim_pool *pool)
{
    while (pool->open_words != 0) { /* at most one turn per word */
        uint32_t word = pool_first_bit(pool->open_words);
        plim__pool_head_at(pool, word);
        if (pool->free[word] != 0)
            return true;
        pool->open_words &= pool->open_words - 1;
    }
    return false;
}

/* What the levels add to taking the slot at an index; on failure nothing has changed. */
static plim_status pool_prepare(plim_pool *pool, uint32_t index, size_t element_count,
                                const char *site, plim_error *err)
{
    plim__pool_note *note = &pool->notes[index];
    plim__pool_note before = *note;
    if (!plim__pool_poison_whole(pool, index)) {
        note->poisoned = 0; /* said once */
        return plim__pool_panic(pool, index, "P5", "a buffer was written to after its release");
    }
    *note = (plim__pool_note){.site = site,
                              .order = pool->acquired_counted + 1,
                              .element_count = (uint32_t)element_count};
    if (!plim__pool_slot_take(pool, index)) {
        *note = before;
        pool->refused_total++;
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for a buffer of pool %s",
                              pool->name);
    }
    plim__pool_guards_write(pool, index);
    pool->acquired_counted++;
    return PLIM_OK;
}

plim_status plim_pool_acquire_at(plim_pool *pool, size_t element_count, const char *site,
                                 plim_buffer *out_buffer, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_CHECK(out_buffer != NULL);
    if (element_count > pool->element_count_max || !pool_seek(pool)) {
        pool->refused_total++;
        return element_count > pool->element_count_max ? pool_refuse_count(pool, element_count, err)
                                                       : pool_refuse_full(pool, err);
    }
    uint32_t index = pool->head.first + pool_first_bit(*pool->head.open);
    plim_status status = pool->slow ? pool_prepare(pool, index, element_count, site, err) : PLIM_OK;
    if (status != PLIM_OK)
        return status;
    *pool->head.open &= *pool->head.open - 1;
    out_buffer->data = pool->places[index].data;
    out_buffer->slot = plim__pool_handle(pool, index);
    out_buffer->element_count = element_count;
    plim__pool_verify_after(pool, index);
    return PLIM_OK;
}

/* ---- release ---- */

static plim_status pool_refuse_slot(plim_pool *pool, plim_slot slot, plim_error *err)
{
    pool->stale_total++;
    if (slot.pool != pool->head.tag || slot.index >= pool->slot_count)
        return plim_error_set(err, PLIM_ERR_STALE, "the slot is not one of pool %s", pool->name);
    if (plim__pool_bit(pool->free, slot.index))
        return plim_error_set(err, PLIM_ERR_STALE,
                              "slot %u of pool %s was released already; it was last taken at %s",
                              slot.index, pool->name, pool_site(pool, slot.index));
    return plim_error_set(err, PLIM_ERR_STALE,
                          "the handle of slot %u of pool %s is stale: the slot is in use again, "
                          "taken at %s",
                          slot.index, pool->name, pool_site(pool, slot.index));
}

/* Slots go out lowest first: so the highest that was ever out says how many were at once. */
static void pool_note_high_water(plim_pool *pool, uint32_t index)
{
    if (index >= pool->high_water)
        pool->high_water = index + 1;
}

static void pool_clear_pin(plim_pool *pool, uint32_t index)
{
    pool->pinned_count -= plim__pool_bit(pool->pinned, index);
    pool_set(pool->pinned, index, false);
    pool_set(pool->temporary, index, false);
}

/* A word has free slots again. */
static void pool_open_word(plim_pool *pool, uint32_t word)
{
    pool->open_words |= UINT64_C(1) << word;
    if (word * PLIM__POOL_WORD_BITS < pool->head.first)
        plim__pool_head_at(pool, word);
}

plim_status plim_pool_release(plim_pool *pool, plim_slot slot, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, err);
    if (!plim__pool_guards_whole(pool, slot.index)) {
        plim__pool_guards_write(pool, slot.index); /* said once */
        return plim__pool_panic(pool, slot.index, "P8", "something was written beside a buffer");
    }
    pool_note_high_water(pool, slot.index);
    if (pool->slow)
        plim__pool_clean(pool, slot.index);
    if (pool->pinned_count > 0)
        pool_clear_pin(pool, slot.index);
    pool_set(pool->free, slot.index, true);
    pool->places[slot.index].generation++;
    pool->released_total++;
    pool_open_word(pool, slot.index / PLIM__POOL_WORD_BITS);
    plim__pool_verify_after(pool, slot.index);
    return PLIM_OK;
}

/* The levels' part of release_all, slot by slot. A damaged guard is told, and the slot goes. */
static void pool_clean_word(plim_pool *pool, uint32_t word, uint64_t going)
{
    for (; going != 0; going &= going - 1) {
        uint32_t index = word * PLIM__POOL_WORD_BITS + pool_first_bit(going);
        if (!plim__pool_guards_whole(pool, index))
            (void)plim__pool_panic(pool, index, "P8", "something was written beside a buffer");
        plim__pool_clean(pool, index);
    }
}

/* The epoch has risen by one: what stays keeps its serial. */
static void pool_keep_serials(plim_pool *pool)
{
    for (uint32_t w = 0; w < pool->word_count; w++) {
        for (uint64_t kept = pool->pinned[w]; kept != 0; kept &= kept - 1)
            pool->places[w * PLIM__POOL_WORD_BITS + pool_first_bit(kept)].generation--;
    }
}

uint32_t plim__pool_release_loose(plim_pool *pool)
{
    uint32_t count = 0;
    for (uint32_t w = pool->word_count; w-- > 0;) {
        uint64_t going = plim__pool_used_word(pool, w) & ~pool->pinned[w];
        if (going == 0)
            continue;
        if (count == 0)
            pool_note_high_water(pool,
                                 w * PLIM__POOL_WORD_BITS + 63 - (uint32_t)__builtin_clzll(going));
        if (pool->slow)
            pool_clean_word(pool, w, going);
        pool->free[w] |= going;
        pool_open_word(pool, w);
        count += plim__bit_count(going);
    }
    pool->head.epoch++;
    if (pool->pinned_count > 0)
        pool_keep_serials(pool);
    pool->released_total += count;
    plim__pool_verify_after(pool, 0);
    return count;
}

uint32_t plim_pool_release_all(plim_pool *pool)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    return plim__pool_release_loose(pool);
}

plim_status plim_pool_pin_at(plim_pool *pool, plim_slot slot, const char *site)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, NULL);
    if (plim__pool_bit(pool->pinned, slot.index))
        return PLIM_OK;
    plim__pool_note *note = &pool->notes[slot.index];
    if (!pool->slow)
        *note = (plim__pool_note){.site = site, .element_count = pool->element_count_max};
    note->pinned_frame = pool->frame_number;
    pool_set(pool->pinned, slot.index, true);
    pool_set(pool->temporary, slot.index, pool->frame_number != 0);
    pool->pinned_count++;
    return PLIM_OK;
}

void plim__pool_keep(plim_pool *pool, uint32_t index)
{
    pool_set(pool->temporary, index, false);
    pool->notes[index].pinned_frame = 0;
}

plim_status plim_pool_unpin(plim_pool *pool, plim_slot slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, NULL);
    pool_clear_pin(pool, slot.index);
    return PLIM_OK;
}

/* ---- looking ---- */

void *plim_pool_data(const plim_pool *pool, plim_slot slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    return pool_resolve(pool, slot) ? pool->places[slot.index].data : NULL;
}

plim_status plim_pool_find(const plim_pool *pool, const void *data, plim_slot *out_slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    uint32_t first = 0;
    uint32_t end = pool->slot_count;
    if (pool->policy == PLIM_POOL_RESERVED) { /* one look instead of a search */
        uintptr_t offset = (uintptr_t)data - (uintptr_t)pool->places[0].data;
        uintptr_t index = offset / pool->stride_bytes;
        if (index >= pool->slot_count)
            return PLIM_ERR_STALE;
        first = (uint32_t)index;
        end = first + 1;
    }
    for (uint32_t i = first; i < end; i++) {
        if (pool->places[i].data == data && data != NULL && !plim__pool_bit(pool->free, i)) {
            *out_slot = plim__pool_handle(pool, i);
            return PLIM_OK;
        }
    }
    return PLIM_ERR_STALE;
}

/* The highest slot in use may be above what was ever released. */
static uint32_t pool_high_water(const plim_pool *pool)
{
    for (uint32_t i = pool->slot_count; i > pool->high_water; i--) {
        if (!plim__pool_bit(pool->free, i - 1))
            return i;
    }
    return pool->high_water;
}

void plim_pool_stats_read(const plim_pool *pool, plim_pool_stats *out_stats)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    uint32_t in_use = plim__pool_in_use(pool);
    *out_stats = (plim_pool_stats){
        .element_bytes = pool->element_bytes,
        .element_count_max = pool->element_count_max,
        .slot_count = pool->slot_count,
        .in_use = in_use,
        .pinned = pool->pinned_count,
        .high_water = pool_high_water(pool),
        .data_bytes = (uint64_t)pool->slot_count * pool->element_count_max * pool->element_bytes,
        .held_bytes = pool->block_bytes + pool->slot_held_bytes,
        .acquired_total = pool->released_total + in_use,
        .released_total = pool->released_total,
        .refused_total = pool->refused_total,
        .stale_total = pool->stale_total,
    };
    memcpy(out_stats->name, pool->name, sizeof pool->name);
    memcpy(out_stats->format, pool->format, sizeof pool->format);
}

bool plim_pool_holder_read(const plim_pool *pool, uint32_t index, plim_pool_holder *out_holder)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (index >= pool->slot_count || plim__pool_bit(pool->free, index))
        return false;
    const plim__pool_note *note = &pool->notes[index];
    bool pinned = plim__pool_bit(pool->pinned, index);
    bool noted = pool->slow || pinned;
    *out_holder = (plim_pool_holder){
        .slot = plim__pool_handle(pool, index),
        .site = noted && note->site != NULL ? note->site : "",
        .element_count = noted ? note->element_count : pool->element_count_max,
        .pinned = pinned,
        .pinned_frame = pinned ? note->pinned_frame : 0,
    };
    return true;
}
