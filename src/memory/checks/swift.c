/* SPDX-License-Identifier: MIT */
/*
 * The swift way: a thread's cache, as for managers without checks, and on the way to it one look at
 * the block's state. No lock, no shared write but the state. Where anything is not as it should be,
 * nothing is changed and the checked way finds out what it is. Taking is the fast way's own
 * (alloc.c), but for blocks that level full watches, which have functions of their own here: what
 * each block pays for is a byte written when it is taken, and compared when it is given back.
 *
 * W1  A block in a bin is not live; one that is given out is, before its address is returned.
 * W2  A live state lies at the beginning of a live block of a slab, or of a large block.
 *
 * Two threads that give the same block back in the same few nanoseconds are the one double release
 * that is not seen here: a locked exchange would cost more than all of the rest. Level redundant
 * has no caches and sees it.
 */
#include "memory/checks/swift.h"

#include <string.h>

#include "memory/checks/checked.h"
#include "memory/checks/marks.h"
#include "memory/engine/alloc.h"

#if PLIM_VERIFY_MAX >= 3

#define SWIFT_APART __attribute__((noinline))

/* Where a block leads to. */
typedef struct swift_block {
    plim__cache *cache;
    plim__bin *bin;
    uint8_t *state;
    unsigned code;
} swift_block;

/* Where a mark stands besides in its copy. */
static uint32_t *swift_mark(const plim__cache *cache, const void *block)
{
    return plim__is_exact(cache->manager) ? plim__mark_of(&cache->manager->space, block) : NULL;
}

static void swift_mark_store(const plim__cache *cache, const void *block, uint32_t word)
{
    uint32_t *mark = swift_mark(cache, block);
    if (mark != NULL)
        plim__mark_store(mark, word);
}

/* The domain's own handle. */
static plim_domain swift_domain(const plim__cache *cache)
{
    bool is_full = plim__is_full(cache->manager);
    return (plim_domain){cache->id ^ (is_full ? PLIM__TURNED_FULL : PLIM__TURNED_STANDARD)};
}

/* Where each block is watched, what was asked for is summed up. */
static inline void swift_asked(plim__cache *cache, ptrdiff_t bytes)
{
    if (cache->manager->watch_every != 1)
        return;
    ptrdiff_t asked = plim__own_load(&cache->asked) + bytes;
    plim__own_store(&cache->asked, asked);
    if (asked > plim__own_load(&cache->asked_most))
        plim__own_store(&cache->asked_most, asked);
}

/* Whether a block of a bin may be given out: it is as new, or holds its poison. */
static bool swift_is_new(const plim__cache *cache, const char *block, size_t held)
{
    uint8_t state = plim__state_load(plim__swift_state(cache, block));
    if (state <= PLIM__STATE_GONE)
        return true;
    const uint32_t *mark = swift_mark(cache, block);
    uint32_t word = mark != NULL ? plim__mark_load(mark) : PLIM__MARK_WHOLE;
    return state == PLIM__STATE_KEPT && word != PLIM__MARK_NONE && !plim__mark_is_live(word) &&
           plim__poison_holds(block, plim__poison_bytes(word, held));
}

/* What is not for this way. */
static void *swift_decline(plim__thread *thread, plim__cache *cache, size_t bytes, const char *site,
                           bool is_watched)
{
    plim_domain domain = swift_domain(cache);
    plim__thread_leave(thread, PLIM__IDLE);
    return is_watched ? plim__take_watched(domain, bytes, site)
                      : plim__take(domain, bytes, 0, false, site);
}

/* With the thread entered, and left in any case: a block after more were had from the slabs. */
static void *swift_refill(plim__thread *thread, plim__cache *cache, size_t bytes, const char *site)
{
    plim_domain domain = swift_domain(cache);
    uint32_t slot = cache->slot;
    plim_manager *manager = cache->manager;
    plim__thread_leave(thread, PLIM__IDLE);
    void *block = plim__checked_refill(manager, slot, cache, plim__class_of(bytes), site);
    return block != NULL ? block : plim__take(domain, bytes, 0, false, site);
}

