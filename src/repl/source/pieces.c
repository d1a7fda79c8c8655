/* SPDX-License-Identifier: MIT */
/*
 * From items to a unit of C. Nothing is parsed here: where things begin is what clang's tree says,
 * and words and brackets are clang's tokens.
 *
 * Invariants. E1: pieces do not overlap and stand in the order of the text. E2: what is written of
 * the user's text stands behind a #line and as many blanks as put it into its own column.
 */
#include "repl/source/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

/* --- types ---------------------------------------------------------------------------------- */

/* What an expression of a type is, as clang writes it. */
typedef enum pieces_type_shape {
    PIECES_VALUE = 0,
    PIECES_VOID,
    PIECES_ARRAY,
    PIECES_FUNCTION
} pieces_type_shape;

bool plim__type_has_name(const char *type)
{
    return strstr(type, "(unnamed") == NULL && strstr(type, "(anonymous") == NULL;
}

const char *plim__type_bracket(const char *type)
{
    static const char *const words[] = {"(unnamed", "(anonymous"};
    const char *open = strchr(type, '(');
    for (size_t i = 0; open != NULL && i < sizeof words / sizeof *words; i++)
        if (strncmp(open, words[i], strlen(words[i])) == 0) {
            open = strchr(open, ')'); /* behind its place: "at In[1]:1:1" */
            open = open != NULL ? strchr(open, '(') : NULL;
        }
    if (open != NULL && open - type >= 7 && strncmp(open - 7, "_Atomic", 7) == 0) {
        open = strchr(open, ')');
        open = open != NULL ? strchr(open, '(') : NULL;
    }
    return open;
}

static pieces_type_shape pieces_shape(const char *canonical)
{
    const char *open = plim__type_bracket(canonical);
    if (strcmp(canonical, "void") == 0)
        return PIECES_VOID;
    if (strncmp(canonical, "__attribute__", 13) == 0)
        return PIECES_VALUE; /* a vector */
    if (open == NULL) {
        size_t length = strlen(canonical);
        return length > 0 && canonical[length - 1] == ']' ? PIECES_ARRAY : PIECES_VALUE;
    }
    if (open[1] != '*' && open[1] != '^')
        return PIECES_FUNCTION;
    /* "(*)": a pointer; "(*[3])": an array of them; "(*(int))": a function that returns one. */
    const char *at = open + 1;
    while (*at == '*' || *at == '^' || *at == ' ' || (*at >= 'a' && *at <= 'z') || *at == '_')
        at++;
    return *at == '[' ? PIECES_ARRAY : *at == '(' ? PIECES_FUNCTION : PIECES_VALUE;
}

/* --- cutting -------------------------------------------------------------------------------- */

typedef struct pieces_order {
    const plim__ast_item *item;
    size_t index;
} pieces_order;

