/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/statm through a descriptor that stays open: 0.4 microseconds a look, and the descriptor
 * is of that very process (reads fail with ESRCH once it is gone). Its third number is what is
 * shared, be it a file or shared memory: resident less shared is RssAnon, which is how memory
 * shared through a region (a memfd) is not counted once per worker. Swapped pages are in no field
 * of it, so where the machine has swap, VmSwap of /proc/PID/status is added.
 */
#define _GNU_SOURCE
#include "platform/process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"

enum { GAUGE_TEXT_BYTES = 256 };

plim_status plim__gauge_open(int64_t pid, plim__gauge *out_gauge)
{
    PLIM_CHECK(pid > 0 && out_gauge != NULL);
    int fd = plim__procfs_open(pid, "statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return plim__procfs_status(errno);
    *out_gauge = (plim__gauge){.handle = (intptr_t)fd + 1, .pid = pid};
    return PLIM_OK;
}

/* A line of a file of this process, in KiB. */
static plim_status gauge_line(int64_t pid, const char *file, const char *key, uint64_t *out_bytes)
{
    plim__lines lines;
    plim_status status = plim__lines_open(&lines, pid, file);
    if (status != PLIM_OK)
        return status;
    status = PLIM_ERR_UNSUPPORTED;
    for (char *line = plim__lines_next(&lines); line != NULL; line = plim__lines_next(&lines)) {
        const char *value = plim__procfs_value(line, key);
        uint64_t kib = 0;
        if (value == NULL || !plim__procfs_number(&value, 10, &kib) || kib > UINT64_MAX / 1024)
            continue;
        *out_bytes = kib * 1024;
        status = PLIM_OK;
        break;
    }
    plim__lines_close(&lines);
    return status;
}

static bool gauge_has_swap(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 && info.totalswap > 0;
}

plim_status plim__gauge_read(const plim__gauge *gauge, plim__gauge_figures *out_figures)
{
    PLIM_CHECK(gauge != NULL && gauge->handle > 0 && out_figures != NULL);
    char text[GAUGE_TEXT_BYTES];
    ssize_t got = pread((int)(gauge->handle - 1), text, sizeof(text) - 1, 0);
    if (got <= 0)
        return got < 0 ? plim__procfs_status(errno) : PLIM_ERR_NOT_FOUND;
    text[got] = '\0';
    const char *at = text;
    uint64_t pages[3] = {0};
    for (int i = 0; i < 3; i++) {
        at += strspn(at, " ");
        if (!plim__procfs_number(&at, 10, &pages[i]))
            return PLIM_ERR_UNSUPPORTED;
    }
    if (pages[0] == 0)
        return PLIM_ERR_NOT_FOUND; /* dead, and not yet waited for */
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), swap = 0;
    if (gauge_has_swap())
        (void)gauge_line(gauge->pid, "status", "VmSwap:", &swap);
    out_figures->rss_bytes = pages[1] * page;
    out_figures->private_bytes = (pages[1] > pages[2] ? pages[1] - pages[2] : 0) * page + swap;
    return PLIM_OK;
}

plim_status plim__gauge_exact(const plim__gauge *gauge, uint64_t *out_bytes)
{
    PLIM_CHECK(gauge != NULL && gauge->handle > 0 && out_bytes != NULL);
    plim_status status = gauge_line(gauge->pid, "smaps_rollup", "Pss:", out_bytes);
    plim__gauge_figures still;
    if (status == PLIM_OK)
        status = plim__gauge_read(gauge, &still); /* alive, so the number was its own till now */
    return status;
}

void plim__gauge_close(plim__gauge *gauge)
{
    if (gauge->handle > 0)
        (void)close((int)(gauge->handle - 1));
    *gauge = (plim__gauge){0};
}
