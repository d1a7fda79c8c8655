/* SPDX-License-Identifier: MIT */
/*
 * The swift way: a thread's cache, as for managers without checks, and on the way to it one look at
 * the block's mark. No lock, no shared write but the mark; what is asked for is counted in the
 * cache and told when that next has the lock (checked.c). Where anything is not as it should be,
 * nothing is changed and the checked way finds out what it is. Level full has functions of its own,
 * so that standard saves no registers for it.
 *
 * W1  A block in a bin has no live mark; one that is given out has, before its address is returned.
 * W2  A live mark lies at the beginning of a live block of a slab, or of a large block.
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
    uint32_t *mark;
    uint32_t word; /* of the mark */
    unsigned code;
} swift_block;

/* One shift and one addition: the address's bits below an alignment are 0. */
static inline uint32_t *swift_mark(const plim__cache *cache, const void *block)
{
    return (uint32_t *)(cache->marks + (uintptr_t)block / (PLIM__ALIGN / sizeof(uint32_t)));
}

static inline void swift_asked(plim__cache *cache, ptrdiff_t bytes)
{
    ptrdiff_t asked = plim__own_load(&cache->asked) + bytes;
    plim__own_store(&cache->asked, asked);
    if (PLIM__UNLIKELY(asked > plim__own_load(&cache->asked_most)))
        plim__own_store(&cache->asked_most, asked);
}

/* At full: a released block may be taken if it holds its poison. */
static inline bool swift_may_take(plim__cache *cache, const char *block, uint32_t word, size_t held)
{
    if (cache->look_in <= 1 || plim__mark_is_live(word))
        return false;
    cache->look_in--;
    return word == PLIM__MARK_NONE || plim__poison_holds(block, plim__poison_bytes(word, held));
}

/* What is not for this way. */
static SWIFT_APART void *swift_decline(plim__thread *thread, const plim__cache *cache, size_t bytes,
                                       const char *site)
{
    plim_domain domain = {~cache->id};
    plim__thread_leave(thread, PLIM__IDLE);
    return plim__take(domain, bytes, 0, false, site);
}

/* A block is out of its bin; the thread is left. */
static inline void *swift_give_out(plim__thread *thread, plim__cache *cache, plim__bin *bin,
                                   void **top, size_t bytes)
{
    plim__own_store(&bin->top, top);
    plim__own_add(&bin->pops, 1);
    swift_asked(cache, (ptrdiff_t)bytes);
    plim__thread_leave(thread, PLIM__IDLE);
    return *top;
}

/* Of a class for the guard, too. */
static SWIFT_APART void *swift_take_full(plim__thread *thread, plim__cache *cache, size_t bytes,
                                         const char *site)
{
    size_t wanted = bytes + PLIM__GUARD_MIN;
    unsigned code = wanted < PLIM__SMALL_MAX ? plim__class_of(wanted) : 0;
    plim__bin *bin = &cache->bins[code];
    void **top = plim__own_load(&bin->top) - 1;
    char *block = *top;
    size_t held = plim__class_bytes[code];
    uint32_t *mark = swift_mark(cache, block);
    if (block == NULL || !swift_may_take(cache, block, plim__mark_load(mark), held))
        return swift_decline(thread, cache, bytes, site);
    uint32_t word = plim__mark_make(plim__place_of(site), bytes);
    plim__mark_store(mark, word);
    plim__guard_put(block, bytes, held, word);
    return swift_give_out(thread, cache, bin, top, bytes);
}

/* With a place that does not stand where it is looked for first. */
static SWIFT_APART void *swift_take_far(plim__thread *thread, plim__cache *cache, plim__bin *bin,
                                        void **top, size_t bytes, const char *site)
{
    uint32_t *mark = swift_mark(cache, *top);
    plim__mark_store(mark, plim__mark_make(plim__place_of(site), bytes));
    return swift_give_out(thread, cache, bin, top, bytes);
}

void *plim__swift_take(plim__thread *thread, plim__cache *cache, plim__bin *bin, void **top,
                       size_t bytes, const char *site)
{
    uint32_t home = plim__place_home(site);
    const void *block = *top;
    if (PLIM__UNLIKELY(cache->is_full))
        return swift_take_full(thread, cache, bytes, site);
    if (PLIM__UNLIKELY(block == NULL))
        return swift_decline(thread, cache, bytes, site);
    if (PLIM__UNLIKELY(!plim__place_is_home(home, site)))
        return swift_take_far(thread, cache, bin, top, bytes, site);
    plim__mark_store(swift_mark(cache, block), plim__mark_make(home, bytes));
    return swift_give_out(thread, cache, bin, top, bytes);
}

/* With the thread entered: what its home says of an address in it. A mark that is live lies at a
   block's beginning; only bits below an alignment are still to be looked at. */
static inline bool swift_find(plim__thread *thread, uintptr_t offset, swift_block *out)
{
    size_t info = plim__own_load(&thread->checked_info)[offset >> PLIM__PAGE_SHIFT];
    out->cache = plim__thread_fast(thread, info >> PLIM__CLASS_BITS);
    out->code = info & (PLIM__CLASS_CODES - 1);
    out->bin = &out->cache->bins[out->code];
    out->mark = plim__own_load(&thread->checked_marks) + offset / PLIM__ALIGN;
    out->word = plim__mark_load(out->mark);
    return plim__mark_is_live(out->word) && offset % PLIM__ALIGN == 0;
}

