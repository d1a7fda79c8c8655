/* SPDX-License-Identifier: MIT */
/*
 * From a file to its domain: by name in the default manager, made there if nobody made it, then
 * remembered in the file's own variable. Two threads may both look; they find the same. A file that
 * names none is charged to its module.
 */
#include "memory/engine/alloc.h"

/* What a file that names no domain is charged to where there are no modules, or too many. */
static const char *const HERE_UNNAMED = "unnamed";

plim_domain plim__here_domain(plim__here *here)
{
    plim_domain domain = {__atomic_load_n(&here->domain.id, __ATOMIC_RELAXED)};
    if (plim__domain_of(domain) != NULL)
        return domain;
    domain.id = 0;
    plim_manager *manager = plim_manager_default();
    if (manager == NULL)
        return domain;
    plim_status status = PLIM_ERR_NOT_FOUND;
    if (here->name == NULL)
        status = plim_domain_by_module(manager, here, &domain); /* the variable is the file's */
    if (status != PLIM_OK)
        status = plim__domain_shared(&manager->bank, here->name != NULL ? here->name : HERE_UNNAMED,
                                     &domain, NULL);
    if (status == PLIM_OK)
        __atomic_store_n(&here->domain.id, domain.id, __ATOMIC_RELAXED);
    return domain;
}
