/* SPDX-License-Identifier: MIT */
/*
 * The slow way of requests: which class or how many pages, the budget first, then the memory; on
 * the way out of any refusal what was taken is given back, so that nothing has changed. No refusal
 * is final before what threads have cached was called in and the request tried once more: so a
 * limit is exact, whoever's cache the last bytes are in.
 */
#define PLIM_NO_INLINE /* these are the calls */
#include "memory/engine/alloc.h"

#include <string.h>

#include "base/assert.h"
#include "memory/checks/checked.h"
#include "memory/checks/panic.h"
#include "memory/checks/swift.h"
#include "memory/engine/large.h"
#include "memory/engine/libc.h"
#include "memory/engine/slab.h"
#include "memory/engine/threads.h"
#include "memory/engine/watch.h"
#include "memory/user/scope.h"

/* What a request comes to, once it is understood. */
typedef struct alloc_plan {
    plim__domain *domain;
    plim__slot *slot;
    unsigned code; /* 0: whole pages */
    size_t bytes;
    size_t charge;
    size_t align;
    const char *site;
    bool is_lasting;
    bool is_watched; /* level full */
} alloc_plan;

/* Fills in class and charge; false if there is no such block. */
static bool alloc_understand(alloc_plan *plan, plim_provider provider)
{
    if (plan->align == 0)
        plan->align = PLIM__ALIGN;
    bool is_power = (plan->align & (plan->align - 1)) == 0;
    if (plan->bytes == 0 || plan->bytes > PLIM__REQUEST_MAX || !is_power ||
        plan->align > PLIM__ALIGN_MAX)
        return false;
    if (plan->domain->request_max_bytes != 0 && plan->bytes > plan->domain->request_max_bytes)
        return false;
    bool wants_pages = provider == PLIM_PROVIDER_MAP;
    const plim_manager *manager = plan->slot->manager;
    size_t held = plan->bytes + (plan->is_watched ? PLIM__GUARD_MIN : 0);
    bool is_small = held <= plim__small_max(manager) && !wants_pages;
    plan->code = is_small ? plim__class_aligned(held, plan->align) : 0;
    if (plan->code == 0 && plim__is_full(manager)) {
        plan->is_watched = true; /* few, and a page costs more */
        held = plan->bytes + PLIM__GUARD_MIN;
    }
    plan->charge = plan->code != 0 ? plim__class_bytes[plan->code] : plim__large_charge(held);
    if (provider == PLIM_PROVIDER_POOL)
        return plan->code != 0;
    if (provider == PLIM_PROVIDER_FIXED)
        return plan->slot->manager->backing == PLIM_BACKING_FIXED;
    if (provider == PLIM_PROVIDER_LIBC)
        return plan->align <= PLIM__ALIGN;
    return provider == PLIM_PROVIDER_AUTO || provider == PLIM_PROVIDER_MAP;
}

/* Without a cache: one block, already charged. */
static void *alloc_pages(plim_manager *manager, const alloc_plan *plan)
{
    plim__central *central = plan->slot->central;
    uint32_t slot = plan->domain->slot;
    void *block = NULL;
    plim__lock_take(&manager->lock);
    if (plan->code == 0)
        block = plim__large_take(manager, central, slot, plan->charge, plan->align);
    else if (plan->is_lasting)
        block = plim__slab_take_lasting(manager, central, slot, plan->code);
    else
        (void)plim__slab_take(manager, central, slot, plan->code, 1, &block);
    plim__lock_give(&manager->lock);
    return block;
}

static void *alloc_direct(plim_manager *manager, const alloc_plan *plan,
                          plim_refusal_reason *out_reason)
{
    if (!plim__budget_take(&plan->domain->budget, plan->charge)) {
        *out_reason = PLIM_REFUSAL_BUDGET;
        return NULL;
    }
    void *block = alloc_pages(manager, plan);
    if (block == NULL) {
        (void)plim__budget_give(&plan->domain->budget, plan->charge);
        *out_reason = PLIM_REFUSAL_PAGES;
        return NULL;
    }
    (void)plim__add_relaxed(&plan->slot->allocated, 1);
    return block;
}

