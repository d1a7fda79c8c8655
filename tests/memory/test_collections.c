/* SPDX-License-Identifier: MIT */
/* Collections. Method: by hand for each rule; vectors and maps against naive twins on random
   operations, seeds printed; every allocation refused in turn. All from the counting allocator, so
   that a hidden allocation or a byte not given back is seen. */
#include <plimsoll/collections.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fault_allocator.h"

PLIM_DOMAIN("collections");

struct point {
    int32_t x, y;
};

static uint64_t point_hash(struct point p)
{
    return (uint64_t)(uint32_t)p.x << 32 | (uint32_t)p.y;
}

#define POINT_EQUAL(a, b) ((a).x == (b).x && (a).y == (b).y)
#define ONE_HASH(key)     ((void)(key), 7u)

PLIM_VECTOR(numbers, int);
PLIM_VECTOR(points, struct point);
PLIM_MAP(ages, const char *, int, plim_text_hash, plim_text_equal);
PLIM_MAP(squares, uint64_t, uint64_t, plim_key_hash, plim_key_equal);
PLIM_MAP(places, struct point, char, point_hash, POINT_EQUAL);
PLIM_MAP(colliders, uint64_t, uint64_t, ONE_HASH, plim_key_equal);

typedef struct world {
    fault_allocator fault;
} world;

static int world_make(void **state)
{
    static world one;
    fault_allocator_init(&one.fault, 0);
    *state = &one;
    return 0;
}

static int world_check(void **state)
{
    world *w = *state;
    return w->fault.live_bytes == 0 ? 0 : -1;
}

static const plim_allocator *from(void **state)
{
    return &((world *)*state)->fault.allocator;
}

static void a_full_vector_refuses_and_keeps_what_it_has(void **state)
{
    numbers list;
    assert_int_equal(numbers_init_in(&list, from(state), 2), PLIM_OK);
    assert_int_equal(numbers_push(&list, 10), PLIM_OK);
    assert_int_equal(numbers_push(&list, 20), PLIM_OK);
    assert_int_equal(numbers_push(&list, 30), PLIM_ERR_LIMIT);
    assert_int_equal(numbers_insert(&list, 0, 30), PLIM_ERR_LIMIT);
    assert_int_equal(numbers_count(&list), 2);
    int first = 0, second = 0;
    assert_int_equal(numbers_get(&list, 0, &first), PLIM_OK);
    assert_int_equal(numbers_get(&list, 1, &second), PLIM_OK);
    assert_int_equal(first, 10);
    assert_int_equal(second, 20);
    numbers_fini(&list);
}

static void an_index_out_of_range_is_a_status_and_sets_nothing(void **state)
{
    numbers list;
    int out = 99;
    assert_int_equal(numbers_init_in(&list, from(state), 4), PLIM_OK);
    assert_int_equal(numbers_push(&list, 1), PLIM_OK);
    const size_t outside[] = {1, 2, 4, 5, SIZE_MAX};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(numbers_get(&list, outside[i], &out), PLIM_ERR_NOT_FOUND);
        assert_int_equal(numbers_set(&list, outside[i], 5), PLIM_ERR_NOT_FOUND);
        assert_int_equal(numbers_remove(&list, outside[i], &out), PLIM_ERR_NOT_FOUND);
        assert_null(numbers_at(&list, outside[i]));
        if (outside[i] > 1)
            assert_int_equal(numbers_insert(&list, outside[i], 5), PLIM_ERR_NOT_FOUND);
    }
    assert_int_equal(out, 99);
    assert_int_equal(numbers_pop(&list, &out), PLIM_OK);
    assert_int_equal(out, 1);
    assert_int_equal(numbers_pop(&list, &out), PLIM_ERR_NOT_FOUND);
    numbers_fini(&list);
}

