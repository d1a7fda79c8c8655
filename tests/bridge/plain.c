/* SPDX-License-Identifier: MIT */
/*
 * A program without a region: plain domains, and one call that shows it. Prints its address; then
 * answers each line with "ready":
 *     grow N   N blocks more of each site; of what `passing` makes nothing is kept
 */
#include <plimsoll/manager.h>
#include <plimsoll/memory.h>
#include <plimsoll/serve_region.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))

static void **held;
static size_t held_count;

APART static void keep(void *block)
{
    void **grown = realloc(held, (held_count + 1) * sizeof *held);
    if (grown == NULL || block == NULL)
        abort();
    held = grown;
    held[held_count++] = block;
}

APART static void hot_orders(plim_domain orders)
{
    keep(plim_alloc_in(orders, 900));
}

APART static void cold_names(plim_domain names)
{
    keep(plim_alloc_in(names, 60));
}

APART static void passing(plim_domain names)
{
    void *block = plim_alloc_in(names, 2000);
    memset(block, 1, 2000);
    plim_free(block);
}

static plim_domain domain_new(const char *name)
{
    plim_domain domain;
    const plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 256 << 20};
    if (plim_domain_create(plim_manager_default(), name, &options, &domain, NULL) != PLIM_OK)
        abort();
    return domain;
}

int main(void)
{
    plim_error err = {0};
    plim_serving *serving = NULL;
    plim_domain orders = domain_new("orders");
    plim_domain names = domain_new("names");
    char line[64];
    if (plim_serve(NULL, &serving, &err) != PLIM_OK) {
        (void)fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    (void)printf("%s\n", plim_serve_address(serving));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        long count = strncmp(line, "grow ", 5) == 0 ? strtol(line + 5, NULL, 10) : 0;
        for (long i = 0; i < count; i++) {
            hot_orders(orders);
            cold_names(names);
            passing(names);
        }
        (void)printf("ready\n");
        (void)fflush(stdout);
    }
    plim_serve_end(&serving);
    for (size_t i = 0; i < held_count; i++)
        plim_free(held[i]);
    free(held);
    return 0;
}
