/* SPDX-License-Identifier: MIT */
/* Errors. Method: each case starts from a zeroed error, as callers do. */
#include <plimsoll/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char LONG[2 * PLIM_ERROR_HINT_BYTES];

static void the_first_failure_wins(void **state)
{
    (void)state;
    plim_error err = {0};
    assert_int_equal(plim_error_set(&err, PLIM_ERR_IO, "disk %d", 1), PLIM_ERR_IO);
    plim_error_where(&err, "sda");
    plim_error_hint(&err, "mend it");
    assert_int_equal(plim_error_set(&err, PLIM_ERR_GONE, "later"), PLIM_ERR_GONE);
    plim_error_where(&err, "elsewhere");
    plim_error_hint(&err, "nothing");
    assert_int_equal(err.status, PLIM_ERR_IO);
    assert_string_equal(err.what, "disk 1");
    assert_string_equal(err.where, "sda");
    assert_string_equal(err.hint, "mend it");
}

static void a_place_or_hint_without_a_failure_is_not_recorded(void **state)
{
    (void)state;
    plim_error err = {0};
    plim_error_where(&err, "here");
    plim_error_hint(&err, "do that");
    assert_string_equal(err.where, "");
    assert_string_equal(err.hint, "");
}

static void without_an_error_object_the_status_is_all(void **state)
{
    (void)state;
    assert_int_equal(plim_error_set(NULL, PLIM_ERR_LIMIT, "x"), PLIM_ERR_LIMIT);
    plim_error_where(NULL, "x");
    plim_error_hint(NULL, "x");
}

static void a_text_that_does_not_fit_ends_in_three_dots(void **state)
{
    (void)state;
    memset(LONG, 'a', sizeof LONG - 1);
    plim_error err = {0};
    (void)plim_error_set(&err, PLIM_ERR_IO, "%s", LONG);
    plim_error_where(&err, "%s", LONG);
    plim_error_hint(&err, "%s", LONG);
    assert_int_equal(strlen(err.what), PLIM_ERROR_WHAT_BYTES - 1);
    assert_int_equal(strlen(err.where), PLIM_ERROR_WHERE_BYTES - 1);
    assert_int_equal(strlen(err.hint), PLIM_ERROR_HINT_BYTES - 1);
    assert_string_equal(err.what + PLIM_ERROR_WHAT_BYTES - 5, "a...");
    assert_string_equal(err.where + PLIM_ERROR_WHERE_BYTES - 5, "a...");
    assert_string_equal(err.hint + PLIM_ERROR_HINT_BYTES - 5, "a...");
}

static void a_text_that_just_fits_is_whole(void **state)
{
    (void)state;
    plim_error err = {0};
    memset(LONG, 'b', sizeof LONG - 1);
    (void)plim_error_set(&err, PLIM_ERR_IO, "%.*s", PLIM_ERROR_WHAT_BYTES - 1, LONG);
    assert_int_equal(strlen(err.what), PLIM_ERROR_WHAT_BYTES - 1);
    assert_string_equal(err.what + PLIM_ERROR_WHAT_BYTES - 4, "bbb");
}

/* A name of 2-byte characters: the dots never stand in the middle of one. */
static void a_cut_text_is_still_utf8(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 2; shift++) {
        plim_error err = {0};
        memset(LONG, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof LONG; i += 2)
            memcpy(LONG + i, "\xc3\xa4", 2);
        (void)plim_error_set(&err, PLIM_ERR_IO, "%s", LONG);
        size_t length = strlen(err.what);
        assert_string_equal(err.what + length - 3, "...");
        assert_int_equal((unsigned char)err.what[length - 4], 0xa4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_wins),
        cmocka_unit_test(a_place_or_hint_without_a_failure_is_not_recorded),
        cmocka_unit_test(without_an_error_object_the_status_is_all),
        cmocka_unit_test(a_text_that_does_not_fit_ends_in_three_dots),
        cmocka_unit_test(a_text_that_just_fits_is_whole),
        cmocka_unit_test(a_cut_text_is_still_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
