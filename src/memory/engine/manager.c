/* SPDX-License-Identifier: MIT */
/*
 * Managers: from options to a space with tables in front of it, and back.
 *
 * What a manager holds, in order of address: itself, the per-page tables, the pages. With the
 * system's pages all of it is one reservation, tables committed and touched as pages are taken;
 * with the caller's storage it lies in there, and the system is not asked for anything.
 *
 * M1  held = used + cached + slack + free + tables: each held page is a slab's, a large block's, or
 *     free; the records in front are tables, and so are the blocks of the manager's own slot.
 */
#include <plimsoll/manager.h>

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "memory/checks/checked.h"
#include "memory/engine/alloc.h"
#include "memory/engine/engine.h"
#include "memory/engine/large.h"
#include "memory/engine/libc.h"
#include "memory/engine/slab.h"
#include "memory/engine/threads.h"
#include "platform/backing.h"

enum {
    MANAGER_TIGHT_PAGES = 4096,     /* up to so many pages slack matters more than batches */
    MANAGER_MINUTE_PAGES = 64,      /* up to so many a thread's cache is too large */
    MANAGER_OVERHEAD_MIN = 1 << 20, /* as manager.h says */
    MANAGER_WATCH_EVERY = 509,      /* likewise; a prime: no loop of a few blocks evades it */
    MANAGER_WATCH_FIRST = 31,       /* where a program has just begun */
    MANAGER_WATCH_MAX = 1 << 24,    /* counts of operations stay within 32 bits */
    MANAGER_DEFAULT_MIN = 16 << 20, /* the default manager's total is halved down to this */
    /* minimal, or the least that is compiled in */
    MANAGER_VERIFY_DEFAULT =
        PLIM_VERIFY_MAX < PLIM_VERIFY_MINIMAL ? PLIM_VERIFY_MAX : PLIM_VERIFY_MINIMAL
};

static _Atomic(plim_manager *) manager_default;
static plim__lock manager_default_lock;

/* The sizes that options come to. */
typedef struct manager_plan {
    size_t total;
    size_t pages;
    size_t head_bytes; /* in front of the pages: the struct and the tables */
    size_t align;      /* of the first page */
} manager_plan;

