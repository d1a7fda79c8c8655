/* SPDX-License-Identifier: MIT */
#include "bridge/clean_text.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the character that begins here, 0 if none does; RFC 3629's table. */
static size_t clean_character(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xC2 && first < 0xE0 ? 2
                    : first >= 0xE0 && first < 0xF0 ? 3
                    : first >= 0xF0 && first < 0xF5 ? 4
                                                    : 0;
    if (length < 2)
        return length;
    if (length > left)
        return 0;
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    bool sound = at[1] >= low && at[1] <= high;
    for (size_t i = 2; i < length; i++)
        sound = sound && at[i] >= 0x80 && at[i] <= 0xBF;
    return sound ? length : 0;
}

size_t plim__clean_text(char *out, size_t cap, const char *bytes, size_t size_bytes)
{
    const char *end = size_bytes > 0 ? memchr(bytes, '\0', size_bytes) : NULL;
    size_t left = end != NULL ? (size_t)(end - bytes) : size_bytes;
    const unsigned char *at = (const unsigned char *)bytes;
    size_t written = 0;
    while (left > 0) {
        size_t length = clean_character(at, left);
        size_t taken = length > 0 ? length : 1;
        if (written + taken > cap)
            break;
        if (length > 0)
            memcpy(out + written, at, length);
        else
            out[written] = '?';
        written += taken;
        at += taken;
        left -= taken;
    }
    return written;
}