/* Whatever is at hand of what was wanting; false if nothing was. */
static bool alloc_relieve(plim_manager *manager, const alloc_plan *plan, plim_refusal_reason reason)
{
    if (reason == PLIM_REFUSAL_BUDGET)
        return plim__slots_relieve(plan->slot);
    (void)plim__threads_drain(manager, 0);
    plim__lock_take(&manager->lock);
    plim__manager_sweep(manager);
    plim__lock_give(&manager->lock);
    return true;
}

static void *alloc_once(plim_manager *manager, const alloc_plan *plan, plim__cache *cache,
                        plim_refusal_reason *out_reason)
{
    if (cache == NULL)
        return alloc_direct(manager, plan, out_reason);
    plim__lock_take(&manager->lock);
    void *block = plim__cache_refill(cache, plan->code, out_reason);
    plim__lock_give(&manager->lock);
    return block;
}

/* A block that this thread has, without a lock; NULL if it has none, or the cache is revoked. */
static void *alloc_at_hand(plim__cache *cache, unsigned code)
{
    plim__thread *thread = plim__thread_self;
    plim__thread_enter(thread);
    void *block = NULL;
    if (plim__thread_fast(thread, cache->slot) == cache)
        block = plim__cache_take(cache, code);
    plim__thread_leave(thread, PLIM__BUSY_SLOW);
    return block;
}

static void *alloc_planned(const alloc_plan *plan)
{
    plim_manager *manager = plan->slot->manager;
    bool may_cache = plan->code != 0 && !plan->is_lasting;
    plim__cache *cache = may_cache ? plim__thread_cache(manager, plan->domain) : NULL;
    if (cache != NULL && !plim__cache_keeps(cache, plan->code))
        cache = NULL;
    void *block = cache != NULL ? alloc_at_hand(cache, plan->code) : NULL;
    plim_refusal_reason reason = PLIM_REFUSAL_NONE;
    if (block == NULL)
        block = alloc_once(manager, plan, cache, &reason);
    if (block == NULL && alloc_relieve(manager, plan, reason))
        block = alloc_once(manager, plan, cache, &reason);
    if (block != NULL)
        return block;
    if (reason == PLIM_REFUSAL_PAGES && manager->is_sealed)
        reason = PLIM_REFUSAL_SEALED;
    return plim__refuse(plan->slot, reason, plan->bytes, plan->charge, plan->site);
}

static void *alloc_checked(const alloc_plan *plan)
{
    plim__wish wish = {plan->slot,  plan->code, plan->bytes,      plan->charge,
                       plan->align, plan->site, plan->is_lasting, plan->is_watched};
    return plim__checked_take(&wish);
}

/* Whether it is a block of the C library. */
static bool alloc_is_libc(const alloc_plan *plan, plim_provider provider)
{
    return provider == PLIM_PROVIDER_LIBC ||
           (plan->slot->manager->backing == PLIM_BACKING_EMULATED && plan->align <= PLIM__ALIGN);
}

