/* SPDX-License-Identifier: MIT */
/**
 * @file procfs.h
 * @brief Reading the text files of /proc and of control groups, for the files beside this one.
 *
 * Lines have a bound: a longer one is cut and the rest of it skipped, so no content makes a reader
 * need memory, and none makes it lose its place.
 */
#ifndef PLIM_PLATFORM_LINUX_PROCFS_H
#define PLIM_PLATFORM_LINUX_PROCFS_H
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/** A file read line by line. */
typedef struct plim__lines {
    int fd;
    size_t from;
    size_t to;
    bool at_end;
    bool is_cut; /* the line given last goes on; the rest is skipped */
    char buffer[PLIM_PROC_LINE_BYTES + 1];
} plim__lines;

/** Where answers come from; see plim__process_set_root(). */
const char *plim__procfs_root(void);

/** What a failed system call on a process means. */
plim_status plim__procfs_status(int error_number);

/** Opens ROOT/proc/PID/name (or ROOT/proc/name for pid 0) or the file `name` where it starts with
    a slash, below ROOT. -1 with errno set if it cannot be. */
int plim__procfs_open(int64_t pid, const char *name, int flags);

/** Reads as much as fits, NUL-terminated. Pre: cap > 0. */
plim_status plim__procfs_read(int64_t pid, const char *name, char *out_text, size_t cap,
                              size_t *out_len);

plim_status plim__lines_open(plim__lines *lines, int64_t pid, const char *name);
/** The next line without its end, valid until the next call; NULL at the end of the file. */
char *plim__lines_next(plim__lines *lines);
void plim__lines_close(plim__lines *lines);

/** The text after `key` and blanks if the line begins with it, else NULL. */
const char *plim__procfs_value(const char *line, const char *key);

/** Digits of the given base at *text, which moves past them; false if none or too large. */
bool plim__procfs_number(const char **text, unsigned base, uint64_t *out_number);

#endif
