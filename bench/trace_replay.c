/* SPDX-License-Identifier: MIT */
/*
 * Replays a recorded trace on the allocator it was built for, or that LD_PRELOAD brings:
 *
 *     trace_replay TRACE RUNS [--touch]
 *
 * All on one thread, in the order recorded; a realloc is a resize. Plain, the first word of a block
 * is written; with --touch every byte that was asked for, as the program would sooner or later.
 * Figures: nanoseconds per event, blocks left at the end given back outside of the time. The peak
 * of what the process holds is taken in a first run, touched whatever is asked for, before the
 * allocator was even started.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc_tools.h"
#include "alloc_under.h"
#include "trace.h"

enum { REPLAY_LOOKS = 256 };

static const uint64_t *replay_events;
static uint64_t replay_event_count;
static uint64_t replay_id_count;
static void **replay_blocks;
static uint32_t *replay_bytes;

static void replay_load(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || (size_t)info.st_size < sizeof(trace_head))
        bench_die("cannot read", path);
    const trace_head *head =
        mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    (void)close(fd);
    if (head == MAP_FAILED || head->magic != TRACE_MAGIC)
        bench_die("no trace:", path);
    if (head->event_count > ((size_t)info.st_size - sizeof *head) / sizeof *replay_events ||
        head->id_count > TRACE_IDS_MAX)
        bench_die("damaged:", path);
    replay_events = (const uint64_t *)(head + 1);
    replay_event_count = head->event_count;
    const char *first = getenv("BENCH_EVENTS"); /* so many, where all would take too long */
    uint64_t most = first != NULL ? strtoull(first, NULL, 10) : 0;
    if (most != 0 && most < replay_event_count)
        replay_event_count = most;
    replay_id_count = head->id_count;
    for (uint64_t i = 0; i < replay_event_count; i++) {
        if (trace_event_id(replay_events[i]) >= replay_id_count)
            bench_die("damaged:", path);
    }
    replay_blocks = bench_pages((replay_id_count + 1) * sizeof *replay_blocks);
    replay_bytes = bench_pages((replay_id_count + 1) * sizeof *replay_bytes);
}

/* The most bytes that the program had asked for at once, and after which event. */
static uint64_t replay_peak_live(uint64_t *out_at)
{
    uint64_t live = 0, peak = 0;
    for (uint64_t i = 0; i < replay_event_count; i++) {
        uint32_t *bytes = &replay_bytes[trace_event_id(replay_events[i])];
        live -= *bytes;
        *bytes = trace_event_bytes(replay_events[i]);
        live += *bytes;
        if (live > peak) {
            peak = live;
            *out_at = i;
        }
    }
    memset(replay_bytes, 0, replay_id_count * sizeof *replay_bytes);
    return peak;
}

static void replay_write(void *block, uint32_t from, uint32_t bytes, bool touch)
{
    if (block == NULL)
        bench_die("refused:", "an allocation of the trace");
    if (touch && bytes > from)
        memset((char *)block + from, 1, bytes - from);
    else if (bytes >= sizeof(uint64_t))
        *(volatile uint64_t *)block = bytes;
    bench_keep(block);
}

static inline void replay_one(uint64_t event, bool touch)
{
    uint32_t id = trace_event_id(event), bytes = trace_event_bytes(event);
    size_t asked = bytes != 0 ? bytes : 1;
    switch (trace_event_op(event)) {
    case TRACE_FREE:
        BENCH_FREE(replay_blocks[id]);
        replay_blocks[id] = NULL;
        return;
    case TRACE_RESIZE:
        replay_blocks[id] = BENCH_RESIZE(replay_blocks[id], asked);
        replay_write(replay_blocks[id], touch ? replay_bytes[id] : 0, bytes, touch);
        break;
    case TRACE_ZEROED: /* zeroing costs the same everywhere; it is written below when touched */
    case TRACE_ALLOC:
        replay_blocks[id] = BENCH_ALLOC(asked);
        replay_write(replay_blocks[id], 0, bytes, touch);
        break;
    }
    if (touch)
        replay_bytes[id] = bytes;
}

static void replay_give_rest(void)
{
    for (uint64_t id = 0; id < replay_id_count; id++) {
        if (replay_blocks[id] != NULL)
            BENCH_FREE(replay_blocks[id]);
        replay_blocks[id] = NULL;
    }
}

static double replay_run(bool touch)
{
    double began = bench_seconds();
    if (touch) {
        for (uint64_t i = 0; i < replay_event_count; i++)
            replay_one(replay_events[i], true);
    } else {
        for (uint64_t i = 0; i < replay_event_count; i++)
            replay_one(replay_events[i], false);
    }
    double took = bench_seconds() - began;
    replay_give_rest();
    return took * 1e9 / (double)replay_event_count;
}

/* The most that the process held: looked at where most is live, and 256 times on the way. */
static uint64_t replay_peak_held(uint64_t peak_at)
{
    uint64_t peak = 0;
    for (uint64_t i = 0; i < replay_event_count; i++) {
        replay_one(replay_events[i], true);
        if (i != peak_at && i % (replay_event_count / REPLAY_LOOKS + 1) != 0)
            continue;
        uint64_t held = bench_held_bytes();
        peak = held > peak ? held : peak;
    }
    replay_give_rest();
    return peak;
}

int main(int argc, char **argv)
{
    bool touch = argc == 4 && strcmp(argv[3], "--touch") == 0;
    if (argc != 3 && !touch)
        bench_die("usage:", "trace_replay TRACE RUNS [--touch]");
    uint32_t runs = (uint32_t)strtoul(argv[2], NULL, 10);
    replay_load(argv[1]);
    uint64_t peak_at = 0;
    uint64_t peak_live = replay_peak_live(&peak_at);
    uint64_t base = bench_held_bytes();
    bench_under_start();
    uint64_t peak_held = replay_peak_held(peak_at) - base;
    (void)printf("{\"events\":%llu,\"peak_live_bytes\":%llu,\"peak_held_bytes\":%llu,\"runs\":[",
                 (unsigned long long)replay_event_count, (unsigned long long)peak_live,
                 (unsigned long long)peak_held);
    for (uint32_t run = 0; run < runs; run++)
        (void)printf("%s%.4g", run > 0 ? "," : "", replay_run(touch));
    const char *doubt = bench_under_check();
    (void)printf("],\"doubt\":\"%s\"}\n", doubt != NULL ? doubt : "");
    return 0;
}
