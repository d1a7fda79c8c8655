/* SPDX-License-Identifier: MIT */
/*
 * From words to deeds: a manager, its domains, what they lend. All of it or nothing: what a failure
 * leaves behind is a manager that nobody was given, and it is destroyed.
 */
#include "config/apply.h"

#include "base/assert.h"
#include "config/state.h"

static size_t apply_bytes(const plim__config_figure *figure)
{
    return figure->is_set ? (size_t)figure->value : 0;
}

static plim_status apply_domain(const plim_config *config, plim_manager *manager, uint32_t index,
                                plim_domain *handles, plim_error *err)
{
    const plim__config_domain *domain = &config->domains[index];
    plim_domain_options options = {
        .struct_bytes = sizeof options,
        .priority = (plim_priority)domain->priority.index,
        .limit_bytes = apply_bytes(&domain->limit),
        .floor_bytes = apply_bytes(&domain->minimum),
        .cap_bytes = apply_bytes(&domain->maximum),
        .request_max_bytes = apply_bytes(&domain->request_max),
    };
    if (domain->parent_index != PLIM__CONFIG_NONE)
        options.parent = handles[domain->parent_index];
    plim_status status = plim_domain_create(manager, domain->name, &options, &handles[index], err);
    if (status != PLIM_OK)
        plim__config_where(err, domain->limit.origin);
    return status;
}

plim_status plim__config_make_domains(const plim_config *config, plim_manager *manager,
                                      plim_error *err)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    plim_domain handles[PLIM_CONFIG_DOMAINS_MAX] = {{0}};
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < config->domain_count; i++)
        status = apply_domain(config, manager, config->order[i], handles, err);
    for (uint32_t i = 0; status == PLIM_OK && i < config->share_count; i++) {
        const plim__config_share *share = &config->shares[i];
        status = plim_domain_share_set(handles[share->lender], handles[share->borrower],
                                       (size_t)share->quota.value);
        if (status != PLIM_OK) {
            (void)plim_error_set(err, status, "domain \"%s\" cannot be let %s",
                                 config->domains[share->lender].name, share->key);
            plim__config_where(err, share->quota.origin);
        }
    }
    return status;
}

plim_status plim_config_apply(const plim_config *config, const plim_manager_options *base,
                              plim_manager **out_manager, plim_error *err)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    PLIM_CHECK(out_manager != NULL);
    plim_manager_options options = {.struct_bytes = sizeof options};
    plim_manager *manager = NULL;
    if (base != NULL)
        options = *base;
    plim_config_manager_options(config, &options);
    plim_status status = plim_manager_create(&options, &manager, err);
    if (status == PLIM_OK)
        status = plim__config_make_domains(config, manager, err);
    if (status == PLIM_OK)
        *out_manager = manager;
    else
        plim_manager_destroy(&manager);
    return status;
}
