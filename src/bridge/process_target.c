/* SPDX-License-Identifier: MIT */
/*
 * Any C or C++ program as a target: one that runs with libplimsoll-malloc.so. Nothing is asked of
 * it. For a snapshot its threads stand still while the list of its blocks, its variables, stacks
 * and registers are read; a heap that is small enough is copied in that time, so that the whole is
 * of one moment; of a large one the blocks are read afterwards, while it runs on: a block that was
 * given back meanwhile shows what is there now.
 *
 * Invariants: T1 runtime_state is NULL or a process_state of ours, until close(). T2 threads stand
 * still only between plim__peer_stop() and plim__peer_resume() in process_look().
 */
#include "bridge/process_target.h"

#include <plimsoll/bridge.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "bridge/births.h"
#include "bridge/process_graph.h"
#include "platform/process.h"

enum {
    PROCESS_COPY_BYTES = 64 << 20, /* copied in some 20 ms */
    PROCESS_STEP_BYTES = 1 << 22,  /* written between two calls of progress */
    PROCESS_COMMAND_BYTES = 1024
};

typedef struct process_state {
    plim__peer peer;
    plim__heap_map map;
    plim__process_sites *sites;
    uint64_t sampled_after; /* the highest birth when the sampling began */
    bool is_open, is_sampling;
} process_state;

static process_state *process_state_of(const plim_target *target)
{
    return target->runtime_state;
}

/* ---- finding and connecting ---------------------------------------------------------------- */

static plim_status process_resolve_pid(plim_target *target, plim_error *err)
{
    plim__peer peer = {.pid = target->address.pid, .memory = -1, .present = -1};
    plim__heap_map map;
    if (plim__peer_open(peer.pid, target->allocator, &peer, NULL) != PLIM_OK)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %lld cannot be looked into",
                              (long long)target->address.pid);
    plim_status status = plim__process_find_map(&peer, &map, err);
    plim__peer_close(&peer);
    return status;
}

/* What it was started as: the words of its command, without folders. */
static void process_title(plim_target *target, int64_t pid)
{
    char text[PROCESS_COMMAND_BYTES];
    char title[PROCESS_COMMAND_BYTES];
    size_t length = 0;
    size_t used = 0;
    if (plim__process_command(pid, text, sizeof text, &length) != PLIM_OK)
        return;
    for (size_t at = 0; at < length; at++) {
        bool is_space = (unsigned char)text[at] <= ' ' || text[at] == '\x7f';
        if (text[at] == '/') /* what stands before it in this word goes */
            while (used > 0 && title[used - 1] != ' ')
                used--;
        else if (!is_space || (used > 0 && title[used - 1] != ' '))
            title[used++] = is_space ? ' ' : text[at];
    }
    while (used > 0 && title[used - 1] == ' ')
        used--;
    (void)snprintf(target->title, sizeof target->title, "%.*s", (int)used, title);
}

/* The number behind heap: is a process's. */
static bool process_read_scheme(plim_target *target)
{
    const char *text = target->address.path;
    int64_t pid = 0;
    if (text[0] == '\0' || strlen(text) > 10 || text[strspn(text, "0123456789")] != '\0')
        return false;
    for (; *text != '\0'; text++)
        pid = pid * 10 + (*text - '0');
    target->address.pid = pid;
    return pid > 0 && pid <= INT32_MAX;
}

static plim_status process_connect(plim_target *target, plim_error *err)
{
    process_state *state = process_state_of(target);
    if (target->address.kind == PLIM__ADDRESS_NAMED && !process_read_scheme(target))
        return plim_error_set(err, PLIM_ERR_USAGE, "behind heap: stands the number of a process");
    if (state == NULL) {
        state = plim__array_new_zero(target->allocator, 1, sizeof *state);
        if (state == NULL)
            return plim__no_memory(err, "a target");
        target->runtime_state = state;
    }
    int64_t pid = target->address.pid;
    plim_status status = plim__peer_open(pid, target->allocator, &state->peer, err);
    if (status != PLIM_OK)
        return status;
    state->is_open = true;
    status = plim__process_find_map(&state->peer, &state->map, err);
    if (status != PLIM_OK)
        return status;
    target->pid = pid;
    process_title(target, pid);
    (void)snprintf(target->version, sizeof target->version, "heap %u", state->map.version);
    uint64_t identity = plim__process_heap_identity(pid, &state->map);
    if (identity != 0)
        (void)snprintf(target->series, sizeof target->series, "heap %016llx",
                       (unsigned long long)identity);
    target->is_connected = true;
    return PLIM_OK;
}

static void process_disconnect(plim_target *target)
{
    process_state *state = process_state_of(target);
    target->is_connected = false;
    if (state == NULL)
        return;
    if (state->is_open)
        plim__peer_close(&state->peer);
    state->is_open = false;
    plim__process_sites_destroy(&state->sites);
}

