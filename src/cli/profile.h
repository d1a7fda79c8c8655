/* SPDX-License-Identifier: MIT */
/**
 * @file profile.h
 * @brief A sampling heap profile (`.heapprofile`) made into a table of the top allocators.
 */
#ifndef PLIM_CLI_PROFILE_H
#define PLIM_CLI_PROFILE_H
#include "cli/cli.h"

/** Shows which functions allocated what still lives; text is the profile's JSON. */
plim_status plim__profile_show(plim__cli *cli, plim_text text, plim_error *err);

#endif
