/* SPDX-License-Identifier: MIT */
/*
 * The graph of a process's heap. Nodes first: root, "(GC roots)", "(lost)", roots, then blocks in
 * order of address, so a block's node is its number and a constant. Edges between blocks are
 * elements numbered by the byte they were found at; those from roots are properties, called as the
 * variable, or where they were.
 *
 * G1  Every block can be reached: by a root, or from "(lost)", which has an edge to one block of
 *     each set that nothing else leads to.
 */
#include "bridge/process_graph.h"

#include <plimsoll/bridge.h>
#include <plimsoll/build.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/id_map.h"

enum { GRAPH_NAME_BYTES = PLIM__SITE_NAME_BYTES + 32 };

/* One graph being made. */
typedef struct process_work {
    const plim_allocator *allocator;
    const plim__process_heap *heap;
    const plim__process_edges *edges;
    const plim__process_sites *sites;
    plim_graph_builder *builder;
    plim__id_map taken;   /* synthetic ids */
    uint32_t *root_nodes; /* per root; those of one name share a node */
    uint32_t first_node;  /* of blocks */
    uint32_t *first_link; /* per block, and one more: where its links begin */
    uint32_t *waiting;    /* blocks that are reached and not yet followed */
    bool *is_reached;
} process_work;

static plim_text process_text(const char *text)
{
    return (plim_text){text, strlen(text)};
}

/* The same for the same name, in every snapshot. */
static uint64_t process_id(process_work *work, const char *name)
{
    uint64_t hash = 0;
    for (const char *at = name; *at != '\0'; at++)
        hash = plim__id_hash(hash ^ (uint64_t)(unsigned char)*at);
    uint64_t span = (uint64_t)UINT32_MAX - PLIM_REGION_ID_SYNTHETIC;
    uint64_t id = PLIM_REGION_ID_SYNTHETIC + hash % span;
    while (plim__id_map_find(&work->taken, id) != UINT32_MAX)
        id = id + 1 < UINT32_MAX ? id + 1 : PLIM_REGION_ID_SYNTHETIC;
    return plim__id_map_add(&work->taken, id, 0) ? id : 0;
}

static uint32_t process_synthetic(process_work *work, const char *name)
{
    uint64_t id = process_id(work, name);
    return id == 0 ? PLIM_NONE
                   : plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC,
                                             process_text(name), id, 0);
}

static void process_root_name(const plim__process_root *root, char *out, size_t cap)
{
    unsigned long long number = root->number;
    switch (root->kind) {
    case PLIM__ROOT_MODULE:
        (void)snprintf(out, cap, "variables of %s", root->name);
        break;
    case PLIM__ROOT_MAPPING:
        (void)snprintf(out, cap, root->name[0] != '\0' ? "memory %s" : "memory at 0x%llx%s",
                       root->name[0] != '\0' ? root->name : (const char *)"", number);
        break;
    case PLIM__ROOT_STACK:
        (void)snprintf(out, cap, "stack of thread %llu", number);
        break;
    case PLIM__ROOT_REGISTERS:
        (void)snprintf(out, cap, "registers of thread %llu", number);
        break;
    }
}

/* The node of a root of that name which came before; PLIM_NONE: none. */
static uint32_t process_same_root(const process_work *work, uint32_t root)
{
    const plim__process_root *roots = work->edges->roots;
    for (uint32_t i = root; i-- > 0;)
        if (roots[i].kind == roots[root].kind && roots[i].kind == PLIM__ROOT_MODULE &&
            strcmp(roots[i].name, roots[root].name) == 0)
            return work->root_nodes[i];
    return PLIM_NONE;
}

static bool process_add_roots(process_work *work, uint32_t top)
{
    char name[GRAPH_NAME_BYTES];
    for (uint32_t i = 0; i < work->edges->root_count; i++) {
        work->root_nodes[i] = process_same_root(work, i);
        if (work->root_nodes[i] != PLIM_NONE)
            continue;
        process_root_name(&work->edges->roots[i], name, sizeof name);
        uint32_t node = process_synthetic(work, name);
        if (node == PLIM_NONE ||
            !plim_graph_builder_element(work->builder, top, PLIM_EDGE_ELEMENT, i + 1, node))
            return false;
        work->root_nodes[i] = node;
    }
    return true;
}

static bool process_add_blocks(process_work *work)
{
    for (uint32_t i = 0; i < work->heap->block_count; i++) {
        const plim__process_block *block = &work->heap->blocks[i];
        uint32_t site = (uint32_t)(block->note & ((1u << PLIM__NOTE_SITE_BITS) - 1));
        uint64_t birth = block->note >> PLIM__NOTE_SITE_BITS;
        uint32_t node = plim_graph_builder_node(
            work->builder, PLIM_NODE_OBJECT,
            process_text(plim__process_site_name(work->sites, site)), plim_region_node_id(birth),
            block->bytes);
        if (node == PLIM_NONE)
            return false;
        if (i == 0)
            work->first_node = node;
        PLIM_CHECK(node == work->first_node + i);
    }
    return true;
}

