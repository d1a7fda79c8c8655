/* SPDX-License-Identifier: MIT */
/*
 * Random work against a naive twin: what the twin says is charged is charged, what fits is served
 * and what does not is refused, contents stay, no two blocks overlap, and after each round the
 * whole state holds. Fast ways and caches are on (level minimal). The seed is printed.
 */
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { TWINS = 400, DOMAINS = 5, ROUNDS = 40, STEPS = 2500 };

typedef struct twin {
    unsigned char *block;
    size_t bytes;
    size_t align;
    unsigned domain;
    unsigned char fill;
} twin;

static uint64_t seed;
static plim_manager *manager;
static plim_domain domains[DOMAINS];
static size_t limits[DOMAINS];
static size_t charged[DOMAINS];
static uint64_t served[DOMAINS];
static twin twins[TWINS];

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static size_t draw_size(void)
{
    static const uint32_t tops[] = {64, 64, 300, 300, 2000, 9000, 70000};
    return 1 + draw(tops[draw(7)]);
}

/* The rule of classes and pages, in the plainest words. */
static size_t naive_step(size_t size)
{
    if (size < 256)
        return 16;
    if (size < 2048)
        return size < 512 ? 32 : size < 1024 ? 64 : 128;
    return size < 8192 ? 512 : size < 16384 ? 2048 : 4096;
}

static size_t naive_charge(size_t bytes, size_t align)
{
    for (size_t size = 16; size <= 32768 && align <= 4096; size += naive_step(size))
        if (size >= bytes && size % align == 0)
            return size;
    return (bytes + 4095) / 4096 * 4096;
}

static void check_fill(const twin *mine, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (mine->block[i] != mine->fill)
            fail_msg("seed %llu: byte %zu of %zu has changed", (unsigned long long)seed, i,
                     mine->bytes);
}

static void check_charges(void)
{
    for (unsigned i = 0; i < DOMAINS; i++) {
        plim_domain_stats stats;
        assert_int_equal(plim_domain_stats_read(domains[i], &stats), PLIM_OK);
        assert_int_equal(stats.used_bytes, charged[i]);
        assert_int_equal(stats.allocation_total, served[i]);
        assert_true(stats.used_bytes + stats.cached_bytes <= limits[i]);
        assert_true(stats.high_water_bytes <= limits[i]);
    }
    plim_manager_stats all;
    plim_manager_stats_read(manager, &all);
    assert_int_equal(all.held_bytes, all.used_bytes + all.cached_bytes + all.slack_bytes +
                                         all.free_bytes + all.tables_bytes);
    plim_error err = {0};
    if (plim_manager_verify(manager, &err) != PLIM_OK)
        fail_msg("%s", err.what);
}

static void step_take(twin *mine)
{
    size_t bytes = draw_size();
    size_t align = draw(8) == 0 ? (size_t)1 << draw(15) : 16;
    unsigned domain = draw(DOMAINS);
    plim_request request = {.size_bytes = bytes,
                            .align_bytes = align,
                            .domain = domains[domain],
                            .zeroed = draw(4) == 0};
    bool is_plain = align == 16 && !request.zeroed;
    size_t charge = naive_charge(bytes, align < 16 ? 16 : align);
    bool fits = charged[domain] + charge <= limits[domain];
    unsigned char *block =
        is_plain ? plim_alloc_in(domains[domain], bytes) : plim_alloc_as(&request);
    if ((block != NULL) != fits)
        fail_msg("%zu bytes, %zu charged of %zu: %s", bytes, charged[domain], limits[domain],
                 block != NULL ? "served" : "refused");
    if (block == NULL) {
        assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
        assert_int_equal(plim_refusal_last().charge_bytes, charge);
        return;
    }
    assert_int_equal((uintptr_t)block % align, 0);
    *mine = (twin){block, bytes, align, domain, (unsigned char)(1 + draw(255))};
    for (size_t i = 0; request.zeroed && i < bytes; i++)
        assert_int_equal(block[i], 0);
    memset(block, mine->fill, bytes);
    charged[domain] += charge;
    served[domain]++;
}

static size_t origin_charge(const void *block)
{
    plim_origin origin;
    assert_int_equal(plim_origin_of(block, &origin), PLIM_OK);
    return origin.charge_bytes;
}

static void step_give(twin *mine)
{
    check_fill(mine, mine->bytes);
    charged[mine->domain] -= origin_charge(mine->block);
    plim_free(mine->block);
    mine->block = NULL;
}

static void step_resize(twin *mine)
{
    size_t bytes = draw_size();
    size_t before = origin_charge(mine->block);
    unsigned char *moved = plim_resize(mine->block, bytes);
    check_fill(&(twin){moved != NULL ? moved : mine->block, mine->bytes, 0, 0, mine->fill},
               bytes < mine->bytes && moved != NULL ? bytes : mine->bytes);
    if (moved == NULL) {
        assert_int_equal(origin_charge(mine->block), before);
        /* Not in place, and no room for the new beside the old. */
        assert_true(charged[mine->domain] + naive_charge(bytes, 16) > limits[mine->domain]);
        return;
    }
    size_t after = origin_charge(moved);
    assert_true(after >= bytes);
    served[mine->domain] += moved != mine->block;
    charged[mine->domain] += after - before;
    mine->block = moved;
    mine->bytes = bytes;
    memset(moved, mine->fill, bytes);
}

static void round_run(void)
{
    plim_manager_options options = {.struct_bytes = sizeof options, .total_bytes = 24 << 20};
    if (draw(3) == 0)
        options.total_bytes = 4 << 20;
    assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
    for (unsigned i = 0; i < DOMAINS; i++) {
        char name[8] = {'d', (char)('0' + i), 0};
        limits[i] = options.total_bytes / 8 / (1 + draw(20));
        charged[i] = 0;
        served[i] = 0;
        plim_domain_options of = {.struct_bytes = sizeof of, .limit_bytes = limits[i]};
        assert_int_equal(plim_domain_create(manager, name, &of, &domains[i], NULL), PLIM_OK);
    }
    memset(twins, 0, sizeof twins);
    for (unsigned step = 0; step < STEPS; step++) {
        twin *mine = &twins[draw(TWINS)];
        if (mine->block == NULL)
            step_take(mine);
        else if (draw(3) == 0)
            step_resize(mine);
        else
            step_give(mine);
        if (draw(500) == 0)
            (void)plim_manager_trim(manager);
        if (draw(200) == 0)
            check_charges();
    }
    for (unsigned i = 0; i < TWINS; i++)
        if (twins[i].block != NULL)
            step_give(&twins[i]);
    check_charges();
    for (unsigned i = 0; i < DOMAINS; i++)
        assert_int_equal(plim_domain_destroy(domains[i], NULL), PLIM_OK);
    plim_manager_destroy(&manager);
}

static void test_random_work_is_as_a_naive_twin_has_it(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        printf("seed %llu\n", (unsigned long long)seed);
        round_run();
    }
}

int main(void)
{
    const char *given = getenv("PLIM_TEST_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_work_is_as_a_naive_twin_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