static size_t manager_round(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static plim_verify manager_verify(const plim_manager_options *options)
{
    return options->verify != PLIM_VERIFY_DEFAULT ? options->verify : MANAGER_VERIFY_DEFAULT;
}

static bool manager_is_mapped(plim_backing backing)
{
    return backing == PLIM_BACKING_MAP || backing == PLIM_BACKING_EMULATED;
}

/* One block of how many is watched. Where there are no threads' caches, each: all takes the lock
   there anyway. */
static uint32_t manager_watch_every(const plim_manager_options *options, size_t pages)
{
    if (manager_verify(options) >= PLIM_VERIFY_REDUNDANT)
        return 1;
    if (options->watch_every != 0)
        return options->watch_every;
    return pages <= MANAGER_MINUTE_PAGES ? 1 : MANAGER_WATCH_EVERY;
}

/* What its space keeps of blocks. */
static plim__space_keeps manager_keeps(const plim_manager_options *options, size_t pages)
{
    plim_verify verify = manager_verify(options);
    if (PLIM_VERIFY_MAX >= PLIM_VERIFY_FULL && verify >= PLIM_VERIFY_FULL)
        return manager_watch_every(options, pages) == 1 ? PLIM__KEEPS_MARKS : PLIM__KEEPS_ROWS;
    return PLIM_VERIFY_MAX >= PLIM_VERIFY_STANDARD && verify >= PLIM_VERIFY_STANDARD
               ? PLIM__KEEPS_STATES
               : PLIM__KEEPS_NOTHING;
}

static size_t manager_head(const plim_manager_options *options, size_t pages)
{
    return manager_round(sizeof(plim_manager), PLIM__ALIGN) +
           plim__space_tables_bytes(pages, manager_keeps(options, pages));
}

static plim_status manager_plan_system(const plim_manager_options *options, manager_plan *plan,
                                       plim_error *err)
{
    size_t machine = plim__backing_machine_bytes();
    plan->total = options->total_bytes != 0 ? options->total_bytes : machine / 2;
    if (plan->total == 0 || plan->total > (size_t)PLIM__BYTES_MAX / 2)
        return plim_error_set(err, PLIM_ERR_USAGE, "a total of %zu bytes is not possible",
                              plan->total);
    size_t overhead = options->overhead_bytes != 0 ? options->overhead_bytes
                                                   : plan->total / 4 + (size_t)MANAGER_OVERHEAD_MIN;
    if (overhead > (size_t)PLIM__BYTES_MAX / 2)
        return plim_error_set(err, PLIM_ERR_USAGE, "an overhead of %zu bytes is not possible",
                              overhead);
    size_t least = manager_round(plan->total, PLIM__PAGE_BYTES) >> PLIM__PAGE_SHIFT;
    plan->pages = least + (overhead >> PLIM__PAGE_SHIFT);
    /* The records of the pages are part of the overhead, each table to its last page; all of the
       total has pages nevertheless. */
    size_t records = manager_round(sizeof(plim_manager), PLIM__PAGE_BYTES) +
                     plim__space_tables_bytes(plan->pages, PLIM__KEEPS_NOTHING);
    size_t recorded = (records >> PLIM__PAGE_SHIFT) + (size_t)PLIM__SPACE_TABLES;
    plan->pages = plan->pages > least + recorded ? plan->pages - recorded : least;
    if (plan->pages >= PLIM__PAGE_NONE)
        return plim_error_set(err, PLIM_ERR_USAGE, "a total of %zu bytes has too many pages",
                              plan->total);
    plan->align =
        plan->total >= (size_t)PLIM__ALIGN_MAX * 4 ? (size_t)PLIM__ALIGN_MAX : plim__backing_page();
    plan->head_bytes = manager_round(manager_head(options, plan->pages), PLIM__PAGE_BYTES);
    return PLIM_OK;
}

static plim_status manager_plan_fixed(const plim_manager_options *options, manager_plan *plan,
                                      plim_error *err)
{
    if (options->storage == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "backing FIXED without storage");
    uintptr_t start = (uintptr_t)options->storage;
    size_t skew = -start & (PLIM__ALIGN - 1);
    size_t least = skew + manager_head(options, 1) + 2 * PLIM__PAGE_BYTES;
    if (options->storage_bytes < least)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY,
                              "%zu bytes of storage; the least that holds a page is %zu",
                              options->storage_bytes, least);
    /* As many pages as fit with the tables they need; the division is at most one page off. */
    size_t room = options->storage_bytes - skew;
    size_t pages = room >> PLIM__PAGE_SHIFT;
    while (pages > 1) {
        uintptr_t first =
            manager_round(start + skew + manager_head(options, pages), PLIM__PAGE_BYTES);
        size_t end = first - start + (pages << PLIM__PAGE_SHIFT);
        if (end <= options->storage_bytes)
            break;
        size_t over = (end - options->storage_bytes) >> (PLIM__PAGE_SHIFT + 1);
        pages -= over > 0 && over < pages ? over : 1;
    }
    plan->pages = pages;
    plan->total = options->total_bytes != 0 ? options->total_bytes : pages << PLIM__PAGE_SHIFT;
    plan->head_bytes = manager_head(options, pages);
    plan->align = PLIM__PAGE_BYTES;
    if (plan->total > pages << PLIM__PAGE_SHIFT)
        return plim_error_set(
            err, PLIM_ERR_NO_MEMORY,
            "%zu bytes of storage have %zu bytes of pages, fewer than the total %zu",
            options->storage_bytes, pages << PLIM__PAGE_SHIFT, plan->total);
    return PLIM_OK;
}

/* The range, with its head usable and zero; *out_pages is the first page. */
static void *manager_back(const plim_manager_options *options, const manager_plan *plan,
                          void **out_pages, size_t *out_bytes)
{
    if (options->backing == PLIM_BACKING_FIXED) {
        uintptr_t start = manager_round((uintptr_t)options->storage, PLIM__ALIGN);
        *out_pages = (void *)manager_round(start + plan->head_bytes, PLIM__PAGE_BYTES);
        *out_bytes = options->storage_bytes;
        memset((void *)start, 0, plan->head_bytes);
        return (void *)start;
    }
    size_t bytes = plan->head_bytes + plan->align + (plan->pages << PLIM__PAGE_SHIFT);
    void *range = options->backing == PLIM_BACKING_LIBC ? plim__backing_libc_take(bytes, true)
                                                        : plim__backing_reserve(bytes);
    if (range == NULL)
        return NULL;
    if (manager_is_mapped(options->backing) &&
        !plim__backing_commit(range, manager_round(plan->head_bytes, plim__backing_page()))) {
        plim__backing_release(range, bytes);
        return NULL;
    }
    *out_pages = (void *)manager_round((uintptr_t)range + plan->head_bytes, plan->align);
    *out_bytes = bytes;
    return range;
}

