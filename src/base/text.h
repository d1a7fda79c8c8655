/* SPDX-License-Identifier: MIT */
/**
 * @file text.h
 * @brief Sentences and tables built in storage of fixed size, without the C library's stdio.
 *
 * It understands the part of printf that the libraries use: %d %i %u %x %X %c %s %p %%, the lengths
 * hh h l ll z j t, the flags - and 0, a width, and for %s a precision (each a number or *). No
 * floating point, which a device may not have. The compiler checks arguments against formats; the
 * rule `formats` of tools/tidy.py keeps conversions to those above.
 * A text that does not fit ends in "...", never in the middle of a UTF-8 character.
 */
#ifndef PLIM_BASE_TEXT_H
#define PLIM_BASE_TEXT_H
#include <plimsoll/status.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/** A text under construction, always ended by NUL. */
typedef struct plim__text {
    char *out;
    size_t cap;    /**< at least 1: the NUL is in it */
    size_t length; /**< without the NUL; below cap */
    bool is_cut;   /**< something did not fit: what comes later is left out too */
} plim__text;

/** Starts an empty text in `out`. Pre: cap > 0. */
void plim__text_init(plim__text *text, char *out, size_t cap);

/** Adds bytes as they are. */
void plim__text_add(plim__text *text, const char *bytes, size_t length);

/** Adds what the format says. */
void plim__text_format(plim__text *text, const char *format, ...) PLIM_PRINTF(2, 3);

/** As plim__text_format(). */
void plim__text_vformat(plim__text *text, const char *format, va_list arguments) PLIM_PRINTF(2, 0);

/** Bytes before the NUL, or `max` if there is none among the first `max`. */
size_t plim__text_length(const char *string, size_t max);

/** Whether two strings are the same. */
bool plim__strings_equal(const char *a, const char *b);

#endif
