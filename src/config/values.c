/* SPDX-License-Identifier: MIT */
/*
 * One value of one source enters here.
 * Invariants: V1 of a bound, in bytes and in percent each, the least said so far stands. V2 of
 * anything else the nearest stands. V3 no source says a thing twice. V4 what is refused has changed
 * nothing.
 */
#include <string.h>

#include "config/figure.h"
#include "config/state.h"

void plim__config_where(plim_error *err, plim__config_origin origin)
{
    if (origin.line > 0)
        plim_error_where(err, "%s:%u", origin.where, origin.line);
    else
        plim_error_where(err, "%s", origin.where);
}

uint32_t plim__config_domain_find(const plim_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->domain_count; i++) {
        if (strcmp(config->domains[i].name, name) == 0)
            return i;
    }
    return PLIM__CONFIG_NONE;
}

const char *plim__config_domain_nearest(const plim_config *config, const char *name,
                                        const char *other)
{
    uint32_t best = 3;
    const char *nearest = NULL;
    for (uint32_t i = 0; i < config->domain_count; i++) {
        const char *at = config->domains[i].name;
        uint32_t distance = plim__config_distance(at, name);
        bool has_much_in_common = distance < strlen(at) && distance < strlen(name);
        if (distance > 0 && distance < best && has_much_in_common && strcmp(at, other) != 0) {
            best = distance;
            nearest = at;
        }
    }
    return nearest;
}

/* Letters, digits and a few signs: a name must be safe to print and to put into a variable. */
static bool values_is_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_-.+";
    size_t length = strlen(name);
    return length > 0 && length < PLIM_DOMAIN_NAME_BYTES && strspn(name, allowed) == length;
}

static void values_name_variable(plim__config_domain *domain)
{
    plim__config_print(domain->section, sizeof domain->section, "domain %s", domain->name);
    plim__config_print(domain->variable, sizeof domain->variable, "PLIM_BUDGET_%s", domain->name);
    for (char *at = domain->variable; *at != '\0'; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
        else if ((*at < 'A' || *at > 'Z') && (*at < '0' || *at > '9'))
            *at = '_';
    }
}

plim_status plim__config_domain_add(plim_config *config, const char *name,
                                    plim__config_origin origin, uint32_t *out_index,
                                    plim_error *err)
{
    uint32_t index = plim__config_domain_find(config, name);
    if (index == PLIM__CONFIG_NONE) {
        if (!values_is_name(name)) {
            plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED,
                                                "\"%.40s\" cannot be the name of a domain", name);
            plim_error_hint(err, "use 1 to %d letters, digits and _ - . +",
                            PLIM_DOMAIN_NAME_BYTES - 1);
            return status;
        }
        if (config->domain_count == PLIM_CONFIG_DOMAINS_MAX) {
            plim_status status = plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                                "domain \"%s\" is one too many: a manager has %d "
                                                "at most",
                                                name, PLIM_CONFIG_DOMAINS_MAX);
            plim_error_hint(err, "let modules that are seldom at work share a domain");
            return status;
        }
        index = config->domain_count++;
        plim__config_domain *domain = &config->domains[index];
        plim__config_print(domain->name, sizeof domain->name, "%s", name);
        domain->origin = origin;
        values_name_variable(domain);
    }
    *out_index = index;
    return PLIM_OK;
}

static plim_status values_twice(const char *key, plim__config_origin first, plim_error *err)
{
    plim_status status =
        first.line > 0 ? plim_error_set(err, PLIM_ERR_CONTRADICTION,
                                        "%s is given twice: here and in line %u", key, first.line)
                       : plim_error_set(err, PLIM_ERR_CONTRADICTION, "%s is given twice, by %s too",
                                        key, first.where);
    plim_error_hint(err, "keep one of the two");
    return status;
}

/* Whether an origin speaks for the same source as one that is given already. */
static bool values_same_source(bool given, plim__config_origin old, plim__config_origin new)
{
    return given && old.source == new.source;
}

