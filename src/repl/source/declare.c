/* SPDX-License-Identifier: MIT */
/*
 * Names that an entry brings. Groups stand in the order of the text, directives among them, since
 * that is what their meaning rests on.
 *
 * Conditionals and pragmas mean something only together with what they surround. All directives of
 * an entry with a conditional are one group that every later entry gets; the types of an entry with
 * a pragma (pack) are one group with it, between push and pop.
 */
#include "repl/source/declare.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

typedef struct declarer {
    const plim__entry_text *entry;
    const plim__names *names;
    plim__arena *arena;
    plim__names_new *out;
    size_t group_max, name_max;
    plim__grow text; /* of the group that is made */
} declarer;

static bool declare_has_word(const plim__tokens *tokens, const char *word)
{
    for (size_t i = 0; i < tokens->directive_count; i++)
        if (strncmp(tokens->directives[i].word, word, strlen(word)) == 0)
            return true;
    return false;
}

/* Ends the group whose text was gathered; its names are those added since the last. */
static plim__name_group *declare_group(declarer *self)
{
    PLIM_CHECK(self->out->group_count < self->group_max);
    plim__name_group *group = &self->out->groups[self->out->group_count++];
    size_t first = 0;
    if (self->out->group_count > 1)
        first = (size_t)group[-1].first + group[-1].count;
    *group = (plim__name_group){.first = (uint32_t)first,
                                .count = (uint32_t)(self->out->name_count - first)};
    group->text = plim__arena_copy(self->arena, self->text.bytes != NULL ? self->text.bytes : "",
                                   self->text.count);
    for (size_t i = first; i < self->out->name_count; i++)
        if (self->out->names[i].kind == PLIM__SYMBOL_TYPE ||
            self->out->names[i].kind == PLIM__SYMBOL_MACRO)
            self->out->names[i].type = self->out->names[i].canonical = group->text;
    self->text.count = 0;
    return group;
}

/* The tree and the tokens are gone before the names are. */
static const char *declare_keep(declarer *self, const char *string)
{
    const char *copy = plim__arena_copy(self->arena, string, strlen(string));
    return copy != NULL ? copy : "";
}

static void declare_name(declarer *self, plim__name_space space, plim__symbol_kind kind,
                         const char *name, const plim__ast_item *item)
{
    PLIM_CHECK(self->out->name_count < self->name_max);
    self->out->names[self->out->name_count++] = (plim__name){
        .name = declare_keep(self, name),
        .type = item != NULL ? declare_keep(self, item->type) : "",
        .canonical = item != NULL ? declare_keep(self, item->canonical) : "",
        .group = (uint32_t)self->out->group_count,
        .space = space,
        .kind = kind,
    };
}

static void declare_tag_names(declarer *self, const plim__ast_item *item)
{
    if (item->name[0] != '\0')
        declare_name(self, PLIM__SPACE_TAG, PLIM__SYMBOL_TYPE, item->name, NULL);
    for (size_t i = 0; item->tags != NULL && item->tags[i] != NULL; i++)
        declare_name(self, PLIM__SPACE_TAG, PLIM__SYMBOL_TYPE, item->tags[i], NULL);
    for (size_t i = 0; item->enumerators != NULL && item->enumerators[i] != NULL; i++)
        declare_name(self, PLIM__SPACE_ORDINARY, PLIM__SYMBOL_TYPE, item->enumerators[i], NULL);
}

static void declare_object_name(declarer *self, const plim__ast_item *item)
{
    bool is_function = item->kind == PLIM__AST_FUNCTION;
    declare_name(self, PLIM__SPACE_ORDINARY,
                 is_function ? PLIM__SYMBOL_FUNCTION : PLIM__SYMBOL_VARIABLE, item->name, item);
    self->out->names[self->out->name_count - 1].is_declaration =
        is_function ? !item->has_body : strcmp(item->storage, "extern") == 0 && !item->has_init;
}

/* The name put into its type as clang writes it: behind the stars of "int (*)[3]", before the
   brackets of "int[3]" and the parameters of "int (int)". */
static void declare_write(const plim__ast_item *item, plim__grow *out)
{
    const char *type = item->type, *open = plim__type_bracket(type), *at = type + strlen(type);
    if (strstr(type, "__attribute__") != NULL || strstr(type, "typeof") != NULL ||
        strstr(type, "_Atomic") != NULL) {
        plim__grow_string(out, "__typeof__(");
        plim__grow_string(out, type);
        plim__grow_string(out, ") ");
        plim__grow_string(out, item->name);
        return;
    }
    if (open != NULL && (open[1] == '*' || open[1] == '^')) {
        at = open + 1;
        while (*at == '*' || *at == '^' || *at == ' ' || *at == '_' || (*at >= 'a' && *at <= 'z'))
            at++;
    } else if (open != NULL) {
        at = open;
    } else if (strchr(type, '[') != NULL) {
        at = strchr(type, '[');
    }
    plim__grow_add(out, type, (size_t)(at - type));
    plim__grow_string(out, " ");
    plim__grow_string(out, item->name);
    plim__grow_string(out, at);
}

