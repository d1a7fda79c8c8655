/* SPDX-License-Identifier: MIT */
/*
 * A frame of 40 buffers for 15,000 elements (28 of one float each, 8 of two, 4 of four bytes: 2.9
 * MB), taken, one byte of each page written or not, and all given back, over and over. Figures are
 * nanoseconds of a frame. As "poolframe…" the same from typed pools inside PLIM_FRAME, which only
 * Plimsoll has. "scope" is 64 small blocks that end together: PLIM_WITH, a talloc parent, an APR
 * pool, or one free() each.
 */
#include "alloc_work.h"

enum {
    FRAME_BUFFERS = 40,
    FRAME_ELEMENTS = 15000,
    FRAME_PAGE = 4096,
    FRAME_COUNT = 500,
    FRAME_TOUCHED_COUNT = 30,
    FRAME_LONG_COUNT = 1000000,
    SCOPE_BLOCKS = 64,
    SCOPE_COUNT = 2000
};

static size_t frame_bytes[FRAME_BUFFERS];

static uint32_t frame_kind(uint32_t index)
{
    return index % 5 == 4 ? 1 : index % 10 == 3 ? 2 : 0;
}

static void frame_touch(void *buffer, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += FRAME_PAGE)
        ((volatile uint8_t *)buffer)[at] = 1;
}

/* ---- from the allocator as it is ----------------------------------------------------------- */

static void frame_prepare(void)
{
    for (uint32_t i = 0; i < FRAME_BUFFERS; i++)
        frame_bytes[i] = frame_kind(i) == 1 ? FRAME_ELEMENTS * 8 : FRAME_ELEMENTS * 4;
}

static void frame_once(bool touch)
{
    void *buffers[FRAME_BUFFERS];
    for (uint32_t i = 0; i < FRAME_BUFFERS; i++) {
        buffers[i] = bench_take(frame_bytes[i]);
        if (touch)
            frame_touch(buffers[i], frame_bytes[i]);
        bench_keep(buffers[i]);
    }
    for (uint32_t i = 0; i < FRAME_BUFFERS; i++)
        BENCH_FREE(buffers[i]);
}

static void frame_heap(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t frame = 0; frame < FRAME_COUNT; frame++)
        frame_once(false);
    out->values[0] = (bench_seconds() - began) * 1e9 / FRAME_COUNT;
}

static void frame_heap_touched(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t frame = 0; frame < FRAME_TOUCHED_COUNT; frame++)
        frame_once(true);
    out->values[0] = (bench_seconds() - began) * 1e9 / FRAME_TOUCHED_COUNT;
}

/* ---- from pools ---------------------------------------------------------------------------- */

#if defined(BENCH_PLIM)
#include <plimsoll/frame.h>

static plim_pool *frame_pools[3];
static plim_pool *frame_order[FRAME_BUFFERS];
static plim_frame *frame_frame;

static void frame_prepare_pools(void)
{
    static const plim_format formats[] = {PLIM_FORMAT_F32, PLIM_FORMAT_VEC2F32, PLIM_FORMAT_RGBA8};
    static const uint32_t slots[] = {28, 8, 4};
    plim_error err = {0};
    for (uint32_t i = 0; i < 3; i++) {
        const plim_pool_options options = {
            .struct_bytes = sizeof options,
            .slot_count = slots[i],
            .name = formats[i].name,
            .format = formats[i],
            .allocator = plim_domain_allocator(bench_domain),
        };
        if (plim_pool_create(&options, &frame_pools[i], &err) != PLIM_OK)
            bench_die("no pool:", err.what);
    }
    frame_prepare();
    for (uint32_t i = 0; i < FRAME_BUFFERS; i++)
        frame_order[i] = frame_pools[frame_kind(i)];
    const plim_frame_options options = {
        .struct_bytes = sizeof options, .pools = frame_pools, .pool_count = 3};
    if (plim_frame_create(&options, &frame_frame, &err) != PLIM_OK)
        bench_die("no frame:", err.what);
}

