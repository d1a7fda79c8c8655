/* SPDX-License-Identifier: MIT */
/*
 * What a hostile Firefox might send: packets, batches of its log of allocations, profiles, and
 * snapshots that become timelines; the first byte says which. Claims: the way packets are cut
 * changes neither what comes out nor the answer; a frame of a batch is deeper than no stack may
 * be; a snapshot that is counted whole and read has as many nodes and edges as were counted;
 * nothing is left of the memory.
 */
#include "heap/formats/firefox_count.h"
#include "heap/formats/firefox_timeline.h"
#include "input.h"
#include "inspect/rdp/rdp.h"

enum { MEMORY_BYTES = 256 << 20, DEPTH_MAX = 128 };

typedef struct heard {
    unsigned packets;
    unsigned bulks;
    unsigned ends;
    unsigned sum;
    uint64_t promised;
    uint64_t bytes;
} heard;

static void note(heard *all, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        all->sum = all->sum * 31 + (unsigned char)data[i];
}

static plim_status on_json(void *ctx, char *text, size_t len, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    FUZZ_CLAIM(text[len] == '\0' && len > 0);
    all->packets++;
    note(all, text, len);
    return PLIM_OK;
}

static plim_status on_bulk(void *ctx, const char *actor, uint64_t len, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    FUZZ_CLAIM(strlen(actor) > 0 && strlen(actor) < PLIM__RDP_ACTOR_BYTES);
    FUZZ_CLAIM(all->bulks == all->ends);
    all->bulks++;
    all->promised = len;
    all->bytes = 0;
    note(all, actor, strlen(actor));
    return PLIM_OK;
}

static plim_status on_bulk_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    FUZZ_CLAIM(len > 0 && len <= all->promised - all->bytes);
    all->bytes += len;
    note(all, data, len);
    return PLIM_OK;
}

static plim_status on_bulk_end(void *ctx, plim_error *err)
{
    heard *all = ctx;
    (void)err;
    FUZZ_CLAIM(all->bytes == all->promised);
    all->ends++;
    return PLIM_OK;
}

static plim_status run_packets(const unsigned char *data, size_t size, size_t cut,
                               const plim_allocator *allocator, heard *all)
{
    plim__rdp_packets packets = {
        .allocator = allocator,
        .events = {all, on_json, on_bulk, on_bulk_data, on_bulk_end},
    };
    plim_status status = PLIM_OK;
    for (size_t at = 0; at < size && status == PLIM_OK; at += cut)
        status = plim__rdp_packets_feed(&packets, (const char *)data + at,
                                        size - at < cut ? size - at : cut, NULL);
    plim__rdp_packets_fini(&packets);
    return status;
}

static void fuzz_packets(const unsigned char *data, size_t size, const plim_allocator *allocator)
{
    heard whole = {0}, in_cuts = {0};
    plim_status first = run_packets(data, size, size + 1, allocator, &whole);
    plim_status second = run_packets(data, size, fuzz_cut(size), allocator, &in_cuts);
    FUZZ_CLAIM(first == second);
    FUZZ_CLAIM(whole.packets == in_cuts.packets && whole.ends == in_cuts.ends);
    FUZZ_CLAIM(whole.sum == in_cuts.sum);
}

static void fuzz_batch(const json_t *batch, const plim_allocator *allocator)
{
    plim__rdp_log log = {.allocator = allocator, .ring = 4};
    plim_profile *profile = NULL;
    plim_profile_info info;
    plim_status status = plim__rdp_log_read(&log, batch, NULL);
    if (status == PLIM_OK)
        status = plim__rdp_log_read(&log, batch, NULL); /* what is known already is found again */
    if (status == PLIM_OK)
        status = plim__rdp_log_take(&log, 64.0, &profile, NULL);
    if (status == PLIM_OK) {
        plim_profile_read_info(profile, &info);
        FUZZ_CLAIM(info.depth_most < DEPTH_MAX);
        FUZZ_CLAIM(info.total[PLIM_MEASURE_SAMPLES] == log.entry_count);
    }
    plim_profile_destroy(&profile);
    plim__rdp_log_fini(&log);
}

static void fuzz_profile(const json_t *profile, const plim_allocator *allocator)
{
    plim__rdp_gc gc = {.first_ms = -1};
    if (plim__rdp_gc_read(&gc, allocator, profile, 7, NULL) == PLIM_OK)
        for (uint32_t i = 1; i < gc.count; i++)
            FUZZ_CLAIM(gc.events[i - 1].at_ns <= gc.events[i].at_ns);
    if (gc.events != NULL)
        (void)allocator->resize(allocator->ctx, gc.events, gc.cap * sizeof *gc.events, 0);
}

static plim_status drop(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return PLIM_OK;
}

static void fuzz_timeline(const unsigned char *data, size_t size, const plim_allocator *allocator)
{
    const plim__firefox_timeline_options options = {.allocator = allocator, .duration_us = 1000000};
    fuzz_input input = {data, size, 0, fuzz_cut(size)};
    fuzz_input again = {data, size, 0, size + 1};
    plim__firefox_counts counts;
    plim__firefox_timeline_result result;
    plim_status whole = plim__firefox_count(fuzz_input_view(&input), allocator, &counts, NULL);
    plim_status read = plim__firefox_timeline(fuzz_input_view(&again), &options,
                                              (plim_sink){NULL, drop}, &result, NULL);
    if (whole != PLIM_OK || read != PLIM_OK)
        return;
    FUZZ_CLAIM(result.node_count == counts.node_count);
    FUZZ_CLAIM(result.edge_count == counts.edge_count);
    FUZZ_CLAIM(result.live_count <= result.node_count);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (size == 0 || plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    const unsigned char *rest = data + 1;
    size_t left = size - 1;
    json_t *document = NULL;
    switch (data[0]) {
    case 'p':
        fuzz_packets(rest, left, allocator);
        break;
    case 'a':
        document = json_loadb((const char *)rest, left, JSON_ALLOW_NUL, NULL);
        fuzz_batch(document, allocator);
        break;
    case 'g':
        document = json_loadb((const char *)rest, left, JSON_ALLOW_NUL, NULL);
        fuzz_profile(document, allocator);
        break;
    default:
        fuzz_timeline(rest, left, allocator);
        break;
    }
    json_decref(document);
    plim_cap_destroy(&cap);
    return 0;
}
