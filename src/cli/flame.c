/* SPDX-License-Identifier: MIT */
/*
 * A flame graph in text. A row is a level of calls, callers above; a box is as wide as its share
 * of all. Calls that only pass on (one callee, nearly nothing of their own) share a box, "a > b >
 * c": stacks of a runtime have ten of those before the first line of a program.
 *
 * Invariants: F1 boxes of a row are in order and do not overlap, each within its caller's columns.
 * F2 a box narrower than FLAME_NARROW columns is left out with all below it, so a row has at most
 * columns / FLAME_NARROW boxes.
 */
#include "cli/flame.h"

#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/terminal.h"

enum {
    FLAME_NARROW = 3,
    FLAME_ROWS_MAX = 24,
    FLAME_COLUMNS_MIN = 40,
    FLAME_COLUMNS_MAX = 400,
    FLAME_BOXES_MAX = FLAME_COLUMNS_MAX / FLAME_NARROW + 1,
    FLAME_LABEL_BYTES = 512
};

typedef struct flame_box {
    uint32_t first, last; /* the calls that share it, caller and innermost */
    uint32_t from, to;    /* columns */
} flame_box;

typedef struct flame_row {
    flame_box boxes[FLAME_BOXES_MAX];
    uint32_t count;
} flame_row;

typedef struct flame_graph {
    plim__cli *cli;
    const plim_profile *profile;
    plim_profile_info info;
    uint32_t *first_child; /* by call, PLIM_NONE: none; the largest first */
    uint32_t *next;
    uint32_t columns;
    flame_row rows[2];
} flame_graph;

static uint64_t flame_total(const flame_graph *graph, uint32_t number)
{
    plim_profile_call call;
    plim_profile_read_call(graph->profile, number, &call);
    return call.total[graph->info.main];
}

typedef struct flame_link {
    uint64_t total;
    uint32_t call, parent;
} flame_link;

static int flame_by_total(const void *left, const void *right)
{
    const flame_link *a = left;
    const flame_link *b = right;
    if (a->total != b->total)
        return a->total > b->total ? 1 : -1;
    return (a->call < b->call) - (a->call > b->call);
}

/* Pushing the smallest first leaves the largest in front. */
static bool flame_make_links(flame_graph *graph)
{
    const plim_allocator *allocator = graph->cli->allocator;
    uint32_t count = graph->info.call_count;
    flame_link *links = allocator->resize(allocator->ctx, NULL, 0, count * sizeof *links);
    if (links == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        plim_profile_call call;
        plim_profile_read_call(graph->profile, i, &call);
        links[i] = (flame_link){call.total[graph->info.main], i, call.parent};
        graph->first_child[i] = graph->next[i] = PLIM_NONE;
    }
    qsort(links, count, sizeof *links, flame_by_total);
    for (uint32_t i = 0; i < count; i++) {
        if (links[i].parent == PLIM_NONE)
            continue;
        graph->next[links[i].call] = graph->first_child[links[i].parent];
        graph->first_child[links[i].parent] = links[i].call;
    }
    (void)allocator->resize(allocator->ctx, links, count * sizeof *links, 0);
    return true;
}

/* The innermost call of those that only pass on what this one has. */
static uint32_t flame_chain_end(const flame_graph *graph, uint32_t call)
{
    for (uint32_t steps = 0; steps <= graph->info.depth_most; steps++) {
        uint32_t child = graph->first_child[call];
        if (child == PLIM_NONE ||
            (double)flame_total(graph, child) < 0.99 * (double)flame_total(graph, call))
            break;
        call = child;
    }
    return call;
}

static void flame_add(flame_graph *graph, flame_row *row, uint32_t call, uint32_t from, uint32_t to)
{
    if (to < from + FLAME_NARROW || row->count == FLAME_BOXES_MAX)
        return;
    row->boxes[row->count++] = (flame_box){call, flame_chain_end(graph, call), from, to};
}

/* The boxes below a box, side by side from its left. */
static void flame_spread(flame_graph *graph, const flame_box *box, flame_row *below)
{
    uint64_t whole = flame_total(graph, box->last), before = 0;
    double wide = (double)(box->to - box->from);
    for (uint32_t child = graph->first_child[box->last]; child != PLIM_NONE && whole > 0;
         child = graph->next[child]) {
        uint64_t total = flame_total(graph, child);
        uint32_t from = box->from + (uint32_t)(wide * (double)before / (double)whole + 0.5);
        before += total;
        uint32_t to = box->from + (uint32_t)(wide * (double)before / (double)whole + 0.5);
        flame_add(graph, below, child, from, to < box->to ? to : box->to);
        if (to < from + FLAME_NARROW)
            break; /* the others are smaller still */
    }
}

