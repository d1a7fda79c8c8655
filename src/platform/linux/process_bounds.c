/* SPDX-License-Identifier: MIT */
/*
 * What bounds a process's memory on Linux: control groups of both versions, and the machine.
 * /proc/PID/cgroup names the group in each hierarchy, /proc/self/mountinfo where a hierarchy is
 * mounted and which part of it (in a container the mount shows a subtree only). From the process's
 * group every ancestor up to the mount is looked at, since each of them may have a limit; the one
 * with the least left counts. Inactive file cache is charged to a group but given back before
 * anything is killed, so it does not count as used up.
 * memory.high does not kill; but past it the kernel slows a process down to almost nothing, which
 * for a server is no better, so it counts as a limit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"
#include "platform/process.h"

enum { BOUNDS_NUMBER_BYTES = 64, BOUNDS_TEXT_BYTES = PLIM_PROC_LINE_BYTES + 1 };

/* Where version 1 writes "no limit": the largest multiple of the page size in 63 bits. */
#define BOUNDS_V1_UNLIMITED (INT64_MAX / 65536 * 65536 - 65536)

/* One hierarchy that may bound memory. */
struct bounds_hierarchy {
    bool is_v2;
    char mount[BOUNDS_TEXT_BYTES]; /* where it is mounted */
    char shown[BOUNDS_TEXT_BYTES]; /* the group the mount shows, "/" for all of it */
};

/* Undoes \040 and the like, in place. */
static void bounds_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        bool octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
                     from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
        if (octal) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* Whether the comma-separated `list` has `word`. */
static bool bounds_list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* The next word of *text, ended in place; NULL where there is none. */
static char *bounds_word(char **text)
{
    char *word = *text + strspn(*text, " ");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " ");
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

/* "36 35 0:30 SHOWN MOUNT rw,relatime master:1 - cgroup cgroup rw,memory" */
static bool bounds_read_mount(char *line, struct bounds_hierarchy *out)
{
    char *dash = strstr(line, " - ");
    if (dash == NULL)
        return false;
    *dash = '\0';
    char *at = line;
    char *words[5];
    for (int i = 0; i < 5; i++)
        words[i] = bounds_word(&at);
    at = dash + 3;
    const char *type = bounds_word(&at);
    (void)bounds_word(&at); /* the device */
    const char *flags = bounds_word(&at);
    if (words[4] == NULL || type == NULL)
        return false;
    out->is_v2 = strcmp(type, "cgroup2") == 0;
    bool is_v1_memory =
        strcmp(type, "cgroup") == 0 && flags != NULL && bounds_list_has(flags, "memory");
    if (!out->is_v2 && !is_v1_memory)
        return false;
    (void)snprintf(out->shown, sizeof out->shown, "%s", words[3]);
    (void)snprintf(out->mount, sizeof out->mount, "%s", words[4]);
    bounds_unescape(out->shown);
    bounds_unescape(out->mount);
    return true;
}

/* The group of `pid` in the hierarchy: "4:memory:/path", "0::/path". */
static plim_status bounds_read_group(int64_t pid, bool is_v2, char *out_group, size_t cap)
{
    plim__lines lines;
    plim_status status = plim__lines_open(&lines, pid, "cgroup");
    if (status != PLIM_OK)
        return status;
    status = PLIM_ERR_UNSUPPORTED;
    char *line;
    while (status != PLIM_OK && (line = plim__lines_next(&lines)) != NULL) {
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path = '\0';
        bool is_it = is_v2 ? controllers[1] == '\0' : bounds_list_has(controllers + 1, "memory");
        if (is_it && (size_t)snprintf(out_group, cap, "%s", path + 1) < cap)
            status = PLIM_OK;
    }
    plim__lines_close(&lines);
    return status;
}

/* The number in MOUNT/GROUP/name; false where there is none ("max", no such file). */
static bool bounds_read_number(const char *folder, const char *name, uint64_t *out_number)
{
    char path[PATH_MAX];
    int wanted = snprintf(path, sizeof path, "%s/%s", folder, name);
    char text[BOUNDS_NUMBER_BYTES];
    size_t len = 0;
    if (wanted < 0 || wanted >= PATH_MAX ||
        plim__procfs_read(0, path, text, sizeof text, &len) != PLIM_OK)
        return false;
    const char *at = text;
    return plim__procfs_number(&at, 10, out_number);
}

/* A row of MOUNT/GROUP/memory.stat; 0 where it cannot be had. */
static uint64_t bounds_read_stat(const char *folder, const char *key)
{
    char path[PATH_MAX];
    int wanted = snprintf(path, sizeof path, "%s/memory.stat", folder);
    plim__lines lines;
    if (wanted < 0 || wanted >= PATH_MAX || plim__lines_open(&lines, 0, path) != PLIM_OK)
        return 0;
    uint64_t number = 0;
    bool found = false;
    const char *line;
    while (!found && (line = plim__lines_next(&lines)) != NULL) {
        const char *value = plim__procfs_value(line, key);
        found = value != NULL && plim__procfs_number(&value, 10, &number);
    }
    plim__lines_close(&lines);
    return found ? number : 0;
}

