/* SPDX-License-Identifier: MIT */
/* Questions about a text that is still being typed: tokens, completeness, ways to go on. */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "repl/source/state.h"

enum { ASK_PATH_BYTES = 512 };

static plim_status ask_tokens(plim__source *source, const char *text, size_t bytes,
                              plim__tokens *out, plim_error *err)
{
    plim__arena_fini(&source->answer);
    if (bytes > PLIM_REPL_TEXT_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an entry has %u bytes at most",
                              PLIM_REPL_TEXT_BYTES_MAX);
    return plim__tokens_read(source->tools, text, bytes, &source->answer, out, err);
}

bool plim__source_is_complete(plim__source *source, const char *text, size_t text_bytes)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    plim__tokens tokens;
    /* What cannot be told is compiled, and said then. */
    return ask_tokens(source, text, text_bytes, &tokens, NULL) != PLIM_OK ||
           !plim__tokens_are_open(&tokens);
}

static plim__token_kind ask_name_kind(const plim__source *source, const char *name, size_t bytes)
{
    const plim__names *names = &source->names;
    if (plim__names_find(names, PLIM__SPACE_MACRO, name, bytes) != NULL)
        return PLIM__TOKEN_MACRO;
    const plim__name *found = plim__names_find(names, PLIM__SPACE_ORDINARY, name, bytes);
    if (found == NULL)
        return plim__names_find(names, PLIM__SPACE_TAG, name, bytes) != NULL ? PLIM__TOKEN_TYPE
                                                                             : PLIM__TOKEN_NAME;
    return found->kind == PLIM__SYMBOL_FUNCTION ? PLIM__TOKEN_FUNCTION
           : found->kind == PLIM__SYMBOL_TYPE   ? PLIM__TOKEN_TYPE
                                                : PLIM__TOKEN_NAME;
}

static bool ask_is_type_word(const plim__tokens *tokens, size_t index)
{
    static const char *const words[] = {
        "void",  "char",     "short",  "int",   "long", "float", "double",   "signed",  "unsigned",
        "_Bool", "_Complex", "struct", "union", "enum", "const", "volatile", "__int128"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (plim__token_is(tokens, index, words[i]))
            return true;
    return false;
}

static plim__token_kind ask_kind(const plim__source *source, const plim__tokens *tokens,
                                 size_t index)
{
    const plim__parser_token *token = &tokens->items[index];
    const char *text = tokens->text + token->offset;
    if (token->kind == PLIM__LEX_COMMENT)
        return PLIM__TOKEN_COMMENT;
    if (plim__token_is_in_directive(tokens, index) && token->kind != PLIM__LEX_LITERAL)
        return PLIM__TOKEN_DIRECTIVE;
    switch (token->kind) {
    case PLIM__LEX_KEYWORD:
        return ask_is_type_word(tokens, index) ? PLIM__TOKEN_TYPE : PLIM__TOKEN_KEYWORD;
    case PLIM__LEX_IDENTIFIER:
        if (ask_name_kind(source, text, token->bytes) != PLIM__TOKEN_NAME)
            return ask_name_kind(source, text, token->bytes);
        return plim__token_is(tokens, index + 1, "(") ? PLIM__TOKEN_FUNCTION : PLIM__TOKEN_NAME;
    case PLIM__LEX_LITERAL:
        return memchr(text, '"', token->bytes) != NULL || memchr(text, '\'', token->bytes) != NULL
                   ? PLIM__TOKEN_STRING
                   : PLIM__TOKEN_NUMBER;
    default:
        return PLIM__TOKEN_PUNCTUATION;
    }
}

plim_status plim__source_tokens(plim__source *source, const char *text, size_t text_bytes,
                                const plim__token **out_tokens, size_t *out_count, plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    PLIM_CHECK(out_tokens != NULL && out_count != NULL);
    plim__tokens tokens;
    plim_status status = ask_tokens(source, text, text_bytes, &tokens, err);
    if (status != PLIM_OK)
        return status;
    plim__token *all = plim__arena_take(&source->answer, (tokens.count + 1) * sizeof *all);
    if (all == NULL)
        return plim__no_memory(err, "tokens");
    for (size_t i = 0; i < tokens.count; i++)
        all[i] = (plim__token){.offset = tokens.items[i].offset,
                               .bytes = tokens.items[i].bytes,
                               .kind = ask_kind(source, &tokens, i)};
    *out_tokens = all;
    *out_count = tokens.count;
    return PLIM_OK;
}

/* --- completion ----------------------------------------------------------------------------- */

static bool ask_is_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '$' || (unsigned char)byte >= 128;
}

typedef struct ask_list {
    plim__arena *arena;
    plim__candidate *items;
    size_t count;
    const char *start; /* what they begin with */
    size_t start_bytes;
} ask_list;

static void ask_add(ask_list *list, const char *word, size_t bytes, const char *detail,
                    size_t detail_bytes, plim__symbol_kind kind)
{
    if (list->count == PLIM__PARSER_CANDIDATES_MAX || bytes < list->start_bytes ||
        memcmp(word, list->start, list->start_bytes) != 0 || strncmp(word, "plim__", 6) == 0)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (strlen(list->items[i].text) == bytes && memcmp(list->items[i].text, word, bytes) == 0)
            return;
    plim__candidate candidate = {.text = plim__arena_copy(list->arena, word, bytes),
                                 .detail = plim__arena_copy(list->arena, detail, detail_bytes),
                                 .kind = kind};
    if (candidate.text != NULL && candidate.detail != NULL)
        list->items[list->count++] = candidate;
}

