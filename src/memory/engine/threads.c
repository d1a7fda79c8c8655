/* SPDX-License-Identifier: MIT */
/*
 * Threads and their caches. A record is two pages from the system (where there is none, all goes
 * the slow way, which is right, only slower); records of ended threads are used again.
 *
 * T1  own[slot] changes under the lock of the slot's manager; fast[slot] is own[slot], or the
 *     empty cache while it is revoked, while there is none, and where every operation is checked.
 * T2  A cache is touched by its thread while that is busy and by fast[slot], or by whoever holds
 *     the manager's lock after the thread was seen not busy with fast[slot] empty.
 * T3  A thread holds no lock while it is busy in the fast way, so whoever waits for it waits for a
 *     few instructions (or for the system to run it).
 */
#include "memory/engine/threads.h"

#include <string.h>

#include "base/assert.h"
#include "memory/budgets/lend.h"
#include "memory/checks/checked.h"
#include "memory/checks/marks.h"
#include "memory/engine/alloc.h"
#include "memory/engine/watch.h"
#include "memory/user/scope.h"
#include "platform/backing.h"

static plim__thread threads_none = {.busy = PLIM__BUSY_SLOW};
PLIM__THREAD_LOCAL plim__thread *plim__thread_self = &threads_none;
#ifdef PLIM__HAS_LAYOUT
/* Programs see the same, but for words that are atomic here and plain there (a sanitizer's). */
__thread plim__inline_thread *plim__inline_thread_3 = (plim__inline_thread *)&threads_none;
#endif
static PLIM__THREAD_LOCAL bool threads_is_inside;
static PLIM__THREAD_LOCAL bool threads_is_leaving;

static plim__lock threads_lock;
static plim__thread *threads_first;    /* alive */
static plim__thread *threads_unused;   /* ended */
static size_t threads_count;           /* of both */
static _Atomic uint32_t threads_fence; /* 0 not tried, 1 being tried, 2 works, 3 does not */

