/* SPDX-License-Identifier: MIT */
/*
 * Any snapshot as a .heapsnapshot: read into the graph, written from it. What the graph has not
 * (a timeline's stacks and samples) is not in what is written, and that is said. Any profile as any
 * other kind of profile; and either as a page.
 */
#include <string.h>

#include "cli/heapfile.h"
#include "cli/profile.h"
#include "cli/record.h"
#include "cli/units.h"

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

/* ---- profiles ---- */

static const char *export_title(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void export_tell_profile(plim__cli *cli, const char *path, const plim_profile_info *info,
                                uint64_t bytes)
{
    char size[PLIM__UNITS_BYTES], total[PLIM__UNITS_BYTES];
    plim__units_bytes(size, bytes, cli->out.exact_bytes);
    plim__units_bytes(total, info->total[info->main], cli->out.exact_bytes);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "export");
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", bytes);
        plim__emit_unsigned(&cli->emit, "calls", info->call_count);
        plim__emit_unsigned(&cli->emit, "functions", info->frame_count);
        plim__emit_string(&cli->emit, "measure", plim_measure_name(info->main));
        plim__emit_unsigned(&cli->emit, "total_bytes", info->total[info->main]);
        plim__emit_finish(&cli->emit);
        return;
    }
    plim__out_show(&cli->out, plim__text_of(path));
    if (plim__cli_is_human(cli))
        plim__out_printf(&cli->out, "\n  %s; %s %s, in %u calls of %u functions\n", size, total,
                         info->main == PLIM_MEASURE_LIVE_BYTES ? "alive" : "allocated",
                         info->call_count, info->frame_count);
    else
        plim__out_printf(&cli->out, "\t%llu\t%u\t%u\n", (unsigned long long)bytes, info->call_count,
                         info->frame_count);
}

static plim_status export_profile(plim__cli *cli, plim_profile_form form, const char *path,
                                  plim_error *err)
{
    const char *from = cli->args.operands[0];
    plim_profile *profile = NULL;
    plim_profile_info info;
    uint64_t bytes = 0;
    plim_profile_write_options about = {.title = export_title(from)};
    plim_status status = plim__profile_open(cli, from, &profile, err);
    if (status == PLIM_OK) {
        plim_profile_read_info(profile, &info);
        status = plim__profile_save(cli, profile, form, path, &about, &bytes, err);
    }
    if (status == PLIM_OK && !plim__record_is_stdout(path))
        export_tell_profile(cli, path, &info, bytes);
    plim_profile_destroy(&profile);
    return status;
}

/* ---- snapshots ---- */

static plim_status export_page(void *ctx, plim_sink sink, plim_error *err)
{
    plim__cli *cli = ((void **)ctx)[0];
    const plim__heap *heap = ((void **)ctx)[1];
    const plim_profile *profile = ((void **)ctx)[2];
    return plim_analysis_write_html(heap->analysis, profile, export_title(cli->args.operands[0]),
                                    sink, cli->allocator, err);
}

static plim_status export_snapshot(plim__cli *cli, bool as_page, const char *path, plim_error *err)
{
    plim__heap heap = {0};
    uint64_t bytes = 0;
    plim_graph_info info = {0};
    const char *from = cli->args.operands[0];
    plim_status status = plim__heap_read(cli, from, &heap, err);
    if (status == PLIM_OK && as_page)
        status =
            plim__heap_analyse(cli, &heap, PLIM_WANT_DOMINATORS | PLIM_WANT_CLASSES, NULL, err);
    plim_profile *profile = NULL;
    if (status == PLIM_OK)
        plim_graph_read_info(heap.graph, &info);
    if (status == PLIM_OK && as_page && info.trace_function_count > 0 && strcmp(from, "-") != 0)
        status = plim__profile_open(cli, from, &profile, err);
    if (status == PLIM_OK) {
        void *job[] = {cli, &heap, profile};
        plim__say_begin(&cli->say, "writing %s", path);
        status = as_page ? plim__record(cli, path, export_page, job, &bytes, err)
                         : plim__record_graph(cli, path, heap.graph, &bytes, err);
        plim__say_end(&cli->say);
    }
    if (status == PLIM_OK && info.trace_function_count > 0 && profile == NULL)
        plim__say_always(&cli->say, "the stacks and samples of the timeline are not in %s", path);
    if (status == PLIM_OK && !plim__record_is_stdout(path))
        export_tell(cli, path, &info, bytes);
    plim_profile_destroy(&profile);
    plim__heap_close(&heap);
    return status;
}

plim_status plim__cmd_export(plim__cli *cli, plim_error *err)
{
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    if (path == NULL) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "plim export wants a file");
        plim_error_hint(err, "plim export FILE -o NAME.heapsnapshot; -o - is standard output");
        return status;
    }
    if (plim__record_is_stdout(path) && plim__cli_is_json(cli))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "-o - gives the file and nothing else on standard output");
    plim_profile_form form = plim__profile_form(cli, path);
    bool is_profile = plim__profile_is_file(cli, cli->args.operands[0]);
    if (form == PLIM_PROFILE_HTML && !is_profile)
        return export_snapshot(cli, true, path, err);
    if (form != PLIM_PROFILE_UNKNOWN)
        return export_profile(cli, form, path, err);
    if (!is_profile)
        return export_snapshot(cli, false, path, err);
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                        "a profile has no objects: no snapshot can be made of it");
    plim_error_where(err, "%s", cli->args.operands[0]);
    plim_error_hint(err, "-o NAME.pb.gz, .folded, .speedscope.json or .html");
    return status;
}
