/* SPDX-License-Identifier: MIT */
/**
 * @file protocol.h
 * @brief What plim-repl-parser is asked and answers, in the files of a tool server.
 *
 * Request: a plim__parser_ask, then `prelude_bytes` of a path (a header to be read first; none if
 * 0), then the text. Answer: a plim__parser_answer, then `count` rows; of completion each row is
 * followed by its word and its detail. Both sides are of one build.
 */
#ifndef PLIM_REPL_SOURCE_PROTOCOL_H
#define PLIM_REPL_SOURCE_PROTOCOL_H
#include <stdint.h>

enum { PLIM__PARSER_TOKENS = 1, PLIM__PARSER_COMPLETE = 2, PLIM__PARSER_CANDIDATES_MAX = 4096 };

typedef struct plim__parser_ask {
    uint32_t what;
    uint32_t prelude_bytes;
    uint32_t text_bytes;
    uint32_t cursor;
} plim__parser_ask;

typedef struct plim__parser_answer {
    uint32_t count;
} plim__parser_answer;

/** Kinds of clang's tokens: CXTokenKind. */
enum {
    PLIM__LEX_PUNCTUATION = 0,
    PLIM__LEX_KEYWORD,
    PLIM__LEX_IDENTIFIER,
    PLIM__LEX_LITERAL,
    PLIM__LEX_COMMENT
};

typedef struct plim__parser_token {
    uint32_t kind, offset, bytes;
} plim__parser_token;

typedef struct plim__parser_candidate {
    uint32_t kind; /* plim__symbol_kind */
    uint32_t word_bytes, detail_bytes;
} plim__parser_candidate;

#endif