static void manager_unback(plim_manager *manager)
{
    void *range = manager->range;
    size_t bytes = manager->range_bytes;
    plim_backing backing = manager->backing;
    manager->magic = 0;
    if (manager_is_mapped(backing))
        plim__backing_release(range, bytes);
    else if (backing == PLIM_BACKING_LIBC)
        plim__backing_libc_give(range);
}

static void manager_init(plim_manager *manager, const plim_manager_options *options,
                         const manager_plan *plan, void *pages)
{
    const char *name = options->name != NULL ? options->name : "main";
    manager->magic = PLIM__MANAGER_MAGIC;
    manager->verify = manager_verify(options);
    manager->backing = options->backing;
    memcpy(manager->name, name, plim__text_length(name, PLIM__NAME_BYTES - 1));
    manager->is_tight = plan->pages <= MANAGER_TIGHT_PAGES;
    /* What is aligned to more than the C library does must not fill a cache for all the rest. */
    manager->is_minute =
        plan->pages <= MANAGER_MINUTE_PAGES || options->backing == PLIM_BACKING_EMULATED;
    manager->watch_every = manager_watch_every(options, plan->pages);
    manager->watch_first = options->watch_every == 0 && manager->watch_every > 1
                               ? (uint32_t)MANAGER_WATCH_FIRST
                               : manager->watch_every;
    manager->total_bytes = plan->total;
    manager->panic = options->panic;
    manager->panic_ctx = options->panic_ctx;
    bool has_system = manager_is_mapped(options->backing);
    manager->base_bytes = has_system ? manager_round(sizeof *manager, PLIM__PAGE_BYTES)
                                     : manager_round(sizeof *manager, PLIM__ALIGN);
    char *tables = (char *)manager + manager_round(sizeof *manager, PLIM__ALIGN);
    plim__space_init(&manager->space, tables, pages, plan->pages, has_system,
                     manager_keeps(options, plan->pages));
    plim__central_init(&manager->tables, manager);
}

static plim_status manager_check(const plim_manager_options *options, plim_error *err)
{
    if (options->struct_bytes != 0 && options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "options of %u bytes, these have %zu",
                              options->struct_bytes, sizeof *options);
    if ((int)options->verify > PLIM_VERIFY_MAX)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "checks of level %d; this build has levels up to %d",
                              (int)options->verify, PLIM_VERIFY_MAX);
    if (options->watch_every > MANAGER_WATCH_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "one block of %u watched; of %d at most",
                              options->watch_every, MANAGER_WATCH_MAX);
    if (options->domain_count_max > PLIM__DOMAINS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%u domains, %d at most",
                              options->domain_count_max, PLIM__DOMAINS_MAX);
    if (options->name != NULL &&
        plim__text_length(options->name, PLIM__NAME_BYTES) >= PLIM__NAME_BYTES)
        return plim_error_set(err, PLIM_ERR_USAGE, "the manager's name has more than %d bytes",
                              PLIM__NAME_BYTES - 1);
    return PLIM_OK;
}

/* The bank, in the manager's own pages, and a place among the managers. */
static plim_status manager_open(plim_manager *manager, uint32_t domain_max, plim_error *err)
{
    domain_max = domain_max != 0 ? domain_max : PLIM__DOMAINS_DEFAULT;
    if (!plim__slot_claim(manager))
        return plim_error_set(err, PLIM_ERR_LIMIT, "the process has all %u domains it may have",
                              PLIM__SLOT_COUNT - 1);
    void *shares = plim__tables_take(manager, plim__bank_shares_bytes(domain_max));
    plim_status status = PLIM_OK;
    if (shares == NULL) {
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "no room for the records of %u domains",
                                domain_max);
    } else {
        plim__bank_init(&manager->bank, manager->total_bytes, domain_max, shares, &plim__engine);
        if (!plim__managers_add(manager))
            status = plim_error_set(err, PLIM_ERR_LIMIT, "the process has all %d managers it may",
                                    PLIM__MANAGERS_MAX);
    }
    if (status != PLIM_OK)
        plim__slots_clear(manager);
    return status;
}

