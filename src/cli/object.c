/* SPDX-License-Identifier: MIT */
/*
 * Objects shown. Names are foreign text: they go through plim__glyphs_show() before a terminal
 * sees them, and through the JSON writer otherwise.
 */
#include "cli/object.h"

#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/units.h"

enum {
    OBJECT_NAME_BYTES_MAX = 200, /* V8 keeps 1024 characters of a string: too many for a line */
    OBJECT_PATH_HEAD = 40,       /* a longer path is shown with its middle left out */
    OBJECT_PATH_TAIL = 20,
    OBJECT_LINE_COLUMNS_MIN = 50 /* deeper lines stand below each other, to have this much */
};

void plim__object_place(plim__draft *draft, const plim_graph *graph, const plim_location *location)
{
    plim_text name = plim_graph_script_name(graph, location->script_id);
    if (name.size_bytes > 0)
        plim__draft_add(draft, name.data, name.size_bytes);
    else
        plim__draft_printf(draft, "%u", location->script_id);
    plim__draft_printf(draft, ":%llu:%llu", (unsigned long long)location->line + 1,
                       (unsigned long long)location->column + 1);
}

static void object_add_cut(plim__draft *draft, plim_text name)
{
    bool cut = name.size_bytes > OBJECT_NAME_BYTES_MAX;
    if (cut)
        name.size_bytes = OBJECT_NAME_BYTES_MAX;
    plim__draft_add(draft, name.data, name.size_bytes);
    if (cut)
        plim__draft_puts(draft, "...");
}

void plim__object_name(plim__draft *draft, const plim_analysis *analysis, uint32_t node)
{
    plim_node facts;
    plim_node_facts more;
    plim_graph_node(plim_analysis_graph(analysis), node, &facts);
    plim_analysis_node(analysis, node, &more);
    if (more.detached)
        plim__draft_puts(draft, "Detached ");
    /* Built strings have no text of their own in a snapshot: their name is their kind. */
    const char *around = facts.type == PLIM_NODE_STRING ? "\"" : "";
    around = facts.type == PLIM_NODE_REGEXP ? "/" : around;
    plim__draft_puts(draft, around);
    if (facts.name.size_bytes > 0)
        object_add_cut(draft, facts.name);
    else if (facts.type == PLIM_NODE_CLOSURE)
        plim__draft_puts(draft, "(anonymous)");
    else if (facts.type != PLIM_NODE_STRING)
        plim__draft_printf(draft, "(%s)", node == 0 ? "root" : plim_node_type_name(facts.type));
    plim__draft_puts(draft, around);
    if (facts.type == PLIM_NODE_CLOSURE && facts.name.size_bytes > 0)
        plim__draft_puts(draft, "()");
}

void plim__object_edge_key(plim__draft *draft, const plim_graph *graph, uint32_t edge)
{
    plim_edge facts;
    plim_graph_edge(graph, edge, &facts);
    if (facts.index != PLIM_NONE)
        plim__draft_printf(draft, "%u", facts.index);
    else
        plim__draft_add(draft, facts.name.data, facts.name.size_bytes);
}

void plim__object_edge(plim__draft *draft, const plim_graph *graph, uint32_t edge)
{
    static const struct {
        const char *before, *after;
    } marks[] = {
        [PLIM_EDGE_CONTEXT] = {"", " in scope"}, [PLIM_EDGE_ELEMENT] = {"[", "]"},
        [PLIM_EDGE_PROPERTY] = {".", ""},        [PLIM_EDGE_INTERNAL] = {"<", ">"},
        [PLIM_EDGE_HIDDEN] = {"<", ">"},         [PLIM_EDGE_SHORTCUT] = {".", ""},
        [PLIM_EDGE_WEAK] = {"weak <", ">"},      [PLIM_EDGE_OTHER] = {"", ""},
    };
    plim_edge facts;
    plim_graph_edge(graph, edge, &facts);
    plim__draft_puts(draft, marks[facts.type].before);
    if (facts.index != PLIM_NONE)
        plim__draft_printf(draft, "%u", facts.index);
    else
        object_add_cut(draft, facts.name);
    plim__draft_puts(draft, marks[facts.type].after);
}

static void object_emit_name(plim__cli *cli, const plim_analysis *analysis, uint32_t node)
{
    plim_node facts;
    plim_node_facts more;
    plim_graph_node(plim_analysis_graph(analysis), node, &facts);
    plim_analysis_node(analysis, node, &more);
    plim__draft name;
    plim__draft_init(&name, cli->out.draft.allocator);
    plim__draft_puts(&name, more.detached ? "Detached " : "");
    plim__draft_add(&name, facts.name.data, facts.name.size_bytes);
    plim__emit_unsigned(&cli->emit, "id", facts.id);
    plim__emit_text(&cli->emit, "name", plim__draft_view(&name));
    plim__draft_fini(&name);
}