/* From domain, bytes, align, site and is_lasting to the block. */
static void *alloc_serve(alloc_plan *plan, plim_provider provider, bool zeroed)
{
    size_t bytes = plan->bytes;
    const char *site = plan->site;
    if (plan->domain == NULL)
        return plim__refuse(NULL, PLIM_REFUSAL_DOMAIN, bytes, 0, site);
    plan->slot = &plim__slots[plan->domain->slot];
    if (!plan->is_watched && plim__is_full(plan->slot->manager))
        plan->is_watched = plim__checked_is_watched(plan->slot->manager);
    if (!alloc_understand(plan, provider))
        return plim__refuse(plan->slot, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    void *block;
    if (alloc_is_libc(plan, provider)) {
        block = plim__libc_take(plan->slot, bytes, site);
    } else if (plim__is_checked(plan->slot->manager)) {
        block = alloc_checked(plan);
    } else {
        if (!plim__thread_begin())
            return plim__refuse(plan->slot, PLIM_REFUSAL_REENTERED, bytes, plan->charge, site);
        block = alloc_planned(plan);
        plim__thread_end();
    }
    if (block != NULL && plim__watch_now != NULL)
        plim__watch_now->note(plim__watch_now, plan->domain->name, bytes, site);
    const plim__sampling *sampling = plim__load(&plim__sampling_now);
    if (PLIM__UNLIKELY(sampling != NULL) && block != NULL)
        sampling->taken(block, bytes, plan->domain->name, site);
    if (block != NULL && zeroed)
        memset(block, 0, bytes);
    return block;
}

static void *alloc_request(plim_domain domain, size_t bytes, size_t align, plim_provider provider,
                           bool zeroed, const char *site)
{
    alloc_plan plan = {
        .domain = plim__domain_of(domain), .bytes = bytes, .align = align, .site = site};
    return alloc_serve(&plan, provider, zeroed);
}

void *plim__take(plim_domain domain, size_t bytes, size_t align, bool zeroed, const char *site)
{
    return alloc_request(domain, bytes, align, PLIM_PROVIDER_AUTO, zeroed, site);
}

void *plim__take_watched(plim_domain domain, size_t bytes, const char *site)
{
    alloc_plan plan = {
        .domain = plim__domain_of(domain), .bytes = bytes, .site = site, .is_watched = true};
    return alloc_serve(&plan, PLIM_PROVIDER_AUTO, false);
}

/* A checked cache in which the fast way found something for the swift one, its thread still
   entered; or NULL. */
typedef struct alloc_checked_hand {
    plim__thread *thread;
    plim__cache *cache;
} alloc_checked_hand;

#if PLIM_VERIFY_MAX >= 3
#define ALLOC_SWIFT(hand, bytes, site)                                                             \
    plim__swift_take((hand).thread, (hand).cache, (bytes), (site))
#else
#define ALLOC_SWIFT(hand, bytes, site) NULL /* there is never a hand */
#endif

/* Where the cache's id is not the one wanted: whether the block may be taken all the same. */
static inline bool alloc_pass(plim__thread *thread, plim__cache *cache, uint32_t turned,
                              const void *block, alloc_checked_hand *hand)
{
#if PLIM_VERIFY_MAX >= 3
    plim__swift_passed passed = plim__swift_pass(cache, turned, block);
    if (passed == PLIM__SWIFT_YES)
        return true;
    if (passed == PLIM__SWIFT_ODD) {
        *hand = (alloc_checked_hand){thread, cache};
        return false;
    }
#else
    (void)cache, (void)turned, (void)block, (void)hand; /* no cache is ever a checked one */
#endif
    plim__thread_leave(thread, PLIM__IDLE);
    return false;
}

/*
 * The fast way. Every line is paid for in each allocation:
 * the size's bin, by one of two tables; a thread inside already (a signal handler, or no record
 * yet) goes the slow way; busy, so that nobody empties the cache under us; the thread's cache of
 * the domain, or the empty one; its first block, if the cache is this very domain's. Where
 * operations are checked its id is turned, and the block's state is looked at and written besides.
 */
static inline void *alloc_fast(uint32_t id, size_t bytes, alloc_checked_hand *hand)
{
    hand->cache = NULL;
    plim__thread *thread = plim__thread_self;
    size_t bin_offset;
    if (PLIM__LIKELY(bytes <= PLIM__FINE_MAX))
        bin_offset = plim__class_bins[(bytes + 15) >> 4];
    else if (bytes <= PLIM__SMALL_MAX)
        bin_offset = plim__class_coarse[(bytes + 127) >> 7] * sizeof(plim__bin);
    else
        return NULL;
    if (PLIM__UNLIKELY(plim__own_load(&thread->busy) != PLIM__IDLE))
        return NULL;
    plim__thread_enter(thread);
    plim__cache *cache = plim__thread_fast(thread, id & (PLIM__SLOTS - 1));
    plim__bin *bin = (plim__bin *)(void *)((char *)cache->bins + bin_offset);
    void **top = plim__own_load(&bin->top) - 1;
    void *block = *top;
    uint32_t turned = cache->id ^ id;
    if (PLIM__UNLIKELY(block == NULL)) {
        plim__thread_leave(thread, PLIM__IDLE);
        return NULL;
    }
    if (PLIM__UNLIKELY(turned != 0) && !alloc_pass(thread, cache, turned, block, hand))
        return NULL;
    plim__own_store(&bin->top, top);
    plim__own_add(&bin->pops, 1);
    plim__thread_leave(thread, PLIM__IDLE);
    return block;
}

/* A checked cache, whose bin had nothing for the fast way: the swift one fills it, or looks into
   another, where each block is watched. The thread is entered if there is such a cache. */
static plim__cache *alloc_checked_cache(uint32_t id, size_t bytes)
{
    plim__thread *thread = plim__thread_self;
    if (PLIM_VERIFY_MAX < PLIM_VERIFY_STANDARD || bytes - 1 >= PLIM__SMALL_MAX ||
        plim__own_load(&thread->busy) != PLIM__IDLE)
        return NULL;
    plim__thread_enter(thread);
    plim__cache *cache = plim__thread_fast(thread, id & (PLIM__SLOTS - 1));
    uint32_t turned = cache->id ^ id;
    if (turned == PLIM__TURNED_STANDARD || turned == PLIM__TURNED_FULL)
        return cache;
    plim__thread_leave(thread, PLIM__IDLE);
    return NULL;
}

#ifndef PLIM_BARE
/* Whether this thread is watched by who samples alone. */
static inline bool alloc_is_sampled(plim__thread *thread)
{
    return plim__load_relaxed(&plim__sampling_now) != NULL && plim__watch_now == NULL &&
           plim__own_load(&thread->busy) == PLIM__WATCHED;
}

/* While requests are sampled: the fast way for those that are none. NULL: the slow one. */
static inline void *alloc_unsampled(uint32_t id, size_t bytes, const char *site)
{
    plim__thread *thread = plim__thread_self;
    plim__sampling_count *here = &plim__sampling_here;
    alloc_checked_hand hand;
    if (!alloc_is_sampled(thread) || here->left < (double)bytes ||
        here->series != plim__load_relaxed(&plim__sampling_series))
        return NULL;
    plim__own_store(&thread->busy, PLIM__IDLE);
    void *block = alloc_fast(id, bytes, &hand);
    if (block == NULL && hand.cache != NULL)
        block = ALLOC_SWIFT(hand, bytes, site);
    plim__own_store(&thread->busy, PLIM__WATCHED);
    if (block != NULL)
        here->left -= (double)bytes;
    (void)site;
    return block;
}
#else
/* Nobody samples where there is no system. */
static inline bool alloc_is_sampled(const plim__thread *thread)
{
    (void)thread;
    return false;
}

static inline void *alloc_unsampled(uint32_t id, size_t bytes, const char *site)
{
    (void)id, (void)bytes, (void)site;
    return NULL;
}
#endif

/* Arguments as they came, so that the fast way moves none. */
static __attribute__((noinline)) void *alloc_in_slow(plim_domain domain, size_t bytes,
                                                     const char *site)
{
    void *block = alloc_unsampled(domain.id, bytes, site);
    if (block != NULL)
        return block;
    alloc_checked_hand hand = {plim__thread_self, alloc_checked_cache(domain.id, bytes)};
    if (hand.cache != NULL)
        return ALLOC_SWIFT(hand, bytes, site);
    return alloc_request(domain, bytes, 0, PLIM_PROVIDER_AUTO, false, site);
}

void *plim__alloc_in(plim_domain domain, size_t bytes, const char *site)
{
    alloc_checked_hand hand;
    void *block = alloc_fast(domain.id, bytes, &hand);
    if (PLIM__LIKELY(block != NULL))
        return block;
    return hand.cache != NULL ? ALLOC_SWIFT(hand, bytes, site) : alloc_in_slow(domain, bytes, site);
}

/* The file's domain, as remembered or found. */
static plim_domain alloc_here(plim__here *here)
{
    return plim__domain_of(here->domain) != NULL ? here->domain : plim__here_domain(here);
}

static __attribute__((noinline)) void *alloc_here_slow(plim__here *here, size_t bytes,
                                                       const char *site)
{
    uint32_t id = __atomic_load_n(&here->domain.id, __ATOMIC_RELAXED);
    void *block = alloc_unsampled(id, bytes, site);
    if (block != NULL)
        return block;
    alloc_checked_hand hand = {plim__thread_self, alloc_checked_cache(id, bytes)};
    if (hand.cache != NULL)
        return ALLOC_SWIFT(hand, bytes, site);
    return alloc_request(alloc_here(here), bytes, 0, PLIM_PROVIDER_AUTO, false, site);
}

void *plim__alloc(plim__here *here, size_t bytes, const char *site)
{
    alloc_checked_hand hand;
    void *block = alloc_fast(__atomic_load_n(&here->domain.id, __ATOMIC_RELAXED), bytes, &hand);
    if (PLIM__LIKELY(block != NULL))
        return block;
    return hand.cache != NULL ? ALLOC_SWIFT(hand, bytes, site) : alloc_here_slow(here, bytes, site);
}

void *plim__alloc_as(plim__here *here, const plim_request *request, const char *site)
{
    PLIM_CHECK(request != NULL);
    if (request->lifetime == PLIM_LIFETIME_SCOPE || request->provider == PLIM_PROVIDER_ARENA)
        return plim__scope_serve(request, request->site != NULL ? request->site : site);
    plim_domain domain = request->domain.id != 0 ? request->domain : alloc_here(here);
    alloc_plan plan = {.domain = plim__domain_of(domain),
                       .bytes = request->size_bytes,
                       .align = request->align_bytes,
                       .site = request->site != NULL ? request->site : site,
                       .is_lasting = request->lifetime == PLIM_LIFETIME_PROGRAM};
    return alloc_serve(&plan, request->provider, request->zeroed);
}

/* A block, found by its address; or what is wrong with it. */
typedef struct alloc_found {
    plim_manager *manager;
    plim__slot *slot;
    uint32_t page;
    unsigned code;
    const char *fault; /* NULL: it is a block, as far as the level sees it */
} alloc_found;

static alloc_found alloc_find(const void *block)
{
    alloc_found found = {.manager = plim__manager_of(block)};
    if (found.manager == NULL) {
        found.fault = "an address that no manager gave out";
        return found;
    }
    found.page = plim__space_page(&found.manager->space, block);
    uint16_t info = found.manager->space.info[found.page];
    found.code = plim__info_code(info);
    found.slot = &plim__slots[plim__info_slot(info)];
    if (found.code == 0)
        found.fault = "no block is there";
    else if (found.code == PLIM__CLASS_INNER)
        found.fault = "the middle of a block";
    else if (found.slot == &plim__slots[found.manager->tables_slot])
        found.fault = "one of the manager's own records";
    else if (plim__scope_holds(block, NULL))
        found.fault = "a piece of a scope, which goes back as a whole";
    return found;
}

/* Tells the hook; with no lock, and outside. */
static void alloc_fault(const alloc_found *found, const void *block, const char *site)
{
    plim_manager *manager = found->manager != NULL ? found->manager : plim_manager_default();
    bool is_known = found->code != 0 && found->slot != &plim__slots[manager->tables_slot];
    plim__panic(manager, "P5", found->fault, is_known ? found->slot : NULL, site, block);
}

static void alloc_give_direct(const alloc_found *found, void *block)
{
    plim_manager *manager = found->manager;
    size_t charge = plim__class_bytes[found->code];
    plim__lock_take(&manager->lock);
    if (found->code == PLIM__CLASS_LARGE)
        charge = plim__large_give(manager, found->slot->central, found->page);
    else
        plim__slab_give(manager, found->slot->central, found->code, block);
    plim__lock_give(&manager->lock);
    (void)plim__budget_give(&plim__slot_domain(found->slot)->budget, charge);
}

static void alloc_give(const alloc_found *found, void *block)
{
    plim_manager *manager = found->manager;
    plim__cache *cache = NULL;
    if (found->code != PLIM__CLASS_LARGE)
        cache = plim__thread_cache(manager, plim__slot_domain(found->slot));
    if (cache == NULL || !plim__cache_keeps(cache, found->code)) {
        alloc_give_direct(found, block);
        return;
    }
    plim__thread *thread = plim__thread_self;
    bool is_kept = false;
    plim__thread_enter(thread);
    if (plim__thread_fast(thread, cache->slot) == cache)
        is_kept = plim__cache_keep(cache, found->code, block);
    plim__thread_leave(thread, PLIM__BUSY_SLOW);
    if (is_kept)
        return;
    plim__lock_take(&manager->lock);
    plim__cache_flush(cache, found->code, block);
    plim__lock_give(&manager->lock);
    plim__thread_flushed(thread, plim__info_of(cache->slot, found->code));
}

void plim__give_inside(void *block)
{
    alloc_found found = alloc_find(block);
    if (found.manager == NULL)
        (void)plim__libc_give(block);
    else if (found.fault == NULL && plim__is_checked(found.manager))
        plim__checked_give_inside(found.manager, block);
    else if (found.fault == NULL)
        alloc_give(&found, block);
}

void plim__give(void *block, const char *site)
{
    if (block == NULL)
        return;
    plim__thread *thread = plim__thread_self;
    if (PLIM__UNLIKELY(alloc_is_sampled(thread) && site == NULL)) { /* the fast way, once told */
        const plim__sampling *sampling = plim__load(&plim__sampling_now);
        if (sampling != NULL)
            sampling->given(block);
        plim__own_store(&thread->busy, PLIM__IDLE);
        plim_free(block);
        if (plim__own_load(&thread->busy) == PLIM__IDLE)
            plim__own_store(&thread->busy, PLIM__WATCHED);
        return;
    }
    alloc_found found = alloc_find(block);
    plim__libc_block known;
    bool is_libc = found.manager == NULL && plim__libc_find(block, &known);
    if (found.fault != NULL && !is_libc) {
        alloc_fault(&found, block, site);
        return;
    }
    const plim__sampling *sampling = plim__load(&plim__sampling_now);
    if (PLIM__UNLIKELY(sampling != NULL))
        sampling->given(block);
    if (!plim__thread_begin()) {
        /* A signal handler's: kept until the thread it interrupted comes by. */
        plim__thread_late(block);
        return;
    }
    if (!is_libc && plim__is_checked(found.manager)) {
        plim__checked_give(found.manager, block, site); /* ends it, too */
        return;
    }
    if (is_libc) {
        (void)plim__libc_give(block);
    } else {
        plim__thread_home(found.manager);
        alloc_give(&found, block);
    }
    plim__thread_end();
}

/* Where there is no room; the thread is entered. */
static __attribute__((noinline)) void free_flush(plim__thread *thread, uintptr_t grain, void *block)
{
#if PLIM_VERIFY_MAX >= 3
    if (plim__own_load(&thread->home_states) != NULL) {
        plim__swift_give(thread, grain, block);
        return;
    }
#else
    (void)grain;
#endif
    plim__thread_leave(thread, PLIM__IDLE);
    plim__give(block, NULL);
}

/*
 * The fast way back: the address in the space that this thread knows best, its page's info word,
 * which is the cache and the bin; a block more where there is room. No shared word is written.
 */
void plim_free(void *block)
{
    plim__thread *thread = plim__thread_self;
    uintptr_t grain = plim__thread_grain(thread, block);
    if (PLIM__UNLIKELY(grain >= plim__own_load(&thread->home_grains) ||
                       plim__own_load(&thread->busy) != PLIM__IDLE)) {
        plim__give(block, NULL);
        return;
    }
    plim__thread_enter(thread);
    size_t info = plim__thread_info(thread, block);
    plim__bin *bin = plim__thread_bin(thread, info);
    void **top = plim__own_load(&bin->top);
    if (PLIM__UNLIKELY(top == bin->end)) {
        free_flush(thread, grain, block);
        return;
    }
#if PLIM_VERIFY_MAX >= 3
    uint8_t *states = plim__own_load(&thread->home_states);
    if (PLIM__UNLIKELY(states != NULL)) {
        if (PLIM__UNLIKELY(plim__state_load(&states[grain]) != PLIM__STATE_LIVE)) {
            plim__swift_give(thread, grain, block);
            return;
        }
        plim__state_store(&states[grain], PLIM__STATE_GONE);
    }
#endif
    *top = block;
    plim__own_store(&bin->top, top + 1);
    plim__thread_leave(thread, PLIM__IDLE);
}

size_t plim__usable(const void *block)
{
    plim_manager *manager = plim__manager_of(block);
    plim__libc_block known;
    if (manager == NULL)
        return plim__libc_find(block, &known) ? known.bytes : 0;
    size_t bytes = 0;
    const char *site = NULL;
    if (plim__is_full(manager)) /* the rest is guard */
        return plim__checked_look(manager, block, &bytes, &site) ? bytes : 0;
    uint32_t page = plim__space_page(&manager->space, block);
    unsigned code = plim__info_code(manager->space.info[page]);
    return code == PLIM__CLASS_LARGE ? plim__large_bytes(manager, page) : plim__class_bytes[code];
}

/* In place: a large block that stays large, where pages are there and the budget has room. */
static bool alloc_resize_pages(const alloc_found *found, size_t old_charge, size_t charge)
{
    plim__budget *budget = &plim__slot_domain(found->slot)->budget;
    if (charge > old_charge && !plim__budget_take(budget, charge - old_charge))
        return false;
    plim__lock_take(&found->manager->lock);
    bool is_done = plim__large_resize(found->manager, found->slot->central, found->page, charge);
    plim__lock_give(&found->manager->lock);
    if (charge > old_charge && !is_done)
        (void)plim__budget_give(budget, charge - old_charge);
    if (charge < old_charge && is_done)
        (void)plim__budget_give(budget, old_charge - charge);
    return is_done;
}

/* Whether the block can serve the new size where it stands. */
static bool alloc_resize_here(const alloc_found *found, size_t old_charge, size_t bytes)
{
    if (bytes <= PLIM__SMALL_MAX)
        return plim__class_of(bytes) == found->code;
    size_t charge = plim__large_charge(bytes);
    if (found->code != PLIM__CLASS_LARGE || charge == old_charge)
        return found->code == PLIM__CLASS_LARGE;
    if (!plim__thread_begin())
        return false;
    bool is_done = alloc_resize_pages(found, old_charge, charge);
    plim__thread_end();
    return is_done;
}

/* A block of the C library becomes another of it. */
static void *alloc_resize_libc(const plim__libc_block *known, size_t bytes, const char *site)
{
    plim_domain domain = plim__domain_handle(plim__slot_domain(known->slot));
    void *moved = alloc_request(domain, bytes, 0, PLIM_PROVIDER_LIBC, false, site);
    if (moved == NULL)
        return NULL;
    memcpy(moved, known->block, bytes < known->bytes ? bytes : known->bytes);
    plim__give(known->block, site);
    return moved;
}

void *plim__resize(void *block, size_t bytes, const char *site)
{
    plim__libc_block known;
    if (block == NULL)
        return plim__refuse(NULL, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    alloc_found found = alloc_find(block);
    if (found.manager == NULL && plim__libc_find(block, &known))
        return alloc_resize_libc(&known, bytes, site);
    if (found.fault != NULL) {
        alloc_fault(&found, block, site);
        return NULL;
    }
    plim__domain *domain = plim__slot_domain(found.slot);
    if (bytes == 0 || bytes > PLIM__REQUEST_MAX ||
        (domain->request_max_bytes != 0 && bytes > domain->request_max_bytes))
        return plim__refuse(found.slot, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    size_t old_charge = plim__usable(block);
    if (plim__is_checked(found.manager)) {
        plim__resized resized =
            plim__checked_resize(found.manager, block, bytes, &site, &old_charge);
        if (resized != PLIM__RESIZED_MOVE)
            return resized == PLIM__RESIZED_DONE ? block : NULL;
    } else if (alloc_resize_here(&found, old_charge, bytes)) {
        return block;
    }
    void *moved = plim__alloc_in(plim__domain_handle(domain), bytes, site);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, bytes < old_charge ? bytes : old_charge);
    plim_free(block);
    return moved;
}

/* The domain's handle that a cache is of. */
static uint32_t alloc_id(const plim__cache *cache, bool is_checked)
{
    return !is_checked                     ? cache->id
           : plim__is_full(cache->manager) ? cache->id ^ PLIM__TURNED_FULL
                                           : cache->id ^ PLIM__TURNED_STANDARD;
}

/* With the thread's home and a size that has a class: as plim_free() as far as the bin. There most
   blocks stay, or move by the fast way. A bin with places says that its class is within what the
   domain grants a single request. False: not by this way. A checked one is live and not watched. */
static bool alloc_resize_home(plim__thread *thread, void *block, size_t bytes, bool is_checked,
                              void **out_block)
{
    size_t info = plim__thread_info(thread, block);
    plim__cache *cache = plim__thread_fast(thread, plim__info_slot(info));
    unsigned code = plim__info_code(info);
    *out_block = block;
    if (!plim__cache_keeps(cache, code))
        return false;
    if (plim__class_of(bytes) == code)
        return true;
    alloc_checked_hand hand;
    void *moved = alloc_fast(alloc_id(cache, is_checked), bytes, &hand);
    if (moved == NULL && hand.cache == NULL)
        return false;
    *out_block = moved = moved != NULL ? moved : ALLOC_SWIFT(hand, bytes, NULL);
    if (moved == NULL)
        return true; /* refused */
    size_t held = plim__class_bytes[code];
    memcpy(moved, block, bytes < held ? bytes : held);
    plim_free(block);
    return true;
}

void *plim_resize(void *block, size_t bytes)
{
    plim__thread *thread = plim__thread_self;
    uintptr_t grain = plim__thread_grain(thread, block);
    void *resized = NULL;
    if (grain < plim__own_load(&thread->home_grains) && bytes - 1 < PLIM__SMALL_MAX) {
        bool is_checked = false;
#if PLIM_VERIFY_MAX >= 3
        const uint8_t *states = plim__own_load(&thread->home_states);
        is_checked = states != NULL;
        if (is_checked && plim__state_load(&states[grain]) != PLIM__STATE_LIVE)
            return plim__swift_resize(thread, grain, block, bytes, &resized)
                       ? resized
                       : plim__resize(block, bytes, NULL);
#endif
        if (alloc_resize_home(thread, block, bytes, is_checked, &resized))
            return resized;
    }
    return plim__resize(block, bytes, NULL);
}

plim_status plim_origin_of(const void *block, plim_origin *out_origin)
{
    if (plim__scope_holds(block, out_origin))
        return PLIM_OK;
    alloc_found found = alloc_find(block);
    plim__libc_block known;
    if (found.manager == NULL && plim__libc_find(block, &known)) {
        *out_origin = (plim_origin){.domain = plim__domain_handle(plim__slot_domain(known.slot)),
                                    .provider = PLIM_PROVIDER_LIBC,
                                    .charge_bytes = known.charge,
                                    .usable_bytes = known.bytes,
                                    .requested_bytes = known.bytes,
                                    .site = plim__site_text(known.site)};
        return PLIM_OK;
    }
    if (found.fault != NULL)
        return PLIM_ERR_STALE;
    size_t held = found.code == PLIM__CLASS_LARGE ? plim__large_bytes(found.manager, found.page)
                                                  : plim__class_bytes[found.code];
    size_t bytes = held;
    const char *site = "";
    if (plim__is_checked(found.manager) && !plim__checked_look(found.manager, block, &bytes, &site))
        return PLIM_ERR_STALE;
    *out_origin = (plim_origin){
        .domain = plim__domain_handle(plim__slot_domain(found.slot)),
        .provider = found.code == PLIM__CLASS_LARGE ? PLIM_PROVIDER_MAP : PLIM_PROVIDER_POOL,
        .charge_bytes = held,
        .usable_bytes = plim__is_full(found.manager) ? bytes : held,
        .requested_bytes = bytes,
        .site = plim__site_text(site),
    };
    return PLIM_OK;
}