static void a_collection_of_all_zero_has_capacity_0_and_every_call_is_defined(void **state)
{
    (void)state;
    numbers list = {0};
    squares map = {0};
    plim_string text = {0};
    uint64_t out;
    char byte;
    assert_int_equal(numbers_push(&list, 1), PLIM_ERR_LIMIT);
    assert_int_equal(numbers_pop(&list, NULL), PLIM_ERR_NOT_FOUND);
    assert_null(numbers_next(&list, NULL));
    assert_int_equal(squares_put(&map, 1, 1), PLIM_ERR_LIMIT);
    assert_int_equal(squares_get(&map, 1, &out), PLIM_ERR_NOT_FOUND);
    assert_int_equal(squares_remove(&map, 1, NULL), PLIM_ERR_NOT_FOUND);
    assert_null(squares_next(&map, NULL));
    squares_clear(&map);
    assert_string_equal(plim_string_text(&text), "");
    assert_int_equal(plim_string_append(&text, "x"), PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_append(&text, ""), PLIM_OK);
    assert_int_equal(plim_string_append_format(&text, "%d", 1), PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_set(&text, ""), PLIM_OK);
    assert_int_equal(plim_string_get(&text, 0, &byte), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_remove(&text, 0, SIZE_MAX), PLIM_OK);
    plim_string_clear(&text);
    plim_string_fini(&text);
    squares_fini(&map);
    numbers_fini(&list);
}

static void a_capacity_beyond_counting_is_refused(void **state)
{
    points list;
    squares map;
    plim_string text;
    assert_int_equal(points_init_in(&list, from(state), SIZE_MAX / 4), PLIM_ERR_LIMIT);
    assert_int_equal(squares_init_in(&map, from(state), SIZE_MAX), PLIM_ERR_LIMIT);
    assert_int_equal(squares_init_in(&map, from(state), (size_t)PLIM_MAP_ENTRIES_MAX + 1),
                     PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_init_in(&text, from(state), SIZE_MAX), PLIM_ERR_LIMIT);
    assert_int_equal(numbers_init_in((numbers *)&list, NULL, 1), PLIM_ERR_STALE);
}

static void nothing_but_init_allocates(void **state)
{
    world *w = *state;
    squares map;
    numbers list;
    plim_string text;
    assert_int_equal(squares_init_in(&map, from(state), 100), PLIM_OK);
    assert_int_equal(numbers_init_in(&list, from(state), 100), PLIM_OK);
    assert_int_equal(plim_string_init_in(&text, from(state), 100), PLIM_OK);
    assert_int_equal(w->fault.requests, 3);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(squares_put(&map, i, i * i), PLIM_OK);
        assert_int_equal(numbers_push(&list, (int)i), PLIM_OK);
        assert_int_equal(plim_string_append(&text, "x"), PLIM_OK);
    }
    squares_clear(&map);
    numbers_clear(&list);
    plim_string_clear(&text);
    assert_int_equal(w->fault.requests, 3);
    squares_fini(&map);
    numbers_fini(&list);
    plim_string_fini(&text);
    plim_string_fini(&text);
    assert_int_equal(squares_capacity(&map) + numbers_capacity(&list), 0);
}

static void each_refused_init_leaves_its_collection_as_it_was(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        numbers list;
        squares map;
        plim_string text;
        memset(&list, 0x5a, sizeof list);
        memset(&map, 0x5a, sizeof map);
        memset(&text, 0x5a, sizeof text);
        unsigned char before[sizeof map];
        memset(before, 0x5a, sizeof before);
        plim_status a = numbers_init_in(&list, &fault.allocator, 10);
        plim_status b = squares_init_in(&map, &fault.allocator, 10);
        plim_status c = plim_string_init_in(&text, &fault.allocator, 10);
        assert_int_equal(a, n == 1 ? PLIM_ERR_NO_MEMORY : PLIM_OK);
        assert_int_equal(b, n == 2 ? PLIM_ERR_NO_MEMORY : PLIM_OK);
        assert_int_equal(c, n == 3 ? PLIM_ERR_NO_MEMORY : PLIM_OK);
        assert_int_equal(fault.refused, 1);
        if (a != PLIM_OK)
            assert_memory_equal(&list, before, sizeof list);
        else
            numbers_fini(&list);
        if (b != PLIM_OK)
            assert_memory_equal(&map, before, sizeof map);
        else
            squares_fini(&map);
        if (c != PLIM_OK)
            assert_memory_equal(&text, before, sizeof text);
        else
            plim_string_fini(&text);
        assert_int_equal(fault.live_bytes, 0);
    }
}

