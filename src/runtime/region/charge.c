/* SPDX-License-Identifier: MIT */
/*
 * What a region's objects are charged to. A slot and the room of its value are charged when they
 * are found for a type, and stay so while the type keeps them for its next object: so making and
 * ending objects costs nothing here. Bytes are drawn in steps, exactly where a step is refused.
 * After an open or a way back what lives is charged anew.
 *
 * Invariants: C1 charged_bytes is what the domain has booked for us; 0 after close.
 * C2 occupied_bytes is the sum over slots that live, wait to be told of, or are kept by a type.
 */
#include "memory/user/outside.h"
#include "runtime/region/region.h"

enum { CHARGE_STEP = 4096, CHARGE_IDLE_MAX = 1 << 16 };

static const char CHARGE_SITE[] = "plim_region";

static uint64_t charge_step_up(uint64_t bytes)
{
    return (bytes + CHARGE_STEP - 1) / CHARGE_STEP * CHARGE_STEP;
}

static plim_status charge_to(plim_region *region, uint64_t bytes)
{
    plim_status status = plim__outside_resize(region->domain, (size_t)region->charged_bytes,
                                              (size_t)bytes, CHARGE_SITE);
    if (status == PLIM_OK)
        region->charged_bytes = bytes;
    return status;
}

plim_status plim__charge(plim_region *region, uint64_t bytes)
{
    uint64_t wanted = region->occupied_bytes + bytes;
    plim_status status = PLIM_OK;
    if (region->domain.id != 0 && wanted > region->charged_bytes) {
        uint64_t step = charge_step_up(wanted);
        status = charge_to(region, step);
        if (status == PLIM_ERR_BUDGET && step != wanted)
            status = charge_to(region, wanted);
    }
    if (status == PLIM_OK)
        region->occupied_bytes = wanted;
    return status;
}

void plim__refund(plim_region *region, uint64_t bytes)
{
    region->occupied_bytes -= bytes;
    if (region->domain.id == 0 || region->charged_bytes < region->occupied_bytes + CHARGE_IDLE_MAX)
        return;
    plim_status status = charge_to(region, charge_step_up(region->occupied_bytes));
    (void)status; /* a domain that has ended has nothing to be given back */
}

plim_status plim__charge_anew(plim_region *region)
{
    uint64_t occupied = 0;
    for (uint32_t i = 0; i < region->kind_count; i++)
        occupied += plim__kind_bytes(&region->kinds[i]) * region->kinds[i].live_count;
    region->occupied_bytes = occupied;
    return region->domain.id == 0 || occupied == region->charged_bytes
               ? PLIM_OK
               : charge_to(region, occupied);
}

void plim__charge_end(plim_region *region)
{
    plim_status status = region->charged_bytes != 0 ? charge_to(region, 0) : PLIM_OK;
    (void)status;
}
