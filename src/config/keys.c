/* SPDX-License-Identifier: MIT */
/* The keys of plimsoll.conf(5), one row each: no other place
   knows a key by name. */
#include <string.h>

#include "config/figure.h"
#include "config/state.h"

#define KEY_OF(field)        offsetof(struct plim_config, field)
#define KEY_OF_DOMAIN(field) offsetof(plim__config_domain, field)

const plim__config_key plim__config_keys[] = {
    {"memory", "total", "PLIM_TOTAL", PLIM__CONFIG_BOUND, KEY_OF(total), NULL, false},
    {"memory", "margin", "PLIM_MARGIN", PLIM__CONFIG_FIGURE, KEY_OF(margin), NULL, true},
    {"memory", "domains", "PLIM_DOMAINS", PLIM__CONFIG_COUNT, KEY_OF(domain_count_max), NULL,
     false},
    {"memory", "verify", "PLIM_VERIFY", PLIM__CONFIG_CHOICE, KEY_OF(verify),
     "default|none|minimal|standard|full|redundant", false},
    {"memory", "watch_every", "PLIM_WATCH_EVERY", PLIM__CONFIG_EVERY, KEY_OF(watch_every), NULL,
     false},
    {"memory", "backing", "PLIM_BACKING", PLIM__CONFIG_CHOICE, KEY_OF(backing),
     "map|fixed|libc|emulated", false},
    {"domain", "limit", NULL, PLIM__CONFIG_BOUND, KEY_OF_DOMAIN(limit), NULL, true},
    {"domain", "minimum", NULL, PLIM__CONFIG_FIGURE, KEY_OF_DOMAIN(minimum), NULL, true},
    {"domain", "maximum", NULL, PLIM__CONFIG_BOUND, KEY_OF_DOMAIN(maximum), NULL, true},
    {"domain", "request_max", NULL, PLIM__CONFIG_BOUND, KEY_OF_DOMAIN(request_max), NULL, true},
    {"domain", "priority", NULL, PLIM__CONFIG_CHOICE, KEY_OF_DOMAIN(priority),
     "normal|low|high|critical", false},
    {"domain", "parent", NULL, PLIM__CONFIG_TEXT, KEY_OF_DOMAIN(parent), NULL, false},
    {"domain", "module", NULL, PLIM__CONFIG_TEXT, KEY_OF_DOMAIN(module), NULL, false},
    {"preload", "mode", "PLIM_MODE", PLIM__CONFIG_CHOICE, KEY_OF(mode), "refuse|report", false},
    {"preload", "modules", "PLIM_MODULES", PLIM__CONFIG_CHOICE, KEY_OF(modules), "no|yes", false},
    {"preload", "report", "PLIM_REPORT", PLIM__CONFIG_TEXT, KEY_OF(report), NULL, false},
    {"preload", "form", "PLIM_REPORT_FORM", PLIM__CONFIG_CHOICE, KEY_OF(form), "text|json", false},
    {"preload", "signal", "PLIM_REPORT_SIGNAL", PLIM__CONFIG_TEXT, KEY_OF(signal),
     "USR1|USR2|HUP|WINCH|URG|PROF", false},
    {"preload", "fatal", "PLIM_REPORT_FATAL", PLIM__CONFIG_CHOICE, KEY_OF(fatal), "no|yes", false},
    {"preload", "sites", "PLIM_SITES", PLIM__CONFIG_CHOICE, KEY_OF(sites),
     "0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16", false},
    {NULL, NULL, NULL, PLIM__CONFIG_TEXT, 0, NULL, false},
};

const plim__config_key *plim__config_key_find(const char *section, const char *name)
{
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
            return key;
    }
    return NULL;
}

const char *plim__config_key_nearest(const char *section, const char *name)
{
    uint32_t best = 3;
    const char *nearest = NULL;
    for (const plim__config_key *key = plim__config_keys; key->name != NULL; key++) {
        uint32_t distance = plim__config_distance(key->name, name);
        if (strcmp(key->section, section) == 0 && distance < best) {
            best = distance;
            nearest = key->name;
        }
    }
    return nearest;
}

const char *plim__config_word(const char *words, uint32_t index, size_t *out_len)
{
    while (words != NULL && index > 0) {
        words = strchr(words, '|');
        words = words != NULL ? words + 1 : NULL;
        index--;
    }
    if (words == NULL || *words == '\0')
        return NULL;
    *out_len = strcspn(words, "|");
    return words;
}
