/* SPDX-License-Identifier: MIT */
/* Pools. Method: each case makes its own pool on a counting allocator. */
#include <plimsoll/pool.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"

typedef struct pool_world {
    fault_allocator memory;
    plim_pool *pool;
    uint32_t panics;
    char invariant[8];
    char site[64];
} pool_world;

static void pool_world_panic(void *ctx, const plim_panic *panic)
{
    pool_world *world = ctx;
    world->panics++;
    (void)snprintf(world->invariant, sizeof world->invariant, "%s", panic->invariant);
    (void)snprintf(world->site, sizeof world->site, "%s", panic->site);
}

static void pool_world_open(pool_world *world, plim_pool_options options)
{
    memset(world, 0, sizeof *world);
    fault_allocator_init(&world->memory, 0);
    options.struct_bytes = sizeof options;
    options.allocator = &world->memory.allocator;
    options.panic = pool_world_panic;
    options.panic_ctx = world;
    if (options.name == NULL)
        options.name = "test";
    if (options.format.name == NULL)
        options.format = (plim_format)PLIM_FORMAT_F32;
    assert_int_equal(plim_pool_create(&options, &world->pool, NULL), PLIM_OK);
}

static void pool_world_close(pool_world *world)
{
    plim_pool_destroy(&world->pool);
    assert_null(world->pool);
    assert_int_equal(world->memory.live_bytes, 0);
}

static plim_buffer pool_get(pool_world *world, size_t count)
{
    plim_buffer buffer = {0};
    assert_int_equal(plim_pool_acquire(world->pool, count, &buffer, NULL), PLIM_OK);
    assert_non_null(buffer.data);
    return buffer;
}

static plim_pool_stats pool_stats(const pool_world *world)
{
    plim_pool_stats stats;
    plim_pool_stats_read(world->pool, &stats);
    return stats;
}

static bool pool_is_emulated(void)
{
#ifdef PLIM_POOL_EMULATED_BUILD
    return true;
#else
    return false;
#endif
}

static void all_memory_is_taken_by_create_and_none_later(void **state)
{
    (void)state;
    pool_world world;
    pool_world_open(&world, (plim_pool_options){.slot_count = 8, .element_count_max = 1000});
    uint64_t requests = world.memory.requests;
    int64_t live = world.memory.live_bytes;
    assert_int_equal(requests, 1);
    if (!pool_is_emulated())
        assert_true(live >= 8 * 1000 * 4);
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < 8; i++)
            (void)pool_get(&world, 1000 - i);
        assert_int_equal(plim_pool_release_all(world.pool), 8);
    }
    assert_int_equal(world.memory.requests, requests);
    assert_int_equal(world.memory.live_bytes, live);
    pool_world_close(&world);
}

static void a_request_above_the_cap_is_refused_with_both_numbers(void **state)
{
    (void)state;
    pool_world world;
    plim_error err = {0};
    plim_buffer buffer = {.element_count = 7};
    pool_world_open(&world, (plim_pool_options){.slot_count = 1});
    assert_int_equal(plim_pool_acquire(world.pool, 15001, &buffer, &err), PLIM_ERR_LIMIT);
    assert_non_null(strstr(err.what, "15001"));
    assert_non_null(strstr(err.what, "15000"));
    assert_int_equal(buffer.element_count, 7);
    assert_int_equal(pool_stats(&world).in_use, 0);
    assert_int_equal(pool_stats(&world).refused_total, 1);
    (void)pool_get(&world, 15000);
    pool_world_close(&world);
}