/* "caller > … > innermost 45%" */
static void flame_label(const flame_graph *graph, const flame_box *box, plim__draft *label)
{
    const char *arrow = plim__terminal_is_utf8() ? " \xE2\x80\xBA " : " > ";
    uint32_t chain[64];
    uint32_t count = 0;
    plim_profile_call call;
    for (uint32_t at = box->last; count < 64; at = call.parent) {
        plim_profile_read_call(graph->profile, at, &call);
        if (at != 0 || box->last == 0)
            chain[count++] = call.frame;
        if (at == box->first)
            break;
    }
    while (count-- > 0 && label->size_bytes < FLAME_LABEL_BYTES) {
        plim_profile_frame frame;
        plim_profile_read_frame(graph->profile, chain[count], &frame);
        plim__glyphs_show(label, frame.function.size_bytes > 0 ? frame.function
                                                               : plim__text_of("(anonymous)"));
        if (count > 0)
            plim__draft_puts(label, arrow);
    }
    plim__draft_printf(label, " %.0f%%",
                       (double)flame_total(graph, box->last) * 100.0 /
                           (double)graph->info.total[graph->info.main]);
}

static unsigned flame_colour(const flame_graph *graph, const flame_box *box)
{
    plim_profile_call call;
    plim_profile_frame frame;
    unsigned sum = 7;
    plim_profile_read_call(graph->profile, box->last, &call);
    plim_profile_read_frame(graph->profile, call.frame, &frame);
    for (size_t i = 0; i < frame.source.size_bytes; i++)
        sum = sum * 31 + (unsigned char)frame.source.data[i];
    return 41 + sum % 6; /* red to cyan, under black letters */
}

static void flame_draw_box(const flame_graph *graph, const flame_box *box)
{
    plim__out *out = &graph->cli->out;
    uint32_t width = box->to - box->from - 1; /* a column stays between two boxes */
    plim__draft label, cut;
    plim__draft_init(&label, graph->cli->allocator);
    plim__draft_init(&cut, graph->cli->allocator);
    flame_label(graph, box, &label);
    /* The innermost call and the share stand at the end of a label: that is what is kept. */
    plim__glyphs_cut(&cut, plim__draft_view(&label), width, box->first != box->last);
    size_t used = plim__glyphs_columns(plim__draft_view(&cut));
    if (out->colour)
        plim__out_printf(out, "\033[30;%um", flame_colour(graph, box));
    plim__out_text(out, plim__draft_view(&cut));
    for (size_t i = used; i < width; i++)
        plim__out_puts(out, out->colour ? " " : "-");
    plim__out_puts(out, plim__style_off(out->colour));
    plim__draft_fini(&label);
    plim__draft_fini(&cut);
}

static void flame_draw_row(const flame_graph *graph, const flame_row *row)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < row->count; i++) {
        for (; at < row->boxes[i].from; at++)
            plim__out_puts(&graph->cli->out, " ");
        flame_draw_box(graph, &row->boxes[i]);
        plim__out_puts(&graph->cli->out,
                       graph->cli->out.colour || row->boxes[i].to == graph->columns ? " " : "|");
        at = row->boxes[i].to;
    }
    plim__out_puts(&graph->cli->out, "\n");
}

static void flame_draw(flame_graph *graph)
{
    flame_row *row = &graph->rows[0], *below = &graph->rows[1];
    row->count = 0;
    flame_add(graph, row, 0, 0, graph->columns);
    plim__out_puts(&graph->cli->out, "\n");
    for (uint32_t level = 0; row->count > 0; level++) {
        if (level == FLAME_ROWS_MAX) {
            plim__out_styled(&graph->cli->out, PLIM__STYLE_DIM,
                             "deeper calls are left out: -o NAME.html shows all\n");
            break;
        }
        flame_draw_row(graph, row);
        below->count = 0;
        for (uint32_t i = 0; i < row->count; i++)
            flame_spread(graph, &row->boxes[i], below);
        flame_row *drawn = row;
        row = below;
        below = drawn;
    }
}

plim_status plim__flame_show(plim__cli *cli, const plim_profile *profile, plim_error *err)
{
    const plim_allocator *allocator = cli->allocator;
    flame_graph *graph = allocator->resize(allocator->ctx, NULL, 0, sizeof *graph);
    plim_status status = PLIM_ERR_NO_MEMORY;
    if (graph == NULL)
        return plim_error_set(err, status, "not enough memory for the flame graph");
    memset(graph, 0, sizeof *graph);
    graph->cli = cli;
    graph->profile = profile;
    plim_profile_read_info(profile, &graph->info);
    graph->columns = cli->out.columns == 0 ? 80 : cli->out.columns;
    if (graph->columns > FLAME_COLUMNS_MAX)
        graph->columns = FLAME_COLUMNS_MAX;
    size_t bytes = graph->info.call_count * sizeof(uint32_t);
    graph->first_child = allocator->resize(allocator->ctx, NULL, 0, bytes);
    graph->next = allocator->resize(allocator->ctx, NULL, 0, bytes);
    if (graph->columns < FLAME_COLUMNS_MIN)
        status = PLIM_OK; /* too narrow to say anything */
    else if (graph->first_child == NULL || graph->next == NULL || !flame_make_links(graph))
        (void)plim_error_set(err, status, "not enough memory for the flame graph");
    else
        status = PLIM_OK;
    if (status == PLIM_OK && graph->columns >= FLAME_COLUMNS_MIN)
        flame_draw(graph);
    if (graph->first_child != NULL)
        (void)allocator->resize(allocator->ctx, graph->first_child, bytes, 0);
    if (graph->next != NULL)
        (void)allocator->resize(allocator->ctx, graph->next, bytes, 0);
    (void)allocator->resize(allocator->ctx, graph, sizeof *graph, 0);
    return status;
}
