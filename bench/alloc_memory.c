/* SPDX-License-Identifier: MIT */
/*
 * What lasts: latencies of a steady state that was warmed up first, and how far what a process
 * holds is above what it asked for, in phases of growing sizes with nine of ten blocks given back
 * between.
 *
 * Beside each call nothing is timed as well, between two looks at the clock: what of the tail is
 * the machine's. And page faults are counted: a steady state should have none.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "alloc_work.h"

enum {
    MEMORY_LIVE = 20000,
    MEMORY_WARM = 400000,
    MEMORY_SAMPLES = 400000,
    MEMORY_PHASES = 4,
    MEMORY_PHASE_BLOCKS = 400000,
    MEMORY_KEEP_EACH = 10
};

static void **memory_blocks;
static uint32_t *memory_sizes;
static uint32_t *memory_take_ticks;
static uint32_t *memory_give_ticks;
static uint32_t *memory_none_ticks;
static double memory_tick_ns;

/* ---- latency ------------------------------------------------------------------------------- */

static uint32_t memory_ticks_between(uint64_t began, uint64_t ended)
{
    uint64_t ticks = ended - began;
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static void memory_turn(uint64_t *state, uint32_t sample, bool counts)
{
    uint64_t draw = bench_random(state);
    uint32_t at = (uint32_t)(draw >> 32) % MEMORY_LIVE;
    uint32_t bytes = memory_sizes[draw % BENCH_SIZES];
    uint64_t began = bench_ticks();
    BENCH_FREE(memory_blocks[at]);
    uint64_t between = bench_ticks();
    void *block = BENCH_ALLOC(bytes);
    uint64_t ended = bench_ticks();
    if (block == NULL)
        bench_die("refused:", "an allocation of the workload");
    *(volatile uint64_t *)block = bytes;
    memory_blocks[at] = block;
    if (counts) {
        uint64_t before = bench_ticks();
        memory_none_ticks[sample] = memory_ticks_between(before, bench_ticks());
        memory_give_ticks[sample] = memory_ticks_between(began, between);
        memory_take_ticks[sample] = memory_ticks_between(between, ended);
    }
}

static void memory_prepare_latency(void)
{
    memory_tick_ns = bench_tick_ns();
    memory_sizes = bench_pages(BENCH_SIZES * sizeof *memory_sizes);
    bench_mixed_sizes(memory_sizes, BENCH_SIZES, 4);
    memory_blocks = bench_pages(MEMORY_LIVE * sizeof *memory_blocks);
    memory_take_ticks = bench_pages(MEMORY_SAMPLES * sizeof *memory_take_ticks);
    memory_give_ticks = bench_pages(MEMORY_SAMPLES * sizeof *memory_give_ticks);
    memory_none_ticks = bench_pages(MEMORY_SAMPLES * sizeof *memory_none_ticks);
    uint64_t state = 5;
    for (uint32_t i = 0; i < MEMORY_LIVE; i++)
        memory_blocks[i] = bench_take(memory_sizes[i % BENCH_SIZES]);
    for (uint32_t i = 0; i < MEMORY_WARM; i++)
        memory_turn(&state, 0, false);
}

static int memory_compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static double memory_p9999(const uint32_t *sorted)
{
    return sorted[MEMORY_SAMPLES / 10000 * 9999] * memory_tick_ns;
}

static void memory_percentiles(uint32_t *ticks, double *out)
{
    qsort(ticks, MEMORY_SAMPLES, sizeof *ticks, memory_compare);
    out[0] = ticks[MEMORY_SAMPLES / 2] * memory_tick_ns;
    out[1] = ticks[MEMORY_SAMPLES / 100 * 99] * memory_tick_ns;
    out[2] = memory_p9999(ticks);
    out[3] = ticks[MEMORY_SAMPLES - 1] * memory_tick_ns;
}

static long memory_faults(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static void memory_latency(bench_figures *out)
{
    static uint64_t state = 6;
    long faults = memory_faults();
    for (uint32_t i = 0; i < MEMORY_SAMPLES; i++)
        memory_turn(&state, i, true);
    out->values[9] = (double)(memory_faults() - faults);
    memory_percentiles(memory_take_ticks, out->values);
    memory_percentiles(memory_give_ticks, out->values + 4);
    qsort(memory_none_ticks, MEMORY_SAMPLES, sizeof *memory_none_ticks, memory_compare);
    out->values[8] = memory_p9999(memory_none_ticks);
}

/* ---- fragmentation ------------------------------------------------------------------------- */

static void memory_prepare_phases(void)
{
    memory_blocks = bench_pages(MEMORY_PHASES * MEMORY_PHASE_BLOCKS * sizeof *memory_blocks);
    memory_sizes = bench_pages(MEMORY_PHASES * MEMORY_PHASE_BLOCKS * sizeof *memory_sizes);
}

/* Fills one phase; sizes grow from phase to phase. Gives the bytes asked for. */
static uint64_t memory_phase(uint32_t phase, uint64_t *state)
{
    uint32_t least = 16u << phase;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < MEMORY_PHASE_BLOCKS; i++) {
        uint32_t at = phase * MEMORY_PHASE_BLOCKS + i;
        memory_sizes[at] = least + (uint32_t)(bench_random(state) % (3 * least + 1));
        memory_blocks[at] = bench_take(memory_sizes[at]);
        for (uint32_t byte = 0; byte < memory_sizes[at]; byte += 64)
            ((volatile uint8_t *)memory_blocks[at])[byte] = 1;
        bytes += memory_sizes[at];
    }
    return bytes;
}

/* Gives nine of ten back, or all that are left. */
static uint64_t memory_thin(uint32_t phase, bool all)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < MEMORY_PHASE_BLOCKS; i++) {
        uint32_t at = phase * MEMORY_PHASE_BLOCKS + i;
        if (memory_blocks[at] == NULL || (!all && i % MEMORY_KEEP_EACH == 0))
            continue;
        BENCH_FREE(memory_blocks[at]);
        memory_blocks[at] = NULL;
        bytes += memory_sizes[at];
    }
    return bytes;
}

