/* SPDX-License-Identifier: MIT */
/* Continuity, mappings and interned keys. Method: small domains by hand, then random ones against
   the definition; all memory is counted. */
#include <plimsoll/continuity.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"

static plim_continuity *continuity_open(fault_allocator *memory, float share, float keep)
{
    plim_continuity *continuity = NULL;
    plim_continuity_options options = {.struct_bytes = sizeof options,
                                       .element_count_max = 1000,
                                       .slew_share = share,
                                       .gauge_keep = keep,
                                       .verify = PLIM_VERIFY_FULL,
                                       .allocator = &memory->allocator};
    fault_allocator_init(memory, 0);
    assert_int_equal(plim_continuity_create(&options, &continuity, NULL), PLIM_OK);
    return continuity;
}

static void continuity_close(plim_continuity **continuity, const fault_allocator *memory)
{
    plim_continuity_destroy(continuity);
    assert_null(*continuity);
    assert_int_equal(memory->live_bytes, 0);
}

static void a_mapping_says_where_each_new_element_was(void **state)
{
    (void)state;
    static const uint32_t old_ids[] = {7, 3, 9};
    static const uint32_t new_ids[] = {9, 1, 7};
    int32_t scratch[10];
    int32_t map[3];
    assert_int_equal(plim_mapping_make(old_ids, 3, new_ids, 3, 10, scratch, map), PLIM_OK);
    assert_int_equal(map[0], 2);
    assert_int_equal(map[1], PLIM_MAPPING_NEW);
    assert_int_equal(map[2], 0);
    assert_int_equal(plim_mapping_make(old_ids, 3, NULL, 0, 10, scratch, NULL), PLIM_OK);
    assert_int_equal(plim_mapping_make(NULL, 0, new_ids, 3, 10, scratch, map), PLIM_OK);
    assert_int_equal(map[0], PLIM_MAPPING_NEW);
}

static void a_mapping_refuses_ids_twice_and_beyond_the_end(void **state)
{
    (void)state;
    static const uint32_t good[] = {0, 1, 2};
    static const uint32_t twice_known[] = {2, 1, 2};
    static const uint32_t twice_new[] = {5, 1, 5};
    static const uint32_t beyond[] = {0, 10, 2};
    int32_t scratch[10];
    int32_t map[3];
    assert_int_equal(plim_mapping_make(good, 3, twice_known, 3, 10, scratch, map), PLIM_ERR_USAGE);
    assert_int_equal(plim_mapping_make(good, 3, twice_new, 3, 10, scratch, map), PLIM_ERR_USAGE);
    assert_int_equal(plim_mapping_make(twice_new, 3, good, 3, 10, scratch, map), PLIM_ERR_USAGE);
    assert_int_equal(plim_mapping_make(good, 3, beyond, 3, 10, scratch, map), PLIM_ERR_USAGE);
    assert_int_equal(plim_mapping_make(beyond, 3, good, 3, 10, scratch, map), PLIM_ERR_USAGE);
}

static void what_is_shown_does_not_jump_when_the_domain_changes(void **state)
{
    (void)state;
    static const uint32_t before[] = {10, 11, 12};
    static const uint32_t after[] = {12, 13, 10};
    fault_allocator memory;
    plim_continuity *continuity = continuity_open(&memory, 1.0f, 0.5f);
    uint32_t x;
    float shown[3];
    assert_int_equal(plim_continuity_target(continuity, "x", &x, NULL), PLIM_OK);
    assert_int_equal(plim_continuity_change(continuity, before, 3, NULL), PLIM_OK);
    const float old_values[] = {100, 200, 300};
    assert_int_equal(plim_continuity_apply(continuity, x, old_values, shown), PLIM_OK);
    assert_true(shown[0] == 100 && shown[1] == 200 && shown[2] == 300); /* new: as computed */
    assert_int_equal(plim_continuity_change(continuity, after, 3, NULL), PLIM_OK);
    const float new_values[] = {0, 50, 0}; /* the layout of three others */
    assert_int_equal(plim_continuity_apply(continuity, x, new_values, shown), PLIM_OK);
    assert_true(shown[0] == 300); /* 12 stays where it was */
    assert_true(shown[1] == 50);  /* 13 is new */
    assert_true(shown[2] == 100); /* 10 stays */
    assert_int_equal(plim_continuity_apply(continuity, x, new_values, shown), PLIM_OK);
    assert_true(shown[0] == 150 && shown[1] == 50 && shown[2] == 50); /* half of the offset */
    continuity_close(&continuity, &memory);
}

