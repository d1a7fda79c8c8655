/* SPDX-License-Identifier: MIT */
/*
 * The file is opened, looked at and read through its descriptor; it is removed by its name, after a
 * last look that the name still leads to it. In a directory where only the owner may remove
 * (a temporary one) nobody but that owner can come in between.
 */
#define _GNU_SOURCE /* O_NOFOLLOW, lstat() */
#include "platform/leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

enum { LEFTOVER_PIECE_BYTES = 1 << 16, LEFTOVER_SLACK_S = 2 /* of clocks and file systems */ };

static plim_status leftover_status(int code)
{
    if (code == ENOENT || code == ENOTDIR)
        return PLIM_ERR_NOT_FOUND;
    if (code == ELOOP || code == ENXIO)
        return PLIM_ERR_REFUSED; /* a link, a socket */
    return code == EACCES || code == EPERM ? PLIM_ERR_ACCESS : PLIM_ERR_IO;
}

static bool leftover_is_it(const plim__leftover *which, const struct stat *found)
{
    bool fits = which->size_bytes == UINT64_MAX || (uint64_t)found->st_size == which->size_bytes;
    return S_ISREG(found->st_mode) && found->st_uid == which->user && fits &&
           found->st_mtime >= 0 && (uint64_t)found->st_mtime + LEFTOVER_SLACK_S >= which->since_s;
}

static plim_status leftover_read(int descriptor, uint64_t *out_fingerprint)
{
    unsigned char piece[LEFTOVER_PIECE_BYTES];
    uint64_t fingerprint = PLIM__LEFTOVER_SEED;
    for (;;) {
        ssize_t got = read(descriptor, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return leftover_status(errno);
        if (got == 0)
            break;
        fingerprint = plim__leftover_fingerprint(fingerprint, piece, (size_t)got);
    }
    *out_fingerprint = fingerprint;
    return PLIM_OK;
}

static plim_status leftover_check(const plim__leftover *which, int descriptor)
{
    struct stat opened, named;
    uint64_t fingerprint = which->fingerprint;
    if (fstat(descriptor, &opened) != 0)
        return leftover_status(errno);
    if (!leftover_is_it(which, &opened))
        return PLIM_ERR_REFUSED;
    plim_status status = PLIM_OK;
    if (which->size_bytes != UINT64_MAX)
        status = leftover_read(descriptor, &fingerprint);
    if (status != PLIM_OK)
        return status;
    if (fingerprint != which->fingerprint)
        return PLIM_ERR_REFUSED;
    if (lstat(which->path, &named) != 0)
        return leftover_status(errno);
    bool is_same = named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
    return is_same ? PLIM_OK : PLIM_ERR_REFUSED;
}

plim_status plim__leftover_remove(const plim__leftover *which)
{
    PLIM_CHECK(which != NULL && which->path != NULL);
    int descriptor = open(which->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return leftover_status(errno);
    plim_status status = leftover_check(which, descriptor);
    (void)close(descriptor);
    if (status == PLIM_OK && unlink(which->path) != 0)
        status = leftover_status(errno);
    return status;
}

uint64_t plim__leftover_now_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0
               ? (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u
               : 0;
}
