/* SPDX-License-Identifier: MIT */
#include "cli/object.h"
#include "cli/sheet.h"

/* Direct holders, in the order of the file; weak edges too, since they explain what they do not. */
static void retainers_sheet(plim__cli *cli, const plim_analysis *analysis, uint32_t node)
{
    static const plim__column columns[] = {
        {"edge", "edge", PLIM__CELL_TEXT},
        {"edge_type", "by", PLIM__CELL_PLACE},
        {"name", "holder", PLIM__CELL_NAME},
        {"id", "id", PLIM__CELL_ID},
        {"self_bytes", "shallow", PLIM__CELL_BYTES},
        {"retained_bytes", "retained", PLIM__CELL_BYTES},
        {"distance", "distance", PLIM__CELL_DISTANCE},
    };
    const plim_graph *graph = plim_analysis_graph(analysis);
    uint32_t count = plim_analysis_retainer_count(analysis, node);
    uint64_t top = plim__cli_top(cli, count);
    plim__sheet sheet;
    plim__draft text;
    plim__draft_init(&text, cli->out.draft.allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "retainers", columns, 7);
    for (uint32_t i = 0; i < top; i++) {
        plim_retainer holder = plim_analysis_retainer(analysis, node, i);
        plim_edge edge;
        plim_node from;
        plim_node_facts facts;
        plim_graph_edge(graph, holder.edge, &edge);
        plim_graph_node(graph, holder.from, &from);
        plim_analysis_node(analysis, holder.from, &facts);
        plim__draft_clear(&text);
        if (plim__cli_is_human(cli))
            plim__object_edge(&text, graph, holder.edge);
        else
            plim__object_edge_key(&text, graph, holder.edge);
        plim__sheet_text(&sheet, plim__draft_view(&text));
        plim__sheet_text(&sheet, plim__text_of(plim_edge_type_name(edge.type)));
        plim__draft_clear(&text);
        plim__object_name(&text, analysis, holder.from);
        plim__sheet_text(&sheet, plim__draft_view(&text));
        plim__sheet_unsigned(&sheet, from.id);
        plim__sheet_unsigned(&sheet, facts.shallow_bytes);
        plim__sheet_unsigned(&sheet, facts.retained_bytes);
        plim__sheet_signed(&sheet, facts.distance >= PLIM_DISTANCE_SYSTEM && plim__cli_is_human(cli)
                                       ? PLIM_DISTANCE_NONE
                                       : facts.distance);
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&text);
    plim__cli_rest(cli, top, count);
}

static void retainers_emit(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                           const plim_paths *paths)
{
    const plim_graph *graph = plim_analysis_graph(analysis);
    plim__emit_start(&cli->emit, &cli->out, "retainers");
    plim__emit_object(&cli->emit, "node");
    plim__object_emit(cli, analysis, node);
    plim__emit_object_end(&cli->emit);
    if (plim_paths_count(paths) > 0) {
        plim__object_emit_path(cli, "path", analysis, plim_paths_get(paths, 0));
    } else {
        plim__emit_array(&cli->emit, "path");
        plim__emit_array_end(&cli->emit);
    }
    uint32_t count = plim_analysis_retainer_count(analysis, node);
    uint64_t top = plim__cli_top(cli, count);
    plim__emit_array(&cli->emit, "retainers");
    for (uint32_t i = 0; i < top; i++) {
        plim_retainer holder = plim_analysis_retainer(analysis, node, i);
        plim__emit_object(&cli->emit, NULL);
        plim__object_emit(cli, analysis, holder.from);
        plim__object_emit_edge(cli, graph, holder.edge);
        plim__emit_object_end(&cli->emit);
    }
    plim__emit_array_end(&cli->emit);
    plim__emit_finish(&cli->emit);
}

static void retainers_show(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                           const plim_paths *paths)
{
    plim__object_show(cli, analysis, node);
    if (plim_paths_count(paths) > 0) {
        plim__out_styled(&cli->out, PLIM__STYLE_HEAD, "\nshortest way from a root\n");
        plim__object_show_path(cli, analysis, plim_paths_get(paths, 0), 2);
    } else {
        plim__out_puts(&cli->out, "\nnothing holds it but weak edges: the next collection may "
                                  "free it\n");
    }
    plim__out_styled(&cli->out, PLIM__STYLE_HEAD, "\nheld by\n");
    retainers_sheet(cli, analysis, node);
}

plim_status plim__cmd_retainers(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    plim_paths *paths = NULL;
    uint32_t node = 0;
    uint64_t id;
    const char *path = plim__args_file(&cli->args, 0);
    plim_status status = plim__args_node_id(&cli->args, &id, err);
    if (status == PLIM_OK && path == NULL)
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim retainers wants FILE @ID");
    if (status == PLIM_OK)
        status = plim__heap_open(cli, path, PLIM_WANT_ALL, &heap, err);
    if (status == PLIM_OK)
        status = plim__heap_find_operand(cli, &heap, path, &node, err);
    if (status == PLIM_OK)
        status = plim_paths_create(heap.analysis, node, 1, cli->allocator, &paths, err);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        retainers_emit(cli, heap.analysis, node, paths);
    else if (status == PLIM_OK && plim__cli_is_human(cli))
        retainers_show(cli, heap.analysis, node, paths);
    else if (status == PLIM_OK)
        retainers_sheet(cli, heap.analysis, node);
    plim_paths_destroy(&paths);
    plim__heap_close(&heap);
    return status;
}
