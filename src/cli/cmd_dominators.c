/* SPDX-License-Identifier: MIT */
/*
 * The dominator tree, level by level. The analysis knows each node's parent; the children of a
 * node are found by one pass that sorts nodes by parent (a counting sort), then each level that is
 * shown is sorted by retained size. The walk uses an explicit stack: the tree may be as deep as a
 * linked list is long, but no more than --depth levels of it are visited.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/object.h"
#include "cli/sheet.h"
#include "cli/units.h"

enum { DOMINATORS_DEPTH_MAX = 64 };

/* Children of node n: child[first[n]] to child[first[n + 1] - 1]. */
typedef struct dominators_tree {
    const plim_allocator *allocator;
    const plim_analysis *analysis;
    uint32_t node_count;
    uint32_t *first; /* node_count + 2 */
    uint32_t *child; /* node_count */
} dominators_tree;

typedef struct dominators_row {
    uint32_t node;
    uint64_t retained_bytes;
} dominators_row;

/* One level of the walk: its rows are tree->rows[next] to [end - 1] of that level's own block. */
typedef struct dominators_level {
    dominators_row *rows;
    uint32_t row_count; /* allocated, for freeing */
    uint32_t next;
    uint32_t end;
    uint32_t total;
} dominators_level;

static uint32_t dominators_parent(const dominators_tree *tree, uint32_t node)
{
    plim_node_facts facts;
    plim_analysis_node(tree->analysis, node, &facts);
    return facts.dominator;
}

static void *dominators_new(const plim_allocator *allocator, size_t count, size_t item_bytes)
{
    return allocator->resize(allocator->ctx, NULL, 0, count * item_bytes);
}

static void dominators_free(const plim_allocator *allocator, void *block, size_t bytes)
{
    if (block != NULL)
        (void)allocator->resize(allocator->ctx, block, bytes, 0);
}

