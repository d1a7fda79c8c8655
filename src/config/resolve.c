/* SPDX-License-Identifier: MIT */
/*
 * What holds, from what was said; nothing here reads text.
 * Invariants of a resolved configuration: C1 every parent is there, and no way up is longer than 4
 * or a circle. C2 minimum <= limit <= maximum, and of all bounds a limit alone may be 0. C3 the
 * limits below the manager add up to the total at most, those below a domain to its limit. C4 what
 * a domain lends to any one other fits above its minimum. C5 the borrower's maximum is above its
 * limit. Every bound is in bytes.
 */
#include <string.h>

#include "config/figure.h"
#include "config/state.h"

enum { RESOLVE_DEPTH_MAX = 4 };

typedef struct resolve_text {
    char bytes[PLIM__CONFIG_FIGURE_BYTES];
} resolve_text;

/* "plimsoll.conf:3" or "PLIM_TOTAL". */
typedef struct resolve_place {
    char text[PLIM_ERROR_WHERE_BYTES];
} resolve_place;

static const char *resolve_place_of(resolve_place *place, plim__config_origin origin)
{
    if (origin.line > 0)
        plim__config_print(place->text, sizeof place->text, "%s:%u", origin.where, origin.line);
    else
        plim__config_print(place->text, sizeof place->text, "%s", origin.where);
    return place->text;
}

static const char *resolve_say(resolve_text *text, uint64_t bytes)
{
    plim__config_write_bytes(text->bytes, bytes);
    return text->bytes;
}

/* The lesser of bytes and share, of what @p whole is; false where a share has no whole. */
static bool resolve_figure(plim__config_figure *figure, bool has_whole, uint64_t whole)
{
    if (figure->bytes.given) {
        figure->is_set = true;
        figure->value = figure->bytes.number;
        figure->origin = figure->bytes.origin;
    }
    if (!figure->share.given)
        return true;
    if (!has_whole)
        return false;
    uint64_t part =
        whole / PLIM__CONFIG_SHARE_WHOLE * figure->share.number +
        whole % PLIM__CONFIG_SHARE_WHOLE * figure->share.number / PLIM__CONFIG_SHARE_WHOLE;
    if (!figure->is_set || part < figure->value) {
        figure->value = part;
        figure->origin = figure->share.origin;
    }
    figure->is_set = true;
    return true;
}

static plim_status resolve_refuse(plim_status status, plim__config_origin origin, plim_error *err)
{
    plim__config_where(err, origin);
    return status;
}

/* C1: who is below whom. */
static plim_status resolve_parents(plim_config *config, plim_error *err)
{
    for (uint32_t i = 0; i < config->domain_count; i++) {
        plim__config_domain *domain = &config->domains[i];
        domain->parent_index = PLIM__CONFIG_NONE;
        if (!domain->parent.given)
            continue;
        domain->parent_index = plim__config_domain_find(config, domain->parent.value);
        if (domain->parent_index != PLIM__CONFIG_NONE)
            continue;
        const char *nearest =
            plim__config_domain_nearest(config, domain->parent.value, domain->name);
        plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                            "domain \"%s\" has a parent that is nowhere: \"%.60s\"",
                                            domain->name, domain->parent.value);
        if (nearest != NULL)
            plim_error_hint(err, "did you mean \"%s\"?", nearest);
        else
            plim_error_hint(err, "add [domain %.31s] with a limit", domain->parent.value);
        return resolve_refuse(status, domain->parent.origin, err);
    }
    return PLIM_OK;
}

static plim_status resolve_depths(plim_config *config, plim_error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->domain_count; i++) {
        plim__config_domain *domain = &config->domains[i];
        uint32_t at = domain->parent_index;
        while (at != PLIM__CONFIG_NONE && domain->depth <= RESOLVE_DEPTH_MAX) {
            domain->depth++;
            at = config->domains[at].parent_index;
        }
        if (domain->depth < RESOLVE_DEPTH_MAX)
            continue;
        plim_status status = plim_error_set(
            err, PLIM_ERR_CONTRADICTION, "domain \"%s\" is nested deeper than %d, or in a circle",
            domain->name, RESOLVE_DEPTH_MAX);
        plim_error_hint(err, "let its parent be one nearer to the top");
        return resolve_refuse(status, domain->parent.origin, err);
    }
    for (uint32_t depth = 0; depth < RESOLVE_DEPTH_MAX; depth++) {
        for (uint32_t i = 0; i < config->domain_count; i++) {
            if (config->domains[i].depth == depth)
                config->order[count++] = i;
        }
    }
    return PLIM_OK;
}

