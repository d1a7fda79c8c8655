/* SPDX-License-Identifier: MIT */
/*
 * Text: what vsnprintf does, as far as we need it, with nothing behind it: a device has no stdio,
 * and one formatter for all builds means one to test (against vsnprintf, on random arguments).
 * Invariants: T1 length < cap and out[length] is NUL after each call. T2 once cut, nothing is
 * added any more, so "..." stays at the end.
 */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"

enum {
    TEXT_DIGITS_MAX = 20, /* UINT64_MAX in decimal */
    TEXT_DOTS_BYTES = 3
};

/* One conversion, read: "%-08.3llu" and the like. */
typedef struct text_spec {
    bool is_left;
    bool is_zero_padded;
    size_t width;
    size_t precision; /* SIZE_MAX: none */
    char length;      /* 0, 'H' (hh), 'h', 'l', 'L' (ll, j), 'z' (z, t) */
    char conversion;
} text_spec;

void plim__text_init(plim__text *text, char *out, size_t cap)
{
    PLIM_CHECK(cap > 0);
    out[0] = '\0';
    *text = (plim__text){.out = out, .cap = cap};
}

/* Ends the text in "...", or a little before its end: not in the middle of a character. */
static void text_cut(plim__text *text)
{
    text->is_cut = true;
    if (text->cap <= TEXT_DOTS_BYTES)
        return;
    size_t at = text->cap - 1 - TEXT_DOTS_BYTES;
    for (size_t back = 0; back < 3 && at > 0 && ((unsigned char)text->out[at] & 0xc0) == 0x80;
         back++)
        at--;
    memcpy(text->out + at, "...", TEXT_DOTS_BYTES + 1);
    text->length = at + TEXT_DOTS_BYTES;
}

void plim__text_add(plim__text *text, const char *bytes, size_t length)
{
    if (text->is_cut)
        return;
    size_t room = text->cap - 1 - text->length;
    size_t fits = length < room ? length : room;
    memcpy(text->out + text->length, bytes, fits);
    text->length += fits;
    text->out[text->length] = '\0';
    if (fits < length)
        text_cut(text);
}

static void text_pad(plim__text *text, char with, size_t count)
{
    /* A width beyond the storage would only be cut: no more turns than that. */
    for (size_t i = 0; i < count && !text->is_cut; i++)
        plim__text_add(text, &with, 1);
}

/* `head` (a sign, "0x") stands before zeros and after blanks. */
static void text_field(plim__text *text, const text_spec *spec, const char *head,
                       size_t head_length, const char *body, size_t body_length)
{
    size_t length = head_length + body_length;
    size_t pad = spec->width > length ? spec->width - length : 0;
    bool is_zero_padded = spec->is_zero_padded && !spec->is_left;
    if (!spec->is_left && !is_zero_padded)
        text_pad(text, ' ', pad);
    plim__text_add(text, head, head_length);
    if (is_zero_padded)
        text_pad(text, '0', pad);
    plim__text_add(text, body, body_length);
    if (spec->is_left)
        text_pad(text, ' ', pad);
}

static void text_number(plim__text *text, const text_spec *spec, const char *head, uint64_t value)
{
    const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    bool is_decimal = spec->conversion == 'd' || spec->conversion == 'u';
    unsigned base = is_decimal ? 10 : 16;
    char reversed[TEXT_DIGITS_MAX];
    size_t at = sizeof reversed;
    do {
        reversed[--at] = digits[value % base];
        value /= base;
    } while (value > 0);
    text_field(text, spec, head, plim__text_length(head, 2), reversed + at, sizeof reversed - at);
}

static size_t text_read_number(const char **at)
{
    size_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (number < SIZE_MAX / 10 - 1)
            number = number * 10 + (size_t)(**at - '0');
    return number;
}

static char text_read_length(const char **at)
{
    char length = **at;
    switch (length) {
    case 'h':
    case 'l':
        (*at)++;
        if (**at != length)
            return length;
        (*at)++;
        return length == 'h' ? 'H' : 'L';
    case 'j':
        (*at)++;
        return 'L';
    case 'z':
    case 't':
        (*at)++;
        return 'z';
    default:
        return 0;
    }
}

/* A va_list that can be handed to another function and goes on afterwards. */
typedef struct text_arguments {
    va_list list;
} text_arguments;

