/* SPDX-License-Identifier: MIT */
/*
 * The graph of a process's heap. Nodes first: root, "(GC roots)", "(lost)", roots, then blocks in
 * order of address, so a block's node is its number and a constant. Edges between blocks are
 * elements numbered by the byte they were found at; those from roots are properties, called as the
 * variable, or where they were.
 *
 * Neighbours in a doubly linked list do not own one another: where a block can be reached without
 * such links, those to it are weak. Else a list through everything (Python's of what its collector
 * looks after) would be the holder of everything.
 *
 * A stack's words come and go, and many are left over: where a block can be reached from variables,
 * what stacks and registers hold is weak, too.
 *
 * Tables (the slots of a vector, the buckets of a hash) are arrays, not objects: parts of what
 * holds them, that come anew when they grow. A site makes tables if most of its bytes are in blocks
 * that are full of addresses.
 *
 * G1  Every block can be reached by edges that are not weak: from a root, or from "(lost)", which
 *     has an edge to one block of each set that nothing else leads to.
 */
#include "bridge/process_graph.h"

#include <plimsoll/bridge.h>
#include <plimsoll/build.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/id_map.h"

enum {
    GRAPH_NAME_BYTES = PLIM__SITE_NAME_BYTES + 32,
    GRAPH_TABLE_BYTES = 256, /* smaller ones are taken for tables only beside such */
    GRAPH_TABLE_LINKS = 16,
    GRAPH_TABLE_SHARE = 8, /* words for each that is an address, at most: buckets may be sparse */
    GRAPH_SITES = 1 << PLIM__NOTE_SITE_BITS
};

/* Bytes of a site's blocks. */
typedef struct process_kind {
    uint64_t bytes, table_bytes;
} process_kind;

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
    bool *is_list_link;  /* per link: its other half is there */
    bool *is_global;     /* per block: reached without stacks and registers */
    bool *is_direct;     /* per block: reached without list links */
    process_kind *kinds; /* per site */
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
                   : plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC, process_text(name),
                                             id, 0);
}

