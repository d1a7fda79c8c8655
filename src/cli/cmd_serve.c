/* SPDX-License-Identifier: MIT */
/*
 * Programs, regions and snapshot files as live targets: Chrome DevTools lists them, and opens each
 * as often as asked. A snapshot file is read once to know that it is sound and how much is in it;
 * then only its text is sent. A program with a region is read from the mapping (bridge); any other
 * target that plim knows gives its usage and its snapshots, through a connection for each.
 */
#include <plimsoll/codec.h>
#include <plimsoll/file.h>
#include <plimsoll/region.h>
#include <plimsoll/serve_region.h>

#include <string.h>

#include "cli/heapfile.h"
#include "cli/serveblocks.h"
#include "cli/session.h"
#include "cli/units.h"
#include "cli/viewlook.h"

enum { SERVE_PORT_DEFAULT = 9229, SERVE_COPY_BYTES = 64 << 10 };

/* One operand; which fields count depends on what it is. */
typedef struct serve_file {
    plim__cli *cli;
    const char *path;
    uint64_t self_bytes;
    plim_served_region *region;
    plim_target *target;
    plim__serve_blocks blocks; /* of a program under libplimsoll-malloc */
} serve_file;

static plim_status serve_usage(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err)
{
    const serve_file *file = ctx;
    (void)err;
    *out_used = file->self_bytes;
    *out_total = file->self_bytes;
    return PLIM_OK;
}

static plim_status serve_copy(plim_source source, plim_sink sink, plim_error *err)
{
    char buffer[SERVE_COPY_BYTES];
    for (;;) {
        size_t length = 0;
        plim_status status = source.read(source.ctx, buffer, sizeof buffer, &length, err);
        if (status != PLIM_OK || length == 0)
            return status;
        status = sink.write(sink.ctx, buffer, length, err);
        if (status != PLIM_OK)
            return status;
    }
}

static plim_status serve_snapshot(void *ctx, const plim_write_sample *samples,
                                  uint32_t sample_count, plim_sink sink, plim_progress progress,
                                  plim_error *err)
{
    const serve_file *file = ctx;
    plim_file_source *opened = NULL;
    plim_decoder *decoder = NULL;
    (void)samples;
    (void)sample_count;
    (void)progress;
    plim_status status = plim_file_source_open(file->path, file->cli->allocator, &opened, err);
    if (status == PLIM_OK)
        status =
            plim_decoder_create(plim_file_source_view(opened), file->cli->allocator, &decoder, err);
    if (status == PLIM_OK)
        status = serve_copy(plim_decoder_view(decoder), sink, err);
    plim_decoder_destroy(&decoder);
    plim_file_source_close(&opened);
    plim__say_detail(&file->cli->say, "sent %s", file->path);
    return status;
}

/* --- programs that are no regions ------------------------------------------------------------ */

static plim_status serve_target_usage(void *ctx, uint64_t *out_used, uint64_t *out_total,
                                      plim_error *err)
{
    const serve_file *file = ctx;
    plim_usage usage;
    plim_status status = plim_target_usage(file->target, &usage, err);
    if (status != PLIM_OK)
        return status;
    *out_used = usage.used_bytes == PLIM_UNKNOWN ? 0 : usage.used_bytes;
    *out_total = usage.total_bytes == PLIM_UNKNOWN ? *out_used : usage.total_bytes;
    return PLIM_OK;
}

/* On a thread of the server's: so with a connection of its own. */
static plim_status serve_target_snapshot(void *ctx, const plim_write_sample *samples,
                                         uint32_t sample_count, plim_sink sink,
                                         plim_progress progress, plim_error *err)
{
    const serve_file *file = ctx;
    plim_target *target = NULL;
    plim_target_options options = plim__session_options(file->cli);
    plim_snapshot_options how = {.struct_bytes = sizeof how, .force = true, .progress = progress};
    plim_snapshot_result result;
    (void)samples;
    (void)sample_count;
    plim_status status = plim_target_open(file->path, &options, &target, err);
    if (status == PLIM_OK)
        status = plim_target_snapshot(target, &how, sink, &result, err);
    plim_target_close(&target);
    return status;
}

static plim_status serve_blocks_object(void *ctx, uint64_t id, plim_served_values out,
                                       plim_error *err)
{
    serve_file *file = ctx;
    return plim__serve_blocks_object(&file->blocks, id, out, err);
}

static plim_status serve_blocks_start(void *ctx, uint64_t interval_bytes, plim_error *err)
{
    serve_file *file = ctx;
    (void)interval_bytes; /* all are known */
    return plim__serve_blocks_sample_start(&file->blocks, err);
}

static plim_status serve_blocks_read(void *ctx, bool ends, plim_served_profile *profile,
                                     plim_error *err)
{
    serve_file *file = ctx;
    (void)ends;
    return plim__serve_blocks_sample_read(&file->blocks, profile, err);
}

static plim_status serve_blocks_births(void *ctx, const uint64_t *bounds, uint32_t count,
                                       plim_served_births *out_births, uint64_t *out_last_id,
                                       plim_error *err)
{
    serve_file *file = ctx;
    return plim__serve_blocks_births(&file->blocks, bounds, count, out_births, out_last_id, err);
}

