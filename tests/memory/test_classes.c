/* SPDX-License-Identifier: MIT */
/* Size classes: the tables against the rule they are written by. */
#include <plimsoll/memory_inline.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory/engine/classes.h"

static void test_every_size_has_the_smallest_class_that_holds_it(void **state)
{
    (void)state;
    assert_int_equal(plim__class_of(0), 0);
    for (size_t bytes = 1; bytes <= PLIM__SMALL_MAX; bytes++) {
        unsigned code = plim__class_of(bytes);
        assert_in_range(code, 1, PLIM__CLASS_COUNT);
        assert_true(plim__class_bytes[code] >= bytes);
        assert_true(plim__class_bytes[code - 1] < bytes);
    }
    for (size_t bytes = 0; bytes <= PLIM__SMALL_MAX; bytes++)
        assert_int_equal(plim__inline_class(bytes), plim__class_of(bytes));
    assert_int_equal(plim__class_bytes[PLIM__CLASS_COUNT], PLIM__SMALL_MAX);
    assert_int_equal(plim__class_bytes[PLIM__CLASS_FINE - 1], PLIM__FINE_MAX);
    assert_true((int)PLIM__CLASS_COUNT < (int)PLIM__CLASS_INNER);
}

static void test_a_block_is_at_most_a_quarter_larger_than_asked(void **state)
{
    (void)state;
    for (size_t bytes = 128; bytes <= PLIM__SMALL_MAX; bytes++) {
        size_t held = plim__class_bytes[plim__class_of(bytes)];
        bool is_fine = bytes <= 2048 || (bytes > 4096 && bytes <= 8192);
        assert_true((held - bytes) * (is_fine ? 8 : 4) < bytes);
    }
}

static void test_offsets_of_blocks_give_their_index(void **state)
{
    (void)state;
    for (unsigned code = 1; code <= PLIM__CLASS_COUNT; code++) {
        size_t bytes = plim__class_bytes[code];
        for (int tight = 0; tight < 2; tight++) {
            size_t run = (size_t)plim__class_run_pages(code, tight != 0) << PLIM__PAGE_SHIFT;
            assert_true(run >= bytes && run / bytes <= UINT16_MAX);
            /* plim__space.backs; a slab that is one of many has four times the pages. */
            assert_true(run >> PLIM__PAGE_SHIFT <= UINT8_MAX / 4);
            for (uint64_t i = 0; i < run / bytes; i++)
                assert_int_equal(i * bytes * plim__class_inverse[code] >> 32, i);
        }
    }
}

static void test_aligned_classes_are_multiples_and_hold_the_size(void **state)
{
    (void)state;
    for (size_t align = 1; align <= PLIM__PAGE_BYTES; align *= 2)
        for (size_t bytes = 1; bytes <= PLIM__SMALL_MAX; bytes += bytes / 9 + 1) {
            unsigned code = plim__class_aligned(bytes, align);
            assert_true(code != 0 && plim__class_bytes[code] >= bytes);
            assert_int_equal(plim__class_bytes[code] % align, 0);
        }
    assert_int_equal(plim__class_aligned(64, PLIM__PAGE_BYTES * 2), 0);
    assert_int_equal(plim__class_aligned(PLIM__SMALL_MAX + 1, 16), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_has_the_smallest_class_that_holds_it),
        cmocka_unit_test(test_a_block_is_at_most_a_quarter_larger_than_asked),
        cmocka_unit_test(test_offsets_of_blocks_give_their_index),
        cmocka_unit_test(test_aligned_classes_are_multiples_and_hold_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
