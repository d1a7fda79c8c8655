/* SPDX-License-Identifier: MIT */
/*
 * Pools: slots of one size whose flags are bits, in one block taken at the start.
 *
 * The block: [this struct][flag words][slot records][pad to a line][buffer 0][buffer 1]…
 * A buffer: [guard][elements, at most element_count_max][guard][pad]; guards at level full alone.
 * The lowest free slot is two "count trailing zeros" away: of open_words, then of free[word].
 * release_all is a loop over words, not slots: what makes old handles stale is the clear flag, and
 * after the next acquire the other serial, so no generation is touched.
 * A handle is pool tag, index and serial. Serials count acquires of the pool, 64 bits: at one a
 * nanosecond they last 584 years, so that no handle is ever another's (H1). The slot core of
 * slot_core.h says the same of its generations and is proved; tests/memory/test_pool_model.c
 * holds this file against it.
 * Invariants (plim_pool_verify):
 *   P1 0 <= in use <= slot_count.
 *   P2 free + in use == slot_count: acquires less releases is the number of clear free bits.
 *   P3 open_words has bit w if and only if free[w] is not 0; no bit beyond slot_count is ever set.
 *   P4 pinned is part of in use, temporary of pinned.
 *   P8 level full: the guards of a slot in use are whole.
 *   P5 release of a free, foreign or stale slot is refused and changes nothing (by pool_resolve).
 */
#include <plimsoll/pool.h>

#include <string.h>

#include "base/assert.h"
#include "base/checked.h"
#include "memory/pool_fill.h"
#include "memory/pool_state.h"

/* A pool whose flags are one word needs it: PLIM_POOL_SLOTS_MAX words of flags must fit it. */
_Static_assert((int)PLIM__POOL_WORDS_MAX <= (int)PLIM__POOL_WORD_BITS, "one summary word");

#ifdef PLIM_POOL_EMULATED_BUILD
enum { POOL_ALL_EMULATED = true };
#else
enum { POOL_ALL_EMULATED = false };
#endif

static uint32_t pool_first_bit(uint64_t word)
{
    return (uint32_t)__builtin_ctzll(word);
}

