/* SPDX-License-Identifier: MIT */
/**
 * @file process_edges.h
 * @brief Who holds a block: every word that is an address in it, in blocks and outside of them.
 *
 * All of these are guesses: a number may look like an address, and what hides an address (a mask, a
 * difference) is not seen. Addresses into the middle of a block count.
 */
#ifndef PLIM_BRIDGE_PROCESS_EDGES_H
#define PLIM_BRIDGE_PROCESS_EDGES_H
#include <plimsoll/stream.h>

#include "bridge/process_heap.h"

/** A word that leads to a block. */
typedef struct plim__process_edge {
    uint32_t from;   /* a block, or a root */
    uint32_t to;     /* a block */
    uint64_t offset; /* in a block, a module's file image, or a stack: where it was */
} plim__process_edge;

enum { PLIM__PROCESS_ROOT_NAME_BYTES = 96 };

/** What kinds of roots there are. */
typedef enum plim__process_root_kind {
    PLIM__ROOT_MODULE,   /* variables of a program or library */
    PLIM__ROOT_MAPPING,  /* other writable memory: what the program maps by itself */
    PLIM__ROOT_STACK,    /* of a thread */
    PLIM__ROOT_REGISTERS /* of a thread */
} plim__process_root_kind;

typedef struct plim__process_root {
    plim__process_root_kind kind;
    uint64_t number;                          /* of a thread; of a mapping, its address */
    uint64_t start;                           /* of a stack: the mapping it lies in */
    char name[PLIM__PROCESS_ROOT_NAME_BYTES]; /* of a module: its file's */
} plim__process_root;

/** What was found. Zero it but for the allocator; ended by plim__process_edges_fini(). */
typedef struct plim__process_edges {
    const plim_allocator *allocator;
    plim__process_root *roots;
    uint32_t root_count, root_cap;
    plim__process_edge *held; /* from roots */
    uint32_t held_count, held_cap;
    plim__process_edge *links; /* from blocks, in their order */
    uint32_t link_count, link_cap;
    uint64_t root_bytes; /* of memory looked through for roots */
    bool is_cut;         /* there was more of that than is looked through */
} plim__process_edges;

/** Roots: modules, and stacks and registers of the threads that stand still. Comes first. */
PLIM_NODISCARD plim_status plim__process_find_roots(const plim__peer *peer,
                                                    const plim__process_heap *heap,
                                                    plim__process_edges *edges, plim_error *err);

/** Further roots: what else the program has mapped to write to. Its threads may run. */
PLIM_NODISCARD plim_status plim__process_find_mappings(const plim__peer *peer,
                                                       const plim__process_heap *heap,
                                                       plim__process_edges *edges, plim_error *err);

/** Links between blocks. `copy` holds the heap's pages as they were, or is NULL: then they are read
 *  now. */
PLIM_NODISCARD plim_status plim__process_find_links(const plim__peer *peer,
                                                    const plim__process_heap *heap,
                                                    const uint8_t *copy, plim_progress progress,
                                                    plim__process_edges *edges, plim_error *err);

/** Copies the heap's pages: heap->page_count of them; what cannot be read is 0. */
void plim__process_copy(const plim__peer *peer, const plim__process_heap *heap, uint8_t *copy);

/** Frees. */
void plim__process_edges_fini(plim__process_edges *edges);

#endif
