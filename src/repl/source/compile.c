/* SPDX-License-Identifier: MIT */
/*
 * One entry, from text to segments.
 *
 *   tokens -> is anything open?                         yes -> INCOMPLETE
 *   parse  -> errors that mean something here:
 *               at the end of the text                  -> INCOMPLETE
 *               the text redefines a name of the session -> without that name, again
 *               a name that was not in the text's words -> with it, again
 *               an initialiser is not constant          -> it is computed by the entry
 *             any other                                 -> REFUSED, with clang's words
 *   cut, write the unit, compile, link.
 *
 * Parsing and compiling take as long as each other, and most texts look like what they are: the
 * unit is guessed (guess.c) and compiled while the text is parsed, and taken if it was right.
 *
 * Invariants. C1: each try changes what clang is given, and there are PLIM_REPL_TRIES_MAX of them.
 * C2: nothing of the session changes here.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "repl/source/compilation.h"

/* --- saying --------------------------------------------------------------------------------- */

static plim_status compile_end(plim__compilation *self, plim__unit_end end)
{
    self->box->unit.end = end;
    return PLIM_OK;
}

/* A refusal of ours in clang's form, at an offset of the text. */
static plim_status compile_refuse_at(plim__compilation *self, size_t offset, const char *why)
{
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < offset && i < self->text_bytes; i++)
        if (self->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    size_t end = begin;
    while (end < self->text_bytes && self->text[end] != '\n')
        end++;
    plim__grow_string(&self->shown, self->request->name);
    plim__grow_format(&self->shown, ":%zu:%zu: error: ", line, offset - begin + 1);
    plim__grow_string(&self->shown, why);
    plim__grow_format(&self->shown, "\n%5zu | ", line);
    plim__grow_add(&self->shown, self->text + begin, end - begin);
    plim__grow_string(&self->shown, "\n      | ");
    plim__grow_fill(&self->shown, ' ', offset - begin);
    plim__grow_string(&self->shown, "^\n");
    return compile_end(self, PLIM__UNIT_REFUSED);
}

static plim_status compile_refuse(plim__compilation *self, const char *why)
{
    plim__grow_string(&self->shown, self->request->name);
    plim__grow_string(&self->shown, ": ");
    plim__grow_string(&self->shown, why);
    return compile_end(self, PLIM__UNIT_REFUSED);
}

/* A tool that ended without a word about the text: by its limits, or by itself. */
static const char *compile_gave_up(const plim__tool_result *result)
{
    plim__tool_death death = plim__tool_death_of(result->exit_code);
    if (death == PLIM__TOOL_DIED_OF_SIZE)
        return "error: what clang makes of this is larger than 256 MiB, which is the most for an "
               "entry; an array without values of its own takes no room there\n";
    if (death == PLIM__TOOL_DIED_OF_TIME)
        return "error: clang did not come to an end with this within 10 seconds\n";
    if (result->errors != NULL && strstr(result->errors, "out of memory") != NULL)
        return "error: clang needs more memory for this than the 4 GiB it has\n";
    return NULL;
}

/* --- places --------------------------------------------------------------------------------- */

/* A message's place as an offset of the text; false: it is not in it. */
static bool compile_offset(const plim__compilation *self, const plim__message *message, size_t *out)
{
    size_t at = 0;
    if (!plim__message_is_in(message, self->request->name) || message->line == 0)
        return false;
    for (unsigned line = 1; line < message->line; line++) {
        const char *stop = memchr(self->text + at, '\n', self->text_bytes - at);
        if (stop == NULL)
            return false;
        at = (size_t)(stop - self->text) + 1;
    }
    *out = at + message->column - 1;
    return message->column > 0 && *out <= self->text_bytes;
}

static bool compile_is_last(const plim__compilation *self, size_t offset)
{
    for (size_t i = plim__tokens_at(&self->tokens, offset); i < self->tokens.count; i++)
        if (self->tokens.items[i].kind != PLIM__LEX_COMMENT)
            return false;
    return true;
}

