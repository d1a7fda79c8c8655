/* SPDX-License-Identifier: MIT */
/**
 * @file firefox.h
 * @brief A Firefox snapshot as its messages say it, before it is a graph.
 */
#ifndef PLIM_HEAP_FIREFOX_H
#define PLIM_HEAP_FIREFOX_H
#include <plimsoll/build.h>

#include "base/id_map.h"
#include "heap/formats/json.h"
#include "heap/formats/pull.h"
#include "heap/formats/rows.h"

/** What a node is, as Firefox groups them. */
enum {
    PLIM__FIREFOX_OTHER = 0,
    PLIM__FIREFOX_OBJECT,
    PLIM__FIREFOX_SCRIPT,
    PLIM__FIREFOX_STRING,
    PLIM__FIREFOX_DOM
};

/** Texts are numbers in a table, PLIM_NONE where there is none. */
typedef struct plim__firefox_node {
    uint64_t size;
    uint32_t type;      /* wide */
    uint32_t described; /* wide */
    uint32_t class;     /* narrow */
    uint32_t script;    /* narrow */
    uint32_t coarse;
    uint32_t first_edge;
} plim__firefox_node;

typedef struct plim__firefox_edge {
    uint64_t to;   /* an id; an ordinal once plim__firefox_resolve() was here */
    uint32_t name; /* wide */
} plim__firefox_edge;

/** A frame of a stack; a caller stands before what it calls. */
typedef struct plim__firefox_frame {
    uint32_t parent;       /* row of its caller, or PLIM_NONE */
    uint32_t name, source; /* wide */
    uint32_t line, column; /* 1 and up; 0: unknown */
} plim__firefox_frame;

/** A frame as its message says it. */
typedef struct plim__firefox_raw {
    uint64_t id;
    plim__firefox_frame frame;
} plim__firefox_raw;

/** Started by plim__firefox_init(); end it with plim__firefox_fini(). */
typedef struct plim__firefox {
    const plim_allocator *allocator;
    plim__pull pull;
    plim__rows ids;          /* uint64_t, beside nodes */
    plim__rows nodes;        /* plim__firefox_node */
    plim__rows edges;        /* plim__firefox_edge, of the nodes in turn */
    plim__rows wide, narrow; /* plim_text: the two tables, in the order of introduction */
    plim__text_arena arena;
    plim__id_map map;

    bool keep_stacks;        /* the caller's wish; else the rest stays empty */
    plim__rows frames;       /* plim__firefox_frame */
    plim__rows stacks;       /* uint32_t, beside nodes: row of the innermost frame, or PLIM_NONE */
    plim__rows chain;        /* plim__firefox_raw: the stack under way, innermost first */
    plim__id_map frame_rows; /* ids of frames to rows */
} plim__firefox;

/** Starts it empty; false if memory was refused. */
bool plim__firefox_init(plim__firefox *firefox, plim_source source, plim_progress progress,
                        const plim_allocator *allocator, plim_error *err);

/** Ids of edges become ordinals, once. */
bool plim__firefox_resolve(plim__firefox *firefox);

/** Puts nodes and edges, which are resolved, into a builder; the failure is the pull's. Ids are
    those in `ids`. */
bool plim__firefox_build(plim__firefox *firefox, plim_graph_builder *builder);

/** Reads all messages; the failure is the pull's. */
bool plim__firefox_decode(plim__firefox *firefox);

/** Frees all of it. */
void plim__firefox_fini(plim__firefox *firefox);

/** One text; empty for PLIM_NONE. */
static inline plim_text plim__firefox_text(const plim__rows *table, uint32_t number)
{
    return number < table->count ? ((const plim_text *)table->data)[number] : (plim_text){"", 0};
}

/** Position behind the last edge of a node. */
static inline uint32_t plim__firefox_edges_end(const plim__firefox *firefox, uint32_t node)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    return node + 1 < firefox->nodes.count ? nodes[node + 1].first_edge : firefox->edges.count;
}

/**
 * For each node the name of what it is: for an object that of its constructor, found by way of its
 * shape, for a function its own; number in `wide`, PLIM_NONE where nothing tells. The caller frees
 * nodes.count of them. NULL: no memory. Edges are resolved.
 */
uint32_t *plim__firefox_names(const plim__firefox *firefox);

#endif
