/* SPDX-License-Identifier: MIT */
/**
 * @file scratch.h
 * @brief Contract: folders of our own, with whatever others put in, and copies of descriptors.
 *
 * Threads: any.
 */
#ifndef PLIM_PLATFORM_SCRATCH_H
#define PLIM_PLATFORM_SCRATCH_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

/** Makes a new folder for us alone among the temporary ones, PREFIX-PID-XXXXXX. Post: its path;
    LIMIT where `cap` is too small, or why it cannot be made. */
plim_status plim__scratch_make(const char *prefix, char *out_path, size_t cap, plim_error *err);

/** Removes those of our folders whose makers were killed before they could. */
void plim__scratch_sweep(const char *prefix);

/** Removes a folder with all that is in it, as far as it can; links are removed, not followed. */
void plim__scratch_remove(const char *path);

/** Whether somebody has put a file or socket of that name into a folder. */
bool plim__scratch_has(const char *path, const char *name);

/** Another descriptor of the same open file, which no program we start inherits; -1: there is none
    of that number. */
int plim__descriptor_copy(int descriptor);

/** Closes one that was copied. */
void plim__descriptor_close(int descriptor);

#endif
