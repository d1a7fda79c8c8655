/* SPDX-License-Identifier: MIT */
#include "inspect/launch/lines.h"

#include <string.h>

#include "base/assert.h"

static const plim__line_rule lines_none[] = {{NULL, PLIM__LINE_EXACT}};

static const plim__line_rule *lines_rules(const plim__lines *lines)
{
    return lines->rules != NULL ? lines->rules : lines_none;
}

/* Whether what is held can still become a line of the inspector's. */
static bool lines_may_match(const plim__lines *lines)
{
    for (const plim__line_rule *pattern = lines_rules(lines); pattern->text != NULL; pattern++) {
        size_t len = strlen(pattern->text);
        size_t shared = lines->held_len < len ? lines->held_len : len;
        if (memcmp(lines->held, pattern->text, shared) != 0)
            continue;
        bool is_within = lines->held_len <= len;
        /* A line may end with a carriage return where the program runs under a terminal. */
        bool is_return = lines->held_len == len + 1 && lines->held[len] == '\r';
        if (is_within || is_return || pattern->kind != PLIM__LINE_EXACT)
            return true;
    }
    return false;
}

/* Whether what is held, a whole line now, is one. */
static bool lines_is_match(const plim__lines *lines)
{
    size_t held = lines->held_len;
    if (held > 0 && lines->held[held - 1] == '\r')
        held--;
    for (const plim__line_rule *pattern = lines_rules(lines); pattern->text != NULL; pattern++) {
        size_t len = strlen(pattern->text);
        if (held >= len && memcmp(lines->held, pattern->text, len) == 0 &&
            (held == len || pattern->kind != PLIM__LINE_EXACT))
            return true;
    }
    return false;
}

/* Keeps the first URL that is told. */
static void lines_take_url(plim__lines *lines)
{
    for (const plim__line_rule *rule = lines_rules(lines); rule->text != NULL; rule++) {
        size_t len = strlen(rule->text);
        if (rule->kind != PLIM__LINE_URL || lines->url[0] != '\0' || lines->held_len <= len ||
            memcmp(lines->held, rule->text, len) != 0)
            continue;
        const char *scheme = strstr(rule->text, "ws://");
        size_t from = scheme != NULL ? (size_t)(scheme - rule->text) : len;
        memcpy(lines->url, lines->held + from, lines->held_len - from);
        lines->url[lines->held_len - from] = '\0';
        lines->url[strcspn(lines->url, " \r\n\x1b")] = '\0';
    }
}

static void lines_take(plim__lines *lines, char c, plim__lines_out out, void *ctx)
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
        lines->state = PLIM__LINES_PASSING;
    } else if (lines->held_len == sizeof lines->held - 1) {
        lines_take_url(lines); /* longer than any URL: one of the inspector's all the same */
        lines->held_len = 0;
        lines->state = PLIM__LINES_DROPPING;
    }
}

/* In the middle of a line of the program's, at the beginning of what was read: a runtime writes
   a line of its own in one go, so one that stands there whole is the inspector's. Gives its bytes,
   or 0. */
static size_t lines_intruder(plim__lines *lines, const char *data, size_t len)
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

void plim__lines_feed(plim__lines *lines, const char *data, size_t len, plim__lines_out out,
                      void *ctx)
{
    PLIM_CHECK(lines != NULL && out != NULL);
    size_t skipped = 1;
    while (lines->state == PLIM__LINES_PASSING && len > 0 && skipped > 0) {
        skipped = lines_intruder(lines, data, len);
        data += skipped;
        len -= skipped;
    }
    while (len > 0) {
        if (lines->state == PLIM__LINES_HOLDING) {
            lines_take(lines, *data, out, ctx);
            data++;
            len--;
            continue;
        }
        const char *end = memchr(data, '\n', len);
        size_t part = end != NULL ? (size_t)(end - data) + 1 : len;
        if (lines->state == PLIM__LINES_PASSING)
            out(ctx, data, part);
        if (end != NULL)
            lines->state = PLIM__LINES_HOLDING;
        data += part;
        len -= part;
    }
}

void plim__lines_end(plim__lines *lines, plim__lines_out out, void *ctx)
{
    PLIM_CHECK(lines != NULL && out != NULL);
    if (lines->held_len > 0 && !lines_is_match(lines))
        out(ctx, lines->held, lines->held_len);
    lines->held_len = 0;
}