static plim_status dominators_build(dominators_tree *tree, plim_error *err)
{
    size_t count = tree->node_count;
    tree->first = dominators_new(tree->allocator, count + 2, sizeof *tree->first);
    tree->child = dominators_new(tree->allocator, count + 1, sizeof *tree->child);
    if (tree->first == NULL || tree->child == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the tree");
    memset(tree->first, 0, (count + 2) * sizeof *tree->first);
    for (uint32_t node = 1; node < tree->node_count; node++) {
        uint32_t parent = dominators_parent(tree, node);
        if (parent != PLIM_NONE && parent != node)
            tree->first[parent + 2]++;
    }
    for (size_t i = 2; i < count + 2; i++)
        tree->first[i] += tree->first[i - 1];
    for (uint32_t node = 1; node < tree->node_count; node++) {
        uint32_t parent = dominators_parent(tree, node);
        if (parent != PLIM_NONE && parent != node)
            tree->child[tree->first[parent + 1]++] = node;
    }
    return PLIM_OK;
}

static void dominators_fini(dominators_tree *tree)
{
    size_t count = tree->node_count;
    dominators_free(tree->allocator, tree->first, (count + 2) * sizeof *tree->first);
    dominators_free(tree->allocator, tree->child, (count + 1) * sizeof *tree->child);
}

static int dominators_order(const void *a, const void *b)
{
    const dominators_row *one = a;
    const dominators_row *other = b;
    if (one->retained_bytes != other->retained_bytes)
        return one->retained_bytes < other->retained_bytes ? 1 : -1;
    return (one->node > other->node) - (one->node < other->node);
}

/* The children of a node, largest first, as many as are to be shown. */
static plim_status dominators_open(plim__cli *cli, const dominators_tree *tree, uint32_t node,
                                   dominators_level *level, plim_error *err)
{
    uint32_t count = tree->first[node + 1] - tree->first[node];
    *level = (dominators_level){.row_count = count, .total = count};
    if (count == 0)
        return PLIM_OK;
    level->rows = dominators_new(tree->allocator, count, sizeof *level->rows);
    if (level->rows == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the tree");
    for (uint32_t i = 0; i < count; i++) {
        plim_node_facts facts;
        uint32_t child = tree->child[tree->first[node] + i];
        plim_analysis_node(tree->analysis, child, &facts);
        level->rows[i] = (dominators_row){child, facts.retained_bytes};
    }
    qsort(level->rows, count, sizeof *level->rows, dominators_order);
    level->end = (uint32_t)plim__cli_top(cli, count);
    return PLIM_OK;
}

static void dominators_close(const dominators_tree *tree, dominators_level *level)
{
    dominators_free(tree->allocator, level->rows, level->row_count * sizeof *level->rows);
    level->rows = NULL;
}

/* Where rows go: JSON objects that nest, or sheet rows with the depth as indentation. */
typedef struct dominators_view {
    plim__cli *cli;
    plim__sheet *sheet;
    uint64_t total_bytes; /* what shares are of */
} dominators_view;

static void dominators_row_sheet(dominators_view *view, const dominators_tree *tree, uint32_t node,
                                 uint32_t depth)
{
    plim_node facts;
    plim_node_facts more;
    plim__draft name;
    plim_graph_node(plim_analysis_graph(tree->analysis), node, &facts);
    plim_analysis_node(tree->analysis, node, &more);
    plim__draft_init(&name, view->cli->out.draft.allocator);
    if (plim__cli_is_human(view->cli))
        plim__draft_fill(&name, ' ', (size_t)depth * 2);
    else
        plim__sheet_unsigned(view->sheet, depth + 1);
    plim__object_name(&name, tree->analysis, node);
    plim__sheet_text(view->sheet, plim__draft_view(&name));
    plim__sheet_unsigned(view->sheet, facts.id);
    plim__sheet_unsigned(view->sheet, more.shallow_bytes);
    plim__sheet_unsigned(view->sheet, more.retained_bytes);
    uint64_t total = view->total_bytes > 0 ? view->total_bytes : 1;
    plim__sheet_unsigned(view->sheet,
                         (uint64_t)((double)more.retained_bytes * 1000.0 / (double)total));
    plim__draft_fini(&name);
}

static void dominators_enter(dominators_view *view, const dominators_tree *tree, uint32_t node,
                             uint32_t depth)
{
    if (!plim__cli_is_json(view->cli)) {
        dominators_row_sheet(view, tree, node, depth);
        return;
    }
    plim__emit_object(&view->cli->emit, NULL);
    plim__object_emit(view->cli, tree->analysis, node);
    plim__emit_array(&view->cli->emit, "children");
}

static void dominators_leave(dominators_view *view)
{
    if (!plim__cli_is_json(view->cli))
        return;
    plim__emit_array_end(&view->cli->emit);
    plim__emit_object_end(&view->cli->emit);
}

/* Depth first, at most depth_max levels; the stack holds one level each. */
static plim_status dominators_walk(dominators_view *view, const dominators_tree *tree,
                                   uint32_t top_node, uint32_t depth_max, uint32_t *out_total,
                                   plim_error *err)
{
    dominators_level stack[DOMINATORS_DEPTH_MAX];
    uint32_t depth = 0;
    plim_status status = dominators_open(view->cli, tree, top_node, &stack[0], err);
    *out_total = stack[0].total;
    while (status == PLIM_OK) {
        dominators_level *level = &stack[depth];
        if (level->next == level->end) {
            dominators_close(tree, level);
            if (depth == 0)
                return PLIM_OK;
            depth--;
            dominators_leave(view);
            continue;
        }
        uint32_t node = level->rows[level->next++].node;
        dominators_enter(view, tree, node, depth);
        if (depth + 1 < depth_max)
            status = dominators_open(view->cli, tree, node, &stack[++depth], err);
        else
            dominators_leave(view);
    }
    for (uint32_t i = 0; i <= depth; i++)
        dominators_close(tree, &stack[i]);
    return status;
}

static plim_status dominators_show(plim__cli *cli, const dominators_tree *tree, uint32_t node,
                                   uint32_t depth_max, plim_error *err)
{
    static const plim__column columns[] = {
        {"depth", "depth", PLIM__CELL_COUNT},
        {"name", "object", PLIM__CELL_NAME},
        {"id", "id", PLIM__CELL_ID},
        {"self_bytes", "shallow", PLIM__CELL_BYTES},
        {"retained_bytes", "retained", PLIM__CELL_BYTES},
        {"share", "share", PLIM__CELL_SHARE},
    };
    bool human = plim__cli_is_human(cli);
    bool json = plim__cli_is_json(cli);
    plim_node_facts facts;
    plim_analysis_node(tree->analysis, 0, &facts);
    plim__sheet sheet = {0};
    dominators_view view = {cli, &sheet, facts.retained_bytes};
    uint32_t total = 0;
    if (json) {
        plim__emit_start(&cli->emit, &cli->out, "dominators");
        plim__emit_object(&cli->emit, "node");
        plim__object_emit(cli, tree->analysis, node);
        plim__emit_object_end(&cli->emit);
        plim__emit_array(&cli->emit, "children");
    } else {
        if (human)
            plim__object_show(cli, tree->analysis, node);
        plim__out_puts(&cli->out, human ? "\n" : "");
        plim__sheet_start(&sheet, &cli->out, &cli->emit, "children", human ? columns + 1 : columns,
                          human ? 5 : 6);
    }
    plim_status status = dominators_walk(&view, tree, node, depth_max, &total, err);
    if (json) {
        plim__emit_array_end(&cli->emit);
        plim__emit_finish(&cli->emit);
    } else {
        plim__sheet_finish(&sheet);
        if (total == 0 && human)
            plim__out_puts(&cli->out, "it keeps nothing else alive\n");
        plim__cli_rest(cli, plim__cli_top(cli, total), total);
    }
    return status;
}

plim_status plim__cmd_dominators(plim__cli *cli, plim_error *err)
{
    plim__heap heap = {0};
    uint32_t node = 0;
    uint64_t id;
    const char *path = plim__args_file(&cli->args, 0);
    uint64_t depth_max = plim__args_number(&cli->args, PLIM__OPTION_depth, 1);
    plim_status status = PLIM_OK;
    if (path == NULL || plim__args_file(&cli->args, 1) != NULL)
        status = plim__args_node_id(&cli->args, &id, err);
    if (status == PLIM_OK && path == NULL)
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim dominators wants FILE [@ID]");
    if (status == PLIM_OK && (depth_max == 0 || depth_max > DOMINATORS_DEPTH_MAX))
        status = plim_error_set(err, PLIM_ERR_USAGE, "--depth wants a number from 1 to %d",
                                DOMINATORS_DEPTH_MAX);
    if (status == PLIM_OK)
        status = plim__heap_open(cli, path, PLIM_WANT_DISTANCES | PLIM_WANT_DOMINATORS, &heap, err);
    if (status == PLIM_OK && cli->args.operand_count == 2)
        status = plim__heap_find_operand(cli, &heap, path, &node, err);
    if (status == PLIM_OK) {
        plim_graph_info info;
        plim_graph_read_info(heap.graph, &info);
        dominators_tree tree = {cli->allocator, heap.analysis, info.node_count, NULL, NULL};
        status = dominators_build(&tree, err);
        if (status == PLIM_OK)
            status = dominators_show(cli, &tree, node, (uint32_t)depth_max, err);
        dominators_fini(&tree);
    }
    plim__heap_close(&heap);
    return status;
}
