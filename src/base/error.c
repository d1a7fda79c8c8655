/* SPDX-License-Identifier: MIT */
/* Errors: text in fixed storage; the first failure wins. Texts that do not fit end in "...". */
#include <plimsoll/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* Ends the text in "..." from `at` on, or a little before: not in the middle of a character. */
static void error_cut(char *out, size_t at)
{
    for (size_t back = 0; back < 3 && ((unsigned char)out[at] & 0xc0) == 0x80; back++)
        at--;
    memcpy(out + at, "...", 4);
}

PLIM_PRINTF(3, 0)
static void error_format(char *out, size_t out_bytes, const char *format, va_list arguments)
{
    int wanted = vsnprintf(out, out_bytes, format, arguments);
    if (wanted < 0)
        out[0] = '\0';
    else if ((size_t)wanted >= out_bytes)
        error_cut(out, out_bytes - 4);
}

plim_status plim_error_set(plim_error *err, plim_status status, const char *format, ...)
{
    PLIM_CHECK(status != PLIM_OK);
    if (err == NULL || err->status != PLIM_OK)
        return status;
    err->status = status;
    va_list arguments;
    va_start(arguments, format);
    error_format(err->what, sizeof err->what, format, arguments);
    va_end(arguments);
    return status;
}

void plim_error_where(plim_error *err, const char *format, ...)
{
    if (err == NULL || err->status == PLIM_OK || err->where[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    error_format(err->where, sizeof err->where, format, arguments);
    va_end(arguments);
}

void plim_error_hint(plim_error *err, const char *format, ...)
{
    if (err == NULL || err->status == PLIM_OK || err->hint[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    error_format(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
}