static void a_map_finds_replaces_and_removes_by_equality(void **state)
{
    ages map;
    char bob[] = "bob"; /* another address than the literal */
    int age = 0;
    assert_int_equal(ages_init_in(&map, from(state), 2), PLIM_OK);
    assert_int_equal(ages_put(&map, "bob", 30), PLIM_OK);
    assert_int_equal(ages_put(&map, "ann", 40), PLIM_OK);
    assert_int_equal(ages_put(&map, "eve", 50), PLIM_ERR_LIMIT);
    assert_int_equal(ages_put(&map, bob, 31), PLIM_OK);
    assert_int_equal(ages_count(&map), 2);
    assert_int_equal(ages_get(&map, bob, &age), PLIM_OK);
    assert_int_equal(age, 31);
    assert_int_equal(ages_get(&map, "eve", &age), PLIM_ERR_NOT_FOUND);
    assert_int_equal(age, 31);
    assert_int_equal(ages_remove(&map, bob, &age), PLIM_OK);
    assert_int_equal(ages_remove(&map, bob, &age), PLIM_ERR_NOT_FOUND);
    assert_int_equal(ages_put(&map, "eve", 50), PLIM_OK);
    const int *ann = ages_find(&map, "ann"), *eve = ages_find(&map, "eve");
    assert_true(ann != NULL && *ann == 40 && eve != NULL && *eve == 50);
    ages_fini(&map);
}

static void entries_are_removed_while_they_are_walked_over(void **state)
{
    places map;
    assert_int_equal(places_init_in(&map, from(state), 50), PLIM_OK);
    for (int32_t i = 0; i < 50; i++) {
        struct point p = {i % 10, i / 10};
        assert_int_equal(places_put(&map, p, (char)i), PLIM_OK);
    }
    unsigned seen = 0;
    for (places_entry *entry = NULL; (entry = places_next(&map, entry)) != NULL; seen++) {
        struct point key = entry->key;
        if (entry->value % 3 != 0)
            assert_int_equal(places_remove(&map, key, NULL), PLIM_OK);
    }
    assert_int_equal(seen, 50);
    assert_int_equal(places_count(&map), 17);
    for (int32_t i = 0; i < 50; i++) {
        struct point p = {i % 10, i / 10};
        assert_int_equal(places_find(&map, p) != NULL, i % 3 == 0);
    }
    places_fini(&map);
}

static void keys_that_all_collide_cost_time_alone(void **state)
{
    colliders map;
    assert_int_equal(colliders_init_in(&map, from(state), 200), PLIM_OK);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(colliders_put(&map, i, i), PLIM_OK);
    assert_int_equal(colliders_put(&map, 200, 0), PLIM_ERR_LIMIT);
    for (uint64_t i = 0; i < 200; i += 2)
        assert_int_equal(colliders_remove(&map, i, NULL), PLIM_OK);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(colliders_find(&map, i) != NULL, i % 2);
    colliders_fini(&map);
}

static void every_capacity_can_be_filled(void **state)
{
    for (size_t capacity = 0; capacity < 70; capacity++) {
        squares map;
        assert_int_equal(squares_init_in(&map, from(state), capacity), PLIM_OK);
        for (uint64_t i = 0; i < capacity; i++)
            assert_int_equal(squares_put(&map, i << 40, i), PLIM_OK);
        assert_int_equal(squares_put(&map, 1, 1), PLIM_ERR_LIMIT);
        assert_null(squares_find(&map, 1));
        for (uint64_t i = 0; i < capacity; i++) {
            uint64_t out = SIZE_MAX;
            assert_int_equal(squares_get(&map, i << 40, &out), PLIM_OK);
            assert_int_equal(out, i);
        }
        squares_fini(&map);
    }
}

