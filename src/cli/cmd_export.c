/* SPDX-License-Identifier: MIT */
/*
 * Any snapshot as a .heapsnapshot: read into the graph, written from it. What the graph has not
 * (a timeline's stacks and samples) is not in what is written, and that is said.
 */
#include "cli/heapfile.h"
#include "cli/record.h"
#include "cli/units.h"

static plim_status export_write(void *ctx, plim_sink sink, plim_error *err)
{
    plim__cli *cli = ((void **)ctx)[0];
    const plim__heap *heap = ((void **)ctx)[1];
    plim_write_options options = {
        .struct_bytes = sizeof options,
        .allocator = cli->allocator,
        .progress = plim__record_progress(cli),
    };
    return plim_graph_write_v8(heap->graph, sink, &options, err);
}

static void export_tell(plim__cli *cli, const char *path, const plim_graph_info *info,
                        uint64_t bytes)
{
    char nodes[PLIM__UNITS_BYTES], size[PLIM__UNITS_BYTES];
    plim__units_count(nodes, info->node_count);
    plim__units_bytes(size, bytes, cli->out.exact_bytes);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "export");
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", bytes);
        plim__emit_unsigned(&cli->emit, "nodes", info->node_count);
        plim__emit_unsigned(&cli->emit, "edges", info->edge_count);
        plim__emit_finish(&cli->emit);
        return;
    }
    plim__out_show(&cli->out, plim__text_of(path));
    if (plim__cli_is_human(cli))
        plim__out_printf(&cli->out, "\n  %s, %s nodes\n", size, nodes);
    else
        plim__out_printf(&cli->out, "\t%llu\t%u\t%u\n", (unsigned long long)bytes, info->node_count,
                         info->edge_count);
}

plim_status plim__cmd_export(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    if (path == NULL) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "plim export wants a file");
        plim_error_hint(err, "plim export FILE -o NAME.heapsnapshot; -o - is standard output");
        return status;
    }
    bool to_stdout = plim__record_is_stdout(path);
    if (to_stdout && plim__cli_is_json(cli))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "-o - gives the snapshot and nothing else on standard output");
    plim_status status = plim__heap_read(cli, cli->args.operands[0], &heap, err);
    uint64_t bytes = 0;
    plim_graph_info info = {0};
    if (status == PLIM_OK) {
        void *job[] = {cli, &heap};
        plim_graph_read_info(heap.graph, &info);
        plim__say_begin(&cli->say, "writing %s", path);
        status = plim__record(cli, path, export_write, job, &bytes, err);
        plim__say_end(&cli->say);
    }
    if (status == PLIM_OK && info.trace_function_count > 0)
        plim__say_always(&cli->say, "the stacks and samples of the timeline are not in %s", path);
    if (status == PLIM_OK && !to_stdout)
        export_tell(cli, path, &info, bytes);
    plim__heap_close(&heap);
    return status;
}
