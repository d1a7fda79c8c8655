/* SPDX-License-Identifier: MIT */
/*
 * Two ways through the same language. The slow one takes a byte at a time and can stop and go on
 * anywhere. The fast one starts at the first digit of a number, with 72 bytes ahead: it marks
 * what is no digit in the next 64 bytes, so that finding the end of a number waits for no load,
 * and turns up to 8 digits at once into a value with three multiplications. Whatever is not
 * "digits ," or "digits newline ," (V8 up to Node 22 ends its rows so) it leaves to the slow way,
 * so both accept the same texts and a cut between chunks changes nothing (test_v8_cuts).
 *
 * The arithmetic is the known one of "SIMD within a register": bytes to pairs, pairs to fours,
 * fours to eight (Lamport, "Multiple byte processing with full-word instructions", 1975, has the
 * idea; Muła and Lemire describe it for digits).
 */
#include "heap/v8_numbers.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    NUMBERS_BLOCK_BYTES = 64,
    NUMBERS_AHEAD_BYTES = NUMBERS_BLOCK_BYTES + 8 /* a load of 8 may start in the last byte */
};

static uint64_t load_8(const char *p)
{
    /* Spelled out so that byte order does not matter; compilers make one load of it. */
    const unsigned char *b = (const unsigned char *)p;
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

/* A bit for each of 64 bytes that is no digit. */
#if defined(__SSE2__)
static uint64_t mark_others(const char *p)
{
    const __m128i zero = _mm_set1_epi8('0');
    const __m128i nine = _mm_set1_epi8(9);
    uint64_t digits = 0;
    for (unsigned i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * (size_t)i));
        __m128i value = _mm_sub_epi8(bytes, zero);
        __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, nine), value);
        digits |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_digit) << (16 * i);
    }
    return ~digits;
}
#else
static uint64_t mark_others(const char *p)
{
    uint64_t others = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t value = load_8(p + 8 * (size_t)i) ^ 0x3030303030303030u;
        uint64_t high = ((value & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) | value;
        uint64_t bits = ((high & 0x8080808080808080u) >> 7) * 0x0102040810204080u;
        others |= (bits >> 56) << (8 * i);
    }
    return others;
}
#endif

static unsigned lowest_bit(uint64_t bits)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(bits);
#else
    unsigned bit = 0;
    while ((bits >> bit & 1) == 0)
        bit++;
    return bit;
#endif
}

