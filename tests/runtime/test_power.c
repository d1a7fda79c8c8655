/* SPDX-License-Identifier: MIT */
/*
 * The power goes. Method: the runtime on the simulated platform, whose disk has of what was not
 * synced any pages it likes, some of them half. Each round makes a region, changes it, syncs, goes
 * on or not, and loses power; the number of a round gives all of it.
 * What plim_region_sync() promises, and no more: with nothing written since, the region is what it
 * was when the call returned. With something written since it may be refused as damaged, or hold a
 * mixture: the cases below show that both happen, so nobody may rely on more.
 */
#include <plimsoll/region.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"

enum { ROUNDS = 1500, SEEN_BYTES = 64 << 10, LARGE = 3000, SMALL = 40, LIVE_MAX = 60 };

static uint64_t next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

static plim_status world_open(plim_region **out_region, plim_error *err)
{
    const plim_region_options options = {.struct_bytes = sizeof options,
                                         .name = "disk",
                                         .object_max = 64,
                                         .type_max = 4,
                                         .field_max = 8,
                                         .name_max = 8,
                                         .text_bytes = 512,
                                         .data_bytes = 256 << 10,
                                         .value_max = 4096};
    return plim_region_open(&options, out_region, err);
}

/* Makes, replaces, ends: count of them. */
static void world_change(plim_region *region, uint64_t *random, uint32_t count, bool is_written)
{
    static const plim_ref NONE = {0, 0};
    uint16_t types[2];
    unsigned char value[LARGE];
    assert_int_equal(plim_region_type(region, "large", LARGE, NULL, 0, &types[0], NULL), PLIM_OK);
    assert_int_equal(plim_region_type(region, "small", SMALL, NULL, 0, &types[1], NULL), PLIM_OK);
    for (uint32_t i = 0; i < count; i++) {
        plim_region_object object;
        plim_ref last = NONE;
        uint64_t skip = next(random) % LIVE_MAX;
        for (uint32_t at = 0; plim_region_next(region, &at, &object) && skip-- > 0;)
            last = object.ref;
        memset(value, (int)(next(random) % 255) + 1, sizeof value);
        plim_ref made;
        plim_status status = PLIM_OK;
        if (next(random) % 3 == 0)
            status = plim_region_release(region, last);
        else if (next(random) % 2 == 0)
            status =
                plim_region_allocate(region, types[next(random) % 2], value, i % 3, last, &made);
        else if (plim_region_describe(region, last, &object) == PLIM_OK)
            status = plim_region_set(region, last, value, object.size_bytes);
        assert_true(status == PLIM_OK || status == PLIM_ERR_STALE || status == PLIM_ERR_LIMIT);
        if (is_written && next(random) % 4 == 0)
            plim__sim_write_some(next(random));
    }
}

/* All of it as bytes: what can be said of each object, and its value. */
static size_t world_see(plim_region *region, unsigned char *out, uint32_t *out_torn)
{
    size_t used = 0;
    plim_region_object object;
    *out_torn = 0;
    for (uint32_t at = 0; plim_region_next(region, &at, &object);) {
        const unsigned char *value = plim_region_peek(region, object.ref);
        uint64_t facts[4] = {(uint64_t)object.ref.generation << 32 | object.ref.index,
                             (uint64_t)object.parent.generation << 32 | object.parent.index,
                             object.birth, (uint64_t)object.type << 32 | object.owner};
        assert_true(value != NULL && used + sizeof facts + 1 <= SEEN_BYTES);
        if (value == NULL)
            break;
        memcpy(out + used, facts, sizeof facts);
        out[used + sizeof facts] = value[0];
        used += sizeof facts + 1;
        *out_torn += memcmp(value, value + 1, object.size_bytes - 1) != 0;
    }
    return used;
}

static void what_was_synced_survives_if_nothing_was_written_since(void **state)
{
    (void)state;
    static unsigned char synced[SEEN_BYTES], seen[SEEN_BYTES];
    uint32_t torn;
    for (uint64_t round = 0; round < ROUNDS / 3; round++) {
        uint64_t random = round;
        plim_region *region = NULL;
        plim__sim_reset();
        assert_int_equal(world_open(&region, NULL), PLIM_OK);
        for (int i = 0; i < 3; i++) { /* and that again and again */
            world_change(region, &random, 30, true);
            assert_int_equal(plim_region_sync(region, NULL), PLIM_OK);
            size_t bytes = world_see(region, synced, &torn);
            assert_int_equal(plim__sim_power_cut(next(&random)), 0);
            plim_region_close(&region);
            assert_int_equal(world_open(&region, NULL), PLIM_OK);
            assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
            assert_int_equal(world_see(region, seen, &torn), bytes);
            assert_memory_equal(seen, synced, bytes);
            assert_int_equal(torn, 0);
        }
        plim_region_close(&region);
    }
}

static void what_was_written_since_may_be_lost_mixed_or_refused(void **state)
{
    (void)state;
    static unsigned char synced[SEEN_BYTES], last[SEEN_BYTES], seen[SEEN_BYTES];
    uint32_t as_synced = 0, as_last = 0, mixed = 0, refused = 0, with_torn = 0, torn;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t random = round;
        plim_region *region = NULL;
        plim_error err = {0};
        plim__sim_reset();
        assert_int_equal(world_open(&region, NULL), PLIM_OK);
        world_change(region, &random, 30, true);
        assert_int_equal(plim_region_sync(region, NULL), PLIM_OK);
        size_t synced_bytes = world_see(region, synced, &torn);
        world_change(region, &random, 1 + (uint32_t)next(&random) % 30, true);
        size_t last_bytes = world_see(region, last, &torn);
        (void)plim__sim_power_cut(next(&random));
        plim_region_close(&region);
        plim_status status = world_open(&region, &err);
        if (status != PLIM_OK) {
            assert_int_equal(status, PLIM_ERR_DAMAGED);
            assert_string_not_equal(err.what, "");
            refused++;
            continue;
        }
        assert_int_equal(plim_region_verify(region, NULL), PLIM_OK); /* its tables, at least */
        size_t bytes = world_see(region, seen, &torn);
        bool is_synced = bytes == synced_bytes && memcmp(seen, synced, bytes) == 0 && torn == 0;
        bool is_last = bytes == last_bytes && memcmp(seen, last, bytes) == 0 && torn == 0;
        as_synced += is_synced;
        as_last += is_last && !is_synced;
        mixed += !is_synced && !is_last;
        with_torn += torn > 0;
        plim_region_close(&region);
    }
    printf("%u as synced, %u as last, %u mixed (%u with a torn value), %u refused\n", as_synced,
           as_last, mixed, with_torn, refused);
    assert_true(as_synced > 0 && as_last > 0 && mixed > 0 && with_torn > 0 && refused > 0);
}

static void a_sync_without_power_says_so(void **state)
{
    (void)state;
    plim_region *region = NULL;
    plim__sim_reset();
    assert_int_equal(world_open(&region, NULL), PLIM_OK);
    (void)plim__sim_power_cut(1);
    assert_int_equal(plim_region_sync(region, NULL), PLIM_ERR_IO);
    plim_region_close(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_if_nothing_was_written_since),
        cmocka_unit_test(what_was_written_since_may_be_lost_mixed_or_refused),
        cmocka_unit_test(a_sync_without_power_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
