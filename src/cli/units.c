/* SPDX-License-Identifier: MIT */
/*
 * Units. Input is scanned by hand, not by strtod(3): the decimal point must not depend on the
 * locale, and "0x10", "inf" or "-1" are no sizes.
 */
#include "cli/units.h"

#include <stdio.h>
#include <string.h>

void plim__units_count(char out[PLIM__UNITS_BYTES], uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void plim__units_bytes(char out[PLIM__UNITS_BYTES], uint64_t bytes, bool exact)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (exact) {
        plim__units_count(out, bytes);
        return;
    }
    if (bytes < 1024) {
        (void)snprintf(out, PLIM__UNITS_BYTES, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024.0;
        unit++;
    }
    (void)snprintf(out, PLIM__UNITS_BYTES, "%.1f %s", value, units[unit]);
}

static uint64_t units_magnitude(int64_t value)
{
    return value < 0 ? (uint64_t)(-(value + 1)) + 1 : (uint64_t)value;
}

/* Puts the sign before what is written at out + 1. */
static void units_sign(char out[PLIM__UNITS_BYTES], int64_t value)
{
    if (value == 0)
        memmove(out, out + 1, strlen(out + 1) + 1);
    else
        out[0] = value < 0 ? '-' : '+';
}

void plim__units_change(char out[PLIM__UNITS_BYTES], int64_t bytes, bool exact)
{
    char text[PLIM__UNITS_BYTES];
    plim__units_bytes(text, units_magnitude(bytes), exact);
    (void)snprintf(out + 1, PLIM__UNITS_BYTES - 1, "%.38s", text);
    units_sign(out, bytes);
}

void plim__units_count_change(char out[PLIM__UNITS_BYTES], int64_t count)
{
    char text[PLIM__UNITS_BYTES];
    plim__units_count(text, units_magnitude(count));
    (void)snprintf(out + 1, PLIM__UNITS_BYTES - 1, "%.38s", text);
    units_sign(out, count);
}

void plim__units_time(char out[PLIM__UNITS_BYTES], uint64_t time_ns)
{
    double ns = (double)time_ns;
    if (time_ns < 1000)
        (void)snprintf(out, PLIM__UNITS_BYTES, "%u ns", (unsigned)time_ns);
    else if (ns < 999950.0)
        (void)snprintf(out, PLIM__UNITS_BYTES, "%.1f us", ns / 1e3);
    else if (ns < 999.95e6)
        (void)snprintf(out, PLIM__UNITS_BYTES, "%.1f ms", ns / 1e6);
    else if (ns < 99.95e9)
        (void)snprintf(out, PLIM__UNITS_BYTES, "%.1f s", ns / 1e9);
    else
        (void)snprintf(out, PLIM__UNITS_BYTES, "%llu min %llu s",
                       (unsigned long long)(time_ns / 60000000000u),
                       (unsigned long long)(time_ns / 1000000000u % 60));
}

/* A decimal number with at most 9 places: value = whole + billionths / 1e9. */
typedef struct units_number {
    uint64_t whole;
    uint64_t billionths;
    const char *rest; /* what follows it, blanks skipped */
} units_number;

static bool units_scan(const char *text, units_number *out)
{
    *out = (units_number){0};
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (out->whole > (UINT64_MAX - digit) / 10)
            return false;
        out->whole = out->whole * 10 + digit;
    }
    if (at == text)
        return false;
    if (*at == '.') {
        const char *first = ++at;
        uint64_t place = 100000000;
        for (; *at >= '0' && *at <= '9'; at++, place /= 10)
            out->billionths += (uint64_t)(*at - '0') * place;
        if (at == first)
            return false;
    }
    while (*at == ' ')
        at++;
    out->rest = at;
    return true;
}

static bool units_scale(const units_number *number, uint64_t scale, uint64_t *out)
{
    if (number->whole > UINT64_MAX / scale)
        return false;
    uint64_t whole = number->whole * scale;
    uint64_t part = (uint64_t)((double)number->billionths / 1e9 * (double)scale + 0.5);
    if (whole > UINT64_MAX - part)
        return false;
    *out = whole + part;
    return true;
}

static bool units_same(const char *text, const char *word)
{
    for (; *text != '\0' && *word != '\0'; text++, word++) {
        char letter = *text;
        if (letter >= 'A' && letter <= 'Z')
            letter = (char)(letter - 'A' + 'a');
        if (letter != *word)
            return false;
    }
    return *text == *word;
}

bool plim__units_parse_bytes(const char *text, uint64_t *out_bytes)
{
    static const char letters[] = "bkmgtp";
    units_number number;
    if (!units_scan(text, &number))
        return false;
    if (number.rest[0] == '\0' || units_same(number.rest, "b"))
        return number.billionths == 0 && units_scale(&number, 1, out_bytes);
    uint64_t scale = 1;
    for (size_t i = 1; letters[i] != '\0'; i++) {
        scale *= 1024;
        const char short_form[] = {letters[i], '\0'};
        const char middle_form[] = {letters[i], 'b', '\0'};
        const char long_form[] = {letters[i], 'i', 'b', '\0'};
        if (units_same(number.rest, short_form) || units_same(number.rest, middle_form) ||
            units_same(number.rest, long_form))
            return units_scale(&number, scale, out_bytes);
    }
    return false;
}

bool plim__units_parse_time(const char *text, uint64_t *out_ns)
{
    static const struct {
        const char *name;
        uint64_t scale_ns;
    } units[] = {{"", 1000000000u},     {"s", 1000000000u},   {"ms", 1000000u},
                 {"us", 1000u},         {"ns", 1u},           {"m", 60000000000u},
                 {"min", 60000000000u}, {"h", 3600000000000u}};
    units_number number;
    if (!units_scan(text, &number))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units_same(number.rest, units[i].name))
            return units_scale(&number, units[i].scale_ns, out_ns);
    }
    return false;
}

bool plim__units_parse_count(const char *text, uint64_t *out_count)
{
    units_number number;
    if (!units_scan(text, &number) || number.rest[0] != '\0' || strchr(text, '.') != NULL)
        return false;
    *out_count = number.whole;
    return true;
}
