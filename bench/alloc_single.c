/* SPDX-License-Identifier: MIT */
/*
 * One thread: a block at a time, and 10^5 live ones that end in the order they came, its reverse,
 * or none at all. Figures are nanoseconds per pair of allocation and release, the first word of
 * each block written between, as its user would.
 */
#include "alloc_work.h"

enum { SINGLE_PAIRS = 1 << 17, SINGLE_LIVE = 100000, SINGLE_SMALL_BYTES = 64 };

static uint32_t *single_sizes;
static uint32_t *single_order;
static void **single_blocks;

static void single_prepare(void)
{
    single_sizes = bench_pages(BENCH_SIZES * sizeof *single_sizes);
    bench_mixed_sizes(single_sizes, BENCH_SIZES, 1);
    single_order = bench_pages(SINGLE_LIVE * sizeof *single_order);
    bench_shuffle(single_order, SINGLE_LIVE, 2);
    single_blocks = bench_pages(SINGLE_LIVE * sizeof *single_blocks);
}

static void single_pair64(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_PAIRS; i++) {
        void *block = bench_take(SINGLE_SMALL_BYTES);
        BENCH_FREE(block);
    }
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_PAIRS;
}

/* The same where the compiler does not know the size. */
static void single_pair64_variable(bench_figures *out)
{
    volatile size_t unknown = SINGLE_SMALL_BYTES;
    size_t bytes = unknown;
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_PAIRS; i++) {
        void *block = bench_take(bytes);
        BENCH_FREE(block);
    }
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_PAIRS;
}

static void single_pairmix(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_PAIRS; i++) {
        void *block = bench_take(single_sizes[i & (BENCH_SIZES - 1)]);
        BENCH_FREE(block);
    }
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_PAIRS;
}

static void single_lifo64(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        single_blocks[i] = bench_take(SINGLE_SMALL_BYTES);
    for (uint32_t i = SINGLE_LIVE; i > 0; i--)
        BENCH_FREE(single_blocks[i - 1]);
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_LIVE;
}

static void single_rand64(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        single_blocks[i] = bench_take(SINGLE_SMALL_BYTES);
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        BENCH_FREE(single_blocks[single_order[i]]);
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_LIVE;
}

static void single_lifomix(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        single_blocks[i] = bench_take(single_sizes[i & (BENCH_SIZES - 1)]);
    for (uint32_t i = SINGLE_LIVE; i > 0; i--)
        BENCH_FREE(single_blocks[i - 1]);
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_LIVE;
}

static void single_randmix(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        single_blocks[i] = bench_take(single_sizes[i & (BENCH_SIZES - 1)]);
    for (uint32_t i = 0; i < SINGLE_LIVE; i++)
        BENCH_FREE(single_blocks[single_order[i]]);
    out->values[0] = (bench_seconds() - began) * 1e9 / SINGLE_LIVE;
}

/* 10^5 live, small sizes: a random one ends and another begins; nothing of it is page faults. */
static void single_churn(bench_figures *out)
{
    static bool filled;
    static uint64_t state = 3;
    for (uint32_t i = 0; !filled && i < SINGLE_LIVE; i++)
        single_blocks[i] = bench_take(16 + bench_random(&state) % 497);
    filled = true;
    double began = bench_seconds();
    for (uint32_t i = 0; i < 2 * SINGLE_LIVE; i++) {
        uint64_t draw = bench_random(&state);
        uint32_t at = (uint32_t)(draw >> 32) % SINGLE_LIVE;
        BENCH_FREE(single_blocks[at]);
        single_blocks[at] = bench_take(16 + (uint32_t)draw % 497);
    }
    out->values[0] = (bench_seconds() - began) * 1e9 / (2 * SINGLE_LIVE);
}

/* A buffer that grows by a half until it has 1 MiB, as a vector's does. */
static void single_grow(bench_figures *out)
{
    enum { VECTORS = 64 };
    uint32_t steps = 0;
    double began = bench_seconds();
    for (uint32_t i = 0; i < VECTORS; i++) {
        size_t bytes = 64;
        void *block = bench_take(bytes);
        for (; bytes < 1 << 20; steps++) {
            size_t more = bytes + bytes / 2;
            uint64_t *grown = BENCH_RESIZE(block, more);
            if (grown == NULL)
                bench_die("refused:", "growth");
            grown[more / 8 - 1] = 1;
            block = grown;
            bytes = more;
        }
        BENCH_FREE(block);
    }
    out->values[0] = (bench_seconds() - began) * 1e9 / steps;
}

const bench_work bench_work_single[] = {
    {"pair64", "ns", single_prepare, single_pair64, 0, false},
    {"pair64var", "ns", single_prepare, single_pair64_variable, 0, false},
    {"pairmix", "ns", single_prepare, single_pairmix, 0, false},
    {"lifo64", "ns", single_prepare, single_lifo64, 0, false},
    {"rand64", "ns", single_prepare, single_rand64, 0, false},
    {"lifomix", "ns", single_prepare, single_lifomix, 0, false},
    {"randmix", "ns", single_prepare, single_randmix, 0, false},
    {"churn", "ns", single_prepare, single_churn, 0, true},
    {"grow", "ns", single_prepare, single_grow, 0, false},
    {0},
};
