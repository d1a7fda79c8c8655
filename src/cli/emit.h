/* SPDX-License-Identifier: MIT */
/**
 * @file emit.h
 * @brief JSON written straight to standard output; commas and nesting are kept here.
 *
 * Keys are ours (plain ASCII); values may be anything. Every plim__emit_… with a key writes a
 * member; with key NULL, an element of an array.
 */
#ifndef PLIM_CLI_EMIT_H
#define PLIM_CLI_EMIT_H
#include "cli/out.h"

enum { PLIM__EMIT_DEPTH_MAX = 160 };

typedef struct plim__emit {
    plim__out *out;
    uint32_t depth;
    bool has_member[PLIM__EMIT_DEPTH_MAX];
} plim__emit;

/** Starts the one object of a verb: {"schema":"plim.VERB/1". */
void plim__emit_start(plim__emit *emit, plim__out *out, const char *verb);

/** Ends it, with a newline. */
void plim__emit_finish(plim__emit *emit);

void plim__emit_object(plim__emit *emit, const char *key);
void plim__emit_object_end(plim__emit *emit);
void plim__emit_array(plim__emit *emit, const char *key);
void plim__emit_array_end(plim__emit *emit);
void plim__emit_text(plim__emit *emit, const char *key, plim_text value);
void plim__emit_string(plim__emit *emit, const char *key, const char *value);
void plim__emit_unsigned(plim__emit *emit, const char *key, uint64_t value);
void plim__emit_signed(plim__emit *emit, const char *key, int64_t value);
void plim__emit_real(plim__emit *emit, const char *key, double value);

/** With all the digits that tell it from its neighbours; null for what is no number. */
void plim__emit_exact(plim__emit *emit, const char *key, double value);

void plim__emit_bool(plim__emit *emit, const char *key, bool value);
void plim__emit_null(plim__emit *emit, const char *key);

/** null for UINT64_MAX (PLIM_UNKNOWN), else the number. */
void plim__emit_known(plim__emit *emit, const char *key, uint64_t value);

#endif
