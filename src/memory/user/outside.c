/* SPDX-License-Identifier: MIT */
/*
 * Bytes outside the pages, as one block that grows and shrinks: budget first, then the accounts,
 * all under the manager's lock, so that the sum in manager.h stays a sum.
 */
#include "memory/user/outside.h"

#include "memory/checks/panic.h"
#include "memory/engine/alloc.h"

plim_status plim__outside_resize(plim_domain handle, size_t old_bytes, size_t new_bytes,
                                 const char *site)
{
    plim__domain *domain = plim__domain_of(handle);
    if (domain == NULL)
        return PLIM_ERR_STALE;
    plim__slot *slot = &plim__slots[domain->slot];
    plim_manager *manager = slot->manager;
    plim__budget *budget = &domain->budget;
    plim__lock_take(&manager->lock);
    bool is_done = new_bytes >= old_bytes
                       ? new_bytes == old_bytes || plim__budget_take(budget, new_bytes - old_bytes)
                       : plim__budget_give(budget, old_bytes - new_bytes);
    if (is_done && old_bytes != 0)
        plim__outside_book(slot, old_bytes, false);
    if (is_done && new_bytes != 0)
        plim__outside_book(slot, new_bytes, true);
    plim__lock_give(&manager->lock);
    if (is_done)
        return PLIM_OK;
    (void)plim__refuse(slot, PLIM_REFUSAL_BUDGET, new_bytes - old_bytes, new_bytes - old_bytes,
                       site);
    return PLIM_ERR_BUDGET;
}