static int pieces_compare(const void *a, const void *b)
{
    const pieces_order *x = a, *y = b;
    if (x->item->begin != y->item->begin)
        return x->item->begin < y->item->begin ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool pieces_sort(plim__entry_text *entry, plim__arena *arena)
{
    size_t count = entry->ast.count;
    pieces_order *order = plim__arena_take(arena, (count + 1) * sizeof *order);
    plim__ast_item *items = plim__arena_take(arena, (count + 1) * sizeof *items);
    bool *computed = plim__arena_take(arena, (count + 1) * sizeof *computed);
    if (order == NULL || items == NULL || computed == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        order[i] = (pieces_order){&entry->ast.items[i], i};
    qsort(order, count, sizeof *order, pieces_compare);
    for (size_t i = 0; i < count; i++) {
        items[i] = *order[i].item;
        computed[i] = entry->is_computed[order[i].index];
    }
    entry->ast.items = items;
    entry->is_computed = computed;
    return true;
}

static bool pieces_is_statement(const plim__ast_item *item)
{
    return item->kind == PLIM__AST_STATEMENT;
}

/* Where a piece stops: at the next one, or at a directive behind its own text. */
static void pieces_set_stops(plim__entry_text *entry)
{
    for (size_t i = 0; i < entry->piece_count; i++) {
        plim__piece *piece = &entry->pieces[i];
        piece->stop = i + 1 < entry->piece_count ? entry->pieces[i + 1].begin : entry->text_bytes;
        const plim__directive *directive =
            plim__directive_in(entry->tokens, piece->end, piece->stop);
        if (directive != NULL)
            piece->stop = directive->begin;
    }
}

static void pieces_find_value(plim__entry_text *entry)
{
    const plim__piece *last =
        entry->piece_count > 0 ? &entry->pieces[entry->piece_count - 1] : NULL;
    if (last == NULL || !last->is_statement || plim__tokens_end_in_semicolon(entry->tokens))
        return;
    const plim__ast_item *item = &entry->ast.items[last->first];
    if (last->count == 1 && item->is_expression && item->type[0] != '\0' &&
        pieces_shape(item->canonical) != PIECES_VOID)
        entry->value = last;
}

static bool pieces_find_lines(plim__entry_text *entry, plim__arena *arena)
{
    size_t count = 1;
    for (size_t i = 0; i < entry->text_bytes; i++)
        count += entry->text[i] == '\n';
    entry->lines = plim__arena_take(arena, count * sizeof *entry->lines);
    if (entry->lines == NULL)
        return false;
    entry->line_count = 1;
    for (size_t i = 0; i < entry->text_bytes; i++)
        if (entry->text[i] == '\n')
            entry->lines[entry->line_count++] = i + 1;
    return true;
}

plim_status plim__pieces_cut(plim__entry_text *entry, plim__arena *arena, plim_error *err)
{
    PLIM_CHECK(entry->tokens != NULL && entry->is_computed != NULL);
    entry->pieces = plim__arena_take(arena, (entry->ast.count + 1) * sizeof *entry->pieces);
    if (entry->pieces == NULL || !pieces_sort(entry, arena) || !pieces_find_lines(entry, arena))
        return plim__no_memory(err, "an entry");
    plim__piece *open = NULL;
    for (size_t i = 0; i < entry->ast.count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        entry->has_code |= pieces_is_statement(item) || entry->is_computed[i];
        if (open == NULL || item->begin >= open->end) {
            open = &entry->pieces[entry->piece_count++];
            *open = (plim__piece){.begin = item->begin,
                                  .end = item->end,
                                  .first = i,
                                  .is_statement = pieces_is_statement(item)};
        } else if (open->is_statement != pieces_is_statement(item)) {
            return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                                  "a macro expands to a declaration and a statement at once: an "
                                  "entry keeps the one and runs the other; enter them apart");
        }
        open->count++;
        open->end = item->end > open->end ? item->end : open->end;
    }
    pieces_set_stops(entry);
    pieces_find_value(entry);
    return PLIM_OK;
}

/* --- the user's text, with parts left out ---------------------------------------------------- */

/* Blanks, but newlines stay. */
static void pieces_blank(char *text, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (text[i] != '\n' && text[i] != '\r')
            text[i] = ' ';
}

/* Behind an initialiser: the comma or semicolon that ends it. */
static size_t pieces_init_end(const plim__entry_text *entry, const plim__ast_item *item,
                              const plim__piece *piece)
{
    const plim__tokens *tokens = entry->tokens;
    long depth = 0;
    for (size_t i = plim__tokens_at(tokens, item->init_begin);
         i < tokens->count && tokens->items[i].offset < piece->stop; i++) {
        char byte = entry->text[tokens->items[i].offset];
        if (tokens->items[i].kind != PLIM__LEX_PUNCTUATION || tokens->items[i].bytes != 1)
            continue;
        if (depth == 0 && (byte == ',' || byte == ';'))
            return tokens->items[i].offset;
        depth += byte == '(' || byte == '[' || byte == '{';
        depth -= byte == ')' || byte == ']' || byte == '}';
    }
    return piece->stop;
}

static void pieces_blank_init(const plim__entry_text *entry, const plim__ast_item *item,
                              const plim__piece *piece, size_t shift, char *text)
{
    size_t at = plim__tokens_at(entry->tokens, item->init_begin);
    size_t begin = item->init_begin;
    if (at > 0 && plim__token_is(entry->tokens, at - 1, "="))
        begin = entry->tokens->items[at - 1].offset;
    pieces_blank(text, begin - shift, pieces_init_end(entry, item, piece) - shift);
}

/* A file's own functions and variables are the session's: `static` would hide them from later
   entries, and an inline function would not be there at all. */
static void pieces_blank_storage(const plim__entry_text *entry, const plim__ast_item *item,
                                 const plim__piece *piece, size_t shift, char *text)
{
    static const char *const words[] = {"static", "inline", "__inline", "__inline__"};
    const plim__tokens *tokens = entry->tokens;
    bool is_extern_inline = item->is_inline && strcmp(item->storage, "extern") == 0;
    for (size_t i = plim__tokens_at(tokens, piece->begin);
         i < tokens->count && tokens->items[i].offset < item->name_at; i++) {
        size_t begin = tokens->items[i].offset;
        if (is_extern_inline && plim__token_is(tokens, i, "extern"))
            pieces_blank(text, begin - shift, begin + tokens->items[i].bytes - shift);
        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            if (plim__token_is(tokens, i, words[j]))
                pieces_blank(text, begin - shift, begin + tokens->items[i].bytes - shift);
    }
}

static void pieces_blank_words(const plim__entry_text *entry, const plim__piece *piece,
                               size_t shift, char *text)
{
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        bool is_object = item->kind == PLIM__AST_VARIABLE || item->kind == PLIM__AST_FUNCTION;
        if (is_object && (item->is_inline || strcmp(item->storage, "static") == 0))
            pieces_blank_storage(entry, item, piece, shift, text);
    }
}

