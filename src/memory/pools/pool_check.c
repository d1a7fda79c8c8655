/* SPDX-License-Identifier: MIT */
/*
 * Pools, the part that plain use never sees: memory of single slots (LAZY, EMULATED), guards,
 * poison, and the walk over the whole.
 *
 * A slot at level full: [guard of a line][elements asked for][guard of a line][rest of the room].
 * A lazy slot's block: [pad][address of the block][guard][elements][guard].
 */
#include "memory/pools/pool_check.h"

#include <string.h>

#include "base/assert.h"
#include "memory/pools/pool_fill.h"

/* ---- memory of one slot ---- */

static const plim_allocator *pool_slot_allocator(const plim_pool *pool)
{
    return pool->policy == PLIM_POOL_EMULATED ? plim_allocator_system() : pool->allocator;
}

/* EMULATED: as long as asked, unless its contents are to stay; LAZY: room for the largest. */
static size_t pool_slot_bytes(const plim_pool *pool, uint32_t index)
{
    if (pool->policy == PLIM_POOL_LAZY)
        return pool->slot_block_bytes;
    size_t count = pool->poison == PLIM_POISON_NONE ? pool->element_count_max
                                                    : pool->notes[index].element_count;
    size_t bytes = count * pool->element_bytes;
    return bytes > 0 ? bytes : 1;
}

bool plim__pool_slot_take(plim_pool *pool, uint32_t index)
{
    plim__pool_place *place = &pool->places[index];
    if (place->data != NULL)
        return true;
    const plim_allocator *allocator = pool_slot_allocator(pool);
    size_t bytes = pool_slot_bytes(pool, index);
    unsigned char *block = allocator->resize(allocator->ctx, NULL, 0, bytes);
    if (block == NULL)
        return false;
    pool->slot_held_bytes += bytes;
    if (pool->policy == PLIM_POOL_LAZY) {
        unsigned char *front = plim__pool_align(block + sizeof block);
        memcpy(front - sizeof block, &block, sizeof block);
        place->data = front + plim__pool_front_bytes(pool);
    } else {
        place->data = block;
    }
    return true;
}

void plim__pool_slot_give(plim_pool *pool, uint32_t index)
{
    plim__pool_place *place = &pool->places[index];
    if (place->data == NULL || pool->policy == PLIM_POOL_RESERVED)
        return;
    const plim_allocator *allocator = pool_slot_allocator(pool);
    size_t bytes = pool_slot_bytes(pool, index);
    unsigned char *block = place->data;
    if (pool->policy == PLIM_POOL_LAZY)
        memcpy(&block, place->data - plim__pool_front_bytes(pool) - sizeof block, sizeof block);
    (void)allocator->resize(allocator->ctx, block, bytes, 0);
    pool->slot_held_bytes -= bytes;
    place->data = NULL;
}

/* ---- guards and poison ---- */

static size_t pool_asked_bytes(const plim_pool *pool, uint32_t index)
{
    return (size_t)pool->notes[index].element_count * pool->element_bytes;
}

void plim__pool_guards_write(const plim_pool *pool, uint32_t index)
{
    unsigned char *data = pool->places[index].data;
    size_t guard = plim__pool_front_bytes(pool);
    if (guard == 0)
        return;
    plim__fill_guard(data - guard, guard);
    plim__fill_guard(data + pool_asked_bytes(pool, index), guard);
}

bool plim__pool_guards_whole(const plim_pool *pool, uint32_t index)
{
    const unsigned char *data = pool->places[index].data;
    size_t guard = plim__pool_front_bytes(pool);
    return guard == 0 || (plim__fill_is_guard(data - guard, guard) &&
                          plim__fill_is_guard(data + pool_asked_bytes(pool, index), guard));
}

bool plim__pool_poison_whole(const plim_pool *pool, uint32_t index)
{
    const plim__pool_note *note = &pool->notes[index];
    const unsigned char *data = pool->places[index].data;
    return pool->verify < PLIM_VERIFY_FULL || data == NULL || note->poisoned == 0 ||
           plim__fill_is_poison(data, note->poisoned, pool->poison);
}