/* xorshift: the seed is printed by who uses it. */
static uint32_t dice(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

static void a_map_does_what_a_plain_table_does(void **state)
{
    enum { KEYS = 40, CAPACITY = 24, STEPS = 20000 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        bool is_there[KEYS] = {false};
        uint64_t value[KEYS] = {0};
        size_t count = 0;
        squares map;
        assert_int_equal(squares_init_in(&map, from(state), CAPACITY), PLIM_OK);
        for (int step = 0; step < STEPS; step++) {
            uint32_t key = dice(&random) % KEYS, what = dice(&random) % 8;
            uint64_t hard_key = seed % 2 ? key : (uint64_t)key << 58 | key >> 6, out = 0;
            plim_status status, wanted;
            if (what < 3) {
                status = squares_put(&map, hard_key, (uint64_t)step);
                wanted = is_there[key] || count < CAPACITY ? PLIM_OK : PLIM_ERR_LIMIT;
                if (wanted == PLIM_OK) {
                    count += !is_there[key];
                    is_there[key] = true;
                    value[key] = (uint64_t)step;
                }
            } else if (what < 6) {
                status = squares_remove(&map, hard_key, &out);
                wanted = is_there[key] ? PLIM_OK : PLIM_ERR_NOT_FOUND;
                count -= is_there[key];
                is_there[key] = false;
            } else {
                status = squares_get(&map, hard_key, &out);
                wanted = is_there[key] ? PLIM_OK : PLIM_ERR_NOT_FOUND;
            }
            if (status != wanted || squares_count(&map) != count ||
                (what >= 3 && status == PLIM_OK && out != value[key])) {
                print_error("seed %llu, step %d\n", (unsigned long long)seed, step);
                assert_int_equal(status, wanted);
                fail();
            }
        }
        squares_fini(&map);
    }
}

static void a_vector_does_what_a_plain_array_does(void **state)
{
    enum { CAPACITY = 20, STEPS = 20000 };
    uint64_t random = 42;
    int twin[CAPACITY];
    size_t count = 0;
    numbers list;
    assert_int_equal(numbers_init_in(&list, from(state), CAPACITY), PLIM_OK);
    for (int step = 0; step < STEPS; step++) {
        size_t index = dice(&random) % (CAPACITY + 2);
        if (dice(&random) % 2) {
            plim_status wanted = index > count       ? PLIM_ERR_NOT_FOUND
                                 : count == CAPACITY ? PLIM_ERR_LIMIT
                                                     : PLIM_OK;
            assert_int_equal(numbers_insert(&list, index, step), wanted);
            if (wanted == PLIM_OK) {
                memmove(twin + index + 1, twin + index, (count++ - index) * sizeof twin[0]);
                twin[index] = step;
            }
        } else {
            int out = -1;
            assert_int_equal(numbers_remove(&list, index, &out),
                             index < count ? PLIM_OK : PLIM_ERR_NOT_FOUND);
            if (index < count) {
                assert_int_equal(out, twin[index]);
                memmove(twin + index, twin + index + 1, (--count - index) * sizeof twin[0]);
            }
        }
        size_t at = 0;
        for (int *item = NULL; (item = numbers_next(&list, item)) != NULL; at++)
            assert_int_equal(*item, twin[at]);
        assert_int_equal(at, count);
    }
    numbers_fini(&list);
}

static void a_text_that_does_not_fit_leaves_the_string_as_it_was(void **state)
{
    plim_string text;
    assert_int_equal(plim_string_init_in(&text, from(state), 8), PLIM_OK);
    assert_int_equal(plim_string_append(&text, "hello"), PLIM_OK);
    assert_int_equal(plim_string_append(&text, "1234"), PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_append_format(&text, "%d", 1234), PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_insert(&text, 0, "1234", 4), PLIM_ERR_LIMIT);
    assert_int_equal(plim_string_set(&text, "123456789"), PLIM_ERR_LIMIT);
    assert_string_equal(plim_string_text(&text), "hello");
    assert_int_equal(plim_string_append_format(&text, "%03d", 7), PLIM_OK);
    assert_string_equal(plim_string_text(&text), "hello007");
    assert_int_equal(plim_string_append(&text, ""), PLIM_OK);
    assert_int_equal(plim_string_append(&text, "x"), PLIM_ERR_LIMIT);
    plim_string_fini(&text);
}

static void a_string_is_changed_in_the_middle(void **state)
{
    plim_string text;
    size_t at = 0;
    char byte;
    assert_int_equal(plim_string_init_in(&text, from(state), 32), PLIM_OK);
    assert_int_equal(plim_string_set(&text, "load line"), PLIM_OK);
    assert_int_equal(plim_string_insert(&text, 4, "-", 1), PLIM_OK);
    assert_int_equal(plim_string_remove(&text, 5, 1), PLIM_OK);
    assert_string_equal(plim_string_text(&text), "load-line");
    assert_int_equal(plim_string_find(&text, "line", 0, &at), PLIM_OK);
    assert_int_equal(at, 5);
    assert_int_equal(plim_string_find(&text, "line", 6, &at), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_find(&text, "linen", 0, &at), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_find(&text, "", 9, &at), PLIM_OK);
    assert_int_equal(plim_string_find(&text, "", 10, &at), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_get(&text, 8, &byte), PLIM_OK);
    assert_int_equal(byte, 'e');
    assert_int_equal(plim_string_get(&text, 9, &byte), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_remove(&text, 8, 2), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_remove(&text, 10, 0), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_insert(&text, 10, "x", 1), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_string_insert(&text, 0, plim_string_text(&text) + 2, 3), PLIM_ERR_USAGE);
    assert_int_equal(plim_string_append(&text, plim_string_text(&text)), PLIM_OK);
    assert_string_equal(plim_string_text(&text), "load-lineload-line");
    assert_int_equal(plim_string_set(&text, plim_string_text(&text) + 14), PLIM_OK);
    assert_string_equal(plim_string_text(&text), "line");
    assert_int_equal(plim_string_append_bytes(&text, "\0!", 2), PLIM_OK);
    assert_int_equal(plim_string_count(&text), 6);
    assert_int_equal(plim_string_remove(&text, 4, SIZE_MAX), PLIM_OK);
    assert_int_equal(plim_string_count(&text), 4);
    assert_int_equal(plim_string_capacity(&text), 32);
    plim_string_fini(&text);
}

static void a_collection_is_charged_to_its_domain_or_refused_by_it(void **state)
{
    (void)state;
    plim_manager *manager = NULL;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 1 << 20};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    plim_domain_options limit = {.struct_bytes = sizeof limit, .limit_bytes = 8192};
    plim_domain domain, none = {0}, mine;
    plim_domain_stats stats;
    assert_int_equal(plim_domain_create(manager, "small", &limit, &domain, NULL), PLIM_OK);
    numbers list;
    squares map;
    plim_string text;
    assert_int_equal(numbers_init(&list, domain, 1024), PLIM_OK);
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    assert_int_equal(stats.used_bytes, 4096);
    assert_int_equal(squares_init(&map, domain, 1024), PLIM_ERR_BUDGET);
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    assert_int_equal(plim_string_init(&text, domain, 4096), PLIM_ERR_BUDGET);
    assert_int_equal(plim_string_init(&text, domain, 4095), PLIM_OK);
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    assert_int_equal(stats.used_bytes, 8192);
    numbers_fini(&list);
    plim_string_fini(&text);
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    assert_int_equal(stats.used_bytes, 0);
    plim_manager_destroy(&manager);
    assert_int_equal(numbers_init(&list, domain, 1), PLIM_ERR_STALE);
    assert_int_equal(numbers_init(&list, none, 1), PLIM_OK); /* this file's */
    assert_int_equal(plim_domain_find(NULL, "collections", &mine), PLIM_OK);
    assert_int_equal(plim_domain_stats_read(mine, &stats), PLIM_OK);
    assert_int_equal(stats.allocation_count, 1);
    numbers_fini(&list);
}

