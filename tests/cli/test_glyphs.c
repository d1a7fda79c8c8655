/* SPDX-License-Identifier: MIT */
/* Glyphs. Method: known sequences first, then all short and many random ones against rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/glyphs.h"
#include "cli/terminal.h"

static void shows(const char *raw, const char *expected)
{
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    plim__glyphs_show(&draft, plim__text_of(raw));
    assert_string_equal(plim__draft_peek(&draft), expected);
    plim__draft_fini(&draft);
}

static void what_acts_on_a_terminal_is_shown_as_an_escape(void **state)
{
    (void)state;
    shows("plain \xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80",
          "plain \xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80");
    shows("a\x1b[31mb", "a\\x1b[31mb");
    shows("a\nb\tc\rd", "a\\nb\\tc\\rd");
    shows("\x7f", "\\x7f");
    shows("\xC2\x9B"
          "31m",
          "\\x9b31m");
    shows("\xE2\x80\xAE"
          "txt.exe",
          "\\u{202e}txt.exe");
    shows("\xE2\x80\x8B", "\\u{200b}");
}

static void what_is_no_character_becomes_the_replacement(void **state)
{
    (void)state;
    shows("\xFF", "\xEF\xBF\xBD");
    shows("\xED\xA0\x80", "\xEF\xBF\xBD");         /* a lone surrogate */
    shows("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* overlong */
    shows("\xE0\x80\xAF", "\xEF\xBF\xBD");         /* overlong, three bytes */
    shows("\xE6\xBC"
          "x",
          "\xEF\xBF\xBDx");                    /* cut */
    shows("\xF4\x90\x80\x80", "\xEF\xBF\xBD"); /* beyond U+10FFFF */
}

/* The rules of the Unicode standard, table 3-7, read anew. */
static bool is_safe_utf8(plim_text text)
{
    for (size_t i = 0; i < text.size_bytes;) {
        const unsigned char *at = (const unsigned char *)text.data + i;
        size_t left = text.size_bytes - i;
        if (at[0] >= 0x20 && at[0] < 0x7F) {
            i += 1;
        } else if (at[0] >= 0xC2 && at[0] <= 0xDF && left >= 2 && (at[1] & 0xC0) == 0x80) {
            if (at[0] == 0xC2 && at[1] < 0xA0)
                return false; /* C1 controls */
            i += 2;
        } else if ((at[0] & 0xF0) == 0xE0 && left >= 3 && (at[1] & 0xC0) == 0x80 &&
                   (at[2] & 0xC0) == 0x80 && (at[0] != 0xE0 || at[1] >= 0xA0) &&
                   (at[0] != 0xED || at[1] < 0xA0)) {
            i += 3;
        } else if (at[0] >= 0xF0 && at[0] <= 0xF4 && left >= 4 && (at[1] & 0xC0) == 0x80 &&
                   (at[2] & 0xC0) == 0x80 && (at[3] & 0xC0) == 0x80 &&
                   (at[0] != 0xF0 || at[1] >= 0x90) && (at[0] != 0xF4 || at[1] < 0x90)) {
            i += 4;
        } else {
            return false;
        }
    }
    return true;
}

static void any_bytes_become_safe_text_in_both_forms(void **state)
{
    (void)state;
    uint32_t seed = 1;
    plim__draft shown, json, cut;
    plim__draft_init(&shown, NULL);
    plim__draft_init(&json, NULL);
    plim__draft_init(&cut, NULL);
    for (int round = 0; round < 200000; round++) {
        char bytes[12];
        for (size_t i = 0; i < sizeof bytes; i++) {
            static const unsigned char likely[] = {0xE2, 0x80, 0xED, 0xA0, 0xF0, 0x9F, 0xC2, 0x1B};
            seed = seed * 1664525u + 1013904223u;
            unsigned high = seed >> 24;
            bytes[i] = (char)((high & 1) != 0 ? likely[high >> 1 & 7] : (seed >> 16 & 0xFF));
        }
        plim_text raw = {bytes, sizeof bytes};
        plim__draft_clear(&shown);
        plim__draft_clear(&json);
        plim__draft_clear(&cut);
        plim__glyphs_show(&shown, raw);
        plim__glyphs_json(&json, raw);
        assert_true(is_safe_utf8(plim__draft_view(&shown)));
        assert_true(is_safe_utf8(plim__draft_view(&json)));
        size_t columns = (size_t)(round % 14);
        plim__glyphs_cut(&cut, plim__draft_view(&shown), columns, round % 2 == 0);
        assert_true(is_safe_utf8(plim__draft_view(&cut)));
        assert_true(plim__glyphs_columns(plim__draft_view(&cut)) <= columns);
    }
    plim__draft_fini(&shown);
    plim__draft_fini(&json);
    plim__draft_fini(&cut);
}

static void a_cut_keeps_the_end_that_matters(void **state)
{
    (void)state;
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    plim__glyphs_cut(&draft, plim__text_of("/long/way/to/app.js:3"), 9, true);
    assert_int_equal(plim__glyphs_columns(plim__draft_view(&draft)), 9);
    assert_non_null(strstr(plim__draft_peek(&draft), "pp.js:3"));
    plim__draft_clear(&draft);
    plim__glyphs_cut(&draft, plim__text_of("VeryLongName"), 5, false);
    assert_memory_equal(plim__draft_peek(&draft), "Very", 4);
    plim__draft_clear(&draft);
    plim__glyphs_cut(&draft, plim__text_of("fits"), 4, false);
    assert_string_equal(plim__draft_peek(&draft), "fits");
    plim__draft_fini(&draft);
}

int main(void)
{
    plim__terminal_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_acts_on_a_terminal_is_shown_as_an_escape),
        cmocka_unit_test(what_is_no_character_becomes_the_replacement),
        cmocka_unit_test(any_bytes_become_safe_text_in_both_forms),
        cmocka_unit_test(a_cut_keeps_the_end_that_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
