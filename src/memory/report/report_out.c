/* SPDX-License-Identifier: MIT */
/* The one place that knows how figures and strings look, for people and in JSON. */
#include "memory/report/report_out.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"

static void out_flush(plim__report_out *out)
{
    if (out->length > 0 && out->status == PLIM_OK)
        out->status = out->sink.write(out->sink.ctx, out->buffer, out->length, out->err);
    out->length = 0;
}

void plim__report_put(plim__report_out *out, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t room = sizeof out->buffer - out->length;
        size_t part = length < room ? length : room;
        memcpy(out->buffer + out->length, bytes, part);
        out->length += part;
        bytes += part;
        length -= part;
        if (out->length == sizeof out->buffer)
            out_flush(out);
    }
}

void plim__report_format(plim__report_out *out, const char *format, ...)
{
    char piece[PLIM__REPORT_PIECE_BYTES];
    plim__text text;
    plim__text_init(&text, piece, sizeof piece);
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    PLIM_CHECK(!text.is_cut);
    plim__report_put(out, piece, text.length);
}

/* Bytes of the UTF-8 character that begins here; 0 if none does (overlong, surrogate, cut). */
static size_t utf8_length(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) /* a NUL too: nothing is read beyond it */
            return 0;
    bool is_overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool is_outside = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return is_overlong || is_outside ? 0 : length;
}

void plim__report_json_string(plim__report_out *out, const char *string)
{
    if (string == NULL) {
        plim__report_put(out, "null", 4);
        return;
    }
    plim__report_put(out, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)string; *at != '\0';) {
        size_t length = utf8_length(at);
        if (length == 0)
            plim__report_put(out, "\xef\xbf\xbd", 3);
        else if (*at == '"' || *at == '\\')
            plim__report_format(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            plim__report_format(out, "\\u%04x", (unsigned)*at);
        else
            plim__report_put(out, (const char *)at, length);
        at += length != 0 ? length : 1;
    }
    plim__report_put(out, "\"", 1);
}

void plim__report_plain_string(plim__report_out *out, const char *string, size_t width)
{
    size_t columns = 0;
    for (const unsigned char *at = (const unsigned char *)string; *at != '\0'; columns++) {
        size_t length = utf8_length(at);
        if (length == 0 || *at < 0x20 || *at == 0x7f)
            plim__report_put(out, "?", 1);
        else
            plim__report_put(out, (const char *)at, length);
        at += length != 0 ? length : 1;
    }
    for (; columns < width; columns++)
        plim__report_put(out, " ", 1);
}

void plim__report_amount(plim__report_out *out, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    if (bytes == UINT64_MAX) {
        plim__report_format(out, "%11s", "-");
        return;
    }
    if (bytes < 1024) {
        plim__report_format(out, "%9u B", (unsigned)bytes);
        return;
    }
    unsigned unit = 0;
    uint64_t whole = bytes;
    for (; whole >= UINT64_C(1024) * 1024; unit++)
        whole >>= 10;
    /* Tenths, cut: what is shown is never more than there is. */
    plim__report_format(out, "%5u.%u %ciB", (unsigned)(whole >> 10),
                        (unsigned)((whole & 1023) * 10 >> 10), units[unit]);
}

void plim__report_number(plim__report_out *out, uint64_t number)
{
    char digits[32]; /* 20 and six commas */
    size_t at = sizeof digits;
    for (unsigned count = 0; number > 0 || count == 0; count++) {
        if (count > 0 && count % 3 == 0)
            digits[--at] = ',';
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    }
    plim__report_put(out, digits + at, sizeof digits - at);
}

plim_status plim__report_end(plim__report_out *out)
{
    out_flush(out);
    return out->status;
}
