/* SPDX-License-Identifier: MIT */
/*
 * C programs with a region as targets: `pid:4242` and `region:PATH`. All is read from the mapping
 * that the program writes; nothing is asked of it, no code of it runs, and it never stands still.
 *
 * Invariants: P1 target->runtime_state is NULL or a region_state of ours, until close(). P2 while
 * is_connected, state->view is open: it outlives the process, as the memory does.
 */
#include <plimsoll/bridge.h>
#include <plimsoll/transaction.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "bridge/births.h"
#include "bridge/clean_text.h"
#include "bridge/process_target.h"
#include "bridge/program.h"
#include "bridge/region_find.h"
#include "bridge/region_track.h"
#include "inspect/target.h"
#include "platform/process.h"
#include "platform/shared.h"
#include "runtime/region/layout.h"

enum { REGION_STEP_BYTES = 1 << 22 /* written between two calls of progress */ };

typedef struct region_state {
    plim_region_view *view;
    plim__process_ref process; /* pid 0: none is known */
    uint64_t sampled_after;    /* the highest birth when the sampling began */
    bool is_sampling;
    plim__region_track track;
} region_state;

static region_state *region_state_of(const plim_target *target)
{
    return target->runtime_state;
}

static const uint64_t region_slice_ns = 10000000u; /* waited at a time: a stop is seen by then */

/* ---- connecting ---------------------------------------------------------------------------- */

static plim_status region_resolve_pid(plim_target *target, plim_error *err)
{
    plim__program_region found;
    plim_status status = plim__program_region_only(target->address.pid, &found, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(target->path, sizeof target->path, "%s", found.file.path);
    return PLIM_OK;
}

/* What a process calls the file that a path of /proc names. */
typedef struct region_match {
    const char *path;
    plim__held_file file;
    bool found;
} region_match;

static bool region_match_visit(void *ctx, const plim__held_file *file)
{
    region_match *match = ctx;
    match->found = strcmp(file->path, match->path) == 0;
    if (match->found)
        match->file = *file;
    return !match->found;
}

/* The process whose region it is, if the address tells. */
static void region_find_process(plim_target *target, region_state *state)
{
    region_match match = {.path = target->path};
    int64_t pid = target->address.kind == PLIM__ADDRESS_PID ? target->address.pid
                                                            : plim__program_of_path(target->path);
    if (pid <= 0 || plim__process_ref_open(pid, &state->process) != PLIM_OK)
        return;
    target->pid = pid;
    if (plim__process_files(pid, region_match_visit, &match) == PLIM_OK && match.found) {
        plim__program_short_name(&match.file);
        (void)snprintf(target->title, sizeof target->title, "%s", match.file.name);
    }
}

static plim_status region_connect(plim_target *target, plim_error *err)
{
    plim_status status = PLIM_OK;
    region_state *state = region_state_of(target);
    if (state == NULL) {
        state = plim__array_new_zero(target->allocator, 1, sizeof *state);
        if (state == NULL)
            return plim__no_memory(err, "a target");
        target->runtime_state = state;
        state->track.allocator = target->allocator;
    }
    char path[PLIM__PATH_BYTES];
    if (target->address.kind == PLIM__ADDRESS_PID && target->path[0] == '\0')
        status = region_resolve_pid(target, err); /* anew: this is a reconnection */
    if (status == PLIM_OK)
        status = plim__region_find_open(
            target->address.kind == PLIM__ADDRESS_NAMED ? target->address.path : target->path,
            target->allocator, path, &state->view, err);
    if (status != PLIM_OK)
        return status;
    memcpy(target->path, path, sizeof path);
    region_find_process(target, state);
    if (target->title[0] == '\0')
        (void)snprintf(target->title, sizeof target->title, "%.255s",
                       plim__region_short_name(target->path));
    (void)snprintf(target->version, sizeof target->version, "region %u", PLIM__REGION_VERSION);
    plim_region_info info;
    plim_region_view_info(state->view, &info);
    if (info.identity != 0)
        (void)snprintf(target->series, sizeof target->series, "region %016llx",
                       (unsigned long long)info.identity);
    target->is_connected = true;
    return PLIM_OK;
}

static void region_disconnect(plim_target *target)
{
    region_state *state = region_state_of(target);
    target->is_connected = false;
    target->path[0] = '\0';
    if (state == NULL)
        return;
    plim__region_track_fini(&state->track);
    plim_region_view_close(&state->view);
    if (state->process.pid != 0)
        plim__process_ref_close(&state->process);
    state->process.pid = 0;
}

/* Called before disconnect(), which finds nothing left to do. */
static void region_close(plim_target *target)
{
    region_disconnect(target);
    plim__array_free(target->allocator, target->runtime_state, 1, sizeof(region_state));
    target->runtime_state = NULL;
}

/* ---- calls --------------------------------------------------------------------------------- */

static plim_status region_usage(plim_target *target, plim_usage *out_usage, plim_error *err)
{
    region_state *state = region_state_of(target);
    plim_region_info info;
    plim__process_memory memory;
    plim__memory_bounds bounds;
    int64_t pid = state->process.pid;
    if (pid != 0 && !plim__process_ref_alive(&state->process))
        return plim_error_set(err, PLIM_ERR_GONE, "process %lld has ended", (long long)pid);
    plim_region_view_info(state->view, &info);
    out_usage->used_bytes = info.held_bytes + (uint64_t)info.object_count * sizeof(plim__object);
    out_usage->total_bytes = info.data_bytes + (uint64_t)info.object_max * sizeof(plim__object);
    if (pid == 0)
        return PLIM_OK;
    if (plim__process_memory_read(pid, &memory) == PLIM_OK) {
        out_usage->process_rss_bytes = memory.rss_bytes;
        out_usage->process_peak_bytes = memory.peak_bytes;
    }
    if (plim__memory_bounds_read(pid, &bounds) == PLIM_OK && bounds.limit_bytes != UINT64_MAX) {
        out_usage->cgroup_limit_bytes = bounds.limit_bytes;
        out_usage->cgroup_used_bytes = bounds.used_bytes;
    }
    return PLIM_OK;
}

/* The target grows by nothing: what is taken is taken here. */
static plim_status region_estimate(plim_target *target, plim_snapshot_estimate *out_estimate,
                                   plim_error *err)
{
    plim__process_memory memory = {0};
    int64_t pid = region_state_of(target)->process.pid;
    (void)err;
    if (pid != 0)
        (void)plim__process_memory_read(pid, &memory);
    *out_estimate = (plim_snapshot_estimate){memory.rss_bytes, PLIM_UNKNOWN, true};
    return PLIM_OK;
}

/* What stands between the graph's writer and the sink that was given. */
typedef struct region_job {
    plim_target *target;
    plim_progress progress;
    plim_sink sink;
    bool discard;
    uint64_t byte_count, chunk_count, told_bytes;
} region_job;

static bool region_may_go_on(const region_job *job)
{
    return plim_interrupt_count(job->target->options.interrupt) == 0;
}

static bool region_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    region_job *job = ctx;
    if (!region_may_go_on(job))
        return false;
    if (job->progress.step == NULL || strcmp(phase, "objects") != 0)
        return true;
    return job->progress.step(job->progress.ctx, "collecting", done, total);
}