static inline __attribute__((always_inline)) void frame_once_pooled(bool touch)
{
    PLIM_FRAME (frame_frame) {
        for (uint32_t i = 0; i < FRAME_BUFFERS; i++) {
            plim_buffer buffer;
            if (plim_pool_acquire(frame_order[i], FRAME_ELEMENTS, &buffer, NULL) != PLIM_OK)
                bench_die("refused:", "a slot");
            if (touch)
                frame_touch(buffer.data, frame_bytes[i]);
            bench_keep(buffer.data);
        }
    }
}

static void frame_pool(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t frame = 0; frame < 20 * FRAME_COUNT; frame++)
        frame_once_pooled(false);
    out->values[0] = (bench_seconds() - began) * 1e9 / (20 * FRAME_COUNT);
}

static void frame_pool_touched(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t frame = 0; frame < FRAME_COUNT; frame++)
        frame_once_pooled(true);
    out->values[0] = (bench_seconds() - began) * 1e9 / FRAME_COUNT;
}

/* Over 10^6 frames: what the process and the domain have grown by, and requests made. */
static void frame_growth(bench_figures *out)
{
    plim_domain_stats before, after;
    frame_once_pooled(true);
    uint64_t held = bench_held_bytes();
    uint64_t mapped = bench_mapped_bytes();
    if (plim_domain_stats_read(bench_domain, &before) != PLIM_OK)
        bench_die("no figures of", "the domain");
    for (uint32_t frame = 0; frame < FRAME_LONG_COUNT; frame++)
        frame_once_pooled(false);
    if (plim_domain_stats_read(bench_domain, &after) != PLIM_OK)
        bench_die("no figures of", "the domain");
    out->values[0] = (double)bench_held_bytes() - (double)held;
    out->values[1] = (double)bench_mapped_bytes() - (double)mapped;
    out->values[2] = (double)after.used_bytes - (double)before.used_bytes;
    out->values[3] = (double)after.allocation_total - (double)before.allocation_total;
}
#endif

/* ---- blocks that end together -------------------------------------------------------------- */

static uint32_t *scope_sizes;

static void scope_prepare(void)
{
    uint64_t state = 8;
    scope_sizes = bench_pages(SCOPE_BLOCKS * sizeof *scope_sizes);
    for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
        scope_sizes[i] = 16 + (uint32_t)(bench_random(&state) % 241);
}

#if defined(BENCH_PLIM)
static void scope_once(void)
{
    PLIM_WITH (bench_domain, SCOPE_BLOCKS * 272, scope) {
        for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
            *(volatile uint64_t *)plim_scope_alloc(scope, scope_sizes[i]) = i;
    }
}
#elif defined(BENCH_TALLOC)
static void scope_once(void)
{
    void *parent = talloc_named_const(NULL, 0, "scope");
    for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
        *(volatile uint64_t *)talloc_named_const(parent, scope_sizes[i], "bench") = i;
    (void)talloc_free(parent);
}
#elif defined(BENCH_APR)
#include <apr_pools.h>

static void scope_once(void)
{
    apr_pool_t *pool = NULL;
    (void)apr_pool_create(&pool, NULL);
    for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
        *(volatile uint64_t *)apr_palloc(pool, scope_sizes[i]) = i;
    apr_pool_destroy(pool);
}
#else
static void scope_once(void)
{
    void *blocks[SCOPE_BLOCKS];
    for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
        blocks[i] = bench_take(scope_sizes[i]);
    for (uint32_t i = 0; i < SCOPE_BLOCKS; i++)
        BENCH_FREE(blocks[i]);
}
#endif

static void scope_run(bench_figures *out)
{
    double began = bench_seconds();
    for (uint32_t i = 0; i < SCOPE_COUNT; i++)
        scope_once();
    out->values[0] = (bench_seconds() - began) * 1e9 / SCOPE_COUNT;
}

const bench_work bench_work_frames[] = {
    {"frame", "ns", frame_prepare, frame_heap, 0, false},
    {"frame+touch", "ns", frame_prepare, frame_heap_touched, 0, false},
    {"scope", "ns", scope_prepare, scope_run, 0, false},
#if defined(BENCH_PLIM)
    {"poolframe", "ns", frame_prepare_pools, frame_pool, 0, true},
    {"poolframe+touch", "ns", frame_prepare_pools, frame_pool_touched, 0, true},
    {"poolgrowth", "rss_bytes,mapped_bytes,used_bytes,allocations", frame_prepare_pools,
     frame_growth, 1, true},
#endif
    {0},
};
