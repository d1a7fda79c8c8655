/* SPDX-License-Identifier: MIT */
/**
 * @file page.h
 * @brief A page of trees that are looked at as flame graph and as treemap: one file, no network.
 *
 * Nodes with the largest totals are written until the page is full (PLIM_PAGE_BYTES_MAX); the page
 * says how many of how many those are. Thread-safety: one thread at a time per call.
 */
#ifndef PLIM_HEAP_PAGE_H
#define PLIM_HEAP_PAGE_H
#include <plimsoll/graph.h>

/** What is shown of a node; texts are borrowed until the next call. */
typedef struct plim__page_label {
    plim_text name, place;
} plim__page_label;

/** A tree: node 0 is the whole, a parent stands before its children and has at least their sum. */
typedef struct plim__page_tree {
    const char *name; /**< "who allocated what is alive" */
    const char *unit; /**< "bytes", or what is counted */
    const char *view; /**< shown first: "flame" or "treemap" */
    uint32_t count;
    const uint32_t *parent; /**< PLIM_NONE of node 0, and of nodes that are not in the tree */
    const uint64_t *total;
    void *ctx;
    void (*label)(void *ctx, uint32_t node, plim__page_label *out_label);
} plim__page_tree;

enum { PLIM__PAGE_TREES_MAX = 8, PLIM__PAGE_FACTS_MAX = 8, PLIM__PAGE_FACT_BYTES = 160 };

typedef struct plim__page {
    const char *title;
    char facts[PLIM__PAGE_FACTS_MAX][PLIM__PAGE_FACT_BYTES]; /**< one line, in this order */
    uint32_t fact_count;
    plim__page_tree trees[PLIM__PAGE_TREES_MAX];
    uint32_t tree_count; /**< at least 1 */
} plim__page;

/** Writes the page. */
PLIM_NODISCARD plim_status plim__page_write(const plim__page *page, plim_sink sink,
                                            const plim_allocator *allocator, plim_error *err);

/** Adds a fact; more than PLIM__PAGE_FACTS_MAX are left out. */
void plim__page_fact(plim__page *page, const char *format, ...) PLIM_PRINTF(2, 3);

/** "1.3 MiB", for facts. */
void plim__page_bytes(char out[32], uint64_t bytes);

#endif