static void declare_object(declarer *self, const plim__ast_item *item)
{
    /* main() is called without arguments by those who loaded a program, whatever it takes. */
    bool is_main = item->kind == PLIM__AST_FUNCTION && strcmp(item->name, "main") == 0;
    declare_object_name(self, item);
    plim__grow_string(&self->text, is_main ? "int main()" : "extern ");
    if (!is_main)
        declare_write(item, &self->text);
    plim__grow_string(&self->text, ";\n");
    (void)declare_group(self);
}

typedef struct declare_facts {
    bool has_typedef, has_object, has_unnamed, has_tag;
} declare_facts;

static declare_facts declare_look(const plim__entry_text *entry, const plim__piece *piece)
{
    declare_facts facts = {0};
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        bool is_object = item->kind == PLIM__AST_VARIABLE || item->kind == PLIM__AST_FUNCTION;
        facts.has_typedef |= item->kind == PLIM__AST_TYPEDEF;
        facts.has_object |= is_object;
        facts.has_unnamed |= is_object && !plim__type_has_name(item->type);
        facts.has_tag |= item->kind == PLIM__AST_TAG;
    }
    return facts;
}

/* A struct without a name cannot be written again: its declaration is kept as it is. */
static void declare_whole(declarer *self, const plim__piece *piece, bool is_object)
{
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &self->entry->ast.items[i];
        if (item->kind == PLIM__AST_TAG)
            declare_tag_names(self, item);
        else if (item->kind == PLIM__AST_TYPEDEF)
            declare_name(self, PLIM__SPACE_ORDINARY, PLIM__SYMBOL_TYPE, item->name, item);
        else if (is_object)
            declare_object_name(self, item);
    }
    if (is_object)
        plim__grow_string(&self->text, "extern ");
    plim__piece_declare(self->entry, piece, &self->text);
}

static bool declare_is_known(const declarer *self, const plim__ast_item *item)
{
    return !item->is_definition &&
           plim__names_find(self->names, PLIM__SPACE_TAG, item->name, strlen(item->name)) != NULL;
}

/* Types alone; their text is added to the group at hand. */
static void declare_types(declarer *self, const plim__piece *piece, bool ends_group)
{
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &self->entry->ast.items[i];
        if (item->kind != PLIM__AST_TAG || declare_is_known(self, item))
            continue;
        declare_tag_names(self, item);
        plim__grow_add(&self->text, self->entry->text + item->begin, item->end - item->begin);
        plim__grow_string(&self->text, ";\n");
        if (ends_group)
            (void)declare_group(self);
    }
}

static void declare_piece(declarer *self, const plim__piece *piece, bool ends_group)
{
    declare_facts facts = declare_look(self->entry, piece);
    if (piece->is_statement)
        return;
    if (facts.has_typedef || (facts.has_unnamed && facts.has_object)) {
        declare_whole(self, piece, facts.has_object);
        if (ends_group)
            (void)declare_group(self);
        return;
    }
    declare_types(self, piece, ends_group);
    for (size_t i = piece->first; ends_group && i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &self->entry->ast.items[i];
        if (item->kind == PLIM__AST_VARIABLE || item->kind == PLIM__AST_FUNCTION)
            declare_object(self, item);
    }
}

static void declare_line(declarer *self, const plim__directive *directive)
{
    plim__grow_add(&self->text, self->entry->text + directive->begin,
                   directive->end - directive->begin);
    if (self->text.count > 0 && self->text.bytes[self->text.count - 1] != '\n')
        plim__grow_string(&self->text, "\n");
}

static void declare_include(declarer *self, const plim__directive *directive)
{
    size_t from = directive->begin, end = directive->end;
    while (end > from && (self->entry->text[end - 1] == '\n' || self->entry->text[end - 1] == '\r'))
        end--;
    const char *line = plim__arena_copy(self->arena, self->entry->text + from, end - from);
    if (line == NULL || plim__names_find(self->names, PLIM__SPACE_MACRO, line, end - from) != NULL)
        return;
    declare_name(self, PLIM__SPACE_MACRO, PLIM__SYMBOL_INCLUDE, line, NULL);
    self->out->names[self->out->name_count - 1].type = line;
    self->out->names[self->out->name_count - 1].canonical = line;
    declare_line(self, directive);
    plim__name_group *group = declare_group(self);
    group->is_include = group->is_always = true;
}