static plim_status resolve_above(const plim__config_domain *domain, const char *low_name,
                                 const plim__config_figure *low, const char *high_name,
                                 const plim__config_figure *high, plim_error *err)
{
    if (!low->is_set || !high->is_set || low->value <= high->value)
        return PLIM_OK;
    resolve_text a, b;
    plim_status status = plim_error_set(
        err, PLIM_ERR_CONTRADICTION, "domain \"%s\": %s %s is above %s %s", domain->name, low_name,
        resolve_say(&a, low->value), high_name, resolve_say(&b, high->value));
    resolve_place place;
    plim_error_hint(err, "lower %s or raise %s (%s)", low_name, high_name,
                    resolve_place_of(&place, high->origin));
    return resolve_refuse(status, low->origin, err);
}

/* To the manager 0 is no bound at all, which is the opposite of what was written. */
static plim_status resolve_no_zero(const plim__config_domain *domain, const char *name,
                                   const plim__config_figure *figure, plim_error *err)
{
    if (!figure->is_set || figure->value != 0)
        return PLIM_OK;
    plim_status status =
        plim_error_set(err, PLIM_ERR_CONTRADICTION, "domain \"%s\": with %s 0 it can hold nothing",
                       domain->name, name);
    plim_error_hint(err, "give %s a size, or remove the line: then it has none", name);
    return resolve_refuse(status, figure->origin, err);
}

/* C2, and all figures of one domain in bytes. */
static plim_status resolve_domain(plim_config *config, plim__config_domain *domain, plim_error *err)
{
    const plim__config_figure *whole = domain->parent_index == PLIM__CONFIG_NONE
                                           ? &config->total
                                           : &config->domains[domain->parent_index].limit;
    plim_status status = PLIM_OK;
    if (!resolve_figure(&domain->limit, whole->is_set, whole->value) ||
        !resolve_figure(&domain->minimum, domain->limit.is_set, domain->limit.value) ||
        !resolve_figure(&domain->maximum, whole->is_set, whole->value) ||
        !resolve_figure(&domain->request_max, domain->limit.is_set, domain->limit.value)) {
        status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                "domain \"%s\" has percentages of what is not given", domain->name);
        plim_error_hint(err, "give [memory] total, and a limit to the domain and its parent");
        return resolve_refuse(status, domain->origin, err);
    }
    if (!domain->limit.is_set) {
        status =
            plim_error_set(err, PLIM_ERR_CONTRADICTION, "domain \"%s\" has no limit", domain->name);
        plim_error_hint(err, "add limit = SIZE to [domain %s] (0: it lives on loans)",
                        domain->name);
        return resolve_refuse(status, domain->origin, err);
    }
    status = resolve_above(domain, "minimum", &domain->minimum, "limit", &domain->limit, err);
    if (status == PLIM_OK)
        status = resolve_above(domain, "limit", &domain->limit, "maximum", &domain->maximum, err);
    if (status == PLIM_OK)
        status = resolve_no_zero(domain, "maximum", &domain->maximum, err);
    if (status == PLIM_OK)
        status = resolve_no_zero(domain, "request_max", &domain->request_max, err);
    return status;
}

/* C3 for one whole: the manager (NONE) or a domain. */
static plim_status resolve_sum(const plim_config *config, uint32_t parent, plim_error *err)
{
    const plim__config_figure *whole =
        parent == PLIM__CONFIG_NONE ? &config->total : &config->domains[parent].limit;
    uint64_t sum = 0;
    const plim__config_domain *last = NULL;
    for (uint32_t i = 0; i < config->domain_count; i++) {
        if (config->domains[i].parent_index != parent)
            continue;
        last = &config->domains[i];
        sum += last->limit.value; /* both are below 2^63, so the sum is below 2^64 */
        if (sum > whole->value)
            break;
    }
    if (last == NULL || sum <= whole->value)
        return PLIM_OK;
    resolve_text a, b;
    plim_status status =
        parent == PLIM__CONFIG_NONE
            ? plim_error_set(err, PLIM_ERR_CONTRADICTION,
                             "with domain \"%s\" the limits add up to %s, and the total is %s",
                             last->name, resolve_say(&a, sum), resolve_say(&b, whole->value))
            : plim_error_set(err, PLIM_ERR_CONTRADICTION,
                             "with domain \"%s\" the limits inside \"%s\" add up to %s of its %s",
                             last->name, config->domains[parent].name, resolve_say(&a, sum),
                             resolve_say(&b, whole->value));
    resolve_place place;
    plim_error_hint(err, "lower limits, or raise %s (%s)",
                    parent == PLIM__CONFIG_NONE ? "the total" : "that limit",
                    resolve_place_of(&place, whole->origin));
    return resolve_refuse(status, last->limit.origin, err);
}

