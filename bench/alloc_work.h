/* SPDX-License-Identifier: MIT */
/**
 * @file alloc_work.h
 * @brief A workload: prepared once, run many times, each run giving figures.
 */
#ifndef PLIM_BENCH_ALLOC_WORK_H
#define PLIM_BENCH_ALLOC_WORK_H
#include "alloc_tools.h"
#include "alloc_under.h"

enum { BENCH_FIGURES_MAX = 10 };

/** One run's figures, in the order of the workload's names. */
typedef struct bench_figures {
    double values[BENCH_FIGURES_MAX];
} bench_figures;

typedef struct bench_work {
    const char *name;
    const char *figures; /**< names of the figures, apart by commas */
    void (*prepare)(void);
    void (*run)(bench_figures *out);
    uint32_t runs_max; /**< 0: as many as asked */
    bool keeps;        /**< blocks are still live after the last run */
} bench_work;

/** Tables end with a row without a name. */
extern const bench_work bench_work_single[];
extern const bench_work bench_work_frames[];
extern const bench_work bench_work_threads[];
extern const bench_work bench_work_memory[];

/** A block of that size, its first word written: whoever asks for memory writes to it. Inlined, so
 *  that a constant is one where the interface's own header looks at it, as in a user's program. */
static inline __attribute__((always_inline)) void *bench_take(size_t bytes)
{
    uint64_t *block = BENCH_ALLOC(bytes);
    if (block == NULL)
        bench_die("refused:", "an allocation of the workload");
    *(volatile uint64_t *)block = bytes;
    return block;
}

#endif