static void process_close(plim_target *target)
{
    process_disconnect(target);
    plim__array_free(target->allocator, target->runtime_state, 1, sizeof(process_state));
    target->runtime_state = NULL;
}

/* ---- looking ------------------------------------------------------------------------------- */

static plim_status process_no_notes(const process_state *state, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %lld notes nothing of its blocks",
                       (long long)state->peer.pid);
    plim_error_hint(err, "start it with PLIM_SITES=8 beside LD_PRELOAD=libplimsoll-malloc.so");
    return status;
}

/* Everything of one look; ended by process_fini(). */
typedef struct process_job {
    plim_target *target;
    plim__process_heap heap;
    plim__process_edges edges;
    uint8_t *copy; /* NULL: blocks are read while it runs */
    size_t copy_bytes;
    uint64_t pause_ns;
    plim_progress progress;
    plim_sink sink;
    bool discard;
    uint64_t byte_count, chunk_count, told_bytes;
} process_job;

static void process_fini(process_job *job)
{
    plim__array_free(job->target->allocator, job->copy, job->copy_bytes, 1);
    job->copy = NULL;
    plim__process_edges_fini(&job->edges);
    plim__process_heap_fini(&job->heap);
}

/* Room for a copy of somewhat more than there is now; none where that is much, or refused. */
static void process_prepare(process_job *job)
{
    const process_state *state = process_state_of(job->target);
    uint32_t pages = 0;
    (void)plim__peer_read(&state->peer, state->map.touched_at, &pages, sizeof pages);
    uint64_t bytes = ((uint64_t)pages << state->map.page_shift) + PLIM_READ_CHUNK_BYTES;
    if (bytes > PROCESS_COPY_BYTES)
        return;
    job->copy = plim__array_new_zero(job->target->allocator, (size_t)bytes, 1); /* touched now */
    job->copy_bytes = job->copy != NULL ? (size_t)bytes : 0;
}

static plim_status process_look_still(process_job *job, bool *out_is_copied, plim_error *err)
{
    const process_state *state = process_state_of(job->target);
    plim_status status = plim__process_read_blocks(&state->peer, &job->heap, err);
    if (status == PLIM_OK)
        status = plim__process_find_roots(&state->peer, &job->heap, &job->edges, err);
    uint64_t bytes = (uint64_t)job->heap.page_count << state->map.page_shift;
    *out_is_copied = status == PLIM_OK && bytes <= job->copy_bytes;
    if (*out_is_copied)
        plim__process_copy(&state->peer, &job->heap, job->copy);
    return status;
}

static bool process_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    process_job *job = ctx;
    if (plim_interrupt_count(job->target->options.interrupt) > 0)
        return false;
    return job->progress.step == NULL || strcmp(phase, "collecting") != 0 ||
           job->progress.step(job->progress.ctx, phase, done, total);
}

static plim_status process_look(process_job *job, plim_error *err)
{
    process_state *state = process_state_of(job->target);
    const plim_allocator *allocator = job->target->allocator;
    job->heap = (plim__process_heap){.allocator = allocator, .map = state->map};
    job->edges.allocator = allocator;
    if (state->map.depth == 0)
        return process_no_notes(state, err);
    bool is_copied = false;
    process_prepare(job);
    uint64_t before_ns = plim__peer_now_ns();
    plim_status status = plim__peer_stop(&state->peer, err);
    if (status == PLIM_OK)
        status = process_look_still(job, &is_copied, err);
    plim__peer_resume(&state->peer);
    job->pause_ns = plim__peer_now_ns() - before_ns;
    if (status == PLIM_OK && !is_copied)
        (void)snprintf(job->target->remark, sizeof job->target->remark,
                       "the heap is larger than %d MiB, so what its blocks hold was read while the "
                       "program ran: who holds a block that changed meanwhile may be told wrongly",
                       PROCESS_COPY_BYTES >> 20);
    if (status == PLIM_OK)
        status = plim__process_find_mappings(&state->peer, &job->heap, &job->edges, err);
    plim_progress progress = {job, process_step};
    if (status == PLIM_OK)
        status = plim__process_find_links(&state->peer, &job->heap, is_copied ? job->copy : NULL,
                                          progress, &job->edges, err);
    if (status == PLIM_OK && state->sites == NULL)
        status = plim__process_sites_create(state->peer.pid, allocator, &state->sites, err);
    if (status == PLIM_OK)
        status = plim__process_sites_read(state->sites, &state->peer, &state->map, err);
    return status;
}

/* ---- calls --------------------------------------------------------------------------------- */

