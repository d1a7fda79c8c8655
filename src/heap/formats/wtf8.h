/* SPDX-License-Identifier: MIT */
/**
 * @file wtf8.h
 * @brief UTF-16 to UTF-8, lone surrogates kept as they are (WTF-8).
 * @see https://simonsapin.github.io/wtf-8/
 */
#ifndef PLIM_HEAP_WTF8_H
#define PLIM_HEAP_WTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__WTF8_BYTES_MAX = 4 /**< of one character */ };

/** Writes a code point below 0x110000; returns how many bytes. */
static inline size_t plim__wtf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(first[more] | code >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/** Whether bytes are WTF-8: UTF-8, and surrogates as if they were characters. */
static inline bool plim__wtf8_is_valid(const void *text, size_t size_bytes)
{
    if (size_bytes == 0)
        return true; /* text may be NULL, and then it has no end */
    const uint8_t *at = text, *end = at + size_bytes;
    while (at < end) {
        uint8_t first = *at++;
        if (first < 0x80)
            continue;
        if (first < 0xc2 || first > 0xf4)
            return false;
        size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
        for (; more > 0; more--, low = 0x80, high = 0xbf)
            if (at == end || *at < low || *at++ > high)
                return false;
    }
    return true;
}

/** Whether two units are the halves of one character. */
static inline bool plim__wtf8_is_pair(uint32_t high, uint32_t low)
{
    return high - 0xd800u < 0x400u && low - 0xdc00u < 0x400u;
}

/** The character of a pair. */
static inline uint32_t plim__wtf8_of_pair(uint32_t high, uint32_t low)
{
    return 0x10000u + ((high - 0xd800u) << 10) + (low - 0xdc00u);
}

#endif