/* 1 to 8 digits; 8 bytes are readable at p. Digits move to the top, zeros come in below. */
static uint64_t decode_8(const char *p, size_t len)
{
    uint64_t bytes = load_8(p) << (8 * (8 - len)) & 0x0f0f0f0f0f0f0f0fu;
    uint64_t pairs = bytes * 10 + (bytes >> 8);
    uint64_t low = (pairs & 0x000000ff000000ffu) * 0x000f424000000064u;
    uint64_t high = (pairs >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u;
    return (low + high) >> 32;
}

/*
 * From the first digit of a number, state NEXT. Stops where the batch is full, the block is
 * unusual or the bytes run short; the state then fits where it stopped.
 */
static const char *run_fast(plim__v8_numbers *numbers, const char *p, const char *end)
{
    size_t count = numbers->count;
    const size_t capacity = numbers->capacity;
    const bool store = !numbers->count_only;
    bool usual = true;
    while (usual && count < capacity && end - p >= NUMBERS_AHEAD_BYTES) {
        uint64_t others = mark_others(p);
        const char *start = p;
        usual = others != 0;
        while (others != 0) {
            const char *stop = p + lowest_bit(others);
            size_t len = (size_t)(stop - start);
            if (len == 0 || len > 16) {
                usual = false;
                break;
            }
            if (store && len <= 8)
                numbers->values[count] = decode_8(start, len);
            else if (store)
                numbers->values[count] =
                    decode_8(start, len - 8) * 100000000u + decode_8(stop - 8, 8);
            count++;
            others &= others - 1;
            if (*stop == ',') {
                start = stop + 1;
            } else if (*stop == '\n' && stop[1] == ',') {
                others &= others - 1;
                start = stop + 2;
            } else {
                numbers->state = PLIM__V8_NUMBERS_AFTER;
                numbers->count = count;
                return stop;
            }
            if (count == capacity)
                break;
        }
        p = start;
    }
    numbers->count = count;
    return p;
}

static bool add_digit(plim__v8_numbers *numbers, char c)
{
    uint64_t digit = (uint64_t)(c - '0');
    if (numbers->digits == PLIM_NUMBER_DIGITS_MAX || numbers->value > (UINT64_MAX - digit) / 10) {
        numbers->fault = "a number does not fit 64 bits";
        return false;
    }
    numbers->value = numbers->value * 10 + digit;
    numbers->digits++;
    return true;
}

static void end_number(plim__v8_numbers *numbers)
{
    if (!numbers->count_only)
        numbers->values[numbers->count] = numbers->negative ? 0 - numbers->value : numbers->value;
    numbers->count++;
    numbers->state = PLIM__V8_NUMBERS_AFTER;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One byte where a number may begin, or go on behind its sign. */
static bool take_start(plim__v8_numbers *numbers, char c)
{
    if (is_digit(c)) {
        if (numbers->state != PLIM__V8_NUMBERS_SIGN)
            numbers->negative = false;
        numbers->state = PLIM__V8_NUMBERS_DIGIT;
        numbers->value = 0;
        numbers->digits = 0;
        return add_digit(numbers, c);
    }
    if (c == '-' && numbers->state != PLIM__V8_NUMBERS_SIGN) {
        numbers->state = PLIM__V8_NUMBERS_SIGN;
        numbers->negative = true;
        numbers->fault = "a number is negative";
        return numbers->may_be_negative;
    }
    numbers->fault = "there is no number where one must be";
    return numbers->state != PLIM__V8_NUMBERS_SIGN && is_space(c);
}

void plim__v8_numbers_start(plim__v8_numbers *numbers, size_t width, bool may_be_negative,
                            bool count_only)
{
    PLIM_CHECK(width > 0 && width <= PLIM_FIELDS_MAX);
    numbers->state = PLIM__V8_NUMBERS_FIRST;
    numbers->negative = false;
    numbers->may_be_negative = may_be_negative;
    numbers->count_only = count_only;
    numbers->digits = 0;
    numbers->value = 0;
    numbers->count = 0;
    numbers->capacity = PLIM__V8_BATCH / width * width;
    numbers->fault = NULL;
}

/* One byte, which is not eaten where it ends a number. */
static plim__v8_numbers_result run_byte(plim__v8_numbers *numbers, const char **p)
{
    char c = **p;
    switch (numbers->state) {
    case PLIM__V8_NUMBERS_FIRST:
        if (c == ']') {
            ++*p;
            return PLIM__V8_NUMBERS_CLOSED;
        }
        if (!take_start(numbers, c))
            return PLIM__V8_NUMBERS_BAD;
        break;
    case PLIM__V8_NUMBERS_NEXT:
    case PLIM__V8_NUMBERS_SIGN:
        if (!take_start(numbers, c))
            return PLIM__V8_NUMBERS_BAD;
        break;
    case PLIM__V8_NUMBERS_DIGIT:
        if (!is_digit(c)) {
            end_number(numbers);
            return PLIM__V8_NUMBERS_MORE;
        }
        if (!add_digit(numbers, c))
            return PLIM__V8_NUMBERS_BAD;
        break;
    case PLIM__V8_NUMBERS_AFTER:
        if (c == ']') {
            ++*p;
            return PLIM__V8_NUMBERS_CLOSED;
        }
        if (c == ',') {
            numbers->state = PLIM__V8_NUMBERS_NEXT;
        } else if (!is_space(c)) {
            numbers->fault = "a number is followed by neither a comma nor the end of the array";
            return PLIM__V8_NUMBERS_BAD;
        }
        break;
    }
    ++*p;
    return PLIM__V8_NUMBERS_MORE;
}

plim__v8_numbers_result plim__v8_numbers_run(plim__v8_numbers *numbers, const char **p,
                                             const char *end)
{
    PLIM_CHECK(numbers->capacity > 0 && numbers->count <= numbers->capacity);
    while (*p < end) {
        if (numbers->count == numbers->capacity)
            return PLIM__V8_NUMBERS_FULL;
        if (numbers->state == PLIM__V8_NUMBERS_NEXT && is_digit(**p))
            *p = run_fast(numbers, *p, end);
        if (numbers->count == numbers->capacity)
            return PLIM__V8_NUMBERS_FULL;
        if (*p == end)
            break;
        plim__v8_numbers_result result = run_byte(numbers, p);
        if (result != PLIM__V8_NUMBERS_MORE)
            return result;
    }
    return PLIM__V8_NUMBERS_MORE;
}
