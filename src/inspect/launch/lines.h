/* SPDX-License-Identifier: MIT */
/**
 * @file lines.h
 * @brief Takes the inspector's own lines out of what a program writes to its standard error.
 *
 * Everything else passes unchanged and at once: a line is held back only as long as it could still
 * become one of the inspector's, so a prompt without a line end is not delayed.
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_LAUNCH_LINES_H
#define PLIM_INSPECT_LAUNCH_LINES_H
#include <stdbool.h>
#include <stddef.h>

enum { PLIM__LINE_BYTES = 256 };

/** A line of an inspector's. */
typedef struct plim__line_rule {
    const char *text; /**< NULL ends a list */
    enum plim__line_kind {
        PLIM__LINE_EXACT, /**< the whole line */
        PLIM__LINE_HEAD,  /**< its beginning */
        PLIM__LINE_URL    /**< its beginning, the last part of it ("ws://") that of a URL */
    } kind;
} plim__line_rule;

/** Where what passes goes. */
typedef void (*plim__lines_out)(void *ctx, const char *data, size_t len);

/** All zero but for rules is the beginning of a line. */
typedef struct plim__lines {
    const plim__line_rule *rules; /**< NULL: everything passes */
    size_t held_len;
    char held[PLIM__LINE_BYTES];
    enum plim__lines_state {
        PLIM__LINES_HOLDING, /**< at a line's beginning: it may be the inspector's */
        PLIM__LINES_PASSING, /**< it is not */
        PLIM__LINES_DROPPING /**< it is */
    } state;
    char url[PLIM__LINE_BYTES]; /**< the first that was told; empty before */
} plim__lines;

/** The next bytes, as one read(2) gave them. */
void plim__lines_feed(plim__lines *lines, const char *data, size_t len, plim__lines_out out,
                      void *ctx);

/** Nothing comes any more: what is held back passes. */
void plim__lines_end(plim__lines *lines, plim__lines_out out, void *ctx);

#endif
