/* SPDX-License-Identifier: MIT */
/*
 * Domains by calling module: an address leads to the loaded file that holds it, the file's name
 * to a domain. The loader is asked each time, so that a module in the place of one that was
 * unloaded is told apart; who asks often remembers the answer (a file in its own variable, the
 * library that replaces malloc in its table). No lock of ours is held meanwhile: the loader calls
 * malloc with its own held.
 */
#include "memory/engine/engine.h"
#include "platform/modules.h"

plim_status plim_domain_by_module(plim_manager *manager, const void *address,
                                  plim_domain *out_domain)
{
    plim__bank *bank = plim__manager_bank(manager);
    if (bank == NULL)
        return PLIM_ERR_NO_MEMORY;
    plim__module module;
    if (!plim__module_at(address, &module))
        return PLIM_ERR_NOT_FOUND;
    module.name[PLIM_DOMAIN_NAME_BYTES - 1] = '\0';
    return plim__domain_shared(bank, module.name, out_domain, NULL);
}
