/* SPDX-License-Identifier: MIT */
/* Slot core. Method: small tables on the stack; what is proved for all inputs, seen at work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory/pools/slot_core.h"

enum { CAPACITY = 5 };

typedef struct table {
    plim__slots slots;
    uint32_t order[CAPACITY], place[CAPACITY], generation[CAPACITY];
} table;

static plim__slots *table_init(table *t, uint32_t generation_max)
{
    t->slots = (plim__slots){.order = t->order,
                             .place = t->place,
                             .generation = t->generation,
                             .capacity = CAPACITY,
                             .generation_max = generation_max};
    plim__slots_init(&t->slots);
    assert_true(plim__slots_verify(&t->slots));
    return &t->slots;
}

static void a_full_table_gives_none_and_does_not_change(void **state)
{
    (void)state;
    table t, before;
    plim__slots *slots = table_init(&t, 9);
    for (uint32_t i = 0; i < CAPACITY; i++)
        assert_int_not_equal(plim__slots_acquire(slots), PLIM__SLOT_NONE);
    assert_int_equal(plim__slots_free_count(slots), 0);
    memcpy(&before, &t, sizeof t);
    assert_int_equal(plim__slots_acquire(slots), PLIM__SLOT_NONE);
    assert_memory_equal(&before, &t, sizeof t);
}

static void no_slot_is_given_out_twice(void **state)
{
    (void)state;
    table t;
    plim__slots *slots = table_init(&t, 9);
    bool owned[CAPACITY] = {false};
    for (uint32_t i = 0; i < CAPACITY; i++) {
        uint32_t slot = plim__slots_acquire(slots);
        assert_in_range(slot, 0, CAPACITY - 1);
        assert_false(owned[slot]);
        owned[slot] = true;
    }
}

static void a_stale_or_foreign_handle_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    table t, before;
    plim__slots *slots = table_init(&t, 9);
    uint32_t slot = plim__slots_acquire(slots), generation = slots->generation[slot];
    assert_true(plim__slots_release(slots, slot, generation));
    memcpy(&before, &t, sizeof t);
    assert_false(plim__slots_release(slots, slot, generation));       /* twice */
    assert_false(plim__slots_release(slots, slot, generation + 1));   /* not yet given out */
    assert_false(plim__slots_release(slots, CAPACITY, generation));   /* no such slot */
    assert_false(plim__slots_release(slots, UINT32_MAX, generation)); /* none */
    assert_memory_equal(&before, &t, sizeof t);
}

static void acquire_and_release_restore_the_table_but_for_the_generation(void **state)
{
    (void)state;
    table t, before;
    plim__slots *slots = table_init(&t, 9);
    (void)plim__slots_acquire(slots);
    memcpy(&before, &t, sizeof t);
    uint32_t slot = plim__slots_acquire(slots);
    assert_true(plim__slots_release(slots, slot, slots->generation[slot]));
    t.generation[slot]--;
    assert_memory_equal(&before, &t, sizeof t);
}

static void a_released_handle_never_resolves_again(void **state)
{
    (void)state;
    table t;
    plim__slots *slots = table_init(&t, 3);
    uint32_t slot = plim__slots_acquire(slots);
    for (uint32_t generation = 1; generation <= 3; generation++) {
        assert_true(plim__slots_resolve(slots, slot, generation));
        assert_true(plim__slots_release(slots, slot, generation));
        if (generation < 3)
            assert_int_equal(plim__slots_acquire(slots), slot); /* the last released comes first */
        for (uint32_t old = 0; old <= generation; old++)
            assert_false(plim__slots_resolve(slots, slot, old));
    }
    /* At the last generation it is retired: all others come, this one never. */
    assert_int_equal(slots->retired, 1);
    for (uint32_t i = 1; i < CAPACITY; i++)
        assert_int_not_equal(plim__slots_acquire(slots), slot);
    assert_int_equal(plim__slots_acquire(slots), PLIM__SLOT_NONE);
    assert_true(plim__slots_verify(slots));
}

static void a_release_touches_no_other_handle(void **state)
{
    (void)state;
    table t;
    plim__slots *slots = table_init(&t, 2);
    for (uint32_t i = 0; i < CAPACITY; i++)
        (void)plim__slots_acquire(slots);
    for (uint32_t gone = 0; gone < CAPACITY; gone++) {
        assert_true(plim__slots_release(slots, gone, 1));
        for (uint32_t i = 0; i < CAPACITY; i++)
            assert_int_equal(plim__slots_resolve(slots, i, 1), i > gone);
    }
}

static void a_damaged_table_is_found(void **state)
{
    (void)state;
    table t;
    plim__slots *slots = table_init(&t, 9);
    (void)plim__slots_acquire(slots);
    t.order[1] = t.order[0]; /* one slot twice */
    assert_false(plim__slots_verify(slots));
    slots = table_init(&t, 9);
    t.place[2] = CAPACITY;
    assert_false(plim__slots_verify(slots));
    slots = table_init(&t, 9);
    t.generation[4] = 10;
    assert_false(plim__slots_verify(slots));
    slots = table_init(&t, 9);
    slots->live = CAPACITY;
    slots->retired = 1; /* more than there are */
    assert_false(plim__slots_verify(slots));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_table_gives_none_and_does_not_change),
        cmocka_unit_test(no_slot_is_given_out_twice),
        cmocka_unit_test(a_stale_or_foreign_handle_is_refused_and_nothing_changes),
        cmocka_unit_test(acquire_and_release_restore_the_table_but_for_the_generation),
        cmocka_unit_test(a_released_handle_never_resolves_again),
        cmocka_unit_test(a_release_touches_no_other_handle),
        cmocka_unit_test(a_damaged_table_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
