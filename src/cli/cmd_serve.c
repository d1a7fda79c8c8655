/* SPDX-License-Identifier: MIT */
/*
 * Snapshot files as live targets: Chrome DevTools lists them, and opens each as often as asked.
 * A file is read once to know that it is sound and how much is in it; then only its text is sent.
 */
#include <plimsoll/codec.h>
#include <plimsoll/file.h>
#include <plimsoll/serve.h>

#include "cli/heapfile.h"
#include "cli/units.h"

enum { SERVE_PORT_DEFAULT = 9229, SERVE_COPY_BYTES = 64 << 10 };

typedef struct serve_file {
    plim__cli *cli;
    const char *path;
    uint64_t self_bytes;
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

static plim_status serve_add(plim__cli *cli, plim_server *server, serve_file *file, plim_error *err)
{
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
    for (size_t i = 0; status == PLIM_OK && i < cli->args.operand_count; i++) {
        files[i] = (serve_file){.cli = cli, .path = cli->args.operands[i]};
        status = serve_add(cli, server, &files[i], err);
    }
    if (status == PLIM_OK) {
        serve_tell(cli, server);
        status = plim_server_run(server, UINT64_MAX, err);
    }
    plim_server_destroy(&server);
    /* Ctrl-C is how serving ends: nothing was cut short. */
    return status == PLIM_ERR_INTERRUPTED ? PLIM_OK : status;
}
