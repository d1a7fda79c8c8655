/* SPDX-License-Identifier: MIT */
/*
 * Patterns that say "nobody's": 0x7FF8DEAD is a quiet NaN as f32, and twice in a row one as f64, so
 * that arithmetic on a released buffer shows; 0xDEADBEEF is what people look for elsewhere.
 */
#include "memory/pools/pool_fill.h"

#include <string.h>

enum { FILL_WORD_BYTES = 4, FILL_GUARD = 0xA5 };

static uint32_t fill_word(plim_poison poison)
{
    return poison == PLIM_POISON_NAN ? UINT32_C(0x7FF8DEAD) : UINT32_C(0xDEADBEEF);
}

void plim__fill_poison(void *data, size_t bytes, plim_poison poison)
{
    uint32_t word = fill_word(poison);
    unsigned char *at = data;
    if (poison == PLIM_POISON_NONE)
        return;
    size_t whole = bytes / FILL_WORD_BYTES;
    for (size_t i = 0; i < whole; i++)
        memcpy(at + i * FILL_WORD_BYTES, &word, FILL_WORD_BYTES);
    memcpy(at + whole * FILL_WORD_BYTES, &word, bytes % FILL_WORD_BYTES);
}

bool plim__fill_is_poison(const void *data, size_t bytes, plim_poison poison)
{
    uint32_t word = fill_word(poison);
    const unsigned char *at = data;
    if (poison == PLIM_POISON_NONE)
        return true;
    size_t whole = bytes / FILL_WORD_BYTES;
    for (size_t i = 0; i < whole; i++) {
        if (memcmp(at + i * FILL_WORD_BYTES, &word, FILL_WORD_BYTES) != 0)
            return false;
    }
    return memcmp(at + whole * FILL_WORD_BYTES, &word, bytes % FILL_WORD_BYTES) == 0;
}

void plim__fill_guard(void *data, size_t bytes)
{
    memset(data, FILL_GUARD, bytes);
}

bool plim__fill_is_guard(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] != FILL_GUARD)
            return false;
    }
    return true;
}