static plim_status values_not_a_figure(plim__config_found found, const char *key, const char *value,
                                       bool shares, plim_error *err)
{
    const char *what = found == PLIM__CONFIG_FOUND_TOO_LARGE ? "is too large"
                       : found == PLIM__CONFIG_FOUND_UNIT    ? "has a unit that is none"
                       : found == PLIM__CONFIG_FOUND_SHARE   ? "cannot be a percentage"
                                                             : "is not a size";
    plim_status status =
        plim_error_set(err, PLIM_ERR_DAMAGED, "%s: \"%.60s\" %s", key, value, what);
    plim_error_hint(err, shares ? "write it as 4096, 64K, 1.5MiB, 2GB (powers of 1024) or 25%%"
                                : "write it as 4096, 64K, 1.5MiB or 2GB (powers of 1024)");
    return status;
}

static plim_status values_set_figure(plim__config_figure *figure, bool is_bound, bool shares,
                                     const char *key, const char *value, plim__config_origin origin,
                                     plim_error *err)
{
    uint64_t number = 0;
    plim__config_found found = plim__config_read_figure(value, &number);
    if (found != PLIM__CONFIG_FOUND_BYTES && (found != PLIM__CONFIG_FOUND_SHARE || !shares))
        return values_not_a_figure(found, key, value, shares, err);
    if (values_same_source(figure->bytes.given, figure->bytes.origin, origin))
        return values_twice(key, figure->bytes.origin, err);
    if (values_same_source(figure->share.given, figure->share.origin, origin))
        return values_twice(key, figure->share.origin, err);
    plim__config_amount *amount =
        found == PLIM__CONFIG_FOUND_SHARE ? &figure->share : &figure->bytes;
    if (!is_bound)
        figure->bytes.given = figure->share.given = false;
    if (!amount->given || number <= amount->number)
        *amount = (plim__config_amount){true, number, origin};
    return PLIM_OK;
}

/* As plim_manager_create() has it. */
enum { VALUES_EVERY_MAX = 1 << 24 };

static plim_status values_set_count(plim__config_figure *figure, const plim__config_key *key,
                                    const char *value, plim__config_origin origin, plim_error *err)
{
    bool is_every = key->kind == PLIM__CONFIG_EVERY;
    uint64_t most = is_every ? VALUES_EVERY_MAX : PLIM_CONFIG_DOMAINS_MAX;
    uint64_t number = 0;
    plim__config_found found = plim__config_read_figure(value, &number);
    size_t length = strlen(value);
    if (found != PLIM__CONFIG_FOUND_BYTES || strspn(value, "0123456789") != length || number == 0 ||
        number > most) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_DAMAGED, "%s: \"%.60s\" is not a number from 1 to %u",
                           key->name, value, (unsigned)most);
        plim_error_hint(err, is_every ? "at level full, of so many blocks one is watched"
                                      : "it is how many domains there may be at once");
        return status;
    }
    if (values_same_source(figure->bytes.given, figure->bytes.origin, origin))
        return values_twice(key->name, figure->bytes.origin, err);
    figure->bytes = (plim__config_amount){true, number, origin};
    return PLIM_OK;
}

static plim_status values_no_word(const plim__config_key *key, const char *value, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED, "%s: \"%.60s\" is none of %s",
                                        key->name, value, key->words);
    plim_error_hint(err, "write one of them as it stands here");
    return status;
}

/* Which of the key's words it is; false: none. */
static bool values_word(const plim__config_key *key, const char *value, uint32_t *out_index)
{
    size_t length = 0;
    uint32_t index = 0;
    const char *word = plim__config_word(key->words, 0, &length);
    while (word != NULL && (strlen(value) != length || strncmp(word, value, length) != 0))
        word = plim__config_word(key->words, ++index, &length);
    *out_index = index;
    return word != NULL;
}

static plim_status values_set_choice(plim__config_choice *choice, const plim__config_key *key,
                                     const char *value, plim__config_origin origin, plim_error *err)
{
    uint32_t index = 0;
    /* "1" and "0" are what people set variables to. */
    bool is_switch = strcmp(key->words, "no|yes") == 0;
    if (is_switch && (strcmp(value, "1") == 0 || plim__config_same(value, "on")))
        value = "yes";
    else if (is_switch && (strcmp(value, "0") == 0 || plim__config_same(value, "off")))
        value = "no";
    if (!values_word(key, value, &index))
        return values_no_word(key, value, err);
    if (values_same_source(choice->given, choice->origin, origin))
        return values_twice(key->name, choice->origin, err);
    *choice = (plim__config_choice){true, index, origin};
    return PLIM_OK;
}