/* In ever wider sums: where there is no instruction, the builtin calls a library. */
static uint32_t pool_bit_count(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

static bool pool_bit(const uint64_t *words, uint32_t index)
{
    return (words[index / PLIM__POOL_WORD_BITS] >> (index % PLIM__POOL_WORD_BITS) & 1) != 0;
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
    return slot.pool == pool->tag && slot.index < pool->slot_count &&
           pool->slots[slot.index].serial == slot.serial && !pool_bit(pool->free, slot.index);
}

/* Reports a broken invariant to the hook; without one it is the end. */
static plim_status pool_panic(const plim_pool *pool, uint32_t index, const char *invariant,
                              const char *what)
{
    const plim__pool_slot *slot = &pool->slots[index];
    const char *site = slot->site != NULL ? slot->site : "";
    if (pool->panic == NULL)
        plim__check_failed(site, 0, what);
    plim_panic panic = {invariant, what, pool->name, site, slot->data};
    pool->panic(pool->panic_ctx, &panic);
    return PLIM_ERR_INTERNAL;
}

/* ---- memory of one slot ---- */

static const plim_allocator *pool_slot_allocator(const plim_pool *pool)
{
    return pool->policy == PLIM_POOL_EMULATED ? plim_allocator_system() : pool->allocator;
}

/* EMULATED: as long as asked, unless its contents are to stay; LAZY: room for the largest. */
static size_t pool_slot_bytes(const plim_pool *pool, uint32_t index)
{
    const plim__pool_slot *slot = &pool->slots[index];
    if (pool->policy == PLIM_POOL_LAZY)
        return pool->slot_block_bytes;
    size_t count = pool->poison == PLIM_POISON_NONE ? pool->element_count_max : slot->element_count;
    size_t bytes = count * pool->element_bytes;
    return bytes > 0 ? bytes : 1;
}

static size_t pool_front_bytes(const plim_pool *pool)
{
    return pool->verify >= PLIM_VERIFY_FULL && pool->policy != PLIM_POOL_EMULATED
               ? PLIM__POOL_LINE_BYTES
               : 0;
}

static unsigned char *pool_align(void *block)
{
    uintptr_t mask = PLIM__POOL_LINE_BYTES - 1;
    unsigned char *bytes = block;
    return bytes + ((~(uintptr_t)block + 1) & mask);
}

/* Gives a slot its memory where it has none yet; its element_count is set. */
static bool pool_slot_take(plim_pool *pool, uint32_t index)
{
    plim__pool_slot *slot = &pool->slots[index];
    if (slot->data != NULL)
        return true;
    const plim_allocator *allocator = pool_slot_allocator(pool);
    size_t bytes = pool_slot_bytes(pool, index);
    unsigned char *block = allocator->resize(allocator->ctx, NULL, 0, bytes);
    if (block == NULL)
        return false;
    pool->slot_held_bytes += bytes;
    /* A lazy slot's data is found again from its block, which stands just before it. */
    if (pool->policy == PLIM_POOL_LAZY) {
        slot->data = pool_align(block + sizeof block) + pool_front_bytes(pool);
        memcpy(slot->data - pool_front_bytes(pool) - sizeof block, &block, sizeof block);
    } else {
        slot->data = block;
    }
    return true;
}

static void pool_slot_give(plim_pool *pool, uint32_t index)
{
    plim__pool_slot *slot = &pool->slots[index];
    if (slot->data == NULL || pool->policy == PLIM_POOL_RESERVED)
        return;
    const plim_allocator *allocator = pool_slot_allocator(pool);
    size_t bytes = pool_slot_bytes(pool, index);
    unsigned char *block = slot->data;
    if (pool->policy == PLIM_POOL_LAZY)
        memcpy(&block, slot->data - pool_front_bytes(pool) - sizeof block, sizeof block);
    (void)allocator->resize(allocator->ctx, block, bytes, 0);
    pool->slot_held_bytes -= bytes;
    slot->data = NULL;
}

/* ---- guards and poison ---- */

static bool pool_has_guards(const plim_pool *pool)
{
    return pool_front_bytes(pool) > 0;
}

static size_t pool_used_bytes(const plim_pool *pool, const plim__pool_slot *slot)
{
    return (size_t)slot->element_count * pool->element_bytes;
}

static void pool_guards_write(const plim_pool *pool, const plim__pool_slot *slot)
{
    plim__fill_guard(slot->data - PLIM__POOL_LINE_BYTES, PLIM__POOL_LINE_BYTES);
    plim__fill_guard(slot->data + pool_used_bytes(pool, slot), PLIM__POOL_LINE_BYTES);
}

static bool pool_guards_whole(const plim_pool *pool, const plim__pool_slot *slot)
{
    return plim__fill_is_guard(slot->data - PLIM__POOL_LINE_BYTES, PLIM__POOL_LINE_BYTES) &&
           plim__fill_is_guard(slot->data + pool_used_bytes(pool, slot), PLIM__POOL_LINE_BYTES);
}

static bool pool_poison_whole(const plim_pool *pool, const plim__pool_slot *slot)
{
    return slot->poisoned == 0 || plim__fill_is_poison(slot->data, slot->poisoned, pool->poison);
}

/* What the level asks for when a slot comes back: at standard, poison. */
static void pool_poison(const plim_pool *pool, plim__pool_slot *slot)
{
    slot->poisoned = 0;
    if (pool->verify < PLIM_VERIFY_STANDARD || pool->poison == PLIM_POISON_NONE)
        return;
    size_t bytes = pool_used_bytes(pool, slot);
    plim__fill_poison(slot->data, bytes, pool->poison);
    slot->poisoned = bytes <= UINT32_MAX ? (uint32_t)bytes : 0;
}

/* ---- the whole ---- */

static const char *pool_flags_fault(const plim_pool *pool)
{
    uint32_t used = 0;
    for (uint32_t w = 0; w < pool->word_count; w++) {
        uint64_t in_use = plim__pool_used_word(pool, w);
        used += pool_bit_count(in_use);
        if ((pool->free[w] != 0) != ((pool->open_words >> w & 1) != 0))
            return "P3: the summary of the free flags is not theirs";
        if ((pool->pinned[w] & ~in_use) != 0 || (pool->temporary[w] & ~pool->pinned[w]) != 0)
            return "P4: a slot is pinned that is not in use";
        uint32_t left = pool->slot_count - w * PLIM__POOL_WORD_BITS;
        if (left < PLIM__POOL_WORD_BITS && pool->free[w] >> left != 0)
            return "P3: a slot beyond the last is free";
    }
    if (used > pool->slot_count || pool->serial - pool->released_total != used)
        return "P2: acquires less releases are not the slots in use";
    return NULL;
}

static const char *pool_slot_fault(const plim_pool *pool, uint32_t index)
{
    const plim__pool_slot *slot = &pool->slots[index];
    bool is_free = pool_bit(pool->free, index);
    if (slot->serial > pool->serial)
        return "H1: a slot has a serial that was not given out yet";
    if (!is_free && (slot->data == NULL || slot->element_count > pool->element_count_max))
        return "P8: a slot in use has no memory, or too many elements";
    if (!is_free && pool_has_guards(pool) && !pool_guards_whole(pool, slot))
        return "P8: a guard is damaged: something was written beside a buffer";
    if (is_free && slot->data != NULL && pool->verify >= PLIM_VERIFY_FULL &&
        !pool_poison_whole(pool, slot))
        return "P5: a buffer was written to after its release";
    return NULL;
}

plim_status plim_pool_verify(const plim_pool *pool, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    const char *fault = pool_flags_fault(pool);
    uint32_t index = 0;
    for (uint32_t i = 0; fault == NULL && i < pool->slot_count; i++) {
        fault = pool_slot_fault(pool, i);
        index = i;
    }
    if (fault == NULL)
        return PLIM_OK;
    const char *site = pool->slots[index].site;
    plim_status status = plim_error_set(err, PLIM_ERR_INTERNAL, "%s", fault);
    plim_error_where(err, "pool %s, slot %u, acquired at %s", pool->name, index,
                     site != NULL ? site : "?");
    return status;
}

/* At level redundant every operation ends with this. */
static void pool_verify_after(const plim_pool *pool, uint32_t index)
{
    plim_error fault = {0};
    if (pool->verify == PLIM_VERIFY_REDUNDANT && plim_pool_verify(pool, &fault) != PLIM_OK)
        (void)pool_panic(pool, index, "P2", fault.what);
}

/* ---- acquire ---- */

static plim_status pool_refuse_full(const plim_pool *pool, plim_error *err)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < pool->slot_count; i++) {
        if (pool->slots[i].serial < pool->slots[oldest].serial)
            oldest = i;
    }
    const char *site = pool->slots[oldest].site;
    plim_status status = plim_error_set(
        err, PLIM_ERR_BUDGET, "all %u buffers of pool %s are in use; the oldest was taken at %s",
        pool->slot_count, pool->name, site != NULL ? site : "?");
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

