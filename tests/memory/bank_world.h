/* SPDX-License-Identifier: MIT */
/* A bank on the stack, without an engine: what tests of budgets, loans and schedules share. */
#ifndef PLIM_TEST_BANK_WORLD_H
#define PLIM_TEST_BANK_WORLD_H
#include <string.h>

#include "memory/budgets/lend.h"

enum { WORLD_DOMAINS = 8 };

typedef struct bank_world {
    plim__bank bank;
    plim__share shares[WORLD_DOMAINS * WORLD_DOMAINS];
} bank_world;

static inline void world_init(bank_world *world, size_t total, const plim__bank_engine *engine)
{
    plim__bank_init(&world->bank, total, WORLD_DOMAINS, world->shares, engine);
}

/* A domain of the world with a limit; none (id 0) if that was refused. */
static inline plim_domain world_domain(bank_world *world, const char *name, size_t limit,
                                       plim_domain parent)
{
    plim_domain domain = {0};
    plim_domain_options options = {
        .struct_bytes = sizeof options, .limit_bytes = limit, .parent = parent};
    if (plim__domain_create(&world->bank, name, &options, &domain, NULL) != PLIM_OK)
        domain.id = 0;
    return domain;
}

static inline plim__budget *world_budget(plim_domain domain)
{
    return &plim__domain_of(domain)->budget;
}

#endif
