/* SPDX-License-Identifier: MIT */
/**
 * @file program.h
 * @brief The regions that a process holds, found from outside; runs no code in it.
 */
#ifndef PLIM_BRIDGE_PROGRAM_H
#define PLIM_BRIDGE_PROGRAM_H
#include <plimsoll/error.h>

#include "platform/process.h"

enum { PLIM__PROGRAM_REGIONS_MAX = 64 /* of one process; a program has one, perhaps a few */ };

typedef struct plim__program_region {
    plim__held_file file; /* name is the region's own, for a file what follows the last slash */
    uint64_t writer_pid;  /* as the region says; 0: nobody */
} plim__program_region;

/** Those of a process, each once. PLIM_ERR_NOT_FOUND, PLIM_ERR_ACCESS with words. */
PLIM_NODISCARD plim_status
plim__program_regions(int64_t pid, plim__program_region out[PLIM__PROGRAM_REGIONS_MAX],
                      uint32_t *out_count, plim_error *err);

/** The one region of a process; UNSUPPORTED if it has none, USAGE if several. */
PLIM_NODISCARD plim_status plim__program_region_only(int64_t pid, plim__program_region *out_region,
                                                     plim_error *err);

/** Makes of a file's name the region's own: without the prefix of memory, without its folder. */
void plim__program_short_name(plim__held_file *file);

/** The process that a path such as /proc/4242/fd/5 is about; 0: none. */
int64_t plim__program_of_path(const char *path);

#endif
