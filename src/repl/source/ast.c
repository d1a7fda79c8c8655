/* SPDX-License-Identifier: MIT */
/*
 * clang's syntax tree as JSON. Only the top level matters, with a few facts from below it, so one
 * walk with a stack of its own goes through each item.
 *
 * Locations: one inside a macro has the place of its expansion beside it, which is where the user
 * wrote something; and the file is given only where it differs from the one before, but each
 * location says by which file its own is included. The entry is the only text that the main file
 * includes, so that tells its items from those of headers.
 */
#include "repl/source/ast.h"

#include <jansson.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

typedef struct ast_reader {
    const plim__ast_place *place;
    plim__arena *arena;
    const json_t **stack;  /* of one item's walk */
    const char **found[2]; /* likewise: names */
    size_t stack_cap;
} ast_reader;

static const char *ast_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool ast_is(const json_t *object, const char *key, const char *value)
{
    return strcmp(ast_string(object, key), value) == 0;
}

static const char *ast_keep(ast_reader *reader, const char *text)
{
    const char *copy = plim__arena_copy(reader->arena, text, strlen(text));
    return copy != NULL ? copy : "";
}

/* The offset of a location in the entry's text, and behind its token. */
static bool ast_offset(const ast_reader *reader, const json_t *location, size_t *out_begin,
                       size_t *out_end)
{
    const json_t *expansion = json_object_get(location, "expansionLoc");
    const json_t *at = expansion != NULL ? expansion : location;
    const json_t *offset = json_object_get(at, "offset");
    const json_t *length = json_object_get(at, "tokLen");
    if (!json_is_integer(offset) || !json_is_integer(length) ||
        !ast_is(json_object_get(at, "includedFrom"), "file", reader->place->includer))
        return false;
    json_int_t begin = json_integer_value(offset), bytes = json_integer_value(length);
    const plim__ast_place *place = reader->place;
    if (begin < 0 || bytes < 0 || (uint64_t)begin < place->offset ||
        (uint64_t)begin - place->offset > place->bytes)
        return false;
    *out_begin = (size_t)begin - place->offset;
    size_t left = place->bytes - *out_begin;
    *out_end = *out_begin + ((size_t)bytes < left ? (size_t)bytes : left);
    return true;
}

static bool ast_range(const ast_reader *reader, const json_t *node, size_t *out_begin,
                      size_t *out_end)
{
    const json_t *range = json_object_get(node, "range");
    size_t begin, end, ignored;
    if (!ast_offset(reader, json_object_get(range, "begin"), &begin, &ignored) ||
        !ast_offset(reader, json_object_get(range, "end"), &ignored, &end) || end < begin)
        return false;
    *out_begin = begin;
    *out_end = end;
    return true;
}

static plim__ast_kind ast_kind(const char *kind)
{
    static const struct {
        const char *name;
        plim__ast_kind kind;
    } kinds[] = {
        {"TopLevelStmtDecl", PLIM__AST_STATEMENT},
        {"VarDecl", PLIM__AST_VARIABLE},
        {"FunctionDecl", PLIM__AST_FUNCTION},
        {"RecordDecl", PLIM__AST_TAG},
        {"EnumDecl", PLIM__AST_TAG},
        {"TypedefDecl", PLIM__AST_TYPEDEF},
        {"FileScopeAsmDecl", PLIM__AST_ASM},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].name) == 0)
            return kinds[i].kind;
    return PLIM__AST_OTHER;
}

static void ast_set_type(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    const json_t *type = json_object_get(node, "type");
    const char *canonical = ast_string(type, "desugaredQualType");
    item->type = ast_keep(reader, ast_string(type, "qualType"));
    item->canonical = canonical[0] != '\0' ? ast_keep(reader, canonical) : item->type;
}

/* Whether a kind of statement is an expression: clang names them so. */
static bool ast_is_expression(const char *kind)
{
    static const char *const others[] = {"StringLiteral",          "IntegerLiteral",
                                         "FloatingLiteral",        "CharacterLiteral",
                                         "BinaryOperator",         "UnaryOperator",
                                         "ConditionalOperator",    "BinaryConditionalOperator",
                                         "CompoundAssignOperator", "ImaginaryLiteral",
                                         "FixedPointLiteral"};
    size_t length = strlen(kind);
    if (length >= 4 && strcmp(kind + length - 4, "Expr") == 0)
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(kind, others[i]) == 0)
            return true;
    return false;
}