static void a_full_pool_refuses_and_names_who_holds_the_oldest(void **state)
{
    (void)state;
    pool_world world;
    plim_error err = {0};
    plim_buffer buffer = {0};
    pool_world_open(&world, (plim_pool_options){.slot_count = 2,
                                                .element_count_max = 4,
                                                .verify = PLIM_VERIFY_STANDARD});
    assert_int_equal(plim_pool_acquire_at(world.pool, 4, "who.c:1", &buffer, NULL), PLIM_OK);
    assert_int_equal(plim_pool_acquire_at(world.pool, 4, "who.c:2", &buffer, NULL), PLIM_OK);
    plim_pool_stats before = pool_stats(&world);
    assert_int_equal(plim_pool_acquire(world.pool, 4, &buffer, &err), PLIM_ERR_BUDGET);
    assert_non_null(strstr(err.what, "all 2 buffers"));
    assert_non_null(strstr(err.what, "who.c:1"));
    assert_int_equal(pool_stats(&world).in_use, before.in_use);
    assert_int_equal(pool_stats(&world).acquired_total, before.acquired_total);
    pool_world_close(&world);
}

static void a_released_slot_is_refused_for_ever(void **state)
{
    (void)state;
    pool_world world;
    pool_world_open(&world, (plim_pool_options){.slot_count = 1,
                                                .element_count_max = 4,
                                                .verify = PLIM_VERIFY_STANDARD});
    plim_buffer first = pool_get(&world, 4);
    assert_int_equal(plim_pool_release(world.pool, first.slot, NULL), PLIM_OK);
    plim_error err = {0};
    assert_int_equal(plim_pool_release(world.pool, first.slot, &err), PLIM_ERR_STALE);
    assert_non_null(strstr(err.what, "already"));
    assert_non_null(strstr(err.what, "test_pool.c:"));
    for (int i = 0; i < 1000; i++) {
        plim_buffer again = pool_get(&world, 4);
        assert_int_equal(plim_pool_release(world.pool, first.slot, NULL), PLIM_ERR_STALE);
        assert_null(plim_pool_data(world.pool, first.slot));
        assert_ptr_equal(plim_pool_data(world.pool, again.slot), again.data);
        if (i % 2 == 0)
            assert_int_equal(plim_pool_release(world.pool, again.slot, NULL), PLIM_OK);
        else
            assert_int_equal(plim_pool_release_all(world.pool), 1);
    }
    assert_int_equal(pool_stats(&world).stale_total, 1001);
    pool_world_close(&world);
}

