/* SPDX-License-Identifier: MIT */
/* Fingerprints of a manager: one row per domain, from the figures that anybody can read. */
#include <plimsoll/fingerprint.h>

#include <string.h>

#include "memory/budgets/domain.h"

_Static_assert((int)PLIM_FINGERPRINT_NAME_BYTES == (int)PLIM_DOMAIN_NAME_BYTES, "a name fits");

void plim_fingerprint_add_manager(plim_fingerprint *fingerprint, plim_manager *manager)
{
    plim__bank *bank = plim__manager_bank(manager);
    if (bank == NULL)
        return; /* the default manager could not be made: it holds nothing */
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim_domain_stats stats;
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain == NULL ||
            plim_domain_stats_read(plim__domain_handle(domain), &stats) != PLIM_OK)
            continue;
        plim_fingerprint_row row = {
            .kind = "blocks", .count = stats.allocation_count, .bytes = stats.used_bytes};
        memcpy(row.owner, stats.name, sizeof row.owner);
        plim_fingerprint_add(fingerprint, &row);
    }
}
