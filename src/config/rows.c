/* SPDX-License-Identifier: MIT */
/* What holds, row by row: the keys in the order of the manual, domains with their shares. */
#include <string.h>

#include "base/assert.h"
#include "config/figure.h"
#include "config/state.h"

static void rows_origin(plim_config_row *row, bool given, plim__config_origin origin)
{
    row->source = given ? origin.source : PLIM_CONFIG_DEFAULT;
    row->where = given ? origin.where : "";
    row->line = given ? origin.line : 0;
}

static void rows_figure(plim_config_row *row, const plim__config_figure *figure, bool is_count)
{
    rows_origin(row, figure->is_set, figure->origin);
    if (!figure->is_set)
        return;
    if (is_count) {
        plim__config_print(row->value, sizeof row->value, "%llu",
                           (unsigned long long)figure->value);
        return;
    }
    char text[PLIM__CONFIG_FIGURE_BYTES];
    plim__config_write_bytes(text, figure->value);
    plim__config_print(row->value, sizeof row->value, "%s", text);
    row->bytes = figure->value;
}

static void rows_choice(plim_config_row *row, const plim__config_choice *choice, const char *words)
{
    size_t length = 0;
    const char *word = plim__config_word(words, choice->index, &length);
    rows_origin(row, choice->given, choice->origin);
    if (choice->given && word != NULL)
        plim__config_print(row->value, sizeof row->value, "%.*s", (int)length, word);
}

static void rows_fill(const plim_config *config, const plim__config_domain *domain,
                      const plim__config_key *key, plim_config_row *row)
{
    const char *base = domain == NULL ? (const char *)config : (const char *)domain;
    const void *field = base + key->offset;
    *row = (plim_config_row){.section = domain == NULL ? key->section : domain->section,
                             .key = key->name,
                             .bytes = UINT64_MAX,
                             .where = ""};
    switch (key->kind) {
    case PLIM__CONFIG_BOUND:
    case PLIM__CONFIG_FIGURE:
        rows_figure(row, field, false);
        break;
    case PLIM__CONFIG_COUNT:
    case PLIM__CONFIG_EVERY:
        rows_figure(row, field, true);
        break;
    case PLIM__CONFIG_CHOICE:
        rows_choice(row, field, key->words);
        break;
    case PLIM__CONFIG_TEXT: {
        const plim__config_text *text = field;
        rows_origin(row, text->given, text->origin);
        if (text->given)
            plim__config_print(row->value, sizeof row->value, "%s", text->value);
        break;
    }
    }
}

/* Takes one off *left for each row of the domain; true where that one was the last. */
static bool rows_of_domain(const plim_config *config, uint32_t index, uint32_t *left,
                           plim_config_row *row)
{
    const plim__config_domain *domain = &config->domains[index];
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        if (strcmp(key->section, "domain") != 0)
            continue;
        rows_fill(config, domain, key, row);
        if (row->source != PLIM_CONFIG_DEFAULT && (*left)-- == 0)
            return true;
    }
    for (uint32_t i = 0; i < config->share_count; i++) {
        const plim__config_share *share = &config->shares[i];
        if (share->lender != index || (*left)-- != 0)
            continue;
        *row = (plim_config_row){
            .section = domain->section, .key = share->key, .bytes = UINT64_MAX, .where = ""};
        rows_figure(row, &share->quota, false);
        return true;
    }
    return false;
}

static bool rows_of_section(const plim_config *config, const char *section, uint32_t *left,
                            plim_config_row *row)
{
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        if (strcmp(key->section, section) != 0)
            continue;
        rows_fill(config, NULL, key, row);
        if (row->source != PLIM_CONFIG_DEFAULT && (*left)-- == 0)
            return true;
    }
    return false;
}

bool plim_config_row_read(const plim_config *config, uint32_t index, plim_config_row *out_row)
{
    PLIM_CHECK_OBJ(config, PLIM__CONFIG_MAGIC);
    PLIM_CHECK(out_row != NULL);
    plim_config_row row;
    uint32_t left = index;
    bool found = rows_of_section(config, "memory", &left, &row);
    for (uint32_t i = 0; i < config->domain_count && !found; i++)
        found = rows_of_domain(config, config->order[i], &left, &row);
    found = found || rows_of_section(config, "preload", &left, &row);
    if (found)
        *out_row = row;
    return found;
}
