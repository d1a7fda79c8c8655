/* SPDX-License-Identifier: MIT */
/*
 * A program to look at: two domains, one near its limit, in a published report; a region in which
 * one type grows and one does not. It turns every 50 ms, until it is killed.
 */
#include <plimsoll/memory.h>
#include <plimsoll/publish.h>
#include <plimsoll/region.h>

#include <stdio.h>
#include <time.h>

PLIM_DOMAIN("net");

enum { LIMIT_BYTES = 1 << 20, BLOCK_BYTES = 1 << 10, NEAR = 990, TURN_NS = 50000000 };

static int failed(const plim_error *err)
{
    fprintf(stderr, "%s\n", err->what);
    return 1;
}

int main(void)
{
    plim_error err = {0};
    plim_domain net, disk;
    plim_domain_options some = {.struct_bytes = sizeof some, .limit_bytes = LIMIT_BYTES};
    plim_region_options place = {.struct_bytes = sizeof place,
                                 .place = PLIM_REGION_MEMFD,
                                 .name = "top-subject",
                                 .object_max = 1 << 16};
    plim_region *region;
    plim_publication *publication;
    uint16_t grows, stays;
    plim_ref ref;
    if (plim_domain_create(NULL, "net", &some, &net, &err) != PLIM_OK ||
        plim_domain_create(NULL, "disk", &some, &disk, &err) != PLIM_OK ||
        plim_region_open(&place, &region, &err) != PLIM_OK ||
        plim_region_type(region, "grows", 64, NULL, 0, &grows, &err) != PLIM_OK ||
        plim_region_type(region, "stays", 64, NULL, 0, &stays, &err) != PLIM_OK ||
        plim_region_allocate(region, stays, NULL, 7, (plim_ref){0, 0}, &ref) != PLIM_OK ||
        plim_publish_start("top-subject", 1 << 16, &publication, &err) != PLIM_OK)
        return failed(&err);
    for (int i = 0; i < NEAR; i++)
        if (plim_alloc_in(net, BLOCK_BYTES) == NULL)
            return 1;
    while (plim_alloc_in(net, BLOCK_BYTES) != NULL)
        continue; /* the one that is refused is counted */
    plim_free(plim_alloc_in(disk, BLOCK_BYTES));
    for (;;) {
        if (plim_region_allocate(region, grows, NULL, 8, (plim_ref){0, 0}, &ref) != PLIM_OK ||
            plim_publish_manager(publication, NULL, &err) != PLIM_OK)
            return failed(&err);
        (void)nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    }
}