static void a_slot_of_another_pool_is_refused_by_both(void **state)
{
    (void)state;
    pool_world here, there;
    pool_world_open(&here, (plim_pool_options){.slot_count = 1, .element_count_max = 4});
    pool_world_open(&there, (plim_pool_options){.slot_count = 1, .element_count_max = 4});
    plim_buffer a = pool_get(&here, 4);
    plim_buffer b = pool_get(&there, 4);
    plim_error err = {0};
    assert_int_equal(plim_pool_release(there.pool, a.slot, &err), PLIM_ERR_STALE);
    assert_non_null(strstr(err.what, "not one of pool"));
    assert_int_equal(plim_pool_release(here.pool, b.slot, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_pool_release(here.pool, (plim_slot){0}, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_pool_release(here.pool, a.slot, NULL), PLIM_OK);
    pool_world_close(&here);
    pool_world_close(&there);
}

static void the_first_element_finds_its_slot_and_no_other_address_does(void **state)
{
    (void)state;
    pool_world world;
    float elsewhere = 0;
    plim_slot slot;
    pool_world_open(&world, (plim_pool_options){.slot_count = 70, .element_count_max = 33});
    plim_buffer buffers[70];
    for (int i = 0; i < 70; i++)
        buffers[i] = pool_get(&world, 33);
    for (int i = 0; i < 70; i++) {
        assert_int_equal(plim_pool_find(world.pool, buffers[i].data, &slot), PLIM_OK);
        assert_memory_equal(&slot, &buffers[i].slot, sizeof slot);
        const float *inner = (const float *)buffers[i].data + 1;
        assert_int_equal(plim_pool_find(world.pool, inner, &slot), PLIM_ERR_STALE);
    }
    assert_int_equal(plim_pool_find(world.pool, NULL, &slot), PLIM_ERR_STALE);
    assert_int_equal(plim_pool_find(world.pool, &elsewhere, &slot), PLIM_ERR_STALE);
    const void *gone = buffers[3].data;
    assert_int_equal(plim_pool_release(world.pool, buffers[3].slot, NULL), PLIM_OK);
    assert_int_equal(plim_pool_find(world.pool, gone, &slot), PLIM_ERR_STALE);
    pool_world_close(&world);
}

static void pinned_slots_stay_and_unpinned_ones_go(void **state)
{
    (void)state;
    pool_world world;
    pool_world_open(&world, (plim_pool_options){.slot_count = 3, .element_count_max = 4});
    plim_buffer kept = pool_get(&world, 4);
    (void)pool_get(&world, 4);
    assert_int_equal(plim_pool_pin(world.pool, kept.slot), PLIM_OK);
    memset(kept.data, 7, 16);
    assert_int_equal(plim_pool_release_all(world.pool), 1);
    assert_int_equal(pool_stats(&world).pinned, 1);
    assert_int_equal(((unsigned char *)kept.data)[15], 7);
    plim_pool_holder holder;
    assert_true(plim_pool_holder_read(world.pool, 0, &holder));
    assert_true(holder.pinned);
    assert_non_null(strstr(holder.site, "test_pool.c:"));
    assert_false(plim_pool_holder_read(world.pool, 1, &holder));
    assert_int_equal(plim_pool_unpin(world.pool, kept.slot), PLIM_OK);
    assert_int_equal(plim_pool_release_all(world.pool), 1);
    assert_int_equal(plim_pool_pin(world.pool, kept.slot), PLIM_ERR_STALE);
    assert_int_equal(plim_pool_unpin(world.pool, kept.slot), PLIM_ERR_STALE);
    pool_world_close(&world);
}

static void equal_frames_get_equal_buffers(void **state)
{
    (void)state;
    pool_world world;
    void *first[100];
    pool_world_open(&world, (plim_pool_options){.slot_count = 100, .element_count_max = 4});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            void *data = pool_get(&world, 4).data;
            if (round == 0 || pool_is_emulated())
                first[i] = data;
            assert_ptr_equal(data, first[i]);
        }
        assert_int_equal(plim_pool_release_all(world.pool), 100);
    }
    pool_world_close(&world);
}

static void sixty_four_starts_fall_into_sixty_four_cache_sets(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 16, 1000, 1024, 15000, 15360, 16384};
    if (pool_is_emulated())
        return; /* there every buffer is the C library's */
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        pool_world world;
        bool taken[64] = {false};
        pool_world_open(&world,
                        (plim_pool_options){.slot_count = 64, .element_count_max = counts[c]});
        for (int i = 0; i < 64; i++) {
            uintptr_t at = (uintptr_t)pool_get(&world, counts[c]).data;
            assert_int_equal(at % 64, 0);
            assert_false(taken[at / 64 % 64]);
            taken[at / 64 % 64] = true;
        }
        pool_world_close(&world);
    }
}

static void released_floats_are_nan_and_others_deadbeef_from_standard_on(void **state)
{
    (void)state;
    static const plim_format formats[] = {PLIM_FORMAT_F32, PLIM_FORMAT_F64, PLIM_FORMAT_RGBA8};
    if (pool_is_emulated())
        return; /* a released buffer is gone there: reading it is a report */
    for (size_t f = 0; f < 3; f++) {
        pool_world world;
        pool_world_open(&world, (plim_pool_options){.slot_count = 1,
                                                    .element_count_max = 100,
                                                    .format = formats[f],
                                                    .verify = PLIM_VERIFY_STANDARD});
        plim_buffer buffer = pool_get(&world, 100);
        memset(buffer.data, 0, 100 * formats[f].element_bytes);
        if (f == 0) {
            assert_int_equal(plim_pool_release(world.pool, buffer.slot, NULL), PLIM_OK);
            assert_true(isnan(((float *)buffer.data)[99]));
        } else {
            assert_int_equal(plim_pool_release_all(world.pool), 1);
            if (f == 1)
                assert_true(isnan(((double *)buffer.data)[99]));
            else
                assert_int_equal(((uint32_t *)buffer.data)[99], 0xDEADBEEF);
        }
        pool_world_close(&world);
    }
}