static void *swift_take_plain(plim__thread *thread, plim__cache *cache, size_t bytes,
                              const char *site)
{
    unsigned code = plim__class_of(bytes);
    plim__bin *bin = &cache->bins[code];
    void **top = plim__own_load(&bin->top) - 1;
    char *block = *top;
    if (block == NULL && plim__cache_keeps(cache, code))
        return swift_refill(thread, cache, bytes, site);
    if (block == NULL || !swift_is_new(cache, block, plim__class_bytes[code]))
        return swift_decline(thread, cache, bytes, site, false);
    plim__state_store(plim__swift_state(cache, block), PLIM__STATE_LIVE);
    plim__own_store(&bin->top, top);
    plim__own_add(&bin->pops, 1);
    plim__thread_leave(thread, PLIM__IDLE);
    return block;
}

/* Watched blocks lie close together in a young cache, for the sake of short programs, then thin out
   to one in so many. */
static uint32_t swift_gap(plim__cache *cache)
{
    const plim_manager *manager = cache->manager;
    uint32_t gap = manager->watch_first << cache->watch_step;
    if (gap > manager->watch_every / 2)
        return manager->watch_every;
    cache->watch_step++;
    return 2 * gap;
}

/* Of a class with room for the guard, too. */
static void *swift_take_watched(plim__thread *thread, plim__cache *cache, size_t bytes,
                                const char *site)
{
    size_t wanted = bytes + PLIM__GUARD_MIN;
    unsigned code = wanted < PLIM__SMALL_MAX ? plim__class_of(wanted) : 0;
    plim__bin *bin = &cache->bins[code];
    void **top = plim__own_load(&bin->top) - 1;
    char *block = *top;
    size_t held = plim__class_bytes[code];
    cache->watch_in = swift_gap(cache);
    cache->look_in -= 2 * (int32_t)cache->watch_in; /* of each take, a release */
    if (block == NULL || cache->look_in <= 0 || !swift_is_new(cache, block, held))
        return swift_decline(thread, cache, bytes, site, true);
    uint32_t word = plim__mark_make(plim__place_of(site), bytes);
    swift_mark_store(cache, block, word);
    plim__guard_put(block, bytes, held, word);
    plim__state_store(plim__swift_state(cache, block), PLIM__STATE_WATCHED);
    swift_asked(cache, (ptrdiff_t)bytes);
    plim__own_store(&bin->top, top);
    plim__own_add(&bin->pops, 1);
    plim__thread_leave(thread, PLIM__IDLE);
    return block;
}

SWIFT_APART void *plim__swift_take(plim__thread *thread, plim__cache *cache, size_t bytes,
                                   const char *site)
{
    /* Where its bin was empty the fast way has not counted it. */
    if (plim__cache_count(cache, plim__class_of(bytes)) == 0 && plim__is_full(cache->manager))
        cache->watch_in--;
    bool is_watched = cache->watch_in == 0 || plim__is_exact(cache->manager);
    return is_watched ? swift_take_watched(thread, cache, bytes, site)
                      : swift_take_plain(thread, cache, bytes, site);
}

/* With the thread entered: what its home says of an address in it. */
static inline void swift_find(plim__thread *thread, uintptr_t grain, const void *block,
                              swift_block *out)
{
    size_t info = plim__thread_info(thread, block);
    out->cache = plim__thread_fast(thread, plim__info_slot(info));
    out->code = plim__info_code(info);
    out->bin = &out->cache->bins[out->code];
    out->state = plim__own_load(&thread->home_states) + grain;
}

/* The mark of a watched block whose guard and copy hold; 0: they do not. */
static uint32_t swift_sound(const swift_block *found, const char *block)
{
    size_t held = plim__class_bytes[found->code];
    const uint32_t *mark = swift_mark(found->cache, block);
    uint32_t word = mark != NULL ? plim__mark_load(mark)
                                 : plim__mark_told(plim__guard_copy(block, held), block);
    size_t bytes = plim__mark_bytes(word);
    bool is_sound = plim__mark_is_live(word) && bytes + PLIM__GUARD_MIN <= held &&
                    plim__guard_holds(block, bytes, held, word);
    return is_sound ? word : 0;
}

