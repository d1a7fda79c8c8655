/* SPDX-License-Identifier: MIT */
/**
 * @file profile.h
 * @brief Profiles of allocations in the command: read from text and files, shown, written.
 */
#ifndef PLIM_CLI_PROFILE_H
#define PLIM_CLI_PROFILE_H
#include <plimsoll/profile.h>

#include "cli/cli.h"

/** A profile of what a sampler gave as text; --include-collected and interval say what it is. */
plim_status plim__profile_take(plim__cli *cli, plim_text text, uint64_t interval_bytes,
                               plim_profile **out_profile, plim_error *err);

/** A profile of a file: a .heapprofile, or a timeline or snapshot with stacks. */
plim_status plim__profile_open(plim__cli *cli, const char *path, plim_profile **out_profile,
                               plim_error *err);

/** Whether a file begins as a .heapprofile does; what cannot be looked at first (-) does not. */
bool plim__profile_is_file(plim__cli *cli, const char *path);

/** The functions as a table, and on a terminal a flame graph in text below it. */
plim_status plim__profile_show(plim__cli *cli, const plim_profile *profile, plim_error *err);

/** What to write a profile as, by --format or else by the name; UNKNOWN: neither says. */
plim_profile_form plim__profile_form(const plim__cli *cli, const char *path);

/** Whether --format asks for a .heapsnapshot. */
bool plim__profile_wants_snapshot(const plim__cli *cli);

/** Writes one to a file, compressed by its name; pprof's always, unless the name ends in .pb. */
plim_status plim__profile_save(plim__cli *cli, const plim_profile *profile, plim_profile_form form,
                               const char *path, const plim_profile_write_options *about,
                               uint64_t *out_bytes, plim_error *err);

#endif
