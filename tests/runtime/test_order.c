/* SPDX-License-Identifier: MIT */
/*
 * What a region makes anew when it is opened: lists in the order of births, and births that are
 * unique. Method: one random program is run twice, once without a break, once with the region
 * closed and opened again at random moments; who is told of ends must be told the same. Then births
 * are put where they suit the check least.
 */
#include <plimsoll/reference.h>
#include <plimsoll/region.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/region/region.h"

enum { STORAGE_BYTES = 4 << 20, OBJECTS = 2000, STEPS = 12000, OWNERS = 3 };

static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static const plim_ref NONE = {0, 0};

static plim_region_options order_options(void)
{
    return (plim_region_options){.struct_bytes = sizeof(plim_region_options),
                                 .place = PLIM_REGION_STORAGE,
                                 .storage = storage,
                                 .storage_bytes = sizeof storage,
                                 .object_max = OBJECTS};
}

static plim_status order_open(plim_region **out_region, plim_error *err)
{
    plim_region_options options = order_options();
    return plim_region_open(&options, out_region, err);
}

static plim_region *order_region(void)
{
    plim_region *region = NULL;
    plim_error err = {0};
    if (order_open(&region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return region;
}

/* What was told, as one number, and by birth what an object's reference is now. */
typedef struct course {
    uint64_t told, ended, walked;
    plim_ref refs[STEPS + 1];
    uint64_t last_birth;
    uint64_t seed;
} course;

static uint64_t course_random(course *at)
{
    at->seed = at->seed * 6364136223846793005u + 1442695040888963407u;
    return at->seed >> 33;
}

static void course_made(void *context, plim_region *region, const plim_region_object *object)
{
    course *at = context;
    (void)region;
    at->refs[object->birth] = object->ref;
    at->last_birth = object->birth;
}

static void course_released(void *context, plim_region *region, const plim_region_object *object,
                            const void *last_value)
{
    course *at = context;
    (void)region;
    (void)last_value;
    at->told = at->told * 31 + object->birth;
    at->ended++;
    at->refs[object->birth] = NONE;
}

/* Along an owner's objects: each list newest first. */
static void course_walk(course *at, const plim_region *region, uint32_t owner)
{
    const plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_OWNER, .owner = owner};
    plim_region_object object;
    for (uint32_t cursor = 0; plim_region_search(region, &search, &cursor, &object);)
        at->walked = at->walked * 31 + object.birth;
}

static void course_step(course *at, plim_region *region, uint16_t type)
{
    uint64_t what = course_random(at) % 100;
    uint64_t birth = at->last_birth == 0 ? 0 : 1 + course_random(at) % at->last_birth;
    uint32_t owner = (uint32_t)(course_random(at) % OWNERS);
    plim_ref ref;
    if (what < 80) {
        plim_ref parent = what < 50 ? at->refs[birth] : NONE;
        plim_status status = plim_region_allocate(region, type, NULL, owner, parent, &ref);
        assert_true(status == PLIM_OK || status == PLIM_ERR_STALE || status == PLIM_ERR_LIMIT);
    } else if (what < 98) {
        (void)plim_region_release(region, at->refs[birth]);
    } else if (what < 99) {
        course_walk(at, region, owner);
    } else if (course_random(at) % 10 == 0) {
        assert_int_equal(plim_region_release_owner(region, owner, NULL), PLIM_OK);
    }
}

static void course_run(course *at, bool is_interrupted)
{
    const plim__region_observer observer = {at, course_made, NULL, course_released, NULL};
    uint64_t breaks = 7;
    uint32_t opened = 1;
    uint16_t type = 0;
    memset(storage, 0, sizeof storage);
    plim_region *region = order_region();
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    plim__region_observe(region, &observer);
    for (uint32_t i = 0; i < STEPS; i++) {
        breaks = breaks * 6364136223846793005u + 1;
        if (is_interrupted && (breaks >> 40) % 40 == 0) {
            plim_region_close(&region);
            region = order_region();
            plim__region_observe(region, &observer);
            opened++;
        }
        course_step(at, region, type);
    }
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    for (uint32_t owner = 0; owner < OWNERS; owner++)
        assert_int_equal(plim_region_release_owner(region, owner, NULL), PLIM_OK);
    assert_true(at->ended > 3000 && (!is_interrupted || opened > 200));
    plim_region_close(&region);
}

static void ends_are_told_in_one_order_however_often_a_region_was_opened(void **state)
{
    (void)state;
    static course first, second;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        memset(&first, 0, sizeof first);
        memset(&second, 0, sizeof second);
        first.seed = second.seed = seed;
        course_run(&first, false);
        course_run(&second, true);
        assert_true(first.ended == second.ended && first.told == second.told);
        assert_true(first.walked == second.walked);
    }
}