void plim__piece_declare(const plim__entry_text *entry, const plim__piece *piece, plim__grow *out)
{
    size_t from = out->count;
    plim__grow_add(out, entry->text + piece->begin, piece->stop - piece->begin);
    if (out->is_refused)
        return;
    char *text = out->bytes + from;
    pieces_blank_words(entry, piece, piece->begin, text);
    for (size_t i = piece->first; i < piece->first + piece->count; i++)
        if (entry->ast.items[i].has_init)
            pieces_blank_init(entry, &entry->ast.items[i], piece, piece->begin, text);
    plim__grow_string(out, "\n");
}

/* --- the unit ------------------------------------------------------------------------------- */

static void pieces_line(const plim__entry_text *entry, size_t line, plim__grow *out)
{
    plim__grow_format(out, "\n#line %zu \"", line);
    for (const char *at = entry->name; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            plim__grow_string(out, "\\");
        plim__grow_add(out, at, 1);
    }
    plim__grow_string(out, "\"\n");
}

/* A stretch of the user's text at its own line and column. */
static void pieces_place(const plim__entry_text *entry, size_t begin, size_t end, plim__grow *out)
{
    size_t low = 0, high = entry->line_count; /* the last line that begins at or before it */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (entry->lines[middle] <= begin)
            low = middle;
        else
            high = middle;
    }
    pieces_line(entry, low + 1, out);
    plim__grow_fill(out, ' ', begin - entry->lines[low]);
    plim__grow_add(out, entry->text + begin, end - begin);
    plim__grow_string(out, "\n");
}

static void pieces_session_line(plim__grow *out)
{
    plim__grow_string(out, "\n#line 1 \"<session>\"\n");
}

/* The declarations where they stood; statements are blanks. */
static void pieces_write_declarations(const plim__entry_text *entry, plim__grow *out)
{
    pieces_line(entry, 1, out);
    size_t from = out->count;
    plim__grow_add(out, entry->text, entry->text_bytes);
    if (out->is_refused)
        return;
    char *text = out->bytes + from;
    for (size_t i = 0; i < entry->piece_count; i++) {
        const plim__piece *piece = &entry->pieces[i];
        if (piece->is_statement) {
            pieces_blank(text, piece->begin, piece->stop);
            continue;
        }
        pieces_blank_words(entry, piece, 0, text);
        for (size_t j = piece->first; j < piece->first + piece->count; j++)
            if (entry->is_computed[j])
                pieces_blank_init(entry, &entry->ast.items[j], piece, 0, text);
    }
    pieces_session_line(out);
    for (size_t i = 0; i < entry->ast.count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        /* int a[] = {x, y}; has its size from what was left out. */
        if (entry->is_computed[i] && pieces_shape(item->canonical) == PIECES_ARRAY &&
            plim__type_has_name(item->type)) {
            plim__grow_string(out, "extern __typeof__(");
            plim__grow_string(out, item->type);
            plim__grow_string(out, ") ");
            plim__grow_string(out, item->name);
            plim__grow_string(out, ";\n");
        }
    }
}

static void pieces_expression(const plim__entry_text *entry, plim__grow *out)
{
    plim__grow_string(out, "(");
    plim__grow_add(out, entry->text + entry->value->begin,
                   entry->value->stop - entry->value->begin);
    plim__grow_string(out, "\n)");
}

/* The type of the value: what the expression decays to, but arrays that are small enough stay. */
static void pieces_write_result(const plim__entry_text *entry, plim__grow *out)
{
    const plim__ast_item *item = &entry->ast.items[entry->value->first];
    pieces_type_shape shape = pieces_shape(item->canonical);
    if (item->has_statement_expression || item->is_bit_field) {
        /* ({ … }) may not stand outside of functions, and bit-fields have no typeof. */
        plim__grow_string(out, shape == PIECES_VALUE ? "__typeof_unqual__(" : "void *(");
        plim__grow_string(out, shape == PIECES_VALUE ? item->type : PLIM__RESULT_NAME);
        plim__grow_string(out, shape == PIECES_VALUE ? ") " PLIM__RESULT_NAME ";\n" : ");\n");
        return;
    }
    if (shape == PIECES_ARRAY) {
        plim__grow_string(out, "__typeof_unqual__(*__builtin_choose_expr(sizeof");
        pieces_expression(entry, out);
        plim__grow_format(out, "<= %d, (__typeof__", PLIM__RESULT_ARRAY_BYTES_MAX);
        pieces_expression(entry, out);
        plim__grow_string(out, "*)0, (__typeof__((void)0, ");
        pieces_expression(entry, out);
        plim__grow_string(out, ")*)0)) " PLIM__RESULT_NAME ";\n");
        return;
    }
    plim__grow_string(out, "__typeof__((void)0, ");
    pieces_expression(entry, out);
    plim__grow_string(out, ") " PLIM__RESULT_NAME ";\n");
}

