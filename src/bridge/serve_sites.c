/* SPDX-License-Identifier: MIT */
/*
 * "function file:line", as plim_region_intern() keeps it: the last blank parts function and place,
 * the last colon file and line. What is written otherwise is a function without a place.
 */
#include "bridge/serve_sites.h"

#include <string.h>

#include "base/allocator.h"
#include "base/text.h"
#include "bridge/clean_text.h"

enum { SITES_MAX = 1 << 16, SITES_FIRST = 64 };

static bool site_table_room(plim__sites *sites, void *array_ptr, uint32_t count, uint32_t *capacity,
                            size_t element_bytes)
{
    void *array = NULL;
    memcpy(&array, array_ptr, sizeof array);
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity == 0 ? SITES_FIRST : *capacity * 2;
    void *grown = plim__array_resize(sites->allocator, array, *capacity, wanted, element_bytes);
    if (grown == NULL)
        return false;
    memcpy(array_ptr, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

static uint32_t sites_source(plim__sites *sites, const char *name)
{
    for (uint32_t i = 0; i < sites->source_count; i++) {
        if (strcmp(sites->sources[i], name) == 0)
            return i;
    }
    if (!site_table_room(sites, &sites->sources, sites->source_count, &sites->source_capacity,
                         sizeof *sites->sources))
        return PLIM_NONE;
    memcpy(sites->sources[sites->source_count], name, strlen(name) + 1);
    return sites->source_count++;
}

/* Digits up to the end; 0: there is something else. */
static uint32_t site_line_of(const char *text)
{
    uint32_t line = 0;
    for (; *text >= '0' && *text <= '9' && line < 100000000; text++)
        line = line * 10 + (uint32_t)(*text - '0');
    return *text == '\0' ? line : 0;
}

static void sites_read(plim__sites *sites, char *text, plim__site *out)
{
    *out = (plim__site){.source = PLIM_NONE};
    char *place = strrchr(text, ' ');
    char *colon = place == NULL ? NULL : strrchr(place, ':');
    if (colon != NULL && colon > place + 1 && site_line_of(colon + 1) > 0) {
        out->line = site_line_of(colon + 1);
        *colon = '\0';
        *place = '\0';
        out->source = sites_source(sites, place + 1);
    }
    memcpy(out->function, text, strlen(text) + 1);
}

uint32_t plim__sites_index(plim__sites *sites, const plim_region_view *view, uint32_t number)
{
    char clean[PLIM__SITE_TEXT_BYTES];
    const char *text = number == 0 ? NULL : plim_region_view_text(view, number);
    uint32_t index = plim__id_map_find(&sites->numbers, number);
    if (text == NULL || index != UINT32_MAX)
        return text == NULL ? PLIM_NONE : index;
    if (sites->site_count >= SITES_MAX ||
        !site_table_room(sites, &sites->sites, sites->site_count, &sites->site_capacity,
                         sizeof *sites->sites))
        return PLIM_NONE;
    size_t length =
        plim__clean_text(clean, sizeof clean - 1, text, plim__text_length(text, sizeof clean - 1));
    clean[length] = '\0';
    sites_read(sites, clean, &sites->sites[sites->site_count]);
    if (!plim__id_map_add(&sites->numbers, number, sites->site_count))
        return PLIM_NONE;
    return sites->site_count++;
}

void plim__sites_fini(plim__sites *sites)
{
    plim__id_map_fini(&sites->numbers);
    plim__array_free(sites->allocator, sites->sites, sites->site_capacity, sizeof *sites->sites);
    plim__array_free(sites->allocator, sites->sources, sites->source_capacity,
                     sizeof *sites->sources);
}
