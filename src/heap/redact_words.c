/* SPDX-License-Identifier: MIT */
/*
 * The words are those seen in snapshots of Node 20 to 26, Chromium, Deno, workerd, Bun, WebKitGTK
 * and Firefox, and of programs in C; docs/internals/redact.md lists them by runtime.
 */
#include "heap/redact_words.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "heap/text_table.h"

enum {
    WORDS_CLASS_MAX = 200,
    WORDS_INNER_MAX = 40,
    WORDS_SLOT_DIGITS = 7 /* a slot's number; a longer one could be somebody's */
};

static const plim__redact_cut words_keep_nothing = {0, true, false, ""};

static plim__redact_cut words_keep(plim_text text)
{
    return (plim__redact_cut){text.size_bytes, false, false, ""};
}

static bool words_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool words_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Only letters, digits and those of `more`; empty passes. */
static bool words_consists(plim_text text, const char *more)
{
    for (size_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (!words_is_letter(c) && !words_is_digit(c) && (c == '\0' || strchr(more, c) == NULL))
            return false;
    }
    return true;
}

static plim_text words_from(plim_text text, size_t from)
{
    return (plim_text){text.data + from, text.size_bytes - from};
}

static bool words_is_one_of(plim_text text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strlen(*words) == text.size_bytes && memcmp(*words, text.data, text.size_bytes) == 0)
            return true;
    return false;
}

/* Where `part` begins in text, or its size. */
static size_t words_find(plim_text text, const char *part)
{
    size_t len = strlen(part);
    for (size_t at = 0; at + len <= text.size_bytes; at++)
        if (memcmp(text.data + at, part, len) == 0)
            return at;
    return text.size_bytes;
}

static bool words_ends(plim_text text, const char *tail)
{
    size_t len = strlen(tail);
    return text.size_bytes >= len && memcmp(text.data + text.size_bytes - len, tail, len) == 0;
}

/* "system / Map (ExternalString)", "Node / std::basic_string". */
static bool words_is_system(plim_text text)
{
    if (plim__text_starts(text, "system / ", 9))
        return words_consists(words_from(text, 9), "() ");
    return plim__text_starts(text, "Node / ", 7) && words_consists(words_from(text, 7), ":<>");
}

/* "(GC roots)": words in parentheses. */
static bool words_is_parenthesised(plim_text text)
{
    return text.size_bytes > 2 && text.data[0] == '(' && text.data[text.size_bytes - 1] == ')' &&
           words_consists(words_from(text, 1), ") -+/");
}

/* ---- by role ------------------------------------------------------------------------------- */

/* "Window / https://shop.example": what stands before the stroke is the class. */
static plim__redact_cut words_class(plim_text text)
{
    if (text.size_bytes == 0 || words_is_system(text))
        return words_keep(text);
    size_t stroke = words_find(text, " / ");
    plim_text head = {text.data, stroke};
    if (stroke > WORDS_CLASS_MAX || memchr(head.data, '/', stroke) != NULL ||
        memchr(head.data, '"', stroke) != NULL || memchr(head.data, '\'', stroke) != NULL ||
        memchr(head.data, '\\', stroke) != NULL || memchr(head.data, '\n', stroke) != NULL)
        return words_keep_nothing;
    if (stroke == text.size_bytes)
        return words_keep(text);
    return (plim__redact_cut){stroke + 3, true, false, ""};
}

static plim__redact_cut words_code(plim_text text)
{
    static const char *const known[] = {"(source position table)", "(constant pool)",
                                        "(shared function info)",  "(code relocation info)",
                                        "(bytecode offset table)", "(constant elements)",
                                        "(handler table)",         "(context local names)",
                                        "(code deopt data)",       "(deoptimization data)",
                                        "(BASELINE code)",         "(MAGLEV code)",
                                        "(TURBOFAN_JS code)",      "(TURBOFAN code)",
                                        "(BUILTIN code)",          "(BYTECODE_HANDLER code)",
                                        "(REGEXP code)",           "(code)",
                                        "(instruction stream)",    NULL};
    /* JavaScriptCore's and Firefox' own classes for code. */
    bool is_engine = words_consists(text, ":") &&
                     (words_ends(text, "Executable") || words_ends(text, "CodeBlock") ||
                      plim__text_starts(text, "js::", 4));
    if (text.size_bytes == 0 || is_engine || words_is_system(text) || words_is_one_of(text, known))
        return words_keep(text);
    return words_keep_nothing;
}

static plim__redact_cut words_engine(plim_text text)
{
    if (words_is_system(text) || words_is_parenthesised(text) || words_consists(text, ":<>.+ -"))
        return words_keep(text);
    return words_keep_nothing;
}

