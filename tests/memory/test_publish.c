/* SPDX-License-Identifier: MIT */
/* Publications. Method: this process publishes, and reads itself through the system. */
#include <plimsoll/publish.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static plim_status publish_collect(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)err;
    char *out = ctx;
    assert_true(len < 4096);
    memcpy(out, data, len);
    out[len] = '\0';
    return PLIM_OK;
}

static void what_was_published_last_is_read_whole_and_nothing_after_the_end(void **state)
{
    (void)state;
    static plim_fingerprint_row rows[4];
    plim_fingerprint fingerprint;
    plim_publication *publication = NULL;
    char text[4096] = "";
    plim_sink sink = {text, publish_collect};
    assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_publish_start("test", 2000, &publication, NULL), PLIM_OK);
    assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_ERR_TIMEOUT); /* none yet */
    plim_fingerprint_start(&fingerprint, rows, 4);
    for (uint64_t i = 1; i <= 3; i++) {
        plim_fingerprint_row row = {.owner = "net", .kind = "blocks", .count = 1, .bytes = i};
        plim_fingerprint_add(&fingerprint, &row);
        assert_int_equal(plim_publish_report(publication, &fingerprint, NULL), PLIM_OK);
        assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_OK);
        assert_ptr_equal(strstr(text, "{\"schema\":\"plim.report/1\",\"fingerprint\":{"), text);
        char wanted[] = "\"count\":0,";
        wanted[8] = (char)('0' + i);
        assert_non_null(strstr(text, wanted));
        assert_string_equal(text + strlen(text) - 4, "]}}\n");
    }
    plim_publish_end(&publication);
    assert_null(publication);
    assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_ERR_NOT_FOUND);
}

static void a_report_that_is_too_long_is_no_report(void **state)
{
    (void)state;
    static plim_fingerprint_row rows[4];
    plim_fingerprint fingerprint;
    plim_publication *publication = NULL;
    plim_error err = {0};
    char text[4096];
    plim_sink sink = {text, publish_collect};
    assert_int_equal(plim_publish_start("small", 200, &publication, NULL), PLIM_OK);
    plim_fingerprint_start(&fingerprint, rows, 4);
    assert_int_equal(plim_publish_report(publication, &fingerprint, NULL), PLIM_OK);
    assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_OK);
    plim_fingerprint_row row = {.owner = "net", .kind = "blocks", .site = "file.c:1"};
    plim_fingerprint_add(&fingerprint, &row);
    assert_int_equal(plim_publish_report(publication, &fingerprint, &err), PLIM_ERR_NO_SPACE);
    assert_non_null(strstr(err.what, "200"));
    assert_int_equal(plim_published_read(getpid(), sink, NULL), PLIM_ERR_TIMEOUT);
    plim_publish_end(&publication);
}

static void names_and_sizes_that_make_no_place_are_refused(void **state)
{
    (void)state;
    plim_publication *publication = NULL;
    assert_int_equal(plim_publish_start("", 10, &publication, NULL), PLIM_ERR_USAGE);
    assert_int_equal(
        plim_publish_start("a name of more than thirty-one bytes", 10, &publication, NULL),
        PLIM_ERR_USAGE);
    assert_int_equal(plim_publish_start("x", 0, &publication, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_publish_start("x", SIZE_MAX, &publication, NULL), PLIM_ERR_USAGE);
    assert_null(publication);
    plim_sink sink = {NULL, publish_collect};
    assert_int_not_equal(plim_published_read(INT32_MAX, sink, NULL), PLIM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_published_last_is_read_whole_and_nothing_after_the_end),
        cmocka_unit_test(a_report_that_is_too_long_is_no_report),
        cmocka_unit_test(names_and_sizes_that_make_no_place_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
