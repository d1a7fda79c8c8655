/* SPDX-License-Identifier: MIT */
/*
 * What a unit will be, told from the tokens alone, so that it can be compiled while the text is
 * still being parsed. Three shapes are most of what people type: declarations, one expression, one
 * statement. The unit is written by the same code as from the tree, given a tree of one item, so a
 * right guess is the same text.
 *
 * Invariant. G1: a guess is never wrong, only useless: whoever compiles compares it with the unit
 * that the tree gave.
 */
#include <string.h>

#include "repl/source/compilation.h"

typedef enum guess_shape {
    GUESS_NONE = 0,
    GUESS_DECLARATIONS,
    GUESS_STATEMENT,
    GUESS_EXPRESSION
} guess_shape;

typedef struct guess_facts {
    size_t first, last; /* tokens that are no comments */
    size_t ends;        /* semicolons outside of all brackets */
} guess_facts;

static bool guess_is_among(const plim__tokens *tokens, size_t index, const char *const *words,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (plim__token_is(tokens, index, words[i]))
            return true;
    return false;
}

static bool guess_declares(const plim__compilation *self, size_t index)
{
    static const char *const words[] = {
        "char",     "const",    "double",    "enum",       "extern",  "float",
        "inline",   "int",      "long",      "short",      "signed",  "static",
        "struct",   "typedef",  "union",     "unsigned",   "void",    "volatile",
        "_Bool",    "_Complex", "_Noreturn", "__int128",   "bool",    "_Static_assert",
        "_Alignas", "_Atomic",  "__inline",  "__inline__", "_Float16"};
    const plim__tokens *tokens = &self->tokens;
    if (guess_is_among(tokens, index, words, sizeof words / sizeof *words))
        return true;
    /* "size_t n": two names in a row are a declaration, or nothing. */
    return index + 1 < tokens->count && tokens->items[index].kind == PLIM__LEX_IDENTIFIER &&
           tokens->items[index + 1].kind == PLIM__LEX_IDENTIFIER;
}

static bool guess_controls(const plim__tokens *tokens, size_t index)
{
    static const char *const words[] = {"{", "do", "for", "if", "switch", "while"};
    return guess_is_among(tokens, index, words, sizeof words / sizeof *words);
}

static bool guess_look(const plim__tokens *tokens, guess_facts *out)
{
    long depth = 0;
    bool has_any = false;
    guess_facts facts = {0};
    for (size_t i = 0; i < tokens->count; i++) {
        const plim__parser_token *token = &tokens->items[i];
        char byte = tokens->text[token->offset];
        if (token->kind == PLIM__LEX_COMMENT)
            continue;
        facts.first = has_any ? facts.first : i;
        facts.last = i;
        has_any = true;
        if (token->kind != PLIM__LEX_PUNCTUATION || token->bytes != 1)
            continue;
        depth += byte == '(' || byte == '[' || byte == '{';
        depth -= byte == ')' || byte == ']' || byte == '}';
        facts.ends += depth == 0 && byte == ';';
    }
    *out = facts;
    return has_any && tokens->directive_count == 0;
}

static guess_shape guess_shape_of(const plim__compilation *self, const guess_facts *facts)
{
    const plim__tokens *tokens = &self->tokens;
    bool is_ended = plim__token_is(tokens, facts->last, ";");
    bool is_braced = plim__token_is(tokens, facts->last, "}");
    if (guess_declares(self, facts->first))
        return is_ended || is_braced ? GUESS_DECLARATIONS : GUESS_NONE;
    if (guess_controls(tokens, facts->first))
        return facts->ends <= 1 && (is_ended || is_braced) ? GUESS_STATEMENT : GUESS_NONE;
    if (facts->ends == 0)
        return GUESS_EXPRESSION;
    return facts->ends == 1 && is_ended ? GUESS_STATEMENT : GUESS_NONE;
}

void plim__guess_write(plim__compilation *self)
{
    guess_facts facts;
    guess_shape shape = GUESS_NONE;
    const plim__tokens *tokens = &self->tokens;
    if (guess_look(tokens, &facts))
        shape = guess_shape_of(self, &facts);
    if (shape == GUESS_NONE)
        return;
    plim__ast_item item = {
        .kind = PLIM__AST_STATEMENT,
        .begin = tokens->items[facts.first].offset,
        .end = tokens->items[facts.last].offset + tokens->items[facts.last].bytes,
        .name = "",
        .type = "int", /* any that is no array and no function: it is not written */
        .canonical = "int",
        .storage = "",
        .tag = "",
        .is_expression = shape == GUESS_EXPRESSION,
    };
    bool is_computed = false;
    plim__entry_text entry = {
        .text = self->text,
        .text_bytes = self->text_bytes,
        .name = self->request->name,
        .tokens = tokens,
        .ast = {&item, shape == GUESS_DECLARATIONS ? 0 : 1},
        .is_computed = &is_computed,
    };
    if (plim__pieces_cut(&entry, &self->arena, NULL) != PLIM_OK)
        return;
    plim__unit_write(self, &entry, &self->guess);
    if (self->guess.is_refused)
        self->guess.count = 0;
}
