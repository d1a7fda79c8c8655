/* SPDX-License-Identifier: MIT */
/*
 * Requests: which class or how many pages, the budget first, then the memory; on the way out of any
 * refusal what was taken is given back, so that nothing has changed.
 */
#include "memory/alloc.h"

#include <string.h>

#include "base/assert.h"
#include "memory/large.h"
#include "memory/panic.h"
#include "memory/scope.h"
#include "memory/slab.h"

/* What a request comes to, once it is understood. */
typedef struct alloc_plan {
    plim__domain *domain;
    plim__slot *slot;
    unsigned code; /* 0: whole pages */
    size_t bytes;
    size_t charge;
    size_t align;
    const char *site;
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
    plan->code = wants_pages ? 0 : plim__class_aligned(plan->bytes, plan->align);
    plan->charge =
        plan->code != 0 ? plim__class_bytes[plan->code] : plim__large_charge(plan->bytes);
    if (provider == PLIM_PROVIDER_POOL)
        return plan->code != 0;
    if (provider == PLIM_PROVIDER_FIXED)
        return plan->slot->manager->backing == PLIM_BACKING_FIXED;
    return provider == PLIM_PROVIDER_AUTO || provider == PLIM_PROVIDER_MAP;
}

static void *alloc_pages(plim_manager *manager, const alloc_plan *plan)
{
    plim__central *central = plan->slot->central;
    void *block = NULL;
    plim__lock_take(&manager->lock);
    if (plan->code == 0)
        block = plim__large_take(manager, central, plan->domain->slot, plan->charge, plan->align);
    else
        (void)plim__slab_take(manager, central, plan->domain->slot, plan->code, 1, &block);
    if (block == NULL) {
        /* Slabs that are kept though empty may be all that is in the way. */
        for (uint32_t i = 1; i < PLIM__SLOTS; i++)
            if (plim__slots[i].manager == manager)
                plim__slab_sweep(manager, plim__slots[i].central);
        if (plan->code == 0)
            block =
                plim__large_take(manager, central, plan->domain->slot, plan->charge, plan->align);
        else
            (void)plim__slab_take(manager, central, plan->domain->slot, plan->code, 1, &block);
    }
    plim__lock_give(&manager->lock);
    return block;
}

static void *alloc_planned(const alloc_plan *plan)
{
    plim_manager *manager = plan->slot->manager;
    if (!plim__budget_take(&plan->domain->budget, plan->charge))
        return plim__refuse(plan->slot, PLIM_REFUSAL_BUDGET, plan->bytes, plan->charge, plan->site);
    void *block = alloc_pages(manager, plan);
    if (block == NULL) {
        (void)plim__budget_give(&plan->domain->budget, plan->charge);
        plim_refusal_reason reason = manager->is_sealed ? PLIM_REFUSAL_SEALED : PLIM_REFUSAL_PAGES;
        return plim__refuse(plan->slot, reason, plan->bytes, plan->charge, plan->site);
    }
    (void)plim__add_relaxed(&plan->slot->allocated, 1);
    return block;
}

