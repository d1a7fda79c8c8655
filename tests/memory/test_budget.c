/* SPDX-License-Identifier: MIT */
/*
 * Budgets and domains. Many cases are faults that a known budget tracker of this shape had (two
 * counters, a limit beside a use); the case is ours, written so that the old design fails it:
 *
 *  the fault                                             the case
 *  limit checked once, CAS loop does not check again     tests/interleave: two_takes_at_the_limit
 *  global counter is a blind fetch_add                   a_refused_charge_changes_nothing
 *  saturating add loses bytes                            amounts_beyond_any_limit_are_refused…
 *  release subtracts first, undoes after                 releasing_more_than_is_charged…
 *    (others are refused meanwhile for no reason)        tests/interleave: take_against_give
 *  id not checked on return, size trusted                releasing_more_than_is_charged…
 *  a spurious failure of CAS reported as a refusal       tests/interleave: spurious_cas
 *  release is load + store                               tests/interleave: two_gives
 *  ready published before the budgets are stored         tests/interleave: create_against_find
 *  a failed start leaves its budgets behind              a_domain_that_cannot_be_made_leaves…
 *  a second start is accepted                            a_name_is_taken_once
 *  budgets found by an order that is another's           each_domain_has_its_own_budget_whatever…
 *  nested scopes charge the innermost only               a_childs_limit_is_its_parents_too
 *  scope charged before the heap check, not rolled back  a_refused_charge_changes_nothing
 *  there is no release at all                            release_inverts_charge
 *  limit 0 means unlimited                               a_limit_of_0_admits_nothing
 *  sums above the total are accepted                     limits_never_add_up_to_more_than_the_total
 *  a limit set below use is taken as it is, or refused   a_limit_below_use_is_owed_and_paid…
 *  a peak that drifts while headroom moves               the_mark_is_exact_while_headroom_moves
 *  an underflowing counter after a double release        releasing_more_than_is_charged…
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bank_world.h"

static const plim_domain none;

static void a_refused_charge_changes_nothing(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim__budget *net = world_budget(world_domain(&world, "net", 100, none));
    assert_true(plim__budget_take(net, 60));
    assert_false(plim__budget_take(net, 41));
    assert_false(plim__budget_take(net, SIZE_MAX));
    assert_int_equal(plim__budget_take_blocks(net, 41, 3), 0);
    assert_int_equal(plim__budget_charged(net), 60);
    assert_int_equal(plim__budget_left(net), 40);
    assert_int_equal(plim__budget_mark(net), 60);
    assert_true(plim__budget_take(net, 40));
    assert_false(plim__budget_take(net, 1));
    const char *what = "";
    assert_null(plim__bank_check(&world.bank, &what));
    plim__bank_fini(&world.bank);
}

static void amounts_beyond_any_limit_are_refused_without_overflow(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, PLIM__BYTES_MAX, NULL);
    plim__budget *all = world_budget(world_domain(&world, "all", PLIM__BYTES_MAX, none));
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, (size_t)PTRDIFF_MAX + 1,
                                   (size_t)PTRDIFF_MAX, (size_t)PLIM__BYTES_MAX + 1};
    assert_true(plim__budget_take(all, 1));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_false(plim__budget_take(all, sizes[i]));
        assert_false(plim__budget_give(all, sizes[i]));
        assert_int_equal(plim__budget_charged(all), 1);
    }
    assert_true(plim__budget_take(all, PLIM__BYTES_MAX - 1));
    assert_int_equal(plim__budget_left(all), 0);
    plim__bank_fini(&world.bank);
}

static void release_inverts_charge(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim__budget *net = world_budget(world_domain(&world, "net", 100, none));
    for (size_t n = 0; n <= 100; n++) {
        assert_true(plim__budget_take(net, n));
        assert_true(plim__budget_give(net, n));
        assert_int_equal(plim__budget_charged(net), 0);
        assert_int_equal(plim__budget_left(net), 100);
        assert_int_equal(plim__budget_mark(net), n);
    }
    plim__bank_fini(&world.bank);
}

static void releasing_more_than_is_charged_is_refused(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim__budget *net = world_budget(world_domain(&world, "net", 100, none));
    assert_false(plim__budget_give(net, 1));
    assert_true(plim__budget_take(net, 10));
    assert_false(plim__budget_give(net, 11));
    assert_int_equal(plim__budget_charged(net), 10);
    assert_int_equal(plim__budget_left(net), 90);
    assert_true(plim__budget_give(net, 10));
    assert_false(plim__budget_give(net, 10));
    assert_int_equal(plim__budget_left(net), 100);
    plim__bank_fini(&world.bank);
}

static void a_limit_of_0_admits_nothing(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain zero = world_domain(&world, "zero", 0, none);
    assert_int_not_equal(zero.id, 0);
    assert_false(plim__budget_take(world_budget(zero), 1));
    assert_int_equal(plim__budget_take_blocks(world_budget(zero), 1, 1), 0);
    plim__bank_fini(&world.bank);
}

static void limits_never_add_up_to_more_than_the_total(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 600};
    plim_domain a, b = {77};
    plim_error err = {0};
    assert_int_equal(plim__domain_create(&world.bank, "a", &options, &a, &err), PLIM_OK);
    assert_int_equal(plim__domain_create(&world.bank, "b", &options, &b, &err), PLIM_ERR_BUDGET);
    assert_non_null(strstr(err.what, "600"));
    assert_non_null(strstr(err.what, "400"));
    assert_int_equal(b.id, 77);
    options.limit_bytes = 400;
    assert_int_equal(plim__domain_create(&world.bank, "b", &options, &b, NULL), PLIM_OK);
    assert_int_equal(plim_domain_limit_set(a, 601, NULL), PLIM_ERR_BUDGET);
    assert_int_equal(plim_domain_limit_set(a, 500, NULL), PLIM_OK);
    assert_int_equal(plim_domain_limit_set(b, 501, NULL), PLIM_ERR_BUDGET);
    assert_int_equal(plim_domain_limit_set(b, 500, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(&world.bank.total), 0);
    const char *what = "";
    assert_null(plim__bank_check(&world.bank, &what));
    plim__bank_fini(&world.bank);
}

static void a_domain_that_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain last = {0};
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(world_domain(&world, "big", 1001, none).id, 0);
    assert_int_equal(plim__domain_find(&world.bank, "big", &last), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim__load(&world.bank.domain_count), 0);
    assert_int_equal(plim__budget_left(&world.bank.total), 1000);
    for (size_t i = 0; i < WORLD_DOMAINS; i++) {
        char name[] = {(char)('a' + i), '\0'};
        last = world_domain(&world, name, 10, none);
        assert_int_not_equal(last.id, 0);
    }
    plim_error err = {0};
    plim_domain_options options = {.struct_bytes = sizeof options};
    assert_int_equal(plim__domain_create(&world.bank, "z", &options, &last, &err), PLIM_ERR_LIMIT);
    plim__bank_fini(&world.bank);
    assert_null(plim__domain_of(last));
}

static void a_name_is_taken_once(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain net = world_domain(&world, "net", 10, none), other = {0}, found;
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = 20};
    assert_int_equal(plim__domain_create(&world.bank, "net", &options, &other, NULL),
                     PLIM_ERR_EXISTS);
    assert_int_equal(plim__domain_find(&world.bank, "net", &found), PLIM_OK);
    assert_int_equal(found.id, net.id);
    assert_int_equal(plim__budget_left(&world.bank.total), 990);
    assert_int_equal(plim_domain_destroy(net, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(&world.bank.total), 1000);
    assert_int_equal(plim__domain_find(&world.bank, "net", &found), PLIM_ERR_NOT_FOUND);
    other = world_domain(&world, "net", 20, none);
    assert_int_not_equal(other.id, net.id);
    assert_null(plim__domain_of(net));
    assert_int_equal(plim_domain_destroy(net, NULL), PLIM_ERR_STALE);
    plim__bank_fini(&world.bank);
}

static void options_that_contradict_are_refused(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    static const plim_domain_options bad[] = {
        {.struct_bytes = 1},
        {.struct_bytes = sizeof bad[0], .limit_bytes = 1, .floor_bytes = 2},
        {.struct_bytes = sizeof bad[0], .limit_bytes = 3, .cap_bytes = 2},
        {.struct_bytes = sizeof bad[0], .priority = (plim_priority)4},
    };
    plim_domain domain;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(plim__domain_create(&world.bank, "x", &bad[i], &domain, NULL),
                         PLIM_ERR_USAGE);
    plim_domain_options good = {.struct_bytes = sizeof good};
    static const char *const names[] = {NULL, "", "01234567890123456789012345678901"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(plim__domain_create(&world.bank, names[i], &good, &domain, NULL),
                         PLIM_ERR_USAGE);
    assert_int_equal(
        plim__domain_create(&world.bank, "0123456789012345678901234567890", &good, &domain, NULL),
        PLIM_OK);
    good.parent = (plim_domain){domain.id + 256};
    assert_int_equal(plim__domain_create(&world.bank, "y", &good, &domain, NULL), PLIM_ERR_STALE);
    plim__bank_fini(&world.bank);
}

static void each_domain_has_its_own_budget_whatever_the_order(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 10000, NULL);
    plim_domain domains[WORLD_DOMAINS];
    for (size_t i = 0; i < WORLD_DOMAINS; i++) {
        char name[] = {(char)('h' - i), '\0'};
        domains[i] = world_domain(&world, name, 100 + i, none);
    }
    /* Holes and new ones in between: indices and slots are no longer in order. */
    assert_int_equal(plim_domain_destroy(domains[2], NULL), PLIM_OK);
    assert_int_equal(plim_domain_destroy(domains[5], NULL), PLIM_OK);
    domains[5] = world_domain(&world, "new5", 105, none);
    domains[2] = world_domain(&world, "new2", 102, none);
    for (size_t i = 0; i < WORLD_DOMAINS; i++) {
        assert_false(plim__budget_take(world_budget(domains[i]), 101 + i));
        assert_true(plim__budget_take(world_budget(domains[i]), 100 + i));
    }
    for (size_t i = 0; i < WORLD_DOMAINS; i++)
        assert_int_equal(plim__budget_charged(world_budget(domains[i])), 100 + i);
    plim__bank_fini(&world.bank);
}

