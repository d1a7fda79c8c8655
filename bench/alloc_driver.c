/* SPDX-License-Identifier: MIT */
/*
 * Runs one workload on the allocator it was built for, or that LD_PRELOAD brings.
 *
 *     alloc_driver WORKLOAD [RUNS]     prints {"work":…,"runs":[[figure…]…]}, or --list
 *
 * The first run only warms up and is not shown, but where one run is all there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_work.h"

static const bench_work *const driver_tables[] = {
    bench_work_single,
    bench_work_frames,
    bench_work_threads,
    bench_work_memory,
};

enum { DRIVER_TABLES = sizeof driver_tables / sizeof driver_tables[0] };

static const bench_work *driver_find(const char *name)
{
    for (size_t i = 0; i < DRIVER_TABLES; i++) {
        for (const bench_work *work = driver_tables[i]; work->name != NULL; work++) {
            if (strcmp(work->name, name) == 0)
                return work;
        }
    }
    bench_die("no such workload:", name);
}

static int driver_list(void)
{
    for (size_t i = 0; i < DRIVER_TABLES; i++) {
        for (const bench_work *work = driver_tables[i]; work->name != NULL; work++)
            (void)puts(work->name);
    }
    return 0;
}

static uint32_t driver_figure_count(const char *names)
{
    uint32_t count = 1;
    for (; *names != '\0'; names++)
        count += *names == ',';
    return count;
}

static void driver_print(const bench_work *work, const bench_figures *all, uint32_t runs)
{
    uint32_t count = driver_figure_count(work->figures);
    (void)printf("{\"work\":\"%s\",\"figures\":\"%s\",\"runs\":[", work->name, work->figures);
    for (uint32_t run = 0; run < runs; run++) {
        (void)printf("%s[", run > 0 ? "," : "");
        for (uint32_t i = 0; i < count; i++)
            (void)printf("%s%.4g", i > 0 ? "," : "", all[run].values[i]);
        (void)printf("]");
    }
    const char *doubt = work->keeps ? NULL : bench_under_check();
    (void)printf("],\"doubt\":\"%s\"}\n", doubt != NULL ? doubt : "");
}

int main(int argc, char **argv)
{
    static bench_figures all[BENCH_RUNS_MAX];
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return driver_list();
    if (argc != 2 && argc != 3)
        bench_die("usage:", "alloc_driver WORKLOAD [RUNS]");
    const bench_work *work = driver_find(argv[1]);
    uint32_t runs = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 5;
    if (runs == 0 || runs > BENCH_RUNS_MAX)
        bench_die("runs: 1 to 64, not", argv[2]);
    bench_under_start();
    work->prepare();
    if (work->runs_max != 0 && runs > work->runs_max)
        runs = work->runs_max;
    if (runs > 1)
        work->run(&all[0]);
    for (uint32_t run = 0; run < runs; run++)
        work->run(&all[run]);
    driver_print(work, all, runs);
    return 0;
}
