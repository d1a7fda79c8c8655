/* SPDX-License-Identifier: MIT */
/*
 * Numbers as a person wants to read them. Integers are decimal; an unsigned one that stands alone
 * and is large has its hexadecimal digits beside it. A floating number has the fewest digits that
 * are read back as the same number, and never looks like an integer. A plain char is shown as
 * a character with its code; signed and unsigned char are small numbers.
 */
#include "repl/values/scalar.h"

#include <dwarf.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCALAR_HEX_FROM = 65536,
    SCALAR_NAMES_MAX = 4096, /* enumerators looked at */
    SCALAR_FLAGS_MAX = 32    /* that one value may consist of */
};

static uint64_t scalar_low(const unsigned char *bytes, uint64_t count)
{
    uint64_t value = 0;
    memcpy(&value, bytes, count < 8 ? (size_t)count : 8); /* little-endian machines, both */
    return value;
}

static uint64_t scalar_cut(uint64_t value, uint64_t bits)
{
    return bits >= 64 ? value : value & ((UINT64_C(1) << bits) - 1);
}

static int64_t scalar_extend(uint64_t value, uint64_t bits)
{
    if (bits < 64 && bits > 0 && (value >> (bits - 1) & 1) != 0)
        value |= ~((UINT64_C(1) << bits) - 1);
    return (int64_t)value;
}

/* --- integers -------------------------------------------------------------------------------- */