static plim_status values_set_text(plim__config_text *text, const plim__config_key *key_row,
                                   const char *value, plim__config_origin origin, plim_error *err)
{
    const char *key = key_row->name;
    uint32_t index = 0;
    if (strlen(value) >= sizeof text->value) {
        plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED, "%s: longer than %d bytes", key,
                                            (int)sizeof text->value - 1);
        plim_error_hint(err, "use a shorter one");
        return status;
    }
    if (value[0] == ';' || value[0] == '#') {
        plim_status status =
            plim_error_set(err, PLIM_ERR_DAMAGED, "%s: \"%.60s\" looks like a comment", key, value);
        plim_error_hint(err, "put a blank before the comment, or another sign before the text");
        return status;
    }
    if (key_row->words != NULL) { /* signals: SIGUSR1 is USR1 */
        const char *word = value + (strncmp(value, "SIG", 3) == 0 ? 3 : 0);
        if (!values_word(key_row, word, &index))
            return values_no_word(key_row, value, err);
        value = word;
    }
    if (values_same_source(text->given, text->origin, origin))
        return values_twice(key, text->origin, err);
    text->given = true;
    plim__config_print(text->value, sizeof text->value, "%s", value);
    text->origin = origin;
    return PLIM_OK;
}

plim_status plim__config_set(plim_config *config, uint32_t domain, const plim__config_key *key,
                             const char *value, plim__config_origin origin, plim_error *err)
{
    char *base = domain == PLIM__CONFIG_NONE ? (char *)config : (char *)&config->domains[domain];
    void *field = base + key->offset;
    plim_status status = PLIM_OK;
    switch (key->kind) {
    case PLIM__CONFIG_BOUND:
    case PLIM__CONFIG_FIGURE:
        status = values_set_figure(field, key->kind == PLIM__CONFIG_BOUND, key->shares, key->name,
                                   value, origin, err);
        break;
    case PLIM__CONFIG_COUNT:
    case PLIM__CONFIG_EVERY:
        status = values_set_count(field, key, value, origin, err);
        break;
    case PLIM__CONFIG_CHOICE:
        status = values_set_choice(field, key, value, origin, err);
        break;
    case PLIM__CONFIG_TEXT:
        status = values_set_text(field, key, value, origin, err);
        break;
    }
    if (status != PLIM_OK)
        plim__config_where(err, origin);
    return status;
}

plim_status plim__config_set_share(plim_config *config, uint32_t lender, const char *key,
                                   const char *value, plim__config_origin origin, plim_error *err)
{
    plim__config_share *share = NULL;
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; i < config->share_count && share == NULL; i++) {
        if (config->shares[i].lender == lender && strcmp(config->shares[i].key, key) == 0)
            share = &config->shares[i];
    }
    if (!values_is_name(key + PLIM__CONFIG_LEND_BYTES)) {
        status = plim_error_set(err, PLIM_ERR_DAMAGED, "%.60s: that is no name of a domain", key);
        plim_error_hint(err, "write lend.BORROWER = SIZE, as in lend.render = 2M");
    } else if (share == NULL && config->share_count == PLIM_CONFIG_SHARES_MAX) {
        status = plim_error_set(err, PLIM_ERR_CONTRADICTION, "%s: more than %d shares", key,
                                PLIM_CONFIG_SHARES_MAX);
        plim_error_hint(err, "let domains that lend to each other have a common parent instead");
    } else {
        plim__config_share fresh = {.lender = lender};
        plim__config_print(fresh.key, sizeof fresh.key, "%s", key);
        bool is_new = share == NULL;
        plim__config_figure *quota = is_new ? &fresh.quota : &share->quota;
        status = values_set_figure(quota, true, true, key, value, origin, err);
        if (status == PLIM_OK && is_new)
            config->shares[config->share_count++] = fresh;
    }
    if (status != PLIM_OK)
        plim__config_where(err, origin);
    return status;
}