static void pool_take(plim_pool *pool, uint32_t word, uint32_t index, size_t element_count,
                      const char *site)
{
    plim__pool_slot *slot = &pool->slots[index];
    uint64_t left = pool->free[word] & (pool->free[word] - 1); /* its lowest bit is the slot's */
    pool->free[word] = left;
    pool->open_words &= ~((uint64_t)(left == 0) << word);
    slot->serial = ++pool->serial;
    slot->site = site;
    slot->element_count = (uint32_t)element_count;
}

static void pool_show(const plim_pool *pool, uint32_t index, plim_buffer *out_buffer)
{
    const plim__pool_slot *slot = &pool->slots[index];
    out_buffer->data = slot->data;
    out_buffer->slot = (plim_slot){slot->serial, index, pool->tag};
    out_buffer->element_count = slot->element_count;
}

/* All that is not the plain case: refusals, levels above minimal, policies other than RESERVED. */
static plim_status pool_acquire_slow(plim_pool *pool, size_t element_count, const char *site,
                                     plim_buffer *out_buffer, plim_error *err)
{
    if (element_count > pool->element_count_max || pool->open_words == 0) {
        pool->refused_total++;
        return element_count > pool->element_count_max ? pool_refuse_count(pool, element_count, err)
                                                       : pool_refuse_full(pool, err);
    }
    uint32_t word = pool_first_bit(pool->open_words);
    uint32_t index = word * PLIM__POOL_WORD_BITS + pool_first_bit(pool->free[word]);
    plim__pool_slot *slot = &pool->slots[index];
    if (pool->verify >= PLIM_VERIFY_FULL && slot->data != NULL && !pool_poison_whole(pool, slot)) {
        slot->poisoned = 0; /* said once */
        return pool_panic(pool, index, "P5", "a buffer was written to after its release");
    }
    uint32_t count_before = slot->element_count;
    slot->element_count = (uint32_t)element_count;
    if (!pool_slot_take(pool, index)) {
        slot->element_count = count_before;
        pool->refused_total++;
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "no memory for a buffer of pool %s",
                              pool->name);
    }
    pool_take(pool, word, index, element_count, site);
    slot->poisoned = 0;
    if (pool_has_guards(pool))
        pool_guards_write(pool, slot);
    pool_show(pool, index, out_buffer);
    pool_verify_after(pool, index);
    return PLIM_OK;
}

