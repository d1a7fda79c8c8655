/* SPDX-License-Identifier: MIT */
/* Errors: text in fixed storage; the first failure wins. Texts that do not fit end in "...". */
#include <plimsoll/error.h>

#include <stdarg.h>

#include "base/assert.h"
#include "base/text.h"

PLIM_PRINTF(3, 0)
static void error_format(char *out, size_t out_bytes, const char *format, va_list arguments)
{
    plim__text text;
    plim__text_init(&text, out, out_bytes);
    plim__text_vformat(&text, format, arguments);
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
