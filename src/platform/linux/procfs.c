/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "platform/linux/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/process.h"

/* Written by a test before it begins, read-only afterwards. */
static const char *procfs_root = "";

void plim__process_set_root(const char *root)
{
    PLIM_CHECK(root != NULL);
    procfs_root = root;
}

const char *plim__procfs_root(void)
{
    return procfs_root;
}

plim_status plim__procfs_status(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ESRCH:
    case ENOTDIR:
        return PLIM_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return PLIM_ERR_ACCESS;
    case ENOSYS:
        return PLIM_ERR_UNSUPPORTED;
    default:
        return PLIM_ERR_IO;
    }
}

int plim__procfs_open(int64_t pid, const char *name, int flags)
{
    char path[PATH_MAX];
    int wanted;
    if (name[0] == '/')
        wanted = snprintf(path, sizeof path, "%s%s", procfs_root, name);
    else if (pid == 0)
        wanted = snprintf(path, sizeof path, "%s/proc/%s", procfs_root, name);
    else
        wanted = snprintf(path, sizeof path, "%s/proc/%" PRId64 "/%s", procfs_root, pid, name);
    if (wanted < 0 || wanted >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC);
}

/* read(2) that a signal does not cut short. */
static ssize_t procfs_pull(int fd, char *buffer, size_t cap)
{
    ssize_t got;
    do
        got = read(fd, buffer, cap);
    while (got < 0 && errno == EINTR);
    return got;
}

plim_status plim__procfs_read(int64_t pid, const char *name, char *out_text, size_t cap,
                              size_t *out_len)
{
    PLIM_CHECK(cap > 0);
    int fd = plim__procfs_open(pid, name, O_RDONLY);
    if (fd < 0)
        return plim__procfs_status(errno);
    size_t len = 0;
    ssize_t got = 1;
    while (len < cap - 1 && got > 0) {
        got = procfs_pull(fd, out_text + len, cap - 1 - len);
        if (got > 0)
            len += (size_t)got;
    }
    plim_status status = got < 0 ? plim__procfs_status(errno) : PLIM_OK;
    (void)close(fd);
    out_text[len] = '\0';
    *out_len = len;
    return status;
}

plim_status plim__lines_open(plim__lines *lines, int64_t pid, const char *name)
{
    lines->from = 0;
    lines->to = 0;
    lines->at_end = false;
    lines->is_cut = false;
    lines->fd = plim__procfs_open(pid, name, O_RDONLY);
    return lines->fd < 0 ? plim__procfs_status(errno) : PLIM_OK;
}

/* Moves what is left to the front and reads more behind it. */
static void lines_fill(plim__lines *lines)
{
    memmove(lines->buffer, lines->buffer + lines->from, lines->to - lines->from);
    lines->to -= lines->from;
    lines->from = 0;
    ssize_t got =
        procfs_pull(lines->fd, lines->buffer + lines->to, PLIM_PROC_LINE_BYTES - lines->to);
    if (got > 0)
        lines->to += (size_t)got;
    else
        lines->at_end = true;
}

/* Drops the rest of a line that was cut; at its end, or the file's, the place is right again. */
static void lines_skip_rest(plim__lines *lines)
{
    bool found = false;
    while (!found && !lines->at_end) {
        lines->from = lines->to = 0;
        lines_fill(lines);
        char *end = memchr(lines->buffer, '\n', lines->to);
        if (end != NULL) {
            lines->from = (size_t)(end - lines->buffer) + 1;
            found = true;
        }
    }
    if (!found)
        lines->from = lines->to;
}

char *plim__lines_next(plim__lines *lines)
{
    if (lines->is_cut)
        lines_skip_rest(lines);
    lines->is_cut = false;
    char *end = memchr(lines->buffer + lines->from, '\n', lines->to - lines->from);
    while (end == NULL && !lines->at_end && lines->to - lines->from < PLIM_PROC_LINE_BYTES) {
        lines_fill(lines);
        end = memchr(lines->buffer + lines->from, '\n', lines->to - lines->from);
    }
    char *line = lines->buffer + lines->from;
    if (end != NULL) {
        *end = '\0';
        lines->from = (size_t)(end - lines->buffer) + 1;
        return line;
    }
    if (lines->to == lines->from)
        return NULL;
    lines->buffer[lines->to] = '\0';
    lines->from = lines->to;
    lines->is_cut = true;
    return line;
}

void plim__lines_close(plim__lines *lines)
{
    if (lines->fd >= 0)
        (void)close(lines->fd);
    lines->fd = -1;
}

const char *plim__procfs_value(const char *line, const char *key)
{
    size_t len = strlen(key);
    if (strncmp(line, key, len) != 0)
        return NULL;
    line += len;
    while (*line == ' ' || *line == '\t')
        line++;
    return line;
}

static unsigned procfs_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

bool plim__procfs_number(const char **text, unsigned base, uint64_t *out_number)
{
    const char *at = *text;
    uint64_t number = 0;
    if (procfs_digit(*at) >= base)
        return false;
    for (; procfs_digit(*at) < base; at++) {
        if (number > (UINT64_MAX - procfs_digit(*at)) / base)
            return false;
        number = number * base + procfs_digit(*at);
    }
    *text = at;
    *out_number = number;
    return true;
}

plim_status plim__descriptors_open(plim__descriptors *all, int64_t pid)
{
    all->seen = 0;
    all->fd = plim__procfs_open(pid, "fd", O_RDONLY | O_DIRECTORY);
    all->directory = all->fd >= 0 ? fdopendir(all->fd) : NULL;
    if (all->directory != NULL)
        return PLIM_OK;
    plim_status status = plim__procfs_status(errno);
    if (all->fd >= 0)
        (void)close(all->fd);
    return status;
}

const char *plim__descriptors_next(plim__descriptors *all)
{
    const struct dirent *entry = all->seen < PLIM_DESCRIPTORS_MAX ? readdir(all->directory) : NULL;
    if (entry == NULL)
        return NULL;
    all->seen++;
    return entry->d_name;
}

void plim__descriptors_target(const plim__descriptors *all, const char *name, char *out_text,
                              size_t cap)
{
    ssize_t length = readlinkat(all->fd, name, out_text, cap - 1);
    out_text[length > 0 ? length : 0] = '\0';
}

void plim__descriptors_close(plim__descriptors *all)
{
    (void)closedir(all->directory); /* and the descriptor with it */
    all->directory = NULL;
    all->fd = -1;
}
