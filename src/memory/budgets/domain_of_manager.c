/* SPDX-License-Identifier: MIT */
/* Calls that name a manager: its bank does them. Apart, so that banks can be tested alone. */
#include "memory/budgets/rebalance.h"

plim_status plim_domain_create(plim_manager *manager, const char *name,
                               const plim_domain_options *options, plim_domain *out_domain,
                               plim_error *err)
{
    plim__bank *bank = plim__manager_bank(manager);
    if (bank == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "the system refused the default manager");
    return plim__domain_create(bank, name, options, out_domain, err);
}

plim_status plim_domain_find(plim_manager *manager, const char *name, plim_domain *out_domain)
{
    plim__bank *bank = plim__manager_bank(manager);
    return bank != NULL ? plim__domain_find(bank, name, out_domain) : PLIM_ERR_NOT_FOUND;
}

plim_status plim_manager_rebalance(plim_manager *manager, size_t *out_bytes)
{
    plim__bank *bank = plim__manager_bank(manager);
    if (bank != NULL)
        return plim__rebalance(bank, out_bytes);
    if (out_bytes != NULL)
        *out_bytes = 0;
    return PLIM_OK;
}
