/* SPDX-License-Identifier: MIT */
/**
 * @file region_find.h
 * @brief Opening a region by what a user writes for it.
 */
#ifndef PLIM_BRIDGE_REGION_FIND_H
#define PLIM_BRIDGE_REGION_FIND_H
#include <plimsoll/bridge.h>

#include "inspect/target.h"

/**
 * Opens PATH, PATH#at:-N or PATH#cut; out_path is PATH, set on PLIM_OK. PLIM_ERR_USAGE: no such
 * moment, or the path is too long; else as plim_region_view_open(), _open_at() and _open_cut().
 */
PLIM_NODISCARD plim_status plim__region_find_open(const char *text, const plim_allocator *allocator,
                                                  char out_path[PLIM__PATH_BYTES],
                                                  plim_region_view **out_view, plim_error *err);

/** The last part of a path; borrowed from it. */
const char *plim__region_short_name(const char *path);

#endif