/* The word of the text that a message points at. */
static bool compile_word(const plim__compilation *self, const plim__message *message,
                         const char **out_word, size_t *out_bytes)
{
    size_t offset;
    if (!compile_offset(self, message, &offset))
        return false;
    size_t token = plim__tokens_at(&self->tokens, offset);
    if (token >= self->tokens.count || self->tokens.items[token].offset != offset ||
        self->tokens.items[token].kind != PLIM__LEX_IDENTIFIER)
        return false;
    *out_word = self->text + offset;
    *out_bytes = self->tokens.items[token].bytes;
    return true;
}

/* --- errors that mean something ------------------------------------------------------------- */

typedef enum compile_next { COMPILE_GO_ON, COMPILE_AGAIN, COMPILE_STOP } compile_next;

static bool compile_is_known(const plim__compilation *self, const char *word, size_t bytes)
{
    for (plim__name_space space = PLIM__SPACE_ORDINARY; space < PLIM__SPACES; space++)
        if (plim__names_find(&self->source->names, space, word, bytes) != NULL)
            return true;
    return false;
}

/* The text defines anew what the session has: then the session's is left out. */
static bool compile_redefines(plim__compilation *self, const plim__message *message)
{
    static const char *const words[] = {
        "redefinition of",       "typedef redefinition",        "conflicting types for",
        "static declaration of", "non-static declaration of",   "use of '",
        "redeclaration of",      "thread-local declaration of", "non-thread-local declaration of",
        "extern declaration of"};
    const char *word;
    size_t bytes;
    bool is_meant = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        is_meant |= plim__message_begins(message, words[i]);
    if (!is_meant || !compile_word(self, message, &word, &bytes) ||
        !compile_is_known(self, word, bytes))
        return false;
    for (size_t i = 0; i < self->wish.without_count; i++)
        if (self->wish.without[i].bytes == bytes &&
            memcmp(self->wish.without[i].name, word, bytes) == 0)
            return false;
    if (self->wish.without_count == sizeof self->wish.without / sizeof *self->wish.without)
        return false;
    self->wish.without[self->wish.without_count].name = word;
    self->wish.without[self->wish.without_count++].bytes = bytes;
    return true;
}

/* A name that was made by a macro's pasting is among the session's. */
static bool compile_misses(plim__compilation *self, const plim__message *message)
{
    const char *name;
    size_t bytes;
    if (!(plim__message_begins(message, "use of undeclared identifier") ||
          plim__message_begins(message, "unknown type name") ||
          plim__message_begins(message, "call to undeclared function")) ||
        !plim__message_quoted(message, &name, &bytes) || !compile_is_known(self, name, bytes))
        return false;
    for (size_t i = 0; i < self->wish.with_count; i++)
        if (self->wish.with[i].bytes == bytes && memcmp(self->wish.with[i].name, name, bytes) == 0)
            return false;
    if (self->wish.with_count == sizeof self->wish.with / sizeof *self->wish.with)
        return false;
    self->wish.with[self->wish.with_count].name = plim__arena_copy(&self->arena, name, bytes);
    if (self->arena.is_refused)
        return false;
    self->wish.with[self->wish.with_count++].bytes = bytes;
    return true;
}

static bool compile_is_computed(const plim__message *message)
{
    return plim__message_begins(message, "initializer element is not a compile-time constant");
}

/* int x = 3 without its semicolon is meant as it stands. */
static bool compile_wants_semicolon(const plim__compilation *self, const plim__message *message)
{
    size_t offset;
    return !self->has_semicolon &&
           (plim__message_begins(message, "expected ';' after top level declarator") ||
            plim__message_begins(message, "expected ';' after do/while") ||
            plim__message_begins(message, "expected ';' at end of declaration")) &&
           compile_offset(self, message, &offset) && compile_is_last(self, offset);
}

/* What an error at the end of the text is: more is wanted. */
static bool compile_is_at_end(const plim__compilation *self, const plim__message *message)
{
    size_t offset;
    if (plim__message_is_in(message, plim__tools_main_file(self->source->tools)))
        return true;
    return plim__message_begins(message, "expected") && compile_offset(self, message, &offset) &&
           compile_is_last(self, offset);
}

