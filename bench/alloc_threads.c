/* SPDX-License-Identifier: MIT */
/*
 * Two threads. "larson": each replaces blocks in a table of its own, and every 50,000 replacements
 * they exchange tables, so that blocks end on the other thread than they began on, as in a server.
 * "ring": one takes and the other gives back, so that every block crosses. Figures are nanoseconds
 * of wall time per replacement or block, of both threads together.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "alloc_work.h"

enum {
    THREADS_COUNT = 2,
    THREADS_SLOTS = 1000,
    THREADS_TURN = 50000,
    THREADS_TURNS = 8,
    THREADS_RING = 1024,
    THREADS_CROSSINGS = 200000
};

static void *threads_tables[THREADS_COUNT][THREADS_SLOTS];
static pthread_barrier_t threads_turn;

static void *threads_larson_one(void *arg)
{
    uint32_t self = *(uint32_t *)arg;
    uint64_t state = 10 + self;
    (void)pthread_barrier_wait(&threads_turn);
    for (uint32_t turn = 0; turn < THREADS_TURNS; turn++) {
        void **table = threads_tables[(self + turn) % THREADS_COUNT];
        for (uint32_t i = 0; i < THREADS_TURN; i++) {
            uint64_t draw = bench_random(&state);
            uint32_t at = (uint32_t)(draw >> 32) % THREADS_SLOTS;
            BENCH_FREE(table[at]);
            table[at] = bench_take(16 + (uint32_t)draw % 497);
        }
        (void)pthread_barrier_wait(&threads_turn);
    }
    return NULL;
}

static void threads_both(void *(*run)(void *))
{
    static uint32_t numbers[THREADS_COUNT] = {0, 1};
    pthread_t threads[THREADS_COUNT];
    for (uint32_t i = 0; i < THREADS_COUNT; i++) {
        if (pthread_create(&threads[i], NULL, run, &numbers[i]) != 0)
            bench_die("no thread for", "the workload");
    }
    for (uint32_t i = 0; i < THREADS_COUNT; i++)
        (void)pthread_join(threads[i], NULL);
}

static void threads_prepare(void)
{
    uint64_t state = 9;
    if (pthread_barrier_init(&threads_turn, NULL, THREADS_COUNT) != 0)
        bench_die("no barrier for", "the workload");
    for (uint32_t i = 0; i < THREADS_COUNT * THREADS_SLOTS; i++)
        threads_tables[i / THREADS_SLOTS][i % THREADS_SLOTS] =
            bench_take(16 + bench_random(&state) % 497);
}

static void threads_larson(bench_figures *out)
{
    double began = bench_seconds();
    threads_both(threads_larson_one);
    out->values[0] =
        (bench_seconds() - began) * 1e9 / (THREADS_COUNT * THREADS_TURNS * THREADS_TURN);
}

/* ---- one takes, the other gives back ------------------------------------------------------- */

static _Atomic uint32_t threads_put, threads_got;
static void *threads_ring[THREADS_RING];

static void threads_produce(void)
{
    for (uint32_t i = 0; i < THREADS_CROSSINGS; i++) {
        while (i - atomic_load_explicit(&threads_got, memory_order_acquire) == THREADS_RING)
            (void)sched_yield();
        threads_ring[i % THREADS_RING] = bench_take(64);
        atomic_store_explicit(&threads_put, i + 1, memory_order_release);
    }
}

static void threads_consume(void)
{
    for (uint32_t i = 0; i < THREADS_CROSSINGS; i++) {
        while (atomic_load_explicit(&threads_put, memory_order_acquire) == i)
            (void)sched_yield();
        BENCH_FREE(threads_ring[i % THREADS_RING]);
        atomic_store_explicit(&threads_got, i + 1, memory_order_release);
    }
}

static void *threads_ring_one(void *arg)
{
    if (*(uint32_t *)arg == 0)
        threads_produce();
    else
        threads_consume();
    return NULL;
}

static void threads_cross(bench_figures *out)
{
    atomic_store(&threads_put, 0);
    atomic_store(&threads_got, 0);
    double began = bench_seconds();
    threads_both(threads_ring_one);
    out->values[0] = (bench_seconds() - began) * 1e9 / THREADS_CROSSINGS;
}

const bench_work bench_work_threads[] = {
    {"larson", "ns", threads_prepare, threads_larson, 0, true},
    {"ring", "ns", threads_prepare, threads_cross, 0, true},
    {0},
};