plim__bank *plim__manager_bank(plim_manager *manager)
{
    manager = manager != NULL ? manager : plim_manager_default();
    return manager != NULL ? &manager->bank : NULL;
}

plim_status plim_manager_create(const plim_manager_options *options, plim_manager **out_manager,
                                plim_error *err)
{
    static const plim_manager_options defaults = {.struct_bytes = sizeof defaults};
    options = options != NULL ? options : &defaults;
    PLIM_CHECK(out_manager != NULL);
    plim__threads_start();
    plim_status status = manager_check(options, err);
    manager_plan plan = {0};
    if (status == PLIM_OK)
        status = options->backing == PLIM_BACKING_FIXED ? manager_plan_fixed(options, &plan, err)
                                                        : manager_plan_system(options, &plan, err);
    if (status != PLIM_OK)
        return status;
    void *pages = NULL;
    size_t range_bytes = 0;
    plim_manager *manager = manager_back(options, &plan, &pages, &range_bytes);
    if (manager == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY,
                              "the system refuses %zu bytes of address space",
                              plan.head_bytes + (plan.pages << PLIM__PAGE_SHIFT));
    manager_init(manager, options, &plan, pages);
    manager->range = manager;
    manager->range_bytes = range_bytes;
    status = manager_open(manager, options->domain_count_max, err);
    if (status != PLIM_OK)
        manager_unback(manager);
    else
        *out_manager = manager;
    return status;
}

void plim_manager_destroy(plim_manager **manager)
{
    if (manager == NULL || *manager == NULL)
        return;
    plim_manager *ended = *manager;
    PLIM_CHECK_OBJ(ended, PLIM__MANAGER_MAGIC);
    PLIM_CHECK(plim__load(&manager_default) != ended);
    *manager = NULL;
    plim__managers_remove(ended);
    plim__threads_leave(ended);
    plim__libc_end(ended);
    plim__bank_fini(&ended->bank);
    plim__slots_clear(ended);
    manager_unback(ended);
}

plim_manager *plim_manager_default(void)
{
    plim_manager *manager = plim__load(&manager_default);
    if (PLIM__LIKELY(manager != NULL))
        return manager;
    plim__lock_take(&manager_default_lock);
    manager = plim__load(&manager_default);
    plim_manager_options options = {.struct_bytes = sizeof options};
    /* Where addresses are limited (ulimit -v), half the machine's memory may be too much to ask. */
    size_t total = plim__backing_machine_bytes() / 2;
    while (manager == NULL && total >= MANAGER_DEFAULT_MIN) {
        options.total_bytes = total;
        if (plim_manager_create(&options, &manager, NULL) == PLIM_OK)
            plim__store(&manager_default, manager);
        total /= 2;
    }
    plim__lock_give(&manager_default_lock);
    return manager;
}

void plim__manager_default_freeze(void)
{
    plim__lock_take(&manager_default_lock);
}

void plim__manager_default_thaw(void)
{
    plim__lock_give(&manager_default_lock);
}

plim_status plim_manager_default_set(plim_manager *manager)
{
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    plim_manager *expected = NULL;
    return plim__cas(&manager_default, &expected, manager) ? PLIM_OK : PLIM_ERR_EXISTS;
}

plim_status plim_manager_seal(plim_manager *manager, size_t reserve_bytes)
{
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    plim_status status = PLIM_OK;
    plim__lock_take(&manager->lock);
    size_t pages = manager_round(reserve_bytes, PLIM__PAGE_BYTES) >> PLIM__PAGE_SHIFT;
    if (pages >= PLIM__PAGE_NONE) {
        status = PLIM_ERR_NO_MEMORY;
    } else if (pages > 0) {
        uint32_t page = plim__space_take(&manager->space, (uint32_t)pages, 1);
        if (page == PLIM__PAGE_NONE) {
            status = PLIM_ERR_NO_MEMORY;
        } else {
            memset(plim__space_address(&manager->space, page), 0, pages << PLIM__PAGE_SHIFT);
            (void)plim__space_give(&manager->space, page, (uint32_t)pages);
        }
    }
    if (status == PLIM_OK) {
        plim__space_seal(&manager->space);
        manager->is_sealed = true;
    }
    plim__lock_give(&manager->lock);
    return status;
}