static compile_next compile_judge(plim__compilation *self, plim_status *out_status)
{
    bool is_again = false, is_error = false;
    for (size_t i = 0; i < self->messages.count; i++) {
        const plim__message *message = &self->messages.items[i];
        if (message->kind != PLIM__MESSAGE_ERROR)
            continue;
        if (!is_error && compile_wants_semicolon(self, message)) {
            self->has_semicolon = true;
            return COMPILE_AGAIN;
        }
        if (!is_error && compile_is_at_end(self, message)) {
            *out_status = compile_end(self, PLIM__UNIT_INCOMPLETE);
            return COMPILE_STOP;
        }
        if (compile_redefines(self, message) || compile_misses(self, message))
            is_again = true;
        else
            is_error |= !compile_is_computed(message);
    }
    if (is_again)
        return COMPILE_AGAIN;
    if (!is_error && self->tree.output_bytes > 0 && self->tree.exit_code < 128)
        return COMPILE_GO_ON;
    const char *why = compile_gave_up(&self->tree);
    if (!is_error && why != NULL)
        *out_status = compile_refuse(self, why);
    else if (!is_error)
        *out_status = compile_refuse(
            self, "error: clang cannot read this as declarations, statements or an expression; "
                  "return, break, continue and labels that are jumped to need a function or a "
                  "block around them\n");
    else
        *out_status = compile_end(self, PLIM__UNIT_REFUSED);
    return COMPILE_STOP;
}

/* --- parsing -------------------------------------------------------------------------------- */

static plim_status compile_write_file(plim__compilation *self, plim_error *err)
{
    self->prefix.count = 0;
    self->file.count = 0;
    plim_status status = plim__names_prefix(&self->source->names, self->text, self->text_bytes,
                                            &self->wish, &self->prefix);
    if (status != PLIM_OK)
        return plim__no_memory(err, "an entry's declarations");
    plim__grow_string(&self->file, "#line 1 \"" PLIM__SESSION_TEXT_NAME "\"\n");
    plim__grow_add(&self->file, self->prefix.bytes, self->prefix.count);
    plim__grow_string(&self->file, "\n#line 1 \"");
    plim__grow_string(&self->file, self->request->name);
    plim__grow_string(&self->file, "\"\n");
    self->text_at = self->file.count;
    plim__grow_add(&self->file, self->text, self->text_bytes);
    plim__grow_string(&self->file, "\n");
    return self->file.is_refused ? plim__no_memory(err, "an entry") : PLIM_OK;
}

static void compile_key(const plim__compilation *self, plim__grow *key)
{
    plim__grow_add(key, self->prefix.bytes, self->prefix.count);
    plim__grow_add(key, "", 1);
    plim__grow_add(key, self->text, self->text_bytes);
}

