/* SPDX-License-Identifier: MIT */
/*
 * What a process holds open: /proc/PID/fd. The mode of a link there tells how its descriptor was
 * opened, its target what it is, and stat() through it the file, whatever name it has by now.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"
#include "platform/process.h"

static const char files_memory[] = "/memfd:";
static const char files_deleted[] = " (deleted)";

/* What the link says: a path, or the name that memory was given; both may be marked deleted. */
static bool files_name(const plim__descriptors *all, const char *entry, plim__held_file *file)
{
    char target[sizeof file->name + sizeof files_memory + sizeof files_deleted];
    plim__descriptors_target(all, entry, target, sizeof target);
    if (target[0] != '/')
        return false;
    size_t length = strlen(target);
    size_t mark = sizeof files_deleted - 1;
    if (length > mark && strcmp(target + length - mark, files_deleted) == 0)
        target[length - mark] = '\0';
    file->is_memory = strncmp(target, files_memory, sizeof files_memory - 1) == 0;
    const char *name = file->is_memory ? target + sizeof files_memory - 1 : target;
    (void)snprintf(file->name, sizeof file->name, "%.*s", (int)sizeof file->name - 1, name);
    return true;
}

static bool files_look(int64_t pid, const plim__descriptors *all, const char *entry,
                       plim__held_file *file)
{
    struct stat link;
    struct stat facts;
    const mode_t both = S_IRUSR | S_IWUSR;
    if (entry[0] < '0' || entry[0] > '9' || strlen(entry) > 10 ||
        fstatat(all->fd, entry, &link, AT_SYMLINK_NOFOLLOW) != 0 || (link.st_mode & both) != both ||
        fstatat(all->fd, entry, &facts, 0) != 0 || !S_ISREG(facts.st_mode) ||
        !files_name(all, entry, file))
        return false;
    file->device = facts.st_dev;
    file->inode = facts.st_ino;
    int length = snprintf(file->path, sizeof file->path, "%.32s/proc/%" PRId64 "/fd/%s",
                          plim__procfs_root(), pid, entry);
    return length > 0 && (size_t)length < sizeof file->path;
}

plim_status plim__process_files(int64_t pid, bool (*visit)(void *ctx, const plim__held_file *file),
                                void *ctx)
{
    PLIM_CHECK(pid > 0 && visit != NULL);
    plim__descriptors all;
    plim_status status = plim__descriptors_open(&all, pid);
    if (status != PLIM_OK)
        return status;
    const char *entry;
    bool go_on = true;
    bool shown = false; /* a protected process lets its links be listed, and not be followed */
    bool denied = false;
    while (go_on && (entry = plim__descriptors_next(&all)) != NULL) {
        plim__held_file file;
        errno = 0;
        if (files_look(pid, &all, entry, &file)) {
            shown = true;
            go_on = visit(ctx, &file);
        } else {
            denied = denied || errno == EACCES || errno == EPERM;
        }
    }
    plim__descriptors_close(&all);
    return denied && !shown ? PLIM_ERR_ACCESS : PLIM_OK;
}
