/* SPDX-License-Identifier: MIT */
/**
 * @file flame.h
 * @brief A flame graph in text: as wide as the terminal, of bounded depth.
 */
#ifndef PLIM_CLI_FLAME_H
#define PLIM_CLI_FLAME_H
#include <plimsoll/profile.h>

#include "cli/cli.h"

/** Draws the main measure, callers above what they call. */
plim_status plim__flame_show(plim__cli *cli, const plim_profile *profile, plim_error *err);

#endif
