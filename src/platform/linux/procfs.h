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

#include <dirent.h>
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

/** A process's open descriptors, one after the other: PLIM_DESCRIPTORS_MAX of them at most. */
typedef struct plim__descriptors {
    DIR *directory;
    int fd; /* of the directory: what openat(), readlinkat() and fstatat() want beside a name */
    uint32_t seen;
} plim__descriptors;

plim_status plim__descriptors_open(plim__descriptors *all, int64_t pid);
/** The name of the next one, valid until the next call; NULL: there are no more. */
const char *plim__descriptors_next(plim__descriptors *all);
/** What its link says, NUL-terminated, cut to `cap` (> 0); "" if it cannot be read. */
void plim__descriptors_target(const plim__descriptors *all, const char *name, char *out_text,
                              size_t cap);
void plim__descriptors_close(plim__descriptors *all);

/** The text after `key` and blanks if the line begins with it, else NULL. */
const char *plim__procfs_value(const char *line, const char *key);

/** Digits of the given base at *text, which moves past them; false if none or too large. */
bool plim__procfs_number(const char **text, unsigned base, uint64_t *out_number);

#endif