static void declare_directive(declarer *self, const plim__directive *directive)
{
    if (strcmp(directive->word, "include") == 0) {
        declare_include(self, directive);
    } else if (directive->name[0] != '\0') {
        declare_name(self, PLIM__SPACE_MACRO, PLIM__SYMBOL_MACRO, directive->name, NULL);
        declare_line(self, directive);
        (void)declare_group(self);
    }
}

/* All directives at once. */
static void declare_conditionals(declarer *self)
{
    const plim__tokens *tokens = self->entry->tokens;
    bool has_include = false;
    for (size_t i = 0; i < tokens->directive_count; i++) {
        const plim__directive *directive = &tokens->directives[i];
        if (strcmp(directive->word, "pragma") == 0 || strcmp(directive->word, "error") == 0)
            continue;
        if (directive->name[0] != '\0')
            declare_name(self, PLIM__SPACE_MACRO, PLIM__SYMBOL_MACRO, directive->name, NULL);
        has_include |= strcmp(directive->word, "include") == 0;
        declare_line(self, directive);
    }
    plim__name_group *group = declare_group(self);
    group->is_always = true;
    group->is_include = has_include;
}

/* Types under pragmas: one group, in order. */
static void declare_packed(declarer *self)
{
    const plim__entry_text *entry = self->entry;
    size_t at = 0;
    plim__grow_string(&self->text, "#pragma pack(push)\n");
    for (size_t i = 0; i < entry->piece_count; i++) {
        const plim__directive *directive;
        while ((directive = plim__directive_in(entry->tokens, at, entry->pieces[i].begin)) !=
               NULL) {
            if (strcmp(directive->word, "pragma") == 0)
                declare_line(self, directive);
            at = directive->end;
        }
        at = entry->pieces[i].end;
        declare_piece(self, &entry->pieces[i], false);
    }
    plim__grow_string(&self->text, "#pragma pack(pop)\n");
    (void)declare_group(self);
}

static void declare_objects_only(declarer *self, const plim__piece *piece)
{
    for (size_t i = piece->first; i < piece->first + piece->count; i++) {
        const plim__ast_item *item = &self->entry->ast.items[i];
        if ((item->kind == PLIM__AST_VARIABLE || item->kind == PLIM__AST_FUNCTION) &&
            plim__type_has_name(item->type))
            declare_object(self, item);
    }
}

static void declare_all(declarer *self)
{
    const plim__entry_text *entry = self->entry;
    bool has_conditional = declare_has_word(entry->tokens, "if");
    bool has_pragma = declare_has_word(entry->tokens, "pragma");
    size_t next = 0; /* directive */
    if (has_conditional)
        declare_conditionals(self);
    if (has_pragma)
        declare_packed(self);
    for (size_t i = 0; i <= entry->piece_count; i++) {
        size_t begin = i < entry->piece_count ? entry->pieces[i].begin : entry->text_bytes;
        for (; next < entry->tokens->directive_count &&
               (entry->tokens->directives[next].begin < begin || i == entry->piece_count);
             next++)
            if (!has_conditional)
                declare_directive(self, &entry->tokens->directives[next]);
        if (i == entry->piece_count)
            break;
        if (has_pragma)
            declare_objects_only(self, &entry->pieces[i]);
        else
            declare_piece(self, &entry->pieces[i], true);
    }
}

plim_status plim__declare(const plim__entry_text *entry, const plim__names *names,
                          plim__arena *arena, plim__names_new *out)
{
    plim__names_new news = {0};
    declarer self = {
        .entry = entry,
        .names = names,
        .arena = arena,
        .out = &news,
        .text = {.allocator = arena->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX},
    };
    self.group_max = 2 * entry->ast.count + entry->tokens->directive_count + 3;
    self.name_max = 2 * entry->ast.count + entry->tokens->directive_count + 3;
    for (size_t i = 0; i < entry->ast.count; i++) {
        const plim__ast_item *item = &entry->ast.items[i];
        for (size_t j = 0; item->tags != NULL && item->tags[j] != NULL; j++)
            self.name_max++;
        for (size_t j = 0; item->enumerators != NULL && item->enumerators[j] != NULL; j++)
            self.name_max++;
    }
    news.groups = plim__arena_take(arena, self.group_max * sizeof *news.groups);
    news.names = plim__arena_take(arena, self.name_max * sizeof *news.names);
    if (news.groups != NULL && news.names != NULL)
        declare_all(&self);
    bool is_refused = arena->is_refused || self.text.is_refused;
    plim__grow_fini(&self.text);
    if (is_refused)
        return PLIM_ERR_NO_MEMORY;
    *out = news;
    return PLIM_OK;
}
