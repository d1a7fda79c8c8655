/* SPDX-License-Identifier: MIT */
/* Texts. Method: the C library's snprintf is the oracle, on every conversion that we have, with
   widths, flags and values drawn at random (seed printed), and in every size of storage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

enum { ROUNDS = 20000, OUT_BYTES = 128 };

static uint64_t seed_state;

static uint64_t draw(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    /* Small and extreme values come as often as any. */
    switch (seed_state >> 61) {
    case 0:
        return seed_state & 0xff;
    case 1:
        return UINT64_MAX - (seed_state & 3);
    case 2:
        return UINT64_C(1) << (seed_state & 63);
    default:
        return seed_state;
    }
}

/* Both formatters with the same arguments; what ours gives in `cap` bytes is checked too. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char theirs[OUT_BYTES], ours[OUT_BYTES];                                                   \
        int wanted = snprintf(theirs, sizeof theirs, __VA_ARGS__);                                 \
        assert_true(wanted >= 0 && wanted < OUT_BYTES);                                            \
        plim__text text;                                                                           \
        plim__text_init(&text, ours, sizeof ours);                                                 \
        plim__text_format(&text, __VA_ARGS__);                                                     \
        assert_string_equal(ours, theirs);                                                         \
        assert_int_equal(text.length, wanted);                                                     \
        assert_false(text.is_cut);                                                                 \
    } while (0)

static void every_conversion_is_as_snprintf_has_it(void **state)
{
    (void)state;
    seed_state = UINT64_C(0x9e3779b97f4a7c15);
    print_message("seed %llx\n", (unsigned long long)seed_state);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = draw();
        int width = (int)(draw() % 40) - 20;
        int precision = (int)(draw() % 9) - 1;
        SAME("%d|%i", (int)a, (int)(a >> 32));
        SAME("%u|%x|%X", (unsigned)a, (unsigned)(a >> 32), (unsigned)a);
        SAME("%ld|%lu|%lx", (long)a, (unsigned long)a, (unsigned long)a);
        SAME("%lld|%llu|%llx", (long long)a, (unsigned long long)a, (unsigned long long)a);
        SAME("%hhu|%hu|%hhd|%hd", (unsigned char)a, (unsigned short)a, (signed char)a, (short)a);
        SAME("%zu|%zd|%td", (size_t)a, (ptrdiff_t)a, (ptrdiff_t)a);
        SAME("%ju|%jd", (uintmax_t)a, (intmax_t)a);
        SAME("%*d|%-*u|%0*d|%0*x", width, (int)a, width, (unsigned)a, width < 0 ? -width : width,
             (int)a, width < 0 ? -width : width, (unsigned)a);
        SAME("%12u|%-12d|%012lld|%04x|%02x", (unsigned)a, (int)a, (long long)a, (unsigned)a,
             (unsigned char)a);
        SAME("%*s|%-9s|%9s|%.*s|%.3s|%8.2s", width, "Domain", "net", "net", precision, "words",
             "four", "none");
        SAME("%c%c|%5c|%-5c|%%", 'a' + (int)(a % 26), '%', 'x', 'y');
    }
}

static void a_pointer_is_hexadecimal(void **state)
{
    (void)state;
    int here;
    SAME("%p", (void *)&here);
    char out[8];
    plim__text text;
    plim__text_init(&text, out, sizeof out);
    plim__text_format(&text, "%p", (void *)NULL); /* glibc says "(nil)" */
    assert_string_equal(out, "0x0");
}

static void in_storage_of_any_size_a_text_is_whole_or_ends_in_dots(void **state)
{
    (void)state;
    static const char FULL[] = "domain net: 4096 of 65536 bytes";
    for (size_t cap = 1; cap <= sizeof FULL + 2; cap++) {
        char out[sizeof FULL + 8];
        memset(out, '#', sizeof out);
        plim__text text;
        plim__text_init(&text, out, cap);
        plim__text_format(&text, "domain %s: %u of %zu bytes", "net", 4096u, (size_t)65536);
        assert_int_equal(strlen(out), text.length);
        assert_true(text.length < cap);
        assert_int_equal(out[cap], '#');
        assert_int_equal(text.is_cut, cap < sizeof FULL);
        size_t kept = text.length;
        if (cap < sizeof FULL && cap > 3) {
            kept -= 3;
            assert_string_equal(out + kept, "...");
        }
        assert_memory_equal(out, FULL, kept);
    }
}

static void once_cut_nothing_is_added(void **state)
{
    (void)state;
    char out[8];
    plim__text text;
    plim__text_init(&text, out, sizeof out);
    plim__text_format(&text, "%s", "12345678");
    plim__text_format(&text, "%s", "9");
    plim__text_add(&text, "9", 1);
    assert_string_equal(out, "1234...");
}

static void a_string_that_does_not_end_is_read_to_its_precision_only(void **state)
{
    (void)state;
    char unended[4] = {'n', 'e', 't', '!'};
    char out[16];
    plim__text text;
    plim__text_init(&text, out, sizeof out);
    plim__text_format(&text, "%.4s", unended);
    assert_string_equal(out, "net!");
}

static void a_wide_field_ends_at_the_storage(void **state)
{
    (void)state;
    char out[8];
    plim__text text;
    plim__text_init(&text, out, sizeof out);
    plim__text_format(&text, "%*d", 2147483647, 1);
    assert_string_equal(out, "    ...");
}

static void an_unknown_conversion_is_shown_as_it_stands(void **state)
{
    (void)state;
    char out[32];
    plim__text text;
    plim__text_init(&text, out, sizeof out);
    const char *volatile format = "%d of %f: %s"; /* unseen by the compiler, which would object */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    plim__text_format(&text, format, 1, 2.0, "x");
#pragma GCC diagnostic pop
    assert_string_equal(out, "1 of %f: %s");
}

static void strings_are_measured_and_compared(void **state)
{
    (void)state;
    assert_int_equal(plim__text_length("four", 9), 4);
    assert_int_equal(plim__text_length("four", 3), 3);
    assert_int_equal(plim__text_length("", 3), 0);
    assert_true(plim__strings_equal("", ""));
    assert_true(plim__strings_equal("net", "net"));
    assert_false(plim__strings_equal("net", "nets"));
    assert_false(plim__strings_equal("nets", "net"));
    assert_false(plim__strings_equal("net", "nat"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_conversion_is_as_snprintf_has_it),
        cmocka_unit_test(a_pointer_is_hexadecimal),
        cmocka_unit_test(in_storage_of_any_size_a_text_is_whole_or_ends_in_dots),
        cmocka_unit_test(once_cut_nothing_is_added),
        cmocka_unit_test(a_string_that_does_not_end_is_read_to_its_precision_only),
        cmocka_unit_test(a_wide_field_ends_at_the_storage),
        cmocka_unit_test(an_unknown_conversion_is_shown_as_it_stands),
        cmocka_unit_test(strings_are_measured_and_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
