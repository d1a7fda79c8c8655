/* SPDX-License-Identifier: MIT */
/* The event loop's waits. Method: real ones, on a machine that takes the processor away at the
 * worst point: linked with --wrap=uv_run, which comes late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <cmocka.h>

#include "inspect/wire/loop.h"

int __real_uv_run(uv_loop_t *loop, uv_run_mode mode);
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode);

/* By then every timer that was started before has run out. */
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    uv_sleep(60);
    return __real_uv_run(loop, mode);
}

static void a_wait_ends_however_late_the_loop_is_run(void **state)
{
    (void)state;
    static const bool never = false;
    plim__loop *loop = NULL;
    assert_int_equal(plim__loop_create(plim_allocator_system(), NULL, &loop, NULL), PLIM_OK);
    assert_int_equal(plim__loop_wait(loop, &never, plim__loop_deadline(1000000u)),
                     PLIM_ERR_TIMEOUT);
    assert_int_equal(plim__loop_sleep(loop, 100000000u), PLIM_OK);
    plim__loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_however_late_the_loop_is_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