/* A watched block goes back: poisoned; where each is watched, mostly its head alone. */
SWIFT_APART void plim__swift_give(plim__thread *thread, uintptr_t grain, void *block)
{
    swift_block found;
    swift_find(thread, grain, block, &found);
    void **top = plim__own_load(&found.bin->top);
    uint32_t word = 0;
    if (top != found.bin->end && plim__state_load(found.state) == PLIM__STATE_WATCHED &&
        plim__is_full(found.cache->manager))
        word = swift_sound(&found, block);
    if (word == 0) {
        bool is_full_bin = top == found.bin->end && top != found.bin->array;
        plim_manager *manager = found.cache->manager;
        uint32_t slot = found.cache->slot;
        plim__thread_leave(thread, PLIM__IDLE);
        if (!is_full_bin || !plim__checked_flush(manager, slot, found.cache, found.code, block))
            plim__give(block, NULL);
        return;
    }
    uint32_t gone = plim__mark_resized(word, 0);
    if (found.cache->manager->watch_every > 1 || found.cache->look_in % PLIM__POISON_EVERY == 0)
        gone |= PLIM__MARK_WHOLE;
    plim__poison_put(block, plim__poison_bytes(gone, plim__class_bytes[found.code]));
    swift_mark_store(found.cache, block, gone);
    plim__state_store(found.state, PLIM__STATE_KEPT);
    swift_asked(found.cache, -(ptrdiff_t)plim__mark_bytes(word));
    *top = block;
    plim__own_store(&found.bin->top, top + 1);
    plim__thread_leave(thread, PLIM__IDLE);
}

/* In place: the mark, and what follows from it. */
static void swift_renew(const swift_block *found, char *block, uint32_t word, size_t bytes)
{
    uint32_t renewed = plim__mark_resized(word, bytes);
    swift_mark_store(found->cache, block, renewed);
    plim__guard_put(block, bytes, plim__class_bytes[found->code], renewed);
    swift_asked(found->cache, (ptrdiff_t)bytes - (ptrdiff_t)plim__mark_bytes(word));
}

/* It moves: with the site of its first request, where that is known. NULL: refused. */
static void *swift_move(plim_domain domain, uint32_t word, size_t held, void *block, size_t bytes)
{
    const char *site = word != 0 ? plim__place_site(plim__mark_place(word)) : NULL;
    void *moved = plim__alloc_in(domain, bytes, site);
    if (moved == NULL)
        return NULL;
    size_t kept = word != 0 ? plim__mark_bytes(word) : held;
    memcpy(moved, block, bytes < kept ? bytes : kept);
    plim_free(block);
    return moved;
}

bool plim__swift_resize(plim__thread *thread, uintptr_t grain, void *block, size_t bytes,
                        void **out_block)
{
    if (plim__own_load(&thread->busy) != PLIM__IDLE)
        return false;
    swift_block found;
    plim__thread_enter(thread);
    swift_find(thread, grain, block, &found);
    bool is_kept = found.bin->end != found.bin->array;
    uint8_t state = plim__state_load(found.state);
    bool is_watched =
        is_kept && state == PLIM__STATE_WATCHED && plim__is_full(found.cache->manager);
    uint32_t word = is_watched ? swift_sound(&found, block) : 0;
    size_t wanted = bytes + (is_watched ? PLIM__GUARD_MIN : 0);
    bool may_stay = wanted < PLIM__SMALL_MAX && plim__class_of(wanted) == found.code;
    bool is_sound = word != 0 || (is_kept && state == PLIM__STATE_LIVE);
    plim_domain domain = is_sound ? swift_domain(found.cache) : (plim_domain){0};
    if (word != 0 && may_stay)
        swift_renew(&found, block, word, bytes);
    plim__thread_leave(thread, PLIM__IDLE);
    if (is_sound)
        *out_block = may_stay
                         ? block
                         : swift_move(domain, word, plim__class_bytes[found.code], block, bytes);
    return is_sound;
}

#endif
