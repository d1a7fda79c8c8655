/* SPDX-License-Identifier: MIT */
/*
 * Colours of a line while it is typed: words, numbers, strings and comments, told apart by their
 * letters alone. It is no parser and needs none: a wrong colour is the worst it can do, and it
 * costs a pass over one line per key. What an entry is, clang decides.
 */
#include <ctype.h>
#include <string.h>

#include "cli/lineedit.h"

static bool paint_is_word(char character)
{
    return isalnum((unsigned char)character) || character == '_';
}

static bool paint_is_keyword(const char *word, size_t bytes)
{
    static const char words[] =
        " auto break case char const constexpr continue default do double else enum extern false "
        "float for goto if inline int long nullptr register restrict return short signed sizeof "
        "static static_assert struct switch true typedef typeof union unsigned void volatile while "
        "_Alignas _Alignof _Atomic _Bool _Complex _Generic _Noreturn _Static_assert _Thread_local "
        "bool NULL size_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t ";
    for (const char *at = words; (at = strchr(at, ' ')) != NULL && at[1] != '\0'; at++) {
        if (strncmp(at + 1, word, bytes) == 0 && at[1 + bytes] == ' ')
            return true;
    }
    return false;
}

/* Bytes of a string or character constant, its quotes included. */
static size_t paint_quoted(const char *text, size_t bytes)
{
    size_t at = 1;
    while (at < bytes && text[at] != text[0])
        at += text[at] == '\\' && at + 1 < bytes ? 2 : 1;
    return at < bytes ? at + 1 : bytes;
}

static size_t paint_comment(const char *text, size_t bytes)
{
    if (text[1] == '/')
        return bytes;
    for (size_t at = 2; at + 1 < bytes; at++) {
        if (text[at] == '*' && text[at + 1] == '/')
            return at + 2;
    }
    return bytes;
}

static size_t paint_token(const char *text, size_t bytes, plim__style *out_style)
{
    size_t length = 1;
    *out_style = PLIM__STYLE_NONE;
    if (text[0] == '"' || text[0] == '\'') {
        *out_style = PLIM__STYLE_GOOD;
        return paint_quoted(text, bytes);
    }
    if (bytes > 1 && text[0] == '/' && (text[1] == '/' || text[1] == '*')) {
        *out_style = PLIM__STYLE_DIM;
        return paint_comment(text, bytes);
    }
    if (!paint_is_word(text[0]) && text[0] != '#')
        return 1;
    while (length < bytes && (paint_is_word(text[length]) ||
                              (isdigit((unsigned char)text[0]) && text[length] == '.')))
        length++;
    if (text[0] == '#')
        *out_style = PLIM__STYLE_HEAD;
    else if (isdigit((unsigned char)text[0]))
        *out_style = PLIM__STYLE_NAME;
    else if (paint_is_keyword(text, length))
        *out_style = PLIM__STYLE_HEAD;
    return length;
}

void plim__repl_paint(const char *line, size_t bytes, unsigned char *out_styles)
{
    for (size_t at = 0; at < bytes;) {
        plim__style style;
        size_t length = paint_token(line + at, bytes - at, &style);
        memset(out_styles + at, (int)style, length);
        at += length;
    }
}
