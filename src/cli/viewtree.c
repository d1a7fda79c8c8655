/* SPDX-License-Identifier: MIT */
/*
 * Who holds whom: owners, their objects, their children. All rows are gathered first, since a
 * parent may lie behind its child; then each gets the list of its children, by counting.
 *
 * Invariants: T1 a row's parent was born before it, so there are no circles, whatever the region
 * says. T2 sums are made from the latest birth to the first: a child's is whole before it is added.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/units.h"
#include "cli/viewlook.h"

enum { TREE_FIRST = 1024, TREE_DEPTH = 8, TREE_DEPTH_MAX = 64 };

#define TREE_NONE UINT32_MAX

typedef struct tree_row {
    uint64_t birth;
    uint64_t below_bytes; /* itself and all below it: what ends with it */
    uint32_t below_count;
    uint32_t index, generation;
    uint32_t parent_index, parent_generation;
    uint32_t owner;
    uint32_t parent;      /* row; TREE_NONE: stands alone */
    uint32_t first_child; /* in `children` */
    uint32_t child_count;
    uint16_t type;
} tree_row;

typedef struct tree {
    plim__look *look;
    const plim_allocator *allocator;
    tree_row *rows; /* by slot */
    uint32_t count, capacity;
    uint32_t *children; /* rows, those of one parent together */
    uint32_t *order;    /* rows by birth; then the roots by owner */
    uint64_t top;       /* of children to show */
    uint32_t depth_max;
} tree;

static plim_status tree_no_memory(plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the tree");
}

static plim_status tree_gather(tree *self, plim_error *err)
{
    plim_region_object object;
    const void *value;
    uint32_t index = 0;
    while (plim__look_next(self->look, &index, &object, &value)) {
        if (self->count == self->capacity) {
            uint32_t wanted = self->capacity == 0 ? TREE_FIRST : self->capacity * 2;
            void *grown = self->allocator->resize(self->allocator->ctx, self->rows,
                                                  (size_t)self->capacity * sizeof *self->rows,
                                                  (size_t)wanted * sizeof *self->rows);
            if (grown == NULL)
                return tree_no_memory(err);
            self->rows = grown;
            self->capacity = wanted;
        }
        self->rows[self->count++] = (tree_row){.birth = object.birth,
                                               .below_bytes = object.held_bytes,
                                               .below_count = 1,
                                               .index = object.ref.index,
                                               .generation = object.ref.generation,
                                               .parent_index = object.parent.index,
                                               .parent_generation = object.parent.generation,
                                               .owner = object.owner,
                                               .parent = TREE_NONE,
                                               .type = object.type};
    }
    return plim__look_status(self->look, err);
}

static uint32_t tree_find(const tree *self, uint32_t index, uint32_t generation)
{
    uint32_t low = 0;
    uint32_t high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->rows[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < self->count && self->rows[low].index == index &&
                 self->rows[low].generation == generation;
    return found ? low : TREE_NONE;
}

static const tree_row *tree_rows_sorted; /* for the comparison; qsort has no context */

static int tree_by_birth(const void *left, const void *right)
{
    const tree_row *a = &tree_rows_sorted[*(const uint32_t *)left];
    const tree_row *b = &tree_rows_sorted[*(const uint32_t *)right];
    return (a->birth > b->birth) - (a->birth < b->birth);
}

static int tree_by_owner(const void *left, const void *right)
{
    const tree_row *a = &tree_rows_sorted[*(const uint32_t *)left];
    const tree_row *b = &tree_rows_sorted[*(const uint32_t *)right];
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    return (a->birth > b->birth) - (a->birth < b->birth);
}

/* Parents, sums (T2), lists of children. */
static plim_status tree_link(tree *self, plim_error *err)
{
    size_t bytes = ((size_t)self->count + 1) * sizeof *self->order;
    self->order = self->allocator->resize(self->allocator->ctx, NULL, 0, bytes);
    self->children = self->allocator->resize(self->allocator->ctx, NULL, 0, bytes);
    if (self->order == NULL || self->children == NULL)
        return tree_no_memory(err);
    for (uint32_t i = 0; i < self->count; i++) {
        tree_row *row = &self->rows[i];
        uint32_t parent = row->parent_generation == 0
                              ? TREE_NONE
                              : tree_find(self, row->parent_index, row->parent_generation);
        self->order[i] = i;
        if (parent != TREE_NONE && self->rows[parent].birth < row->birth) { /* T1 */
            row->parent = parent;
            self->rows[parent].child_count++;
        }
    }
    tree_rows_sorted = self->rows;
    if (self->count > 1)
        qsort(self->order, self->count, sizeof *self->order, tree_by_birth);
    uint32_t at = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        self->rows[i].first_child = at;
        at += self->rows[i].child_count;
        self->rows[i].child_count = 0;
    }
    for (uint32_t i = 0; i < self->count; i++) { /* so children stand by birth */
        const tree_row *row = &self->rows[self->order[i]];
        if (row->parent != TREE_NONE) {
            tree_row *parent = &self->rows[row->parent];
            self->children[parent->first_child + parent->child_count++] = self->order[i];
        }
    }
    for (uint32_t i = self->count; i-- > 0;) {
        const tree_row *row = &self->rows[self->order[i]];
        if (row->parent != TREE_NONE) {
            self->rows[row->parent].below_bytes += row->below_bytes;
            self->rows[row->parent].below_count += row->below_count;
        }
    }
    return PLIM_OK;
}

