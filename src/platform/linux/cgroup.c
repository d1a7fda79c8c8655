/* SPDX-License-Identifier: MIT */
/*
 * Groups of version 2 where the memory controller is there, else of version 1. The new group is a
 * child of our own, so whatever bounds us bounds it, too. In version 2 a group with processes in it
 * cannot give controllers to groups below (but the root): then there is no fence, and that is said.
 */
#define _GNU_SOURCE
#include "platform/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"

#define CGROUP_V2_MOUNT "/sys/fs/cgroup"
#define CGROUP_V1_MOUNT "/sys/fs/cgroup/memory"

enum { CGROUP_EVICTIONS_MAX = 65536 };

static bool cgroup_write(const char *folder, const char *name, const char *text)
{
    char path[PLIM__CGROUP_PATH_BYTES + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t put = write(fd, text, strlen(text));
    (void)close(fd);
    return put == (ssize_t)strlen(text);
}

static bool cgroup_read(const char *folder, const char *name, char *out, size_t cap)
{
    char path[PLIM__CGROUP_PATH_BYTES + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, out, cap - 1);
    (void)close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* "4:memory:/x" (version 1) or "0::/x" (version 2). */
static bool cgroup_own(bool is_v2, char *out, size_t cap)
{
    plim__lines lines;
    bool is_found = false;
    if (plim__lines_open(&lines, 0, "self/cgroup") != PLIM_OK)
        return false;
    for (char *line = plim__lines_next(&lines); line != NULL; line = plim__lines_next(&lines)) {
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL)
            continue;
        *path++ = '\0';
        controllers++;
        bool is_it = is_v2 ? controllers[0] == '\0' : strcmp(controllers, "memory") == 0;
        if (is_it && (size_t)snprintf(out, cap, "%s", path) < cap)
            is_found = true;
    }
    plim__lines_close(&lines);
    return is_found;
}

static bool cgroup_folder(const char *mount, const char *own, const char *name,
                          char out[PLIM__CGROUP_PATH_BYTES])
{
    const char *below = strcmp(own, "/") == 0 ? "" : own;
    int put = snprintf(out, PLIM__CGROUP_PATH_BYTES, "%s%s%s/%s", plim__procfs_root(), mount, below,
                       name);
    return put > 0 && put < PLIM__CGROUP_PATH_BYTES;
}

/* One that is there is an earlier life's, whose last process was not quite gone. */
static bool cgroup_folder_make(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static bool cgroup_make_v2(const char *name, const char *limit, plim__cgroup *out)
{
    char own[PLIM__CGROUP_PATH_BYTES], controllers[256];
    if (!cgroup_own(true, own, sizeof(own)) ||
        !cgroup_folder(CGROUP_V2_MOUNT, own, ".", out->path) ||
        !cgroup_read(out->path, "cgroup.controllers", controllers, sizeof(controllers)) ||
        strstr(controllers, "memory") == NULL)
        return false;
    if (!cgroup_read(out->path, "cgroup.subtree_control", controllers, sizeof(controllers)) ||
        strstr(controllers, "memory") == NULL) {
        if (!cgroup_write(out->path, "cgroup.subtree_control", "+memory"))
            return false;
    }
    if (!cgroup_folder(CGROUP_V2_MOUNT, own, name, out->path) || !cgroup_folder_make(out->path))
        return false;
    out->is_v2 = true;
    (void)cgroup_write(out->path, "memory.oom.group", "1");
    (void)cgroup_write(out->path, "memory.swap.max", "0"); /* not there without swap */
    if (cgroup_write(out->path, "memory.max", limit))
        return true;
    (void)rmdir(out->path);
    return false;
}

static bool cgroup_make_v1(const char *name, const char *limit, plim__cgroup *out)
{
    char own[PLIM__CGROUP_PATH_BYTES];
    if (!cgroup_own(false, own, sizeof(own)) ||
        !cgroup_folder(CGROUP_V1_MOUNT, own, name, out->path))
        return false;
    if (!cgroup_folder_make(out->path) &&
        (errno != ENOENT || !cgroup_folder(CGROUP_V1_MOUNT, "/", name, out->path) ||
         !cgroup_folder_make(out->path)))
        return false; /* in a container the mount may show our group as its root */
    out->is_v2 = false;
    if (cgroup_write(out->path, "memory.limit_in_bytes", limit)) {
        (void)cgroup_write(out->path, "memory.memsw.limit_in_bytes",
                           limit); /* with what is swapped */
        return true;
    }
    (void)rmdir(out->path);
    return false;
}

plim_status plim__cgroup_make(const char *name, uint64_t limit_bytes, plim__cgroup *out_group)
{
    PLIM_CHECK(name != NULL && strchr(name, '/') == NULL && out_group != NULL);
    char limit[32];
    plim__cgroup group = {0};
    (void)snprintf(limit, sizeof(limit), "%llu", (unsigned long long)limit_bytes);
    if (!cgroup_make_v2(name, limit, &group) && !cgroup_make_v1(name, limit, &group))
        return PLIM_ERR_UNSUPPORTED;
    *out_group = group;
    return PLIM_OK;
}

plim_status plim__cgroup_add(const plim__cgroup *group, int64_t pid)
{
    PLIM_CHECK(group != NULL && group->path[0] != '\0' && pid > 0);
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)pid);
    return cgroup_write(group->path, "cgroup.procs", text) ? PLIM_OK : plim__procfs_status(errno);
}

plim_status plim__cgroup_remove(plim__cgroup *group)
{
    if (group->path[0] == '\0')
        return PLIM_OK;
    if (rmdir(group->path) != 0 && errno == EBUSY)
        return PLIM_ERR_BUSY;
    *group = (plim__cgroup){0};
    return PLIM_OK;
}

void plim__cgroup_leave(plim__cgroup *group)
{
    if (plim__cgroup_remove(group) == PLIM_OK)
        return;
    char above[PLIM__CGROUP_PATH_BYTES + 4];
    (void)snprintf(above, sizeof(above), "%s/..", group->path);
    char text[32];
    /* The list begins anew at each look, without those that have gone. */
    for (int i = 0; i < CGROUP_EVICTIONS_MAX; i++) {
        if (!cgroup_read(group->path, "cgroup.procs", text, sizeof(text)))
            break;
        text[strcspn(text, "\n")] = '\0';
        if (!cgroup_write(above, "cgroup.procs", text) && errno != ESRCH)
            break;
    }
    (void)rmdir(group->path);
    *group = (plim__cgroup){0};
}
