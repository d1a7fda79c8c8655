/* SPDX-License-Identifier: MIT */
/*
 * Dominators as intervals: with nodes numbered in preorder of the dominator tree, "how many of
 * these does H hold" is a matter of two positions, whatever the size of H. Memory of the search
 * is here too: blocks in a list, freed all at once, so that every way out of it is one call.
 *
 * Invariant: order is a permutation of the nodes; start[n] < end[n]; a child's interval lies in
 * its dominator's.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

struct plim__leak_block {
    plim__leak_block *next;
    size_t bytes; /* of the whole block */
};

enum { LEAK_BLOCK_HEAD = 16 };
_Static_assert(sizeof(plim__leak_block) <= LEAK_BLOCK_HEAD, "the head keeps the alignment");

void *plim__leak_take(plim__leak_memory *memory, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (!plim__mul_size(count == 0 ? 1 : count, item_bytes, &bytes) ||
        !plim__add_size(bytes, LEAK_BLOCK_HEAD, &bytes))
        return NULL;
    plim__leak_block *block = plim__array_new_zero(memory->allocator, bytes, 1);
    if (block == NULL)
        return NULL;
    block->next = memory->blocks;
    block->bytes = bytes;
    memory->blocks = block;
    return (char *)block + LEAK_BLOCK_HEAD;
}

void *plim__leak_grow(plim__leak_memory *memory, const void *old, size_t old_count,
                      size_t new_count, size_t item_bytes)
{
    PLIM_CHECK(new_count > old_count);
    void *grown = plim__leak_take(memory, new_count, item_bytes);
    if (grown != NULL && old_count > 0)
        memcpy(grown, old, old_count * item_bytes);
    return grown;
}

void plim__leak_memory_fini(plim__leak_memory *memory)
{
    plim__leak_block *block = memory->blocks;
    while (block != NULL) {
        plim__leak_block *next = block->next;
        plim__array_free(memory->allocator, block, block->bytes, 1);
        block = next;
    }
    memory->blocks = NULL;
}

plim_status plim__leak_tree_make(const plim_analysis *analysis, plim__leak_memory *memory,
                                 plim__leak_tree *out_tree, plim_error *err)
{
    uint32_t node_count = analysis->graph->node_count;
    const uint32_t *dominator = analysis->dominator;
    plim__leak_memory scratch = {.allocator = memory->allocator};
    plim__leak_tree tree = {
        .order = plim__leak_take(memory, node_count, sizeof *tree.order),
        .start = plim__leak_take(memory, node_count, sizeof *tree.start),
        .end = plim__leak_take(memory, node_count, sizeof *tree.end),
    };
    /* Both hold ordinals, and 0 for none: the root is nobody's child. */
    uint32_t *first_child = plim__leak_take(&scratch, node_count, sizeof *first_child);
    uint32_t *sibling = plim__leak_take(&scratch, node_count, sizeof *sibling);
    if (tree.order == NULL || tree.start == NULL || tree.end == NULL || first_child == NULL ||
        sibling == NULL) {
        plim__leak_memory_fini(&scratch);
        return plim__no_memory(err, "the search for leaks");
    }
    for (uint32_t node = node_count; node-- > 1;) {
        sibling[node] = first_child[dominator[node]];
        first_child[dominator[node]] = node;
    }
    uint32_t position = 0;
    uint32_t node = 0;
    while (node_count > 0) {
        PLIM_CHECK(position < node_count);
        tree.start[node] = position;
        tree.order[position++] = node;
        if (first_child[node] != 0) {
            node = first_child[node];
            continue;
        }
        tree.end[node] = position;
        while (node != 0 && sibling[node] == 0) {
            node = dominator[node];
            tree.end[node] = position;
        }
        if (node == 0)
            break;
        node = sibling[node];
    }
    PLIM_CHECK(position == node_count);
    plim__leak_memory_fini(&scratch);
    *out_tree = tree;
    return PLIM_OK;
}
