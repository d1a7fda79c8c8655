/* SPDX-License-Identifier: MIT */
#include "things.h"

#include <plimsoll/monitor.h>

#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

void things_count_exactly(char **argv)
{
    if (getenv("GLIBC_TUNABLES") != NULL)
        return;
    (void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
    (void)execv("/proc/self/exe", argv);
}

/* Without the one that counting opens. */
static int things_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -1;
    const struct dirent *entry = NULL;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

/* Of all threads. */
static int things_children(void)
{
    DIR *directory = opendir("/proc/self/task");
    const struct dirent *entry = NULL;
    int count = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[300];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/children", entry->d_name);
        FILE *file = fopen(path, "re");
        int pid = 0;
        while (file != NULL && fscanf(file, "%d", &pid) == 1)
            count++;
        if (file != NULL)
            (void)fclose(file);
    }
    (void)closedir(directory);
    return count;
}

things things_now(void)
{
    things now = {0};
    plim_memory_figures figures;
    assert_int_equal(plim_memory_of(getpid(), false, &figures), PLIM_OK);
    now.private_bytes = figures.private_bytes;
    now.heap_bytes = mallinfo2().uordblks;
    now.descriptors = things_descriptors();
    now.children = things_children();
    return now;
}

void things_assert_same(const things *before, uint64_t slack)
{
    things now = things_now();
    assert_int_equal(now.descriptors, before->descriptors);
    assert_int_equal(now.children, before->children);
    if (now.heap_bytes > before->heap_bytes + slack)
        fail_msg("%llu bytes more are out",
                 (unsigned long long)(now.heap_bytes - before->heap_bytes));
}

uint64_t things_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
