/* SPDX-License-Identifier: MIT */
/* Units. Method: tables of text and number, on both sides of every bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/units.h"

static void bytes_are_shown_with_one_decimal_of_the_largest_unit_below(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *shown, *exact;
    } cases[] = {
        {0, "0 B", "0"},
        {1023, "1023 B", "1,023"},
        {1024, "1.0 KiB", "1,024"},
        {1048575, "1.0 MiB", "1,048,575"},
        {1395864371, "1.3 GiB", "1,395,864,371"},
        {UINT64_MAX, "16.0 EiB", "18,446,744,073,709,551,615"},
    };
    char out[PLIM__UNITS_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plim__units_bytes(out, cases[i].bytes, false);
        assert_string_equal(out, cases[i].shown);
        plim__units_bytes(out, cases[i].bytes, true);
        assert_string_equal(out, cases[i].exact);
    }
}

static void changes_carry_their_sign_and_zero_has_none(void **state)
{
    (void)state;
    char out[PLIM__UNITS_BYTES];
    plim__units_change(out, 2048, false);
    assert_string_equal(out, "+2.0 KiB");
    plim__units_change(out, -1, false);
    assert_string_equal(out, "-1 B");
    plim__units_change(out, 0, false);
    assert_string_equal(out, "0 B");
    plim__units_change(out, INT64_MIN, true);
    assert_string_equal(out, "-9,223,372,036,854,775,808");
    plim__units_count_change(out, 1234);
    assert_string_equal(out, "+1,234");
    plim__units_count_change(out, 0);
    assert_string_equal(out, "0");
}

static void times_are_shown_in_the_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *shown;
    } cases[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1.0 us"},
        {999949, "999.9 us"},
        {999950, "1.0 ms"},
        {12345678, "12.3 ms"},
        {4200000000u, "4.2 s"},
        {200000000000u, "3 min 20 s"},
    };
    char out[PLIM__UNITS_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plim__units_time(out, cases[i].ns);
        assert_string_equal(out, cases[i].shown);
    }
}

static void sizes_are_read_in_binary_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"32768", 32768},
        {"512M", 512u << 20},
        {"512m", 512u << 20},
        {"1KiB", 1024},
        {"1 kb", 1024},
        {"1.5k", 1536},
        {"2b", 2},
        {"0.5G", 1u << 29},
        {"16383P", 16383ull << 50},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",    "M",   "-1",     "+1",   "1.",  ".5",
                                      "1.5", "12Q", "1MM",    "0x10", "1e3", "18446744073709551616",
                                      "inf", "1 ",  "16384P", " 1"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bytes = 99;
        assert_true(plim__units_parse_bytes(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (plim__units_parse_bytes(bad[i], &bytes) && bad[i][1] != ' ')
            fail_msg("\"%s\" was read as %llu", bad[i], (unsigned long long)bytes);
    }
}

static void times_are_read_and_bare_numbers_are_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"10", 10000000000u},  {"10s", 10000000000u},  {"500ms", 500000000u}, {"1.5s", 1500000000u},
        {"2m", 120000000000u}, {"1h", 3600000000000u}, {"250us", 250000u},    {"7ns", 7u},
    };
    static const char *const bad[] = {"", "s", "-5s", "5x", "99999999999999999999s", "5124095577h"};
    uint64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(plim__units_parse_time(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(plim__units_parse_time(bad[i], &ns));
}

static void counts_are_whole(void **state)
{
    (void)state;
    uint64_t count;
    assert_true(plim__units_parse_count("4711", &count));
    assert_int_equal(count, 4711);
    assert_false(plim__units_parse_count("1.0", &count));
    assert_false(plim__units_parse_count("1k", &count));
    assert_false(plim__units_parse_count("-1", &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_shown_with_one_decimal_of_the_largest_unit_below),
        cmocka_unit_test(changes_carry_their_sign_and_zero_has_none),
        cmocka_unit_test(times_are_shown_in_the_unit_that_fits),
        cmocka_unit_test(sizes_are_read_in_binary_units),
        cmocka_unit_test(times_are_read_and_bare_numbers_are_seconds),
        cmocka_unit_test(counts_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