static void descriptors_keep_their_contents(void **state)
{
    (void)state;
    typedef struct render_pass {
        uint32_t shader;
        float matrix[16];
    } render_pass;
    plim_format format = {"render_pass", sizeof(render_pass), PLIM_POISON_NONE};
    pool_world world;
    pool_world_open(&world, (plim_pool_options){.slot_count = 10,
                                                .element_count_max = 1,
                                                .format = format,
                                                .verify = PLIM_VERIFY_FULL});
    for (int frame = 0; frame < 100; frame++) {
        for (uint32_t i = 0; i < 10; i++) {
            render_pass *pass = pool_get(&world, 1).data;
            if (frame > 0)
                assert_int_equal(pass->shader, i + 1);
            pass->shader = i + 1;
        }
        assert_int_equal(plim_pool_release_all(world.pool), 10);
    }
    assert_int_equal(world.panics, 0);
    pool_world_close(&world);
}

static void full_finds_writes_before_behind_and_after_release(void **state)
{
    (void)state;
    if (pool_is_emulated())
        return; /* AddressSanitizer's part there: test_pool_overrun */
    pool_world world;
    pool_world_open(
        &world,
        (plim_pool_options){.slot_count = 2, .element_count_max = 100, .verify = PLIM_VERIFY_FULL});
    for (int at = 0; at < 3; at++) {
        static const ptrdiff_t wrong[] = {-1, 50 * 4, 50 * 4 + 63};
        plim_buffer buffer = pool_get(&world, 50); /* less than there is room for */
        ((unsigned char *)buffer.data)[wrong[at]] = 0;
        plim_error err = {0};
        assert_int_equal(plim_pool_verify(world.pool, &err), PLIM_ERR_INTERNAL);
        assert_non_null(strstr(err.what, "P8"));
        assert_int_equal(plim_pool_release(world.pool, buffer.slot, NULL), PLIM_ERR_INTERNAL);
        assert_int_equal(world.panics, at + 1);
        assert_string_equal(world.invariant, "P8");
        assert_non_null(strstr(world.site, "test_pool.c:"));
        assert_int_equal(plim_pool_release(world.pool, buffer.slot, NULL), PLIM_OK);
    }
    plim_buffer late = pool_get(&world, 50);
    assert_int_equal(plim_pool_release(world.pool, late.slot, NULL), PLIM_OK);
    ((float *)late.data)[49] = 1.0f;
    plim_buffer buffer;
    assert_int_equal(plim_pool_verify(world.pool, NULL), PLIM_ERR_INTERNAL);
    assert_int_equal(plim_pool_acquire(world.pool, 1, &buffer, NULL), PLIM_ERR_INTERNAL);
    assert_string_equal(world.invariant, "P5");
    assert_int_equal(plim_pool_acquire(world.pool, 1, &buffer, NULL), PLIM_OK);
    pool_world_close(&world);
}

static void a_lazy_pool_grows_to_its_high_water_mark_and_never_back(void **state)
{
    (void)state;
    if (pool_is_emulated())
        return;
    for (int level = PLIM_VERIFY_MINIMAL; level <= PLIM_VERIFY_REDUNDANT; level++) {
        pool_world world;
        pool_world_open(&world, (plim_pool_options){.slot_count = 8,
                                                    .element_count_max = 1000,
                                                    .policy = PLIM_POOL_LAZY,
                                                    .verify = (plim_verify)level});
        assert_true(world.memory.live_bytes < 4096);
        for (int i = 0; i < 3; i++)
            memset(pool_get(&world, 1000).data, i, 4000);
        assert_int_equal(plim_pool_release_all(world.pool), 3);
        int64_t warm = world.memory.live_bytes;
        uint64_t requests = world.memory.requests;
        assert_int_equal(pool_stats(&world).held_bytes, warm);
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 3; i++)
                memset(pool_get(&world, 1000).data, i, 4000);
            assert_int_equal(plim_pool_release_all(world.pool), 3);
        }
        assert_int_equal(world.memory.live_bytes, warm);
        assert_int_equal(world.memory.requests, requests);
        assert_int_equal(pool_stats(&world).high_water, 3);
        assert_int_equal(world.panics, 0);
        world.memory.fail_at = world.memory.requests + 1;
        plim_buffer four[4];
        for (int i = 0; i < 3; i++)
            four[i] = pool_get(&world, 1);
        assert_int_equal(plim_pool_acquire(world.pool, 1, &four[3], NULL), PLIM_ERR_NO_MEMORY);
        assert_int_equal(pool_stats(&world).in_use, 3);
        pool_world_close(&world);
    }
}