static plim_status region_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    region_job *job = ctx;
    plim_status status = job->discard ? PLIM_OK : job->sink.write(job->sink.ctx, data, len, err);
    if (status != PLIM_OK)
        return status;
    job->byte_count += len;
    job->chunk_count++;
    if (job->byte_count - job->told_bytes < REGION_STEP_BYTES)
        return PLIM_OK;
    job->told_bytes = job->byte_count;
    if (region_may_go_on(job) &&
        (job->progress.step == NULL ||
         job->progress.step(job->progress.ctx, "receiving", job->byte_count, 0)))
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
}

static plim_status region_snapshot(plim_target *target, const plim_snapshot_options *options,
                                   plim_sink sink, plim_snapshot_result *out_result,
                                   plim_error *err)
{
    region_job job = {.target = target, .sink = sink};
    plim_graph *graph = NULL;
    plim_graph_info info = {0};
    if (options != NULL) {
        job.progress = options->progress;
        job.discard = options->discard;
    }
    plim_region_graph_options how = {.struct_bytes = sizeof how,
                                     .allocator = target->allocator,
                                     .progress = {&job, region_step}};
    plim_status status = plim_graph_from_region(region_state_of(target)->view, &how, &graph, err);
    if (status == PLIM_OK) {
        plim_write_options write = {.struct_bytes = sizeof write,
                                    .keep_ids = true, /* series are compared by them */
                                    .allocator = target->allocator,
                                    .progress = {&job, region_step}};
        plim_graph_read_info(graph, &info);
        status = plim_graph_write_v8(graph, (plim_sink){&job, region_write}, &write, err);
    }
    plim_graph_destroy(&graph);
    if (out_result != NULL)
        *out_result = (plim_snapshot_result){.byte_count = job.byte_count,
                                             .node_count = info.node_count,
                                             .edge_count = info.edge_count,
                                             .chunk_count = job.chunk_count};
    return status;
}

static plim_status region_cannot(plim_error *err, const char *what, const char *hint)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED, "%s", what);
    plim_error_hint(err, "%s", hint);
    return status;
}

static plim_status region_collect(plim_target *target, plim_error *err)
{
    (void)target;
    return region_cannot(err, "a region has no garbage: what its program releases is free at once",
                         "plim leaks finds what is never released");
}

