/* SPDX-License-Identifier: MIT */
/* Discovery under refused memory. Method: the real machine, whatever runs, each n-th refused. */
#include <plimsoll/target.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"

static void a_refused_allocation_is_told_or_costs_rows_and_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 50;
         n += n < 8 ? 1 : 6) { /* each asks real processes: not all of them */
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        plim_target_options options = {.struct_bytes = sizeof options,
                                       .allocator = &fault.allocator};
        plim_found_list *list = NULL;
        plim_error err = {0};
        plim_status status = plim_discover(&options, &list, &err);
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        assert_int_equal(err.status, status);
        assert_true((list != NULL) == (status == PLIM_OK));
        plim_found_list_destroy(&list);
        assert_null(list);
        assert_int_equal(fault.live_bytes, 0);
        if (fault.refused == 0)
            break;
    }
}

static void rows_have_no_null_and_are_in_order(void **state)
{
    (void)state;
    plim_found_list *list = NULL;
    assert_int_equal(plim_discover(NULL, &list, NULL), PLIM_OK);
    int64_t last_pid = 0;
    for (uint32_t i = 0; i < plim_found_list_count(list); i++) {
        const plim_found *found = plim_found_list_get(list, i);
        assert_non_null(found->runtime);
        assert_non_null(found->version);
        assert_non_null(found->title);
        assert_non_null(found->address);
        assert_true(found->pid >= last_pid);
        assert_false(found->can_open && found->address[0] != '\0');
        last_pid = found->pid;
    }
    plim_found_list_destroy(&list);
}

static void a_stop_that_is_asked_for_ends_it(void **state)
{
    (void)state;
    plim_interrupt interrupt = {0};
    plim_interrupt_raise(&interrupt);
    plim_target_options options = {.struct_bytes = sizeof options, .interrupt = &interrupt};
    plim_found_list *list = NULL;
    plim_status status = plim_discover(&options, &list, NULL);
    /* With no runtime on the machine there is nothing to interrupt. */
    assert_true(status == PLIM_OK || status == PLIM_ERR_INTERRUPTED);
    plim_found_list_destroy(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_allocation_is_told_or_costs_rows_and_loses_nothing),
        cmocka_unit_test(rows_have_no_null_and_are_in_order),
        cmocka_unit_test(a_stop_that_is_asked_for_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