static bool process_add_held(process_work *work, const plim__process_edge *edge)
{
    char name[GRAPH_NAME_BYTES];
    const plim__process_root *root = &work->edges->roots[edge->from];
    size_t length = 0;
    long long offset = (long long)edge->offset;
    if (root->kind == PLIM__ROOT_MODULE)
        length = plim__process_variable(work->sites, edge->offset, name, sizeof name);
    else if (root->kind == PLIM__ROOT_STACK)
        length = (size_t)snprintf(name, sizeof name, "sp%+lld", offset);
    else if (root->kind == PLIM__ROOT_REGISTERS)
        length = (size_t)snprintf(name, sizeof name, "register %lld", offset / 8);
    else
        length = (size_t)snprintf(name, sizeof name, "at 0x%llx", (unsigned long long)offset);
    return plim_graph_builder_edge(work->builder, work->root_nodes[edge->from], PLIM_EDGE_PROPERTY,
                                   (plim_text){name, length}, work->first_node + edge->to);
}

static bool process_add_edges(process_work *work)
{
    const plim__process_edges *edges = work->edges;
    bool is_added = true;
    for (uint32_t i = 0; i < edges->held_count && is_added; i++)
        is_added = process_add_held(work, &edges->held[i]);
    for (uint32_t i = 0; i < edges->link_count && is_added; i++) {
        const plim__process_edge *edge = &edges->links[i];
        uint32_t number = edge->offset < UINT32_MAX ? (uint32_t)edge->offset : UINT32_MAX;
        is_added = plim_graph_builder_element(work->builder, work->first_node + edge->from,
                                              PLIM_EDGE_ELEMENT, number,
                                              work->first_node + edge->to);
    }
    return is_added;
}

/* --- what is lost ---------------------------------------------------------------------------- */

/* Marks what a block leads to; each block waits at most once. */
static void process_reach(process_work *work, uint32_t block)
{
    uint32_t count = 0;
    if (work->is_reached[block])
        return;
    work->is_reached[block] = true;
    work->waiting[count++] = block;
    while (count > 0) {
        uint32_t from = work->waiting[--count];
        for (uint32_t i = work->first_link[from]; i < work->first_link[from + 1]; i++) {
            uint32_t to = work->edges->links[i].to;
            if (work->is_reached[to])
                continue;
            work->is_reached[to] = true;
            work->waiting[count++] = to;
        }
    }
}

static bool process_add_lost(process_work *work, uint32_t lost)
{
    const plim__process_edges *edges = work->edges;
    uint32_t count = work->heap->block_count;
    uint32_t at = 0;
    for (uint32_t block = 0; block <= count; block++) {
        while (at < edges->link_count && edges->links[at].from < block)
            at++;
        work->first_link[block] = at;
    }
    for (uint32_t i = 0; i < edges->held_count; i++)
        process_reach(work, edges->held[i].to);
    uint32_t number = 0;
    bool is_added = true;
    for (uint32_t block = 0; block < count && is_added; block++) {
        if (work->is_reached[block])
            continue;
        process_reach(work, block);
        is_added = plim_graph_builder_element(work->builder, lost, PLIM_EDGE_ELEMENT, ++number,
                                              work->first_node + block);
    }
    return is_added;
}

static bool process_make(process_work *work)
{
    uint32_t root = process_synthetic(work, "");
    uint32_t top = process_synthetic(work, "(GC roots)");
    uint32_t lost = process_synthetic(work, "(lost)");
    return root != PLIM_NONE && top != PLIM_NONE && lost != PLIM_NONE &&
           plim_graph_builder_element(work->builder, root, PLIM_EDGE_ELEMENT, 1, top) &&
           plim_graph_builder_element(work->builder, top, PLIM_EDGE_ELEMENT, 0, lost) &&
           process_add_roots(work, top) && process_add_blocks(work) && process_add_edges(work) &&
           process_add_lost(work, lost);
}

plim_status plim__process_graph(const plim__process_heap *heap, const plim__process_edges *edges,
                                const plim__process_sites *sites, plim_graph **out_graph,
                                plim_error *err)
{
    const plim_allocator *allocator = heap->allocator;
    process_work work = {.allocator = allocator,
                         .heap = heap,
                         .edges = edges,
                         .sites = sites,
                         .taken = {.allocator = allocator}};
    size_t roots = edges->root_count > 0 ? edges->root_count : 1;
    size_t blocks = (size_t)heap->block_count + 1;
    plim_status status = plim_graph_builder_create(allocator, &work.builder, err);
    if (status != PLIM_OK)
        return status;
    work.root_nodes = plim__array_new(allocator, roots, sizeof *work.root_nodes);
    work.first_link = plim__array_new(allocator, blocks, sizeof *work.first_link);
    work.waiting = plim__array_new(allocator, blocks, sizeof *work.waiting);
    work.is_reached = plim__array_new_zero(allocator, blocks, sizeof *work.is_reached);
    bool is_made = work.root_nodes != NULL && work.first_link != NULL && work.waiting != NULL &&
                   work.is_reached != NULL && process_make(&work);
    plim__array_free(allocator, work.root_nodes, roots, sizeof *work.root_nodes);
    plim__array_free(allocator, work.first_link, blocks, sizeof *work.first_link);
    plim__array_free(allocator, work.waiting, blocks, sizeof *work.waiting);
    plim__array_free(allocator, work.is_reached, blocks, sizeof *work.is_reached);
    plim__id_map_fini(&work.taken);
    if (is_made)
        return plim_graph_builder_finish(&work.builder, out_graph, err);
    plim_graph_builder_destroy(&work.builder);
    return plim__no_memory(err, "a graph");
}
