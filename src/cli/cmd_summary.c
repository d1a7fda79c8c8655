/* SPDX-License-Identifier: MIT */
#include "cli/classlist.h"
#include "cli/units.h"

static void summary_totals(plim__cli *cli, const plim_graph_info *info)
{
    char nodes[PLIM__UNITS_BYTES];
    char edges[PLIM__UNITS_BYTES];
    char strings[PLIM__UNITS_BYTES];
    char self[PLIM__UNITS_BYTES];
    plim__units_count(nodes, info->node_count);
    plim__units_count(edges, info->edge_count);
    plim__units_count(strings, info->string_count);
    plim__units_bytes(self, info->self_bytes, cli->out.exact_bytes);
    plim__out_styled(&cli->out, PLIM__STYLE_HEAD, self);
    plim__out_printf(&cli->out, " in %s nodes, %s edges, %s strings\n\n", nodes, edges, strings);
}

plim_status plim__cmd_summary(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    uint32_t want = PLIM_WANT_DISTANCES | PLIM_WANT_DOMINATORS | PLIM_WANT_CLASSES;
    plim_status status = plim__heap_open(cli, cli->args.operands[0], want, &heap, err);
    if (status == PLIM_OK) {
        plim_graph_info info;
        plim_graph_read_info(heap.graph, &info);
        if (plim__cli_is_json(cli)) {
            plim__emit_start(&cli->emit, &cli->out, "summary");
            plim__emit_unsigned(&cli->emit, "nodes", info.node_count);
            plim__emit_unsigned(&cli->emit, "edges", info.edge_count);
            plim__emit_unsigned(&cli->emit, "strings", info.string_count);
            plim__emit_unsigned(&cli->emit, "self_bytes", info.self_bytes);
        } else if (plim__cli_is_human(cli)) {
            summary_totals(cli, &info);
        }
        status = plim__classlist_show(cli, heap.analysis, PLIM__CLASS_BY_RETAINED, NULL, err);
        if (plim__cli_is_json(cli))
            plim__emit_finish(&cli->emit);
    }
    plim__heap_close(&heap);
    return status;
}