/* --- showing ------------------------------------------------------------------------------- */

static void tree_indent(const tree *self, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++)
        plim__out_puts(&self->look->cli->out, "  ");
}

static void tree_show_row(const tree *self, const tree_row *row, uint32_t depth)
{
    plim__look *look = self->look;
    plim__out *out = &look->cli->out;
    char bytes[PLIM__UNITS_BYTES];
    plim_region_object object;
    const void *value;
    plim__draft line;
    plim__draft_init(&line, look->cli->allocator);
    if (plim_region_view_at(look->view, row->index, &object, &value) && object.birth == row->birth)
        plim__value_line(look, &line, row->type, value);
    plim__units_bytes(bytes, row->below_bytes, out->exact_bytes);
    tree_indent(self, depth);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_NAME));
    plim__out_show(out, plim__look_type(look, row->type));
    plim__out_puts(out, plim__style_off(out->colour));
    plim__out_printf(out, " @%llu  %s", (unsigned long long)plim_region_node_id(row->birth), bytes);
    if (row->below_count > 1)
        plim__out_printf(out, " in %u", row->below_count);
    plim__out_puts(out, "  ");
    uint32_t width = out->columns > 40 ? out->columns - 40 : 40;
    plim__draft cut;
    plim__draft_init(&cut, look->cli->allocator);
    plim__glyphs_cut(&cut, plim__draft_view(&line), width, false);
    plim__out_text(out, plim__draft_view(&cut));
    plim__out_puts(out, "\n");
    plim__draft_fini(&cut);
    plim__draft_fini(&line);
}

static void tree_open(const tree *self, const tree_row *row, uint32_t depth)
{
    plim__cli *cli = self->look->cli;
    plim_text type = plim__look_type(self->look, row->type);
    if (plim__cli_is_json(cli)) {
        plim__emit_object(&cli->emit, NULL);
        plim__emit_unsigned(&cli->emit, "id", plim_region_node_id(row->birth));
        plim__emit_text(&cli->emit, "type", type);
        plim__emit_unsigned(&cli->emit, "below_bytes", row->below_bytes);
        plim__emit_unsigned(&cli->emit, "below_count", row->below_count);
        plim__emit_array(&cli->emit, "children");
    } else if (plim__cli_is_human(cli)) {
        tree_show_row(self, row, depth);
    } else {
        plim__out_printf(&cli->out, "%u\t%u\t%llu\t", depth, row->owner,
                         (unsigned long long)plim_region_node_id(row->birth));
        plim__out_show(&cli->out, type);
        plim__out_printf(&cli->out, "\t%llu\t%u\n", (unsigned long long)row->below_bytes,
                         row->below_count);
    }
}

static void tree_shut(const tree *self, const tree_row *row, uint32_t shown, uint32_t depth)
{
    plim__cli *cli = self->look->cli;
    if (plim__cli_is_json(cli)) {
        plim__emit_array_end(&cli->emit);
        plim__emit_object_end(&cli->emit);
    } else if (plim__cli_is_human(cli) && shown < row->child_count) {
        tree_indent(self, depth + 1);
        plim__out_printf(&cli->out, "… and %u more\n", row->child_count - shown);
    }
}

/* A row and what is below it; depth_max levels. */
static void tree_walk(const tree *self, uint32_t root, uint32_t depth)
{
    struct {
        uint32_t row, shown;
    } stack[TREE_DEPTH_MAX + 2];
    uint32_t used = 1;
    stack[0].row = root;
    stack[0].shown = 0;
    tree_open(self, &self->rows[root], depth);
    while (used > 0) {
        uint32_t shown = stack[used - 1].shown;
        const tree_row *row = &self->rows[stack[used - 1].row];
        if (shown >= row->child_count || shown >= self->top || used >= self->depth_max) {
            tree_shut(self, row, used >= self->depth_max ? row->child_count : shown,
                      depth + used - 1);
            used--;
            continue;
        }
        stack[used - 1].shown++;
        stack[used].row = self->children[row->first_child + shown];
        stack[used].shown = 0;
        tree_open(self, &self->rows[stack[used].row], depth + used);
        used++;
    }
}