#if defined(PLIM__HAS_LAYOUT) && !defined(PLIM__FENCE_STRONG)
/* What memory_inline.h says of this; whoever changes it counts up plim__inline_thread_3. */
#define SAME_PLACE(here, field, there)                                                             \
    _Static_assert(offsetof(here, field) == offsetof(there, field), "memory_inline.h: " #field)
SAME_PLACE(plim__thread, busy, plim__inline_thread);
SAME_PLACE(plim__thread, home_grains, plim__inline_thread);
SAME_PLACE(plim__thread, home_base, plim__inline_thread);
SAME_PLACE(plim__thread, home_pages, plim__inline_thread);
SAME_PLACE(plim__thread, home_states, plim__inline_thread);
SAME_PLACE(plim__thread, home_likely, plim__inline_thread);
SAME_PLACE(plim__thread, fast, plim__inline_thread);
SAME_PLACE(plim__cache, id, plim__inline_cache);
SAME_PLACE(plim__cache, bins, plim__inline_cache);
SAME_PLACE(plim__bin, top, plim__inline_bin);
SAME_PLACE(plim__bin, end, plim__inline_bin);
SAME_PLACE(plim__bin, pops, plim__inline_bin);
_Static_assert(sizeof(plim__bin) == sizeof(plim__inline_bin), "memory_inline.h: a bin");
_Static_assert((int)PLIM__SLOTS == (int)PLIM__INLINE_SLOTS &&
                   (int)PLIM__CLASS_CODES == (int)PLIM__INLINE_CODES &&
                   (int)PLIM__SMALL_MAX == (int)PLIM__INLINE_MAX &&
                   (int)PLIM__INFO_SLOT_SHIFT == (int)PLIM__INLINE_SLOT_SHIFT &&
                   PLIM__INFO_CODE_MASK == (int)PLIM__INLINE_CODE_MASK &&
                   (PLIM__INLINE_BIN_FACTOR << PLIM__INFO_CODE_SHIFT) ==
                       (int)sizeof(plim__inline_bin) &&
                   (int)PLIM__PAGE_SHIFT == (int)PLIM__INLINE_PAGE_SHIFT &&
                   (int)PLIM__ALIGN_SHIFT == (int)PLIM__INLINE_ALIGN_SHIFT &&
                   (int)PLIM__STATE_LIVE == (int)PLIM__INLINE_LIVE &&
                   (int)PLIM__STATE_GONE == (int)PLIM__INLINE_GONE && PLIM__IDLE == 0 &&
                   PLIM__BUSY_FAST == 1,
               "memory_inline.h: a number");
#endif

/* The thread's record is this. */
static void threads_self_set(plim__thread *thread)
{
    plim__thread_self = thread;
#if defined(PLIM__HAS_LAYOUT) && !defined(PLIM__FENCE_STRONG)
    plim__inline_thread_3 = (plim__inline_thread *)thread;
#endif
}

static size_t threads_record_bytes(void)
{
    size_t page = plim__backing_page();
    return page == 0 ? 0 : (sizeof(plim__thread) + page - 1) / page * page;
}

size_t plim__threads_bytes(void)
{
    plim__lock_take(&threads_lock);
    size_t bytes = threads_count * threads_record_bytes();
    plim__lock_give(&threads_lock);
    return bytes;
}

size_t plim__threads_tables_bytes(void)
{
    return sizeof threads_none + sizeof plim__cache_empty;
}

/* With the list's lock. */
static plim__thread *threads_record_new(void)
{
    plim__thread *thread = threads_unused;
    if (thread != NULL) {
        threads_unused = thread->next;
        return thread;
    }
    size_t bytes = threads_record_bytes();
    if (bytes == 0)
        return NULL;
    thread = plim__backing_reserve(bytes);
    if (thread == NULL)
        return NULL;
    if (!plim__backing_commit(thread, bytes)) {
        plim__backing_release(thread, bytes);
        return NULL;
    }
    threads_count++;
    return thread;
}

static void threads_leave(void *value);
static void threads_before_fork(void);
static void threads_in_parent(void);
static void threads_in_child(void);

/* Whoever comes second does not wait: a child that is made meanwhile would do so for ever. */
void plim__threads_start(void)
{
    static _Atomic bool is_told;
    bool was_told = false;
    if (plim__cas(&is_told, &was_told, true))
        plim__local_on_fork(threads_before_fork, threads_in_parent, threads_in_child);
}

/* Whether caches can work here at all. */
static bool threads_can_revoke(void)
{
    uint32_t state = 0;
    if (plim__cas(&threads_fence, &state, 1)) { /* may take milliseconds */
        state = plim__fence_start() ? 2 : 3;
        plim__store(&threads_fence, state);
    }
    return state == 2;
}

static plim__thread *threads_record(void)
{
    plim__lock_take(&threads_lock);
    plim__thread *thread = threads_record_new();
    if (thread != NULL) {
        if (plim__cache_empty.bins[0].end == NULL)
            plim__cache_empty_init(); /* with the lock: once */
        memset(thread, 0, sizeof *thread);
        for (unsigned slot = 0; slot < PLIM__SLOTS; slot++)
            plim__own_store(&thread->fast[slot], &plim__cache_empty);
        plim__own_store(&thread->busy, PLIM__BUSY_SLOW);
        thread->next = threads_first;
        threads_first = thread;
    }
    plim__lock_give(&threads_lock);
    return thread;
}

/* Gives this thread a record. The C library may allocate meanwhile: that is served, slowly. */
static void threads_join(void)
{
    threads_is_leaving = true;
    threads_is_inside = false;
    plim__thread *thread = threads_can_revoke() ? threads_record() : NULL;
    bool is_kept = thread != NULL && plim__local_on_exit(threads_leave, thread);
    threads_is_inside = true;
    if (is_kept) {
        threads_is_leaving = false;
        threads_self_set(thread);
    } else if (thread != NULL) {
        threads_leave(thread);
    }
}

static bool threads_rests(plim__thread *thread)
{
    uint32_t busy = plim__own_load(&thread->busy);
    return busy == PLIM__IDLE || busy == PLIM__WATCHED;
}

bool plim__thread_begin(void)
{
    plim__thread *thread = plim__thread_self;
    if (threads_is_inside || (thread != &threads_none && !threads_rests(thread)))
        return false;
    threads_is_inside = true;
    PLIM__FENCE_LIGHT();
    if (thread == &threads_none) {
        if (!threads_is_leaving)
            threads_join();
    } else {
        plim__own_store(&thread->busy, PLIM__BUSY_SLOW);
    }
    PLIM__FENCE_LIGHT();
    return true;
}

void plim__thread_end(void)
{
    plim__thread *thread = plim__thread_self;
    while (thread != &threads_none && plim__load_relaxed(&thread->late) != NULL) {
        void *block = plim__exchange(&thread->late, NULL);
        while (block != NULL) {
            void *next = *(void **)block;
            plim__give_inside(block);
            block = next;
        }
    }
    PLIM__FENCE_LIGHT();
    if (thread != &threads_none)
        plim__own_release(&thread->busy, plim__watch_is_on() ? PLIM__WATCHED : PLIM__IDLE);
    threads_is_inside = false;
}

/* From resting to watched. An owner that was faster overwrites it, which is right at all times. */
static void threads_turn(plim__thread *thread)
{
    uint32_t busy = PLIM__IDLE;
#ifdef PLIM__FENCE_STRONG
    (void)plim__cas(&thread->busy, &busy, PLIM__WATCHED);
#else
    (void)__atomic_compare_exchange_n(&thread->busy, &busy, PLIM__WATCHED, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED);
#endif
}

void plim__threads_watch(void)
{
    enum { TRIES = 64 };
    bool is_any = true; /* that had yet to be turned */
    plim__lock_take(&threads_lock);
    for (unsigned i = 0; i < TRIES && is_any; i++) {
        is_any = false;
        for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
            uint32_t busy = plim__foreign_load(&thread->busy);
            if (busy != PLIM__IDLE && busy != PLIM__BUSY_FAST)
                continue;
            is_any = true;
            threads_turn(thread);
        }
        if (is_any && plim__load(&threads_fence) == 2)
            plim__fence_heavy();
    }
    plim__lock_give(&threads_lock);
}