static void memory_phases(bench_figures *out)
{
    uint64_t state = 7, live = 0, live_peak = 0, held_peak = 0;
    uint64_t base = bench_held_bytes();
    for (uint32_t phase = 0; phase < MEMORY_PHASES; phase++) {
        live += memory_phase(phase, &state);
        live_peak = live > live_peak ? live : live_peak;
        uint64_t held = bench_held_bytes() - base;
        held_peak = held > held_peak ? held : held_peak;
        live -= memory_thin(phase, false);
    }
    out->values[0] = (double)held_peak / (double)live_peak;
    out->values[1] = (double)live_peak;
    out->values[2] = (double)(bench_held_bytes() - base) / (double)live;
    for (uint32_t phase = 0; phase < MEMORY_PHASES; phase++)
        live -= memory_thin(phase, true);
    if (live != 0)
        bench_die("the books of", "the workload itself");
}

/* ---- records ------------------------------------------------------------------------------- */

#if defined(BENCH_PLIM)
#include <plimsoll/manager.h>

#include <stdio.h>

enum { MEMORY_DOMAINS = 12 };

static void memory_prepare_records(void)
{
    memory_blocks = bench_pages(MEMORY_PHASE_BLOCKS * sizeof *memory_blocks);
}

static double memory_tables(void)
{
    plim_manager_stats stats;
    plim_manager_stats_read(plim_manager_default(), &stats);
    return (double)stats.tables_bytes;
}

/* What the manager's own records grow by with 400,000 blocks of 64 B, and with domains. */
static void memory_records(bench_figures *out)
{
    plim_domain domains[MEMORY_DOMAINS];
    const plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 4096};
    BENCH_FREE(bench_take(64));
    double before = memory_tables();
    for (uint32_t i = 0; i < MEMORY_PHASE_BLOCKS; i++)
        memory_blocks[i] = bench_take(64);
    double filled = memory_tables();
    out->values[0] = (filled - before) / MEMORY_PHASE_BLOCKS;
    for (uint32_t i = 0; i < MEMORY_DOMAINS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%u", i);
        if (plim_domain_create(NULL, name, &options, &domains[i], NULL) != PLIM_OK)
            bench_die("no domain", name);
        plim_free(plim_alloc_in(domains[i], 64));
    }
    out->values[1] = (memory_tables() - filled) / MEMORY_DOMAINS;
    for (uint32_t i = 0; i < MEMORY_PHASE_BLOCKS; i++)
        BENCH_FREE(memory_blocks[i]);
}
#endif

const bench_work bench_work_memory[] = {
    {"latency",
     "take_p50_ns,take_p99_ns,take_p9999_ns,take_most_ns,give_p50_ns,give_p99_ns,give_p9999_ns,"
     "give_most_ns,none_p9999_ns,page_faults",
     memory_prepare_latency, memory_latency, 0, true},
    {"phases", "peak_over_live,peak_live_bytes,end_over_live", memory_prepare_phases, memory_phases,
     1, false},
#if defined(BENCH_PLIM)
    {"records", "bytes_per_block,bytes_per_domain", memory_prepare_records, memory_records, 1,
     false},
#endif
    {0},
};