static void a_childs_limit_is_its_parents_too(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain service = world_domain(&world, "service", 300, none);
    plim_domain plugin = world_domain(&world, "plugin", 200, service);
    assert_false(plim__budget_take(world_budget(service), 101));
    assert_true(plim__budget_take(world_budget(service), 100));
    assert_true(plim__budget_take(world_budget(plugin), 200));
    assert_false(plim__budget_take(world_budget(plugin), 1));
    assert_int_equal(world_domain(&world, "more", 1, service).id, 0);
    plim_error err = {0};
    assert_int_equal(plim_domain_destroy(service, &err), PLIM_ERR_BUSY);
    assert_true(plim__budget_give(world_budget(plugin), 200));
    assert_true(plim__budget_give(world_budget(service), 100));
    err = (plim_error){0};
    assert_int_equal(plim_domain_destroy(service, &err), PLIM_ERR_BUSY);
    assert_non_null(strstr(err.what, "children"));
    assert_int_equal(plim_domain_destroy(plugin, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(world_budget(service)), 300);
    assert_int_equal(plim_domain_destroy(service, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(&world.bank.total), 1000);
    plim__bank_fini(&world.bank);
}

static void nesting_ends_at_4(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain at = none;
    for (size_t depth = 0; depth < 4; depth++) {
        char name[] = {(char)('a' + depth), '\0'};
        at = world_domain(&world, name, 100 - depth, at);
        assert_int_not_equal(at.id, 0);
    }
    plim_domain_options options = {.struct_bytes = sizeof options, .parent = at};
    assert_int_equal(plim__domain_create(&world.bank, "e", &options, &at, NULL), PLIM_ERR_LIMIT);
    plim__bank_fini(&world.bank);
}

static void a_limit_below_use_is_owed_and_paid_by_releases(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain net = world_domain(&world, "net", 400, none);
    plim__budget *budget = world_budget(net);
    plim_domain_stats stats;
    const char *what = "";
    assert_true(plim__budget_take(budget, 300));
    assert_int_equal(plim_domain_limit_set(net, 120, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(&world.bank.total), 700); /* 600 and the unused 100 */
    assert_int_equal(plim_domain_stats_read(net, &stats), PLIM_OK);
    assert_int_equal(stats.owed_bytes, 180);
    assert_int_equal(stats.limit_bytes, 120);
    assert_int_equal(stats.used_bytes, 300);
    assert_false(plim__budget_take(budget, 1));
    assert_true(plim__budget_give(budget, 100));
    assert_int_equal(plim__budget_owed(budget), 80);
    assert_int_equal(plim__budget_left(&world.bank.total), 800);
    assert_false(plim__budget_take(budget, 1));
    assert_true(plim__budget_give(budget, 100));
    assert_int_equal(plim__budget_owed(budget), 0);
    assert_int_equal(plim__budget_left(budget), 20);
    assert_int_equal(plim__budget_left(&world.bank.total), 880);
    assert_null(plim__bank_check(&world.bank, &what));
    /* Raising over a debt costs the total only what is above it. */
    assert_int_equal(plim_domain_limit_set(net, 10, NULL), PLIM_OK);
    assert_int_equal(plim__budget_owed(budget), 90);
    assert_int_equal(world_domain(&world, "rest", 895, none).id != 0, true);
    assert_int_equal(plim_domain_limit_set(net, 106, NULL), PLIM_ERR_BUDGET);
    assert_int_equal(plim__budget_owed(budget), 90);
    assert_int_equal(plim_domain_limit_set(net, 105, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(budget), 5);
    assert_int_equal(plim__budget_left(&world.bank.total), 0);
    assert_null(plim__bank_check(&world.bank, &what));
    plim__bank_fini(&world.bank);
}

static void a_debt_is_paid_through_a_parent_that_owes(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    const char *what = "";
    plim_domain above = world_domain(&world, "above", 500, none);
    plim_domain below = world_domain(&world, "below", 300, above);
    assert_true(plim__budget_take(world_budget(above), 200));
    assert_true(plim__budget_take(world_budget(below), 300));
    assert_int_equal(plim_domain_limit_set(above, 400, NULL), PLIM_OK); /* owes 100 */
    assert_int_equal(plim_domain_limit_set(below, 100, NULL), PLIM_OK); /* owes 200 */
    assert_null(plim__bank_check(&world.bank, &what));
    assert_true(plim__budget_give(world_budget(below), 150));
    assert_int_equal(plim__budget_owed(world_budget(below)), 50);
    assert_int_equal(plim__budget_owed(world_budget(above)), 0);
    assert_int_equal(plim__budget_left(world_budget(above)), 50);
    assert_int_equal(plim__budget_left(&world.bank.total), 600);
    assert_null(plim__bank_check(&world.bank, &what));
    plim__bank_fini(&world.bank);
}

static void the_mark_is_exact_while_headroom_moves(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = world_domain(&world, "a", 400, none);
    plim_domain b = world_domain(&world, "b", 100, none);
    plim__budget *budget = world_budget(a);
    uint64_t mark;
    assert_true(plim__budget_take(budget, 100));
    assert_int_equal(plim_domain_share_set(a, b, 300), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 300, NULL), PLIM_OK);
    assert_int_equal(plim__budget_mark(budget), 100);
    assert_int_equal(plim_domain_repay(a, b, SIZE_MAX, NULL), PLIM_OK);
    assert_int_equal(plim_domain_limit_set(a, 150, NULL), PLIM_OK);
    assert_true(plim__budget_take(budget, 50));
    assert_true(plim__budget_give(budget, 140));
    assert_int_equal(plim__budget_mark(budget), 150);
    assert_int_equal(plim_domain_high_water_reset(a, &mark), PLIM_OK);
    assert_int_equal(mark, 150);
    assert_int_equal(plim__budget_mark(budget), 10);
    assert_true(plim__budget_take(budget, 5));
    assert_int_equal(plim__budget_mark(budget), 15);
    plim__bank_fini(&world.bank);
}

static void batches_shrink_to_one_block_near_the_limit(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1 << 20, NULL);
    plim__budget *net = world_budget(world_domain(&world, "net", 64 * 100, none));
    assert_int_equal(plim__budget_take_blocks(net, 64, 8), 8);
    assert_int_equal(plim__budget_take_blocks(net, 64, 64), (100 - 8) / 8);
    size_t blocks = 8 + 11, last = 64;
    for (size_t n; (n = plim__budget_take_blocks(net, 64, 32)) != 0; blocks += n) {
        assert_true(n <= last);
        last = n;
    }
    assert_int_equal(last, 1);
    assert_int_equal(blocks, 100); /* to the last byte: nothing is refused early */
    assert_int_equal(plim__budget_charged(net), 6400);
    plim__bank_fini(&world.bank);
}

static void domains_without_a_limit_are_bounded_by_the_total(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain named = world_domain(&world, "named", 600, none), one, two, again;
    assert_int_equal(plim__domain_shared(&world.bank, "one", &one, NULL), PLIM_OK);
    assert_int_equal(plim__domain_shared(&world.bank, "two", &two, NULL), PLIM_OK);
    assert_int_equal(plim__domain_shared(&world.bank, "named", &again, NULL), PLIM_OK);
    assert_int_equal(again.id, named.id);
    assert_true(plim__budget_take(world_budget(one), 300));
    assert_false(plim__budget_take(world_budget(two), 101));
    assert_true(plim__budget_take(world_budget(two), 100));
    assert_int_equal(world_domain(&world, "late", 1, none).id, 0);
    const char *what = "";
    assert_null(plim__bank_check(&world.bank, &what));
    assert_int_equal(plim_domain_destroy(one, NULL), PLIM_ERR_BUSY);
    assert_true(plim__budget_give(world_budget(one), 300));
    assert_int_equal(plim_domain_destroy(one, NULL), PLIM_OK);
    assert_int_equal(plim__budget_left(&world.bank.total), 300);
    assert_int_equal(plim_domain_limit_set(two, 5, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_domain_share_set(named, two, 5), PLIM_ERR_UNSUPPORTED);
    assert_null(plim__bank_check(&world.bank, &what));
    plim__bank_fini(&world.bank);
}

static void handles_are_never_anothers_again(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain before = none;
    for (size_t i = 0; i < 1000; i++) {
        plim_domain now = world_domain(&world, "again", 10, none);
        assert_int_not_equal(now.id, 0);
        assert_int_not_equal(now.id, before.id);
        assert_ptr_equal(plim__domain_slot(now.id & 255), plim__domain_of(now));
        assert_null(plim__domain_of(before));
        assert_int_equal(plim_domain_destroy(now, NULL), PLIM_OK);
        before = now;
    }
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(before, &stats), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_limit_set(before, 1, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_high_water_reset(before, NULL), PLIM_ERR_STALE);
    assert_null(plim_domain_allocator(before));
    assert_null(plim__domain_of((plim_domain){UINT32_MAX}));
    plim__bank_fini(&world.bank);
}

static void refusals_are_counted_by_site_to_the_last(void **state)
{
    (void)state;
    static char places[100][8];
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain net = world_domain(&world, "net", 10, none);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            (void)snprintf(places[i], sizeof places[i], "a.c:%zu", i);
            plim__domain_refused(plim__domain_of(net), 1, i == 0 ? NULL : places[i]);
        }
    }
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(net, &stats), PLIM_OK);
    assert_int_equal(stats.refusal_count, 300);
    size_t sum = plim__load(&world.bank.sites.elsewhere);
    assert_int_equal(sum, 3 * (100 - PLIM__SITES_MAX));
    for (size_t i = 0; i < PLIM__SITES_MAX; i++) {
        assert_int_equal(plim__load(&world.bank.sites.rows[i].count), 3);
        sum += plim__load(&world.bank.sites.rows[i].count);
    }
    assert_int_equal(sum, 300);
    plim__bank_fini(&world.bank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_charge_changes_nothing),
        cmocka_unit_test(amounts_beyond_any_limit_are_refused_without_overflow),
        cmocka_unit_test(release_inverts_charge),
        cmocka_unit_test(releasing_more_than_is_charged_is_refused),
        cmocka_unit_test(a_limit_of_0_admits_nothing),
        cmocka_unit_test(limits_never_add_up_to_more_than_the_total),
        cmocka_unit_test(a_domain_that_cannot_be_made_leaves_nothing),
        cmocka_unit_test(a_name_is_taken_once),
        cmocka_unit_test(options_that_contradict_are_refused),
        cmocka_unit_test(each_domain_has_its_own_budget_whatever_the_order),
        cmocka_unit_test(a_childs_limit_is_its_parents_too),
        cmocka_unit_test(nesting_ends_at_4),
        cmocka_unit_test(a_limit_below_use_is_owed_and_paid_by_releases),
        cmocka_unit_test(a_debt_is_paid_through_a_parent_that_owes),
        cmocka_unit_test(the_mark_is_exact_while_headroom_moves),
        cmocka_unit_test(batches_shrink_to_one_block_near_the_limit),
        cmocka_unit_test(domains_without_a_limit_are_bounded_by_the_total),
        cmocka_unit_test(handles_are_never_anothers_again),
        cmocka_unit_test(refusals_are_counted_by_site_to_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
