/* SPDX-License-Identifier: MIT */
/*
 * The second byte of a character has narrower bounds after E0, ED, F0 and F4 (no overlong forms,
 * no surrogates, nothing above U+10FFFF); all others are 80 to BF. (Unicode, table 3-7.)
 */
#include "inspect/server/utf8.h"

#include <string.h>

static const char UTF8_REPLACEMENT[] = "\xef\xbf\xbd";

static unsigned utf8_whole(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

static bool utf8_may_follow(const plim__utf8 *state, unsigned char byte)
{
    unsigned char low = 0x80, high = 0xbf;
    if (state->have == 1 && state->bytes[0] == 0xe0)
        low = 0xa0;
    else if (state->have == 1 && state->bytes[0] == 0xed)
        high = 0x9f;
    else if (state->have == 1 && state->bytes[0] == 0xf0)
        low = 0x90;
    else if (state->have == 1 && state->bytes[0] == 0xf4)
        high = 0x8f;
    return byte >= low && byte <= high;
}

size_t plim__utf8_take(plim__utf8 *state, unsigned char byte, char *out)
{
    size_t length = 0;
    if (state->have > 0 && !utf8_may_follow(state, byte))
        length = plim__utf8_end(state, out);
    if (state->have == 0) {
        state->want = utf8_whole(byte);
        if (state->want == 0) {
            memcpy(out + length, UTF8_REPLACEMENT, 3);
            return length + 3;
        }
    }
    state->bytes[state->have++] = byte;
    if (state->have < state->want)
        return length;
    memcpy(out + length, state->bytes, state->have);
    length += state->have;
    state->have = 0;
    return length;
}

size_t plim__utf8_end(plim__utf8 *state, char *out)
{
    if (state->have == 0)
        return 0;
    state->have = 0;
    memcpy(out, UTF8_REPLACEMENT, 3);
    return 3;
}

void plim__utf8_copy(const char *text, char *out, size_t cap)
{
    plim__utf8 state = {{0}, 0, 0};
    char part[PLIM__UTF8_OUT_BYTES];
    size_t used = 0;
    for (size_t i = 0;; i++) {
        size_t length = text[i] == '\0' ? plim__utf8_end(&state, part)
                                        : plim__utf8_take(&state, (unsigned char)text[i], part);
        if (length >= cap - used)
            break;
        memcpy(out + used, part, length);
        used += length;
        if (text[i] == '\0')
            break;
    }
    out[used] = '\0';
}
