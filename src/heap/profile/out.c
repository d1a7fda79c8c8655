/* SPDX-License-Identifier: MIT */
#include "heap/profile/out.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum { OUT_REPLACEMENT = 0xfffd };

void plim__out_start(plim__out_text *out, plim_sink sink, plim_error *err)
{
    out->sink = sink;
    out->err = err;
    out->status = PLIM_OK;
    out->written = 0;
    out->size = 0;
}

static void out_pass(plim__out_text *out)
{
    if (out->status == PLIM_OK && out->size > 0)
        out->status = out->sink.write(out->sink.ctx, out->bytes, out->size, out->err);
    out->size = 0;
}

plim_status plim__out_end(plim__out_text *out)
{
    out_pass(out);
    return out->status;
}

void plim__out_bytes(plim__out_text *out, const char *bytes, size_t size)
{
    out->written += size;
    while (size > 0 && out->status == PLIM_OK) {
        size_t room = sizeof out->bytes - out->size;
        size_t piece = size < room ? size : room;
        memcpy(out->bytes + out->size, bytes, piece);
        out->size += piece;
        bytes += piece;
        size -= piece;
        if (out->size == sizeof out->bytes)
            out_pass(out);
    }
}

void plim__out_string(plim__out_text *out, const char *string)
{
    plim__out_bytes(out, string, strlen(string));
}

void plim__out_number(plim__out_text *out, uint64_t number)
{
    char digits[24];
    plim__text text;
    plim__text_init(&text, digits, sizeof digits);
    plim__text_format(&text, "%" PRIu64, number);
    plim__out_bytes(out, digits, text.length);
}

size_t plim__out_vformat(char *out, size_t cap, const char *format, va_list arguments)
{
    plim__text text;
    plim__text_init(&text, out, cap);
    plim__text_vformat(&text, format, arguments);
    return text.length;
}

size_t plim__out_format(char *out, size_t cap, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = plim__out_vformat(out, cap, format, arguments);
    va_end(arguments);
    return length;
}

/* Bytes of a sequence by its first one; 0: none begins so. */
static unsigned out_length(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

uint32_t plim__out_next(plim_text text, size_t *at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text.data + *at;
    unsigned length = out_length(bytes[0]);
    if (length == 0 || length > text.size_bytes - *at) {
        (*at)++;
        return OUT_REPLACEMENT;
    }
    uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            (*at)++;
            return OUT_REPLACEMENT;
        }
        code = code << 6 | (bytes[i] & 0x3f);
    }
    bool is_character = code >= least[length] && code <= 0x10ffff && code - 0xd800u >= 0x800u;
    *at += is_character || code - 0xd800u < 0x800u ? length : 1;
    return is_character ? code : OUT_REPLACEMENT;
}

size_t plim__out_utf8(char bytes[4], uint32_t code)
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    unsigned length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = length - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)((0xf00u >> length & 0xff) | code);
    return length;
}

void plim__out_json(plim__out_text *out, plim_text text)
{
    plim__out_bytes(out, "\"", 1);
    for (size_t at = 0; at < text.size_bytes;) {
        size_t from = at;
        uint32_t code = plim__out_next(text, &at);
        if (code < 0x20 || code == 0x7f || code == '<' || code == '>' || code == '&' ||
            code == 0x2028 || code == 0x2029) {
            char escape[8];
            plim__text out_escape;
            plim__text_init(&out_escape, escape, sizeof escape);
            plim__text_format(&out_escape, "\\u%04x", (unsigned)code);
            plim__out_bytes(out, escape, out_escape.length);
        } else if (code == '"' || code == '\\') {
            char escape[2] = {'\\', (char)code};
            plim__out_bytes(out, escape, 2);
        } else if (code == OUT_REPLACEMENT) {
            plim__out_string(out, "\xef\xbf\xbd");
        } else {
            plim__out_bytes(out, text.data + from, at - from);
        }
    }
    plim__out_bytes(out, "\"", 1);
}
