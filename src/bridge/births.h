/* SPDX-License-Identifier: MIT */
/**
 * @file births.h
 * @brief A sampling by two looks: what was made between them and is there at the second, by site.
 *
 * Births only rise, so the first look keeps one number, the highest; nothing is put into the
 * program and nothing is guessed: each object counts with its bytes. What was made and given back
 * in between is not seen.
 */
#ifndef PLIM_BRIDGE_BIRTHS_H
#define PLIM_BRIDGE_BIRTHS_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>
#include <plimsoll/stream.h>

#include "base/id_map.h"

/** What one site made. */
typedef struct plim__births_row {
    uint32_t site;
    uint64_t count, bytes;
} plim__births_row;

/** All zero but the allocator; ended by plim__births_fini(). */
typedef struct plim__births {
    const plim_allocator *allocator;
    plim__id_map rows_by_site;
    plim__births_row *rows;
    uint32_t row_count, row_capacity;
} plim__births;

/** Counts one object. */
PLIM_NODISCARD plim_status plim__births_add(plim__births *births, uint32_t site, uint64_t bytes,
                                            plim_error *err);

/** "function file:line" of a site, clean, or a function alone; lives until the next call. */
typedef const char *plim__births_name(void *ctx, uint32_t site);

/** Writes it as `.heapprofile`: a node below the root for each site. */
PLIM_NODISCARD plim_status plim__births_write(const plim__births *births, plim__births_name *name,
                                              void *ctx, plim_sink sink, plim_error *err);

/** Frees. */
void plim__births_fini(plim__births *births);

#endif