static void process_root_name(const plim__process_root *root, char *out, size_t cap)
{
    unsigned long long number = root->number;
    switch (root->kind) {
    case PLIM__ROOT_MODULE:
        (void)snprintf(out, cap, "variables of %s", root->name);
        break;
    case PLIM__ROOT_MAPPING:
        if (root->name[0] != '\0')
            (void)snprintf(out, cap, "memory %s", root->name);
        else
            (void)snprintf(out, cap, "memory at 0x%llx", number);
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

static uint32_t process_site_of(const process_work *work, uint32_t block)
{
    return (uint32_t)(work->heap->blocks[block].note & ((1u << PLIM__NOTE_SITE_BITS) - 1));
}

static void process_find_kinds(process_work *work)
{
    for (uint32_t i = 0; i < work->heap->block_count; i++) {
        process_kind *kind = &work->kinds[process_site_of(work, i)];
        uint64_t bytes = work->heap->blocks[i].bytes;
        uint64_t links = work->first_link[i + 1] - work->first_link[i];
        kind->bytes += bytes;
        if (bytes >= GRAPH_TABLE_BYTES && links >= GRAPH_TABLE_LINKS &&
            links * GRAPH_TABLE_SHARE * sizeof(uint64_t) >= bytes)
            kind->table_bytes += bytes;
    }
}

static bool process_is_table(const process_work *work, uint32_t site)
{
    const process_kind *kind = &work->kinds[site];
    return site != 0 && kind->table_bytes > kind->bytes / 2;
}

static bool process_add_blocks(process_work *work)
{
    for (uint32_t i = 0; i < work->heap->block_count; i++) {
        const plim__process_block *block = &work->heap->blocks[i];
        uint32_t site = process_site_of(work, i);
        uint64_t birth = block->note >> PLIM__NOTE_SITE_BITS;
        uint32_t node = plim_graph_builder_node(
            work->builder, process_is_table(work, site) ? PLIM_NODE_ARRAY : PLIM_NODE_OBJECT,
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

static bool process_is_weak(const process_work *work, uint32_t link)
{
    return work->is_list_link[link] && work->is_direct[work->edges->links[link].to];
}

/* Whether it is a stack's or a register's. */
static bool process_is_passing(const process_work *work, const plim__process_edge *held)
{
    plim__process_root_kind kind = work->edges->roots[held->from].kind;
    return kind == PLIM__ROOT_STACK || kind == PLIM__ROOT_REGISTERS;
}

static bool process_held_is_weak(const process_work *work, const plim__process_edge *held)
{
    return process_is_passing(work, held) && work->is_global[held->to];
}

static bool process_add_held(process_work *work, const plim__process_edge *edge)
{
    char name[GRAPH_NAME_BYTES];
    const plim__process_root *root = &work->edges->roots[edge->from];
    size_t length = 0;
    long long offset = (long long)edge->offset;
    if (root->kind == PLIM__ROOT_MODULE)
        length = plim__process_variable(work->sites, edge->offset, root->number, name, sizeof name);
    else if (root->kind == PLIM__ROOT_STACK)
        length = (size_t)snprintf(name, sizeof name, "sp%+lld", offset);
    else if (root->kind == PLIM__ROOT_REGISTERS)
        length = (size_t)snprintf(name, sizeof name, "register %lld", offset / 8);
    else
        length = (size_t)snprintf(name, sizeof name, "at 0x%llx", (unsigned long long)offset);
    return plim_graph_builder_edge(work->builder, work->root_nodes[edge->from],
                                   process_held_is_weak(work, edge) ? PLIM_EDGE_WEAK
                                                                    : PLIM_EDGE_PROPERTY,
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
        if (process_is_weak(work, i))
            is_added = plim_graph_builder_edge(work->builder, work->first_node + edge->from,
                                               PLIM_EDGE_WEAK, process_text("neighbour in a list"),
                                               work->first_node + edge->to);
        else
            is_added =
                plim_graph_builder_element(work->builder, work->first_node + edge->from,
                                           PLIM_EDGE_ELEMENT, number, work->first_node + edge->to);
    }
    return is_added;
}

/* --- lists, and what is lost ----------------------------------------------------------------- */

/* Whether a block has a link to another at an offset; its links are in order of offset. */
static bool process_has_link(const process_work *work, uint32_t from, uint64_t offset, uint32_t to)
{
    const plim__process_edge *links = work->edges->links;
    uint32_t low = work->first_link[from];
    uint32_t high = work->first_link[from + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (links[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < work->first_link[from + 1] && links[low].offset == offset && links[low].to == to;
}

/* One half of next and previous, side by side: in blocks of one kind, or at the front of any. */
static bool process_is_list_link(const process_work *work, const plim__process_edge *link)
{
    static const uint64_t word = sizeof(uint64_t);
    if (link->offset > word && process_site_of(work, link->from) != process_site_of(work, link->to))
        return false;
    return process_has_link(work, link->to, link->offset + word, link->from) ||
           (link->offset >= word &&
            process_has_link(work, link->to, link->offset - word, link->from));
}

/* Which links are followed. */
typedef enum process_way {
    PROCESS_ALL,
    PROCESS_NO_LISTS, /* not those of lists */
    PROCESS_STRONG    /* not the weak ones */
} process_way;

static bool process_follows(const process_work *work, uint32_t link, process_way way)
{
    switch (way) {
    case PROCESS_NO_LISTS:
        return !work->is_list_link[link];
    case PROCESS_STRONG:
        return !process_is_weak(work, link);
    case PROCESS_ALL:
    default:
        return true;
    }
}

/* Marks what a block leads to; each block waits at most once. */
static void process_reach(process_work *work, uint32_t block, bool *marks, process_way way)
{
    uint32_t count = 0;
    if (marks[block])
        return;
    marks[block] = true;
    work->waiting[count++] = block;
    while (count > 0) {
        uint32_t from = work->waiting[--count];
        for (uint32_t i = work->first_link[from]; i < work->first_link[from + 1]; i++) {
            uint32_t to = work->edges->links[i].to;
            if (marks[to] || !process_follows(work, i, way))
                continue;
            marks[to] = true;
            work->waiting[count++] = to;
        }
    }
}

static void process_find_lists(process_work *work)
{
    const plim__process_edges *edges = work->edges;
    uint32_t at = 0;
    for (uint32_t block = 0; block <= work->heap->block_count; block++) {
        while (at < edges->link_count && edges->links[at].from < block)
            at++;
        work->first_link[block] = at;
    }
    for (uint32_t i = 0; i < edges->link_count; i++)
        work->is_list_link[i] = process_is_list_link(work, &edges->links[i]);
    for (uint32_t i = 0; i < edges->held_count; i++)
        if (!process_is_passing(work, &edges->held[i]))
            process_reach(work, edges->held[i].to, work->is_global, PROCESS_ALL);
    for (uint32_t i = 0; i < edges->held_count; i++)
        if (!process_held_is_weak(work, &edges->held[i]))
            process_reach(work, edges->held[i].to, work->is_direct, PROCESS_NO_LISTS);
}

static bool process_add_lost(process_work *work, uint32_t lost)
{
    const plim__process_edges *edges = work->edges;
    uint32_t number = 0;
    bool is_added = true;
    for (uint32_t i = 0; i < edges->held_count; i++)
        if (!process_held_is_weak(work, &edges->held[i]))
            process_reach(work, edges->held[i].to, work->is_reached, PROCESS_STRONG);
    for (uint32_t block = 0; block < work->heap->block_count && is_added; block++) {
        if (work->is_reached[block])
            continue;
        process_reach(work, block, work->is_reached, PROCESS_STRONG);
        is_added = plim_graph_builder_element(work->builder, lost, PLIM_EDGE_ELEMENT, ++number,
                                              work->first_node + block);
    }
    return is_added;
}

static bool process_make(process_work *work)
{
    process_find_lists(work);
    process_find_kinds(work);
    uint32_t root = process_synthetic(work, "");
    uint32_t top = process_synthetic(work, "(GC roots)");
    uint32_t lost = process_synthetic(work, "(lost)");
    return root != PLIM_NONE && top != PLIM_NONE && lost != PLIM_NONE &&
           plim_graph_builder_element(work->builder, root, PLIM_EDGE_ELEMENT, 1, top) &&
           plim_graph_builder_element(work->builder, top, PLIM_EDGE_ELEMENT, 0, lost) &&
           process_add_roots(work, top) && process_add_blocks(work) && process_add_edges(work) &&
           process_add_lost(work, lost);
}

static bool process_room(process_work *work, size_t roots, size_t blocks, size_t links)
{
    const plim_allocator *allocator = work->allocator;
    work->root_nodes = plim__array_new(allocator, roots, sizeof *work->root_nodes);
    work->first_link = plim__array_new(allocator, blocks, sizeof *work->first_link);
    work->waiting = plim__array_new(allocator, blocks, sizeof *work->waiting);
    work->is_reached = plim__array_new_zero(allocator, blocks, sizeof *work->is_reached);
    work->is_direct = plim__array_new_zero(allocator, blocks, sizeof *work->is_direct);
    work->is_list_link = plim__array_new_zero(allocator, links, sizeof *work->is_list_link);
    work->kinds = plim__array_new_zero(allocator, GRAPH_SITES, sizeof *work->kinds);
    work->is_global = plim__array_new_zero(allocator, blocks, sizeof *work->is_global);
    return work->is_global != NULL && work->kinds != NULL && work->root_nodes != NULL &&
           work->first_link != NULL && work->waiting != NULL && work->is_reached != NULL &&
           work->is_direct != NULL && work->is_list_link != NULL;
}

static void process_room_fini(process_work *work, size_t roots, size_t blocks, size_t links)
{
    const plim_allocator *allocator = work->allocator;
    plim__array_free(allocator, work->root_nodes, roots, sizeof *work->root_nodes);
    plim__array_free(allocator, work->first_link, blocks, sizeof *work->first_link);
    plim__array_free(allocator, work->waiting, blocks, sizeof *work->waiting);
    plim__array_free(allocator, work->is_reached, blocks, sizeof *work->is_reached);
    plim__array_free(allocator, work->is_direct, blocks, sizeof *work->is_direct);
    plim__array_free(allocator, work->is_list_link, links, sizeof *work->is_list_link);
    plim__array_free(allocator, work->is_global, blocks, sizeof *work->is_global);
    plim__array_free(allocator, work->kinds, GRAPH_SITES, sizeof *work->kinds);
    plim__id_map_fini(&work->taken);
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
    size_t links = (size_t)edges->link_count + 1;
    plim_status status = plim_graph_builder_create(allocator, &work.builder, err);
    if (status != PLIM_OK)
        return status;
    bool is_made = process_room(&work, roots, blocks, links) && process_make(&work);
    process_room_fini(&work, roots, blocks, links);
    if (is_made)
        return plim_graph_builder_finish(&work.builder, out_graph, err);
    plim_graph_builder_destroy(&work.builder);
    return plim__no_memory(err, "a graph");
}