void plim__thread_late(void *block)
{
    plim__thread *thread = plim__thread_self;
    if (thread == &threads_none)
        return;
    void *first = plim__load_relaxed(&thread->late);
    do {
        *(void **)block = first;
    } while (!plim__cas(&thread->late, &first, block));
}

void plim__thread_scoped(void)
{
    plim__thread *thread = plim__thread_self;
    if (thread != &threads_none && plim__own_load(&thread->home_states) != NULL)
        plim__foreign_store(&thread->home_grains, 0);
}

void plim__thread_home(const plim_manager *manager)
{
    plim__thread *thread = plim__thread_self;
    if (thread == &threads_none || manager->verify >= PLIM_VERIFY_REDUNDANT)
        return;
    /* While a scope is open the swift way is closed: a scope's first piece begins where its block
       does, and is none that can be given back. */
    bool is_open = manager->space.states == NULL || !plim__scope_is_any();
    plim__own_store(&thread->home_grains, 0);
    plim__own_store(&thread->home_base, manager->space.base);
    uintptr_t first = manager->space.base >> PLIM__PAGE_SHIFT;
    plim__own_store(&thread->home_pages,
                    (uintptr_t)manager->space.info - first * sizeof *manager->space.info);
    plim__own_store(&thread->home_states, manager->space.states);
    plim__own_release(&thread->home_grains, is_open ? manager->space.bytes / PLIM__ALIGN : 0);
}

plim__cache *plim__thread_cache(plim_manager *manager, plim__domain *domain)
{
    plim__thread *thread = plim__thread_self;
    if (thread == &threads_none || manager->verify >= PLIM_VERIFY_REDUNDANT || manager->is_minute)
        return NULL;
    plim__cache *cache = thread->own[domain->slot];
    if (cache != NULL)
        return cache;
    cache = plim__tables_take(manager, plim__cache_bytes(manager));
    if (cache == NULL)
        return NULL;
    plim__lock_take(&manager->lock);
    plim__cache_init(cache, manager, domain);
    thread->own[domain->slot] = cache;
    plim__foreign_store(&thread->fast[domain->slot], cache);
    plim__lock_give(&manager->lock);
    if (plim__own_load(&thread->home_grains) == 0)
        plim__thread_home(manager);
    return cache;
}

/* --- revocation: with the list's lock and the manager's -------------------------------------- */

/* One thread's cache of a slot, if that is the manager's. */
static plim__cache *threads_own(const plim__thread *thread, const plim_manager *manager,
                                uint32_t slot)
{
    return plim__load_relaxed(&plim__slots[slot].manager) == manager ? thread->own[slot] : NULL;
}

/* The slots meant: one, or with 0 all. */
static uint32_t threads_from(uint32_t wanted)
{
    return wanted != 0 ? wanted : 1;
}