static plim_status resolve_share(plim_config *config, plim__config_share *share, plim_error *err)
{
    const plim__config_domain *lender = &config->domains[share->lender];
    const char *name = share->key + PLIM__CONFIG_LEND_BYTES;
    const plim__config_amount *said =
        share->quota.bytes.given ? &share->quota.bytes : &share->quota.share;
    share->borrower = plim__config_domain_find(config, name);
    if (share->borrower == PLIM__CONFIG_NONE || share->borrower == share->lender) {
        const char *nearest = plim__config_domain_nearest(config, name, lender->name);
        plim_status status =
            share->borrower == share->lender
                ? plim_error_set(err, PLIM_ERR_CONTRADICTION, "domain \"%s\" lends to itself", name)
                : plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                 "domain \"%s\" lends to \"%s\", which is nowhere", lender->name,
                                 name);
        if (share->borrower == share->lender)
            plim_error_hint(err, "name another domain, or remove the line");
        else if (nearest != NULL)
            plim_error_hint(err, "did you mean \"%s\"?", nearest);
        else
            plim_error_hint(err, "add [domain %s] (limit = 0: it lives on loans)", name);
        return resolve_refuse(status, said->origin, err);
    }
    (void)resolve_figure(&share->quota, true, lender->limit.value);
    uint64_t lendable = lender->limit.value - (lender->minimum.is_set ? lender->minimum.value : 0);
    if (share->quota.value > lendable) {
        resolve_text a, b;
        plim_status status = plim_error_set(
            err, PLIM_ERR_CONTRADICTION,
            "domain \"%s\" lends %s to \"%s\" and has %s above its minimum", lender->name,
            resolve_say(&a, share->quota.value), name, resolve_say(&b, lendable));
        plim_error_hint(err, "lend that much or less, or lower its minimum");
        return resolve_refuse(status, share->quota.origin, err);
    }
    const plim__config_domain *borrower = &config->domains[share->borrower];
    if (share->quota.value == 0 || !borrower->maximum.is_set ||
        borrower->maximum.value > borrower->limit.value)
        return PLIM_OK;
    plim_status status =
        plim_error_set(err, PLIM_ERR_CONTRADICTION,
                       "\"%s\" is lent to and can take nothing: its maximum is its limit", name);
    plim_error_hint(err, "raise the maximum of [domain %s], or remove it", name);
    return resolve_refuse(status, share->quota.origin, err);
}

static plim_status resolve_memory(plim_config *config, plim_error *err)
{
    (void)resolve_figure(&config->total, false, 0);
    (void)resolve_figure(&config->domain_count_max, false, 0);
    (void)resolve_figure(&config->watch_every, false, 0);
    static const uint32_t fixed = 1; /* its word's place in keys.c */
    if (config->backing.given && config->backing.index == fixed) {
        plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                            "backing fixed needs storage that only a program has");
        plim_error_hint(err, "use map or libc here; fixed is for plim_manager_create()");
        return resolve_refuse(status, config->backing.origin, err);
    }
    if (!resolve_figure(&config->margin, config->total.is_set, config->total.value)) {
        plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                            "margin is a percentage, and there is no total");
        plim_error_hint(err, "give total = SIZE in [memory]");
        return resolve_refuse(status, config->margin.share.origin, err);
    }
    if (config->total.is_set && config->total.value == 0) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_CONTRADICTION, "a total of 0 leaves no memory at all");
        plim_error_hint(err, "give the program some, or remove the line");
        return resolve_refuse(status, config->total.origin, err);
    }
    if (config->domain_count > 0 && !config->total.is_set) {
        plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                            "domain \"%s\" has a limit, and there is no total to "
                                            "check it against",
                                            config->domains[0].name);
        plim_error_hint(err, "give total = SIZE in [memory], or set PLIM_TOTAL");
        return resolve_refuse(status, config->domains[0].origin, err);
    }
    if (config->domain_count_max.is_set && config->domain_count_max.value < config->domain_count) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_CONTRADICTION, "%u domains are named, and domains = %u",
                           config->domain_count, (unsigned)config->domain_count_max.value);
        plim_error_hint(err, "raise domains (64 at most)");
        return resolve_refuse(status, config->domain_count_max.origin, err);
    }
    return PLIM_OK;
}

plim_status plim__config_resolve(plim_config *config, plim_error *err)
{
    plim_status status = resolve_memory(config, err);
    if (status == PLIM_OK)
        status = resolve_parents(config, err);
    if (status == PLIM_OK)
        status = resolve_depths(config, err);
    for (uint32_t i = 0; status == PLIM_OK && i < config->domain_count; i++)
        status = resolve_domain(config, &config->domains[config->order[i]], err);
    if (status == PLIM_OK)
        status = resolve_sum(config, PLIM__CONFIG_NONE, err);
    for (uint32_t i = 0; status == PLIM_OK && i < config->domain_count; i++)
        status = resolve_sum(config, i, err);
    for (uint32_t i = 0; status == PLIM_OK && i < config->share_count; i++)
        status = resolve_share(config, &config->shares[i], err);
    return status;
}