static void options_that_make_no_pool_are_refused(void **state)
{
    (void)state;
    plim_pool *pool = NULL;
    const plim_pool_options good = {
        .struct_bytes = sizeof good, .name = "good", .format = PLIM_FORMAT_F32, .slot_count = 1};
    plim_pool_options bad[7] = {good, good, good, good, good, good, good};
    bad[0].struct_bytes = 4;
    bad[1].name = "";
    bad[2].name = "a name of more than thirty-one bytes";
    bad[3].format.name = NULL;
    bad[4].slot_count = PLIM_POOL_SLOTS_MAX + 1;
    bad[5].format.element_bytes = 0;
    bad[6].slot_count = 0;
    for (int i = 0; i < 7; i++)
        assert_int_equal(plim_pool_create(&bad[i], &pool, NULL), PLIM_ERR_USAGE);
    plim_pool_options refused = good;
    plim_error err = {0};
    fault_allocator memory;
    fault_allocator_init(&memory, 1);
    refused.allocator = &memory.allocator;
    assert_int_equal(plim_pool_create(&refused, &pool, &err), PLIM_ERR_NO_MEMORY);
    assert_non_null(strstr(err.what, "good wants"));
    assert_null(pool);
}

static void every_count_of_slots_holds_exactly_so_many(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        pool_world world;
        plim_buffer buffer;
        pool_world_open(&world,
                        (plim_pool_options){.slot_count = counts[c], .element_count_max = 1});
        for (uint32_t i = 0; i < counts[c]; i++)
            (void)pool_get(&world, 1);
        assert_int_equal(plim_pool_verify(world.pool, NULL), PLIM_OK);
        assert_int_equal(plim_pool_acquire(world.pool, 1, &buffer, NULL), PLIM_ERR_BUDGET);
        assert_int_equal(plim_pool_release_all(world.pool), counts[c]);
        assert_int_equal(plim_pool_verify(world.pool, NULL), PLIM_OK);
        assert_int_equal(pool_stats(&world).high_water, counts[c]);
        pool_world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_memory_is_taken_by_create_and_none_later),
        cmocka_unit_test(a_request_above_the_cap_is_refused_with_both_numbers),
        cmocka_unit_test(a_full_pool_refuses_and_names_who_holds_the_oldest),
        cmocka_unit_test(a_released_slot_is_refused_for_ever),
        cmocka_unit_test(a_slot_of_another_pool_is_refused_by_both),
        cmocka_unit_test(the_first_element_finds_its_slot_and_no_other_address_does),
        cmocka_unit_test(pinned_slots_stay_and_unpinned_ones_go),
        cmocka_unit_test(equal_frames_get_equal_buffers),
        cmocka_unit_test(sixty_four_starts_fall_into_sixty_four_cache_sets),
        cmocka_unit_test(released_floats_are_nan_and_others_deadbeef_from_standard_on),
        cmocka_unit_test(descriptors_keep_their_contents),
        cmocka_unit_test(full_finds_writes_before_behind_and_after_release),
        cmocka_unit_test(a_lazy_pool_grows_to_its_high_water_mark_and_never_back),
        cmocka_unit_test(options_that_make_no_pool_are_refused),
        cmocka_unit_test(every_count_of_slots_holds_exactly_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
