/* SPDX-License-Identifier: MIT */
/*
 * Every n-th run of pages refused, every limit from nothing to plenty, every size of storage: what
 * is refused has changed nothing, what is served is whole, and at the end nothing is left.
 */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory/engine/threads.h"

enum { BLOCKS = 60 };

static plim_manager *manager;
static plim_domain domain;
static _Alignas(64) unsigned char storage[256 << 10];

static plim_manager_stats figures(void)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    assert_int_equal(stats.held_bytes, stats.used_bytes + stats.cached_bytes + stats.slack_bytes +
                                           stats.free_bytes + stats.tables_bytes);
    return stats;
}

static void expect_sound(void)
{
    plim_error err = {0};
    if (plim_manager_verify(manager, &err) != PLIM_OK)
        fail_msg("%s", err.what);
}

static void expect_unchanged(const plim_manager_stats *before, size_t left)
{
    plim_manager_stats after = figures();
    assert_int_equal(after.used_bytes, before->used_bytes);
    assert_int_equal(after.allocation_count, before->allocation_count);
    assert_int_equal(after.refusal_count, before->refusal_count + 1);
    assert_int_not_equal(plim_refusal_last().reason, PLIM_REFUSAL_NONE);
    /* What was cached may have been called in; what is left can only be more. */
    assert_true(plim_refusal_last().left_bytes >= left);
}

static size_t left_now(void)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    uint64_t charged = stats.used_bytes + stats.cached_bytes;
    return stats.limit_bytes > charged ? (size_t)(stats.limit_bytes - charged) : 0;
}

/* Takes, resizes, gives back; how many requests were refused. */
static unsigned scenario(void)
{
    static const size_t sizes[] = {1, 16, 40, 100, 250, 700, 1500, 5000, 20000, 40000};
    unsigned char *blocks[BLOCKS] = {0};
    size_t bytes[BLOCKS] = {0};
    unsigned refused = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        plim_manager_stats before = figures();
        size_t left = left_now();
        bytes[i] = sizes[i % 10];
        blocks[i] = plim_alloc_in(domain, bytes[i]);
        if (blocks[i] == NULL) {
            expect_unchanged(&before, left);
            refused++;
        } else {
            memset(blocks[i], (int)i, bytes[i]);
        }
    }
    for (unsigned i = 0; i < BLOCKS; i += 3) {
        if (blocks[i] == NULL)
            continue;
        plim_manager_stats before = figures();
        size_t left = left_now();
        unsigned char *moved = plim_resize(blocks[i], bytes[i] * 2 + 50);
        if (moved == NULL) {
            expect_unchanged(&before, left);
            refused++;
            moved = blocks[i];
        }
        for (size_t k = 0; k < bytes[i]; k++)
            assert_int_equal(moved[k], (unsigned char)i);
        blocks[i] = moved;
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        plim_free(blocks[i]);
    assert_int_equal(figures().used_bytes, 0);
    assert_int_equal(figures().allocation_count, 0);
    expect_sound();
    return refused;
}

static bool begin(const plim_manager_options *options, size_t limit)
{
    if (plim_manager_create(options, &manager, NULL) != PLIM_OK)
        return false;
    plim_domain_options of = {.struct_bytes = sizeof of, .limit_bytes = limit};
    if (plim_domain_create(manager, "fault", &of, &domain, NULL) == PLIM_OK)
        return true;
    plim_manager_destroy(&manager);
    return false;
}

static void end(void)
{
    assert_int_equal(plim_domain_destroy(domain, NULL), PLIM_OK);
    plim_manager_destroy(&manager);
}

static void test_every_run_of_pages_refused_in_turn(void **state)
{
    (void)state;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 32 << 20};
    unsigned refused = 0;
    uint32_t nth = 1;
    for (bool is_past = false; !is_past; nth++) {
        assert_true(begin(&options, 16 << 20));
        manager->space.refuse_at = nth;
        refused += scenario();
        is_past = manager->space.refuse_at > 0; /* so many runs were not wanted */
        manager->space.refuse_at = 0;
        end();
        assert_true(nth < 1000);
    }
    assert_true(nth > 20);
    /* One run refused is had at the second try, after what is kept was called in. */
    assert_int_equal(refused, 0);
}

static void test_every_limit_from_nothing_to_plenty(void **state)
{
    (void)state;
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 4 << 20};
    unsigned before = BLOCKS * 2;
    for (size_t limit = 0; limit < 700000; limit += limit / 16 + 16) {
        assert_true(begin(&options, limit));
        unsigned refused = scenario();
        if (limit == 0)
            assert_int_equal(refused, BLOCKS);
        before = refused;
        end();
    }
    assert_true(before < BLOCKS);
}

static void test_every_size_of_storage(void **state)
{
    (void)state;
    unsigned made = 0;
    unsigned refused = 0;
    for (size_t bytes = 0; bytes <= sizeof storage; bytes += 1000) {
        plim_manager_options options = {.struct_bytes = sizeof options,
                                        .backing = PLIM_BACKING_FIXED,
                                        .domain_count_max = 4,
                                        .storage = storage + bytes % 17,
                                        .storage_bytes = bytes > 17 ? bytes - 17 : bytes};
        memset(storage, 0xee, sizeof storage);
        if (!begin(&options, bytes / 2))
            continue;
        made++;
        refused += scenario();
        assert_true(figures().held_bytes - plim__threads_bytes() <= bytes);
        end();
        for (size_t i = bytes + 17; i < sizeof storage; i++)
            if (storage[i] != 0xee)
                fail_msg("byte %zu behind a storage of %zu was written", i, bytes);
    }
    assert_true(made > 100);
    assert_true(refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_run_of_pages_refused_in_turn),
        cmocka_unit_test(test_every_limit_from_nothing_to_plenty),
        cmocka_unit_test(test_every_size_of_storage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