static plim_status serve_add_target(plim__cli *cli, plim_server *server, serve_file *file,
                                    plim_error *err)
{
    plim_target_options options = plim__session_options(cli);
    plim_target_info info;
    plim_status status = plim_target_open(file->path, &options, &file->target, err);
    if (status != PLIM_OK)
        return status;
    plim_target_identify(file->target, &info);
    plim_served served = {.ctx = file,
                          .title = info.title[0] != '\0' ? info.title : file->path,
                          .url = file->path,
                          .usage = serve_target_usage,
                          .snapshot = serve_target_snapshot};
    int64_t pid = plim__view_process_id(file->path);
    if (pid > 0 && plim__serve_blocks_open(&file->blocks, pid, cli->allocator, NULL) == PLIM_OK) {
        served.object = serve_blocks_object;
        served.sample_start = serve_blocks_start;
        served.sample_read = serve_blocks_read;
        served.births = serve_blocks_births;
    }
    return plim_server_add(server, &served, err);
}

/* --- an operand ------------------------------------------------------------------------------ */

static bool serve_begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static plim_status serve_add(plim__cli *cli, plim_server *server, serve_file *file, plim_error *err)
{
    bool is_process = serve_begins(file->path, "pid:");
    bool is_number =
        file->path[strspn(file->path, "0123456789")] == '\0'; /* refused, with a hint */
    if (is_process || is_number || serve_begins(file->path, "region:") ||
        plim_region_is_file(file->path)) {
        plim_status status =
            plim_serve_region(server, file->path, cli->allocator, &file->region, err);
        if (!is_process || status != PLIM_ERR_UNSUPPORTED)
            return status;
        return serve_add_target(cli, server, file, err);
    }
    plim__heap heap = {0};
    plim_graph_info info;
    plim_served served = {
        .ctx = file, .title = file->path, .usage = serve_usage, .snapshot = serve_snapshot};
    plim_status status = plim__heap_read(cli, file->path, &heap, err);
    if (status != PLIM_OK)
        return status;
    plim_graph_read_info(heap.graph, &info);
    file->self_bytes = info.self_bytes;
    plim__heap_close(&heap);
    return plim_server_add(server, &served, err);
}

/* The port asked for, or else the one DevTools looks at by itself, or any that is free. */
static plim_status serve_listen(plim__cli *cli, plim_server **out_server, plim_error *err)
{
    bool asked = plim__args_has(&cli->args, PLIM__OPTION_port);
    uint64_t port = plim__args_number(&cli->args, PLIM__OPTION_port, SERVE_PORT_DEFAULT);
    plim_server_options options = {.struct_bytes = sizeof options,
                                   .port = (uint16_t)port,
                                   .allocator = cli->allocator,
                                   .interrupt = &cli->interrupt};
    plim_error taken = {0};
    if (port > UINT16_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a port is a number up to 65535");
    plim_status status = plim_server_create(&options, out_server, asked ? err : &taken);
    if (asked || status != PLIM_ERR_EXISTS) {
        if (!asked && status != PLIM_OK)
            *err = taken;
        return status;
    }
    options.port = 0;
    return plim_server_create(&options, out_server, err);
}

static void serve_tell(plim__cli *cli, const plim_server *server)
{
    const char *address = plim_server_address(server);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "serve");
        plim__emit_string(&cli->emit, "address", address);
        plim__emit_unsigned(&cli->emit, "heaps", cli->args.operand_count);
        plim__emit_finish(&cli->emit);
    } else if (plim__cli_is_human(cli)) {
        plim__out_printf(&cli->out, "serving %u heap%s on %s, until Ctrl-C\n",
                         (unsigned)cli->args.operand_count, cli->args.operand_count == 1 ? "" : "s",
                         address);
        plim__out_puts(&cli->out, "  in Chrome open chrome://inspect; if nothing is listed there, "
                                  "add the address under Configure\n");
    } else {
        plim__out_printf(&cli->out, "%s\n", address);
    }
    plim__out_flush(&cli->out);
}

plim_status plim__cmd_serve(plim__cli *cli, plim_error *err)
{
    plim_server *server = NULL;
    serve_file files[PLIM_SERVED_MAX];
    plim_status status = serve_listen(cli, &server, err);
    size_t added = 0;
    for (size_t i = 0; status == PLIM_OK && i < cli->args.operand_count; i++) {
        added = i + 1;
        files[i] = (serve_file){.cli = cli, .path = cli->args.operands[i]};
        status = serve_add(cli, server, &files[i], err);
    }
    if (status == PLIM_OK) {
        serve_tell(cli, server);
        status = plim_server_run(server, UINT64_MAX, err);
    }
    plim_server_destroy(&server);
    for (size_t i = 0; i < added; i++) {
        plim_served_region_destroy(&files[i].region);
        plim_target_close(&files[i].target);
        plim__serve_blocks_fini(&files[i].blocks);
    }
    /* Ctrl-C is how serving ends: nothing was cut short. */
    return status == PLIM_ERR_INTERRUPTED ? PLIM_OK : status;
}
