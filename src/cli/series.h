/* SPDX-License-Identifier: MIT */
/**
 * @file series.h
 * @brief The small file beside a snapshot that says which series it belongs to.
 *
 * V8 restarts its object ids when the profiler is disabled, so ids compare only between snapshots
 * of one connection. FILE.series says which those are. Files without one are compared by class.
 * A region's births are never given twice, and those of a heap under libplimsoll-malloc not while
 * its process lives: so all that was ever taken of one (snapshots, copies, earlier moments, the
 * running program itself) is one series.
 */
#ifndef PLIM_CLI_SERIES_H
#define PLIM_CLI_SERIES_H
#include "cli/cli.h"
#include "cli/process.h"

enum { PLIM__SERIES_PATH_BYTES = 4096 };

/** What is common to all snapshots of one series. */
typedef struct plim__series {
    char uuid[PLIM__UUID_BYTES];
    const char *runtime;
    const char *version;
    int64_t pid;
} plim__series;

/** Starts a series of a target: a new uuid, or what the target numbers its objects by for good. */
plim_status plim__series_start(plim__series *series, const plim_target_info *info, plim_error *err);

/** Writes PATH.series, mode 0600. */
plim_status plim__series_write(const plim__cli *cli, const plim__series *series, const char *path,
                               uint32_t index, plim_error *err);

/** Whether all these snapshots say that they are of one and the same series. */
bool plim__series_is_one(const char *const *paths, uint32_t count);

/** Whether at least one of them has such a file, but they are not all of one series. */
bool plim__series_differs(const char *const *paths, uint32_t count);

#endif
