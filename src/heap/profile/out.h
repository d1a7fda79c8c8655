/* SPDX-License-Identifier: MIT */
/**
 * @file out.h
 * @brief Text on its way to a sink: gathered in pieces, the first failure kept.
 *
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_PROFILE_OUT_H
#define PLIM_HEAP_PROFILE_OUT_H
#include <plimsoll/graph.h>

#include <stdarg.h>

enum { PLIM__OUT_BYTES = 16 << 10 };

typedef struct plim__out_text {
    plim_sink sink;
    plim_error *err;
    plim_status status; /* of the first failure; what comes later is dropped */
    uint64_t written;   /* bytes put so far */
    size_t size;
    char bytes[PLIM__OUT_BYTES];
} plim__out_text;

/** Starts. */
void plim__out_start(plim__out_text *out, plim_sink sink, plim_error *err);

/** Writes the rest; the first failure. */
plim_status plim__out_end(plim__out_text *out);

/** Bytes as they are. */
void plim__out_bytes(plim__out_text *out, const char *bytes, size_t size);

/** A string as it is. */
void plim__out_string(plim__out_text *out, const char *string);

/** A whole number. */
void plim__out_number(plim__out_text *out, uint64_t number);

/** A text in quotes, as JSON that may also stand in a page: no '<', no '>', no '&' in it. */
void plim__out_json(plim__out_text *out, plim_text text);

/** Text of fixed room, NUL behind it, as base/text.h has it; gives its length. */
size_t plim__out_format(char *out, size_t cap, const char *format, ...) PLIM_PRINTF(3, 4);

/** The same from arguments. */
size_t plim__out_vformat(char *out, size_t cap, const char *format, va_list arguments)
    PLIM_PRINTF(3, 0);

/** The next character of a text, U+FFFD for what is none; moves *at. Pre: *at is within it. */
uint32_t plim__out_next(plim_text text, size_t *at);

/** A character as UTF-8; how many bytes, up to 4. U+FFFD for what is none. */
size_t plim__out_utf8(char bytes[4], uint32_t code);

#endif
