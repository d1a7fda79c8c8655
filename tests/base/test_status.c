/* SPDX-License-Identifier: MIT */
/* Statuses. Method: the table itself is walked, so that a new row is tested by being there. */
#include <plimsoll/status.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct status_row {
    plim_status status;
    int value;
    int exit_code;
    const char *name;
    const char *text;
} status_row;

static const status_row ROWS[] = {
#define STATUS_ROW(name, value, exit_code, text) {PLIM_##name, value, exit_code, #name, text},
    PLIM_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};
enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0] };

static void every_row_has_its_own_negative_value_and_its_own_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_true(ROWS[i].value < 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ROWS[i].value, ROWS[j].value);
            assert_string_not_equal(ROWS[i].text, ROWS[j].text);
        }
    }
}

static void name_text_and_exit_code_are_those_of_the_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_int_equal((int)ROWS[i].status, ROWS[i].value);
        assert_string_equal(plim_status_name(ROWS[i].status), ROWS[i].name);
        assert_string_equal(plim_status_text(ROWS[i].status), ROWS[i].text);
        assert_int_equal(plim_status_exit_code(ROWS[i].status), ROWS[i].exit_code);
    }
    assert_string_equal(plim_status_name(PLIM_OK), "OK");
    assert_string_equal(plim_status_text(PLIM_OK), "done");
    assert_int_equal(plim_status_exit_code(PLIM_OK), 0);
}

static void the_exit_codes_are_those_of_the_manual(void **state)
{
    (void)state;
    static const int allowed[] = {1, 2, 3, 4, 5, 6, 70, 130};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool found = false;
        for (size_t j = 0; j < sizeof allowed / sizeof allowed[0]; j++)
            found = found || ROWS[i].exit_code == allowed[j];
        assert_true(found);
    }
    assert_int_equal(plim_status_exit_code(PLIM_ERR_USAGE), 2);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_UNREACHABLE), 3);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_DAMAGED), 4);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_TRUNCATED), 4);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_UNSUPPORTED), 5);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_NO_MEMORY), 6);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_INTERNAL), 70);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_INTERRUPTED), 130);
    assert_int_equal(plim_status_exit_code(PLIM_ERR_CONTRADICTION), 1); /* a finding */
}

/* Values are ABI: these stand as they were first given out. */
static void the_first_values_never_change(void **state)
{
    (void)state;
    assert_int_equal(PLIM_ERR_USAGE, -1);
    assert_int_equal(PLIM_ERR_DAMAGED, -10);
    assert_int_equal(PLIM_ERR_INTERNAL, -19);
}

static void a_value_that_no_row_has_is_called_unknown_and_is_our_fault(void **state)
{
    (void)state;
    static const int strangers[] = {1, -1000, 70};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        plim_status status = (plim_status)strangers[i];
        assert_string_equal(plim_status_name(status), "UNKNOWN");
        assert_string_equal(plim_status_text(status), "unknown status");
        assert_int_equal(plim_status_exit_code(status), 70);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_own_negative_value_and_its_own_text),
        cmocka_unit_test(name_text_and_exit_code_are_those_of_the_row),
        cmocka_unit_test(the_exit_codes_are_those_of_the_manual),
        cmocka_unit_test(the_first_values_never_change),
        cmocka_unit_test(a_value_that_no_row_has_is_called_unknown_and_is_our_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