static void tree_owner_head(const tree *self, const tree_row *first, uint32_t count,
                            uint64_t held_bytes)
{
    plim__look *look = self->look;
    plim__cli *cli = look->cli;
    char bytes[PLIM__UNITS_BYTES];
    plim_region_object block;
    plim__draft name;
    plim__draft_init(&name, cli->allocator);
    bool is_block = first->birth == first->owner &&
                    plim_region_view_at(look->view, first->index, &block, NULL) &&
                    block.birth == first->birth && plim__look_is_owner(look, &block);
    plim__look_owner(look, &name, first->owner, is_block ? &block : NULL);
    if (plim__cli_is_json(cli)) {
        plim__emit_object(&cli->emit, NULL);
        plim__emit_unsigned(&cli->emit, "owner", first->owner);
        if (name.size_bytes > 0)
            plim__emit_text(&cli->emit, "name", plim__draft_view(&name));
        else
            plim__emit_null(&cli->emit, "name");
        plim__emit_unsigned(&cli->emit, "held_bytes", held_bytes);
        plim__emit_array(&cli->emit, "objects");
    } else if (plim__cli_is_human(cli)) {
        plim__units_bytes(bytes, held_bytes, cli->out.exact_bytes);
        plim__out_puts(&cli->out, plim__style_on(cli->out.colour, PLIM__STYLE_HEAD));
        if (first->owner == 0)
            plim__out_puts(&cli->out, "no owner");
        else
            plim__out_printf(&cli->out, "owner %u", first->owner);
        plim__out_puts(&cli->out, plim__style_off(cli->out.colour));
        plim__out_puts(&cli->out, name.size_bytes > 0 ? "  " : "");
        plim__out_show(&cli->out, plim__draft_view(&name));
        plim__out_printf(&cli->out, "  %s in %u that stand alone\n", bytes, count);
    }
    plim__draft_fini(&name);
}

/* Roots of one owner, from `from` on in the order; where those of the next begin. */
static uint32_t tree_owner(const tree *self, uint32_t from, uint32_t root_count)
{
    plim__cli *cli = self->look->cli;
    const tree_row *first = &self->rows[self->order[from]];
    uint32_t end = from;
    uint64_t held_bytes = 0;
    while (end < root_count && self->rows[self->order[end]].owner == first->owner)
        held_bytes += self->rows[self->order[end++]].below_bytes;
    tree_owner_head(self, first, end - from, held_bytes);
    for (uint32_t i = from; i < end && i - from < self->top; i++)
        tree_walk(self, self->order[i], 1);
    if (plim__cli_is_human(cli) && end - from > self->top)
        plim__out_printf(&cli->out, "  … and %llu more\n",
                         (unsigned long long)(end - from - self->top));
    if (plim__cli_is_json(cli)) {
        plim__emit_array_end(&cli->emit);
        plim__emit_object_end(&cli->emit);
    }
    return end;
}

static void tree_show(tree *self)
{
    plim__cli *cli = self->look->cli;
    uint32_t root_count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->rows[i].parent == TREE_NONE)
            self->order[root_count++] = i;
    }
    if (root_count > 1)
        qsort(self->order, root_count, sizeof *self->order, tree_by_owner);
    if (plim__cli_is_json(cli))
        plim__emit_array(&cli->emit, "tree");
    else if (!plim__cli_is_human(cli))
        plim__out_puts(&cli->out, "depth\towner\tid\ttype\tbelow_bytes\tbelow_count\n");
    for (uint32_t at = 0; at < root_count;)
        at = tree_owner(self, at, root_count);
    if (plim__cli_is_json(cli))
        plim__emit_array_end(&cli->emit);
}

plim_status plim__look_tree(plim__look *look, plim_error *err)
{
    plim__cli *cli = look->cli;
    tree self = {.look = look, .allocator = cli->allocator};
    uint64_t depth = plim__args_number(&cli->args, PLIM__OPTION_depth, TREE_DEPTH);
    if (depth == 0 || depth > TREE_DEPTH_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--depth wants a number from 1 to %d",
                              TREE_DEPTH_MAX);
    self.depth_max = (uint32_t)depth;
    plim_status status = tree_gather(&self, err);
    if (status == PLIM_OK)
        status = tree_link(&self, err);
    if (status == PLIM_OK) {
        self.top = plim__cli_top(cli, UINT32_MAX);
        tree_show(&self);
    }
    size_t bytes = ((size_t)self.count + 1) * sizeof *self.order;
    if (self.rows != NULL)
        (void)self.allocator->resize(self.allocator->ctx, self.rows,
                                     (size_t)self.capacity * sizeof *self.rows, 0);
    if (self.order != NULL)
        (void)self.allocator->resize(self.allocator->ctx, self.order, bytes, 0);
    if (self.children != NULL)
        (void)self.allocator->resize(self.allocator->ctx, self.children, bytes, 0);
    return status;
}
