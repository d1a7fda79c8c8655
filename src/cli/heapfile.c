/* SPDX-License-Identifier: MIT */
/*
 * Progress is taken at the file, before decompression: only there both what is done and what is
 * to come are known for every codec.
 */
#include "cli/heapfile.h"

#include <plimsoll/bridge.h>
#include <plimsoll/codec.h>
#include <plimsoll/file.h>
#include <plimsoll/formats.h>

#include <stdlib.h>
#include <string.h>

#include "cli/process.h"

/* A source that counts what passes, tells it, and stops on request. */
typedef struct heap_meter {
    plim__cli *cli;
    plim_source inner;
    uint64_t done_bytes;
} heap_meter;

static plim_status heap_meter_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                   plim_error *err)
{
    heap_meter *meter = ctx;
    if (plim_interrupt_count(&meter->cli->interrupt) > 0)
        return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request while reading");
    plim_status status = meter->inner.read(meter->inner.ctx, buffer, cap, out_len, err);
    if (status == PLIM_OK) {
        meter->done_bytes += *out_len;
        plim__say_bytes(&meter->cli->say, meter->done_bytes, meter->inner.total_bytes);
    }
    return status;
}

/* The reader's own steps are of the decompressed text; only its question "go on?" is answered. */
static bool heap_may_go_on(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    plim__cli *cli = ctx;
    (void)phase;
    (void)done;
    (void)total;
    return plim_interrupt_count(&cli->interrupt) == 0;
}

static bool heap_analysis_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    plim__cli *cli = ctx;
    plim__say_share(&cli->say, phase, done, total);
    return plim_interrupt_count(&cli->interrupt) == 0;
}

static const char *heap_short_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(path, "-") == 0 ? "standard input" : slash != NULL ? slash + 1 : path;
}

/* A region as its program has it now, or left it. */
static plim_status heap_read_region(plim__cli *cli, const char *path, plim__heap *heap,
                                    plim_error *err)
{
    plim_region_view *view = NULL;
    plim_region_graph_options options = {
        .struct_bytes = sizeof options,
        .allocator = cli->allocator,
        .progress = {cli, heap_analysis_step},
    };
    plim__say_begin(&cli->say, "reading the region %s", heap_short_name(path));
    plim_status status = plim_region_view_find(path, cli->allocator, &view, NULL, err);
    if (status == PLIM_OK) {
        status = plim_graph_from_region(view, &options, &heap->graph, err);
        if (status != PLIM_OK)
            plim_error_where(err, "%s", path);
    }
    plim__say_end(&cli->say);
    plim_region_view_close(&view);
    return status;
}

/* The number behind pid:; 0: none. */
static int64_t heap_process(const char *path)
{
    char *end = NULL;
    if (strncmp(path, "pid:", 4) != 0 || path[4] < '0' || path[4] > '9')
        return 0;
    long long pid = strtoll(path + 4, &end, 10);
    return *end == '\0' && pid <= INT32_MAX ? pid : 0;
}

/* A process: its region, or, where it has none, its heap. */
static plim_status heap_read_program(plim__cli *cli, const char *path, plim__heap *heap,
                                     plim_error *err)
{
    plim_error first = {0};
    plim_error second = {0};
    int64_t pid = heap_process(path);
    plim_status status = heap_read_region(cli, path, heap, &first);
    if (status != PLIM_ERR_UNSUPPORTED || pid <= 0) {
        *err = first;
        return status;
    }
    plim__say_begin(&cli->say, "reading the heap of %s", path);
    status = plim_graph_from_process(pid, cli->allocator, (plim_progress){cli, heap_analysis_step},
                                     &heap->graph, &second);
    plim__say_end(&cli->say);
    bool has_none = status == PLIM_ERR_UNSUPPORTED && second.hint[0] == '\0';
    if (status != PLIM_OK)
        *err = has_none ? first : second;
    return status;
}

enum { HEAP_PATH_BYTES = 1024 }; /* of a region that is looked at elsewhere than now */

