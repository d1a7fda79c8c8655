/* SPDX-License-Identifier: MIT */
/*
 * From a file to its domain: by name in the default manager, made there if nobody made it, then
 * remembered in the file's own variable. Two threads may both look; they find the same.
 */
#include "memory/alloc.h"

/* What a file that names no domain is charged to. */
static const char *const HERE_UNNAMED = "unnamed";

plim_domain plim__here_domain(plim__here *here)
{
    plim_domain domain = {0};
    plim_manager *manager = plim_manager_default();
    const char *name = here->name != NULL ? here->name : HERE_UNNAMED;
    if (manager != NULL && plim__domain_shared(&manager->bank, name, &domain, NULL) == PLIM_OK)
        __atomic_store_n(&here->domain.id, domain.id, __ATOMIC_RELAXED);
    return domain;
}