/* At full: the guard and the copy of the mark. */
static inline bool swift_may_give(plim__cache *cache, const char *block, const swift_block *found)
{
    size_t held = plim__class_bytes[found->code];
    size_t bytes = plim__mark_bytes(found->word);
    if (cache->look_in <= 1 || bytes + PLIM__GUARD_MIN > held ||
        !plim__guard_holds(block, bytes, held, found->word))
        return false;
    cache->look_in--;
    return true;
}

/* The block is in its bin; the thread is left. */
static inline void swift_keep(plim__thread *thread, const swift_block *found, uint32_t gone,
                              void **top, void *block)
{
    plim__mark_store(found->mark, gone);
    *top = block;
    plim__own_store(&found->bin->top, top + 1);
    plim__own_store(&found->cache->asked, plim__own_load(&found->cache->asked) -
                                              (ptrdiff_t)plim__mark_bytes(found->word));
    plim__thread_leave(thread, PLIM__IDLE);
}

static SWIFT_APART void swift_give_full(plim__thread *thread, uintptr_t offset, char *block)
{
    swift_block found;
    bool is_sound = swift_find(thread, offset, &found);
    void **top = plim__own_load(&found.bin->top);
    if (!is_sound || !swift_may_give(found.cache, block, &found)) {
        plim__thread_leave(thread, PLIM__IDLE);
        plim__give(block, NULL);
        return;
    }
    uint32_t gone = plim__mark_resized(found.word, 0);
    if (found.cache->look_in % PLIM__POISON_EVERY == 0)
        gone |= PLIM__MARK_WHOLE;
    plim__poison_put(block, plim__poison_bytes(gone, plim__class_bytes[found.code]));
    swift_keep(thread, &found, gone, top, block);
}

void plim__swift_give(plim__thread *thread, void *block)
{
    uintptr_t offset = (uintptr_t)block - plim__own_load(&thread->checked_base);
    if (PLIM__UNLIKELY(offset >= plim__own_load(&thread->checked_bytes) ||
                       plim__own_load(&thread->busy) != PLIM__IDLE)) {
        plim__give(block, NULL);
        return;
    }
    swift_block found;
    plim__thread_enter(thread);
    bool is_sound = swift_find(thread, offset, &found);
    void **top = plim__own_load(&found.bin->top);
    if (PLIM__UNLIKELY(!is_sound || top == found.bin->end)) {
        plim__thread_leave(thread, PLIM__IDLE);
        plim__give(block, NULL);
        return;
    }
    if (PLIM__UNLIKELY(found.cache->is_full)) {
        swift_give_full(thread, offset, block);
        return;
    }
    swift_keep(thread, &found, plim__mark_resized(found.word, 0), top, block);
}

/* In place: the mark, and what follows from it. */
static void swift_renew(const swift_block *found, char *block, size_t bytes)
{
    uint32_t word = plim__mark_resized(found->word, bytes);
    plim__mark_store(found->mark, word);
    if (found->cache->is_full)
        plim__guard_put(block, bytes, plim__class_bytes[found->code], word);
    swift_asked(found->cache, (ptrdiff_t)bytes - (ptrdiff_t)plim__mark_bytes(found->word));
}

/* It moves: with the site of its first request, which is the one that made it. NULL: refused. */
static void *swift_move(const swift_block *found, void *block, size_t bytes)
{
    bool is_full = found->cache->is_full;
    size_t held = is_full ? plim__mark_bytes(found->word) : plim__class_bytes[found->code];
    const char *site = plim__place_site(plim__mark_place(found->word));
    void *moved = plim__alloc_in((plim_domain){~found->cache->id}, bytes, site);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, bytes < held ? bytes : held);
    plim_free(block);
    return moved;
}

bool plim__swift_resize(void *block, size_t bytes, void **out_block)
{
    plim__thread *thread = plim__thread_self;
    uintptr_t offset = (uintptr_t)block - plim__own_load(&thread->checked_base);
    if (offset >= plim__own_load(&thread->checked_bytes) ||
        plim__own_load(&thread->busy) != PLIM__IDLE || bytes - 1 >= PLIM__SMALL_MAX)
        return false;
    swift_block found;
    plim__thread_enter(thread);
    bool is_sound = swift_find(thread, offset, &found) && found.bin->end != found.bin->array;
    bool is_full = found.cache->is_full;
    size_t wanted = bytes + (is_full ? PLIM__GUARD_MIN : 0);
    bool may_stay = wanted < PLIM__SMALL_MAX && plim__class_of(wanted) == found.code;
    if (is_sound && is_full)
        is_sound = swift_may_give(found.cache, block, &found);
    if (is_sound && may_stay)
        swift_renew(&found, block, bytes);
    plim__thread_leave(thread, PLIM__IDLE);
    if (is_sound)
        *out_block = may_stay ? block : swift_move(&found, block, bytes);
    return is_sound;
}

#endif
