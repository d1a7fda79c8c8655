/* SPDX-License-Identifier: MIT */
/*
 * B9 over a whole manager as it ships: whatever is asked for, given back, trimmed or made after the
 * seal, the system is never asked for anything again; what is refused for that says so and is
 * counted; and what was held can be used. The system's side is here and counts: so a request that
 * a statistic forgot is seen as well.
 *
 * parts: manager base
 */
#include <plimsoll/manager.h>
#include <plimsoll/memory.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "platform/backing.h"
#include "sequence.h"

PLIM_DOMAIN("seal");

enum { BLOCKS_MAX = 8, SIZES = 3, PAGE = 4096 };

/* The system: calls that take something from it. */
static unsigned asked;

size_t plim__backing_page(void)
{
    return PAGE;
}

void *plim__backing_reserve(size_t bytes)
{
    asked++;
    void *range = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return range == MAP_FAILED ? NULL : range;
}

void plim__backing_release(void *range, size_t bytes)
{
    (void)munmap(range, bytes);
}

bool plim__backing_commit(void *range, size_t bytes)
{
    (void)range, (void)bytes;
    asked++;
    return true;
}

bool plim__backing_decommit(void *range, size_t bytes)
{
    (void)range, (void)bytes;
    return true;
}

size_t plim__backing_machine_bytes(void)
{
    return 0;
}

void *plim__backing_libc_take(size_t bytes, bool zeroed)
{
    asked++;
    return zeroed ? calloc(1, bytes) : malloc(bytes);
}

void plim__backing_libc_give(void *block)
{
    free(block);
}

static const size_t sizes[SIZES] = {64, 2000, 3 * PAGE};
static plim_manager *manager;
static plim_domain domain;
static void *blocks[BLOCKS_MAX];
static unsigned block_count, asked_at_seal;
static bool is_sealed;
static uint64_t held_at_seal, refusals;

static void start(void)
{
    static const plim_manager_options options = {.struct_bytes = sizeof options,
                                                 .total_bytes = 1 << 20};
    static const plim_domain_options domain_options = {.struct_bytes = sizeof domain_options,
                                                       .limit_bytes = 1 << 19};
    if (plim_manager_create(&options, &manager, NULL) != PLIM_OK ||
        plim_domain_create(manager, "a", &domain_options, &domain, NULL) != PLIM_OK)
        exit(2);
    block_count = 0;
    is_sealed = false;
    refusals = 0;
}

static void end(void)
{
    plim_manager_destroy(&manager);
}

static const char *compare(void)
{
    if (!is_sealed)
        return NULL;
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    if (asked != asked_at_seal)
        return "once sealed, the system is asked for nothing (B9)";
    if (stats.held_bytes > held_at_seal)
        return "once sealed, nothing grows (B9)";
    return stats.refusal_count == refusals ? NULL : "refusals are counted";
}

static const char *apply_take(unsigned size, plim_provider provider)
{
    if (block_count == BLOCKS_MAX)
        return NULL;
    plim_request request = {.domain = domain, .size_bytes = sizes[size], .provider = provider};
    void *block = plim_alloc_as(&request);
    if (block == NULL) {
        refusals++;
        if (!is_sealed)
            return "before the seal there is room for all of it";
        if (plim_refusal_last().reason != PLIM_REFUSAL_SEALED)
            return "a refusal for the seal says so";
        return compare();
    }
    memset(block, 0x5a, sizes[size]);
    blocks[block_count++] = block;
    return compare();
}

static const char *apply_give(void)
{
    if (block_count == 0)
        return NULL;
    plim_free(blocks[--block_count]);
    return compare();
}

static const char *apply_trim(void)
{
    (void)plim_manager_trim(manager);
    return compare();
}

static const char *apply_domain(void)
{
    /* A new domain's records are the manager's: also they must be at hand. */
    plim_domain other;
    static const plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 64};
    if (plim_domain_create(manager, "b", &options, &other, NULL) == PLIM_OK) {
        void *block = plim_alloc_in(other, 64);
        refusals += block == NULL;
        plim_free(block);
        (void)plim_domain_destroy(other, NULL);
    }
    return compare();
}

static const char *apply_seal(void)
{
    if (plim_manager_seal(manager, 0) != PLIM_OK)
        return "without a reserve, sealing does not fail";
    if (!is_sealed) {
        plim_manager_stats stats;
        plim_manager_stats_read(manager, &stats);
        held_at_seal = stats.held_bytes;
        asked_at_seal = asked;
    }
    is_sealed = true;
    return compare();
}

enum { OPERATIONS = SIZES + 5 };

static const char *apply(unsigned operation)
{
    static const char *(*const plain[])(void) = {apply_give, apply_trim, apply_domain, apply_seal};
    if (operation < SIZES)
        return apply_take(operation, PLIM_PROVIDER_AUTO);
    if (operation == SIZES)
        return apply_take(0, PLIM_PROVIDER_LIBC);
    return plain[operation - SIZES - 1]();
}

static void print(unsigned operation)
{
    static const char *const names[OPERATIONS] = {
        "take 64 B", "take 2000 B", "take 3 pages", "take 64 B of libc's",
        "give",      "trim",        "domain",       "seal"};
    fprintf(stderr, "  %s\n", names[operation]);
}

int main(void)
{
    static const sequence_world world = {.name = "seal",
                                         .operation_count = OPERATIONS,
                                         .length = 5,
                                         .start = start,
                                         .end = end,
                                         .apply = apply,
                                         .print = print};
    return sequence(&world);
}