static void *alloc_request(plim_domain domain, size_t bytes, size_t align, plim_provider provider,
                           bool zeroed, const char *site)
{
    alloc_plan plan = {
        .domain = plim__domain_of(domain),
        .bytes = bytes,
        .align = align,
        .site = site,
    };
    if (plan.domain == NULL)
        return plim__refuse(NULL, PLIM_REFUSAL_DOMAIN, bytes, 0, site);
    plan.slot = &plim__slots[plan.domain->slot];
    if (!alloc_understand(&plan, provider))
        return plim__refuse(plan.slot, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    void *block = alloc_planned(&plan);
    if (block != NULL && zeroed)
        memset(block, 0, bytes);
    return block;
}

void *plim__take(plim_domain domain, size_t bytes, size_t align, bool zeroed, const char *site)
{
    return alloc_request(domain, bytes, align, PLIM_PROVIDER_AUTO, zeroed, site);
}

void *plim__alloc_in(plim_domain domain, size_t bytes, const char *site)
{
    return alloc_request(domain, bytes, 0, PLIM_PROVIDER_AUTO, false, site);
}

/* The file's domain, as remembered or found. */
static plim_domain alloc_here(plim__here *here)
{
    return plim__domain_of(here->domain) != NULL ? here->domain : plim__here_domain(here);
}

void *plim__alloc(plim__here *here, size_t bytes, const char *site)
{
    return plim__alloc_in(alloc_here(here), bytes, site);
}

void *plim__alloc_as(plim__here *here, const plim_request *request, const char *site)
{
    PLIM_CHECK(request != NULL);
    if (request->lifetime == PLIM_LIFETIME_SCOPE || request->provider == PLIM_PROVIDER_ARENA)
        return plim__scope_serve(request, request->site != NULL ? request->site : site);
    plim_domain domain = request->domain.id != 0 ? request->domain : alloc_here(here);
    return alloc_request(domain, request->size_bytes, request->align_bytes, request->provider,
                         request->zeroed, request->site != NULL ? request->site : site);
}

/* The block at an address: its slot and class; false after a panic if there is none. */
static bool alloc_look(const void *block, const char *site, plim_manager **out_manager,
                       uint32_t *out_page, uint16_t *out_info)
{
    plim_manager *manager = plim__manager_of(block);
    if (manager == NULL) {
        plim__panic(plim_manager_default(), "P5", "an address that no manager gave out", NULL, site,
                    block);
        return false;
    }
    *out_manager = manager;
    *out_page = plim__space_page(&manager->space, block);
    *out_info = manager->space.info[*out_page];
    unsigned code = *out_info & (PLIM__CLASS_CODES - 1);
    if (code == 0 || code == PLIM__CLASS_INNER) {
        plim__panic(manager, "P5", code == 0 ? "no block is there" : "the middle of a block", NULL,
                    site, block);
        return false;
    }
    return true;
}

void plim__give(void *block, const char *site)
{
    plim_manager *manager;
    uint32_t page;
    uint16_t info;
    if (block == NULL || !alloc_look(block, site, &manager, &page, &info))
        return;
    unsigned code = info & (PLIM__CLASS_CODES - 1);
    plim__slot *slot = &plim__slots[info >> PLIM__CLASS_BITS];
    size_t charge = plim__class_bytes[code];
    plim__lock_take(&manager->lock);
    if (code == PLIM__CLASS_LARGE)
        charge = plim__large_give(manager, slot->central, page);
    else
        plim__slab_give(manager, slot->central, code, page, block);
    plim__lock_give(&manager->lock);
    (void)plim__budget_give(&plim__slot_domain(slot)->budget, charge);
}

void plim_free(void *block)
{
    plim__give(block, NULL);
}

size_t plim__usable(const void *block)
{
    plim_manager *manager = plim__manager_of(block);
    if (manager == NULL)
        return 0;
    uint32_t page = plim__space_page(&manager->space, block);
    unsigned code = manager->space.info[page] & (PLIM__CLASS_CODES - 1);
    return code == PLIM__CLASS_LARGE ? plim__large_bytes(manager, page) : plim__class_bytes[code];
}

bool plim__owns(const void *address)
{
    return plim__manager_of(address) != NULL;
}

/* In place: a large block that stays large, where pages are there and the budget has room. */
static bool alloc_resize_pages(plim_manager *manager, plim__slot *slot, uint32_t page,
                               size_t old_charge, size_t charge)
{
    if (charge > old_charge &&
        !plim__budget_take(&plim__slot_domain(slot)->budget, charge - old_charge))
        return false;
    plim__lock_take(&manager->lock);
    bool is_done = plim__large_resize(manager, slot->central, page, charge);
    plim__lock_give(&manager->lock);
    if (charge > old_charge && !is_done)
        (void)plim__budget_give(&plim__slot_domain(slot)->budget, charge - old_charge);
    if (charge < old_charge && is_done)
        (void)plim__budget_give(&plim__slot_domain(slot)->budget, old_charge - charge);
    return is_done;
}

void *plim__resize(void *block, size_t bytes, const char *site)
{
    plim_manager *manager;
    uint32_t page;
    uint16_t info;
    if (block == NULL || !alloc_look(block, site, &manager, &page, &info))
        return plim__refuse(NULL, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    plim__slot *slot = &plim__slots[info >> PLIM__CLASS_BITS];
    unsigned code = info & (PLIM__CLASS_CODES - 1);
    size_t old_charge = plim__usable(block);
    if (bytes == 0 || bytes > PLIM__REQUEST_MAX)
        return plim__refuse(slot, PLIM_REFUSAL_REQUEST, bytes, 0, site);
    if (bytes <= PLIM__SMALL_MAX) {
        if (plim__class_of(bytes) == code)
            return block;
    } else if (code == PLIM__CLASS_LARGE) {
        size_t charge = plim__large_charge(bytes);
        if (charge == old_charge || alloc_resize_pages(manager, slot, page, old_charge, charge))
            return block;
    }
    plim_domain domain = plim__domain_handle(plim__slot_domain(slot));
    void *moved = plim__take(domain, bytes, 0, false, site);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, bytes < old_charge ? bytes : old_charge);
    plim__give(block, site);
    return moved;
}

void *plim_resize(void *block, size_t bytes)
{
    return plim__resize(block, bytes, NULL);
}

plim_status plim_origin_of(const void *block, plim_origin *out_origin)
{
    if (plim__scope_holds(block, out_origin))
        return PLIM_OK;
    plim_manager *manager = plim__manager_of(block);
    if (manager == NULL)
        return PLIM_ERR_STALE;
    uint32_t page = plim__space_page(&manager->space, block);
    uint16_t info = manager->space.info[page];
    unsigned code = info & (PLIM__CLASS_CODES - 1);
    plim__slot *slot = &plim__slots[info >> PLIM__CLASS_BITS];
    if (code == 0 || code == PLIM__CLASS_INNER || slot->central == &manager->tables)
        return PLIM_ERR_STALE;
    size_t bytes = plim__usable(block);
    *out_origin = (plim_origin){
        .domain = plim__domain_handle(plim__slot_domain(slot)),
        .provider = code == PLIM__CLASS_LARGE ? PLIM_PROVIDER_MAP : PLIM_PROVIDER_POOL,
        .charge_bytes = bytes,
        .usable_bytes = bytes,
        .requested_bytes = bytes,
        .site = "",
    };
    return PLIM_OK;
}