/* Lists longer than what is sorted at a time, as an open finds them: in no order at all. */
static void a_long_list_is_put_in_order(void **state)
{
    (void)state;
    static course at;
    uint16_t type = 0;
    memset(&at, 0, sizeof at);
    const plim__region_observer observer = {&at, NULL, NULL, course_released, NULL};
    memset(storage, 0, sizeof storage);
    plim_region *region = order_region();
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    plim_ref parent, ref;
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &parent), PLIM_OK);
    for (int i = 1; i < OBJECTS; i++)
        assert_int_equal(plim_region_allocate(region, type, NULL, 0, parent, &ref), PLIM_OK);
    plim_region_close(&region);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
    for (uint64_t i = 1; i < OBJECTS; i++) /* a permutation: 1,999 is a prime */
        objects[i].birth = 2 + i * 777 % 1999;
    region = order_region();
    plim__region_observe(region, &observer);
    assert_int_equal(plim_region_release(region, ref), PLIM_OK); /* from the middle */
    assert_int_equal(plim_region_release(region, parent), PLIM_OK);
    uint64_t expected = 2 + UINT64_C(1999) * 777 % 1999;
    uint64_t told = expected;
    for (uint64_t birth = 2000; birth >= 1; birth--)
        if (birth != expected)
            told = told * 31 + birth;
    assert_int_equal(at.ended, OBJECTS);
    assert_true(at.told == told);
    plim_region_close(&region);
}

/* The short way that most objects are made by, before a list that an open found in no order. */
static void what_is_made_before_a_list_in_no_order_does_not_hide_that(void **state)
{
    (void)state;
    enum { CHILDREN = 5, LATER = 3 };
    static course at;
    static const uint64_t ORDER[CHILDREN] = {4, 6, 2, 5, 3};
    const uint64_t value[2] = {1, 2};
    uint16_t type = 0;
    memset(&at, 0, sizeof at);
    const plim__region_observer observer = {&at, NULL, NULL, course_released, NULL};
    memset(storage, 0, sizeof storage);
    plim_region *region = order_region();
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    plim_ref parent, refs[CHILDREN + LATER];
    assert_int_equal(plim_region_allocate(region, type, value, 0, NONE, &parent), PLIM_OK);
    for (int i = 0; i < CHILDREN + LATER; i++)
        assert_int_equal(plim_region_allocate(region, type, value, 0, parent, &refs[i]), PLIM_OK);
    for (int i = CHILDREN; i < CHILDREN + LATER; i++) /* slots at hand, for the short way */
        assert_int_equal(plim_region_release(region, refs[i]), PLIM_OK);
    plim_region_close(&region);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
    for (int i = 0; i < CHILDREN; i++)
        objects[refs[i].index].birth = ORDER[i];
    region = order_region();
    plim_ref again;
    assert_int_equal(plim_region_allocate(region, type, value, 0, NONE, &again), PLIM_OK);
    assert_int_equal(plim_region_release(region, again), PLIM_OK);
    for (int i = CHILDREN; i < CHILDREN + LATER; i++)
        assert_int_equal(plim_region_allocate(region, type, value, 0, parent, &refs[i]), PLIM_OK);
    plim_region_object newest;
    assert_int_equal(plim_region_describe(region, refs[CHILDREN + LATER - 1], &newest), PLIM_OK);
    plim__region_observe(region, &observer);
    assert_int_equal(plim_region_release(region, parent), PLIM_OK);
    uint64_t told = 0;
    for (uint64_t i = 0; i < LATER; i++)
        told = told * 31 + newest.birth - i;
    for (uint64_t birth = CHILDREN + 1; birth >= 1; birth--)
        told = told * 31 + birth;
    assert_int_equal(at.ended, 1 + CHILDREN + LATER);
    assert_true(at.told == told);
    plim_region_close(&region);
}

/* Births far apart, of which many end in the same digits: none is refused but what two have. */
static void no_two_have_one_birth_however_far_apart_births_are(void **state)
{
    (void)state;
    static unsigned char sound[STORAGE_BYTES];
    const uint64_t factors[] = {1, 3, 1000, 32768, 1u << 20, UINT64_C(1) << 33};
    uint16_t type = 0;
    memset(storage, 0, sizeof storage);
    plim_region *region = order_region();
    plim_ref ref;
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    for (int i = 0; i < OBJECTS; i++)
        assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &ref), PLIM_OK);
    plim_region_close(&region);
    memcpy(sound, storage, sizeof sound);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
    for (size_t k = 0; k < sizeof factors / sizeof factors[0]; k++)
        for (uint64_t twice = 0; twice < OBJECTS; twice += 97) {
            plim_error err = {0};
            memcpy(storage, sound, sizeof storage);
            for (uint64_t i = 0; i < OBJECTS; i++) /* backwards: out of order from the second on */
                objects[i].birth = (OBJECTS - i) * factors[k] + 5;
            assert_int_equal(order_open(&region, &err), PLIM_OK);
            assert_int_equal(plim_region_verify(region, &err), PLIM_OK);
            plim_region_close(&region);
            objects[twice].birth = objects[(twice + 1000) % OBJECTS].birth;
            assert_int_equal(order_open(&region, &err), PLIM_ERR_DAMAGED);
            assert_non_null(strstr(err.what, "has another's birth"));
        }
}