/* What the parser answered; its words are checked against the bytes that came. */
static plim_status ask_take(ask_list *list, const char *answer, size_t bytes, plim_error *err)
{
    plim__parser_answer head;
    size_t at = sizeof head;
    if (bytes < sizeof head)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's answer is too short");
    memcpy(&head, answer, sizeof head);
    for (uint32_t i = 0; i < head.count; i++) {
        plim__parser_candidate row;
        if (bytes - at < sizeof row)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's answer is cut");
        memcpy(&row, answer + at, sizeof row);
        at += sizeof row;
        if (row.word_bytes > bytes - at || row.detail_bytes > bytes - at - row.word_bytes ||
            row.kind > PLIM__SYMBOL_INCLUDE)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's answer is cut");
        ask_add(list, answer + at, row.word_bytes, answer + at + row.word_bytes, row.detail_bytes,
                (plim__symbol_kind)row.kind);
        at += (size_t)row.word_bytes + row.detail_bytes;
    }
    return PLIM_OK;
}

/* The text in a function's body, where expressions can stand, or as it is. */
static plim_status ask_parser(plim__source *source, const char *text, size_t bytes, size_t cursor,
                              bool is_in_function, ask_list *list, plim_error *err)
{
    char prelude[ASK_PATH_BYTES];
    plim__grow file = {.allocator = source->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__grow request = file;
    plim__tools_prelude_path(source->tools, prelude, sizeof prelude);
    plim_status status = plim__names_prefix(&source->names, text, bytes, NULL, &file);
    plim__grow_string(&file, is_in_function ? "\nvoid plim__here(void) {\n" : "\n");
    size_t before = file.count;
    plim__grow_add(&file, text, bytes);
    plim__parser_ask ask = {.what = PLIM__PARSER_COMPLETE,
                            .prelude_bytes = (uint32_t)strlen(prelude),
                            .text_bytes = (uint32_t)file.count,
                            .cursor = (uint32_t)(before + cursor)};
    union {
        plim__parser_ask *ask;
        const char *bytes;
    } head = {&ask};
    plim__grow_add(&request, head.bytes, sizeof ask);
    plim__grow_string(&request, prelude);
    plim__grow_add(&request, file.bytes, file.count);
    plim__tool_result result = {0};
    if (status == PLIM_OK && (file.is_refused || request.is_refused))
        status = plim__no_memory(err, "completion");
    if (status == PLIM_OK) {
        plim__tool_input input = {request.bytes, request.count};
        status = plim__tools_ask(source->tools, PLIM__ROLE_TOKENS, &input, NULL, err);
    }
    plim__grow_fini(&file);
    plim__grow_fini(&request);
    if (status == PLIM_OK)
        status = plim__tools_answer(source->tools, PLIM__ROLE_TOKENS, &result, err);
    if (status == PLIM_OK && result.exit_code == 0)
        status = ask_take(list, result.output, result.output_bytes, err);
    plim__tool_result_fini(&result);
    return status;
}

/* The session's own names: the parser is given only those that the text mentions whole. */
static bool ask_is_member(const char *text, size_t from)
{
    while (from > 0 && (text[from - 1] == ' ' || text[from - 1] == '\t'))
        from--;
    return from > 0 &&
           (text[from - 1] == '.' || (text[from - 1] == '>' && from > 1 && text[from - 2] == '-'));
}

static void ask_session(const plim__source *source, ask_list *list)
{
    const plim__names *names = &source->names;
    for (size_t i = 0; i < names->name_count; i++) {
        const plim__name *name = &names->names[i];
        if (names->groups[name->group].is_hidden || name->kind == PLIM__SYMBOL_INCLUDE)
            continue;
        ask_add(list, name->name, strlen(name->name), name->type, strlen(name->type), name->kind);
    }
}

plim_status plim__source_complete(plim__source *source, const char *text, size_t text_bytes,
                                  size_t cursor, const plim__candidate **out_candidates,
                                  size_t *out_count, size_t *out_from, plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    PLIM_CHECK(out_candidates != NULL && out_count != NULL && out_from != NULL);
    if (cursor > text_bytes || text_bytes > PLIM_REPL_TEXT_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "the cursor is not in the text");
    plim__arena_fini(&source->answer);
    size_t from = cursor;
    while (from > 0 && ask_is_word(text[from - 1]))
        from--;
    ask_list list = {.arena = &source->answer, .start = text + from, .start_bytes = cursor - from};
    list.items =
        plim__arena_take(&source->answer, PLIM__PARSER_CANDIDATES_MAX * sizeof *list.items);
    if (list.items == NULL)
        return plim__no_memory(err, "completion");
    if (!ask_is_member(text, from))
        ask_session(source, &list);
    plim__source_tend_prelude(source);
    /* clang completes a word from its beginning, and sees nothing behind it. */
    plim_status status = ask_parser(source, text, from, from, true, &list, err);
    if (status == PLIM_OK && list.count == 0)
        status = ask_parser(source, text, from, from, false, &list, err);
    if (status != PLIM_OK)
        return status;
    *out_candidates = list.items;
    *out_count = list.count;
    *out_from = from;
    return PLIM_OK;
}
