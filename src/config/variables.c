/* SPDX-License-Identifier: MIT */
/*
 * Variables: PLIM_TOTAL and its like, and PLIM_BUDGET_NAME for a domain's limit. Others that begin
 * with PLIM_ are somebody else's (plim's own, a program's), but one that is a slip of the keyboard
 * away from one of ours is refused: a budget that is silently not set is worse than none.
 */
#include <string.h>

#include "config/figure.h"
#include "config/state.h"

enum { VARIABLES_NAME_BYTES = 64 };

static const char VARIABLES_BUDGET[] = "PLIM_BUDGET_";

static const plim__config_key *variables_key(const char *name)
{
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        if (key->variable != NULL && strcmp(key->variable, name) == 0)
            return key;
    }
    return NULL;
}

static plim_status variables_mistyped(const char *name, plim__config_origin origin, plim_error *err)
{
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        if (key->variable == NULL || plim__config_distance(key->variable, name) != 1)
            continue;
        plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED, "no such variable as %s", name);
        plim__config_where(err, origin);
        plim_error_hint(err, "did you mean %s?", key->variable);
        return status;
    }
    return PLIM_OK;
}

static plim_status variables_nameless(const char *name, plim__config_origin origin, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_DAMAGED, "%s does not say whose budget it is", name);
    plim__config_where(err, origin);
    plim_error_hint(err, "PLIM_BUDGET_NAME=SIZE is one domain's, PLIM_TOTAL=SIZE that of all");
    return status;
}

/* The domain a variable speaks of; where no file names any, the variable makes it. */
static plim_status variables_domain(plim_config *config, const char *name,
                                    plim__config_origin origin, uint32_t *out_index,
                                    plim_error *err)
{
    uint32_t best = 3, found = PLIM__CONFIG_NONE;
    const char *nearest = NULL;
    for (uint32_t i = 0; i < config->domain_count; i++) {
        const plim__config_domain *domain = &config->domains[i];
        uint32_t distance = plim__config_distance(domain->variable, name);
        if (strcmp(domain->variable, name) == 0) {
            if (found != PLIM__CONFIG_NONE) {
                plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                                    "it speaks of two domains, \"%s\" and \"%s\"",
                                                    config->domains[found].name, domain->name);
                plim_error_hint(err, "give one of them another name");
                return status;
            }
            found = i;
        } else if (distance < best) {
            best = distance;
            nearest = domain->variable;
        }
    }
    if (found == PLIM__CONFIG_NONE && !config->has_file) {
        char lower[VARIABLES_NAME_BYTES] = {0};
        const char *rest = name + sizeof VARIABLES_BUDGET - 1;
        for (size_t i = 0; rest[i] != '\0' && i + 1 < sizeof lower; i++)
            lower[i] = (char)(rest[i] >= 'A' && rest[i] <= 'Z' ? rest[i] - 'A' + 'a' : rest[i]);
        return plim__config_domain_add(config, lower, origin, out_index, err);
    }
    if (found == PLIM__CONFIG_NONE) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_DAMAGED, "no file has a domain for the variable %s", name);
        if (nearest != NULL)
            plim_error_hint(err, "did you mean %s?", nearest);
        else
            plim_error_hint(err, "add [domain NAME] to plimsoll.conf first");
        return status;
    }
    *out_index = found;
    return PLIM_OK;
}

static plim_status variables_budget(plim_config *config, const char *name, const char *value,
                                    plim__config_origin origin, plim_error *err)
{
    uint32_t index = 0;
    plim_status status = variables_domain(config, name, origin, &index, err);
    if (status == PLIM_OK)
        status = plim__config_set(config, index, plim__config_key_find("domain", "limit"), value,
                                  origin, err);
    if (status != PLIM_OK)
        plim__config_where(err, origin);
    return status;
}

static plim_status variables_one(plim_config *config, const char *variable,
                                 plim_config_source source, plim_error *err)
{
    char name[VARIABLES_NAME_BYTES];
    size_t length = strcspn(variable, "=");
    if (strncmp(variable, "PLIM_", 5) != 0 || variable[length] != '=' || length >= sizeof name)
        return PLIM_OK;
    memcpy(name, variable, length);
    name[length] = '\0';
    const char *value = variable + length + 1;
    const plim__config_key *key = variables_key(name);
    /* `where` must outlive this call: the key's own, or, for a budget, the domain's (below). */
    plim__config_origin origin = {source, 0, key != NULL ? key->variable : name};
    if (value[0] == '\0')
        return PLIM_OK; /* set to nothing: not set */
    if (key != NULL)
        return plim__config_set(config, PLIM__CONFIG_NONE, key, value, origin, err);
    if (strcmp(name, "PLIM_BUDGET") == 0 || strcmp(name, VARIABLES_BUDGET) == 0)
        return variables_nameless(name, origin, err);
    if (strncmp(name, VARIABLES_BUDGET, sizeof VARIABLES_BUDGET - 1) != 0)
        return variables_mistyped(name, origin, err);
    plim_status status = variables_budget(config, name, value, origin, err);
    for (uint32_t i = 0; status == PLIM_OK && i < config->domain_count; i++) {
        plim__config_domain *domain = &config->domains[i];
        if (domain->limit.bytes.origin.where == name)
            domain->limit.bytes.origin.where = domain->variable;
        if (domain->limit.share.origin.where == name)
            domain->limit.share.origin.where = domain->variable;
        if (domain->origin.where == name)
            domain->origin.where = domain->variable;
    }
    return status;
}

plim_status plim__config_variables(plim_config *config, const char *const *variables,
                                   plim_config_source source, plim_error *err)
{
    plim_status status = PLIM_OK;
    for (size_t i = 0; variables != NULL && variables[i] != NULL && status == PLIM_OK; i++)
        status = variables_one(config, variables[i], source, err);
    return status;
}
