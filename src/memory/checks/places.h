/* SPDX-License-Identifier: MIT */
/**
 * @file places.h
 * @brief Places in the code as small numbers, so that a block's mark has room for one.
 *
 * A table of the process, by address and never by text, to which entries are added and none is
 * taken away. A place is its row. Row 0 stays empty: it is the place of NULL, and of an address
 * whose part of the table is full.
 */
#ifndef PLIM_MEMORY_PLACES_H
#define PLIM_MEMORY_PLACES_H
#include "memory/atomic.h"
#include "memory/shape.h"

enum {
#ifdef PLIM_BARE
    PLIM__PLACES_LOG2 = 5,
#else
    PLIM__PLACES_LOG2 = 14, /* cc1 has some 3,000 callers of malloc, node 5,000 */
#endif
    PLIM__PLACES = 1 << PLIM__PLACES_LOG2
};

/** Private: the table. */
extern _Atomic(uintptr_t) plim__places[PLIM__PLACES];

/** Where a site (alloc.h) is looked for first. NULL: row 0. */
static inline uint32_t plim__place_home(const char *site)
{
    uintptr_t address = (uintptr_t)site;
    uint32_t folded = (uint32_t)(address ^ address >> (sizeof address * 4));
    return (uint32_t)(folded * 0x9e3779b1u) >> (32 - PLIM__PLACES_LOG2);
}

/** Whether it stands there. */
static inline bool plim__place_is_home(uint32_t home, const char *site)
{
    return plim__load_relaxed(&plim__places[home]) == (uintptr_t)site;
}

/** The number of a site, entered if it is new. Any thread, no lock. */
uint32_t plim__place_of(const char *site);

/** The site of a number; NULL if it is unknown. */
const char *plim__place_site(uint32_t place);

#endif
