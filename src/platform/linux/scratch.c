/* SPDX-License-Identifier: MIT */
/*
 * Folders of our own, on Linux. A browser may still write while its folder goes: it is tried again.
 */
#define _GNU_SOURCE
#include "platform/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

enum { SCRATCH_DESCRIPTORS = 16, SCRATCH_TRIES = 20, SCRATCH_PAUSE_MS = 25 };

static const char *scratch_place(void)
{
    const char *place = getenv("TMPDIR");
    return place != NULL && place[0] == '/' ? place : "/tmp";
}

plim_status plim__scratch_make(const char *prefix, char *out_path, size_t cap, plim_error *err)
{
    PLIM_CHECK(prefix != NULL && out_path != NULL && cap > 0);
    const char *place = scratch_place();
    int len = snprintf(out_path, cap, "%s/%s-%ld-XXXXXX", place, prefix, (long)getpid());
    if (len < 0 || (size_t)len >= cap)
        return plim_error_set(err, PLIM_ERR_LIMIT, "the name of the temporary folder is too long");
    if (mkdtemp(out_path) == NULL)
        return plim_error_set(err, errno == ENOSPC ? PLIM_ERR_NO_SPACE : PLIM_ERR_ACCESS,
                              "cannot make a folder in %s: %s", place, strerror(errno));
    return PLIM_OK;
}

static int scratch_visit(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    (void)remove(path); /* what cannot be removed does not keep the rest */
    return 0;
}

void plim__scratch_remove(const char *path)
{
    PLIM_CHECK(path != NULL && path[0] == '/');
    for (int i = 0; i < SCRATCH_TRIES; i++) {
        (void)nftw(path, scratch_visit, SCRATCH_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
        if (access(path, F_OK) != 0)
            return;
        struct timespec pause = {0, SCRATCH_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

void plim__scratch_sweep(const char *prefix)
{
    PLIM_CHECK(prefix != NULL);
    char pattern[PATH_MAX];
    glob_t found = {0};
    int len = snprintf(pattern, sizeof pattern, "%s/%s-*-??????", scratch_place(), prefix);
    if (len < 0 || (size_t)len >= sizeof pattern || glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat info;
        const char *path = found.gl_pathv[i];
        long pid = strtol(strrchr(path, '/') + 1 + strlen(prefix) + 1, NULL, 10);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH && lstat(path, &info) == 0 &&
            S_ISDIR(info.st_mode) && info.st_uid == geteuid())
            plim__scratch_remove(path);
    }
    globfree(&found);
}

bool plim__scratch_has(const char *path, const char *name)
{
    PLIM_CHECK(path != NULL && name != NULL);
    char file[PATH_MAX];
    int len = snprintf(file, sizeof file, "%s/%s", path, name);
    return len > 0 && (size_t)len < sizeof file && access(file, F_OK) == 0;
}

int plim__descriptor_copy(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

void plim__descriptor_close(int descriptor)
{
    (void)close(descriptor);
}