plim_status plim_pool_acquire_at(plim_pool *pool, size_t element_count, const char *site,
                                 plim_buffer *out_buffer, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    PLIM_DCHECK(out_buffer != NULL);
    if (pool->slow || pool->open_words == 0 || element_count > pool->element_count_max)
        return pool_acquire_slow(pool, element_count, site, out_buffer, err);
    uint32_t word = pool_first_bit(pool->open_words);
    uint32_t index = word * PLIM__POOL_WORD_BITS + pool_first_bit(pool->free[word]);
    pool_take(pool, word, index, element_count, site);
    pool_show(pool, index, out_buffer);
    return PLIM_OK;
}

/* ---- release ---- */

static plim_status pool_refuse_slot(plim_pool *pool, plim_slot slot, plim_error *err)
{
    pool->stale_total++;
    if (slot.pool != pool->tag || slot.index >= pool->slot_count)
        return plim_error_set(err, PLIM_ERR_STALE, "the slot is not one of pool %s", pool->name);
    const plim__pool_slot *last = &pool->slots[slot.index];
    const char *site = last->site != NULL ? last->site : "?";
    if (last->serial == slot.serial)
        return plim_error_set(err, PLIM_ERR_STALE,
                              "slot %u of pool %s, taken at %s, was released already", slot.index,
                              pool->name, site);
    return plim_error_set(
        err, PLIM_ERR_STALE,
        "the handle of slot %u of pool %s is stale: the slot was last taken at %s", slot.index,
        pool->name, site);
}

static void pool_note_high_water(plim_pool *pool)
{
    uint32_t in_use = plim__pool_in_use(pool);
    if (in_use > pool->in_use_max)
        pool->in_use_max = in_use;
}

static void pool_clean(plim_pool *pool, uint32_t index)
{
    pool_poison(pool, &pool->slots[index]);
    if (pool->policy == PLIM_POOL_EMULATED && pool->poison != PLIM_POISON_NONE) {
        pool_slot_give(pool, index);
        pool->slots[index].poisoned = 0;
    }
}

plim_status plim_pool_release(plim_pool *pool, plim_slot slot, plim_error *err)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, err);
    if (pool_has_guards(pool) && !pool_guards_whole(pool, &pool->slots[slot.index])) {
        pool_guards_write(pool, &pool->slots[slot.index]); /* said once */
        return pool_panic(pool, slot.index, "P8", "something was written beside a buffer");
    }
    pool_note_high_water(pool);
    if (pool->slow)
        pool_clean(pool, slot.index);
    uint32_t word = slot.index / PLIM__POOL_WORD_BITS;
    pool_set(pool->free, slot.index, true);
    pool_set(pool->pinned, slot.index, false);
    pool_set(pool->temporary, slot.index, false);
    pool->open_words |= UINT64_C(1) << word;
    pool->released_total++;
    pool_verify_after(pool, slot.index);
    return PLIM_OK;
}

