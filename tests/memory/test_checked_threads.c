/* SPDX-License-Identifier: MIT */
/* Checks under threads. Method: at each level two threads take, resize and give back in domains of
 * their own and each other's, while a third lends, repays, sets limits, rebalances, reads figures
 * and asks for the whole state. Nothing is spoiled, so no check may fail: what is seen in the
 * middle of another's work is no fault. */
#include <plimsoll/memory.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DOMAINS = 3, LIVE = 60, SMALL = 1000, STEPS = 60000, STEPS_REDUNDANT = 6000 };

static plim_manager *manager;
static plim_domain domains[DOMAINS];
static atomic_uint panic_count;
static atomic_bool is_over;
static _Atomic(void *) handed; /* a block on its way from one thread to the other */
static char panic_text[400];

static void on_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    if (atomic_fetch_add(&panic_count, 1) == 0)
        (void)snprintf(panic_text, sizeof panic_text, "%.8s: %.380s", panic->invariant,
                       panic->what);
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

typedef struct worker {
    uint64_t seed;
    unsigned steps;
} worker;

static void *work(void *argument)
{
    worker *mine = argument;
    unsigned char *blocks[LIVE] = {0};
    for (unsigned step = 0; step < mine->steps; step++) {
        unsigned char **block = &blocks[draw(&mine->seed, LIVE)];
        size_t bytes = 1 + draw(&mine->seed, draw(&mine->seed, 30) == 0 ? 40000 : SMALL);
        if (*block == NULL) {
            *block = plim_alloc_in(domains[draw(&mine->seed, DOMAINS)], bytes);
            if (*block != NULL)
                memset(*block, 0x77, bytes);
        } else if (draw(&mine->seed, 4) == 0) {
            unsigned char *moved = plim_resize(*block, bytes);
            *block = moved != NULL ? moved : *block;
        } else if (draw(&mine->seed, 4) == 0) {
            *block = atomic_exchange(&handed, *block);
        } else {
            plim_free(*block);
            *block = NULL;
        }
    }
    for (unsigned i = 0; i < LIVE; i++)
        plim_free(blocks[i]);
    return NULL;
}

static void *govern(void *argument)
{
    uint64_t seed = *(const uint64_t *)argument;
    while (!atomic_load(&is_over)) {
        plim_domain one = domains[draw(&seed, DOMAINS)], other = domains[draw(&seed, DOMAINS)];
        plim_domain_stats stats;
        plim_error err = {0};
        plim_status status = PLIM_OK;
        switch (draw(&seed, 6)) {
        case 0:
            status = plim_domain_lend(one, other, 1 + draw(&seed, 20000), NULL);
            break;
        case 1:
            status = plim_domain_repay(one, other, SIZE_MAX, NULL);
            break;
        case 2:
            status = plim_domain_limit_set(one, 150000 + draw(&seed, 100000), NULL);
            break;
        case 3:
            status = plim_manager_rebalance(manager, NULL);
            break;
        case 4:
            assert_int_equal(plim_domain_stats_read(one, &stats), PLIM_OK);
            break;
        default:
            status = plim_manager_verify(manager, &err);
            if (status != PLIM_OK)
                on_panic(NULL, &(plim_panic){.invariant = "verify", .what = err.what});
            break;
        }
        (void)status;
    }
    return NULL;
}

static void nothing_is_found_where_nothing_is_wrong(void **state)
{
    (void)state;
    for (plim_verify level = PLIM_VERIFY_MINIMAL; level <= PLIM_VERIFY_REDUNDANT; level++) {
        plim_manager_options options = {.struct_bytes = sizeof options,
                                        .total_bytes = 4 << 20,
                                        .verify = level,
                                        .panic = on_panic};
        assert_int_equal(plim_manager_create(&options, &manager, NULL), PLIM_OK);
        static const char *const NAMES[DOMAINS] = {"net", "log", "ui"};
        for (unsigned i = 0; i < DOMAINS; i++) {
            plim_domain_options wishes = {.struct_bytes = sizeof wishes, .limit_bytes = 200000};
            assert_int_equal(plim_domain_create(manager, NAMES[i], &wishes, &domains[i], NULL),
                             PLIM_OK);
        }
        for (unsigned i = 0; i < DOMAINS * DOMAINS; i++)
            if (i / DOMAINS != i % DOMAINS)
                assert_int_equal(
                    plim_domain_share_set(domains[i / DOMAINS], domains[i % DOMAINS], 50000),
                    PLIM_OK);
        unsigned steps = level == PLIM_VERIFY_REDUNDANT ? STEPS_REDUNDANT : STEPS;
        worker workers[2] = {{1, steps}, {2, steps}};
        uint64_t seed = 3;
        pthread_t threads[3];
        atomic_store(&is_over, false);
        assert_int_equal(pthread_create(&threads[2], NULL, govern, &seed), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        atomic_store(&is_over, true);
        assert_int_equal(pthread_join(threads[2], NULL), 0);
        plim_free(atomic_exchange(&handed, NULL));
        (void)plim_manager_trim(manager);
        plim_error err = {0};
        plim_status status = plim_manager_verify(manager, &err);
        assert_string_equal(err.what, "");
        assert_int_equal(status, PLIM_OK);
        assert_string_equal(panic_text, "");
        assert_int_equal(panic_count, 0);
        for (unsigned i = 0; i < DOMAINS; i++) {
            plim_domain_stats stats;
            assert_int_equal(plim_domain_stats_read(domains[i], &stats), PLIM_OK);
            assert_int_equal(stats.used_bytes, 0);
        }
        plim_manager_destroy(&manager);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_found_where_nothing_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