static uint32_t threads_to(uint32_t wanted)
{
    return wanted != 0 ? wanted : PLIM__SLOTS - 1;
}

static void threads_wait(plim__thread *thread)
{
    for (unsigned spin = 0; plim__foreign_load(&thread->busy) == PLIM__BUSY_FAST; spin++) {
        PLIM__SPIN();
        if (spin % 64 == 63)
            plim__fence_yield();
    }
}

/* Turns the fast pointers of a thread's caches to the empty one; whether any was. */
static bool threads_revoke_one(plim__thread *thread, const plim_manager *manager, uint32_t wanted,
                               bool all)
{
    bool is_any = false;
    for (uint32_t slot = threads_from(wanted); slot <= threads_to(wanted); slot++) {
        const plim__cache *cache = threads_own(thread, manager, slot);
        if (cache == NULL || (!all && !plim__cache_has_any(cache)))
            continue;
        plim__foreign_store(&thread->fast[slot], &plim__cache_empty);
        is_any = true;
    }
    return is_any;
}

/* Afterwards no owner is in a cache concerned, or comes into it before the manager's lock is free.
   Caches with nothing in them are left alone unless all are wanted. */
static void threads_revoke(const plim_manager *manager, uint32_t wanted, bool all)
{
    bool is_others = false;
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        if (threads_revoke_one(thread, manager, wanted, all))
            is_others |= thread != plim__thread_self;
    if (!is_others)
        return;
    plim__fence_heavy();
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        threads_wait(thread);
}

static void threads_restore(const plim_manager *manager, uint32_t wanted)
{
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        for (uint32_t slot = threads_from(wanted); slot <= threads_to(wanted); slot++) {
            plim__cache *cache = threads_own(thread, manager, slot);
            if (cache != NULL)
                plim__foreign_store(&thread->fast[slot], cache);
        }
}

size_t plim__threads_drain(plim_manager *manager, uint32_t wanted)
{
    size_t bytes = 0;
    plim__lock_take(&threads_lock);
    plim__lock_take(&manager->lock);
    threads_revoke(manager, wanted, false);
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        for (uint32_t slot = threads_from(wanted); slot <= threads_to(wanted); slot++) {
            plim__cache *cache = threads_own(thread, manager, slot);
            if (cache != NULL && plim__foreign_load(&thread->fast[slot]) == &plim__cache_empty)
                bytes += plim__cache_drain(cache);
        }
    threads_restore(manager, wanted);
    plim__lock_give(&manager->lock);
    plim__lock_give(&threads_lock);
    return bytes;
}

size_t plim__threads_cached(uint32_t slot, uint64_t *out_blocks, uint64_t *out_pops)
{
    plim_manager *manager = plim__slots[slot].manager;
    size_t bytes = 0;
    *out_blocks = 0;
    *out_pops = 0;
    if (manager == NULL)
        return 0;
    plim__lock_take(&threads_lock);
    plim__lock_take(&manager->lock);
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
        const plim__cache *cache = thread->own[slot];
        for (unsigned code = 1; cache != NULL && code <= PLIM__CLASS_COUNT; code++) {
            uint32_t count = plim__cache_count(cache, code);
            *out_blocks += count;
            *out_pops += plim__foreign_load(&cache->bins[code].pops);
            bytes += (size_t)count * plim__class_bytes[code];
        }
    }
    plim__lock_give(&manager->lock);
    plim__lock_give(&threads_lock);
    return bytes;
}

void plim__threads_cached_blocks(uint32_t slot, uint32_t out_counts[PLIM__CLASS_CODES])
{
    memset(out_counts, 0, PLIM__CLASS_CODES * sizeof *out_counts);
    plim_manager *manager = plim__slots[slot].manager;
    if (manager == NULL)
        return;
    plim__lock_take(&threads_lock);
    plim__lock_take(&manager->lock);
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
        const plim__cache *cache = thread->own[slot];
        for (unsigned code = 1; cache != NULL && code <= PLIM__CLASS_COUNT; code++)
            out_counts[code] += plim__cache_count(cache, code);
    }
    plim__lock_give(&manager->lock);
    plim__lock_give(&threads_lock);
}

