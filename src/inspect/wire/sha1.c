/* SPDX-License-Identifier: MIT */
/* As in the standard; a text of two blocks at most, because a handshake's has 60 bytes. */
#include "inspect/wire/sha1.h"

#include <string.h>

#include "base/assert.h"

enum { PLIM__SHA1_BLOCK_BYTES = 64 };

static uint32_t sha1_rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static void sha1_block(uint32_t hash[5], const uint8_t *block)
{
    static const uint32_t constant[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t word[80];
    for (size_t i = 0; i < 16; i++)
        word[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                  (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < 80; i++)
        word[i] = sha1_rotate(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (size_t i = 0; i < 80; i++) {
        uint32_t mix;
        if (i < 20)
            mix = (b & c) | (~b & d);
        else if (i >= 40 && i < 60)
            mix = (b & c) | (b & d) | (c & d);
        else
            mix = b ^ c ^ d;
        uint32_t next = sha1_rotate(a, 5) + mix + e + constant[i / 20] + word[i];
        e = d;
        d = c;
        c = sha1_rotate(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

void plim__sha1(const char *text, size_t len, uint8_t out_digest[PLIM__SHA1_BYTES])
{
    PLIM_CHECK(len <= PLIM__SHA1_TEXT_MAX);
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t padded[2 * PLIM__SHA1_BLOCK_BYTES] = {0};
    size_t blocks = len + 9 <= PLIM__SHA1_BLOCK_BYTES ? 1 : 2;
    size_t total = blocks * PLIM__SHA1_BLOCK_BYTES;
    memcpy(padded, text, len);
    padded[len] = 0x80;
    padded[total - 2] = (uint8_t)(len * 8 >> 8);
    padded[total - 1] = (uint8_t)(len * 8);
    for (size_t i = 0; i < blocks; i++)
        sha1_block(hash, padded + i * PLIM__SHA1_BLOCK_BYTES);
    for (size_t i = 0; i < PLIM__SHA1_BYTES; i++)
        out_digest[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

void plim__base64(const uint8_t *bytes, size_t len, char *out_text)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t here = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (here > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (here > 2)
            group |= bytes[i + 2];
        for (size_t k = 0; k < 4; k++)
            out_text[at++] = k <= here ? digit[group >> (18 - 6 * k) & 63] : '=';
    }
    out_text[at] = '\0';
}