/* The expression under casts that clang put there: they hide arrays and functions. */
static const json_t *ast_peel(const json_t *node)
{
    for (unsigned depth = 0; depth < PLIM_JSON_DEPTH_MAX; depth++) {
        if (!ast_is(node, "kind", "ImplicitCastExpr") ||
            (!ast_is(node, "castKind", "LValueToRValue") &&
             !ast_is(node, "castKind", "ArrayToPointerDecay") &&
             !ast_is(node, "castKind", "FunctionToPointerDecay")))
            break;
        const json_t *inner = json_array_get(json_object_get(node, "inner"), 0);
        if (inner == NULL)
            break;
        node = inner;
    }
    return node;
}

static void ast_statement(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    const json_t *statement = json_array_get(json_object_get(node, "inner"), 0);
    item->is_expression = ast_is_expression(ast_string(statement, "kind"));
    if (!item->is_expression)
        return;
    statement = ast_peel(statement);
    ast_set_type(reader, statement, item);
    item->is_lvalue = ast_is(statement, "valueCategory", "lvalue");
    item->is_bit_field = ast_is(statement, "objectKind", "bitfield");
}

static const char *const *ast_list(ast_reader *reader, const char *const *names, size_t count)
{
    const char **list = plim__arena_take(reader->arena, (count + 1) * sizeof *list);
    if (list != NULL && count > 0)
        memcpy(list, names, count * sizeof *list);
    return list;
}

/* Names that a tag's members bring with them: enumerators, and tags defined among them. */
static void ast_members(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    size_t depth = 0, enumerators = 0, tags = 0;
    const char **const *found = reader->found;
    reader->stack[depth++] = node;
    while (depth > 0) {
        const json_t *at = reader->stack[--depth];
        const char *name = ast_string(at, "name");
        if (enumerators + 1 < reader->stack_cap && ast_is(at, "kind", "EnumConstantDecl"))
            found[0][enumerators++] = ast_keep(reader, name);
        else if (at != node && tags + 1 < reader->stack_cap && name[0] != '\0' &&
                 (ast_is(at, "kind", "RecordDecl") || ast_is(at, "kind", "EnumDecl")))
            found[1][tags++] = ast_keep(reader, name);
        const json_t *inner = json_object_get(at, "inner");
        size_t count = json_array_size(inner);
        for (size_t i = 0; i < count && depth < reader->stack_cap; i++)
            reader->stack[depth++] = json_array_get(inner, i);
    }
    item->enumerators = ast_list(reader, found[0], enumerators);
    item->tags = ast_list(reader, found[1], tags);
}

/* Facts from the first level below a declaration. */
static void ast_children(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    const json_t *inner = json_object_get(node, "inner");
    for (size_t i = 0; i < json_array_size(inner); i++) {
        const json_t *child = json_array_get(inner, i);
        const char *kind = ast_string(child, "kind");
        if (strcmp(kind, "CompoundStmt") == 0 && item->kind == PLIM__AST_FUNCTION)
            item->has_body = true;
        if (strcmp(kind, "ConstructorAttr") == 0 || strcmp(kind, "DestructorAttr") == 0 ||
            strcmp(kind, "IFuncAttr") == 0)
            item->is_constructor = true;
        if (item->kind == PLIM__AST_VARIABLE && ast_is_expression(kind) &&
            json_object_get(node, "init") != NULL) {
            item->has_init = ast_range(reader, child, &item->init_begin, &item->init_end) &&
                             item->init_begin >= item->begin && item->init_end <= item->end;
            item->is_init_list = strcmp(kind, "InitListExpr") == 0;
        }
    }
}

/* Looks through all that an item holds for ({ … }) and (type){ … }. */
static void ast_look_below(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    size_t depth = 0;
    reader->stack[depth++] = node;
    while (depth > 0) {
        const json_t *at = reader->stack[--depth];
        item->has_statement_expression |= ast_is(at, "kind", "StmtExpr");
        item->has_literal |= ast_is(at, "kind", "CompoundLiteralExpr");
        const json_t *inner = json_object_get(at, "inner");
        const json_t *first = json_array_get(inner, 0);
        if (ast_is(at, "castKind", "LValueToRValue") &&
            ast_is(first, "kind", "CompoundLiteralExpr"))
            inner = json_object_get(first, "inner"); /* copied: nothing points to it */
        size_t count = json_array_size(inner);
        if (count > reader->stack_cap - depth) {
            item->has_statement_expression = true; /* not known: the careful answer */
            return;
        }
        for (size_t i = 0; i < count; i++)
            reader->stack[depth++] = json_array_get(inner, i);
    }
}