size_t plim__threads_asked(uint32_t slot, size_t *out_most)
{
    plim_manager *manager = plim__slots[slot].manager;
    plim__lock_take(&threads_lock);
    plim__lock_take(&manager->lock);
    const plim__ghost *ghost = &plim__slots[slot].ghost;
    ptrdiff_t sum = ghost->requested_bytes, more = 0;
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
        const plim__cache *cache = thread->own[slot];
        if (cache == NULL)
            continue;
        ptrdiff_t asked = plim__foreign_load(&cache->asked);
        ptrdiff_t most = plim__foreign_load(&cache->asked_most) - asked;
        sum += asked;
        more = most > more ? most : more;
    }
    sum = sum > 0 ? sum : 0;
    *out_most =
        (size_t)(sum + more) > ghost->requested_mark ? (size_t)(sum + more) : ghost->requested_mark;
    plim__lock_give(&manager->lock);
    plim__lock_give(&threads_lock);
    return (size_t)sum;
}

void plim__threads_forget(uint32_t slot)
{
    plim_manager *manager = plim__slots[slot].manager;
    plim__lock_take(&threads_lock);
    plim__lock_take(&manager->lock);
    threads_revoke(manager, slot, true);
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
        plim__cache *cache = thread->own[slot];
        if (cache == NULL)
            continue;
        (void)plim__cache_drain(cache);
        thread->own[slot] = NULL;
        plim__tables_give_locked(manager, cache, plim__cache_bytes(manager));
    }
    plim__lock_give(&manager->lock);
    plim__lock_give(&threads_lock);
}

void plim__threads_leave(const plim_manager *manager)
{
    plim__lock_take(&threads_lock);
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next) {
        if (plim__own_load(&thread->home_base) == manager->space.base)
            plim__foreign_store(&thread->home_grains, 0);
    }
    plim__fence_heavy();
    for (plim__thread *thread = threads_first; thread != NULL; thread = thread->next)
        threads_wait(thread);
    plim__lock_give(&threads_lock);
}

/* --- the end of a thread --------------------------------------------------------------------- */

/* With the list's lock; the thread has ended, or is ending and inside. */
static void threads_retire(plim__thread *thread)
{
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++) {
        plim__cache *cache = thread->own[slot];
        if (cache == NULL)
            continue;
        plim_manager *manager = cache->manager;
        plim__lock_take(&manager->lock);
        plim__foreign_store(&thread->fast[slot], &plim__cache_empty);
        (void)plim__cache_drain(cache);
        thread->own[slot] = NULL;
        plim__tables_give_locked(manager, cache, plim__cache_bytes(manager));
        plim__lock_give(&manager->lock);
    }
    plim__thread **link = &threads_first;
    while (*link != thread)
        link = &(*link)->next;
    *link = thread->next;
    thread->next = threads_unused;
    threads_unused = thread;
}

static void threads_leave(void *value)
{
    plim__thread *thread = value;
    bool was_inside = threads_is_inside;
    if (!was_inside && plim__thread_self == thread)
        plim__scope_leave();
    threads_is_inside = true;
    threads_is_leaving = true;
    plim__foreign_store(&thread->busy, PLIM__BUSY_SLOW);
    threads_self_set(&threads_none);
    plim__lock_take(&threads_lock);
    threads_retire(thread);
    plim__lock_give(&threads_lock);
    threads_is_inside = was_inside;
}

/* --- fork ------------------------------------------------------------------------------------ */

/* Before: all locks are ours and no owner is in a cache, so the child finds everything whole. */
static void threads_before_fork(void)
{
    plim__managers_freeze();
    plim__lock_take(&threads_lock);
    plim__managers_lock();
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            threads_revoke(plim__manager_at(i), 0, true);
}

static void threads_in_parent(void)
{
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            threads_restore(plim__manager_at(i), 0);
    plim__managers_unlock();
    plim__lock_give(&threads_lock);
    plim__managers_thaw();
}

/* In the child only this thread goes on: what the others had cached is given back. */
static void threads_in_child(void)
{
    plim__store(&threads_fence, plim__fence_start() ? 2 : 3); /* another may have been at it */
    threads_in_parent();
    /* Loans take no lock: another thread may have been in the middle of one. */
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            plim__lend_recover(&plim__manager_at(i)->bank, NULL);
    plim__lock_take(&threads_lock);
    plim__thread *thread = threads_first;
    while (thread != NULL) {
        plim__thread *next = thread->next;
        if (thread != plim__thread_self)
            threads_retire(thread);
        thread = next;
    }
    plim__lock_give(&threads_lock);
}
