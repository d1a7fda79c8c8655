/* SPDX-License-Identifier: MIT */
/*
 * A value as a tree. Nodes are expanded in the order in which they were made, so what is nearer to
 * the root is there first, and a bound cuts what is deepest; children stand behind their parents,
 * so that widths can be summed up backwards. A pointer is followed only while its node says so:
 * within a struct that was reached none is, which is what makes cycles end.
 *
 * T1  a node's children have higher indices than it.
 * T2  node_count <= TREE_NODES_MAX, text_bytes <= TREE_TEXT_MAX: what does not fit is "...".
 */
#include "repl/values/tree.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "repl/values/scalar.h"

enum {
    TREE_NODES_MAX = 20000,
    TREE_TEXT_MAX = 1 << 20,
    TREE_LEAF_BYTES = 4096, /* of one node's text: a string of text_max bytes, each "\ooo" */
    TREE_DEPTH_MAX = PLIM__TREE_DEPTH_MAX,
    TREE_DEPTH = 6,
    TREE_ELEMENTS = 10,
    TREE_TEXT = 200,
    TREE_TEXT_LIMIT = 1000,
    TREE_NAME_BYTES = 256,
    TREE_STEP_BYTES = 64 /* strings of unknown length are read in pieces that end at these bounds */
};

void plim__tree_init(plim__tree *tree, const plim_types *types, const plim_memory *memory,
                     const plim_value_options *options)
{
    *tree = (plim__tree){.types = types, .memory = memory};
    if (options != NULL)
        tree->options = *options;
    plim_value_options *set = &tree->options;
    tree->allocator = plim__allocator_or_system(set->allocator);
    if (set->depth_max == 0)
        set->depth_max = TREE_DEPTH;
    if (set->depth_max > TREE_DEPTH_MAX)
        set->depth_max = TREE_DEPTH_MAX;
    if (set->elements_max == 0)
        set->elements_max = TREE_ELEMENTS;
    if (set->text_max == 0)
        set->text_max = TREE_TEXT;
    if (set->text_max > TREE_TEXT_LIMIT)
        set->text_max = TREE_TEXT_LIMIT;
    if (set->pointers_max == 0)
        set->pointers_max = 1;
    if (set->pointers_max > TREE_DEPTH_MAX)
        set->pointers_max = TREE_DEPTH_MAX;
    if (set->no_pointers)
        set->pointers_max = 0;
}

void plim__tree_fini(plim__tree *tree)
{
    plim__array_free(tree->allocator, tree->nodes, tree->node_cap, sizeof *tree->nodes);
    plim__array_free(tree->allocator, tree->texts, tree->text_cap, 1);
    tree->nodes = NULL;
    tree->texts = NULL;
}

/* --- making nodes ---------------------------------------------------------------------------- */

static bool tree_grow(plim__tree *tree, void **array, uint32_t *cap, uint32_t wanted, size_t each)
{
    uint32_t larger = *cap == 0 ? 64 : *cap;
    while (larger < wanted)
        larger *= 2;
    if (larger == *cap)
        return true;
    void *grown = plim__array_resize(tree->allocator, *array, *cap, larger, each);
    if (grown == NULL) {
        tree->failed = true;
        return false;
    }
    *array = grown;
    *cap = larger;
    return true;
}

/* Keeps a text; 0 where there is none or no room for it. */
static uint32_t tree_keep(plim__tree *tree, const char *text)
{
    size_t bytes = strlen(text) + 1;
    void *texts = tree->texts;
    if (bytes == 1 || tree->text_bytes + bytes + 1 > TREE_TEXT_MAX ||
        !tree_grow(tree, &texts, &tree->text_cap, tree->text_bytes + (uint32_t)bytes + 1, 1))
        return 0;
    tree->texts = texts;
    if (tree->text_bytes == 0)
        tree->texts[tree->text_bytes++] = '\0';
    uint32_t at = tree->text_bytes;
    memcpy(tree->texts + at, text, bytes);
    tree->text_bytes += (uint32_t)bytes;
    return at;
}

static void tree_say(plim__tree *tree, uint32_t node, const char *text)
{
    tree->nodes[node].text = tree_keep(tree, text);
}