static void a_collection_takes_less_than_64_bytes_beside_its_items(void **state)
{
    (void)state;
    assert_true(sizeof(numbers) <= 48 && sizeof(squares) <= 48 && sizeof(plim_string) <= 48);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_make, world_check)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_full_vector_refuses_and_keeps_what_it_has),
        CASE(an_index_out_of_range_is_a_status_and_sets_nothing),
        CASE(a_collection_of_all_zero_has_capacity_0_and_every_call_is_defined),
        CASE(a_capacity_beyond_counting_is_refused),
        CASE(nothing_but_init_allocates),
        CASE(each_refused_init_leaves_its_collection_as_it_was),
        CASE(a_map_finds_replaces_and_removes_by_equality),
        CASE(entries_are_removed_while_they_are_walked_over),
        CASE(keys_that_all_collide_cost_time_alone),
        CASE(every_capacity_can_be_filled),
        CASE(a_map_does_what_a_plain_table_does),
        CASE(a_vector_does_what_a_plain_array_does),
        CASE(a_text_that_does_not_fit_leaves_the_string_as_it_was),
        CASE(a_string_is_changed_in_the_middle),
        CASE(a_collection_is_charged_to_its_domain_or_refused_by_it),
        CASE(a_collection_takes_less_than_64_bytes_beside_its_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