/* The levels' part of release_all, slot by slot. A damaged guard is told, and the slot goes. */
static void pool_clean_word(plim_pool *pool, uint32_t word, uint64_t going)
{
    for (; going != 0; going &= going - 1) {
        uint32_t index = word * PLIM__POOL_WORD_BITS + pool_first_bit(going);
        if (pool_has_guards(pool) && !pool_guards_whole(pool, &pool->slots[index]))
            (void)pool_panic(pool, index, "P8", "something was written beside a buffer");
        pool_clean(pool, index);
    }
}

uint32_t plim_pool_release_all(plim_pool *pool)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    uint32_t count = 0;
    pool_note_high_water(pool);
    for (uint32_t w = 0; w < pool->word_count; w++) {
        uint64_t going = plim__pool_used_word(pool, w) & ~pool->pinned[w];
        if (going == 0)
            continue;
        if (pool->slow)
            pool_clean_word(pool, w, going);
        pool->free[w] |= going;
        pool->open_words |= UINT64_C(1) << w;
        count += pool_bit_count(going);
    }
    pool->released_total += count;
    if (pool->slow)
        pool_verify_after(pool, 0);
    return count;
}

plim_status plim_pool_pin(plim_pool *pool, plim_slot slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, NULL);
    if (pool_bit(pool->pinned, slot.index))
        return PLIM_OK;
    pool_set(pool->pinned, slot.index, true);
    pool_set(pool->temporary, slot.index, pool->frame_number != 0);
    pool->slots[slot.index].pinned_frame = pool->frame_number;
    return PLIM_OK;
}

plim_status plim_pool_unpin(plim_pool *pool, plim_slot slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    if (!pool_resolve(pool, slot))
        return pool_refuse_slot(pool, slot, NULL);
    pool_set(pool->pinned, slot.index, false);
    pool_set(pool->temporary, slot.index, false);
    return PLIM_OK;
}

/* ---- looking ---- */

void *plim_pool_data(const plim_pool *pool, plim_slot slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    return pool_resolve(pool, slot) ? pool->slots[slot.index].data : NULL;
}

plim_status plim_pool_find(const plim_pool *pool, const void *data, plim_slot *out_slot)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    uint32_t first = 0;
    uint32_t end = pool->slot_count;
    if (pool->policy == PLIM_POOL_RESERVED) { /* one look instead of a search */
        uintptr_t offset = (uintptr_t)data - (uintptr_t)pool->slots[0].data;
        uintptr_t index = offset / pool->stride_bytes;
        if (index >= pool->slot_count)
            return PLIM_ERR_STALE;
        first = (uint32_t)index;
        end = first + 1;
    }
    for (uint32_t i = first; i < end; i++) {
        if (pool->slots[i].data == data && data != NULL && !pool_bit(pool->free, i)) {
            *out_slot = (plim_slot){pool->slots[i].serial, i, pool->tag};
            return PLIM_OK;
        }
    }
    return PLIM_ERR_STALE;
}

