/* SPDX-License-Identifier: MIT */
/*
 * Blocks of static storage: there whatever the system says, charged while they are taken. The
 * manager holds no page for one, so that its bytes are counted apart (static_bytes) and added to
 * what is held: the sum in manager.h stays a sum.
 */
#include "base/assert.h"
#include "memory/checks/checked.h"
#include "memory/checks/panic.h"
#include "memory/engine/alloc.h"

/* Books a block in or out, budget included; false if that refuses. */
static bool block_book(plim__slot *slot, size_t bytes, bool is_taken)
{
    plim_manager *manager = slot->manager;
    plim__budget *budget = &plim__slot_domain(slot)->budget;
    plim__lock_take(&manager->lock);
    bool is_done = is_taken ? plim__budget_take(budget, bytes) : plim__budget_give(budget, bytes);
    if (is_done)
        plim__outside_book(slot, bytes, is_taken);
    plim__lock_give(&manager->lock);
    return is_done;
}

void *plim__block_take(plim__block *block, plim__here *here, const char *site)
{
    size_t bytes = block->size_bytes;
    plim_domain handle = plim__here_domain(here);
    plim__domain *domain = plim__domain_of(handle);
    if (domain == NULL)
        return plim__refuse(NULL, PLIM_REFUSAL_DOMAIN, bytes, bytes, site);
    plim__slot *slot = &plim__slots[domain->slot];
    if (__atomic_exchange_n(&block->is_taken, 1, __ATOMIC_ACQ_REL) != 0)
        return plim__refuse(slot, PLIM_REFUSAL_SCOPE, bytes, bytes, site);
    if (!block_book(slot, bytes, true)) {
        __atomic_store_n(&block->is_taken, 0, __ATOMIC_RELEASE);
        return plim__refuse(slot, PLIM_REFUSAL_BUDGET, bytes, bytes, site);
    }
    block->domain = handle;
    (void)plim__add_relaxed(&slot->allocated, 1);
    return block->bytes;
}

void plim__block_give(plim__block *block, const char *site)
{
    plim__domain *domain = plim__domain_of(block->domain);
    if (domain == NULL || __atomic_load_n(&block->is_taken, __ATOMIC_ACQUIRE) == 0) {
        plim__panic(plim_manager_default(), "P5", "a PLIM_BLOCK that is not taken", NULL, site,
                    block->bytes);
        return;
    }
    bool is_given = block_book(&plim__slots[domain->slot], block->size_bytes, false);
    PLIM_CHECK(is_given);
    block->domain = (plim_domain){0};
    __atomic_store_n(&block->is_taken, 0, __ATOMIC_RELEASE);
}
