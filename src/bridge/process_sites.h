/* SPDX-License-Identifier: MIT */
/**
 * @file process_sites.h
 * @brief Names for places in another process: allocation sites, variables; by symbols and DWARF.
 *
 * Names are kept for as long as the process is looked at: a site keeps the name it was first given,
 * so blocks keep their class from snapshot to snapshot.
 */
#ifndef PLIM_BRIDGE_PROCESS_SITES_H
#define PLIM_BRIDGE_PROCESS_SITES_H
#include <stdbool.h>

#include "bridge/process_heap.h"

enum { PLIM__SITE_NAME_BYTES = 160 };

typedef struct plim__process_sites plim__process_sites;

/** Reads which files the process has mapped. Ended by plim__process_sites_destroy(). */
PLIM_NODISCARD plim_status plim__process_sites_create(int64_t pid, const plim_allocator *allocator,
                                                      plim__process_sites **out_sites,
                                                      plim_error *err);

/** Reads stacks that are new, and names them. */
PLIM_NODISCARD plim_status plim__process_sites_read(plim__process_sites *sites,
                                                    const plim__peer *peer,
                                                    const plim__heap_map *map, plim_error *err);

/** The name of a site, in static or the sites' storage; never NULL. */
const char *plim__process_site_name(const plim__process_sites *sites, uint32_t site);

/** The variable at an address, "name" or "name+0x10", or "+0x…" in the module; bytes written. near:
 *  an address in the module's file, for what it has zeroed lies behind that. */
size_t plim__process_variable(const plim__process_sites *sites, uint64_t address, uint64_t near,
                              char *out, size_t cap);

/** What one return address belongs to; texts are clean. */
typedef struct plim__process_place {
    char function[PLIM__SITE_NAME_BYTES]; /* or MODULE+OFFSET */
    char file[96];                        /* without its folder; "": unknown */
    uint32_t line;                        /* 0: unknown */
    bool is_library;                      /* of libplimsoll, as a shared library */
} plim__process_place;

/** Names a return address; sites NULL: by its number. */
void plim__process_place_of(const plim__process_sites *sites, uint64_t address,
                            plim__process_place *out_place);

void plim__process_sites_destroy(plim__process_sites **sites);

#endif