static plim_status process_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    const process_state *state = process_state_of(target);
    plim__process_heap heap = {.allocator = target->allocator, .map = state->map};
    plim__process_memory memory;
    plim__memory_bounds bounds;
    int64_t pid = state->peer.pid;
    if (plim__process_memory_read(pid, &memory) != PLIM_OK)
        return plim_error_set(err, PLIM_ERR_GONE, "process %lld has ended", (long long)pid);
    plim_status status = plim__process_read_blocks(&state->peer, &heap, err);
    if (status == PLIM_OK) {
        if (state->map.depth > 0)
            out_usage->used_bytes = heap.used_bytes;
        out_usage->total_bytes = (uint64_t)heap.page_count << state->map.page_shift;
        out_usage->process_rss_bytes = memory.rss_bytes;
        out_usage->process_peak_bytes = memory.peak_bytes;
    }
    plim__process_heap_fini(&heap);
    if (status == PLIM_OK && plim__memory_bounds_read(pid, &bounds) == PLIM_OK &&
        bounds.limit_bytes != UINT64_MAX) {
        out_usage->cgroup_limit_bytes = bounds.limit_bytes;
        out_usage->cgroup_used_bytes = bounds.used_bytes;
    }
    return status;
}

/* The target grows by nothing: what is taken is taken here. */
static plim_status process_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                    plim_error *err)
{
    plim__process_memory memory = {0};
    (void)err;
    (void)plim__process_memory_read(target->pid, &memory);
    *out_estimate = (plim_snapshot_estimate){memory.rss_bytes, PLIM_UNKNOWN, true};
    return PLIM_OK;
}

static plim_status process_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    process_job *job = ctx;
    plim_status status = job->discard ? PLIM_OK : job->sink.write(job->sink.ctx, data, len, err);
    if (status != PLIM_OK)
        return status;
    job->byte_count += len;
    job->chunk_count++;
    if (job->byte_count - job->told_bytes < PROCESS_STEP_BYTES)
        return PLIM_OK;
    job->told_bytes = job->byte_count;
    if (plim_interrupt_count(job->target->options.interrupt) == 0 &&
        (job->progress.step == NULL ||
         job->progress.step(job->progress.ctx, "receiving", job->byte_count, 0)))
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
}

static plim_status process_snapshot(plim_target *target, const plim_snapshot_options *options,
                                    plim_sink sink, plim_snapshot_result *out_result,
                                    plim_error *err)
{
    process_job job = {.target = target, .sink = sink};
    plim_graph *graph = NULL;
    plim_graph_info info = {0};
    if (options != NULL) {
        job.progress = options->progress;
        job.discard = options->discard;
    }
    plim_status status = process_look(&job, err);
    if (status == PLIM_OK)
        status = plim__process_graph(&job.heap, &job.edges, process_state_of(target)->sites, &graph,
                                     err);
    process_fini(&job); /* before the text is made: columns and lists are as much again */
    if (status == PLIM_OK) {
        plim_write_options write = {.struct_bytes = sizeof write,
                                    .allocator = target->allocator,
                                    .progress = {&job, process_step}};
        plim_graph_read_info(graph, &info);
        status = plim_graph_write_v8(graph, (plim_sink){&job, process_write}, &write, err);
    }
    plim_graph_destroy(&graph);
    if (out_result != NULL)
        *out_result = (plim_snapshot_result){.byte_count = job.byte_count,
                                             .node_count = info.node_count,
                                             .edge_count = info.edge_count,
                                             .chunk_count = job.chunk_count,
                                             .pause_ns = job.pause_ns};
    return status;
}

plim_status plim_graph_from_process(int64_t pid, const plim_allocator *allocator,
                                    plim_progress progress, plim_graph **out_graph, plim_error *err)
{
    PLIM_CHECK(out_graph != NULL);
    /* As a target, as far as what looks needs one. */
    plim_target target = {.allocator = plim__allocator_or_system(allocator),
                          .address = {.kind = PLIM__ADDRESS_PID, .pid = pid}};
    process_job job = {.target = &target, .progress = progress};
    plim_status status = process_connect(&target, err);
    if (status == PLIM_OK)
        status = process_look(&job, err);
    if (status == PLIM_OK)
        status = plim__process_graph(&job.heap, &job.edges, process_state_of(&target)->sites,
                                     out_graph, err);
    process_fini(&job);
    process_close(&target);
    return status;
}

static plim_status process_cannot(plim_error *err, const char *what, const char *hint)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED, "%s", what);
    plim_error_hint(err, "%s", hint);
    return status;
}

static plim_status process_collect(plim_target *target, plim_error *err)
{
    (void)target;
    return process_cannot(err, "a C program has no garbage: what it gives back is free at once",
                          "plim leaks finds what is never given back");
}

/* The blocks as they are, one note after the other, while the program runs: a note is one word, so
   each is there or not. */