static plim_status ast_item(ast_reader *reader, const json_t *node, plim__ast_item *item)
{
    size_t ignored;
    *item = (plim__ast_item){.kind = ast_kind(ast_string(node, "kind")),
                             .type = "",
                             .canonical = "",
                             .name = "",
                             .tag = ""};
    if (json_is_true(json_object_get(node, "isImplicit")) ||
        !ast_range(reader, node, &item->begin, &item->end))
        return PLIM_ERR_NOT_FOUND; /* of a header, or clang's own: a builtin where it is used */
    if (!ast_offset(reader, json_object_get(node, "loc"), &item->name_at, &ignored))
        item->name_at = item->begin;
    item->name = ast_keep(reader, ast_string(node, "name"));
    item->storage = ast_keep(reader, ast_string(node, "storageClass"));
    item->is_inline = json_is_true(json_object_get(node, "inline"));
    item->is_thread_local = json_object_get(node, "tls") != NULL;
    if (item->kind == PLIM__AST_VARIABLE || item->kind == PLIM__AST_FUNCTION ||
        item->kind == PLIM__AST_TYPEDEF)
        ast_set_type(reader, node, item);
    if (item->kind == PLIM__AST_TAG) {
        bool is_enum = ast_is(node, "kind", "EnumDecl");
        item->tag = is_enum ? "enum" : ast_keep(reader, ast_string(node, "tagUsed"));
        /* clang does not say it of an enum; without members there is none in C. */
        item->is_definition = is_enum ? json_array_size(json_object_get(node, "inner")) > 0
                                      : json_is_true(json_object_get(node, "completeDefinition"));
        if (item->is_definition)
            ast_members(reader, node, item);
    }
    ast_children(reader, node, item);
    if (item->kind == PLIM__AST_STATEMENT || item->kind == PLIM__AST_VARIABLE)
        ast_look_below(reader, node, item);
    if (item->kind == PLIM__AST_STATEMENT)
        ast_statement(reader, node, item);
    return PLIM_OK;
}

static plim_status ast_items(ast_reader *reader, const json_t *inner, plim__ast *out)
{
    size_t count = json_array_size(inner);
    out->items = plim__arena_take(reader->arena, (count + 1) * sizeof *out->items);
    if (out->items == NULL)
        return PLIM_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        plim_status status = ast_item(reader, json_array_get(inner, i), &out->items[out->count]);
        if (status == PLIM_OK)
            out->count++;
        else if (status != PLIM_ERR_NOT_FOUND)
            return status;
    }
    return reader->arena->is_refused ? PLIM_ERR_NO_MEMORY : PLIM_OK;
}

plim_status plim__ast_read(const char *json, size_t json_bytes, const plim__ast_place *place,
                           plim__arena *arena, plim__ast *out_ast, plim_error *err)
{
    PLIM_CHECK(json != NULL && place != NULL && out_ast != NULL);
    json_error_t fault;
    json_t *root = json_loadb(json, json_bytes, 0, &fault);
    if (root == NULL)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "clang's syntax tree: %.200s", fault.text);
    plim__ast ast = {0};
    ast_reader reader = {.place = place, .arena = arena, .stack_cap = PLIM_REPL_AST_WIDTH_MAX};
    reader.stack = plim__arena_take(arena, reader.stack_cap * sizeof *reader.stack);
    reader.found[0] = plim__arena_take(arena, reader.stack_cap * sizeof(char *));
    reader.found[1] = plim__arena_take(arena, reader.stack_cap * sizeof(char *));
    plim_status status = PLIM_ERR_NO_MEMORY;
    const json_t *inner = json_object_get(root, "inner");
    if (reader.stack != NULL && reader.found[0] != NULL && reader.found[1] != NULL)
        status = ast_is(root, "kind", "TranslationUnitDecl") ? ast_items(&reader, inner, &ast)
                                                             : PLIM_ERR_DAMAGED;
    json_decref(root);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "clang's syntax tree is not as expected");
    *out_ast = ast;
    return PLIM_OK;
}