void plim_pool_stats_read(const plim_pool *pool, plim_pool_stats *out_stats)
{
    PLIM_CHECK_OBJ(pool, PLIM__POOL_MAGIC);
    uint32_t in_use = plim__pool_in_use(pool);
    uint32_t pinned = 0;
    for (uint32_t w = 0; w < pool->word_count; w++)
        pinned += pool_bit_count(pool->pinned[w]);
    *out_stats = (plim_pool_stats){
        .element_bytes = pool->element_bytes,
        .element_count_max = pool->element_count_max,
        .slot_count = pool->slot_count,
        .in_use = in_use,
        .pinned = pinned,
        .high_water = in_use > pool->in_use_max ? in_use : pool->in_use_max,
        .data_bytes = (uint64_t)pool->slot_count * pool->element_count_max * pool->element_bytes,
        .held_bytes = pool->block_bytes + pool->slot_held_bytes,
        .acquired_total = pool->serial,
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
    if (index >= pool->slot_count || pool_bit(pool->free, index))
        return false;
    const plim__pool_slot *slot = &pool->slots[index];
    bool pinned = pool_bit(pool->pinned, index);
    *out_holder = (plim_pool_holder){
        .slot = {slot->serial, index, pool->tag},
        .site = slot->site != NULL ? slot->site : "",
        .element_count = slot->element_count,
        .pinned = pinned,
        .pinned_frame = pinned ? slot->pinned_frame : 0,
    };
    return true;
}

/* ---- create, destroy ---- */

/* Where the parts of the block are. */
typedef struct pool_layout {
    size_t words_at, slots_at, buffers_at, block_bytes;
    size_t stride_bytes, slot_block_bytes;
} pool_layout;

/* Copies a name of 1 to 31 bytes. */
static bool pool_copy_name(char out[PLIM_POOL_NAME_BYTES], const char *name)
{
    size_t length = 0;
    while (name != NULL && length < PLIM_POOL_NAME_BYTES && name[length] != '\0') {
        out[length] = name[length];
        length++;
    }
    if (length == 0 || length == PLIM_POOL_NAME_BYTES)
        return false;
    out[length] = '\0';
    return true;
}

/* Pools of one shape lie alike; their names move their first buffers up to 15 lines apart. */
static size_t pool_colour_bytes(const char *name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; name[i] != '\0'; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return (hash >> 16) % 16 * PLIM__POOL_LINE_BYTES;
}

/* An odd number of lines: 64 starts in a row then fall into 64 different sets of a 4 KiB way. */
static bool pool_stride(size_t element_bytes, size_t count, size_t guards, size_t *out_bytes)
{
    size_t line = PLIM__POOL_LINE_BYTES;
    size_t bytes;
    if (!plim__mul_size(element_bytes, count, &bytes) || !plim__add_size(bytes, guards, &bytes) ||
        !plim__add_size(bytes, 2 * line, &bytes))
        return false;
    bytes = (bytes - line - 1) / line * line; /* rounded up, from bytes - 2 lines */
    *out_bytes = bytes / line % 2 == 0 ? bytes + line : bytes;
    return true;
}

static bool pool_lay_out(const plim_pool *pool, pool_layout *out)
{
    size_t guards = pool_has_guards(pool) ? 2 * (size_t)PLIM__POOL_LINE_BYTES : 0;
    size_t bytes = 0;
    if (!pool_stride(pool->element_bytes, pool->element_count_max, guards, &out->stride_bytes))
        return false;
    out->words_at = sizeof(plim_pool);
    out->slots_at = out->words_at + 3 * pool->word_count * sizeof(uint64_t);
    out->buffers_at = out->slots_at + pool->slot_count * sizeof(plim__pool_slot);
    out->block_bytes = out->buffers_at;
    if (!plim__add_size(out->stride_bytes, PLIM__POOL_LINE_BYTES + sizeof(void *),
                        &out->slot_block_bytes))
        return false;
    if (pool->policy != PLIM_POOL_RESERVED)
        return true;
    size_t extra = pool_colour_bytes(pool->name) + PLIM__POOL_LINE_BYTES + out->buffers_at;
    if (!plim__mul_size(out->stride_bytes, pool->slot_count, &bytes) ||
        !plim__add_size(bytes, extra, &out->block_bytes))
        return false;
    return true;
}

static plim_status pool_read_options(const plim_pool_options *options, plim_pool *out,
                                     plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "struct_bytes is not sizeof(plim_pool_options)");
    if (!pool_copy_name(out->name, options->name) ||
        !pool_copy_name(out->format, options->format.name))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a pool and its format have names of 1 to %d bytes",
                              PLIM_POOL_NAME_BYTES - 1);
    if (options->slot_count == 0 || options->slot_count > PLIM_POOL_SLOTS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "pool %s: %u slots; 1 to %d are possible",
                              out->name, options->slot_count, PLIM_POOL_SLOTS_MAX);
    if (options->format.element_bytes == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "pool %s: elements of 0 bytes", out->name);
    out->slot_count = options->slot_count;
    out->word_count = (options->slot_count - 1) / PLIM__POOL_WORD_BITS + 1;
    out->element_bytes = options->format.element_bytes;
    out->element_count_max =
        options->element_count_max != 0 ? options->element_count_max : PLIM_POOL_ELEMENTS_DEFAULT;
    out->poison = options->format.poison;
    out->policy = POOL_ALL_EMULATED ? PLIM_POOL_EMULATED : options->policy;
    out->verify = options->verify == PLIM_VERIFY_DEFAULT ? PLIM_VERIFY_MINIMAL : options->verify;
    out->allocator = options->allocator != NULL ? options->allocator : plim_allocator_system();
    out->panic = options->panic;
    out->panic_ctx = options->panic_ctx;
    out->slow = out->policy != PLIM_POOL_RESERVED || out->verify >= PLIM_VERIFY_STANDARD;
    return PLIM_OK;
}

