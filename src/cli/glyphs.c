/* SPDX-License-Identifier: MIT */
#include "cli/glyphs.h"

#include <string.h>

#include "cli/terminal.h"

static bool glyph_continues(plim_text text, size_t at)
{
    return at < text.size_bytes && ((unsigned char)text.data[at] & 0xC0u) == 0x80u;
}

/* Length of the sequence that a first byte announces; 0 for bytes that cannot be first. */
static size_t glyph_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

static void glyph_skip(plim_text *text, size_t size_bytes)
{
    text->data += size_bytes;
    text->size_bytes -= size_bytes;
}

/**
 * Decodes one character of UTF-8 and steps over it; what is no character (lone surrogates and
 * overlong forms too) gives PLIM__GLYPH_REPLACEMENT. size_bytes of *text must not be 0.
 */
static uint32_t glyph_take(plim_text *text)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned char first = (unsigned char)text->data[0];
    size_t length = glyph_length(first);
    if (length == 0) {
        glyph_skip(text, 1);
        return PLIM__GLYPH_REPLACEMENT;
    }
    uint32_t value = first & masks[length];
    for (size_t i = 1; i < length; i++) {
        if (!glyph_continues(*text, i)) {
            glyph_skip(text, i);
            return PLIM__GLYPH_REPLACEMENT;
        }
        value = value << 6 | ((unsigned char)text->data[i] & 0x3Fu);
    }
    glyph_skip(text, length);
    bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    return overlong || surrogate || value > 0x10FFFF ? PLIM__GLYPH_REPLACEMENT : value;
}

static void glyph_add(plim__draft *draft, uint32_t value)
{
    char out[4];
    size_t length = 0;
    if (value < 0x80) {
        out[length++] = (char)value;
    } else if (value < 0x800) {
        out[length++] = (char)(0xC0u | value >> 6);
        out[length++] = (char)(0x80u | (value & 0x3Fu));
    } else if (value < 0x10000) {
        out[length++] = (char)(0xE0u | value >> 12);
        out[length++] = (char)(0x80u | (value >> 6 & 0x3Fu));
        out[length++] = (char)(0x80u | (value & 0x3Fu));
    } else {
        out[length++] = (char)(0xF0u | value >> 18);
        out[length++] = (char)(0x80u | (value >> 12 & 0x3Fu));
        out[length++] = (char)(0x80u | (value >> 6 & 0x3Fu));
        out[length++] = (char)(0x80u | (value & 0x3Fu));
    }
    plim__draft_add(draft, out, length);
}

/* Characters that act on a terminal or turn what stands around them. */
static bool glyph_is_unsafe(uint32_t value)
{
    return value < 0x20 || (value >= 0x7F && value <= 0x9F) || value == 0x61C || value == 0xFEFF ||
           (value >= 0x200B && value <= 0x200F) || (value >= 0x2028 && value <= 0x202E) ||
           (value >= 0x2060 && value <= 0x206F) || (value >= 0xFFF9 && value <= 0xFFFB) ||
           (value >= 0xE0000 && value <= 0xE007F);
}

static void glyph_escape(plim__draft *draft, uint32_t value)
{
    switch (value) {
    case '\n':
        plim__draft_puts(draft, "\\n");
        break;
    case '\r':
        plim__draft_puts(draft, "\\r");
        break;
    case '\t':
        plim__draft_puts(draft, "\\t");
        break;
    default:
        plim__draft_printf(draft, value < 0x100 ? "\\x%02x" : "\\u{%x}", value);
    }
}

void plim__glyphs_show(plim__draft *draft, plim_text text)
{
    while (text.size_bytes > 0) {
        uint32_t value = glyph_take(&text);
        if (glyph_is_unsafe(value))
            glyph_escape(draft, value);
        else
            glyph_add(draft, value);
    }
}

void plim__glyphs_json(plim__draft *draft, plim_text text)
{
    while (text.size_bytes > 0) {
        uint32_t value = glyph_take(&text);
        if (value == '"' || value == '\\') {
            plim__draft_printf(draft, "\\%c", (char)value);
        } else if (value == '\n' || value == '\t' || value == '\r') {
            glyph_escape(draft, value);
        } else if (value < 0x20 || (value >= 0x7F && value < 0xA0)) {
            /* From 0x7F on JSON would not ask for it, but it may be shown in a terminal, too. */
            plim__draft_printf(draft, "\\u%04x", value);
        } else {
            glyph_add(draft, value);
        }
    }
}

size_t plim__glyphs_columns(plim_text shown)
{
    size_t columns = 0;
    while (shown.size_bytes > 0)
        columns += plim__terminal_columns_of(glyph_take(&shown));
    return columns;
}

void plim__glyphs_cut(plim__draft *draft, plim_text shown, size_t columns, bool from_start)
{
    size_t total = plim__glyphs_columns(shown);
    if (total <= columns) {
        plim__draft_add(draft, shown.data, shown.size_bytes);
        return;
    }
    if (columns == 0)
        return;
    const char *ellipsis = plim__terminal_is_utf8() ? "\xE2\x80\xA6" : "~";
    if (from_start) {
        plim__draft_puts(draft, ellipsis);
        while (total > columns - 1)
            total -= plim__terminal_columns_of(glyph_take(&shown));
        plim__draft_add(draft, shown.data, shown.size_bytes);
        return;
    }
    plim_text rest = shown;
    size_t used = 0;
    while (rest.size_bytes > 0) {
        plim_text next = rest;
        used += plim__terminal_columns_of(glyph_take(&next));
        if (used > columns - 1)
            break;
        rest = next;
    }
    plim__draft_add(draft, shown.data, shown.size_bytes - rest.size_bytes);
    plim__draft_puts(draft, ellipsis);
}
