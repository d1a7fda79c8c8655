/* SPDX-License-Identifier: MIT */
/*
 * Figures are read in whole numbers throughout: "1.5G" is 15 tenths, scaled, so that no rounding
 * of floating point decides whether budgets add up.
 */
#include "config/figure.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

enum { FIGURE_FRACTION_DIGITS = 9, FIGURE_WORD_MAX = 40, FIGURE_FAR = 99 };

static bool figure_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char figure_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool plim__config_same(const char *left, const char *right)
{
    while (*left != '\0' && figure_lower(*left) == figure_lower(*right)) {
        left++;
        right++;
    }
    return figure_lower(*left) == figure_lower(*right);
}

/* whole and billionths of the number that *text begins with; moves *text past it and blanks. */
static plim__config_found figure_scan(const char **text, uint64_t *out_whole,
                                      uint64_t *out_billionths)
{
    const char *at = *text;
    uint64_t whole = 0;
    bool too_large = false;
    if (*at < '0' || *at > '9')
        return PLIM__CONFIG_FOUND_NOTHING;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (whole > (UINT64_MAX - digit) / 10)
            too_large = true;
        else
            whole = whole * 10 + digit;
    }
    uint64_t billionths = 0;
    if (*at == '.') {
        at++;
        if (*at < '0' || *at > '9')
            return PLIM__CONFIG_FOUND_NOTHING;
        unsigned digits = 0;
        for (; *at >= '0' && *at <= '9'; at++) {
            if (digits++ < FIGURE_FRACTION_DIGITS)
                billionths = billionths * 10 + (uint64_t)(*at - '0');
        }
        for (; digits < FIGURE_FRACTION_DIGITS; digits++)
            billionths *= 10;
    }
    while (figure_is_blank(*at))
        at++;
    *text = at;
    *out_whole = whole;
    *out_billionths = billionths;
    return too_large ? PLIM__CONFIG_FOUND_TOO_LARGE : PLIM__CONFIG_FOUND_BYTES;
}

/* whole.billionths times scale, rounded down; false where it does not fit. */
static bool figure_scale(uint64_t whole, uint64_t billionths, uint64_t scale, uint64_t *out)
{
    if (whole > UINT64_MAX / scale)
        return false;
    /* scale is at most 2^50: in two steps the product with a fraction below 1 stays in 64 bits. */
    const uint64_t one = 1000000000u;
    uint64_t high = scale / one * billionths;
    uint64_t low = scale % one * billionths / one;
    uint64_t base = whole * scale;
    if (high + low > UINT64_MAX - base)
        return false;
    *out = base + high + low;
    return true;
}

static bool figure_unit(const char *unit, uint64_t *out_scale)
{
    static const char letters[] = "kmgtp";
    uint64_t scale = 1;
    if (unit[0] == '\0' || plim__config_same(unit, "b") || plim__config_same(unit, "bytes")) {
        *out_scale = scale;
        return true;
    }
    for (size_t i = 0; letters[i] != '\0'; i++) {
        scale *= 1024;
        const char forms[3][4] = {
            {letters[i], '\0'}, {letters[i], 'b', '\0'}, {letters[i], 'i', 'b', '\0'}};
        for (size_t form = 0; form < 3; form++) {
            if (plim__config_same(unit, forms[form])) {
                *out_scale = scale;
                return true;
            }
        }
    }
    return false;
}

plim__config_found plim__config_read_figure(const char *text, uint64_t *out_number)
{
    uint64_t whole = 0, billionths = 0, scale = 0;
    plim__config_found found = figure_scan(&text, &whole, &billionths);
    if (found == PLIM__CONFIG_FOUND_NOTHING)
        return found;
    bool is_share = strcmp(text, "%") == 0;
    if (!is_share && !figure_unit(text, &scale))
        return PLIM__CONFIG_FOUND_UNIT;
    if (is_share)
        scale = PLIM__CONFIG_SHARE_WHOLE / 100;
    if (found == PLIM__CONFIG_FOUND_TOO_LARGE ||
        !figure_scale(whole, billionths, scale, out_number) ||
        *out_number > (is_share ? PLIM__CONFIG_SHARE_WHOLE : (uint64_t)PTRDIFF_MAX))
        return PLIM__CONFIG_FOUND_TOO_LARGE;
    return is_share ? PLIM__CONFIG_FOUND_SHARE : PLIM__CONFIG_FOUND_BYTES;
}

void plim__config_write_bytes(char out[PLIM__CONFIG_FIGURE_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    plim__config_print(out, PLIM__CONFIG_FIGURE_BYTES, "%llu %s", (unsigned long long)bytes,
                       units[unit]);
}

static uint32_t figure_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t plim__config_distance(const char *left, const char *right)
{
    size_t rows = strlen(left), columns = strlen(right);
    if (rows > FIGURE_WORD_MAX || columns > FIGURE_WORD_MAX)
        return FIGURE_FAR;
    uint32_t table[3][FIGURE_WORD_MAX + 1]; /* the row, the one before, the one before that */
    uint32_t *now = table[0], *before = table[1], *earlier = table[2];
    for (size_t column = 0; column <= columns; column++)
        before[column] = (uint32_t)column;
    for (size_t row = 1; row <= rows; row++) {
        now[0] = (uint32_t)row;
        for (size_t column = 1; column <= columns; column++) {
            bool same = figure_lower(left[row - 1]) == figure_lower(right[column - 1]);
            now[column] = figure_least(figure_least(before[column], now[column - 1]) + 1,
                                       before[column - 1] + (same ? 0 : 1));
            if (row > 1 && column > 1 &&
                figure_lower(left[row - 1]) == figure_lower(right[column - 2]) &&
                figure_lower(left[row - 2]) == figure_lower(right[column - 1]))
                now[column] = figure_least(now[column], earlier[column - 2] + 1);
        }
        uint32_t *oldest = earlier;
        earlier = before;
        before = now;
        now = oldest;
    }
    return before[columns];
}

void plim__config_print(char *out, size_t cap, const char *format, ...)
{
    plim__text text;
    va_list arguments;
    plim__text_init(&text, out, cap);
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
}