static plim_status process_read_now(plim_target *target, plim__process_heap *heap, plim_error *err)
{
    const process_state *state = process_state_of(target);
    *heap = (plim__process_heap){.allocator = target->allocator, .map = state->map};
    return state->map.depth == 0 ? process_no_notes(state, err)
                                 : plim__process_read_blocks(&state->peer, heap, err);
}

static plim_status process_sampling_start(plim_target *target, const plim_sampling_options *options,
                                          plim_error *err)
{
    process_state *state = process_state_of(target);
    plim__process_heap heap;
    if (options != NULL && options->include_collected)
        return process_cannot(
            err, "no record is kept of what was allocated and is gone",
            "without --include-collected: what was allocated meanwhile and still lives");
    plim_status status = process_read_now(target, &heap, err);
    state->sampled_after = 0;
    for (uint32_t i = 0; status == PLIM_OK && i < heap.block_count; i++) {
        uint64_t birth = heap.blocks[i].note >> PLIM__NOTE_SITE_BITS;
        state->sampled_after = birth > state->sampled_after ? birth : state->sampled_after;
    }
    state->is_sampling = status == PLIM_OK;
    plim__process_heap_fini(&heap);
    return status;
}

static const char *process_site_name(void *ctx, uint32_t site)
{
    return plim__process_site_name(ctx, site);
}

/* Births rise, so what is later than the first look's last was made since. */
static plim_status process_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    process_state *state = process_state_of(target);
    plim__process_heap heap;
    plim__births births = {.allocator = target->allocator};
    if (!state->is_sampling)
        return plim_error_set(err, PLIM_ERR_USAGE, "no sampling was begun");
    state->is_sampling = false;
    plim_status status = process_read_now(target, &heap, err);
    for (uint32_t i = 0; status == PLIM_OK && i < heap.block_count; i++) {
        uint64_t note = heap.blocks[i].note;
        if (note >> PLIM__NOTE_SITE_BITS > state->sampled_after)
            status = plim__births_add(
                &births, (uint32_t)(note & ((UINT64_C(1) << PLIM__NOTE_SITE_BITS) - 1)),
                heap.blocks[i].bytes, err);
    }
    if (status == PLIM_OK && state->sites == NULL)
        status = plim__process_sites_create(state->peer.pid, target->allocator, &state->sites, err);
    if (status == PLIM_OK)
        status = plim__process_sites_read(state->sites, &state->peer, &state->map, err);
    if (status == PLIM_OK)
        status = plim__births_write(&births, process_site_name, state->sites, sink, err);
    plim__births_fini(&births);
    plim__process_heap_fini(&heap);
    return status;
}

static plim_status process_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    (void)target;
    (void)stacks;
    return process_cannot(err, "a program without a region is recorded by way of a server",
                          "plim serve pid:N prints an address, and plim track takes it; or plim "
                          "snap --count 3, a series for plim diff and plim leaks");
}

/* ---- discovery ----------------------------------------------------------------------------- */

typedef struct process_search {
    plim__discover_add *add;
    void *ctx;
    bool has_map;
} process_search;

static bool process_look_for_map(void *ctx, const plim__peer_mapping *mapping)
{
    process_search *search = ctx;
    search->has_map = plim__process_is_map(mapping);
    return !search->has_map;
}

static bool process_visit(void *ctx, int64_t pid)
{
    process_search *search = ctx;
    plim__peer peer = {.pid = pid, .memory = -1, .present = -1};
    char address[32];
    plim_target described = {0};
    search->has_map = false;
    if (plim__peer_mappings(&peer, process_look_for_map, search) != PLIM_OK || !search->has_map)
        return true; /* another user's, gone, or not one of these */
    process_title(&described, pid);
    (void)snprintf(address, sizeof address, "pid:%lld", (long long)pid);
    plim_found found = {.runtime = "c",
                        .version = "heap",
                        .title = described.title,
                        .address = address,
                        .pid = pid};
    search->add(search->ctx, &found);
    return true;
}

static plim_status process_discover(const plim_target_options *options, plim__discover_add *add,
                                    void *ctx)
{
    process_search search = {.add = add, .ctx = ctx};
    (void)options;
    return plim__process_each(process_visit, &search);
}

static const plim__protocol process_protocol = {
    .connect = process_connect,
    .disconnect = process_disconnect,
    .usage = process_usage,
    .collect = process_collect,
    .snapshot = process_snapshot,
    .sampling_start = process_sampling_start,
    .sampling_stop = process_sampling_stop,
    .tracking_start = process_tracking_start,
};

const plim_target_family plim__process_family = {
    .runtime = {.name = "c",
                .protocol = &process_protocol,
                .scheme = "heap",
                .resolve_pid = process_resolve_pid,
                .close = process_close,
                .estimate = process_estimate},
    .discover = process_discover,
};