void plim__object_emit(plim__cli *cli, const plim_analysis *analysis, uint32_t node)
{
    plim_node facts;
    plim_node_facts more;
    plim_location location;
    const plim_graph *graph = plim_analysis_graph(analysis);
    plim_graph_node(graph, node, &facts);
    plim_analysis_node(analysis, node, &more);
    object_emit_name(cli, analysis, node);
    plim__emit_string(&cli->emit, "type", plim_node_type_name(facts.type));
    plim__emit_unsigned(&cli->emit, "self_bytes", more.shallow_bytes);
    plim__emit_unsigned(&cli->emit, "retained_bytes", more.retained_bytes);
    if (more.distance < 0)
        plim__emit_null(&cli->emit, "distance");
    else
        plim__emit_signed(&cli->emit, "distance", more.distance);
    if (plim_graph_location(graph, node, &location)) {
        plim__draft place;
        plim__draft_init(&place, cli->out.draft.allocator);
        plim__object_place(&place, graph, &location);
        plim__emit_text(&cli->emit, "source", plim__draft_view(&place));
        plim__draft_fini(&place);
    } else {
        plim__emit_null(&cli->emit, "source");
    }
}

void plim__object_emit_edge(plim__cli *cli, const plim_graph *graph, uint32_t edge)
{
    if (edge == PLIM_NONE) {
        plim__emit_null(&cli->emit, "edge");
        plim__emit_null(&cli->emit, "edge_type");
        return;
    }
    plim_edge facts;
    plim_graph_edge(graph, edge, &facts);
    if (facts.index != PLIM_NONE)
        plim__emit_unsigned(&cli->emit, "edge", facts.index);
    else
        plim__emit_text(&cli->emit, "edge", facts.name);
    plim__emit_string(&cli->emit, "edge_type", plim_edge_type_name(facts.type));
}

/* The edge from the root to its child, for paths that begin with the child. */
static uint32_t object_root_edge(const plim_graph *graph, uint32_t child)
{
    plim_node root;
    plim_graph_node(graph, 0, &root);
    for (uint32_t i = 0; i < root.edge_count; i++) {
        plim_edge edge;
        plim_graph_edge(graph, root.first_edge + i, &edge);
        if (edge.to == child)
            return root.first_edge + i;
    }
    return PLIM_NONE;
}

static void object_emit_step(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                             uint32_t edge)
{
    plim__emit_object(&cli->emit, NULL);
    object_emit_name(cli, analysis, node);
    plim__object_emit_edge(cli, plim_analysis_graph(analysis), edge);
    plim__emit_object_end(&cli->emit);
}

/* The edge that leads to a step; to the first one, from the root, if it is not the root itself. */
static uint32_t object_step_edge(const plim_graph *graph, const plim_path *path, uint32_t step)
{
    if (step > 0 || path->nodes[0] == 0)
        return path->edges[step];
    return object_root_edge(graph, path->nodes[0]);
}

void plim__object_emit_path(plim__cli *cli, const char *key, const plim_analysis *analysis,
                            const plim_path *path)
{
    const plim_graph *graph = plim_analysis_graph(analysis);
    plim__emit_array(&cli->emit, key);
    if (path->length > 0 && path->nodes[0] != 0)
        object_emit_step(cli, analysis, 0, PLIM_NONE);
    for (uint32_t i = 0; i < path->length; i++)
        object_emit_step(cli, analysis, path->nodes[i], object_step_edge(graph, path, i));
    plim__emit_array_end(&cli->emit);
}