static void pieces_write_value(const plim__entry_text *entry, plim__grow *out)
{
    const plim__ast_item *item = &entry->ast.items[entry->value->first];
    bool is_array =
        pieces_shape(item->canonical) == PIECES_ARRAY && !item->has_statement_expression;
    if (is_array) {
        plim__grow_string(out, "__builtin_choose_expr(sizeof");
        pieces_expression(entry, out);
        plim__grow_format(out, "<= %d, __builtin_memcpy(&" PLIM__RESULT_NAME ", (",
                          PLIM__RESULT_ARRAY_BYTES_MAX);
        pieces_place(entry, entry->value->begin, entry->value->stop, out);
        pieces_session_line(out);
        plim__grow_string(out, "), sizeof " PLIM__RESULT_NAME
                               "), *(const void *volatile *)&" PLIM__RESULT_NAME " = ");
        pieces_expression(entry, out);
        plim__grow_string(out, ");\n");
        return;
    }
    plim__grow_string(out, "{ __typeof__(" PLIM__RESULT_NAME ") plim__value = (");
    pieces_place(entry, entry->value->begin, entry->value->stop, out);
    pieces_session_line(out);
    plim__grow_string(out, "); __builtin_memcpy(&" PLIM__RESULT_NAME
                           ", &plim__value, sizeof plim__value); }\n");
}

/* An initialiser that is not constant is computed where it stands. */
static void pieces_write_inits(const plim__entry_text *entry, const plim__piece *piece,
                               plim__grow *out)
{
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        if (!entry->is_computed[i])
            continue;
        plim__grow_string(out, "{ __typeof__(");
        plim__grow_string(out, item->name);
        plim__grow_string(out, ") plim__value = ");
        pieces_place(entry, item->init_begin, pieces_init_end(entry, item, piece), out);
        pieces_session_line(out);
        plim__grow_string(out, "; __builtin_memcpy((void *)&");
        plim__grow_string(out, item->name);
        plim__grow_string(out, ", (const void *)&plim__value, sizeof plim__value); }\n");
    }
}

/* Macros have their last meaning when the function begins; those that change are walked through
   again. */
static void pieces_write_macros(const plim__entry_text *entry, size_t begin, size_t end,
                                plim__grow *out)
{
    bool changes = false;
    for (size_t i = 0; i < entry->tokens->directive_count; i++)
        changes |= strcmp(entry->tokens->directives[i].word, "undef") == 0;
    for (size_t i = 0; changes && i < entry->tokens->directive_count; i++) {
        const plim__directive *directive = &entry->tokens->directives[i];
        if (directive->begin < begin || directive->begin >= end || directive->name[0] == '\0')
            continue;
        plim__grow_string(out, "\n");
        plim__grow_add(out, entry->text + directive->begin, directive->end - directive->begin);
        plim__grow_string(out, "\n");
    }
}

void plim__pieces_write(const plim__entry_text *entry, plim__grow *out)
{
    bool has_const = false;
    for (size_t i = 0; i < entry->ast.count; i++)
        has_const |=
            entry->is_computed[i] && strstr(entry->ast.items[i].canonical, "const") != NULL;
    if (has_const) /* what is computed is written once, so it cannot lie among constants */
        plim__grow_string(out, "#pragma clang section rodata=\".data.plim\"\n");
    pieces_write_declarations(entry, out);
    if (has_const)
        plim__grow_string(out, "#pragma clang section rodata=\"\"\n");
    if (!entry->has_code)
        return;
    if (entry->value != NULL)
        pieces_write_result(entry, out);
    plim__grow_string(out,
                      "void " PLIM__ENTRY_NAME "(void);\nvoid " PLIM__ENTRY_NAME "(void)\n{\n");
    size_t done = 0;
    for (size_t i = 0; i < entry->piece_count; i++) {
        const plim__piece *piece = &entry->pieces[i];
        pieces_write_macros(entry, done, piece->begin, out);
        done = piece->begin;
        if (piece == entry->value) {
            pieces_write_value(entry, out);
        } else if (piece->is_statement) {
            pieces_place(entry, piece->begin, piece->stop, out);
            plim__grow_string(out, ";\n");
        } else {
            pieces_write_inits(entry, piece, out);
        }
    }
    pieces_session_line(out);
    plim__grow_string(out, "}\n");
}