/* "<div id=\"x\" class=\"y\">", "Detached <li>", "HTMLDivElement", "Document / https://…". */
static plim__redact_cut words_native(plim_text text)
{
    size_t from = plim__text_starts(text, "Detached ", 9) ? 9 : 0;
    plim_text rest = words_from(text, from);
    if (rest.size_bytes > 1 && rest.data[0] == '<') {
        size_t tag = 1;
        while (tag < rest.size_bytes && (words_is_letter(rest.data[tag]) ||
                                         words_is_digit(rest.data[tag]) || rest.data[tag] == '-'))
            tag++;
        if (tag + 1 == rest.size_bytes && rest.data[tag] == '>')
            return words_keep(text);
        bool has_attributes = tag < rest.size_bytes && rest.data[tag] == ' ';
        return (plim__redact_cut){has_attributes ? from + tag + 1 : from + 1, true, false, ">"};
    }
    if (words_is_system(text) || words_is_parenthesised(text) || words_consists(rest, ":<>.#+ -_"))
        return words_keep(text);
    return words_class(text);
}

static plim__redact_cut words_value(plim_text text)
{
    /* What engines call a value that they do not show. */
    static const char *const known[] = {
        "heap number",     "smi number", "number",         "bigint",
        "symbol",          "string",     "regexp",         "RegExp",
        "JSString",        "JS::Symbol", "private symbol", "(concatenated string)",
        "(sliced string)", NULL};
    return text.size_bytes == 0 || words_is_one_of(text, known) ? words_keep(text)
                                                                : words_keep_nothing;
}

static plim__redact_cut words_key(plim_text text)
{
    static const char *const known[] = {"__proto__", "prototype", "constructor", "this", NULL};
    return text.size_bytes == 0 || words_is_one_of(text, known) ? words_keep(text)
                                                                : words_keep_nothing;
}

static plim__redact_cut words_inner(plim_text text)
{
    size_t digits = 0;
    while (digits < text.size_bytes && words_is_digit(text.data[digits]))
        digits++;
    if (digits == text.size_bytes)
        return digits <= WORDS_SLOT_DIGITS ? words_keep(text) : words_keep_nothing;
    char pair[160];
    if (digits > 0 && plim__redact_pair(text, pair, sizeof pair) > 0)
        return (plim__redact_cut){0, true, true, ""};
    if (text.size_bytes <= WORDS_INNER_MAX && words_is_letter(text.data[0]) &&
        words_consists(text, ""))
        return words_keep(text);
    return words_is_parenthesised(text) ? words_keep(text) : words_keep_nothing;
}

plim__redact_cut plim__redact_cut_of(plim__redact_role role, plim_text text)
{
    switch (role) {
    case PLIM__REDACT_CLASS:
        return words_class(text);
    case PLIM__REDACT_CODE:
        return words_code(text);
    case PLIM__REDACT_ENGINE:
        return words_engine(text);
    case PLIM__REDACT_NATIVE:
        return words_native(text);
    case PLIM__REDACT_VALUE:
        return words_value(text);
    case PLIM__REDACT_KEY:
        return words_key(text);
    case PLIM__REDACT_INNER:
        return words_inner(text);
    case PLIM__REDACT_CLOSURE:
    case PLIM__REDACT_ROLES:
        break;
    }
    return text.size_bytes == 0 ? words_keep(text) : words_keep_nothing;
}

/* ---- the edges of a WeakMap ---------------------------------------------------------------- */

/* The digits that end just before `end`, preceded by " @"; their start, or `end`. */
static size_t words_id_before(plim_text text, size_t end)
{
    size_t at = end;
    while (at > 0 && words_is_digit(text.data[at - 1]) && end - at < 20)
        at--;
    return at < end && at > 1 && text.data[at - 1] == '@' ? at : end;
}

/* <n> / part of key (<name> @<id>) -> value (<name> @<id>) pair in WeakMap (table @<id>) */
size_t plim__redact_pair(plim_text text, char *out, size_t cap)
{
    size_t n = 0;
    while (n < text.size_bytes && n < WORDS_SLOT_DIGITS && words_is_digit(text.data[n]))
        n++;
    if (!plim__text_starts(words_from(text, n), " / part of key (", 16) || !words_ends(text, ")"))
        return 0;
    size_t table_end = text.size_bytes - 1;
    size_t table = words_id_before(text, table_end);
    size_t value_end = words_find(text, ") pair in WeakMap (table @");
    size_t key_end = 0;
    for (size_t at = 0; at + 11 < value_end; at++) /* the last one: names may hold anything */
        if (memcmp(text.data + at, ") -> value (", 12) == 0 && words_id_before(text, at) < at)
            key_end = at;
    size_t value = words_id_before(text, value_end);
    size_t key = words_id_before(text, key_end);
    if (table == table_end || value_end == text.size_bytes || value == value_end || key == key_end)
        return 0;
    int len =
        snprintf(out, cap,
                 "%.*s / part of key (redacted @%.*s) -> value (redacted @%.*s) pair in "
                 "WeakMap (table @%.*s)",
                 (int)n, text.data, (int)(key_end - key), text.data + key, (int)(value_end - value),
                 text.data + value, (int)(table_end - table), text.data + table);
    PLIM_CHECK(len > 0);
    return (size_t)len < cap ? (size_t)len : 0;
}
