/* SPDX-License-Identifier: MIT */
#include "alloc_tools.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *what, const char *detail)
{
    (void)fprintf(stderr, "bench: %s %s\n", what, detail);
    _exit(1);
}

double bench_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

void bench_shuffle(uint32_t *order, uint32_t count, uint64_t seed)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)(bench_random(&seed) % i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

void bench_mixed_sizes(uint32_t *sizes, uint32_t count, uint64_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t draw = bench_random(&seed);
        uint32_t percent = (uint32_t)(draw % 100);
        uint32_t rest = (uint32_t)(draw >> 32);
        if (percent < 56)
            sizes[i] = 16 + rest % 113;
        else if (percent < 81)
            sizes[i] = 129 + rest % 896;
        else if (percent < 94)
            sizes[i] = 1025 + rest % 7168;
        else
            sizes[i] = 8193 + rest % 57344;
    }
}

void *bench_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED)
        bench_die("no pages for", "the driver itself");
    return pages;
}

static uint64_t tools_row(const char *path, const char *row)
{
    /* read(), not stdio: nothing here may ask the allocator under test for anything. */
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        bench_die("cannot read", path);
    text[got] = '\0';
    const char *found = strstr(text, row);
    if (found == NULL)
        bench_die("no such row:", row);
    return strtoull(found + strlen(row), NULL, 10) * 1024;
}

uint64_t bench_held_bytes(void)
{
    return tools_row("/proc/self/smaps_rollup", "\nAnonymous:");
}

uint64_t bench_mapped_bytes(void)
{
    return tools_row("/proc/self/status", "\nVmSize:");
}

double bench_tick_ns(void)
{
    double began = bench_seconds();
    uint64_t ticks = bench_ticks();
    while (bench_seconds() - began < 0.02)
        ;
    return (bench_seconds() - began) * 1e9 / (double)(bench_ticks() - ticks);
}
