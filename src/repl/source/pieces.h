/* SPDX-License-Identifier: MIT */
/**
 * @file pieces.h
 * @brief An entry cut into declarations and statements, and the unit of C made of them.
 *
 * A unit is one file: the session's declarations, the entry's own declarations where they stood (so
 * that lines and columns are the user's), and a function in which its statements stand, with the
 * initialisers that are not constant and the storing of the last expression's value.
 */
#ifndef PLIM_REPL_SOURCE_PIECES_H
#define PLIM_REPL_SOURCE_PIECES_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

#include "repl/source/arena.h"
#include "repl/source/ast.h"
#include "repl/source/tokens.h"

/** Names that a unit has beside the user's. */
#define PLIM__ENTRY_NAME  "plim__entry"
#define PLIM__RESULT_NAME "plim__result"

/** Arrays up to this are copied as the value; of larger ones a pointer is. */
#define PLIM__RESULT_ARRAY_BYTES_MAX 65536

/** A run of text that belongs together: one statement, or one declaration with its declarators. */
typedef struct plim__piece {
    size_t begin, end;   /**< end: behind the last token clang has for it */
    size_t stop;         /**< where the next one or a directive begins */
    size_t first, count; /**< of the items */
    bool is_statement;
} plim__piece;

typedef struct plim__entry_text {
    const char *text;
    size_t text_bytes;
    const char *name; /**< in diagnostics */
    const plim__tokens *tokens;
    plim__ast ast;     /**< its items sorted by where they begin */
    bool *is_computed; /**< for each item: its initialiser is not constant */
    plim__piece *pieces;
    size_t piece_count;
    size_t *lines; /**< where each begins */
    size_t line_count;
    const plim__piece *value; /**< the piece whose value is shown; NULL: none */
    bool has_code;
} plim__entry_text;

/** Cuts. Pre: tokens, ast, is_computed are set. Post: pieces, value, has_code are;
    UNSUPPORTED with the reason where it cannot be cut. */
plim_status plim__pieces_cut(plim__entry_text *entry, plim__arena *arena, plim_error *err);

/** Writes the unit's own part (what follows the session's declarations). */
void plim__pieces_write(const plim__entry_text *entry, plim__grow *out);

/** A piece's text for other entries: without storage class and without its initialisers. */
void plim__piece_declare(const plim__entry_text *entry, const plim__piece *piece, plim__grow *out);

/** The first bracket of a type's declarator, as clang writes it: of "(*)" in "int (*)[3]", of the
    parameters in "char *(int)"; NULL: there is none. */
const char *plim__type_bracket(const char *type);

/** Whether a type can be written down: an unnamed struct's cannot. */
bool plim__type_has_name(const char *type);

#endif