/* 128 bits in decimal, by long division of four 32-bit digits. */
static void scalar_add_wide(plim__text *out, const unsigned char bytes[16], bool is_signed)
{
    uint32_t digits[4];
    char text[48];
    size_t at = sizeof text - 1;
    memcpy(digits, bytes, sizeof digits);
    bool negative = is_signed && (digits[3] >> 31) != 0;
    if (negative) {
        uint64_t carry = 1;
        for (uint32_t i = 0; i < 4; i++) {
            carry += (uint32_t)~digits[i];
            digits[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    text[at] = '\0';
    do {
        uint64_t rest = 0;
        for (uint32_t i = 4; i-- > 0;) {
            rest = rest << 32 | digits[i];
            digits[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        text[--at] = (char)('0' + rest);
    } while ((digits[0] | digits[1] | digits[2] | digits[3]) != 0 && at > 1);
    plim__text_format(out, "%s%s", negative ? "-" : "", text + at);
}

static void scalar_add_bytes(plim__text *out, const unsigned char *bytes, uint64_t count)
{
    plim__text_format(out, "0x");
    for (uint64_t i = count < PLIM__SCALAR_BYTES_MAX ? count : PLIM__SCALAR_BYTES_MAX; i-- > 0;)
        plim__text_format(out, "%02x", (unsigned)bytes[i]);
}

static void scalar_add_integer(plim__text *out, const plim__resolved *type,
                               const unsigned char *bytes, uint32_t bits, bool is_alone)
{
    bool is_signed = type->kind == PLIM__TYPE_SIGNED;
    uint64_t width = bits != 0 ? bits : type->bytes * 8;
    if (type->bytes == 16 && bits == 0) {
        scalar_add_wide(out, bytes, is_signed);
        return;
    }
    if (type->bytes > 8) {
        scalar_add_bytes(out, bytes, type->bytes);
        return;
    }
    uint64_t value = scalar_cut(scalar_low(bytes, bits != 0 ? 8 : type->bytes), width);
    if (is_signed)
        plim__text_format(out, "%lld", (long long)scalar_extend(value, width));
    else
        plim__text_format(out, "%llu", (unsigned long long)value);
    if (!is_signed && is_alone && value >= SCALAR_HEX_FROM)
        plim__text_format(out, " (0x%llx)", (unsigned long long)value);
}

/* --- characters ------------------------------------------------------------------------------ */

/* One byte or character below 128 as C writes it. */
static void scalar_add_escaped(plim__text *out, uint32_t character, char quote, bool digit_follows)
{
    static const char letters[] = "abtnvfr";
    if (character >= 7 && character <= 13)
        plim__text_format(out, "\\%c", letters[character - 7]);
    else if (character == 0)
        plim__text_format(out, digit_follows ? "\\000" : "\\0");
    else if (character == (unsigned char)quote || character == '\\')
        plim__text_format(out, "\\%c", (int)character);
    else if (character < 0x20 || character >= 0x7f)
        plim__text_format(out, "\\%u%u%u", (unsigned)(character >> 6 & 3),
                          (unsigned)(character >> 3 & 7), (unsigned)(character & 7));
    else
        plim__text_format(out, "%c", (int)character);
}

/* Bytes of the UTF-8 character at `bytes` that a terminal may be shown; 0: none. */
static size_t scalar_utf8(const unsigned char *bytes, size_t count, uint32_t *out_character)
{
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || count < length)
        return 0;
    uint32_t character = bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *out_character = character;
    return character < least[length] || character > 0x10ffff ||
                   (character >= 0xd800 && character < 0xe000)
               ? 0
               : length;
}

/* Controls, and marks that turn the direction of writing. */
static bool scalar_is_shown(uint32_t character)
{
    return !(character < 0xa0 || character == 0x200e || character == 0x200f ||
             (character >= 0x2028 && character <= 0x202e) ||
             (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
             (character >= 0xfff0 && character <= 0xffff) || character >= 0xe0000);
}

static bool scalar_is_octal(unsigned char byte)
{
    return byte >= '0' && byte <= '7';
}

static const char *scalar_cut_mark(bool ascii)
{
    return ascii ? "..." : "\xe2\x80\xa6";
}

void plim__string_add(plim__text *out, const unsigned char *bytes, size_t count, bool is_whole,
                      bool ascii)
{
    plim__text_format(out, "\"");
    for (size_t i = 0; i < count;) {
        uint32_t character = 0;
        size_t length =
            bytes[i] >= 0x80 && !ascii ? scalar_utf8(bytes + i, count - i, &character) : 0;
        if (length != 0 && scalar_is_shown(character)) {
            plim__text_add(out, (const char *)bytes + i, length);
            i += length;
            continue;
        }
        scalar_add_escaped(out, bytes[i], '"', i + 1 < count && scalar_is_octal(bytes[i + 1]));
        i++;
    }
    plim__text_format(out, "\"%s", is_whole ? "" : scalar_cut_mark(ascii));
}

static void scalar_add_wide_character(plim__text *out, uint32_t character, char quote, bool ascii)
{
    char utf8[4];
    if (character < 0x80) {
        scalar_add_escaped(out, character, quote, true);
        return;
    }
    if (ascii || !scalar_is_shown(character) || (character >= 0xd800 && character < 0xe000)) {
        plim__text_format(out, character > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)character);
        return;
    }
    size_t length = character >= 0x10000 ? 4 : character >= 0x800 ? 3 : 2;
    for (size_t i = length; i-- > 1; character >>= 6)
        utf8[i] = (char)(0x80 | (character & 0x3f));
    utf8[0] = (char)((0xf00u >> length & 0xff) | character);
    plim__text_add(out, utf8, length);
}

void plim__wide_add(plim__text *out, const unsigned char *bytes, size_t count, size_t each,
                    bool is_whole, bool ascii)
{
    plim__text_format(out, each == 2 ? "u\"" : "L\"");
    for (size_t i = 0; i < count; i++) {
        uint32_t character = (uint32_t)scalar_low(bytes + i * each, each);
        if (each == 2 && character >= 0xd800 && character < 0xdc00 && i + 1 < count) {
            uint32_t low = (uint32_t)scalar_low(bytes + (i + 1) * each, each);
            if (low >= 0xdc00 && low < 0xe000) {
                character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
                i++;
            }
        }
        scalar_add_wide_character(out, character, '"', ascii);
    }
    plim__text_format(out, "\"%s", is_whole ? "" : scalar_cut_mark(ascii));
}

static void scalar_add_char(plim__text *out, const unsigned char *bytes, bool is_alone)
{
    plim__text_format(out, "'");
    scalar_add_escaped(out, bytes[0], '\'', false);
    plim__text_format(out, "'");
    if (is_alone)
        plim__text_format(out, " (%d)", (int)(signed char)bytes[0]);
}

/* --- floating numbers ------------------------------------------------------------------------ */

static void scalar_finish_real(plim__text *out, const char *text)
{
    plim__text_add(out, text, strlen(text));
    if (strspn(text, "-0123456789") == strlen(text))
        plim__text_add(out, ".0", 2);
}

static void scalar_add_float(plim__text *out, float value)
{
    char text[64];
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
        float back = strtof(text, NULL);
        if (memcmp(&back, &value, sizeof back) == 0)
            break;
    }
    scalar_finish_real(out, text);
}

static void scalar_add_double(plim__text *out, double value)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (memcmp(&back, &value, sizeof back) == 0)
            break;
    }
    scalar_finish_real(out, text);
}

#if LDBL_MANT_DIG == 64
static void scalar_add_extended(plim__text *out, const unsigned char *bytes)
{
    char text[96];
    long double value = 0;
    long double back = 0;
    memcpy(&value, bytes, 10);
    for (int digits = 18; digits <= 21; digits++) {
        (void)snprintf(text, sizeof text, "%.*Lg", digits, value);
        back = strtold(text, NULL);
        if (memcmp(&back, &value, 10) == 0)
            break;
    }
    scalar_finish_real(out, text);
}
#endif

/* _Float16: 5 bits of exponent, 10 of fraction; __bf16 is the upper half of a float. */
static float scalar_half(uint32_t bits, bool is_brain)
{
    float value;
    if (is_brain) {
        uint32_t wide = bits << 16;
        memcpy(&value, &wide, sizeof value);
        return value;
    }
    int exponent = (int)(bits >> 10 & 0x1f);
    float fraction = (float)(bits & 0x3ff);
    if (exponent == 31)
        value = (bits & 0x3ff) != 0 ? NAN : INFINITY;
    else if (exponent == 0)
        value = ldexpf(fraction, -24);
    else
        value = ldexpf(fraction + 1024.0F, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

static void scalar_add_real(plim__text *out, const char *name, const unsigned char *bytes,
                            uint64_t count)
{
    float single;
    double value;
    switch (count) {
    case 2:
        scalar_add_float(out,
                         scalar_half((uint32_t)scalar_low(bytes, 2), strstr(name, "bf16") != NULL));
        return;
    case 4:
        memcpy(&single, bytes, sizeof single);
        scalar_add_float(out, single);
        return;
    case 8:
        memcpy(&value, bytes, sizeof value);
        scalar_add_double(out, value);
        return;
    default:
        break;
    }
#if LDBL_MANT_DIG == 64
    if (count == 16 && strcmp(name, "long double") == 0) {
        scalar_add_extended(out, bytes);
        return;
    }
#endif
    scalar_add_bytes(out, bytes, count);
}

static void scalar_add_complex(plim__text *out, const char *name, const unsigned char *bytes,
                               uint64_t count)
{
    char text[128];
    plim__text imaginary;
    const char *plain = strstr(name, "128") == NULL ? "long double" : "";
    plim__text_init(&imaginary, text, sizeof text);
    scalar_add_real(out, plain, bytes, count / 2);
    scalar_add_real(&imaginary, plain, bytes + count / 2, count / 2);
    plim__text_format(out, " %c %si", text[0] == '-' ? '-' : '+', text[0] == '-' ? text + 1 : text);
}

/* --- enumerations ---------------------------------------------------------------------------- */

static bool scalar_next_name(Dwarf_Die *type, Dwarf_Die *child, bool *started, uint64_t bits,
                             uint64_t *out_value)
{
    Dwarf_Attribute attribute;
    Dwarf_Sword value = 0;
    Dwarf_Word word = 0;
    if (!plim__die_child(type, DW_TAG_enumerator, 0, child, started))
        return false;
    if (dwarf_attr(child, DW_AT_const_value, &attribute) != NULL) {
        if (dwarf_formsdata(&attribute, &value) == 0)
            word = (Dwarf_Word)value;
        else
            (void)dwarf_formudata(&attribute, &word);
    }
    *out_value = scalar_cut(word, bits);
    return true;
}

/* "READ | WRITE", where every name is one bit; false if that leaves a rest. */
static bool scalar_add_flags(plim__text *out, Dwarf_Die *type, uint64_t bits, uint64_t value)
{
    Dwarf_Die child;
    bool started = false;
    uint64_t each;
    char name[PLIM__DIE_NAME_BYTES];
    uint32_t found = 0;
    size_t before = out->length;
    for (uint32_t i = 0; i < SCALAR_NAMES_MAX && value != 0 && found < SCALAR_FLAGS_MAX &&
                         scalar_next_name(type, &child, &started, bits, &each);
         i++) {
        if (each == 0 || (each & (each - 1)) != 0 || (value & each) == 0)
            continue;
        plim__text_format(out, "%s%s", found++ > 0 ? " | " : "", plim__die_name(&child, name));
        value &= ~each;
    }
    if (value == 0 && found > 0)
        return true;
    out->length = before;
    out->out[before] = '\0';
    return false;
}

static void scalar_add_enum(plim__text *out, plim__resolved *type, const unsigned char *bytes,
                            uint32_t bit_count, bool is_alone)
{
    uint64_t bits = bit_count != 0 ? bit_count : type->bytes * 8;
    uint64_t value = scalar_cut(scalar_low(bytes, bit_count != 0 ? 8 : type->bytes), bits);
    Dwarf_Die child;
    bool started = false;
    uint64_t each;
    char name[PLIM__DIE_NAME_BYTES];
    for (uint32_t i = 0;
         i < SCALAR_NAMES_MAX && scalar_next_name(&type->die, &child, &started, bits, &each); i++) {
        if (each != value)
            continue;
        plim__text_format(out, "%s", plim__die_name(&child, name));
        if (is_alone)
            plim__text_format(out, " (%lld)", (long long)scalar_extend(value, bits));
        return;
    }
    if (scalar_add_flags(out, &type->die, bits, value)) {
        if (is_alone)
            plim__text_format(out, " (%llu)", (unsigned long long)value);
        return;
    }
    plim__text_format(out, "%lld", (long long)scalar_extend(value, bits));
    if (is_alone)
        plim__text_format(out, " (no name of enum %s)", plim__die_name(&type->die, name));
}

/* --- all ------------------------------------------------------------------------------------- */

static void scalar_add_bool(plim__text *out, const unsigned char *bytes, uint64_t count)
{
    uint64_t value = scalar_low(bytes, count);
    if (value > 1)
        plim__text_format(out, "true (its byte is %llu)", (unsigned long long)value);
    else
        plim__text_format(out, value != 0 ? "true" : "false");
}

void plim__scalar_add(plim__text *out, plim__resolved *type, const unsigned char *bytes,
                      uint32_t bits, bool is_alone)
{
    char name[PLIM__DIE_NAME_BYTES] = "";
    if (type->kind == PLIM__TYPE_FLOAT || type->kind == PLIM__TYPE_COMPLEX)
        plim__die_name(&type->die, name);
    switch (type->kind) {
    case PLIM__TYPE_SIGNED:
    case PLIM__TYPE_UNSIGNED:
        scalar_add_integer(out, type, bytes, bits, is_alone);
        return;
    case PLIM__TYPE_CHAR:
        scalar_add_char(out, bytes, is_alone);
        return;
    case PLIM__TYPE_UTF:
        plim__text_format(out, type->bytes == 2 ? "u'" : type->bytes == 1 ? "u8'" : "U'");
        scalar_add_wide_character(out, (uint32_t)scalar_low(bytes, type->bytes), '\'', false);
        plim__text_format(out, "'");
        return;
    case PLIM__TYPE_BOOL:
        scalar_add_bool(out, bytes, bits != 0 ? 1 : type->bytes);
        return;
    case PLIM__TYPE_FLOAT:
        scalar_add_real(out, name, bytes, type->bytes);
        return;
    case PLIM__TYPE_COMPLEX:
        scalar_add_complex(out, name, bytes, type->bytes);
        return;
    case PLIM__TYPE_ENUM:
        scalar_add_enum(out, type, bytes, bits, is_alone);
        return;
    case PLIM__TYPE_VOID:
    case PLIM__TYPE_POINTER:
    case PLIM__TYPE_ARRAY:
    case PLIM__TYPE_STRUCT:
    case PLIM__TYPE_UNION:
    case PLIM__TYPE_FUNCTION:
    case PLIM__TYPE_UNKNOWN:
        break;
    }
    scalar_add_bytes(out, bytes, type->bytes);
}