static bool compile_was_done(plim__compilation *self)
{
    plim__grow key = {.allocator = self->arena.allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    compile_key(self, &key);
    plim__cached *cached =
        key.is_refused ? NULL : plim__cache_find(self->source, key.bytes, key.count);
    plim__grow_fini(&key);
    if (cached == NULL)
        return false;
    /* Lent: given back before the results are freed. */
    self->tree = cached->tree;
    self->object = cached->object;
    self->text_at = cached->text_at; /* the entry's name may be longer now */
    self->is_cached = true;
    return true;
}

static plim_status compile_ask_parse(plim__compilation *self, plim_error *err)
{
    plim__tool_input input = {self->file.bytes, self->file.count};
    return plim__tools_ask(self->source->tools, PLIM__ROLE_PARSE, &input, NULL, err);
}

static plim_status compile_take_parse(plim__compilation *self, plim_error *err)
{
    plim_status status =
        plim__tools_answer(self->source->tools, PLIM__ROLE_PARSE, &self->tree, err);
    if (status == PLIM_OK)
        plim__messages_read(self->tree.errors, self->tree.error_bytes, &self->arena,
                            &self->messages);
    return status;
}

static plim_status compile_parse(plim__compilation *self, plim_error *err)
{
    plim__tool_result_fini(&self->tree);
    self->messages = (plim__messages){0};
    plim_status status = compile_write_file(self, err);
    if (status != PLIM_OK || compile_was_done(self))
        return status;
    status = compile_ask_parse(self, err);
    return status == PLIM_OK ? compile_take_parse(self, err) : status;
}

/* A tool that crashed on the text, or did not come to an end: the text is refused for it. */
static bool compile_is_texts_fault(plim_status status)
{
    return status == PLIM_ERR_GONE || status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_REFUSED;
}

static plim_status compile_read_tokens(plim__compilation *self, plim_error *err)
{
    return plim__tokens_read(self->source->tools, self->text, self->text_bytes, &self->arena,
                             &self->tokens, err);
}

/* Whether as many brackets are closed as are opened, wherever they stand. It decides only what is
   asked first: clang prints errors about an open brace for as long as it may. */
static bool compile_is_level(const plim__compilation *self)
{
    long depth = 0;
    for (size_t i = 0; i < self->text_bytes; i++) {
        char byte = self->text[i];
        depth += byte == '(' || byte == '[' || byte == '{';
        depth -= byte == ')' || byte == ']' || byte == '}';
    }
    return depth == 0;
}

/* The first try. Tree, tokens and the object of what the text looks like are made at the same time;
   what turns out not to be wanted is dropped by whoever asks that server next. */
static plim_status compile_first(plim__compilation *self, bool *out_open, plim_error *err)
{
    plim_status status = compile_write_file(self, err);
    if (status != PLIM_OK)
        return status;
    if (compile_was_done(self))
        return compile_read_tokens(self, err);
    bool is_asked = compile_is_level(self);
    if (is_asked)
        status = compile_ask_parse(self, err);
    if (status == PLIM_OK)
        status = compile_read_tokens(self, err);
    if (status != PLIM_OK)
        return status;
    *out_open = plim__tokens_are_open(&self->tokens);
    if (*out_open)
        return compile_end(self, PLIM__UNIT_INCOMPLETE);
    if (!is_asked)
        status = compile_ask_parse(self, err);
    if (status != PLIM_OK)
        return status;
    plim__guess_write(self);
    plim__tool_input guess = {self->guess.bytes, self->guess.count};
    if (self->guess.count > 0 &&
        plim__tools_ask(self->source->tools, PLIM__ROLE_COMPILE, &guess, NULL, NULL) != PLIM_OK)
        self->guess.count = 0; /* asked again when it is known */
    return compile_take_parse(self, err);
}

/* Parses until the errors are none, or the user's. Post: unit->end tells. */
static plim_status compile_understand(plim__compilation *self, bool *out_done, plim_error *err)
{
    plim_status status = PLIM_OK;
    compile_next next = COMPILE_AGAIN;
    for (unsigned i = 0; next == COMPILE_AGAIN && i < PLIM_REPL_TRIES_MAX; i++) {
        bool had_semicolon = self->has_semicolon;
        status = i == 0 ? compile_first(self, out_done, err) : compile_parse(self, err);
        if (status != PLIM_OK || *out_done)
            return status;
        if (self->is_cached)
            return PLIM_OK;
        next = compile_judge(self, &status);
        if (self->has_semicolon && !had_semicolon) {
            self->text[self->text_bytes++] = ';';
            status = compile_read_tokens(self, err);
        }
        if (status != PLIM_OK)
            return status;
    }
    *out_done = next != COMPILE_GO_ON;
    if (next == COMPILE_AGAIN)
        return compile_refuse(self, "error: this redefines too many names at once\n");
    return status;
}

/* --- what the tree says --------------------------------------------------------------------- */

static void compile_mark_computed(plim__compilation *self)
{
    for (size_t i = 0; i < self->messages.count; i++) {
        const plim__message *message = &self->messages.items[i];
        size_t offset;
        if (message->kind != PLIM__MESSAGE_ERROR || !compile_offset(self, message, &offset))
            continue;
        for (size_t j = 0; j < self->entry.ast.count; j++) {
            const plim__ast_item *item = &self->entry.ast.items[j];
            if (item->kind == PLIM__AST_VARIABLE && item->has_init && offset >= item->init_begin &&
                offset < item->init_end)
                self->entry.is_computed[j] = true;
        }
    }
}

/* Every error that clang was forgiven has to be one of an initialiser that the entry computes. */
static bool compile_all_computed(const plim__compilation *self, size_t *out_offset)
{
    for (size_t i = 0; i < self->messages.count; i++) {
        const plim__message *message = &self->messages.items[i];
        size_t offset = 0;
        bool is_found = false;
        if (message->kind != PLIM__MESSAGE_ERROR)
            continue;
        bool has_place = compile_offset(self, message, &offset);
        for (size_t j = 0; has_place && j < self->entry.ast.count; j++) {
            const plim__ast_item *item = &self->entry.ast.items[j];
            is_found |=
                self->entry.is_computed[j] && offset >= item->init_begin && offset < item->init_end;
        }
        *out_offset = offset;
        if (!is_found)
            return false;
    }
    return true;
}

static const char *compile_why_not(const plim__compilation *self, size_t index)
{
    const plim__ast_item *item = &self->entry.ast.items[index];
    if (strncmp(item->name, "plim__", 6) == 0)
        return "names that begin with plim__ are Plimsoll's own";
    if (item->is_thread_local)
        return "a _Thread_local variable would be lost with the worker: its memory is the "
               "thread's, not the session's";
    if (item->is_constructor)
        return "constructors, destructors and IFUNCs run when a program is loaded or ends, and an "
               "entry is neither: call the function";
    if (item->kind == PLIM__AST_ASM)
        return "asm outside of functions is not kept: what it defines cannot be followed; put it "
               "into a function";
    if (self->entry.is_computed[index] && item->has_literal && strchr(item->canonical, '*') != NULL)
        return "this (type){ ... } is computed, so it would live on the entry's stack and the "
               "pointer would dangle: give it a name of its own";
    return NULL;
}

/* Macros with names that what is written around an entry has too. */
static bool compile_macros_are_allowed(plim__compilation *self, plim_status *out_status)
{
    static const char *const ours[] = {"extern", "void", "int", "sizeof", "__typeof__"};
    for (size_t i = 0; i < self->tokens.directive_count; i++) {
        const plim__directive *directive = &self->tokens.directives[i];
        if (strncmp(directive->name, "plim__", 6) == 0) {
            *out_status = compile_refuse_at(self, directive->begin,
                                            "names that begin with plim__ are Plimsoll's own");
            return false;
        }
        for (size_t j = 0; j < sizeof ours / sizeof *ours; j++)
            if (strcmp(directive->word, "define") == 0 && strcmp(directive->name, ours[j]) == 0) {
                plim__grow_string(&self->shown, self->request->name);
                plim__grow_string(&self->shown, ": warning: ");
                plim__grow_string(&self->shown, ours[j]);
                plim__grow_string(&self->shown, " means something else from now on, also in what "
                                                "is written around entries: until #undef, they "
                                                "may fail or give other values\n");
            }
    }
    return true;
}

static plim_status compile_read_tree(plim__compilation *self, bool *out_done, plim_error *err)
{
    plim__ast_place place = {.includer = plim__tools_main_file(self->source->tools),
                             .offset = self->text_at,
                             .bytes = self->text_bytes};
    plim_status status = plim__ast_read(self->tree.output, self->tree.output_bytes, &place,
                                        &self->arena, &self->entry.ast, err);
    if (status != PLIM_OK)
        return status;
    self->entry.text = self->text;
    self->entry.text_bytes = self->text_bytes;
    self->entry.name = self->request->name;
    self->entry.tokens = &self->tokens;
    self->entry.is_computed = plim__arena_take(&self->arena, self->entry.ast.count + 1);
    if (self->entry.is_computed == NULL)
        return plim__no_memory(err, "an entry");
    compile_mark_computed(self);
    size_t offset = 0;
    *out_done = true;
    if (!compile_macros_are_allowed(self, &status))
        return status;
    if (!compile_all_computed(self, &offset))
        return compile_end(self, PLIM__UNIT_REFUSED); /* as one of a function's own static */
    plim_error why = {0};
    status = plim__pieces_cut(&self->entry, &self->arena, &why);
    if (status == PLIM_ERR_UNSUPPORTED)
        return compile_refuse_at(self, 0, why.what);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "%s", why.what);
    for (size_t i = 0; i < self->entry.ast.count; i++) {
        const char *reason = compile_why_not(self, i);
        if (reason != NULL)
            return compile_refuse_at(self, self->entry.ast.items[i].name_at, reason);
    }
    *out_done = false;
    return PLIM_OK;
}

