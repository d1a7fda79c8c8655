/* SPDX-License-Identifier: MIT */
/*
 * Tokens. Directives are found as C defines them: a # that is the first token of its line, up to
 * the end of that line, lines joined by a backslash counting as one.
 */
#include "repl/source/tokens.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

bool plim__token_is(const plim__tokens *tokens, size_t index, const char *spelling)
{
    if (index >= tokens->count)
        return false;
    const plim__parser_token *token = &tokens->items[index];
    return token->bytes == strlen(spelling) &&
           memcmp(tokens->text + token->offset, spelling, token->bytes) == 0;
}

size_t plim__tokens_at(const plim__tokens *tokens, size_t offset)
{
    size_t low = 0, high = tokens->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tokens->items[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t tokens_line_end(const plim__tokens *tokens, size_t at)
{
    while (at < tokens->text_bytes && tokens->text[at] != '\n')
        at++;
    return at < tokens->text_bytes ? at + 1 : at;
}

/* Whether the line that ends here is joined to the next; a blank behind the backslash is
   allowed. */
static bool tokens_line_goes_on(const plim__tokens *tokens, size_t begin, size_t end)
{
    while (end > begin && (tokens->text[end - 1] == '\n' || tokens->text[end - 1] == '\r' ||
                           tokens->text[end - 1] == ' ' || tokens->text[end - 1] == '\t'))
        end--;
    return end > begin && tokens->text[end - 1] == '\\';
}

static const char *tokens_spelling(const plim__tokens *tokens, size_t index, plim__arena *arena)
{
    const char *copy = NULL;
    if (index < tokens->count)
        copy = plim__arena_copy(arena, tokens->text + tokens->items[index].offset,
                                tokens->items[index].bytes);
    return copy != NULL ? copy : "";
}

static bool tokens_is_first_of_line(const plim__tokens *tokens, size_t index)
{
    for (;; index--) { /* comments may stand before the # */
        size_t at = tokens->items[index].offset;
        while (at > 0 && (tokens->text[at - 1] == ' ' || tokens->text[at - 1] == '\t' ||
                          tokens->text[at - 1] == '\r'))
            at--;
        if (at == 0 || tokens->text[at - 1] == '\n')
            return true;
        if (index == 0 || tokens->items[index - 1].kind != PLIM__LEX_COMMENT)
            return false;
    }
}

static void tokens_directive(plim__tokens *tokens, size_t index, plim__arena *arena)
{
    plim__directive *directive = &tokens->directives[tokens->directive_count++];
    size_t begin = tokens->items[index].offset, line = begin;
    size_t end = tokens_line_end(tokens, begin);
    while (end < tokens->text_bytes && tokens_line_goes_on(tokens, line, end)) {
        line = end;
        end = tokens_line_end(tokens, end);
    }
    *directive = (plim__directive){.begin = begin, .end = end, .word = "", .name = ""};
    bool has_word = index + 1 < tokens->count && tokens->items[index + 1].offset < end;
    if (!has_word)
        return;
    directive->word = tokens_spelling(tokens, index + 1, arena);
    bool names = strcmp(directive->word, "define") == 0 || strcmp(directive->word, "undef") == 0;
    if (names && index + 2 < tokens->count && tokens->items[index + 2].offset < end)
        directive->name = tokens_spelling(tokens, index + 2, arena);
}

static void tokens_find_directives(plim__tokens *tokens, plim__arena *arena)
{
    size_t count = 0, end = 0;
    for (size_t i = 0; i < tokens->count; i++)
        count += plim__token_is(tokens, i, "#");
    tokens->directives = plim__arena_take(arena, (count + 1) * sizeof *tokens->directives);
    for (size_t i = 0; tokens->directives != NULL && i < tokens->count; i++) {
        if (tokens->items[i].offset < end || !plim__token_is(tokens, i, "#") ||
            !tokens_is_first_of_line(tokens, i))
            continue;
        tokens_directive(tokens, i, arena);
        end = tokens->directives[tokens->directive_count - 1].end;
    }
}

/* An answer of the parser's, checked against the text. */
static plim_status tokens_decode(const char *answer, size_t answer_bytes, const char *text,
                                 size_t bytes, plim__arena *arena, plim__tokens *out,
                                 plim_error *err)
{
    plim__parser_answer head;
    plim__tokens tokens = {.text = text, .text_bytes = bytes};
    if (answer_bytes < sizeof head)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's answer is too short");
    memcpy(&head, answer, sizeof head);
    if (head.count > PLIM_REPL_TOKENS_MAX ||
        answer_bytes - sizeof head < head.count * sizeof *tokens.items)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's answer is cut");
    tokens.items = plim__arena_take(arena, (head.count + 1) * sizeof *tokens.items);
    if (tokens.items == NULL)
        return plim__no_memory(err, "tokens");
    memcpy(tokens.items, answer + sizeof head, head.count * sizeof *tokens.items);
    size_t end = 0;
    for (size_t i = 0; i < head.count; i++) {
        const plim__parser_token *token = &tokens.items[i];
        if (token->offset < end || token->offset > bytes || token->bytes > bytes - token->offset)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "the parser's tokens overlap");
        end = (size_t)token->offset + token->bytes;
    }
    tokens.count = head.count;
    tokens_find_directives(&tokens, arena);
    if (arena->is_refused)
        return plim__no_memory(err, "tokens");
    *out = tokens;
    return PLIM_OK;
}

plim_status plim__tokens_read(plim__tools *tools, const char *text, size_t bytes,
                              plim__arena *arena, plim__tokens *out, plim_error *err)
{
    plim__parser_ask ask = {.what = PLIM__PARSER_TOKENS, .text_bytes = (uint32_t)bytes};
    plim__grow request = {.allocator = arena->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    union {
        plim__parser_ask *ask;
        const char *bytes;
    } head = {&ask};
    plim__grow_add(&request, head.bytes, sizeof ask);
    plim__grow_add(&request, text, bytes);
    plim__tool_result result = {0};
    plim_status status = request.is_refused ? PLIM_ERR_NO_MEMORY : PLIM_ERR_GONE;
    /* The parser ends by itself now and then, and may do so under our hands: then once more. */
    for (int i = 0; i < 2 && status == PLIM_ERR_GONE; i++) {
        plim__tool_input input = {request.bytes, request.count};
        status = plim__tools_ask(tools, PLIM__ROLE_TOKENS, &input, NULL, err);
        if (status == PLIM_OK)
            status = plim__tools_answer(tools, PLIM__ROLE_TOKENS, &result, err);
    }
    plim__grow_fini(&request);
    if (status == PLIM_OK && result.exit_code != 0)
        status = plim_error_set(err, PLIM_ERR_REFUSED, "clang cannot take this text apart");
    if (status == PLIM_OK)
        status = tokens_decode(result.output, result.output_bytes, text, bytes, arena, out, err);
    plim__tool_result_fini(&result);
    return status;
}

/* A comment or string that has no end takes all that follows it. */
static bool tokens_last_is_open(const plim__tokens *tokens)
{
    if (tokens->count == 0)
        return false;
    const plim__parser_token *last = &tokens->items[tokens->count - 1];
    const char *text = tokens->text + last->offset;
    if (last->bytes < 2 || text[0] != '/' || text[1] != '*')
        return false;
    return last->bytes < 4 || memcmp(text + last->bytes - 2, "*/", 2) != 0;
}

bool plim__tokens_are_open(const plim__tokens *tokens)
{
    long depth = 0, conditionals = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        const plim__parser_token *token = &tokens->items[i];
        if (token->kind != PLIM__LEX_PUNCTUATION || token->bytes != 1 ||
            plim__token_is_in_directive(tokens, i))
            continue;
        char byte = tokens->text[token->offset];
        depth += byte == '(' || byte == '[' || byte == '{';
        depth -= byte == ')' || byte == ']' || byte == '}';
        if (depth < 0)
            return false; /* one too many: more lines do not mend it */
    }
    for (size_t i = 0; i < tokens->directive_count; i++) {
        const char *word = tokens->directives[i].word;
        conditionals += strncmp(word, "if", 2) == 0;
        conditionals -= strcmp(word, "endif") == 0;
    }
    bool is_joined = tokens->text_bytes > 0 && tokens_line_goes_on(tokens, 0, tokens->text_bytes);
    return depth > 0 || conditionals > 0 || is_joined || tokens_last_is_open(tokens);
}

const plim__directive *plim__directive_in(const plim__tokens *tokens, size_t begin, size_t end)
{
    for (size_t i = 0; i < tokens->directive_count; i++)
        if (tokens->directives[i].begin >= begin && tokens->directives[i].begin < end)
            return &tokens->directives[i];
    return NULL;
}

bool plim__token_is_in_directive(const plim__tokens *tokens, size_t index)
{
    size_t offset = tokens->items[index].offset, low = 0, high = tokens->directive_count;
    while (low < high) { /* the last that begins at or before it */
        size_t middle = low + (high - low) / 2;
        if (tokens->directives[middle].begin <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && offset < tokens->directives[low - 1].end;
}

bool plim__tokens_end_in_semicolon(const plim__tokens *tokens)
{
    size_t i = tokens->count;
    while (i > 0 && (tokens->items[i - 1].kind == PLIM__LEX_COMMENT ||
                     plim__token_is_in_directive(tokens, i - 1)))
        i--;
    return i > 0 && plim__token_is(tokens, i - 1, ";");
}
