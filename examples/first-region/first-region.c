// SPDX-License-Identifier: MIT
#include <plimsoll/reference.h>

#include <inttypes.h>
#include <stdio.h>

struct visit {
    uint64_t number;
    plim_ref before; /* the visit before this one */
};

static const plim_field fields[] = {PLIM_FIELD(struct visit, number, PLIM_FIELD_UINT),
                                    PLIM_FIELD(struct visit, before, PLIM_FIELD_REF)};

int main(void)
{
    plim_region_options options = {.struct_bytes = sizeof options, .name = "visits.state"};
    plim_error err = {0};
    plim_region *region;
    uint16_t type;
    if (plim_region_open(&options, &region, &err) != PLIM_OK ||
        plim_region_type(region, "visit", sizeof(struct visit), fields, 2, &type, &err) !=
            PLIM_OK) {
        fprintf(stderr, "%s: %s %s\n", err.where, err.what, err.hint);
        return 1;
    }
    struct visit now = {.number = 1};
    plim_search all = {.struct_bytes = sizeof all, .by = PLIM_BY_TYPE, .type = type};
    plim_region_object object;
    for (uint32_t at = 0; plim_region_search(region, &all, &at, &object);) {
        struct visit seen;
        if (plim_region_get(region, object.ref, &seen, sizeof seen) == PLIM_OK &&
            seen.number >= now.number)
            now = (struct visit){seen.number + 1, object.ref};
    }
    plim_ref ref, alone = {0};
    plim_status status = plim_region_allocate(region, type, &now, 0, alone, &ref);
    printf("visit %" PRIu64 "\n", now.number);
    plim_region_close(&region);
    return status != PLIM_OK;
}
