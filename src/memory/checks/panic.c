/* SPDX-License-Identifier: MIT */
/*
 * Refusals and failed checks. A refusal is a fact about one thread's request, so it is kept in that
 * thread; the count is the slot's. Sites are "file:line" in static storage; an address of code
 * (from callers that have no source line) is told by its top bit and never shown as text.
 */
#include "memory/checks/panic.h"

#include "base/assert.h"
#include "platform/local.h"

static PLIM__THREAD_LOCAL plim_refusal panic_refusal;

const char *(*plim__site_namer)(const void *code);

const char *plim__site_text(const char *site)
{
    const uintptr_t code_bit = (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1);
    if (site == NULL || ((uintptr_t)site & code_bit) == 0)
        return site == NULL ? "" : site;
    return plim__site_namer != NULL ? plim__site_namer((void *)((uintptr_t)site & ~code_bit)) : "";
}

void *plim__refuse(plim__slot *slot, plim_refusal_reason reason, size_t bytes, size_t charge,
                   const char *site)
{
    plim__domain *domain = slot != NULL ? plim__slot_domain(slot) : NULL;
    panic_refusal = (plim_refusal){
        .reason = reason,
        .domain = domain != NULL ? plim__domain_handle(domain) : (plim_domain){0},
        .requested_bytes = bytes,
        .charge_bytes = charge,
        .left_bytes = domain != NULL ? plim__budget_left(&domain->budget) : 0,
        .site = plim__site_text(site),
    };
    if (domain != NULL)
        plim__domain_refused(domain, charge, panic_refusal.site);
    return NULL;
}

plim_refusal plim_refusal_last(void)
{
    plim_refusal refusal = panic_refusal;
    if (refusal.site == NULL)
        refusal.site = "";
    return refusal;
}

void plim__panic(plim_manager *manager, const char *invariant, const char *what, plim__slot *slot,
                 const char *site, const void *address)
{
    plim_panic panic = {
        .invariant = invariant,
        .what = what,
        .domain = slot != NULL ? plim__slot_domain(slot)->name : "",
        .site = plim__site_text(site),
        .address = address,
    };
    if (manager == NULL || manager->panic == NULL)
        plim__check_failed(invariant, 0, what);
    manager->panic(manager->panic_ctx, &panic);
    (void)plim__refuse(slot, PLIM_REFUSAL_CHECK, 0, 0, site);
}