/* Adds a node behind its siblings; PLIM__NODE_NONE where there is no room. */
static uint32_t tree_add(plim__tree *tree, uint32_t parent, const char *name, plim_type type,
                         uint64_t address)
{
    void *nodes = tree->nodes;
    if (tree->node_count >= TREE_NODES_MAX) {
        tree->is_cut = true;
        return PLIM__NODE_NONE;
    }
    if (!tree_grow(tree, &nodes, &tree->node_cap, tree->node_count + 1, sizeof *tree->nodes))
        return PLIM__NODE_NONE;
    tree->nodes = nodes;
    uint32_t node = tree->node_count++;
    tree->nodes[node] = (plim__node){.first = PLIM__NODE_NONE,
                                     .last = PLIM__NODE_NONE,
                                     .next = PLIM__NODE_NONE,
                                     .type = type,
                                     .address = address};
    tree->nodes[node].name = tree_keep(tree, name);
    if (parent == PLIM__NODE_NONE)
        return node;
    plim__node *above = &tree->nodes[parent];
    tree->nodes[node].depth = above->depth;
    if (above->first == PLIM__NODE_NONE)
        above->first = node;
    else
        tree->nodes[above->last].next = node;
    above->last = node;
    return node;
}

static void tree_add_rest(plim__tree *tree, uint32_t parent, uint64_t count)
{
    char text[64];
    const char *mark = tree->options.ascii ? "..." : "\xe2\x80\xa6";
    uint32_t node = tree_add(tree, parent, "", (plim_type){0}, 0);
    if (node == PLIM__NODE_NONE)
        return;
    if (count == 0)
        (void)snprintf(text, sizeof text, "%s", mark);
    else
        (void)snprintf(text, sizeof text, "%s %" PRIu64 " more", mark, count);
    tree_say(tree, node, text);
    tree->nodes[node].depth = UINT32_MAX; /* a text: not to be expanded */
}

static bool tree_read(const plim__tree *tree, uint64_t address, void *out, size_t bytes)
{
    return bytes == 0 || (address <= UINT64_MAX - bytes &&
                          tree->memory->read(tree->memory->ctx, address, out, bytes));
}

/* --- strings --------------------------------------------------------------------------------- */

static bool tree_is_text(const plim__resolved *type)
{
    return type->kind == PLIM__TYPE_CHAR ||
           (type->kind == PLIM__TYPE_UTF &&
            (type->bytes == 1 || type->bytes == 2 || type->bytes == 4));
}

static bool tree_is_zero(const unsigned char *bytes, size_t each)
{
    static const unsigned char none[4];
    return memcmp(bytes, none, each) == 0;
}

static void tree_add_string(const plim__tree *tree, plim__text *out, const unsigned char *bytes,
                            size_t count, size_t each, bool is_whole)
{
    if (each == 1)
        plim__string_add(out, bytes, count, is_whole, tree->options.ascii);
    else
        plim__wide_add(out, bytes, count, each, is_whole, tree->options.ascii);
}

/* Adds the string a pointer leads to; false: not even its first character can be read. */
static bool tree_add_pointed_string(const plim__tree *tree, plim__text *out, uint64_t address,
                                    size_t each)
{
    unsigned char bytes[TREE_TEXT_LIMIT + TREE_STEP_BYTES];
    size_t have = 0;
    size_t wanted = (size_t)tree->options.text_max / each * each;
    while (have < wanted) {
        /* up to a bound that is one of a page, too: what lies behind it may not be there */
        size_t step = TREE_STEP_BYTES - (size_t)((address + have) % TREE_STEP_BYTES);
        step = step < each ? each : step / each * each;
        if (!tree_read(tree, address + have, bytes + have, step)) {
            if (have == 0)
                return false;
            tree_add_string(tree, out, bytes, have / each, each, true);
            plim__text_format(out, " (then not readable)");
            return true;
        }
        for (size_t end = have + step; have < end && have < wanted; have += each) {
            if (tree_is_zero(bytes + have, each)) {
                tree_add_string(tree, out, bytes, have / each, each, true);
                return true;
            }
        }
    }
    tree_add_string(tree, out, bytes, wanted / each, each, false);
    return true;
}

/* char x[N]: what stands before the zeros at its end, or all of it. */
static bool tree_add_array_string(const plim__tree *tree, plim__text *out, uint64_t address,
                                  uint64_t count, size_t each)
{
    unsigned char bytes[TREE_TEXT_LIMIT];
    uint64_t most = tree->options.text_max / each;
    size_t shown = (size_t)(count < most ? count : most);
    if (!tree_read(tree, address, bytes, shown * each))
        return false;
    size_t length = shown;
    while (length > 0 && tree_is_zero(bytes + (length - 1) * each, each))
        length--;
    tree_add_string(tree, out, bytes, length, each, length < shown || count <= most);
    return true;
}

/* --- pointers -------------------------------------------------------------------------------- */

static bool tree_name_of(const plim__tree *tree, uint64_t address, char *out, size_t cap)
{
    out[0] = '\0';
    return tree->memory->name != NULL && tree->memory->name(tree->memory->ctx, address, out, cap) &&
           out[0] != '\0';
}

