/* SPDX-License-Identifier: MIT */
/**
 * @file report_out.h
 * @brief Text on its way to a sink, through a buffer of fixed size.
 */
#ifndef PLIM_MEMORY_REPORT_OUT_H
#define PLIM_MEMORY_REPORT_OUT_H
#include <plimsoll/stream.h>

enum {
    PLIM__REPORT_BUFFER_BYTES = 512, /* on the stack of whoever asks, be it a small device's */
    PLIM__REPORT_PIECE_BYTES = 160   /* the longest that one format comes to; checked */
};

/** After the sink has failed, nothing more is written and the first status stays. */
typedef struct plim__report_out {
    plim_sink sink;
    plim_error *err;
    plim_status status;
    size_t length;
    char buffer[PLIM__REPORT_BUFFER_BYTES];
} plim__report_out;

/** Adds bytes. */
void plim__report_put(plim__report_out *out, const char *bytes, size_t length);

/** Adds what the format says, at most PLIM__REPORT_PIECE_BYTES. */
void plim__report_format(plim__report_out *out, const char *format, ...) PLIM_PRINTF(2, 3);

/** Adds a JSON string with its quotes; NULL is null. What is not UTF-8 becomes U+FFFD. */
void plim__report_json_string(plim__report_out *out, const char *string);

/** Adds a string for people, padded to `width` columns; control characters become '?'. */
void plim__report_plain_string(plim__report_out *out, const char *string, size_t width);

/** Adds an amount for people, right-aligned in 11 columns: "1.5 MiB"; UINT64_MAX is "-". */
void plim__report_amount(plim__report_out *out, uint64_t bytes);

/** Adds a number with commas. */
void plim__report_number(plim__report_out *out, uint64_t number);

/** Writes what is still in the buffer; the outcome of it all. */
plim_status plim__report_end(plim__report_out *out);

#endif
