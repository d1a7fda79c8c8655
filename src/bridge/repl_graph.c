/* SPDX-License-Identifier: MIT */
/*
 * A session's picture as a heap graph: (GC roots) lead to each variable by its name, a piece to
 * another by the name of the member that points there ("*" of a pointer itself, "next?" in a
 * union), or by an element's number where that was only found in memory without a type. What
 * nothing reaches stands below a node that says so.
 */
#include <plimsoll/build.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/clean_text.h"
#include "bridge/repl_picture.h"

enum {
    REPL_GRAPH_ID_ROOT = 1,
    REPL_GRAPH_ID_ROOTS,
    REPL_GRAPH_ID_OTHER,
    REPL_GRAPH_ID_LOST,
    REPL_GRAPH_NAME_BYTES = 2 * PLIM__PIECE_TEXT_BYTES
};

typedef struct repl_graph_work {
    const plim_repl_picture *picture;
    plim_graph_builder *builder;
    uint32_t first; /* ordinal of the first piece */
    uint32_t from;
    uint64_t bytes; /* of the piece there */
    bool failed;
} repl_graph_work;

static plim_text repl_graph_clean(char out[REPL_GRAPH_NAME_BYTES], const char *text)
{
    size_t bytes = plim__clean_text(out, REPL_GRAPH_NAME_BYTES, text, strlen(text));
    return (plim_text){out, bytes};
}

static uint32_t repl_graph_node(repl_graph_work *work, const char *name, plim_node_type type,
                                uint64_t id, uint64_t bytes)
{
    char clean[REPL_GRAPH_NAME_BYTES];
    uint32_t node =
        plim_graph_builder_node(work->builder, type, repl_graph_clean(clean, name), id, bytes);
    work->failed = work->failed || node == PLIM_NONE;
    return node;
}

/* "struct node", "struct node [4]", "(no type)". */
static void repl_graph_add_piece(repl_graph_work *work, uint32_t index)
{
    char name[REPL_GRAPH_NAME_BYTES];
    plim_repl_piece piece;
    uint32_t at = index;
    (void)plim_repl_picture_next(work->picture, &at, &piece);
    if (!piece.is_block)
        (void)snprintf(name, sizeof name, "%s", piece.type);
    else if (piece.count == 0)
        (void)snprintf(name, sizeof name, "(no type)");
    else if (piece.count == 1)
        (void)snprintf(name, sizeof name, "%s", piece.type);
    else
        (void)snprintf(name, sizeof name, "%s [%llu]", piece.type, (unsigned long long)piece.count);
    (void)repl_graph_node(work, name, PLIM_NODE_OBJECT, piece.id, piece.bytes);
}

static bool repl_graph_add_edge(void *ctx, const plim__found *found)
{
    repl_graph_work *work = ctx;
    char clean[REPL_GRAPH_NAME_BYTES];
    uint32_t to = work->first + found->to;
    bool done;
    bool is_pointer = found->is_exact && work->bytes == 8;
    if (found->name[0] == '\0' && is_pointer) { /* a variable or block that is itself one */
        done = plim_graph_builder_edge(work->builder, work->from, PLIM_EDGE_PROPERTY,
                                       (plim_text){"*", 1}, to);
    } else if (found->name[0] != '\0') {
        char name[REPL_GRAPH_NAME_BYTES];
        (void)snprintf(name, sizeof name, "%s%s", found->name, found->is_exact ? "" : "?");
        done = plim_graph_builder_edge(work->builder, work->from, PLIM_EDGE_PROPERTY,
                                       repl_graph_clean(clean, name), to);
    } else {
        done = plim_graph_builder_element(work->builder, work->from, PLIM_EDGE_ELEMENT,
                                          (uint32_t)(found->offset / 8), to);
    }
    work->failed = work->failed || !done;
    return !work->failed;
}

static void repl_graph_make(repl_graph_work *work)
{
    const plim_repl_picture *picture = work->picture;
    char clean[REPL_GRAPH_NAME_BYTES];
    uint32_t root = repl_graph_node(work, "", PLIM_NODE_SYNTHETIC, REPL_GRAPH_ID_ROOT, 0);
    uint32_t roots =
        repl_graph_node(work, "(GC roots)", PLIM_NODE_SYNTHETIC, REPL_GRAPH_ID_ROOTS, 0);
    uint32_t other = repl_graph_node(work, "(memory without a name)", PLIM_NODE_SYNTHETIC,
                                     REPL_GRAPH_ID_OTHER, 0);
    uint32_t lost =
        repl_graph_node(work, "(not reachable)", PLIM_NODE_SYNTHETIC, REPL_GRAPH_ID_LOST, 0);
    if (work->failed)
        return;
    work->first = lost + 1;
    for (uint32_t i = 0; i < picture->piece_count && !work->failed; i++)
        repl_graph_add_piece(work, i);
    (void)plim_graph_builder_element(work->builder, root, PLIM_EDGE_ELEMENT, 1, roots);
    (void)plim_graph_builder_element(work->builder, roots, PLIM_EDGE_ELEMENT, 1, other);
    (void)plim_graph_builder_element(work->builder, roots, PLIM_EDGE_ELEMENT, 2, lost);
    for (uint32_t i = 0; i < picture->piece_count && !work->failed; i++) {
        const plim__piece *piece = &picture->pieces[i];
        if (!piece->is_block)
            (void)plim_graph_builder_edge(work->builder, roots, PLIM_EDGE_PROPERTY,
                                          repl_graph_clean(clean, piece->name), work->first + i);
        else if (!piece->is_reachable)
            (void)plim_graph_builder_element(work->builder, lost, PLIM_EDGE_ELEMENT, i,
                                             work->first + i);
        work->from = work->first + i;
        work->bytes = piece->bytes;
        plim__piece_each(picture, i, repl_graph_add_edge, work);
    }
    work->from = other;
    work->bytes = 0;
    plim__picture_each_unnamed(picture, repl_graph_add_edge, work);
}

plim_status plim_graph_from_repl(const plim_repl_picture *picture, plim_graph **out_graph,
                                 plim_error *err)
{
    PLIM_CHECK(picture != NULL && out_graph != NULL);
    repl_graph_work work = {.picture = picture};
    plim_status status = plim_graph_builder_create(picture->allocator, &work.builder, err);
    if (status != PLIM_OK)
        return status;
    repl_graph_make(&work);
    if (work.failed) {
        plim_graph_builder_destroy(&work.builder);
        return plim__no_memory(err, "a graph");
    }
    plim_graph_builder_ids_are_addresses(work.builder);
    return plim_graph_builder_finish(&work.builder, out_graph, err);
}
