/* SPDX-License-Identifier: MIT */
/**
 * @file tree.h
 * @brief A value as a tree of texts, built from its type and memory, and how the tree is laid out.
 */
#ifndef PLIM_REPL_VALUES_TREE_H
#define PLIM_REPL_VALUES_TREE_H
#include "repl/values/die.h"

/** How a node's children stand. */
typedef enum plim__node_form {
    PLIM__NODE_LEAF,
    PLIM__NODE_BRACES, /* {a, b} */
    PLIM__NODE_ARROW   /* text, an arrow, the one child */
} plim__node_form;

/* Braces within each other, and pointers in a row: what is laid out stands on a stack so deep. */
enum { PLIM__TREE_DEPTH_MAX = 32 };
#define PLIM__NODE_NONE UINT32_MAX

typedef struct plim__node {
    uint32_t first, last, next; /* children and sibling; PLIM__NODE_NONE */
    uint32_t name, text;        /* offsets into the tree's texts; 0: "" */
    plim__node_form form;
    uint32_t depth, pointers; /* braces around it; pointers still to be followed */
    uint32_t bit, bits;       /* of a bit-field */
    uint32_t width;           /* columns in one line; set by plim__tree_write() */
    bool is_alone;            /* nothing is around it */
    bool is_element;          /* of an array */
    plim_type type;
    uint64_t address;
} plim__node;

typedef struct plim__tree {
    const plim_allocator *allocator;
    const plim_types *types;
    const plim_memory *memory;
    plim_value_options options; /* without zeros */
    plim__node *nodes;
    uint32_t node_count, node_cap;
    char *texts; /* the first is "" */
    uint32_t text_bytes, text_cap;
    bool failed; /* the allocator refused */
    bool is_cut; /* there are more nodes than a tree has */
} plim__tree;

/** Starts an empty tree; options may be NULL. */
void plim__tree_init(plim__tree *tree, const plim_types *types, const plim_memory *memory,
                     const plim_value_options *options);

/** Gives its memory back. */
void plim__tree_fini(plim__tree *tree);

/** Adds the value at an address and all in it, as far as the options say. */
void plim__tree_build(plim__tree *tree, plim_type type, uint64_t address);

/** Makes the children of the root alone, with the text of each: for plim_value_members(). */
void plim__tree_open(plim__tree *tree, plim_type type, uint64_t address);

/** Adds one of those as a value of its own: no pointer of it is followed. */
void plim__tree_build_member(plim__tree *tree, const plim__node *member);

/** Writes it. */
void plim__tree_write(plim__tree *tree, char *out, size_t cap);

#endif
