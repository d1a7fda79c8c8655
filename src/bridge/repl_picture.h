/* SPDX-License-Identifier: MIT */
/**
 * @file repl_picture.h
 * @brief A picture's rows, as those see them that make a graph of it or answer for one object.
 */
#ifndef PLIM_BRIDGE_REPL_PICTURE_H
#define PLIM_BRIDGE_REPL_PICTURE_H
#include <plimsoll/repl_graph.h>
#include <plimsoll/value.h>

enum { PLIM__PIECE_TEXT_BYTES = 128 };
#define PLIM__PIECE_NONE UINT32_MAX

/** A variable or block. */
typedef struct plim__piece {
    uint64_t address, bytes, id;
    uint32_t types; /* index of its image's types; PLIM__PIECE_NONE: its type is not known */
    plim_type type;
    bool is_block, is_reachable;
    char name[PLIM__PIECE_TEXT_BYTES];
    char text[PLIM__PIECE_TEXT_BYTES]; /* the type's */
} plim__piece;

typedef struct plim__image {
    const void *image;
    plim_types *types; /* NULL: it has none */
} plim__image;

struct plim_repl_picture {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_repl *repl;
    plim_repl_info info;
    plim__piece *pieces; /* variables, then blocks by address */
    uint32_t piece_count, piece_cap, variable_count;
    plim__image *images;
    uint32_t image_count, image_cap;
    uint32_t *queue; /* pieces still to be looked through */
    uint32_t queue_count;
};

/** A pointer found in a piece: from its offset to another piece. */
typedef struct plim__found {
    uint64_t offset;
    uint32_t to;
    const char *name; /* of the member; "" none, or found in memory without a type */
    plim_type target;
    bool is_exact;
} plim__found;

/** Tells each pointer of a piece that leads to a piece; false from add stops. */
void plim__piece_each(const plim_repl_picture *picture, uint32_t piece,
                      bool (*add)(void *ctx, const plim__found *found), void *ctx);

/** Likewise of the session's memory that no variable names. */
void plim__picture_each_unnamed(const plim_repl_picture *picture,
                                bool (*add)(void *ctx, const plim__found *found), void *ctx);

/** The id of what lies at an address among the variables, named or not. */
uint64_t plim__picture_variable_id(const plim_repl_picture *picture, uint64_t address);

/** The piece of an id; PLIM__PIECE_NONE: it is gone. */
uint32_t plim__picture_find(const plim_repl_picture *picture, uint64_t id);

#endif
