/* SPDX-License-Identifier: MIT */
/*
 * The system allocator. Method: blocks are filled with a pattern of their own and moved between
 * sizes on both sides of the size from which whole pages are taken (1 MiB) and of a page; after
 * each move the kept part is compared. Sanitizer builds use the C library throughout.
 */
#include <plimsoll/allocator.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/allocator.h"

static const size_t SIZES[] = {
    1,       15,      16,      4095,    4096,       4097,           1048575,  1048576,
    1048577, 1052671, 1052672, 1052673, (2u << 20), (2u << 20) + 1, 3u << 20, (8u << 20) - 1,
};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static void fill(unsigned char *block, size_t bytes, size_t seed)
{
    for (size_t i = 0; i < bytes; i += 509)
        block[i] = (unsigned char)(i * 7 + seed);
    block[bytes - 1] = (unsigned char)(bytes * 13 + seed);
}

static void check_kept(const unsigned char *block, size_t kept, size_t filled, size_t seed)
{
    for (size_t i = 0; i < kept; i += 509)
        if (i != filled - 1)
            assert_int_equal(block[i], (unsigned char)(i * 7 + seed));
    if (kept == filled)
        assert_int_equal(block[filled - 1], (unsigned char)(filled * 13 + seed));
}

static void what_a_block_holds_survives_every_change_of_size(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    for (size_t from = 0; from < SIZE_COUNT; from++) {
        for (size_t to = 0; to < SIZE_COUNT; to++) {
            size_t old_bytes = SIZES[from], new_bytes = SIZES[to];
            unsigned char *block = allocator->resize(allocator->ctx, NULL, 0, old_bytes);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % 16, 0);
            fill(block, old_bytes, from);
            block = allocator->resize(allocator->ctx, block, old_bytes, new_bytes);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % 16, 0);
            check_kept(block, old_bytes < new_bytes ? old_bytes : new_bytes, old_bytes, from);
            fill(block, new_bytes, to);
            check_kept(block, new_bytes, new_bytes, to);
            assert_null(allocator->resize(allocator->ctx, block, new_bytes, 0));
        }
    }
}

static void nothing_from_nothing_is_nothing(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    assert_null(allocator->resize(allocator->ctx, NULL, 0, 0));
}

static void a_size_no_machine_has_is_refused_and_the_block_stands(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    assert_null(allocator->resize(allocator->ctx, NULL, 0, SIZE_MAX));
    assert_null(allocator->resize(allocator->ctx, NULL, 0, SIZE_MAX - 4096));
    for (size_t bytes = 100; bytes <= 2u << 20; bytes = bytes == 100 ? 2u << 20 : SIZE_MAX) {
        unsigned char *block = allocator->resize(allocator->ctx, NULL, 0, bytes);
        assert_non_null(block);
        fill(block, bytes, 3);
        assert_null(allocator->resize(allocator->ctx, block, bytes, SIZE_MAX));
        assert_null(allocator->resize(allocator->ctx, block, bytes, SIZE_MAX / 2 - 1));
        check_kept(block, bytes, bytes, 3);
        assert_null(allocator->resize(allocator->ctx, block, bytes, 0));
    }
}

static void an_array_whose_size_does_not_fit_is_refused(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    assert_null(plim__array_new(allocator, SIZE_MAX / 8 + 1, 8));
    assert_null(plim__array_new(allocator, 0, 8));
    uint64_t *array = plim__array_new_zero(allocator, 3, sizeof *array);
    assert_non_null(array);
    assert_int_equal(array[0] | array[1] | array[2], 0);
    assert_null(plim__array_resize(allocator, array, 3, SIZE_MAX / 4, sizeof *array));
    array[2] = 77;
    uint64_t *grown = plim__array_resize(allocator, array, 3, 300000, sizeof *array);
    assert_non_null(grown);
    assert_int_equal(grown[2], 77);
    plim__array_free(allocator, grown, 300000, sizeof *grown);
    plim__array_free(allocator, NULL, 5, 8);
}

static void checked_arithmetic_says_when_it_does_not_fit(void **state)
{
    (void)state;
    size_t size = 0;
    uint64_t wide = 0;
    assert_true(plim__mul_size(SIZE_MAX / 3, 3, &size));
    assert_int_equal(size, SIZE_MAX / 3 * 3);
    assert_false(plim__mul_size(SIZE_MAX / 3 + 1, 3, &size));
    assert_true(plim__mul_size(5, 0, &size));
    assert_int_equal(size, 0);
    assert_true(plim__add_size(SIZE_MAX - 1, 1, &size));
    assert_false(plim__add_size(SIZE_MAX, 1, &size));
    assert_true(plim__add_u64(UINT64_MAX, 0, &wide));
    assert_false(plim__add_u64(UINT64_MAX, 1, &wide));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_block_holds_survives_every_change_of_size),
        cmocka_unit_test(nothing_from_nothing_is_nothing),
        cmocka_unit_test(a_size_no_machine_has_is_refused_and_the_block_stands),
        cmocka_unit_test(an_array_whose_size_does_not_fit_is_refused),
        cmocka_unit_test(checked_arithmetic_says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
