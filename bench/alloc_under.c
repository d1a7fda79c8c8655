/* SPDX-License-Identifier: MIT */
/* What each interface needs before the first block: nothing, or a domain with its limit. */
#include "alloc_under.h"

#include <stdlib.h>
#include <string.h>

#include "alloc_tools.h"

#if defined(BENCH_APR)
#include <apr_general.h>
#endif

#if defined(BENCH_PLIM)
#include <plimsoll/domain.h>
#include <plimsoll/manager.h>

plim_domain bench_domain;

static plim_verify under_level(void)
{
    static const char *const names[] = {"", "none", "minimal", "standard", "full", "redundant"};
    const char *wanted = getenv("BENCH_LEVEL");
    for (int i = 1; wanted != NULL && i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(wanted, names[i]) == 0)
            return (plim_verify)i;
    }
    return PLIM_VERIFY_MINIMAL;
}

void bench_under_start(void)
{
    const plim_manager_options manager_options = {
        .struct_bytes = sizeof manager_options,
        .total_bytes = (size_t)4 << 30,
        .overhead_bytes = (size_t)2 << 30,
        .verify = under_level(),
    };
    const plim_domain_options domain_options = {
        .struct_bytes = sizeof domain_options,
        .limit_bytes = (size_t)3 << 30,
    };
    plim_manager *manager = NULL;
    plim_error err = {0};
    if (plim_manager_create(&manager_options, &manager, &err) != PLIM_OK ||
        plim_manager_default_set(manager) != PLIM_OK ||
        plim_domain_create(manager, "bench", &domain_options, &bench_domain, &err) != PLIM_OK)
        bench_die("no manager:", err.what);
}

const char *bench_under_check(void)
{
    plim_domain_stats stats;
    plim_manager_stats held;
    (void)plim_manager_trim(plim_manager_default());
    plim_manager_stats_read(plim_manager_default(), &held);
    if (held.held_bytes != held.used_bytes + held.cached_bytes + held.slack_bytes +
                               held.free_bytes + held.tables_bytes)
        return "what is held is not the sum of its parts";
    if (plim_domain_stats_read(bench_domain, &stats) != PLIM_OK)
        return "the domain is gone";
#if !defined(BENCH_UNCHARGED)
    if (stats.used_bytes != 0 || stats.cached_bytes != 0)
        return "bytes are still charged when all blocks are back";
    if (stats.high_water_bytes == 0)
        return "nothing was ever charged";
#endif
    return NULL;
}

#else

void bench_under_start(void)
{
#if defined(BENCH_APR)
    if (apr_initialize() != APR_SUCCESS)
        bench_die("no", "APR");
#endif
}

const char *bench_under_check(void)
{
    return NULL;
}
#endif