/* Makes the pool in its block, which is not cleared. */
static plim_pool *pool_build(void *block, const plim_pool *draft, const pool_layout *layout)
{
    plim_pool *pool = block;
    unsigned char *bytes = block;
    memset(block, 0, layout->buffers_at);
    *pool = *draft;
    pool->magic = PLIM__POOL_MAGIC;
    pool->tag = (uint32_t)((uintptr_t)block >> 4); /* no two pools share their first 16 bytes */
    pool->block_bytes = layout->block_bytes;
    pool->stride_bytes = layout->stride_bytes;
    pool->slot_block_bytes = layout->slot_block_bytes;
    pool->free = (void *)(bytes + layout->words_at);
    pool->pinned = pool->free + pool->word_count;
    pool->temporary = pool->pinned + pool->word_count;
    pool->slots = (void *)(bytes + layout->slots_at);
    for (uint32_t i = 0; i < pool->slot_count; i++)
        pool_set(pool->free, i, true);
    for (uint32_t w = 0; w < pool->word_count; w++)
        pool->open_words |= UINT64_C(1) << w;
    if (pool->policy == PLIM_POOL_RESERVED) {
        unsigned char *first =
            pool_align(bytes + layout->buffers_at) + pool_colour_bytes(pool->name);
        for (uint32_t i = 0; i < pool->slot_count; i++)
            pool->slots[i].data = first + i * layout->stride_bytes + pool_front_bytes(pool);
    }
    return pool;
}

plim_status plim_pool_create(const plim_pool_options *options, plim_pool **out_pool,
                             plim_error *err)
{
    PLIM_CHECK(options != NULL && out_pool != NULL);
    plim_pool draft = {0};
    pool_layout layout = {0};
    plim_status status = pool_read_options(options, &draft, err);
    if (status != PLIM_OK)
        return status;
    if (!pool_lay_out(&draft, &layout))
        return plim_error_set(
            err, PLIM_ERR_USAGE,
            "pool %s: %u buffers of %u elements of %u bytes do not fit any memory", draft.name,
            draft.slot_count, draft.element_count_max, draft.element_bytes);
    void *block = draft.allocator->resize(draft.allocator->ctx, NULL, 0, layout.block_bytes);
    if (block == NULL) {
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY,
                                "pool %s wants %zu bytes, and its allocator refused them",
                                draft.name, layout.block_bytes);
        plim_error_hint(err, "give its domain a higher limit, or the pool fewer slots");
        return status;
    }
    *out_pool = pool_build(block, &draft, &layout);
    return PLIM_OK;
}

void plim_pool_destroy(plim_pool **pool)
{
    if (pool == NULL || *pool == NULL)
        return;
    plim_pool *ended = *pool;
    PLIM_CHECK_OBJ(ended, PLIM__POOL_MAGIC);
    PLIM_CHECK(!ended->in_frame_list);
    for (uint32_t i = 0; i < ended->slot_count; i++)
        pool_slot_give(ended, i);
    const plim_allocator *allocator = ended->allocator;
    size_t bytes = ended->block_bytes;
    ended->magic = 0;
    (void)allocator->resize(allocator->ctx, ended, bytes, 0);
    *pool = NULL;
}