static void no_change_and_no_target_takes_memory(void **state)
{
    (void)state;
    fault_allocator memory;
    plim_continuity *continuity = continuity_open(&memory, 0.5f, 0.9f);
    plim_pool *pools[PLIM_CONTINUITY_POOLS];
    plim_pool_stats stats;
    uint64_t requests = memory.requests;
    uint32_t targets[4];
    static uint32_t ids[1000];
    static float values[1000];
    for (int t = 0; t < 4; t++) {
        char name[8];
        (void)snprintf(name, sizeof name, "t%d", t);
        assert_int_equal(plim_continuity_target(continuity, name, &targets[t], NULL), PLIM_OK);
    }
    plim_error err = {0};
    uint32_t fifth = 99;
    assert_int_equal(plim_continuity_target(continuity, "t4", &fifth, &err), PLIM_ERR_LIMIT);
    assert_int_equal(plim_continuity_target(continuity, "t2", &fifth, NULL), PLIM_OK);
    assert_int_equal(fifth, targets[2]);
    for (uint32_t round = 0; round < 100; round++) {
        uint32_t count = 1 + round * 37 % 1000;
        for (uint32_t i = 0; i < count; i++)
            ids[i] = (i * 7 + round) % 1000; /* 7 and 1000 share no factor: none twice */
        assert_int_equal(plim_continuity_change(continuity, ids, count, NULL), PLIM_OK);
        for (int t = 0; t < 4; t++)
            assert_int_equal(plim_continuity_apply(continuity, targets[t], values, values),
                             PLIM_OK);
    }
    assert_int_equal(plim_continuity_apply(continuity, 4, values, values), PLIM_ERR_USAGE);
    assert_int_equal(memory.requests, requests);
    plim_continuity_pools(continuity, pools);
    static const uint32_t in_use[] = {4, 4, 0, 1, 0};
    static const uint32_t most[] = {4, 4, 2, 1, 2};
    for (int p = 0; p < PLIM_CONTINUITY_POOLS; p++) {
        plim_pool_stats_read(pools[p], &stats);
        assert_int_equal(stats.in_use, in_use[p]);
        assert_int_equal(stats.pinned, in_use[p]);
        assert_int_equal(stats.high_water, most[p]);
        assert_int_equal(plim_pool_verify(pools[p], NULL), PLIM_OK);
    }
    continuity_close(&continuity, &memory);
}

static void a_refused_change_leaves_what_is_shown(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1, 2};
    static const uint32_t bad[] = {2, 1000};
    static uint32_t many[1001];
    fault_allocator memory;
    plim_continuity *continuity = continuity_open(&memory, 1.0f, 0.0f);
    uint32_t x;
    float values[] = {5, 6};
    float shown[2];
    plim_error err = {0};
    assert_int_equal(plim_continuity_target(continuity, "x", &x, NULL), PLIM_OK);
    assert_int_equal(plim_continuity_change(continuity, ids, 2, NULL), PLIM_OK);
    assert_int_equal(plim_continuity_apply(continuity, x, values, shown), PLIM_OK);
    assert_int_equal(plim_continuity_change(continuity, bad, 2, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_continuity_change(continuity, many, 1001, &err), PLIM_ERR_LIMIT);
    assert_non_null(strstr(err.what, "1001"));
    assert_non_null(strstr(err.what, "1000"));
    assert_int_equal(plim_continuity_apply(continuity, x, values, shown), PLIM_OK);
    assert_true(shown[0] == 5 && shown[1] == 6);
    continuity_close(&continuity, &memory);
}

