/* SPDX-License-Identifier: MIT */
/**
 * @file say.h
 * @brief Standard error: errors always; progress, notes and next steps for people only.
 *
 * Progress is one line, rewritten in place, with bytes, rate and time left; it is there within
 * 100 ms, goes when the work is done, and is never written where nobody looks (no terminal, -q).
 */
#ifndef PLIM_CLI_SAY_H
#define PLIM_CLI_SAY_H
#include "cli/draft.h"

typedef struct plim__say {
    bool terminal;
    bool quiet;
    bool verbose;
    bool colour;
    uint32_t columns;
    bool line_shown;   /* a progress line stands there */
    uint64_t begun_ns; /* of the work under way */
    uint64_t shown_ns; /* when the line was last written */
    char work[128];    /* what the line begins with */
    char later[512];   /* the remark that follows the result; empty: none */
} plim__say;

/** Prints an error as "plim: what", "  where: …", "  try: …". */
void plim__say_error(plim__say *say, const plim_error *err);

/** A remark for people: only on a terminal, not with -q. */
void plim__say_note(plim__say *say, const char *format, ...) PLIM_PRINTF(2, 3);

/** A remark for people that is shown after the result, by plim__say_finish(). The last one wins. */
void plim__say_later(plim__say *say, const char *format, ...) PLIM_PRINTF(2, 3);

/** The result is out: shows the remark that was to follow it. */
void plim__say_finish(plim__say *say);

/** What must be known wherever standard error goes (not with -q): a file kept, a target lost. */
void plim__say_always(plim__say *say, const char *format, ...) PLIM_PRINTF(2, 3);

/** A remark that -v asks for. */
void plim__say_detail(plim__say *say, const char *format, ...) PLIM_PRINTF(2, 3);

/** Work begins: the first line, at once. */
void plim__say_begin(plim__say *say, const char *format, ...) PLIM_PRINTF(2, 3);

/** Bytes done of a total (0: unknown); writes at most ten times a second. */
void plim__say_bytes(plim__say *say, uint64_t done, uint64_t total);

/** A share done of a total of whatever unit. */
void plim__say_share(plim__say *say, const char *phase, uint64_t done, uint64_t total);

/** Replaces the line with a text of the caller's, at most ten times a second. */
void plim__say_line(plim__say *say, const char *text);

/** Work is over: the line goes. */
void plim__say_end(plim__say *say);

#endif