/* Adds " <name>" where something is known, in letters that harm no terminal. */
static void tree_add_name(const plim__tree *tree, plim__text *out, uint64_t address)
{
    char name[TREE_NAME_BYTES];
    if (!tree_name_of(tree, address, name, sizeof name))
        return;
    for (char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
    plim__text_format(out, " <%s>", name);
}

/* A child for what the pointer leads to, if that is to be shown and is something. */
static void tree_follow(plim__tree *tree, uint32_t node, plim_type target, uint64_t address)
{
    uint32_t child = tree_add(tree, node, "", target, address);
    if (child == PLIM__NODE_NONE)
        return;
    plim__node *from = &tree->nodes[node];
    from->form = PLIM__NODE_ARROW;
    tree->nodes[child].pointers = from->pointers - 1;
}

static void tree_expand_pointer(plim__tree *tree, uint32_t node, plim__resolved *type)
{
    char text[TREE_LEAF_BYTES];
    plim__text out;
    uint64_t address = 0;
    unsigned char probe;
    plim__text_init(&out, text, sizeof text);
    if (!tree_read(tree, tree->nodes[node].address, &address, 8)) {
        tree_say(tree, node, "(not readable)");
        return;
    }
    if (address == 0) {
        tree_say(tree, node, "NULL");
        return;
    }
    plim_type inner = plim__die_inner(type);
    plim__resolved target = plim__die_resolve(tree->types, inner);
    plim__text_format(&out, "0x%llx", (unsigned long long)address);
    tree_add_name(tree, &out, address);
    if (!tree_read(tree, address, &probe, 1)) {
        plim__text_format(&out, " (not readable)");
    } else if (tree_is_text(&target)) {
        plim__text_add(&out, " ", 1);
        if (!tree_add_pointed_string(tree, &out, address, (size_t)target.bytes))
            plim__text_format(&out, "(not readable)");
    } else if (tree->nodes[node].pointers > 0 && target.kind != PLIM__TYPE_VOID &&
               target.kind != PLIM__TYPE_FUNCTION && target.kind != PLIM__TYPE_UNKNOWN &&
               target.bytes != 0) {
        tree_follow(tree, node, inner, address);
    }
    tree_say(tree, node, text);
}

/* --- structs and arrays ---------------------------------------------------------------------- */

static bool tree_is_too_deep(plim__tree *tree, uint32_t node)
{
    if (tree->nodes[node].depth < tree->options.depth_max)
        return false;
    tree_say(tree, node, tree->options.ascii ? "{...}" : "{\xe2\x80\xa6}");
    return true;
}

static void tree_expand_struct(plim__tree *tree, uint32_t node, plim__resolved *type)
{
    Dwarf_Die member;
    bool started = false;
    if (tree_is_too_deep(tree, node))
        return;
    tree->nodes[node].form = PLIM__NODE_BRACES;
    while (plim__die_child(&type->die, DW_TAG_member, 0, &member, &started)) {
        char name[PLIM__DIE_NAME_BYTES];
        char shown[PLIM__DIE_NAME_BYTES + 2];
        plim__placed placed = plim__die_placed(tree->types, &member);
        uint64_t address = tree->nodes[node].address + placed.offset_bytes;
        plim__die_name(&member, name);
        (void)snprintf(shown, sizeof shown, "%s%s", name[0] != '\0' ? "." : "", name);
        uint32_t child = tree_add(tree, node, shown, plim__die_target(&member), address);
        if (child == PLIM__NODE_NONE)
            return;
        plim__node *made = &tree->nodes[child];
        made->depth = tree->nodes[node].depth + 1;
        made->bit = placed.bit;
        made->bits = placed.bits;
    }
    if (!started && dwarf_hasattr(&type->die, DW_AT_declaration)) {
        tree->nodes[node].form = PLIM__NODE_LEAF;
        tree_say(tree, node, "(its definition is not known)");
    }
}

static void tree_expand_array(plim__tree *tree, uint32_t node, plim__resolved *type)
{
    plim_type inner = plim__die_inner(type);
    plim__resolved element = plim__die_resolve(tree->types, inner);
    uint64_t address = tree->nodes[node].address;
    uint64_t count = type->element_count;
    if (count == UINT64_MAX || (element.bytes == 0 && count > 0)) {
        tree_say(tree, node, "{?}"); /* a flexible array: how much there is, nobody knows */
        return;
    }
    if (tree_is_text(&element) && count > 0) {
        char text[TREE_LEAF_BYTES];
        plim__text out;
        plim__text_init(&out, text, sizeof text);
        bool readable = tree_add_array_string(tree, &out, address, count, (size_t)element.bytes);
        tree_say(tree, node, readable ? text : "(not readable)");
        return;
    }
    if (tree_is_too_deep(tree, node))
        return;
    tree->nodes[node].form = PLIM__NODE_BRACES;
    uint64_t shown = count < tree->options.elements_max ? count : tree->options.elements_max;
    for (uint64_t i = 0; i < shown; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "[%" PRIu64 "]", i);
        uint32_t child = tree_add(tree, node, name, inner, address + i * element.bytes);
        if (child == PLIM__NODE_NONE)
            return;
        tree->nodes[child].depth = tree->nodes[node].depth + 1;
        tree->nodes[child].is_element = true;
    }
    if (shown < count)
        tree_add_rest(tree, node, count - shown);
}