/* One line of a path: indentation, edge, name, id, place; foreign text is made safe. */
static void object_show_step(plim__cli *cli, const plim_analysis *analysis, uint32_t node,
                             uint32_t edge, uint32_t indent)
{
    plim__out *out = &cli->out;
    const plim_graph *graph = plim_analysis_graph(analysis);
    const plim_allocator *allocator = out->draft.allocator;
    plim__draft raw;
    plim__draft shown;
    plim__draft line;
    plim__draft_init(&raw, allocator);
    plim__draft_init(&shown, allocator);
    plim__draft_init(&line, allocator);
    plim_node facts;
    plim_location location;
    plim_graph_node(graph, node, &facts);

    size_t columns = out->columns > indent + 40 ? out->columns - indent : 40;
    if (edge != PLIM_NONE) {
        plim__object_edge(&raw, graph, edge);
        plim__glyphs_show(&shown, plim__draft_view(&raw));
        plim__glyphs_cut(&line, plim__draft_view(&shown), columns / 3, false);
        plim__draft_puts(&line, "  ");
    }
    size_t used = plim__glyphs_columns(plim__draft_view(&line));
    plim__draft_puts(&line, plim__style_on(out->colour, PLIM__STYLE_NAME));
    plim__draft_clear(&raw);
    plim__draft_clear(&shown);
    plim__object_name(&raw, analysis, node);
    plim__glyphs_show(&shown, plim__draft_view(&raw));
    size_t name_columns = plim__glyphs_columns(plim__draft_view(&shown));
    if (name_columns > columns / 2)
        name_columns = columns / 2;
    plim__glyphs_cut(&line, plim__draft_view(&shown), name_columns, false);
    plim__draft_puts(&line, plim__style_off(out->colour));
    char id[32];
    int id_columns = snprintf(id, sizeof id, " @%llu", (unsigned long long)facts.id);
    plim__draft_puts(&line, plim__style_on(out->colour, PLIM__STYLE_DIM));
    plim__draft_puts(&line, id);
    used += name_columns + (size_t)id_columns;
    if (facts.type != PLIM_NODE_OBJECT && plim_graph_location(graph, node, &location) &&
        columns > used + 12) {
        plim__draft_clear(&raw);
        plim__draft_clear(&shown);
        plim__object_place(&raw, graph, &location);
        plim__glyphs_show(&shown, plim__draft_view(&raw));
        plim__draft_puts(&line, "  ");
        plim__glyphs_cut(&line, plim__draft_view(&shown), columns - used - 2, true);
    }
    plim__draft_puts(&line, plim__style_off(out->colour));
    plim__draft_puts(&line, "\n");
    plim__draft_fill(&out->draft, ' ', indent);
    plim__out_text(out, plim__draft_view(&line));
    plim__draft_fini(&raw);
    plim__draft_fini(&shown);
    plim__draft_fini(&line);
}

void plim__object_show_path(plim__cli *cli, const plim_analysis *analysis, const plim_path *path,
                            uint32_t indent)
{
    const plim_graph *graph = plim_analysis_graph(analysis);
    uint32_t columns = cli->out.columns;
    uint32_t indent_max =
        columns > indent + OBJECT_LINE_COLUMNS_MIN ? columns - indent - OBJECT_LINE_COLUMNS_MIN : 0;
    bool all = path->length <= OBJECT_PATH_HEAD + OBJECT_PATH_TAIL + 1;
    if (path->length > 0 && path->nodes[0] != 0)
        object_show_step(cli, analysis, 0, PLIM_NONE, indent);
    for (uint32_t i = 0; i < path->length; i++) {
        uint32_t depth = i + (path->nodes[0] != 0 ? 1 : 0);
        uint32_t more = depth * 2 < indent_max ? depth * 2 : indent_max;
        if (!all && i == OBJECT_PATH_HEAD) {
            uint32_t left_out = path->length - OBJECT_PATH_HEAD - OBJECT_PATH_TAIL;
            plim__draft_fill(&cli->out.draft, ' ', indent + more);
            plim__out_printf(&cli->out, "... %u more steps (--json has all) ...\n", left_out);
            i += left_out - 1;
            continue;
        }
        object_show_step(cli, analysis, path->nodes[i], object_step_edge(graph, path, i),
                         indent + more);
    }
}

void plim__object_show(plim__cli *cli, const plim_analysis *analysis, uint32_t node)
{
    plim__out *out = &cli->out;
    const plim_graph *graph = plim_analysis_graph(analysis);
    plim_node facts;
    plim_node_facts more;
    char self[PLIM__UNITS_BYTES];
    char retained[PLIM__UNITS_BYTES];
    plim_graph_node(graph, node, &facts);
    plim_analysis_node(analysis, node, &more);
    object_show_step(cli, analysis, node, PLIM_NONE, 0);
    plim__units_bytes(self, more.shallow_bytes, out->exact_bytes);
    plim__units_bytes(retained, more.retained_bytes, out->exact_bytes);
    plim__out_printf(out, "%s, %s itself, %s retained", plim_node_type_name(facts.type), self,
                     retained);
    if (more.distance >= 0 && more.distance < PLIM_DISTANCE_SYSTEM)
        plim__out_printf(out, ", distance %d", more.distance);
    plim__out_puts(out, "\n");
}
