/* SPDX-License-Identifier: MIT */
/*
 * The faults that a domain hides from AddressSanitizer, one per run:
 *   domain_overrun map|emulated none|behind|after [ALIGNED]
 * behind: one byte beyond what was asked for. after: a read of a block that was given back. A block
 * of another alignment comes and goes first where a third word is given.
 */
#include <plimsoll/memory.h>

#include <string.h>

static plim_domain domain;
static unsigned char *volatile block; /* no compiler knows what it is */

static int break_rule(const char *fault)
{
    block[99] = 1;
    if (strcmp(fault, "behind") == 0)
        block[100] = 1;
    unsigned char *volatile last = block;
    plim_free(block);
    return strcmp(fault, "after") == 0 && last[0] == 77 ? 5 : 0;
}

static int other_block(void)
{
    plim_request request = {.size_bytes = 100, .align_bytes = 64, .domain = domain};
    void *other = plim_alloc_as(&request);
    plim_free(other);
    return other != NULL ? 0 : 6;
}

int main(int argc, char **argv)
{
    plim_manager *manager = NULL;
    if (argc < 3)
        return 2;
    bool is_emulated = strcmp(argv[1], "emulated") == 0;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 16 << 20};
    options.backing = is_emulated ? PLIM_BACKING_EMULATED : PLIM_BACKING_MAP;
    plim_domain_options bounds = {.struct_bytes = sizeof bounds, .limit_bytes = 1 << 20};
    if (plim_manager_create(&options, &manager, NULL) != PLIM_OK ||
        plim_domain_create(manager, "overrun", &bounds, &domain, NULL) != PLIM_OK)
        return 3;
    int status = argc > 3 ? other_block() : 0;
    block = plim_alloc_in(domain, 2 << 20); /* the budget is the same */
    if (block != NULL || plim_refusal_last().reason != PLIM_REFUSAL_BUDGET)
        return 4;
    block = plim_alloc_in(domain, 100);
    if (block != NULL)
        block = plim_resize(block, 100);
    if (block == NULL || status != 0)
        return 4;
    status = break_rule(argv[2]);
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    plim_manager_destroy(&manager);
    return stats.used_bytes != 0 ? 7 : status;
}
