/* SPDX-License-Identifier: MIT */
#include "cli/object.h"
#include "cli/sheet.h"

enum { PATHS_DEFAULT = 5 };

static void paths_emit(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                       const plim_paths *paths)
{
    plim__emit_start(&cli->emit, &cli->out, "paths");
    plim__emit_object(&cli->emit, "node");
    plim__object_emit(cli, analysis, node);
    plim__emit_object_end(&cli->emit);
    plim__emit_array(&cli->emit, "paths");
    for (uint32_t i = 0; i < plim_paths_count(paths); i++)
        plim__object_emit_path(cli, NULL, analysis, plim_paths_get(paths, i));
    plim__emit_array_end(&cli->emit);
    plim__emit_finish(&cli->emit);
}

static void paths_show(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                       const plim_paths *paths)
{
    uint32_t count = plim_paths_count(paths);
    plim__object_show(cli, analysis, node);
    if (count == 0)
        plim__out_puts(&cli->out, "\nnothing holds it but weak edges: the next collection may "
                                  "free it\n");
    for (uint32_t i = 0; i < count; i++) {
        const plim_path *path = plim_paths_get(paths, i);
        bool from_root = path->length > 0 && path->nodes[0] == 0;
        plim__out_puts(&cli->out, plim__style_on(cli->out.colour, PLIM__STYLE_HEAD));
        plim__out_printf(&cli->out, "\nway %u of %u, %u steps\n", i + 1, count,
                         path->length - (from_root ? 1 : 0));
        plim__out_puts(&cli->out, plim__style_off(cli->out.colour));
        plim__object_show_path(cli, analysis, path, 2);
    }
}

static void paths_sheet(plim__cli *cli, const plim_analysis *analysis, const plim_paths *paths)
{
    static const plim__column columns[] = {
        {"path", "path", PLIM__CELL_COUNT}, {"step", "step", PLIM__CELL_COUNT},
        {"edge", "edge", PLIM__CELL_NAME},  {"edge_type", "by", PLIM__CELL_NAME},
        {"name", "name", PLIM__CELL_NAME},  {"id", "id", PLIM__CELL_ID},
    };
    const plim_graph *graph = plim_analysis_graph(analysis);
    plim__sheet sheet;
    plim__draft text;
    plim__draft_init(&text, cli->out.draft.allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "paths", columns, 6);
    for (uint32_t i = 0; i < plim_paths_count(paths); i++) {
        const plim_path *path = plim_paths_get(paths, i);
        for (uint32_t step = 0; step < path->length; step++) {
            plim_node node;
            plim_edge edge = {.type = PLIM_EDGE_OTHER};
            plim_graph_node(graph, path->nodes[step], &node);
            plim__sheet_unsigned(&sheet, i);
            plim__sheet_unsigned(&sheet, step);
            plim__draft_clear(&text);
            if (path->edges[step] != PLIM_NONE) {
                plim_graph_edge(graph, path->edges[step], &edge);
                plim__object_edge_key(&text, graph, path->edges[step]);
                plim__sheet_text(&sheet, plim__draft_view(&text));
                plim__sheet_text(&sheet, plim__text_of(plim_edge_type_name(edge.type)));
            } else {
                plim__sheet_null(&sheet);
                plim__sheet_null(&sheet);
            }
            plim__draft_clear(&text);
            plim__object_name(&text, analysis, path->nodes[step]);
            plim__sheet_text(&sheet, plim__draft_view(&text));
            plim__sheet_unsigned(&sheet, node.id);
        }
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&text);
}

plim_status plim__cmd_paths(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    plim_paths *paths = NULL;
    uint32_t node = 0;
    uint64_t id;
    const char *path = plim__args_file(&cli->args, 0);
    uint64_t limit = plim__args_number(&cli->args, PLIM__OPTION_ways, PATHS_DEFAULT);
    plim_status status = plim__args_node_id(&cli->args, &id, err);
    if (status == PLIM_OK && path == NULL)
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim paths wants FILE @ID");
    if (status == PLIM_OK && (limit == 0 || limit > PLIM_PATHS_MAX))
        status = plim_error_set(err, PLIM_ERR_USAGE, "--paths wants a number from 1 to %d",
                                PLIM_PATHS_MAX);
    if (status == PLIM_OK)
        status = plim__heap_open(cli, path, PLIM_WANT_ALL, &heap, err);
    if (status == PLIM_OK)
        status = plim__heap_find_operand(cli, &heap, path, &node, err);
    if (status == PLIM_OK)
        status =
            plim_paths_create(heap.analysis, node, (uint32_t)limit, cli->allocator, &paths, err);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        paths_emit(cli, heap.analysis, node, paths);
    else if (status == PLIM_OK && plim__cli_is_human(cli))
        paths_show(cli, heap.analysis, node, paths);
    else if (status == PLIM_OK)
        paths_sheet(cli, heap.analysis, paths);
    plim_paths_destroy(&paths);
    plim__heap_close(&heap);
    return status;
}
