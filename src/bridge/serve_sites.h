/* SPDX-License-Identifier: MIT */
/**
 * @file serve_sites.h
 * @brief Sites of a region ("function file:line") as functions of sources, numbered once.
 *
 * Thread-safety: one thread at a time.
 */
#ifndef PLIM_BRIDGE_SERVE_SITES_H
#define PLIM_BRIDGE_SERVE_SITES_H
#include <plimsoll/region.h>
#include <plimsoll/serve.h>

#include "base/id_map.h"

enum { PLIM__SITE_TEXT_BYTES = 512 };

/** One site; texts are clean. */
typedef struct plim__site {
    char function[PLIM__SITE_TEXT_BYTES];
    uint32_t source; /* index, or PLIM_NONE */
    uint32_t line;
} plim__site;

typedef struct plim__sites {
    const plim_allocator *allocator;
    plim__id_map numbers; /* text's number in the region -> index of a site */
    plim__site *sites;
    uint32_t site_count, site_capacity;
    char (*sources)[PLIM__SITE_TEXT_BYTES]; /* each name once */
    uint32_t source_count, source_capacity;
} plim__sites;

/** The index of a site by its text's number, met for the first time or not; PLIM_NONE: there is
 *  none, or no memory. */
uint32_t plim__sites_index(plim__sites *sites, const plim_region_view *view, uint32_t number);

/** Frees. */
void plim__sites_fini(plim__sites *sites);

#endif
