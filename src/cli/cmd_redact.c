/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of any format without what the program knew: read into the graph, names replaced
 * there, written as a .heapsnapshot. What the graph has not (a timeline's stacks and samples) is
 * not in what is written, and that is said. A profile, or the stacks of a timeline where the
 * file's name asks for a profile, likewise as any kind of profile.
 */
#include <plimsoll/redact.h>

#include "cli/heapfile.h"
#include "cli/profile.h"
#include "cli/record.h"
#include "cli/units.h"

static void redact_tell(plim__cli *cli, const char *path, uint64_t bytes,
                        const plim_graph_info *info, const plim_redact_result *result)
{
    char nodes[PLIM__UNITS_BYTES], size[PLIM__UNITS_BYTES], texts[PLIM__UNITS_BYTES];
    plim__units_count(nodes, info->node_count);
    plim__units_count(texts, result->texts);
    plim__units_bytes(size, bytes, cli->out.exact_bytes);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "redact");
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", bytes);
        plim__emit_unsigned(&cli->emit, "nodes", info->node_count);
        plim__emit_unsigned(&cli->emit, "edges", info->edge_count);
        plim__emit_unsigned(&cli->emit, "replaced_texts", result->texts);
        plim__emit_unsigned(&cli->emit, "replaced_node_names", result->nodes);
        plim__emit_unsigned(&cli->emit, "replaced_edge_names", result->edges);
        plim__emit_finish(&cli->emit);
        return;
    }
    plim__out_show(&cli->out, plim__text_of(path));
    if (plim__cli_is_human(cli))
        plim__out_printf(&cli->out, "\n  %s, %s nodes; %s texts replaced\n", size, nodes, texts);
    else
        plim__out_printf(&cli->out, "\t%llu\t%u\t%u\n", (unsigned long long)bytes, info->node_count,
                         info->edge_count);
}

static plim_status redact_run(plim__cli *cli, const char *path, plim__heap *heap, plim_error *err)
{
    uint64_t bytes = 0;
    plim_graph_info info;
    plim_redact_result result;
    plim_status status = plim__heap_read(cli, cli->args.operands[0], heap, err);
    if (status != PLIM_OK)
        return status;
    plim_graph_read_info(heap->graph, &info);
    plim__say_begin(&cli->say, "redacting");
    status = plim_graph_redact(heap->graph, &result, err);
    plim__say_end(&cli->say);
    if (status != PLIM_OK)
        return status;
    plim__say_begin(&cli->say, "writing %s", path);
    status = plim__record_graph(cli, path, heap->graph, &bytes, err);
    plim__say_end(&cli->say);
    if (status == PLIM_OK && info.trace_function_count > 0)
        plim__say_always(&cli->say,
                         "the stacks and samples of the timeline are not in %s; -o "
                         "NAME.heapprofile has the stacks",
                         path);
    if (status == PLIM_OK && !plim__record_is_stdout(path))
        redact_tell(cli, path, bytes, &info, &result);
    return status;
}

/* ---- profiles ---- */

static void redact_tell_profile(plim__cli *cli, const char *path, uint64_t bytes,
                                const plim_profile_info *info, uint64_t texts)
{
    char size[PLIM__UNITS_BYTES], replaced[PLIM__UNITS_BYTES];
    plim__units_bytes(size, bytes, cli->out.exact_bytes);
    plim__units_count(replaced, texts);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "redact");
        plim__emit_string(&cli->emit, "path", path);
        plim__emit_unsigned(&cli->emit, "bytes", bytes);
        plim__emit_unsigned(&cli->emit, "calls", info->call_count);
        plim__emit_unsigned(&cli->emit, "functions", info->frame_count);
        plim__emit_unsigned(&cli->emit, "replaced_texts", texts);
        plim__emit_finish(&cli->emit);
        return;
    }
    plim__out_show(&cli->out, plim__text_of(path));
    if (plim__cli_is_human(cli))
        plim__out_printf(&cli->out, "\n  %s, %u calls of %u functions; %s texts replaced\n", size,
                         info->call_count, info->frame_count, replaced);
    else
        plim__out_printf(&cli->out, "\t%llu\t%u\t%u\n", (unsigned long long)bytes, info->call_count,
                         info->frame_count);
}

static plim_status redact_profile(plim__cli *cli, plim_profile_form form, const char *path,
                                  plim_error *err)
{
    plim_profile *profile = NULL;
    plim_profile_info info;
    uint64_t texts = 0;
    uint64_t bytes = 0;
    /* The file's own name could tell something, too. */
    plim_profile_write_options about = {.title = "redacted"};
    plim_status status = plim__profile_open(cli, cli->args.operands[0], &profile, err);
    if (status == PLIM_OK)
        status = plim_profile_redact(profile, &texts, err);
    if (status == PLIM_OK) {
        plim_profile_read_info(profile, &info);
        status = plim__profile_save(cli, profile, form, path, &about, &bytes, err);
    }
    if (status == PLIM_OK && !plim__record_is_stdout(path))
        redact_tell_profile(cli, path, bytes, &info, texts);
    plim_profile_destroy(&profile);
    return status;
}

plim_status plim__cmd_redact(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    const char *path = cli->args.values[PLIM__OPTION_output].text;
    if (path == NULL) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "plim redact wants a file");
        plim_error_hint(err, "plim redact FILE -o NAME.heapsnapshot; -o - is standard output");
        return status;
    }
    if (plim__record_is_stdout(path) && plim__cli_is_json(cli))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "-o - gives the snapshot and nothing else on standard output");
    plim_profile_form form = plim__profile_form(cli, path);
    if (form != PLIM_PROFILE_UNKNOWN)
        return redact_profile(cli, form, path, err);
    if (plim__profile_is_file(cli, cli->args.operands[0])) {
        plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                            "a profile has no objects: it stays a profile");
        plim_error_hint(err, "-o NAME.heapprofile, .pb.gz, .folded, .speedscope.json or .html");
        return status;
    }
    plim_status status = redact_run(cli, path, &heap, err);
    plim__heap_close(&heap);
    return status;
}
