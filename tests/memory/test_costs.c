/* SPDX-License-Identifier: MIT */
/* What the manager's own records cost, as docs/internals/memory.md states it. */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "memory/engine/threads.h"

static plim_manager *manager;

static plim_manager_stats figures(void)
{
    plim_manager_stats stats;
    plim_manager_stats_read(manager, &stats);
    return stats;
}

static void begin(size_t total)
{
    plim_manager_options options = {
        .struct_bytes = sizeof options, .total_bytes = total, .domain_count_max = 64};
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
}

static plim_domain domain_new(unsigned number, size_t limit)
{
    char name[16];
    (void)snprintf(name, sizeof name, "domain %u", number);
    plim_domain domain;
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit};
    assert_int_equal(plim_domain_create(manager, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static void test_a_live_block_of_64_bytes_costs_less_than_a_byte(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static void *blocks[COUNT];
    begin(64 << 20);
    plim_domain domain = domain_new(0, 16 << 20);
    plim_free(plim_alloc_in(domain, 64)); /* the thread's cache is there */
    uint64_t before = figures().tables_bytes;
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(blocks[i] = plim_alloc_in(domain, 64));
    plim_manager_stats after = figures();
    double each = (double)(after.tables_bytes - before) / COUNT;
    printf("records: %.2f bytes a block, %.4f of what is held\n", each,
           (double)(after.tables_bytes - before) / (double)after.held_bytes);
    assert_true(each < 1.0);
    assert_int_equal(after.used_bytes, (uint64_t)COUNT * 64);
    for (unsigned i = 0; i < COUNT; i++)
        plim_free(blocks[i]);
    plim_manager_destroy(&manager);
}

static void test_a_domain_costs_what_is_stated(void **state)
{
    (void)state;
    static const struct {
        size_t total;
        size_t most;
    } cases[] = {{4ull << 30, 1424}, {8 << 20, 656}};
    for (unsigned i = 0; i < 2; i++) {
        begin(cases[i].total);
        (void)domain_new(0, 64 << 10);
        uint64_t before = figures().tables_bytes;
        for (unsigned number = 1; number < 64; number++)
            (void)domain_new(number, 64 << 10);
        uint64_t each = (figures().tables_bytes - before) / 63;
        printf("records: %llu bytes a domain\n", (unsigned long long)each);
        assert_in_range(each, 1, cases[i].most);
        plim_manager_destroy(&manager);
    }
}

static void test_a_cache_costs_what_is_stated(void **state)
{
    (void)state;
    static const struct {
        size_t total;
        size_t most;
    } cases[] = {{64 << 20, 23 << 10}, {8 << 20, 4 << 10}};
    for (unsigned i = 0; i < 2; i++) {
        begin(cases[i].total);
        size_t bytes = plim__cache_bytes(manager);
        printf("records: %zu bytes a domain in a thread that uses it\n", bytes);
        assert_in_range(bytes, 1, cases[i].most);
        plim_manager_destroy(&manager);
    }
    assert_true(sizeof(plim__thread) <= 2 * 4096);
}

/* The worst that a program can do: each size up to the limit, of which one in many stays. */
static void test_what_is_held_is_at_most_the_total_and_the_overhead(void **state)
{
    (void)state;
    enum { MOST = 200000, KEEP = 37, TOTAL = 10 << 20 };
    static void *blocks[MOST];
    static const struct {
        size_t overhead;
        size_t most;
    } cases[] = {{0, TOTAL + TOTAL / 4 + (1 << 20)}, {2 << 20, TOTAL + (2 << 20)}};
    for (unsigned i = 0; i < 2; i++) {
        plim_manager_options options = {.struct_bytes = sizeof options,
                                        .total_bytes = TOTAL,
                                        .overhead_bytes = cases[i].overhead};
        assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
        plim_domain domain = domain_new(0, TOTAL);
        for (size_t bytes = 64; bytes <= 16384; bytes += bytes / 4) {
            unsigned count = 0;
            while (count < MOST && (blocks[count] = plim_alloc_in(domain, bytes)) != NULL)
                count++;
            for (unsigned at = 0; at < count; at++)
                if (at % KEEP != 0)
                    plim_free(blocks[at]);
        }
        plim_manager_stats stats = figures();
        printf("held: %llu bytes at most, of %zu\n",
               (unsigned long long)stats.held_high_water_bytes, cases[i].most);
        assert_true(stats.refusal_count > 0);
        assert_in_range(stats.held_high_water_bytes, TOTAL / 2, cases[i].most);
        plim_manager_destroy(&manager);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_live_block_of_64_bytes_costs_less_than_a_byte),
        cmocka_unit_test(test_a_domain_costs_what_is_stated),
        cmocka_unit_test(test_a_cache_costs_what_is_stated),
        cmocka_unit_test(test_what_is_held_is_at_most_the_total_and_the_overhead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
