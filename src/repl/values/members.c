/* SPDX-License-Identifier: MIT */
/*
 * What a value is made of: its members one by one, and the pointers in it. Both walk types without
 * recursion: members are one level of a tree; pointers are looked for from a stack of the structs
 * and arrays that are being walked.
 *
 * R1  a walk takes at most MEMBERS_STEPS_MAX steps and tells at most MEMBERS_TOLD_MAX pointers.
 */
#include <dwarf.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "repl/values/tree.h"

enum {
    MEMBERS_TEXT_BYTES = 4096,
    MEMBERS_DEPTH_MAX = 32,
    MEMBERS_TOLD_MAX = 65536,
    MEMBERS_STEPS_MAX = 1 << 20
};

/* --- members --------------------------------------------------------------------------------- */

static bool members_is_open(plim__kind_of_type kind)
{
    return kind == PLIM__TYPE_STRUCT || kind == PLIM__TYPE_UNION || kind == PLIM__TYPE_ARRAY ||
           kind == PLIM__TYPE_POINTER;
}

/* Tells one; false: no more. */
static bool members_tell(const plim__tree *tree, const plim__node *node,
                         const plim_value_options *options,
                         bool (*add)(void *ctx, const plim_member *member), void *ctx, bool *failed)
{
    char text[MEMBERS_TEXT_BYTES];
    plim__tree child;
    plim__tree_init(&child, tree->types, tree->memory, options);
    plim__tree_build_member(&child, node);
    plim__tree_write(&child, text, sizeof text);
    *failed = child.failed;
    plim__tree_fini(&child);
    if (*failed)
        return false;
    const char *name = tree->texts != NULL ? tree->texts + node->name : "";
    plim_member member = {.text = text, .type = node->type, .address = node->address};
    member.name = tree->nodes[0].form == PLIM__NODE_ARROW ? "*" : name + (name[0] == '.');
    member.is_open = members_is_open(plim__die_resolve(tree->types, node->type).kind);
    return add(ctx, &member);
}

plim_status plim_value_members(const plim_types *types, plim_type type, uint64_t address,
                               const plim_memory *memory, const plim_value_options *options,
                               bool (*add)(void *ctx, const plim_member *member), void *ctx,
                               plim_error *err)
{
    plim__tree tree;
    plim_value_options each = options != NULL ? *options : (plim_value_options){0};
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(memory != NULL && memory->read != NULL && add != NULL);
    plim__tree_init(&tree, types, memory, options);
    plim__tree_open(&tree, type, address);
    each.columns = 0;
    each.depth_max = 1;
    each.no_pointers = true;
    bool failed = tree.failed;
    uint32_t next = tree.node_count > 0 ? tree.nodes[0].first : PLIM__NODE_NONE;
    while (next != PLIM__NODE_NONE && !failed) {
        const plim__node *node = &tree.nodes[next];
        next = node->next;
        if (node->depth != UINT32_MAX && /* "… 990 more" is no member */
            !members_tell(&tree, node, &each, add, ctx, &failed))
            break;
    }
    plim__tree_fini(&tree);
    return failed ? plim__no_memory(err, "a value's members") : PLIM_OK;
}

/* --- pointers -------------------------------------------------------------------------------- */

typedef struct members_level {
    plim__resolved type;
    uint64_t offset;
    uint64_t index; /* arrays: of the element that comes next */
    uint64_t each;  /* arrays: bytes of an element */
    Dwarf_Die child;
    bool started, is_uncertain;
    char name[PLIM__DIE_NAME_BYTES];
} members_level;

typedef struct members_walk {
    const plim_types *types;
    bool (*add)(void *ctx, const plim_type_reference *reference);
    void *ctx;
    uint32_t told, depth;
    bool is_cut;
    members_level levels[MEMBERS_DEPTH_MAX];
} members_walk;

/* A value at an offset: a pointer is told, what may hold some is walked. */
static void members_enter(members_walk *walk, plim_type type, uint64_t offset, const char *name,
                          bool is_uncertain)
{
    plim__resolved resolved = plim__die_resolve(walk->types, type);
    if (!members_is_open(resolved.kind))
        return;
    if (resolved.kind == PLIM__TYPE_POINTER) {
        plim_type target = plim__die_inner(&resolved);
        plim_type_reference told = {.offset_bytes = offset,
                                    .name = name,
                                    .target = target,
                                    .is_uncertain = is_uncertain,
                                    .is_code = plim__die_resolve(walk->types, target).kind ==
                                               PLIM__TYPE_FUNCTION};
        if (walk->told++ >= MEMBERS_TOLD_MAX || !walk->add(walk->ctx, &told))
            walk->is_cut = true;
        return;
    }
    if (walk->depth >= MEMBERS_DEPTH_MAX) {
        walk->is_cut = true;
        return;
    }
    members_level *level = &walk->levels[walk->depth++];
    char kept[PLIM__DIE_NAME_BYTES];
    (void)strncpy(kept, name, sizeof kept - 1);
    kept[sizeof kept - 1] = '\0';
    *level = (members_level){.type = resolved, .offset = offset, .is_uncertain = is_uncertain};
    memcpy(level->name, kept, sizeof kept);
    if (resolved.kind == PLIM__TYPE_UNION)
        level->is_uncertain = true;
    if (resolved.kind == PLIM__TYPE_ARRAY) {
        plim__resolved element = plim__die_resolve(walk->types, plim__die_inner(&resolved));
        level->each = element.bytes;
        if (!members_is_open(element.kind) || element.bytes == 0 ||
            resolved.element_count == UINT64_MAX)
            walk->depth--; /* nothing there that points */
    }
}

static void members_step(members_walk *walk)
{
    members_level *level = &walk->levels[walk->depth - 1];
    if (level->type.kind == PLIM__TYPE_ARRAY) {
        if (level->index >= level->type.element_count) {
            walk->depth--;
            return;
        }
        uint64_t offset = level->offset + level->index++ * level->each;
        members_enter(walk, plim__die_inner(&level->type), offset, level->name,
                      level->is_uncertain);
        return;
    }
    if (!plim__die_child(&level->type.die, DW_TAG_member, 0, &level->child, &level->started)) {
        walk->depth--;
        return;
    }
    char name[PLIM__DIE_NAME_BYTES];
    plim__placed placed = plim__die_placed(walk->types, &level->child);
    plim__die_name(&level->child, name);
    members_enter(walk, plim__die_target(&level->child), level->offset + placed.offset_bytes,
                  name[0] != '\0' ? name : level->name, level->is_uncertain);
}

bool plim_type_references(const plim_types *types, plim_type type,
                          bool (*add)(void *ctx, const plim_type_reference *reference), void *ctx)
{
    members_walk walk = {.types = types, .add = add, .ctx = ctx};
    PLIM_CHECK_OBJ(types, PLIM__TYPES_MAGIC);
    PLIM_CHECK(add != NULL);
    members_enter(&walk, type, 0, "", false);
    for (uint32_t steps = 0; walk.depth > 0 && !walk.is_cut; steps++) {
        if (steps >= MEMBERS_STEPS_MAX)
            return false;
        members_step(&walk);
    }
    return !walk.is_cut;
}
