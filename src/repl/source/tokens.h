/* SPDX-License-Identifier: MIT */
/**
 * @file tokens.h
 * @brief The tokens of an entry, as clang sees them, and what can be told from them alone.
 */
#ifndef PLIM_REPL_SOURCE_TOKENS_H
#define PLIM_REPL_SOURCE_TOKENS_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/source/arena.h"
#include "repl/source/protocol.h"
#include "repl/source/tools.h"

/** A preprocessor line, with those that a backslash joins to it. */
typedef struct plim__directive {
    size_t begin, end; /* with its newline */
    const char *word;  /* "define", "include", …, "" */
    const char *name;  /* of define and undef; "" else */
} plim__directive;

typedef struct plim__tokens {
    const char *text;
    size_t text_bytes;
    plim__parser_token *items; /* as they stand in the text, without overlap */
    size_t count;
    plim__directive *directives;
    size_t directive_count;
} plim__tokens;

/** Asks for the tokens. Post: *out is the arena's; its text is the caller's. */
plim_status plim__tokens_read(plim__tools *tools, const char *text, size_t bytes,
                              plim__arena *arena, plim__tokens *out, plim_error *err);

/** Whether brackets, a comment, a string or a conditional is open at the end. */
bool plim__tokens_are_open(const plim__tokens *tokens);

/** Whether a token is spelled so. */
bool plim__token_is(const plim__tokens *tokens, size_t index, const char *spelling);

/** The first token that begins at or behind an offset; count: none. */
size_t plim__tokens_at(const plim__tokens *tokens, size_t offset);

/** The directive that begins at or behind an offset and before another; NULL: none. */
const plim__directive *plim__directive_in(const plim__tokens *tokens, size_t begin, size_t end);

/** Whether a token is part of a directive. */
bool plim__token_is_in_directive(const plim__tokens *tokens, size_t index);

/** Whether the last token that is no comment is a semicolon. */
bool plim__tokens_end_in_semicolon(const plim__tokens *tokens);

#endif