static void a_value_that_is_larger_than_all_data_is_damage(void **state)
{
    (void)state;
    enum { LARGE = 3 << 20 };
    plim_region_options options = order_options();
    plim_error err = {0};
    plim_region *region = NULL;
    uint16_t small = 0, large = 0;
    plim_ref ref;
    options.value_max = LARGE;
    memset(storage, 0, sizeof storage);
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
    assert_true(head->data_bytes < LARGE);
    assert_int_equal(plim_region_type(region, "small", 16, NULL, 0, &small, NULL), PLIM_OK);
    assert_int_equal(plim_region_type(region, "large", LARGE, NULL, 0, &large, NULL), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, large, NULL, 0, NONE, &ref), PLIM_ERR_LIMIT);
    assert_int_equal(plim_region_allocate(region, small, NULL, 0, NONE, &ref), PLIM_OK);
    plim_region_close(&region);
    objects[ref.index].word = plim__word_of(ref.generation, large);
    objects[ref.index].size_bytes = LARGE;
    assert_int_equal(plim_region_open(&options, &region, &err), PLIM_ERR_DAMAGED);
    assert_non_null(strstr(err.what, "outside the data"));
}

/* What is wrong with one object of many, wherever it lies, and whether the others are in order. */
static void damage_is_found_in_order_and_out_of_it(void **state)
{
    (void)state;
    static unsigned char sound[STORAGE_BYTES];
    static const struct {
        const char *what, *says;
    } DAMAGES[] = {{"lies on the one before", "object 701 lies over another's value"},
                   {"lies on a far one", "object 701 lies over another's value"},
                   {"has a dead parent", "object 701 has a parent that is not there"},
                   {"has another's child", "is older than its parent, or another owner's"},
                   {"has no type", "object 701 has a type that is not there"},
                   {"has another size", "object 701 has not the size of its type"}};
    enum { BROKEN = 701, PARENT = 700, FAR = 10, MANY = 1000 };
    uint16_t type = 0;
    memset(storage, 0, sizeof storage);
    plim_region *region = order_region();
    plim_ref refs[MANY];
    assert_int_equal(plim_region_type(region, "t", 40, NULL, 0, &type, NULL), PLIM_OK);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(plim_region_allocate(region, type, NULL, 1,
                                              i == BROKEN ? refs[PARENT] : NONE, &refs[i]),
                         PLIM_OK);
    plim_region_close(&region);
    memcpy(sound, storage, sizeof sound);
    plim__object *objects =
        (plim__object *)(void *)(storage + ((plim__region_head *)(void *)storage)->objects_at);
    for (uint32_t swapped = 0; swapped <= 1; swapped++)
        for (size_t k = 0; k <= sizeof DAMAGES / sizeof DAMAGES[0]; k++) {
            plim_error err = {0};
            memcpy(storage, sound, sizeof storage);
            objects[0].birth = swapped != 0 ? MANY + 1 : objects[0].birth;
            if (k == 0)
                objects[BROKEN].data = objects[BROKEN - 1].data + 16;
            else if (k == 1)
                objects[BROKEN].data = objects[FAR].data;
            else if (k == 2)
                objects[PARENT].word ^= PLIM__OBJECT_LIVE;
            else if (k == 3)
                objects[PARENT].owner = 2;
            else if (k == 4)
                objects[BROKEN].word += UINT64_C(1) << 16;
            else if (k == 5)
                objects[BROKEN].size_bytes = 41;
            if (k == sizeof DAMAGES / sizeof DAMAGES[0]) {
                assert_int_equal(order_open(&region, &err), PLIM_OK);
                assert_int_equal(plim_region_verify(region, &err), PLIM_OK);
                plim_region_close(&region);
                continue;
            }
            assert_int_equal(order_open(&region, &err), PLIM_ERR_DAMAGED);
            if (strstr(err.what, DAMAGES[k].says) == NULL)
                fail_msg("%s: %s", DAMAGES[k].what, err.what);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told_in_one_order_however_often_a_region_was_opened),
        cmocka_unit_test(a_long_list_is_put_in_order),
        cmocka_unit_test(what_is_made_before_a_list_in_no_order_does_not_hide_that),
        cmocka_unit_test(no_two_have_one_birth_however_far_apart_births_are),
        cmocka_unit_test(a_value_that_is_larger_than_all_data_is_damage),
        cmocka_unit_test(damage_is_found_in_order_and_out_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
