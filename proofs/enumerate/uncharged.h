/* SPDX-License-Identifier: MIT */
/**
 * @file uncharged.h
 * @brief Regions of programs here are charged to no domain and asked for no cut: both have tests
 *        of their own, and neither changes which objects live.
 */
#ifndef PLIM_PROOFS_UNCHARGED_H
#define PLIM_PROOFS_UNCHARGED_H
#include "runtime/region/region.h"

plim_status plim__charge(plim_region *region, uint64_t bytes)
{
    (void)region, (void)bytes;
    return PLIM_OK;
}

void plim__refund(plim_region *region, uint64_t bytes)
{
    (void)region, (void)bytes;
}

plim_status plim__charge_anew(plim_region *region)
{
    (void)region;
    return PLIM_OK;
}

void plim__charge_end(plim_region *region)
{
    (void)region;
}

void plim__cut_close(plim_region *region)
{
    (void)region;
}

#endif