/* Reads what follows a '%'; returns what comes after the conversion. */
static const char *text_read(const char *at, text_arguments *arguments, text_spec *spec)
{
    *spec = (text_spec){.precision = SIZE_MAX};
    for (; *at == '-' || *at == '0'; at++)
        *(*at == '-' ? &spec->is_left : &spec->is_zero_padded) = true;
    if (*at == '*') {
        at++;
        int width = va_arg(arguments->list, int);
        spec->is_left = spec->is_left || width < 0;
        spec->width = width < 0 ? 0u - (size_t)width : (size_t)width;
    } else {
        spec->width = text_read_number(&at);
    }
    if (*at == '.') {
        at++;
        if (*at == '*') {
            at++;
            int precision = va_arg(arguments->list, int);
            spec->precision = precision < 0 ? SIZE_MAX : (size_t)precision;
        } else {
            spec->precision = text_read_number(&at);
        }
    }
    spec->length = text_read_length(&at);
    spec->conversion = *at == 'i' ? 'd' : *at;
    return *at == '\0' ? at : at + 1;
}

static uint64_t text_unsigned(char length, text_arguments *arguments)
{
    switch (length) {
    case 'H':
        return (unsigned char)va_arg(arguments->list, unsigned);
    case 'h':
        return (unsigned short)va_arg(arguments->list, unsigned);
    case 'l':
        return va_arg(arguments->list, unsigned long);
    case 'L':
        return va_arg(arguments->list, unsigned long long);
    case 'z':
        return va_arg(arguments->list, size_t);
    default:
        return va_arg(arguments->list, unsigned);
    }
}

static int64_t text_signed(char length, text_arguments *arguments)
{
    switch (length) {
    case 'H':
        return (signed char)va_arg(arguments->list, int);
    case 'h':
        return (short)va_arg(arguments->list, int);
    case 'l':
        return va_arg(arguments->list, long);
    case 'L':
        return va_arg(arguments->list, long long);
    case 'z':
        return va_arg(arguments->list, ptrdiff_t);
    default:
        return va_arg(arguments->list, int);
    }
}

static void text_string(plim__text *text, const text_spec *spec, const char *string)
{
    if (string == NULL)
        string = "(null)";
    /* What does not fit is not looked at further than it takes to know that. */
    size_t most = text->cap;
    if (spec->precision < most)
        most = spec->precision;
    text_field(text, spec, "", 0, string, plim__text_length(string, most));
}

/* False for a conversion that is none of ours. */
static bool text_convert(plim__text *text, text_spec *spec, text_arguments *arguments)
{
    switch (spec->conversion) {
    case 'd': {
        int64_t value = text_signed(spec->length, arguments);
        uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        text_number(text, spec, value < 0 ? "-" : "", size);
        return true;
    }
    case 'u':
    case 'x':
    case 'X':
        text_number(text, spec, "", text_unsigned(spec->length, arguments));
        return true;
    case 'p':
        text_number(text, spec, "0x", (uintptr_t)va_arg(arguments->list, void *));
        return true;
    case 'c': {
        char byte = (char)va_arg(arguments->list, int);
        text_field(text, spec, "", 0, &byte, 1);
        return true;
    }
    case 's':
        text_string(text, spec, va_arg(arguments->list, const char *));
        return true;
    case '%':
        plim__text_add(text, "%", 1);
        return true;
    default:
        return false;
    }
}

void plim__text_vformat(plim__text *text, const char *format, va_list list)
{
    text_arguments arguments;
    va_copy(arguments.list, list);
    const char *at = format;
    while (*at != '\0' && !text->is_cut) {
        const char *plain = at;
        while (*at != '\0' && *at != '%')
            at++;
        plim__text_add(text, plain, (size_t)(at - plain));
        if (*at == '\0')
            break;
        const char *conversion = at;
        text_spec spec;
        at = text_read(at + 1, &arguments, &spec);
        if (!text_convert(text, &spec, &arguments)) {
            /* Its argument is of unknown size: what follows can only be shown as it stands. */
            plim__text_add(text, conversion, plim__text_length(conversion, text->cap));
            break;
        }
    }
    va_end(arguments.list);
}

void plim__text_format(plim__text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(text, format, arguments);
    va_end(arguments);
}

size_t plim__text_length(const char *string, size_t max)
{
    size_t length = 0;
    while (length < max && string[length] != '\0')
        length++;
    return length;
}

bool plim__strings_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
