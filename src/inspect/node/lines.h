/* SPDX-License-Identifier: MIT */
/**
 * @file lines.h
 * @brief Takes the inspector's own lines out of what a Node writes to its standard error.
 *
 * Everything else passes unchanged and at once: a line is held back only as long as it could still
 * become one of the inspector's, so a prompt without a line end is not delayed.
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_NODE_LINES_H
#define PLIM_INSPECT_NODE_LINES_H
#include <stdbool.h>
#include <stddef.h>

enum { PLIM__NODE_LINE_BYTES = 256 };

/** Where what passes goes. */
typedef void (*plim__node_lines_out)(void *ctx, const char *data, size_t len);

/** All zero is the beginning of a line. */
typedef struct plim__node_lines {
    size_t held_len;
    char held[PLIM__NODE_LINE_BYTES];
    enum plim__node_lines_state {
        PLIM__NODE_LINES_HOLDING, /**< at a line's beginning: it may be the inspector's */
        PLIM__NODE_LINES_PASSING, /**< it is not */
        PLIM__NODE_LINES_DROPPING /**< it is */
    } state;
    char url[PLIM__NODE_LINE_BYTES]; /**< of the first "Debugger listening on"; empty before */
} plim__node_lines;

/** The next bytes, as one read(2) gave them. */
void plim__node_lines_feed(plim__node_lines *lines, const char *data, size_t len,
                           plim__node_lines_out out, void *ctx);

/** Nothing comes any more: what is held back passes. */
void plim__node_lines_end(plim__node_lines *lines, plim__node_lines_out out, void *ctx);

#endif