/* "state.region#at:-3": a moment of a region's file. */
static bool heap_is_moment(const char *path)
{
    char file[HEAP_PATH_BYTES];
    size_t length = plim_region_address_bytes(path);
    if (path[length] == '\0' || length >= sizeof file || plim__path_exists(path))
        return false;
    memcpy(file, path, length);
    file[length] = '\0';
    return plim_region_is_file(file);
}

/* A region is read where it lies, in a process as well; others are taken to a file first. */
static bool heap_is_region(const char *path)
{
    return strcmp(path, "-") != 0 &&
           (plim_region_is_file(path) || heap_is_moment(path) || strncmp(path, "region:", 7) == 0 ||
            (strncmp(path, "pid:", 4) == 0 && !plim__path_exists(path)));
}

void plim__heap_where(plim_error *err, const char *path)
{
    plim_error_where(err, "%s", path);
    if (err->where[0] == '\0' || strstr(err->where, path) != NULL)
        return;
    char where[PLIM_ERROR_WHERE_BYTES];
    memcpy(where, err->where, sizeof where);
    err->where[0] = '\0';
    plim_error_where(err, "%s, %s", path, where);
}

plim_status plim__heap_read(plim__cli *cli, const char *path, plim__heap *heap, plim_error *err)
{
    if (heap_is_region(path))
        return heap_read_program(cli, path, heap, err);
    plim_file_source *file = NULL;
    plim_decoder *decoder = NULL;
    plim_status status = plim_file_source_open(path, cli->allocator, &file, err);
    if (status != PLIM_OK)
        return status;
    heap_meter meter = {.cli = cli, .inner = plim_file_source_view(file)};
    plim_source metered = {&meter, heap_meter_read, meter.inner.total_bytes};
    plim_read_options options = {
        .struct_bytes = sizeof options,
        .allocator = cli->allocator,
        .progress = {cli, heap_may_go_on},
    };
    plim__say_begin(&cli->say, "reading %s", heap_short_name(path));
    status = plim_decoder_create(metered, cli->allocator, &decoder, err);
    if (status == PLIM_OK)
        status = plim_graph_read(plim_decoder_view(decoder), &options, &heap->graph, NULL, err);
    if (status != PLIM_OK)
        plim__heap_where(err, path);
    plim__say_end(&cli->say);
    plim_decoder_destroy(&decoder);
    plim_file_source_close(&file);
    return status;
}

plim_status plim__heap_analyse(plim__cli *cli, plim__heap *heap, uint32_t want,
                               const plim_analysis *classes_of, plim_error *err)
{
    plim_analysis_options options = {
        .struct_bytes = sizeof options,
        .want = want,
        .allocator = cli->allocator,
        .progress = {cli, heap_analysis_step},
        .classes_of = classes_of,
    };
    plim__say_begin(&cli->say, "analysing");
    plim_status status = plim_analysis_create(heap->graph, &options, &heap->analysis, err);
    plim__say_end(&cli->say);
    return status;
}

plim_status plim__heap_open(plim__cli *cli, const char *path, uint32_t want, plim__heap *heap,
                            plim_error *err)
{
    plim_status status = plim__heap_read(cli, path, heap, err);
    if (status == PLIM_OK)
        status = plim__heap_analyse(cli, heap, want, NULL, err);
    return status;
}

plim_status plim__heap_find_operand(plim__cli *cli, const plim__heap *heap, const char *path,
                                    uint32_t *out_node, plim_error *err)
{
    uint64_t id;
    plim_status status = plim__args_node_id(&cli->args, &id, err);
    if (status != PLIM_OK)
        return status;
    *out_node = plim_graph_find_id(heap->graph, id);
    if (*out_node != PLIM_NONE)
        return PLIM_OK;
    status = plim_error_set(err, PLIM_ERR_USAGE, "there is no object @%llu in this snapshot",
                            (unsigned long long)id);
    plim_error_where(err, "%s", path);
    plim_error_hint(err, "plim dominators %s shows objects with their ids", path);
    return status;
}

bool plim__heap_ids_are_addresses(const plim__heap *heap)
{
    plim_graph_info info;
    plim_graph_read_info(heap->graph, &info);
    return info.ids_are_addresses;
}

void plim__heap_close(plim__heap *heap)
{
    plim_analysis_destroy(&heap->analysis);
    plim_graph_destroy(&heap->graph);
}
