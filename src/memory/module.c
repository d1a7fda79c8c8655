/* SPDX-License-Identifier: MIT */
/*
 * Domains by calling module: an address leads to the loaded file that holds it, the file's name to
 * a domain. For callers in a hurry (malloc, by its return address) the answer is remembered by
 * page: a hit takes a few loads and no lock. Others have the loader asked each time, and are never
 * wrong.
 *
 * What is remembered is bounded and dropped whole: when it is full, when the loader says that a
 * module has gone, or when told to. While rows are rewritten a reader may take one for another's;
 * its call is then charged to another live domain of the same manager.
 * Invariants: D1 no lock of ours is held while the loader is asked (it calls malloc with its own
 * held). D2 a page's word leads to a row or to none; the row's range, manager and domain are
 * checked at every use.
 */
#include "memory/module.h"

#include "base/limits.h"
#include "base/text.h"
#include "memory/engine.h"
#include "platform/modules.h"

enum { MODULE_PAGE_SHIFT = 12 };

/* A module's range and whose memory its calls are. */
typedef struct module_row {
    _Atomic uintptr_t start, end;
    _Atomic(plim_manager *) manager;
    _Atomic uint32_t domain;
} module_row;

static module_row module_rows[PLIM__MODULES];
static uint32_t module_count;                              /* rows in use; under the lock */
static _Atomic uintptr_t module_pages[PLIM__MODULE_PAGES]; /* page number << 8 | row + 1 */
static uint64_t module_unloads; /* as the loader counted when rows were made; under the lock */
static plim__lock module_lock;

_Static_assert(PLIM__MODULES < 256, "a row's number fits a byte of a page's word");

static _Atomic uintptr_t *module_page(const void *address)
{
    uintptr_t page = (uintptr_t)address >> MODULE_PAGE_SHIFT;
    return &module_pages[(page ^ page >> 8) % PLIM__MODULE_PAGES];
}

/* The domain remembered for the address; none if it is not, or has ended. */
static plim_domain module_recall(const plim_manager *manager, const void *address)
{
    plim_domain none = {0};
    uintptr_t word = plim__load(module_page(address)), at = (uintptr_t)address;
    if (word >> 8 != at >> MODULE_PAGE_SHIFT || (word & 255) == 0)
        return none;
    module_row *row = &module_rows[(word & 255) - 1];
    plim_domain domain = {plim__load(&row->domain)};
    bool is_it = plim__load(&row->manager) == manager && at >= plim__load(&row->start) &&
                 at < plim__load(&row->end) && plim__domain_of(domain) != NULL;
    return is_it ? domain : none;
}

/* The row of a module for a manager, made if there is room; PLIM__MODULES if not. */
static uint32_t module_row_of(const plim_manager *manager, const plim__module *module)
{
    for (uint32_t i = 0; i < module_count; i++)
        if (plim__load(&module_rows[i].start) == module->start &&
            plim__load(&module_rows[i].end) == module->end &&
            plim__load(&module_rows[i].manager) == manager)
            return i;
    return module_count < PLIM__MODULES ? module_count++ : PLIM__MODULES;
}

static void module_forget(void)
{
    module_count = 0;
    for (uint32_t i = 0; i < PLIM__MODULE_PAGES; i++)
        plim__store(&module_pages[i], 0);
}

static void module_remember(plim_manager *manager, const plim__module *module, const void *address,
                            plim_domain domain, uint64_t unloads)
{
    plim__lock_take(&module_lock);
    if (module_unloads != unloads || module_count == PLIM__MODULES) {
        module_forget();
        module_unloads = unloads;
    }
    uint32_t index = module_row_of(manager, module);
    if (index < PLIM__MODULES) {
        module_row *row = &module_rows[index];
        plim__store(&row->domain, 0);
        plim__store(&row->start, module->start);
        plim__store(&row->end, module->end);
        plim__store(&row->manager, manager);
        plim__store(&row->domain, domain.id);
        uintptr_t page = (uintptr_t)address >> MODULE_PAGE_SHIFT;
        plim__store(module_page(address), page << 8 | (index + 1));
    }
    plim__lock_give(&module_lock);
}

/* Asks the loader, and remembers. */
static plim_status module_find(plim_manager *manager, const void *address, plim_domain *out_domain)
{
    plim__module module;
    if (!plim__module_at(address, &module))
        return PLIM_ERR_NOT_FOUND;
    uint64_t unloads = plim__modules_unloaded();
    plim_domain domain = {0};
    module.name[PLIM_DOMAIN_NAME_BYTES - 1] = '\0';
    plim_status status = plim__domain_shared(&manager->bank, module.name, &domain, NULL);
    if (status != PLIM_OK)
        return status;
    module_remember(manager, &module, address, domain, unloads);
    *out_domain = domain;
    return PLIM_OK;
}

plim_status plim__module_domain(plim_manager *manager, const void *address, plim_domain *out_domain)
{
    if (manager == NULL)
        manager = plim_manager_default();
    if (manager == NULL)
        return PLIM_ERR_NO_MEMORY;
    plim_domain domain = module_recall(manager, address);
    if (domain.id == 0)
        return module_find(manager, address, out_domain);
    *out_domain = domain;
    return PLIM_OK;
}

void plim__modules_forget(void)
{
    plim__lock_take(&module_lock);
    module_forget();
    plim__lock_give(&module_lock);
}

plim_status plim_domain_by_module(plim_manager *manager, const void *address,
                                  plim_domain *out_domain)
{
    if (manager == NULL)
        manager = plim_manager_default();
    return manager != NULL ? module_find(manager, address, out_domain) : PLIM_ERR_NO_MEMORY;
}
