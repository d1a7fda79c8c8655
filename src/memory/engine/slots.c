/* SPDX-License-Identifier: MIT */
/*
 * Which managers the process has, and what the engine keeps beside each domain. Managers are read
 * without a lock by whoever gives back a block; they are entered and removed under one.
 */
#include "memory/checks/checked.h"
#include "memory/checks/places.h"
#include "memory/engine/alloc.h"
#include "memory/engine/slab.h"
#include "memory/engine/threads.h"

plim__slot plim__slots[PLIM__SLOTS];
static plim__lock slots_lock;
static _Atomic(plim_manager *) slots_managers[PLIM__MANAGERS_MAX];

_Static_assert(PLIM__SLOTS >= PLIM__SLOT_COUNT, "each domain's slot has its place");

static plim_manager *slots_manager_of_bank(plim__bank *bank)
{
    return (plim_manager *)(void *)((char *)bank - offsetof(plim_manager, bank));
}

static bool slots_opened(plim__domain *domain)
{
    plim_manager *manager = slots_manager_of_bank(domain->bank);
    plim__central *central = plim__tables_take(manager, plim__central_bytes(manager));
    if (central == NULL)
        return false;
    plim__central_init(central, manager);
    plim__slot *slot = &plim__slots[domain->slot];
    plim__store_relaxed(&slot->allocated, 0);
    slot->ghost = (plim__ghost){.charged_inverse = ~(size_t)0};
    plim__lock_take(&manager->lock);
    slot->central = central;
    slot->manager = manager;
    plim__lock_give(&manager->lock);
    return true;
}

static void slots_gone(plim__domain *domain)
{
    plim__slot *slot = &plim__slots[domain->slot];
    plim_manager *manager = slot->manager;
    plim__central *central = slot->central;
    plim__threads_forget(domain->slot);
    plim__lock_take(&manager->lock);
    plim__slab_sweep(manager, central);
    slot->manager = NULL;
    slot->central = NULL;
    plim__lock_give(&manager->lock);
    plim__tables_give(manager, central, plim__central_bytes(manager));
}

static void slots_figures(plim__domain *domain, plim_domain_stats *stats)
{
    plim__slot *slot = &plim__slots[domain->slot];
    plim_manager *manager = slot->manager;
    uint64_t cached_blocks;
    uint64_t pops;
    stats->cached_bytes += plim__threads_cached(domain->slot, &cached_blocks, &pops);
    plim__lock_take(&manager->lock);
    stats->allocation_count += slot->central->block_count - cached_blocks;
    stats->allocation_total += plim__load_relaxed(&slot->allocated) + pops;
    plim__lock_give(&manager->lock);
    if (plim__is_exact(manager)) {
        size_t most = 0;
        stats->requested_bytes = plim__threads_asked(domain->slot, &most);
        stats->requested_high_water_bytes = most;
    }
}

static void slots_drain(plim__domain *domain)
{
    plim_manager *manager = plim__slots[domain->slot].manager;
    if (manager != NULL)
        (void)plim__threads_drain(manager, domain->slot);
}

bool plim__slots_relieve(plim__slot *slot)
{
    const plim__domain *domain = plim__slot_domain(slot);
    /* One without a limit of its own charges the total, which others' caches may hold, too. */
    return plim__threads_drain(slot->manager, domain->is_shared ? 0 : domain->slot) > 0;
}

static void slots_mark_reset(plim__domain *domain)
{
    slots_drain(domain);
    plim__checked_mark_reset(&plim__slots[domain->slot]);
}

static void *slots_resize(void *ctx, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)old_bytes;
    if (block == NULL)
        return new_bytes == 0 ? NULL
                              : plim__take(plim__domain_handle(ctx), new_bytes, 0, false, NULL);
    if (new_bytes == 0) {
        plim__give(block, NULL);
        return NULL;
    }
    return plim__resize(block, new_bytes, NULL);
}

const plim__bank_engine plim__engine = {
    .drain = slots_drain,
    .figures = slots_figures,
    .opened = slots_opened,
    .gone = slots_gone,
    .mark_reset = slots_mark_reset,
    .resize = slots_resize,
};

size_t plim__process_tables_bytes(void)
{
    size_t bytes = sizeof plim__slots + sizeof slots_managers;
    if (PLIM_VERIFY_MAX >= PLIM_VERIFY_FULL)
        bytes += sizeof plim__places;
    return bytes + plim__domain_tables_bytes() + plim__threads_tables_bytes();
}

bool plim__slot_claim(plim_manager *manager)
{
    manager->tables_slot = plim__slot_reserve();
    if (manager->tables_slot == 0)
        return false;
    plim__slots[manager->tables_slot].manager = manager;
    plim__slots[manager->tables_slot].central = &manager->tables;
    return true;
}

void plim__slots_clear(plim_manager *manager)
{
    plim__slots[manager->tables_slot].manager = NULL;
    plim__slot_release(manager->tables_slot);
}

bool plim__managers_add(plim_manager *manager)
{
    plim__lock_take(&slots_lock);
    bool is_added = false;
    for (unsigned i = 0; i < PLIM__MANAGERS_MAX && !is_added; i++)
        if (plim__load(&slots_managers[i]) == NULL) {
            plim__store(&slots_managers[i], manager);
            is_added = true;
        }
    plim__lock_give(&slots_lock);
    return is_added;
}

void plim__managers_remove(plim_manager *manager)
{
    plim__lock_take(&slots_lock);
    for (unsigned i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__load(&slots_managers[i]) == manager)
            plim__store(&slots_managers[i], NULL);
    plim__lock_give(&slots_lock);
}

plim_manager *plim__manager_of(const void *address)
{
    for (unsigned i = 0; i < PLIM__MANAGERS_MAX; i++) {
        plim_manager *manager = plim__load(&slots_managers[i]);
        if (manager != NULL && plim__space_has(&manager->space, address))
            return manager;
    }
    return NULL;
}

plim_manager *plim__manager_at(uint32_t index)
{
    return plim__load(&slots_managers[index]);
}

void plim__managers_freeze(void)
{
    plim__manager_default_freeze();
    plim__lock_take(&slots_lock);
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            plim__bank_enter(&plim__manager_at(i)->bank);
}

void plim__managers_lock(void)
{
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            plim__lock_take(&plim__manager_at(i)->lock);
}

void plim__managers_unlock(void)
{
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            plim__lock_give(&plim__manager_at(i)->lock);
}

void plim__managers_thaw(void)
{
    for (uint32_t i = 0; i < PLIM__MANAGERS_MAX; i++)
        if (plim__manager_at(i) != NULL)
            plim__bank_leave(&plim__manager_at(i)->bank);
    plim__lock_give(&slots_lock);
    plim__manager_default_thaw();
}

void plim__outside_book(plim__slot *slot, size_t bytes, bool is_taken)
{
    plim_manager *manager = slot->manager;
    plim__central *central = slot->central;
    size_t change = is_taken ? bytes : (size_t)0 - bytes;
    size_t one = is_taken ? (size_t)1 : (size_t)0 - 1;
    central->charged_bytes += change;
    central->static_bytes += change;
    central->block_count += one;
    central->static_count += one;
    manager->static_bytes += change;
    if (plim__is_checked(manager))
        plim__checked_book(slot, is_taken ? 0 : bytes, is_taken ? bytes : 0);
}
