/* SPDX-License-Identifier: MIT */
/**
 * @file alloc_tools.h
 * @brief What the memory benchmarks share: clocks, numbers that repeat, what the kernel counts.
 */
#ifndef PLIM_BENCH_ALLOC_TOOLS_H
#define PLIM_BENCH_ALLOC_TOOLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_RUNS_MAX = 64,
    BENCH_SIZES = 1 << 14 /* a table of sizes, gone through in a circle */
};

/** Ends the program with one line on standard error. */
_Noreturn void bench_die(const char *what, const char *detail);

/** Seconds on the monotonic clock. */
double bench_seconds(void);

/** The next of a sequence that is the same in every run (splitmix64). */
uint64_t bench_random(uint64_t *state);

/** A random order of 0 to count - 1. */
void bench_shuffle(uint32_t *order, uint32_t count, uint64_t seed);

/** 56 % 16-128 B, 25 % to 1 KiB, 13 % to 8 KiB, 6 % to 64 KiB: what programs ask for, roughly. */
void bench_mixed_sizes(uint32_t *sizes, uint32_t count, uint64_t seed);

/** Pages straight from the kernel, touched, so that no allocator under test is involved. */
void *bench_pages(size_t bytes);

/** Anonymous memory of this process that is there, as its page tables say (some 50 us): without the
 *  pages of programs and libraries, and exact, where the kernel's running count (VmRSS, VmHWM) is
 *  off by up to 32 pages a processor. */
uint64_t bench_held_bytes(void);

/** Its address space. */
uint64_t bench_mapped_bytes(void);

/** Uses an address, so that it must be computed. */
static inline void bench_keep(const void *block)
{
    __asm__ volatile("" : : "r"(block));
}

/** Cycles of a clock that ticks at a fixed rate; waits for all that was begun before. */
static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
    uint32_t low, high, cpu;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(cpu) : : "memory");
    return (uint64_t)high << 32 | low;
#else
    return (uint64_t)(bench_seconds() * 1e9);
#endif
}

/** Nanoseconds of one tick, measured. */
double bench_tick_ns(void);

#endif