static plim_status region_sampling_start(plim_target *target, const plim_sampling_options *options,
                                         plim_error *err)
{
    region_state *state = region_state_of(target);
    plim_region_object object;
    const void *value = NULL;
    if (options != NULL && options->include_collected)
        return region_cannot(
            err, "a region keeps no record of what was allocated and is gone",
            "without --include-collected: what was allocated meanwhile and still lives");
    state->sampled_after = 0;
    for (uint32_t at = 0; plim_region_view_next(state->view, &at, &object, &value);)
        state->sampled_after =
            object.birth > state->sampled_after ? object.birth : state->sampled_after;
    state->is_sampling = true;
    return PLIM_OK;
}

/* A site is the offset of a text, far below; behind this, the number of a type. */
static const uint32_t REGION_NO_SITE = 1u << 31;

/* A text of the region, clean. */
typedef struct region_text {
    const plim_region_view *view;
    char clean[512];
} region_text;

static const char *region_site_name(void *ctx, uint32_t site)
{
    region_text *text = ctx;
    plim_region_type_info type = {0};
    const char *raw = NULL;
    if (site < REGION_NO_SITE)
        raw = plim_region_view_text(text->view, site);
    else if (plim_region_view_type(text->view, (uint16_t)site, &type))
        raw = type.name; /* who did not say where says at least what */
    if (raw == NULL)
        return "(no site)";
    size_t length = plim__clean_text(text->clean, sizeof text->clean - 1, raw,
                                     plim__text_length(raw, sizeof text->clean - 1));
    text->clean[length] = '\0';
    return text->clean;
}

/* Births are never used twice: what is later than the first look's last was made since. */
static plim_status region_sampling_stop(plim_target *target, plim_sink sink, plim_error *err)
{
    region_state *state = region_state_of(target);
    plim__births births = {.allocator = target->allocator};
    region_text text = {.view = state->view};
    plim_region_object object;
    const void *value = NULL;
    plim_status status = PLIM_OK;
    if (!state->is_sampling)
        return plim_error_set(err, PLIM_ERR_USAGE, "no sampling was begun");
    state->is_sampling = false;
    for (uint32_t at = 0;
         status == PLIM_OK && plim_region_view_next(state->view, &at, &object, &value);)
        if (object.birth > state->sampled_after)
            status = plim__births_add(&births,
                                      object.site != 0 ? object.site : REGION_NO_SITE + object.type,
                                      object.held_bytes, err);
    if (status == PLIM_OK)
        status = plim__births_write(&births, region_site_name, &text, sink, err);
    plim__births_fini(&births);
    return status;
}

/* ---- recordings ---------------------------------------------------------------------------- */

static plim_status region_tracking_start(plim_target *target, bool stacks, plim_error *err)
{
    region_state *state = region_state_of(target);
    if (state->track.is_on)
        return plim_error_set(err, PLIM_ERR_USAGE, "tracking is on already");
    plim_status status = plim__region_track_look(&state->track, state->view, err);
    if (status != PLIM_OK) {
        plim__region_track_fini(&state->track);
        return status;
    }
    state->track.is_on = true;
    state->track.has_stacks = stacks;
    return PLIM_OK;
}

static plim_status region_tracking_is_off(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_USAGE, "tracking has not been started");
}

/* A program that ends leaves what it had: the recording ends with it, and can be saved. */
static plim_status region_tracking_poll(plim_target *target, uint64_t wait_ns,
                                        const plim_track_interval **out_intervals,
                                        uint32_t *out_count, plim_error *err)
{
    region_state *state = region_state_of(target);
    uint64_t begun_ns = plim__shared_now();
    plim_status status = PLIM_OK;
    if (!state->track.is_on)
        return region_tracking_is_off(err);
    while (status == PLIM_OK && plim__shared_now() - begun_ns < wait_ns) {
        uint64_t now_ns = plim__shared_now();
        if (plim_interrupt_count(target->options.interrupt) != 0)
            status = plim_error_set(err, PLIM_ERR_INTERRUPTED, "the recording was interrupted");
        else if (state->process.pid != 0 && !plim__process_ref_alive(&state->process))
            status = plim_error_set(err, PLIM_ERR_INTERRUPTED, "process %lld has ended",
                                    (long long)state->process.pid);
        else if (now_ns >= state->track.due_ns)
            status = plim__region_track_look(&state->track, state->view, err);
        else
            plim__shared_pause(region_slice_ns);
    }
    *out_intervals = state->track.intervals;
    *out_count = state->track.count;
    return status;
}

