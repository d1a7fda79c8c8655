/* SPDX-License-Identifier: MIT */
/*
 * V8 integer arrays. Method: random arrays, written with random spacing, decoded in random cuts,
 * against the values they were written from; the seed of a failing round is in its message.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/v8_numbers.h"

enum { VALUES = 6000, TEXT = VALUES * 32, ROUNDS = 300 };

static uint64_t values[VALUES];
static uint64_t decoded[VALUES];
static char text[TEXT];
static uint32_t seed;

static uint32_t chance(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

/* Mostly what snapshots have, 1 to 9 digits; at times up to 20, at times negative. */
static uint64_t random_value(bool negative)
{
    uint64_t value = 0;
    uint32_t digits = chance(100) == 0 ? 1 + chance(19) : 1 + chance(9);
    for (uint32_t i = 0; i < digits; i++)
        value = value * 10 + chance(10);
    if (chance(500) == 0)
        value = UINT64_MAX;
    return negative && chance(4) == 0 ? 0 - (value >> 2) : value;
}

/* separators: 0 as Node 24, 1 as Node 20, 2 any. */
static size_t write_array(size_t count, unsigned separators, size_t width, bool negative)
{
    static const char *const ANY[] = {",", ",", ",", " ,", ", ", "\n,", "\r\n\t , \n", ",\n"};
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        values[i] = random_value(negative);
        const char *separator = i == 0                              ? ""
                                : separators == 2                   ? ANY[chance(8)]
                                : separators == 1 && i % width == 0 ? "\n,"
                                                                    : ",";
        bool minus = negative && values[i] > INT64_MAX;
        int wrote = snprintf(text + len, sizeof text - len, "%s%s%" PRIu64, separator,
                             minus ? "-" : "", minus ? 0 - values[i] : values[i]);
        assert_true(wrote > 0);
        len += (size_t)wrote;
    }
    memcpy(text + len, " ]rest", 7);
    return len + 6;
}

static size_t decode(plim__v8_numbers *numbers, size_t len, size_t *out_used)
{
    size_t got = 0;
    const char *p = text;
    while (p < text + len) {
        size_t left = (size_t)(text + len - p);
        size_t cut = chance(3) == 0 ? 1 + chance(8) : 1 + chance(3000);
        const char *end = p + (cut < left ? cut : left);
        while (p < end || numbers->count == numbers->capacity) {
            plim__v8_numbers_result result = plim__v8_numbers_run(numbers, &p, end);
            assert_int_not_equal(result, PLIM__V8_NUMBERS_BAD);
            if (result == PLIM__V8_NUMBERS_MORE)
                break;
            memcpy(decoded + got, numbers->values, numbers->count * sizeof *decoded);
            got += numbers->count;
            numbers->count = 0;
            *out_used = (size_t)(p - text);
            if (result == PLIM__V8_NUMBERS_CLOSED)
                return got;
        }
    }
    fail_msg("the array did not end");
    return got;
}

static void what_was_written_is_decoded_in_any_cut(void **state)
{
    (void)state;
    static plim__v8_numbers numbers;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = 1000 + round;
        size_t width = 1 + chance(8);
        bool negative = chance(3) == 0;
        size_t count = chance(4) == 0 ? chance(50) : chance(VALUES);
        size_t len = write_array(count, round % 3, width, negative);
        plim__v8_numbers_start(&numbers, width, negative, false);
        size_t used = 0;
        size_t got = decode(&numbers, len, &used);
        if (got != count || memcmp(values, decoded, count * sizeof *values) != 0)
            fail_msg("round %" PRIu32 ": %zu of %zu values", round, got, count);
        assert_string_equal(text + used, "rest");
    }
}

static void counting_counts_what_decoding_decodes(void **state)
{
    (void)state;
    static plim__v8_numbers numbers;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = 5000 + round;
        size_t count = chance(VALUES);
        size_t len = write_array(count, round % 3, 7, false);
        plim__v8_numbers_start(&numbers, 7, false, true);
        memset(numbers.values, 0xee, sizeof numbers.values);
        size_t used = 0;
        assert_int_equal(decode(&numbers, len, &used), count);
        for (size_t i = 0; i < PLIM__V8_BATCH; i++)
            assert_true(numbers.values[i] == 0xeeeeeeeeeeeeeeeeu);
    }
}

static void batches_are_whole_rows(void **state)
{
    (void)state;
    static plim__v8_numbers numbers;
    for (size_t width = 1; width <= 64; width++) {
        plim__v8_numbers_start(&numbers, width, false, false);
        assert_int_equal(numbers.capacity % width, 0);
        assert_true(numbers.capacity > 0 && numbers.capacity <= PLIM__V8_BATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_decoded_in_any_cut),
        cmocka_unit_test(counting_counts_what_decoding_decodes),
        cmocka_unit_test(batches_are_whole_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
