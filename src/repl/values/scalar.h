/* SPDX-License-Identifier: MIT */
/**
 * @file scalar.h
 * @brief One number, character, string or name of an enumeration as text.
 */
#ifndef PLIM_REPL_VALUES_SCALAR_H
#define PLIM_REPL_VALUES_SCALAR_H
#include "base/text.h"
#include "repl/values/die.h"

/** Bytes of the largest value that is one number: a complex of two 16-byte ones. */
enum { PLIM__SCALAR_BYTES_MAX = 32 };

/** Adds what the bytes of a value of that type say; bits > 0: it is a bit-field, moved to bit 0. */
void plim__scalar_add(plim__text *out, plim__resolved *type, const unsigned char *bytes,
                      uint32_t bits, bool is_alone);

/** Adds a string with quotes; is_whole: it ended where it should, else "..." follows. */
void plim__string_add(plim__text *out, const unsigned char *bytes, size_t count, bool is_whole,
                      bool ascii);

/** Adds a string of 2- or 4-byte characters. */
void plim__wide_add(plim__text *out, const unsigned char *bytes, size_t count, size_t each,
                    bool is_whole, bool ascii);

#endif