static void every_refused_request_of_create_leaves_nothing_behind(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        fault_allocator memory;
        plim_continuity *continuity = NULL;
        fault_allocator_init(&memory, n);
        plim_continuity_options options = {.struct_bytes = sizeof options,
                                           .allocator = &memory.allocator};
        plim_status status = plim_continuity_create(&options, &continuity, NULL);
        if (status == PLIM_OK) {
            assert_int_equal(memory.refused, 0);
            assert_true(n > 6); /* its record, five pools, the names */
            plim_continuity_destroy(&continuity);
            return;
        }
        assert_int_equal(status, PLIM_ERR_NO_MEMORY);
        assert_null(continuity);
        assert_int_equal(memory.live_bytes, 0);
    }
}

static void a_key_is_one_number_for_ever_and_takes_no_memory(void **state)
{
    (void)state;
    fault_allocator memory;
    plim_intern *keys = NULL;
    fault_allocator_init(&memory, 0);
    plim_intern_options options = {.struct_bytes = sizeof options,
                                   .key_count_max = 1000,
                                   .key_bytes_max = 8000,
                                   .allocator = &memory.allocator};
    assert_int_equal(plim_intern_create(&options, &keys, NULL), PLIM_OK);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            struct {
                uint32_t field, instance;
            } key = {i / 10, i % 10};
            uint32_t id = 0;
            assert_int_equal(plim_intern_key(keys, &key, sizeof key, &id, NULL), PLIM_OK);
            assert_int_equal(id, i);
            assert_int_equal(plim_intern_find(keys, &key, sizeof key), i);
            size_t bytes = 0;
            const char *text = plim_intern_text(keys, id, &bytes);
            assert_int_equal(bytes, sizeof key);
            assert_memory_equal(text, &key, sizeof key);
            assert_int_equal(text[bytes], 0);
        }
        assert_int_equal(memory.requests, 1);
    }
    uint32_t id;
    plim_error err = {0};
    assert_int_equal(plim_intern_key(keys, "new", 3, &id, &err), PLIM_ERR_LIMIT);
    assert_non_null(strstr(err.what, "1000"));
    assert_int_equal(plim_intern_find(keys, "new", 3), PLIM_INTERN_NONE);
    assert_null(plim_intern_text(keys, 1000, NULL));
    plim_intern_destroy(&keys);
    assert_int_equal(memory.live_bytes, 0);
}

static void a_sealed_table_finds_and_enters_nothing(void **state)
{
    (void)state;
    plim_intern *keys = NULL;
    uint32_t id = 7;
    plim_intern_options options = {
        .struct_bytes = sizeof options, .key_count_max = 10, .key_bytes_max = 5};
    assert_int_equal(plim_intern_create(&options, &keys, NULL), PLIM_OK);
    assert_int_equal(plim_intern_key(keys, "", 0, &id, NULL), PLIM_OK);
    assert_int_equal(id, 0);
    assert_int_equal(plim_intern_key(keys, "abc", 3, &id, NULL), PLIM_OK);
    assert_int_equal(id, 1);
    static char too_long[PLIM_INTERN_KEY_BYTES_MAX + 1];
    assert_int_equal(plim_intern_key(keys, too_long, sizeof too_long, &id, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_intern_key(keys, "twelve bytes", 12, &id, NULL), PLIM_ERR_LIMIT);
    plim_intern_seal(keys);
    assert_int_equal(plim_intern_key(keys, "x", 1, &id, NULL), PLIM_ERR_SEALED);
    assert_int_equal(plim_intern_key(keys, "abc", 3, &id, NULL), PLIM_OK);
    assert_string_equal(plim_intern_text(keys, 1, NULL), "abc");
    assert_int_equal(plim_intern_count(keys), 2);
    plim_intern_destroy(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_says_where_each_new_element_was),
        cmocka_unit_test(a_mapping_refuses_ids_twice_and_beyond_the_end),
        cmocka_unit_test(what_is_shown_does_not_jump_when_the_domain_changes),
        cmocka_unit_test(no_change_and_no_target_takes_memory),
        cmocka_unit_test(a_refused_change_leaves_what_is_shown),
        cmocka_unit_test(every_refused_request_of_create_leaves_nothing_behind),
        cmocka_unit_test(a_key_is_one_number_for_ever_and_takes_no_memory),
        cmocka_unit_test(a_sealed_table_finds_and_enters_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