void plim__manager_sweep(plim_manager *manager)
{
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++)
        if (plim__slots[slot].manager == manager)
            plim__slab_sweep(manager, plim__slots[slot].central);
}

size_t plim_manager_trim(plim_manager *manager)
{
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    (void)plim__threads_drain(manager, 0);
    plim__lock_take(&manager->lock);
    plim__manager_sweep(manager);
    size_t bytes = plim__space_trim(&manager->space);
    plim__lock_give(&manager->lock);
    return bytes;
}

/* One domain's part of the figures. */
static void manager_add_slot(plim_manager *manager, uint32_t number, plim_manager_stats *stats)
{
    plim__slot *slot = &plim__slots[number];
    uint64_t cached_blocks;
    uint64_t pops;
    uint64_t cached = plim__threads_cached(number, &cached_blocks, &pops);
    plim__lock_take(&manager->lock);
    if (slot->manager == manager) {
        const plim__central *central = slot->central;
        cached = cached < central->charged_bytes ? cached : central->charged_bytes;
        stats->cached_bytes += cached;
        stats->used_bytes += central->charged_bytes - cached;
        size_t in_slabs = central->charged_bytes - central->large_bytes - central->static_bytes;
        stats->slack_bytes += central->slab_bytes - in_slabs;
        stats->allocation_count += central->block_count - cached_blocks;
        stats->refusal_count += plim__load_relaxed(&plim__slot_domain(slot)->refusals);
    }
    plim__lock_give(&manager->lock);
}

void plim_manager_stats_read(const plim_manager *manager, plim_manager_stats *out_stats)
{
    PLIM_CHECK_OBJ(manager, PLIM__MANAGER_MAGIC);
    plim_manager *locked = (plim_manager *)(uintptr_t)manager;
    const plim__space *space = &manager->space;
    plim_manager_stats stats = {.total_bytes = manager->total_bytes};
    for (uint32_t slot = 1; slot < PLIM__SLOTS; slot++)
        if (slot != manager->tables_slot && plim__slots[slot].manager == manager)
            manager_add_slot(locked, slot, &stats);
    size_t process = plim__manager_at(0) == manager ? plim__threads_bytes() : 0;
    plim__lock_take(&locked->lock);
    stats.free_bytes = (uint64_t)space->free_held_pages << PLIM__PAGE_SHIFT;
    size_t records = manager->base_bytes + plim__space_tables_touched(space) + process;
    stats.tables_bytes = records + manager->tables.slab_bytes + manager->tables.large_bytes;
    records += manager->static_bytes;
    stats.held_bytes = records + ((uint64_t)space->held_pages << PLIM__PAGE_SHIFT);
    stats.held_high_water_bytes = records + ((uint64_t)space->held_pages_max << PLIM__PAGE_SHIFT);
    plim__lock_give(&locked->lock);
    stats.process_bytes = plim__process_tables_bytes();
    stats.unassigned_bytes = plim__budget_left(&locked->bank.total);
    stats.refusal_count += plim__load_relaxed(&locked->bank.refusals_gone);
    *out_stats = stats;
}

void *plim__tables_take_locked(plim_manager *manager, size_t bytes)
{
    void *block = NULL;
    if (bytes <= PLIM__SMALL_MAX)
        (void)plim__slab_take(manager, &manager->tables, manager->tables_slot,
                              plim__class_of(bytes), 1, &block);
    else
        block = plim__large_take(manager, &manager->tables, manager->tables_slot,
                                 plim__large_charge(bytes), 1);
    if (block != NULL)
        memset(block, 0, bytes);
    return block;
}

void plim__tables_give_locked(plim_manager *manager, void *block, size_t bytes)
{
    uint32_t page = plim__space_page(&manager->space, block);
    if (bytes <= PLIM__SMALL_MAX)
        plim__slab_give(manager, &manager->tables, plim__class_of(bytes), block);
    else
        (void)plim__large_give(manager, &manager->tables, page);
}

void *plim__tables_take(plim_manager *manager, size_t bytes)
{
    plim__lock_take(&manager->lock);
    void *block = plim__tables_take_locked(manager, bytes);
    plim__lock_give(&manager->lock);
    return block;
}

void plim__tables_give(plim_manager *manager, void *block, size_t bytes)
{
    plim__lock_take(&manager->lock);
    plim__tables_give_locked(manager, block, bytes);
    plim__lock_give(&manager->lock);
}