/* --- the object ----------------------------------------------------------------------------- */

static plim_status compile_object(plim__compilation *self, bool *out_done, plim_error *err)
{
    plim__grow unit = {.allocator = self->arena.allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__unit_write(self, &self->entry, &unit);
    plim__tool_input input = {unit.bytes, unit.count};
    plim_status status = unit.is_refused ? plim__no_memory(err, "a unit") : PLIM_OK;
    bool is_guessed = unit.count == self->guess.count && unit.count > 0 &&
                      memcmp(unit.bytes, self->guess.bytes, unit.count) == 0;
    if (status == PLIM_OK && !is_guessed)
        status = plim__tools_ask(self->source->tools, PLIM__ROLE_COMPILE, &input, NULL, err);
    plim__grow_fini(&unit);
    if (status == PLIM_OK)
        status = plim__tools_answer(self->source->tools, PLIM__ROLE_COMPILE, &self->object, err);
    if (status != PLIM_OK || (self->object.exit_code == 0 && self->object.output_bytes > 0))
        return status;
    /* Parsed, and yet not compiled: the backend's own refusals (asm), or a value of no size. */
    *out_done = true;
    plim__messages_read(self->object.errors, self->object.error_bytes, &self->arena,
                        &self->messages);
    const char *why = compile_gave_up(&self->object);
    if (self->messages.error_count == 0)
        return compile_refuse(
            self, why != NULL ? why : "error: clang's code generator gave up on this entry\n");
    return compile_end(self, PLIM__UNIT_REFUSED);
}

static plim_status compile_link(plim__compilation *self, plim_error *err)
{
    plim_status status =
        plim__declare(&self->entry, &self->source->names, &self->box->arena, &self->box->news);
    if (status != PLIM_OK)
        return plim__no_memory(err, "an entry's names");
    plim__link link = {
        .tools = self->source->tools,
        .names = &self->source->names,
        .news = &self->box->news,
        .resolve = self->source->resolve,
        .resolve_ctx = self->source->resolve_ctx,
        .arena = &self->arena,
        .text_at = self->request->text_at,
        .data_at = self->request->data_at,
    };
    status = plim__link_object(&link, self->object.output, self->object.output_bytes, &self->linked,
                               err);
    if (status != PLIM_OK)
        return status;
    if (self->linked.refused != NULL)
        return compile_refuse(self, self->linked.refused);
    self->box->image = self->linked.image;
    plim__unit *unit = &self->box->unit;
    unit->image = self->box->image;
    unit->image_bytes = self->linked.image_bytes;
    unit->text_end = self->linked.text_end;
    unit->data_end = self->linked.data_end;
    for (size_t i = 0; i < self->linked.missing_count; i++) {
        plim__grow_string(&self->shown, self->request->name);
        plim__grow_string(&self->shown, ": warning: ");
        plim__grow_string(&self->shown, self->linked.missing[i]);
        plim__grow_string(&self->shown,
                          "() is not defined yet: until it is, a call of it crashes\n");
    }
    return plim__unit_fill(self, err);
}

static uint64_t compile_now_us(void)
{
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --- all of it ------------------------------------------------------------------------------ */

static plim_status compile_run(plim__compilation *self, plim_error *err)
{
    plim__unit_times *times = &self->box->unit.times;
    bool is_done = false;
    uint64_t begin = compile_now_us();
    plim_error fault = {0};
    plim_status status = compile_understand(self, &is_done, &fault);
    if (compile_is_texts_fault(status))
        return compile_refuse(self, "error: clang crashed on this text, or did not come to an "
                                    "end with it\n");
    if (status != PLIM_OK)
        return plim_error_set(err, status, "%s", fault.what);
    if (!is_done)
        status = compile_read_tree(self, &is_done, err);
    uint64_t parsed = compile_now_us();
    times->parse = parsed - begin;
    if (status != PLIM_OK || is_done)
        return status;
    if (!self->is_cached)
        status = compile_object(self, &is_done, err);
    uint64_t compiled = compile_now_us();
    times->compile = compiled - parsed;
    if (status != PLIM_OK || is_done)
        return status;
    status = compile_link(self, err);
    times->link = compile_now_us() - compiled;
    return status;
}

static void compile_show(plim__compilation *self)
{
    plim__grow all = {.allocator = self->arena.allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__messages shown = self->messages;
    if (self->box->unit.end == PLIM__UNIT_OK) { /* errors that were forgiven are not shown */
        shown.count = 0;
        for (size_t i = 0; i < self->messages.count; i++)
            if (self->messages.items[i].kind != PLIM__MESSAGE_ERROR)
                shown.items[shown.count++] = self->messages.items[i];
    }
    plim__messages_show(&shown, self->request->name, plim__tools_main_file(self->source->tools),
                        &all);
    for (size_t i = 0; i < self->messages.count; i++)
        if (plim__message_mentions(&self->messages.items[i], "Operation not supported")) {
            plim__grow_string(&all, "note: only files are read here: a pipe would be waited for, "
                                    "and a device may have no end\n");
            break;
        }
    plim__grow_add(&all, self->shown.bytes, self->shown.count);
    if (!all.is_refused && all.count > 0)
        self->box->unit.diagnostics = plim__arena_copy(&self->box->arena, all.bytes, all.count);
    if (self->box->unit.diagnostics == NULL)
        self->box->unit.diagnostics = ""; /* the arena remembers that it had no memory */
    plim__grow_fini(&all);
}

static void compile_remember(plim__compilation *self)
{
    plim__grow key = {.allocator = self->arena.allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    bool is_clean = self->tree.exit_code == 0 && self->messages.count == 0 &&
                    self->wish.without_count == 0 && self->wish.with_count == 0 &&
                    !self->has_semicolon && self->box->unit.end == PLIM__UNIT_OK;
    if (is_clean)
        compile_key(self, &key);
    if (is_clean && !key.is_refused)
        plim__cache_keep(self->source, key.bytes, key.count, self->text_at, &self->tree,
                         &self->object);
    plim__grow_fini(&key);
}

plim_status plim__unit_compile(plim__source *source, const plim__unit_request *request,
                               plim__unit_box *box, plim_error *err)
{
    PLIM_CHECK(request->number == box->unit.number);
    plim__grow empty = {.allocator = source->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__compilation self = {.source = source,
                              .request = request,
                              .box = box,
                              .prefix = empty,
                              .file = empty,
                              .shown = empty,
                              .guess = empty};
    self.arena.allocator = source->allocator;
    if (request->text_bytes > PLIM_REPL_TEXT_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "an entry has %u bytes at most",
                              PLIM_REPL_TEXT_BYTES_MAX);
    self.text_bytes = request->text_bytes;
    self.text = plim__arena_take(&box->arena, request->text_bytes + 8);
    if (self.text == NULL)
        return plim__no_memory(err, "an entry");
    memcpy(self.text, request->text, request->text_bytes);
    box->unit.text = self.text;
    const char *nul = memchr(request->text, '\0', request->text_bytes);
    plim_status status;
    if (nul != NULL)
        status =
            compile_refuse_at(&self, (size_t)(nul - request->text), "a NUL byte is no part of C");
    else
        status = compile_run(&self, err);
    if (status == PLIM_OK)
        compile_show(&self);
    if (self.is_cached)
        self.tree = self.object = (plim__tool_result){0};
    else if (status == PLIM_OK)
        compile_remember(&self);
    box->unit.is_cached = self.is_cached;
    plim__tool_result_fini(&self.tree);
    plim__tool_result_fini(&self.object);
    plim__grow_fini(&self.prefix);
    plim__grow_fini(&self.file);
    plim__grow_fini(&self.shown);
    plim__grow_fini(&self.guess);
    plim__arena_fini(&self.arena);
    return status;
}
