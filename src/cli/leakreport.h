/* SPDX-License-Identifier: MIT */
/**
 * @file leakreport.h
 * @brief Snapshots judged: read, searched for leaks, and the answer shown.
 */
#ifndef PLIM_CLI_LEAKREPORT_H
#define PLIM_CLI_LEAKREPORT_H
#include "cli/cli.h"

/** Snapshot files to judge, oldest first. */
typedef struct plim__leak_files {
    const char *const *paths;
    uint32_t count;
    bool one_series; /* ids compare */
    bool kept;       /* they stay, so they can be named; else only where they show a leak */
    bool reloaded;   /* each is of a page loaded anew: its ids are new ones */
} plim__leak_files;

/**
 * Judges and shows. Sets the finding of the command where there is a leak; *out_count is how many.
 */
plim_status plim__leaks_report(plim__cli *cli, const plim__leak_files *files, uint32_t *out_count,
                               plim_error *err);

#endif
