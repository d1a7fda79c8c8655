/* SPDX-License-Identifier: MIT */
/**
 * @file ast.h
 * @brief What an entry consists of, from clang's own syntax tree as JSON.
 *
 * The JSON is read as hostile input: every offset is checked against the text it points into, and a
 * tree that is not as expected is PLIM_ERR_DAMAGED.
 */
#ifndef PLIM_REPL_SOURCE_AST_H
#define PLIM_REPL_SOURCE_AST_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repl/source/arena.h"

typedef enum plim__ast_kind {
    PLIM__AST_STATEMENT = 0, /**< also an expression */
    PLIM__AST_VARIABLE,
    PLIM__AST_FUNCTION,
    PLIM__AST_TAG, /**< struct, union, enum */
    PLIM__AST_TYPEDEF,
    PLIM__AST_ASM,
    PLIM__AST_OTHER /**< _Static_assert, an empty declaration, … */
} plim__ast_kind;

/** Offsets are into the entry's own text. */
typedef struct plim__ast_item {
    plim__ast_kind kind;
    size_t begin, end; /**< its last token's end, or of that macro's name it came from */
    size_t name_at;
    const char *name;      /**< "" none */
    const char *type;      /**< of a variable, function or expression; "" none */
    const char *canonical; /**< the same without typedefs */
    const char *storage;   /**< "static", "extern", "" */
    const char *tag;       /**< of a tag: "struct"; "" else */
    size_t init_begin, init_end;
    bool has_init, is_init_list;
    bool has_body;      /**< a function's */
    bool is_definition; /**< of a tag: has its members */
    bool is_inline, is_thread_local, is_constructor;
    bool is_expression, is_lvalue, is_bit_field;
    bool has_statement_expression;  /**< ({ … }) somewhere in it */
    const char *const *enumerators; /**< in it, at any depth, NULL-terminated; NULL: none */
    const char *const *tags;        /**< defined in it, itself apart; likewise */
    bool has_literal;               /**< (type){ … }, which lives as long as its block */
} plim__ast_item;

typedef struct plim__ast {
    plim__ast_item *items; /**< as they stand in the text */
    size_t count;
} plim__ast;

/** Where the entry's text lies in the file that clang read. */
typedef struct plim__ast_place {
    const char *includer; /**< file that includes it: tells its own locations from headers' */
    size_t offset, bytes;
} plim__ast_place;

/** Reads. Post: all of *out_ast is the arena's. */
plim_status plim__ast_read(const char *json, size_t json_bytes, const plim__ast_place *place,
                           plim__arena *arena, plim__ast *out_ast, plim_error *err);

#endif