static uint64_t bounds_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* One group; changes *bounds if less is left in it than in those before. */
static void bounds_visit_group(const char *folder, bool is_v2, plim__memory_bounds *bounds)
{
    uint64_t limit = UINT64_MAX;
    uint64_t number = 0;
    uint64_t used = 0;
    if (bounds_read_number(folder, is_v2 ? "memory.max" : "memory.limit_in_bytes", &number))
        limit = number;
    if (is_v2 && bounds_read_number(folder, "memory.high", &number) && number < limit)
        limit = number;
    if (!is_v2 && limit >= (uint64_t)BOUNDS_V1_UNLIMITED)
        limit = UINT64_MAX;
    if (limit == UINT64_MAX ||
        !bounds_read_number(folder, is_v2 ? "memory.current" : "memory.usage_in_bytes", &used))
        return;
    uint64_t cache = bounds_read_stat(folder, is_v2 ? "inactive_file " : "total_inactive_file ");
    if (cache > used)
        cache = used;
    uint64_t left = bounds_minus(limit, used - cache);
    bool is_first = bounds->limit_bytes == UINT64_MAX;
    if (is_first ||
        left < bounds_minus(bounds->limit_bytes, bounds->used_bytes - bounds->reclaimable_bytes)) {
        bounds->limit_bytes = limit;
        bounds->used_bytes = used;
        bounds->reclaimable_bytes = cache;
    }
}

/* The group and all its ancestors that the mount shows. */
static void bounds_visit_hierarchy(const struct bounds_hierarchy *hierarchy, char *group,
                                   plim__memory_bounds *bounds)
{
    char *below = group;
    size_t shown = strcmp(hierarchy->shown, "/") == 0 ? 0 : strlen(hierarchy->shown);
    if (strncmp(group, hierarchy->shown, shown) == 0 &&
        (group[shown] == '/' || group[shown] == '\0'))
        below += shown;
    else
        below[0] = '\0'; /* outside of what is shown: the mount's own group is the nearest */
    if (strncmp(below, "/..", 3) == 0)
        below[0] = '\0'; /* another namespace's */
    /* Each turn cuts one folder off the end; the bound is that of a line. */
    for (bool more = true; more;) {
        char folder[PATH_MAX];
        int wanted = snprintf(folder, sizeof folder, "%s%s", hierarchy->mount,
                              strcmp(below, "/") == 0 ? "" : below);
        if (wanted >= 0 && wanted < PATH_MAX)
            bounds_visit_group(folder, hierarchy->is_v2, bounds);
        char *slash = strrchr(below, '/');
        more = slash != NULL && below[1] != '\0';
        if (more)
            *slash = '\0';
    }
}

static uint64_t bounds_machine_available(void)
{
    plim__lines lines;
    if (plim__lines_open(&lines, 0, "meminfo") != PLIM_OK)
        return UINT64_MAX;
    uint64_t kib = 0;
    bool found = false;
    const char *line;
    while (!found && (line = plim__lines_next(&lines)) != NULL) {
        const char *value = plim__procfs_value(line, "MemAvailable:");
        found = value != NULL && plim__procfs_number(&value, 10, &kib);
    }
    plim__lines_close(&lines);
    return found && kib <= UINT64_MAX / 1024 ? kib * 1024 : UINT64_MAX;
}

plim_status plim__memory_bounds_read(int64_t pid, plim__memory_bounds *out_bounds)
{
    PLIM_CHECK(pid > 0 && out_bounds != NULL);
    plim__process_glance glance;
    plim_status status = plim__process_look(pid, &glance);
    if (status != PLIM_OK)
        return status;
    plim__memory_bounds bounds = {UINT64_MAX, UINT64_MAX, 0, bounds_machine_available(),
                                  UINT64_MAX};
    plim__lines mounts;
    if (plim__lines_open(&mounts, 0, "self/mountinfo") == PLIM_OK) {
        char *line;
        while ((line = plim__lines_next(&mounts)) != NULL) {
            struct bounds_hierarchy hierarchy;
            char group[BOUNDS_TEXT_BYTES];
            if (bounds_read_mount(line, &hierarchy) &&
                bounds_read_group(pid, hierarchy.is_v2, group, sizeof group) == PLIM_OK)
                bounds_visit_hierarchy(&hierarchy, group, &bounds);
        }
        plim__lines_close(&mounts);
    }
    uint64_t left = UINT64_MAX;
    if (bounds.limit_bytes != UINT64_MAX)
        left = bounds_minus(bounds.limit_bytes, bounds.used_bytes - bounds.reclaimable_bytes);
    bounds.headroom_bytes =
        left < bounds.machine_available_bytes ? left : bounds.machine_available_bytes;
    *out_bounds = bounds;
    return PLIM_OK;
}
