/* SPDX-License-Identifier: MIT */
/*
 * Other processes on Linux: /proc, read as text.
 * The name of a process stands raw in /proc/PID/stat between the first '(' and the last ')', so it
 * is the last ')' that counts; in /proc/PID/status the kernel escapes line ends. Fields are looked
 * up by name there, since kernels add some.
 */
#define _GNU_SOURCE
#include "platform/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"

enum {
    PROCESS_STAT_BYTES = 2048, /* 52 numbers and a name of at most 64 bytes */
    PROCESS_FIELD_PARENT = 2,  /* counted from the ')' on, the state being field 1 */
    PROCESS_FIELD_GROUP = 3,
    PROCESS_FIELD_START = 20,
    PROCESS_SIGNALS = 64
};

int64_t plim__process_self(void)
{
    return (int64_t)getpid();
}

/* The number a directory of /proc is named with; 0 where it is no process. */
static int64_t process_id_of_name(const char *name)
{
    uint64_t number = 0;
    const char *at = name;
    if (!plim__procfs_number(&at, 10, &number) || *at != '\0' || number > INT32_MAX)
        return 0;
    return (int64_t)number;
}

plim_status plim__process_each(bool (*visit)(void *ctx, int64_t pid), void *ctx)
{
    PLIM_CHECK(visit != NULL);
    int fd = plim__procfs_open(0, "", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return plim__procfs_status(errno);
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        plim_status status = plim__procfs_status(errno);
        (void)close(fd);
        return status;
    }
    uint32_t seen = 0;
    const struct dirent *entry;
    while (seen < PLIM_PROCESSES_MAX && (entry = readdir(directory)) != NULL) {
        int64_t pid = process_id_of_name(entry->d_name);
        if (pid == 0)
            continue;
        seen++;
        if (!visit(ctx, pid))
            break;
    }
    (void)closedir(directory);
    return PLIM_OK;
}

plim_status plim__process_look(int64_t pid, plim__process_glance *out_glance)
{
    PLIM_CHECK(pid > 0 && out_glance != NULL);
    char text[PROCESS_STAT_BYTES];
    size_t len = 0;
    plim_status status = plim__procfs_read(pid, "stat", text, sizeof text, &len);
    if (status != PLIM_OK)
        return status;
    const char *at = memrchr(text, ')', len);
    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return PLIM_ERR_NOT_FOUND; /* emptied under our hands */
    plim__process_glance glance = {.state = at[2]};
    at += 3;
    for (int field = PROCESS_FIELD_PARENT; field <= PROCESS_FIELD_START; field++) {
        while (*at == ' ' || *at == '-') /* some are negative; those we want are not */
            at++;
        uint64_t number = 0;
        if (!plim__procfs_number(&at, 10, &number))
            return PLIM_ERR_IO;
        if (field == PROCESS_FIELD_PARENT)
            glance.parent_pid = number <= INT32_MAX ? (int64_t)number : 0;
        if (field == PROCESS_FIELD_GROUP)
            glance.group = number <= INT32_MAX ? (int64_t)number : 0;
        glance.start_ticks = number;
    }
    *out_glance = glance;
    return PLIM_OK;
}

plim_status plim__process_executable(int64_t pid, char *out_path, size_t cap)
{
    PLIM_CHECK(pid > 0 && out_path != NULL && cap > 0);
    char link[PATH_MAX];
    int wanted = snprintf(link, sizeof link, "%s/proc/%" PRId64 "/exe", plim__procfs_root(), pid);
    if (wanted < 0 || wanted >= PATH_MAX)
        return PLIM_ERR_LIMIT;
    char path[PATH_MAX];
    ssize_t got = readlink(link, path, sizeof path);
    if (got < 0)
        return plim__procfs_status(errno);
    static const char deleted[] = " (deleted)";
    size_t len = (size_t)got;
    size_t mark = sizeof deleted - 1;
    if (len > mark && memcmp(path + len - mark, deleted, mark) == 0)
        len -= mark;
    if (len >= cap)
        return PLIM_ERR_LIMIT;
    memcpy(out_path, path, len);
    out_path[len] = '\0';
    return PLIM_OK;
}

static plim_status process_strings(int64_t pid, const char *name, char *out_text, size_t cap,
                                   size_t *out_len)
{
    PLIM_CHECK(pid > 0 && out_text != NULL && cap > 0 && out_len != NULL);
    size_t len = 0;
    plim_status status = plim__procfs_read(pid, name, out_text, cap, &len);
    if (status != PLIM_OK)
        return status;
    if (len > 0 && out_text[len - 1] != '\0')
        len++; /* cut, or rewritten by the process (setproctitle): procfs_read() ended it */
    *out_len = len;
    return PLIM_OK;
}

plim_status plim__process_command(int64_t pid, char *out_text, size_t cap, size_t *out_len)
{
    return process_strings(pid, "cmdline", out_text, cap, out_len);
}

plim_status plim__process_environment(int64_t pid, char *out_text, size_t cap, size_t *out_len)
{
    return process_strings(pid, "environ", out_text, cap, out_len);
}

/* The number after `key` in /proc/PID/status; NOT_FOUND where there is no such line. */
static plim_status process_status_number(int64_t pid, const char *key, unsigned base,
                                         uint64_t *out_number)
{
    plim__lines lines;
    plim_status status = plim__lines_open(&lines, pid, "status");
    if (status != PLIM_OK)
        return status;
    status = PLIM_ERR_NOT_FOUND;
    const char *line;
    while (status != PLIM_OK && (line = plim__lines_next(&lines)) != NULL) {
        const char *value = plim__procfs_value(line, key);
        if (value != NULL && plim__procfs_number(&value, base, out_number))
            status = PLIM_OK;
    }
    plim__lines_close(&lines);
    return status;
}

plim_status plim__process_user(int64_t pid, uint32_t *out_uid)
{
    PLIM_CHECK(pid > 0 && out_uid != NULL);
    uint64_t uid = 0;
    plim_status status = process_status_number(pid, "Uid:", 10, &uid);
    if (status == PLIM_OK)
        *out_uid = (uint32_t)uid;
    return status;
}

plim_status plim__process_catches(int64_t pid, int signal_number, bool *out_catches)
{
    PLIM_CHECK(pid > 0 && out_catches != NULL);
    PLIM_CHECK(signal_number > 0 && signal_number <= PROCESS_SIGNALS);
    uint64_t caught = 0;
    plim_status status = process_status_number(pid, "SigCgt:", 16, &caught);
    if (status == PLIM_OK)
        *out_catches = (caught >> (signal_number - 1) & 1) != 0;
    return status;
}

plim_status plim__process_memory_read(int64_t pid, plim__process_memory *out_memory)
{
    PLIM_CHECK(pid > 0 && out_memory != NULL);
    uint64_t rss_kib = 0;
    uint64_t peak_kib = 0;
    plim_status status = process_status_number(pid, "VmRSS:", 10, &rss_kib);
    if (status == PLIM_OK)
        status = process_status_number(pid, "VmHWM:", 10, &peak_kib);
    if (status != PLIM_OK)
        return status;
    if (rss_kib > UINT64_MAX / 1024 || peak_kib > UINT64_MAX / 1024)
        return PLIM_ERR_IO;
    /* The kernel counts per thread and adds up late: the peak may lag behind the present. */
    out_memory->rss_bytes = rss_kib * 1024;
    out_memory->peak_bytes = (peak_kib > rss_kib ? peak_kib : rss_kib) * 1024;
    return PLIM_OK;
}