static plim_status region_tracking_stop(plim_target *target, const plim_snapshot_options *options,
                                        plim_sink sink, plim_snapshot_result *out_result,
                                        plim_error *err)
{
    region_state *state = region_state_of(target);
    region_job job = {.target = target, .sink = sink};
    plim_snapshot_result result = {0};
    if (!state->track.is_on)
        return region_tracking_is_off(err);
    if (options != NULL) {
        job.progress = options->progress;
        job.discard = options->discard;
    }
    plim_status status = plim__region_track_look(&state->track, state->view, err);
    if (status == PLIM_OK)
        status =
            plim__region_track_write(&state->track, state->view, (plim_sink){&job, region_write},
                                     (plim_progress){&job, region_step}, &result, err);
    plim__region_track_fini(&state->track);
    result.byte_count = job.byte_count;
    result.chunk_count = job.chunk_count;
    if (out_result != NULL)
        *out_result = result;
    return status;
}

/* ---- discovery ----------------------------------------------------------------------------- */

typedef struct region_found {
    int64_t pid;
    bool is_only; /* region of its process */
    plim__program_region region;
} region_found;

typedef struct region_search {
    const plim_allocator *allocator;
    region_found *rows;
    uint32_t count, capacity;
    bool is_short; /* memory was refused */
} region_search;

static bool region_search_add(region_search *search, const region_found *row)
{
    if (search->count == search->capacity) {
        uint32_t wanted = search->capacity == 0 ? 16 : search->capacity * 2;
        region_found *grown = plim__array_resize(search->allocator, search->rows, search->capacity,
                                                 wanted, sizeof *grown);
        if (grown == NULL) {
            search->is_short = true;
            return false;
        }
        search->rows = grown;
        search->capacity = wanted;
    }
    search->rows[search->count++] = *row;
    return search->count < PLIM_TARGETS_MAX;
}

static bool region_search_visit(void *ctx, int64_t pid)
{
    region_search *search = ctx;
    plim__program_region regions[PLIM__PROGRAM_REGIONS_MAX];
    uint32_t count = 0;
    bool go_on = true;
    if (plim__program_regions(pid, regions, &count, NULL) != PLIM_OK)
        return true; /* another user's, or gone */
    for (uint32_t i = 0; i < count && go_on; i++) {
        region_found row = {pid, count == 1, regions[i]};
        go_on = region_search_add(search, &row);
    }
    return go_on;
}

/* A region that several hold (they forked) is its writer's, or else the first one's. */
static bool region_is_its(const region_search *search, uint32_t index)
{
    const region_found *row = &search->rows[index];
    for (uint32_t i = 0; i < search->count; i++) {
        const region_found *other = &search->rows[i];
        bool is_same = other->region.file.device == row->region.file.device &&
                       other->region.file.inode == row->region.file.inode;
        if (i == index || !is_same || (uint64_t)row->pid == row->region.writer_pid)
            continue;
        if ((uint64_t)other->pid == row->region.writer_pid || i < index)
            return false;
    }
    return true;
}

static plim_status region_discover(const plim_target_options *options, plim__discover_add *add,
                                   void *ctx)
{
    region_search search = {.allocator = plim__allocator_or_system(options->allocator)};
    plim_status status = plim__process_each(region_search_visit, &search);
    for (uint32_t i = 0; status == PLIM_OK && i < search.count; i++) {
        const region_found *row = &search.rows[i];
        char address[PLIM__HELD_PATH_BYTES + 16];
        char version[32];
        if (!region_is_its(&search, i))
            continue;
        if (row->is_only)
            (void)snprintf(address, sizeof address, "pid:%lld", (long long)row->pid);
        else
            (void)snprintf(address, sizeof address, "region:%s", row->region.file.path);
        (void)snprintf(version, sizeof version, "region %u", PLIM__REGION_VERSION);
        plim_found found = {.runtime = "c",
                            .version = version,
                            .title = row->region.file.name,
                            .address = address,
                            .pid = row->pid};
        add(ctx, &found);
    }
    plim__array_free(search.allocator, search.rows, search.capacity, sizeof *search.rows);
    return status == PLIM_OK && search.is_short ? PLIM_ERR_NO_MEMORY : status;
}

static const plim__protocol region_protocol = {
    .connect = region_connect,
    .disconnect = region_disconnect,
    .usage = region_usage,
    .collect = region_collect,
    .snapshot = region_snapshot,
    .sampling_start = region_sampling_start,
    .sampling_stop = region_sampling_stop,
    .tracking_start = region_tracking_start,
    .tracking_poll = region_tracking_poll,
    .tracking_stop = region_tracking_stop,
};

static const plim_target_family region_family = {
    .runtime = {.name = "c",
                .protocol = &region_protocol,
                .scheme = "region",
                .resolve_pid = region_resolve_pid,
                .close = region_close,
                .estimate = region_estimate},
    .discover = region_discover,
};

const plim_target_family *const *plim_program_families(void)
{
    static const plim_target_family *const families[] = {&region_family, &plim__process_family,
                                                         NULL};
    return families;
}
