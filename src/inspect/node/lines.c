/* SPDX-License-Identifier: MIT */
#include "inspect/node/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* What Node 20 to 26 write. An exact one is the inspector's only if the line ends there. */
static const struct lines_pattern {
    const char *text;
    bool is_exact;
} lines_patterns[] = {
    {"Debugger listening on ws://", false},
    {"Debugger ending on ws://", false},
    {"For help, see: https://nodejs.org/en/docs/inspector", true},
    {"For help, see: https://nodejs.org/learn/getting-started/debugging", true},
    {"Debugger attached.", true},
    {"Waiting for the debugger to disconnect...", true},
};
enum { LINES_PATTERN_COUNT = sizeof lines_patterns / sizeof lines_patterns[0] };

/* Whether what is held can still become a line of the inspector's. */
static bool lines_may_match(const plim__node_lines *lines)
{
    for (size_t i = 0; i < LINES_PATTERN_COUNT; i++) {
        const struct lines_pattern *pattern = &lines_patterns[i];
        size_t len = strlen(pattern->text);
        size_t shared = lines->held_len < len ? lines->held_len : len;
        if (memcmp(lines->held, pattern->text, shared) != 0)
            continue;
        bool is_within = lines->held_len <= len;
        /* A line may end with a carriage return where the program runs under a terminal. */
        bool is_return = lines->held_len == len + 1 && lines->held[len] == '\r';
        if (is_within || is_return || !pattern->is_exact)
            return true;
    }
    return false;
}

/* Whether what is held, a whole line now, is one. */
static bool lines_is_match(const plim__node_lines *lines)
{
    size_t held = lines->held_len;
    if (held > 0 && lines->held[held - 1] == '\r')
        held--;
    for (size_t i = 0; i < LINES_PATTERN_COUNT; i++) {
        const struct lines_pattern *pattern = &lines_patterns[i];
        size_t len = strlen(pattern->text);
        if (held >= len && memcmp(lines->held, pattern->text, len) == 0 &&
            (held == len || !pattern->is_exact))
            return true;
    }
    return false;
}

/* Keeps the URL of the first "Debugger listening on URL". */
static void lines_take_url(plim__node_lines *lines)
{
    static const char head[] = "Debugger listening on ";
    size_t len = sizeof head - 1;
    if (lines->url[0] != '\0' || lines->held_len <= len || memcmp(lines->held, head, len) != 0)
        return;
    memcpy(lines->url, lines->held + len, lines->held_len - len);
    lines->url[lines->held_len - len] = '\0';
    lines->url[strcspn(lines->url, " \r\n")] = '\0';
}

static void lines_take(plim__node_lines *lines, char c, plim__node_lines_out out, void *ctx)
{
    if (c == '\n') {
        if (lines_is_match(lines)) {
            lines_take_url(lines);
        } else {
            out(ctx, lines->held, lines->held_len);
            out(ctx, "\n", 1);
        }
        lines->held_len = 0;
        return;
    }
    lines->held[lines->held_len++] = c;
    if (!lines_may_match(lines)) {
        out(ctx, lines->held, lines->held_len);
        lines->held_len = 0;
        lines->state = PLIM__NODE_LINES_PASSING;
    } else if (lines->held_len == sizeof lines->held - 1) {
        lines_take_url(lines); /* longer than any URL: one of the inspector's all the same */
        lines->held_len = 0;
        lines->state = PLIM__NODE_LINES_DROPPING;
    }
}

/* In the middle of a line of the program's, at the beginning of what was read: Node writes a line
   of its own in one go, so one that stands there whole is Node's. Gives its bytes, or 0. */
static size_t lines_intruder(plim__node_lines *lines, const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    size_t line_len = end != NULL ? (size_t)(end - data) : 0;
    if (line_len == 0 || line_len >= sizeof lines->held)
        return 0;
    memcpy(lines->held, data, line_len); /* nothing is held back in the middle of a line */
    lines->held_len = line_len;
    bool is_match = lines_is_match(lines);
    if (is_match)
        lines_take_url(lines);
    lines->held_len = 0;
    return is_match ? line_len + 1 : 0;
}

void plim__node_lines_feed(plim__node_lines *lines, const char *data, size_t len,
                           plim__node_lines_out out, void *ctx)
{
    PLIM_CHECK(lines != NULL && out != NULL);
    size_t skipped = 1;
    while (lines->state == PLIM__NODE_LINES_PASSING && len > 0 && skipped > 0) {
        skipped = lines_intruder(lines, data, len);
        data += skipped;
        len -= skipped;
    }
    while (len > 0) {
        if (lines->state == PLIM__NODE_LINES_HOLDING) {
            lines_take(lines, *data, out, ctx);
            data++;
            len--;
            continue;
        }
        const char *end = memchr(data, '\n', len);
        size_t part = end != NULL ? (size_t)(end - data) + 1 : len;
        if (lines->state == PLIM__NODE_LINES_PASSING)
            out(ctx, data, part);
        if (end != NULL)
            lines->state = PLIM__NODE_LINES_HOLDING;
        data += part;
        len -= part;
    }
}

void plim__node_lines_end(plim__node_lines *lines, plim__node_lines_out out, void *ctx)
{
    PLIM_CHECK(lines != NULL && out != NULL);
    if (lines->held_len > 0 && !lines_is_match(lines))
        out(ctx, lines->held, lines->held_len);
    lines->held_len = 0;
}
