/* SPDX-License-Identifier: MIT */
/*
 * Question: what does a frame of 40 buffers (2.9 MB) cost to keep book of, and what to touch?
 * Bound: bookkeeping under 100 ns in pools; with one write per page, under half of what the best
 * general allocator needs; 10^6 frames grow by nothing.
 *
 *   bench_frame pool|malloc [RUNS]     one line of JSON: ns per frame, minimum and median of RUNS
 * `malloc` is whichever is loaded: bench_frame.py preloads the peers one after another.
 */
#include <plimsoll/frame.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUFFERS = 40, RUNS_DEFAULT = 21, RUNS_MAX = 101, PAGE = 4096 };

typedef struct bench {
    plim_pool *pools[3];
    plim_pool *order[BUFFERS]; /* whose buffers a frame takes, one after another */
    size_t bytes[BUFFERS];
    plim_frame *frame;
    bool touches;
} bench;

/* 28 f32, 8 vec2f32, 4 rgba8 of 15,000 elements, as they follow each other in a frame. */
static uint32_t bench_kind(uint32_t buffer)
{
    return buffer % 5 == 4 ? 1 : buffer % 10 == 3 ? 2 : 0;
}

static size_t bench_bytes(uint32_t kind)
{
    return kind == 1 ? 120000 : 60000;
}

static void bench_touch(void *data, size_t bytes)
{
    volatile unsigned char *at = data;
    for (size_t i = 0; i < bytes; i += PAGE)
        at[i] = 1;
}

static void bench_pool_frames(bench *b, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        PLIM_FRAME (b->frame) {
            for (uint32_t i = 0; i < BUFFERS; i++) {
                plim_buffer buffer;
                if (plim_pool_acquire(b->order[i], 15000, &buffer, NULL) != PLIM_OK)
                    abort();
                if (b->touches)
                    bench_touch(buffer.data, b->bytes[i]);
            }
        }
    }
}

static void bench_malloc_frames(bench *b, uint32_t count)
{
    void *volatile held[BUFFERS];
    for (uint32_t n = 0; n < count; n++) {
        for (uint32_t i = 0; i < BUFFERS; i++) {
            held[i] = malloc(b->bytes[i]);
            if (held[i] == NULL)
                abort();
            if (b->touches)
                bench_touch(held[i], b->bytes[i]);
        }
        for (uint32_t i = 0; i < BUFFERS; i++)
            free(held[i]);
    }
}

static uint64_t bench_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef void bench_frames(bench *b, uint32_t count);

/* Minimum and median of so many runs of at least a few milliseconds each. */
static void bench_run(bench *b, bench_frames *frames, uint32_t runs, double out[2])
{
    static double ns[RUNS_MAX];
    uint32_t count = 16;
    frames(b, count);
    for (;;) { /* bounded: doubles until it takes long enough */
        uint64_t start = bench_clock_ns();
        frames(b, count);
        if (bench_clock_ns() - start > 5000000 || count > (1u << 24))
            break;
        count *= 2;
    }
    for (uint32_t r = 0; r < runs; r++) {
        uint64_t start = bench_clock_ns();
        frames(b, count);
        ns[r] = (double)(bench_clock_ns() - start) / count;
    }
    qsort(ns, runs, sizeof ns[0], bench_order);
    out[0] = ns[0];
    out[1] = ns[runs / 2];
}

static void bench_open(bench *b)
{
    static const plim_format formats[] = {PLIM_FORMAT_F32, PLIM_FORMAT_VEC2F32, PLIM_FORMAT_RGBA8};
    static const uint32_t slots[] = {28, 8, 4};
    for (uint32_t i = 0; i < 3; i++) {
        plim_pool_options options = {.struct_bytes = sizeof options,
                                     .name = formats[i].name,
                                     .format = formats[i],
                                     .slot_count = slots[i]};
        if (plim_pool_create(&options, &b->pools[i], NULL) != PLIM_OK)
            abort();
    }
    plim_frame_options options = {
        .struct_bytes = sizeof options, .pools = b->pools, .pool_count = 3};
    if (plim_frame_create(&options, &b->frame, NULL) != PLIM_OK)
        abort();
}

int main(int argc, char **argv)
{
    bench b = {.touches = false};
    bool pool = argc > 1 && strcmp(argv[1], "pool") == 0;
    uint32_t runs = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : RUNS_DEFAULT;
    double book[2];
    double touch[2];
    if (argc < 2 || runs == 0 || runs > RUNS_MAX || (!pool && strcmp(argv[1], "malloc") != 0)) {
        (void)fprintf(stderr, "usage: bench_frame pool|malloc [RUNS]\n");
        return 2;
    }
    if (pool)
        bench_open(&b);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        b.order[i] = b.pools[bench_kind(i)];
        b.bytes[i] = bench_bytes(bench_kind(i));
    }
    bench_frames *frames = pool ? bench_pool_frames : bench_malloc_frames;
    bench_run(&b, frames, runs, book);
    b.touches = true;
    bench_run(&b, frames, runs, touch);
    printf("{\"what\":\"%s\",\"runs\":%u,\"frame_ns_min\":%.1f,\"frame_ns_median\":%.1f,"
           "\"touch_ns_min\":%.1f,\"touch_ns_median\":%.1f}\n",
           argv[1], runs, book[0], book[1], touch[0], touch[1]);
    if (pool) {
        plim_frame_destroy(&b.frame);
        for (int i = 0; i < 3; i++)
            plim_pool_destroy(&b.pools[i]);
    }
    return 0;
}
