/* SPDX-License-Identifier: MIT */
/*
 * Property names (rule 8): names that would confuse a reader of `{a, b}` are written as JSON does,
 * with lone surrogates as \uXXXX. Text is WTF-8: a lone surrogate is ED A0..BF xx.
 */
#include "heap/property_name.h"

#include "base/assert.h"

bool plim__bytes_add(plim__bytes *bytes, const char *data, size_t size_bytes)
{
    if (size_bytes > bytes->capacity - bytes->count) {
        size_t wanted;
        if (!plim__add_size(bytes->count, size_bytes, &wanted) || wanted > SIZE_MAX / 2)
            return false;
        wanted = wanted < 256 ? 256 : wanted * 2;
        char *grown = plim__array_resize(bytes->allocator, bytes->data, bytes->capacity, wanted, 1);
        if (grown == NULL)
            return false;
        bytes->data = grown;
        bytes->capacity = wanted;
    }
    if (size_bytes > 0)
        memcpy(bytes->data + bytes->count, data, size_bytes);
    bytes->count += size_bytes;
    return true;
}

void plim__bytes_fini(plim__bytes *bytes)
{
    plim__array_free(bytes->allocator, bytes->data, bytes->capacity, 1);
    bytes->data = NULL;
    bytes->count = 0;
    bytes->capacity = 0;
}

size_t plim__text_units(plim_text text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.size_bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        /* A lead byte is one unit, but four bytes are a pair of surrogates. */
        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units;
}

static bool property_name_needs_quotes(plim_text name)
{
    for (size_t i = 0; i < name.size_bytes; i++) {
        char byte = name.data[i];
        if (byte == ',' || byte == '\'' || byte == '"' || byte == '{' || byte == '}')
            return true;
    }
    return false;
}

static bool property_name_add_escape(plim__bytes *bytes, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\',
                      'u',
                      digits[code >> 12 & 15],
                      digits[code >> 8 & 15],
                      digits[code >> 4 & 15],
                      digits[code & 15]};
    return plim__bytes_add(bytes, escape, sizeof escape);
}

/* One byte of a quoted name that needs no look at its neighbours. */
static bool property_name_add_byte(plim__bytes *bytes, char byte)
{
    static const char short_from[] = "\b\f\n\r\t\"\\";
    static const char short_to[] = "bfnrt\"\\";
    const char *found = byte == '\0' ? NULL : strchr(short_from, byte);
    if (found != NULL) {
        char escape[2] = {'\\', short_to[found - short_from]};
        return plim__bytes_add(bytes, escape, sizeof escape);
    }
    if ((unsigned char)byte < 0x20)
        return property_name_add_escape(bytes, (unsigned char)byte);
    return plim__bytes_add(bytes, &byte, 1);
}

/* The code of a surrogate that starts at text[at], or 0. */
static unsigned property_name_surrogate(plim_text text, size_t at)
{
    if (at + 2 >= text.size_bytes || text.data[at] != '\xed' ||
        (unsigned char)text.data[at + 1] < 0xa0)
        return 0;
    unsigned middle = (unsigned char)text.data[at + 1] & 0x3fu;
    unsigned last = (unsigned char)text.data[at + 2] & 0x3fu;
    return 0xd000u | middle << 6 | last;
}

static bool property_name_add_quoted(plim__bytes *bytes, plim_text name)
{
    if (!plim__bytes_add(bytes, "\"", 1))
        return false;
    for (size_t i = 0; i < name.size_bytes; i++) {
        unsigned surrogate = property_name_surrogate(name, i);
        bool added = surrogate != 0 ? property_name_add_escape(bytes, surrogate)
                                    : property_name_add_byte(bytes, name.data[i]);
        if (!added)
            return false;
        if (surrogate != 0)
            i += 2;
    }
    return plim__bytes_add(bytes, "\"", 1);
}

bool plim__property_name_add(plim__bytes *bytes, plim_text name)
{
    if (property_name_needs_quotes(name))
        return property_name_add_quoted(bytes, name);
    return plim__bytes_add(bytes, name.data, name.size_bytes);
}
