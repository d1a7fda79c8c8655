/* SPDX-License-Identifier: MIT */
/* Cap. Method: each case makes its own cap; sizes are chosen on both sides of the limit. */
#include <plimsoll/allocator.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_request_beyond_the_limit_changes_nothing(void **state)
{
    (void)state;
    plim_cap *cap = NULL;
    assert_int_equal(plim_cap_create(NULL, 100, &cap), PLIM_OK);
    const plim_allocator *allocator = plim_cap_allocator(cap);
    void *first = allocator->resize(allocator->ctx, NULL, 0, 100);
    assert_non_null(first);
    assert_null(allocator->resize(allocator->ctx, NULL, 0, 1));
    assert_null(allocator->resize(allocator->ctx, first, 100, 101));
    uint64_t used, peak, refused;
    plim_cap_read(cap, &used, &peak, &refused);
    assert_int_equal(used, 100);
    assert_int_equal(peak, 100);
    assert_int_equal(refused, 2);
    assert_null(allocator->resize(allocator->ctx, first, 100, 0));
    plim_cap_read(cap, &used, NULL, NULL);
    assert_int_equal(used, 0);
    plim_cap_destroy(&cap);
    assert_null(cap);
}

static void what_shrinks_makes_room(void **state)
{
    (void)state;
    plim_cap *cap = NULL;
    assert_int_equal(plim_cap_create(NULL, 4u << 20, &cap), PLIM_OK);
    const plim_allocator *allocator = plim_cap_allocator(cap);
    char *block = allocator->resize(allocator->ctx, NULL, 0, 4u << 20);
    assert_non_null(block);
    block[0] = 'x';
    block = allocator->resize(allocator->ctx, block, 4u << 20, 10);
    assert_non_null(block);
    assert_int_equal(block[0], 'x');
    void *other = allocator->resize(allocator->ctx, NULL, 0, (4u << 20) - 10);
    assert_non_null(other);
    allocator->resize(allocator->ctx, other, (4u << 20) - 10, 0);
    allocator->resize(allocator->ctx, block, 10, 0);
    plim_cap_destroy(&cap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_beyond_the_limit_changes_nothing),
        cmocka_unit_test(what_shrinks_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
