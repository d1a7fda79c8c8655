/* SPDX-License-Identifier: MIT */
/**
 * @file sites.h
 * @brief Refusals counted by domain and place in the code: a table of fixed size, for the report.
 */
#ifndef PLIM_MEMORY_SITES_H
#define PLIM_MEMORY_SITES_H
#include <plimsoll/domain.h>

#include "memory/atomic.h"
#include "memory/shape.h"

/** One row; read only while state is 2. Two threads that make the same row at once leave two. */
typedef struct plim__site {
    _Atomic uint32_t state; /* 0 free, 1 being written, 2 there */
    plim_domain domain;     /* may have gone since */
    const char *site;       /* never NULL; "" unknown */
    plim__count count;
} plim__site;

typedef struct plim__sites {
    plim__site rows[PLIM__SITES_MAX];
    plim__count elsewhere; /* refusals for which there was no row left */
} plim__sites;

/** All rows free; nobody else uses it yet. */
void plim__sites_init(plim__sites *sites);

/** One more refusal; site is in static storage (it is kept), NULL for unknown. */
void plim__sites_add(plim__sites *sites, plim_domain domain, const char *site);

#endif