/* --- numbers --------------------------------------------------------------------------------- */

static void tree_expand_scalar(plim__tree *tree, uint32_t node, plim__resolved *type)
{
    unsigned char bytes[PLIM__SCALAR_BYTES_MAX + 8] = {0};
    char text[512];
    plim__text out;
    const plim__node *from = &tree->nodes[node];
    uint64_t count = type->bytes;
    plim__text_init(&out, text, sizeof text);
    if (from->bits != 0)
        count = (from->bit + from->bits + 7) / 8;
    if (count == 0 || count > PLIM__SCALAR_BYTES_MAX) {
        tree_say(tree, node, "(of a kind that is not known)");
        return;
    }
    if (!tree_read(tree, from->address, bytes, (size_t)count)) {
        tree_say(tree, node, "(not readable)");
        return;
    }
    if (from->bits != 0) {
        uint64_t low;
        memcpy(&low, bytes, 8);
        low >>= from->bit;
        if (from->bit != 0)
            low |= (uint64_t)bytes[8] << (64 - from->bit);
        memcpy(bytes, &low, 8);
    }
    plim__scalar_add(&out, type, bytes, from->bits, from->is_alone);
    tree_say(tree, node, text);
}

/* --- all ------------------------------------------------------------------------------------- */

static void tree_expand(plim__tree *tree, uint32_t node)
{
    if (tree->nodes[node].depth == UINT32_MAX)
        return;
    plim__resolved type = plim__die_resolve(tree->types, tree->nodes[node].type);
    switch (type.kind) {
    case PLIM__TYPE_POINTER:
        tree_expand_pointer(tree, node, &type);
        return;
    case PLIM__TYPE_ARRAY:
        tree_expand_array(tree, node, &type);
        return;
    case PLIM__TYPE_STRUCT:
    case PLIM__TYPE_UNION:
        tree_expand_struct(tree, node, &type);
        return;
    case PLIM__TYPE_VOID:
        tree_say(tree, node, "(void)");
        return;
    case PLIM__TYPE_FUNCTION:
        tree_say(tree, node, "(a function)");
        return;
    case PLIM__TYPE_SIGNED:
    case PLIM__TYPE_UNSIGNED:
    case PLIM__TYPE_CHAR:
    case PLIM__TYPE_UTF:
    case PLIM__TYPE_BOOL:
    case PLIM__TYPE_FLOAT:
    case PLIM__TYPE_COMPLEX:
    case PLIM__TYPE_ENUM:
    case PLIM__TYPE_UNKNOWN:
        break;
    }
    tree_expand_scalar(tree, node, &type);
}

void plim__tree_build(plim__tree *tree, plim_type type, uint64_t address)
{
    uint32_t root = tree_add(tree, PLIM__NODE_NONE, "", type, address);
    if (root == PLIM__NODE_NONE)
        return;
    tree->nodes[root].pointers = tree->options.pointers_max;
    tree->nodes[root].is_alone = true;
    for (uint32_t i = 0; i < tree->node_count && !tree->failed; i++)
        tree_expand(tree, i);
}

void plim__tree_open(plim__tree *tree, plim_type type, uint64_t address)
{
    uint32_t root = tree_add(tree, PLIM__NODE_NONE, "", type, address);
    if (root == PLIM__NODE_NONE)
        return;
    tree->nodes[root].pointers = 1;
    tree_expand(tree, root);
}

void plim__tree_build_member(plim__tree *tree, const plim__node *member)
{
    uint32_t root = tree_add(tree, PLIM__NODE_NONE, "", member->type, member->address);
    if (root == PLIM__NODE_NONE)
        return;
    tree->nodes[root].bit = member->bit;
    tree->nodes[root].bits = member->bits;
    for (uint32_t i = 0; i < tree->node_count && !tree->failed; i++)
        tree_expand(tree, i);
}
