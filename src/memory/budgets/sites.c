/* SPDX-License-Identifier: MIT */
/* Refusals by site: rows are found by walking from a start that the key gives, never removed. */
#include "memory/budgets/sites.h"

void plim__sites_init(plim__sites *sites)
{
    for (size_t i = 0; i < PLIM__SITES_MAX; i++) {
        plim__store_relaxed(&sites->rows[i].state, 0);
        plim__store_relaxed(&sites->rows[i].count, 0);
    }
    plim__store_relaxed(&sites->elsewhere, 0);
}

/* The row is the key's, now: it was, or was free and has been made so. */
static bool site_is_mine(plim__site *row, plim_domain domain, const char *site)
{
    uint32_t state = plim__load(&row->state);
    if (state == 0 && plim__cas(&row->state, &state, 1)) {
        row->domain = domain;
        row->site = site;
        plim__store(&row->state, 2);
        return true;
    }
    return state == 2 && row->domain.id == domain.id && row->site == site;
}

void plim__sites_add(plim__sites *sites, plim_domain domain, const char *site)
{
    const char *known = site != NULL ? site : "";
    size_t start = ((uintptr_t)known / 8 + (size_t)domain.id * 7) % PLIM__SITES_MAX;
    for (size_t step = 0; step < PLIM__SITES_MAX; step++) {
        plim__site *row = &sites->rows[(start + step) % PLIM__SITES_MAX];
        if (!site_is_mine(row, domain, known))
            continue;
        (void)plim__add_relaxed(&row->count, 1);
        return;
    }
    (void)plim__add_relaxed(&sites->elsewhere, 1);
}