void plim__pool_clean(plim_pool *pool, uint32_t index)
{
    plim__pool_note *note = &pool->notes[index];
    size_t bytes = pool_asked_bytes(pool, index);
    if (pool->policy == PLIM_POOL_EMULATED && pool->poison != PLIM_POISON_NONE) {
        plim__pool_slot_give(pool, index);
        return;
    }
    if (pool->verify < PLIM_VERIFY_STANDARD || pool->poison == PLIM_POISON_NONE)
        return;
    plim__fill_poison(pool->places[index].data, bytes, pool->poison);
    note->poisoned = bytes <= UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* ---- the whole ---- */

plim_status plim__pool_panic(const plim_pool *pool, uint32_t index, const char *invariant,
                             const char *what)
{
    const char *site = pool->notes[index].site != NULL ? pool->notes[index].site : "";
    if (pool->panic == NULL)
        plim__check_failed(site, 0, what);
    plim_panic panic = {invariant, what, pool->name, site, pool->places[index].data};
    pool->panic(pool->panic_ctx, &panic);
    return PLIM_ERR_INTERNAL;
}

static const char *pool_word_fault(const plim_pool *pool, uint32_t w)
{
    uint64_t in_use = plim__pool_used_word(pool, w);
    uint32_t left = pool->slot_count - w * PLIM__POOL_WORD_BITS;
    if (pool->free[w] != 0 &&
        ((pool->open_words >> w & 1) == 0 || w * PLIM__POOL_WORD_BITS < pool->head.first))
        return "P3: a free slot is where none is looked for";
    if (left < PLIM__POOL_WORD_BITS && pool->free[w] >> left != 0)
        return "P3: a slot beyond the last is free";
    if ((pool->pinned[w] & ~in_use) != 0 || (pool->temporary[w] & ~pool->pinned[w]) != 0)
        return "P4: a slot is pinned that is not in use";
    return NULL;
}

static const char *pool_flags_fault(const plim_pool *pool)
{
    uint32_t pinned = 0;
    for (uint32_t w = 0; w < pool->word_count; w++) {
        const char *fault = pool_word_fault(pool, w);
        if (fault != NULL)
            return fault;
        pinned += plim__bit_count(pool->pinned[w]);
    }
    if (pinned != pool->pinned_count)
        return "P4: the number of pinned slots is not theirs";
    if (pool->slow && pool->acquired_counted - pool->released_total != plim__pool_in_use(pool))
        return "P2: acquires less releases are not the slots in use";
    return NULL;
}

static const char *pool_slot_fault(const plim_pool *pool, uint32_t index)
{
    bool is_free = plim__pool_bit(pool->free, index);
    if (plim__pool_serial(pool, index) == 0)
        return "H1: a slot's serial is that of no slot";
    if (is_free)
        return plim__pool_poison_whole(pool, index)
                   ? NULL
                   : "P5: a buffer was written to after its release";
    if (pool->places[index].data == NULL)
        return "P8: a slot in use has no memory";
    if (pool->slow && pool->notes[index].element_count > pool->element_count_max)
        return "P8: a slot in use has more elements than there is room for";
    return plim__pool_guards_whole(pool, index)
               ? NULL
               : "P8: a guard is damaged: something was written beside a buffer";
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
    const char *site = pool->notes[index].site;
    plim_status status = plim_error_set(err, PLIM_ERR_INTERNAL, "%s", fault);
    plim_error_where(err, "pool %s, slot %u, taken at %s", pool->name, index,
                     site != NULL ? site : "?");
    return status;
}

void plim__pool_verify_now(const plim_pool *pool, uint32_t index)
{
    plim_error fault = {0};
    if (plim_pool_verify(pool, &fault) != PLIM_OK)
        (void)plim__pool_panic(pool, index, "P2", fault.what);
}
