/* SPDX-License-Identifier: MIT */
/* An address stands in one of PLACES_TRIES rows from its home on, the first that was free when it
   came; rows never change again, so whoever finds one needs no lock. */
#include "memory/checks/places.h"

enum { PLACES_TRIES = 16 };

_Atomic(uintptr_t) plim__places[PLIM__PLACES];

uint32_t plim__place_of(const char *site)
{
    uintptr_t address = (uintptr_t)site;
    uint32_t home = plim__place_home(site);
    for (uint32_t i = 0; address != 0 && i < PLACES_TRIES; i++) {
        uint32_t row = (home + i) % PLIM__PLACES;
        uintptr_t there = plim__load_relaxed(&plim__places[row]);
        if (row == 0)
            continue;
        if (there == 0 && plim__cas(&plim__places[row], &there, address))
            return row;
        if (there == address)
            return row;
    }
    return 0;
}

const char *plim__place_site(uint32_t place)
{
    return place < PLIM__PLACES ? (const char *)plim__load_relaxed(&plim__places[place]) : NULL;
}
