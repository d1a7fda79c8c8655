/* SPDX-License-Identifier: MIT */
/*
 * A tree of values laid out: in one line where that fits, else its members in lines of their own;
 * arrays of short things are filled into lines. Widths are summed up once, from the last node to
 * the first (children stand behind parents); then it is written from a stack.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "repl/values/tree.h"

enum { LAYOUT_STACK = 3 * PLIM__TREE_DEPTH_MAX, LAYOUT_INDENT = 2, LAYOUT_WIDE = 1 << 20 };

typedef struct layout_frame {
    uint32_t node, child, indent;
    bool in_lines, is_filled, is_first;
} layout_frame;

typedef struct layout_work {
    plim__tree *tree;
    plim__text out;
    uint32_t column, count;
    layout_frame frames[LAYOUT_STACK];
} layout_work;

static uint32_t layout_columns(const char *text)
{
    uint32_t columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static const char *layout_text(const plim__tree *tree, uint32_t at)
{
    return tree->texts != NULL ? tree->texts + at : "";
}

static bool layout_is_named(const plim__tree *tree, const plim__node *node)
{
    return layout_text(tree, node->name)[0] == '.';
}

static void layout_measure(plim__tree *tree)
{
    for (uint32_t i = tree->node_count; i-- > 0;) {
        plim__node *node = &tree->nodes[i];
        uint64_t width = layout_columns(layout_text(tree, node->text));
        if (layout_is_named(tree, node))
            width += layout_columns(layout_text(tree, node->name)) + 3;
        if (node->form == PLIM__NODE_ARROW)
            width += tree->options.ascii ? 4 : 3;
        if (node->form == PLIM__NODE_BRACES)
            width += 2;
        for (uint32_t child = node->first; child != PLIM__NODE_NONE && width < LAYOUT_WIDE;
             child = tree->nodes[child].next)
            width += tree->nodes[child].width + (child != node->first ? 2 : 0);
        node->width = (uint32_t)(width < LAYOUT_WIDE ? width : LAYOUT_WIDE);
    }
}

static void layout_add(layout_work *work, const char *text)
{
    plim__text_add(&work->out, text, strlen(text));
    work->column += layout_columns(text);
}

static void layout_line(layout_work *work, uint32_t indent)
{
    plim__text_format(&work->out, "\n%*s", (int)indent, "");
    work->column = indent;
}

/* An array of leaves: several to a line. */
static bool layout_is_filled(const plim__tree *tree, const plim__node *node)
{
    for (uint32_t child = node->first; child != PLIM__NODE_NONE; child = tree->nodes[child].next) {
        if (tree->nodes[child].form != PLIM__NODE_LEAF ||
            layout_is_named(tree, &tree->nodes[child]))
            return false;
    }
    return true;
}

static void layout_open(layout_work *work, uint32_t index, uint32_t indent)
{
    const plim__tree *tree = work->tree;
    const plim__node *node = &tree->nodes[index];
    uint32_t columns = tree->options.columns;
    bool in_lines = columns != 0 && work->column + node->width > columns;
    if (layout_is_named(tree, node)) {
        layout_add(work, layout_text(tree, node->name));
        layout_add(work, " = ");
    }
    layout_add(work, layout_text(tree, node->text));
    if (node->form == PLIM__NODE_LEAF || work->count >= LAYOUT_STACK)
        return;
    if (node->form == PLIM__NODE_ARROW)
        layout_add(work, tree->options.ascii ? " -> " : " \xe2\x86\x92 ");
    else
        layout_add(work, "{");
    work->frames[work->count++] =
        (layout_frame){.node = index,
                       .child = node->first,
                       .indent = indent,
                       .in_lines = in_lines && node->form == PLIM__NODE_BRACES,
                       .is_filled = layout_is_filled(tree, node),
                       .is_first = true};
}

/* The end of a node's children. */
static void layout_close(layout_work *work, const layout_frame *frame)
{
    if (work->tree->nodes[frame->node].form == PLIM__NODE_BRACES) {
        if (frame->in_lines)
            layout_line(work, frame->indent);
        layout_add(work, "}");
    }
    work->count--;
}

static void layout_step(layout_work *work)
{
    layout_frame *frame = &work->frames[work->count - 1];
    uint32_t child = frame->child;
    uint32_t indent = frame->indent;
    if (child == PLIM__NODE_NONE) {
        layout_close(work, frame);
        return;
    }
    const plim__node *node = &work->tree->nodes[child];
    bool fits = work->column + 2 + node->width <= work->tree->options.columns;
    frame->child = node->next;
    if (!frame->is_first)
        layout_add(work, ",");
    if (frame->in_lines) {
        indent += LAYOUT_INDENT;
        if (frame->is_first || !frame->is_filled || !fits)
            layout_line(work, indent);
        else
            layout_add(work, " ");
    } else if (!frame->is_first) {
        layout_add(work, " ");
    }
    frame->is_first = false;
    layout_open(work, child, indent);
}

void plim__tree_write(plim__tree *tree, char *out, size_t cap)
{
    layout_work work = {.tree = tree};
    plim__text_init(&work.out, out, cap);
    if (tree->failed || tree->node_count == 0) {
        layout_add(&work, "(not enough memory to show it)");
        return;
    }
    layout_measure(tree);
    layout_open(&work, 0, 0);
    while (work.count > 0 && !work.out.is_cut) /* each step takes a child or ends a frame */
        layout_step(&work);
    if (tree->is_cut)
        layout_add(&work,
                   tree->options.ascii ? " ... (there is more)" : " \xe2\x80\xa6 (there is more)");
}

plim_status plim_value_text(const plim_types *types, plim_type type, uint64_t address,
                            const plim_memory *memory, const plim_value_options *options, char *out,
                            size_t cap, plim_error *err)
{
    plim__tree tree;
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(memory != NULL && memory->read != NULL && out != NULL && cap > 0);
    plim__tree_init(&tree, types, memory, options);
    plim__tree_build(&tree, type, address);
    plim__tree_write(&tree, out, cap);
    bool failed = tree.failed;
    plim__tree_fini(&tree);
    return failed ? plim__no_memory(err, "the text of a value") : PLIM_OK;
}
