/* SPDX-License-Identifier: MIT */
/**
 * @file utf8.h
 * @brief Any bytes made into UTF-8, one at a time: what is none becomes U+FFFD.
 *
 * A client ends the connection over one wrong byte, and names in a program's memory are whatever
 * lies there.
 * Thread-safety: one thread at a time per state.
 */
#ifndef PLIM_INSPECT_SERVER_UTF8_H
#define PLIM_INSPECT_SERVER_UTF8_H
#include <stdbool.h>
#include <stddef.h>

enum { PLIM__UTF8_OUT_BYTES = 8 /* the most that one byte, or the end, brings out */ };

/** A character that is not whole yet; all zero at first. */
typedef struct plim__utf8 {
    unsigned char bytes[4];
    unsigned have;
    unsigned want;
} plim__utf8;

/** Takes a byte; puts whole characters into out (PLIM__UTF8_OUT_BYTES) and gives their length. */
size_t plim__utf8_take(plim__utf8 *state, unsigned char byte, char *out);

/** The end: what was begun and is not whole becomes U+FFFD. */
size_t plim__utf8_end(plim__utf8 *state, char *out);

/** A whole text; ends with a NUL, cut between characters if cap is too small. Pre: cap > 0. */
void plim__utf8_copy(const char *text, char *out, size_t cap);

#endif
