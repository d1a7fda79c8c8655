/* SPDX-License-Identifier: MIT */
/*
 * Lending and rebalancing, one thread; and a bank under threads. What loans do under every schedule
 * is in proofs/interleave; here is what they are for.
 *
 *  a fault known from others                             the case
 *  a fair share checked per request, not per domain      a_quota_counts_all_that_is_out
 *  a borrower is emptied of what it uses                 a_recall_takes_only_what_is_unused
 *  more is moved than was missing, then moved back       the_rebalancer_does_not_swing
 *  the guaranteed minimum is lent away                   a_floor_is_never_lent
 *  loans never come home                                 loans_nobody_needs_go_home
 *  lock order between two that lend to each other        tests of threads, proofs/interleave
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "bank_world.h"
#include "memory/budgets/rebalance.h"
#include "platform/thread.h"

static const plim_domain none;

static plim_domain made(bank_world *world, const char *name, size_t limit, size_t floor, size_t cap,
                        plim_priority priority)
{
    plim_domain domain = {0};
    plim_domain_options options = {.struct_bytes = sizeof options,
                                   .limit_bytes = limit,
                                   .floor_bytes = floor,
                                   .cap_bytes = cap,
                                   .priority = priority};
    assert_int_equal(plim__domain_create(&world->bank, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static void assert_sound(bank_world *world)
{
    const char *what = "";
    const char *broken = plim__bank_check(&world->bank, &what);
    if (broken != NULL)
        fail_msg("%s: %s", broken, what);
}

static size_t limit_of(plim_domain domain)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return (size_t)stats.limit_bytes;
}

/* --- loans --------------------------------------------------------------------------------- */

static void a_loan_moves_a_limit_and_comes_back(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = made(&world, "a", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&world, "b", 50, 0, 0, PLIM_PRIORITY_NORMAL);
    size_t bytes;
    assert_int_equal(plim_domain_lend(a, b, 1, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_share_set(a, b, 60), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 60, NULL), PLIM_OK);
    assert_int_equal(limit_of(a), 40);
    assert_int_equal(limit_of(b), 110);
    assert_true(plim__budget_take(world_budget(b), 110));
    assert_false(plim__budget_take(world_budget(a), 41));
    assert_int_equal(plim_domain_destroy(a, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_domain_repay(a, b, SIZE_MAX, &bytes), PLIM_OK);
    assert_int_equal(bytes, 0);
    assert_true(plim__budget_give(world_budget(b), 110));
    assert_int_equal(plim_domain_repay(a, b, 10, &bytes), PLIM_OK);
    assert_int_equal(bytes, 10);
    assert_int_equal(plim_domain_repay(a, b, SIZE_MAX, &bytes), PLIM_OK);
    assert_int_equal(bytes, 50);
    assert_int_equal(limit_of(a), 100);
    assert_int_equal(limit_of(b), 50);
    assert_sound(&world);
    plim__bank_fini(&world.bank);
}

static void a_quota_counts_all_that_is_out(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = made(&world, "a", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&world, "b", 50, 0, 0, PLIM_PRIORITY_NORMAL);
    assert_int_equal(plim_domain_share_set(a, b, 40), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 30, NULL), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 11, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_share_set(a, b, 0), PLIM_OK);
    assert_int_equal(limit_of(b), 80); /* what is out stays out */
    assert_int_equal(plim_domain_lend(a, b, 1, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_repay(a, b, SIZE_MAX, NULL), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 1, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_lend(a, a, 1, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_share_set(a, none, 1), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_lend(a, b, 0, NULL), PLIM_ERR_USAGE);
    assert_sound(&world);
    plim__bank_fini(&world.bank);
}

static void a_floor_is_never_lent(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = made(&world, "a", 100, 70, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&world, "b", 50, 0, 60, PLIM_PRIORITY_NORMAL);
    plim_error err = {0};
    assert_int_equal(plim_domain_share_set(a, b, 100), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 31, &err), PLIM_ERR_BUDGET);
    assert_non_null(strstr(err.what, "floor"));
    err = (plim_error){0};
    assert_int_equal(plim_domain_lend(a, b, 11, &err), PLIM_ERR_BUDGET);
    assert_non_null(strstr(err.what, "cap"));
    assert_int_equal(plim_domain_lend(a, b, 10, NULL), PLIM_OK);
    assert_int_equal(plim_domain_limit_set(b, 51, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_domain_limit_set(a, 69, NULL), PLIM_ERR_USAGE);
    assert_sound(&world);
    plim__bank_fini(&world.bank);
}

static void a_recall_takes_only_what_is_unused(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = made(&world, "a", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&world, "b", 50, 0, 0, PLIM_PRIORITY_NORMAL);
    size_t bytes;
    assert_int_equal(plim_domain_share_set(a, b, 100), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 80, NULL), PLIM_OK);
    assert_true(plim__budget_take(world_budget(b), 100));
    assert_int_equal(plim_domain_repay(a, b, SIZE_MAX, &bytes), PLIM_OK);
    assert_int_equal(bytes, 30);
    assert_int_equal(limit_of(b), 100);
    assert_false(plim__budget_take(world_budget(b), 1));
    assert_sound(&world);
    plim__bank_fini(&world.bank);
}

static void a_loan_can_pay_a_debt(void **state)
{
    (void)state;
    bank_world world;
    world_init(&world, 1000, NULL);
    plim_domain a = made(&world, "a", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&world, "b", 50, 0, 0, PLIM_PRIORITY_NORMAL);
    assert_int_equal(plim_domain_share_set(a, b, 100), PLIM_OK);
    assert_true(plim__budget_take(world_budget(b), 50));
    assert_int_equal(plim_domain_limit_set(b, 20, NULL), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, 40, NULL), PLIM_OK);
    assert_int_equal(plim__budget_owed(world_budget(b)), 0);
    assert_int_equal(plim__budget_left(world_budget(b)), 10);
    assert_int_equal(plim__budget_left(&world.bank.total), 880);
    assert_sound(&world);
    plim__bank_fini(&world.bank);
}

static void banks_do_not_lend_to_each_other(void **state)
{
    (void)state;
    bank_world one, two;
    world_init(&one, 1000, NULL);
    world_init(&two, 1000, NULL);
    plim_domain a = made(&one, "a", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    plim_domain b = made(&two, "b", 100, 0, 0, PLIM_PRIORITY_NORMAL);
    assert_int_equal(plim_domain_share_set(a, b, 1), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_lend(a, b, 1, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_domain_repay(a, b, 1, NULL), PLIM_ERR_STALE);
    plim__bank_fini(&one.bank);
    plim__bank_fini(&two.bank);
}

/* --- the rebalancer ------------------------------------------------------------------------ */

typedef struct balanced {
    bank_world world;
    plim_domain low, mid, high;
} balanced;

/* Three domains of 1,000 that may lend each other all they have above a floor of 200. */
static void balanced_init(balanced *b)
{
    world_init(&b->world, 64 * 1024, NULL);
    b->low = made(&b->world, "low", 1000, 200, 0, PLIM_PRIORITY_LOW);
    b->mid = made(&b->world, "mid", 1000, 200, 0, PLIM_PRIORITY_NORMAL);
    b->high = made(&b->world, "high", 1000, 200, 0, PLIM_PRIORITY_HIGH);
    const plim_domain all[] = {b->low, b->mid, b->high};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            if (i != k)
                assert_int_equal(plim_domain_share_set(all[i], all[k], 1000), PLIM_OK);
}

static size_t step(balanced *b)
{
    size_t moved = 0;
    assert_int_equal(plim__rebalance(&b->world.bank, &moved), PLIM_OK);
    assert_sound(&b->world);
    return moved;
}

/* Charges, or is refused as the engine would be. */
static bool wants(plim_domain domain, size_t bytes)
{
    if (plim__budget_take(world_budget(domain), bytes))
        return true;
    plim__domain_refused(plim__domain_of(domain), bytes, "here:1");
    return false;
}

static void what_was_refused_is_found_elsewhere(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    assert_true(wants(b.mid, 1000));
    assert_int_equal(step(&b), 0); /* nobody was refused */
    assert_false(wants(b.mid, 300));
    size_t moved = step(&b);
    assert_true(moved >= 300 && moved < 300 + 64);
    assert_true(limit_of(b.low) < 1000); /* the lowest lends first */
    assert_int_equal(limit_of(b.high), 1000);
    assert_true(wants(b.mid, 300));
    plim__bank_fini(&b.world.bank);
}

static void the_highest_is_served_first_and_floors_stay(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    assert_true(wants(b.mid, 1000));
    assert_true(wants(b.high, 1000));
    assert_false(wants(b.mid, 800));
    assert_false(wants(b.high, 500));
    (void)step(&b);
    assert_true(wants(b.high, 500));
    assert_false(wants(b.mid, 800)); /* 300 were left above the floor of low */
    assert_true(limit_of(b.low) >= 200);
    (void)step(&b);
    assert_true(limit_of(b.low) >= 200);
    plim__bank_fini(&b.world.bank);
}

static void loans_nobody_needs_go_home(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    assert_true(wants(b.mid, 1000));
    assert_false(wants(b.mid, 300));
    (void)step(&b);
    assert_true(wants(b.mid, 300));
    assert_true(plim__budget_give(world_budget(b.mid), 1300));
    size_t steps = 0;
    while (limit_of(b.low) != 1000 && steps++ < 40)
        (void)step(&b);
    assert_true(steps >= PLIM__QUIET_STEPS - 1); /* not at once: it may come again */
    assert_int_equal(limit_of(b.low), 1000);
    assert_int_equal(limit_of(b.mid), 1000);
    plim__bank_fini(&b.world.bank);
}

static void a_lender_that_is_refused_gets_its_own_back_first(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    assert_int_equal(plim_domain_lend(b.mid, b.low, 400, NULL), PLIM_OK);
    assert_true(wants(b.mid, 600));
    assert_false(wants(b.mid, 400));
    (void)step(&b);
    assert_int_equal(limit_of(b.mid), 1000);
    assert_int_equal(limit_of(b.low), 1000);
    assert_int_equal(limit_of(b.high), 1000);
    plim__bank_fini(&b.world.bank);
}

static void the_rebalancer_does_not_swing(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    /* Both want more than there is, again and again: after the first steps nothing moves. */
    assert_true(wants(b.low, 900) && wants(b.mid, 900) && wants(b.high, 900));
    size_t late = 0;
    for (size_t i = 0; i < 100; i++) {
        (void)wants(b.low, 500);
        (void)wants(b.mid, 500);
        (void)wants(b.high, 500);
        size_t moved = step(&b);
        if (i >= 10)
            late += moved;
    }
    assert_int_equal(late, 0);
    plim__bank_fini(&b.world.bank);
}

static void two_rebalancers_do_not_meet(void **state)
{
    (void)state;
    balanced b;
    balanced_init(&b);
    plim__store(&b.world.bank.balancer, 1);
    assert_int_equal(plim__rebalance(&b.world.bank, NULL), PLIM_ERR_BUSY);
    plim__store(&b.world.bank.balancer, 0);
    assert_int_equal(plim__rebalance(&b.world.bank, NULL), PLIM_OK);
    plim__bank_fini(&b.world.bank);
}

/* --- threads ------------------------------------------------------------------------------- */

enum { CROWD = 64, CROWD_LIMIT = 4096, CROWD_ROUNDS = 60000 };

static struct {
    plim__bank bank;
    plim__share shares[CROWD * CROWD];
    plim_domain domains[CROWD];
    _Atomic size_t over; /* times a domain was seen above what it could ever have */
} crowd;

typedef struct crowd_member {
    uint64_t seed;
    size_t rounds;
    size_t held[CROWD];
} crowd_member;

/* What may be refused here. */
static void maybe(plim_status status)
{
    (void)status;
}

static size_t crowd_dice(crowd_member *member, size_t below)
{
    member->seed ^= member->seed << 13;
    member->seed ^= member->seed >> 7;
    member->seed ^= member->seed << 17;
    return (size_t)(member->seed % below);
}

static void crowd_turn(crowd_member *member)
{
    size_t i = crowd_dice(member, CROWD), k = crowd_dice(member, CROWD);
    plim__budget *budget = world_budget(crowd.domains[i]);
    size_t n = 1 + crowd_dice(member, 700);
    switch (crowd_dice(member, 16)) {
    case 0:
        if (i != k)
            maybe(plim_domain_lend(crowd.domains[i], crowd.domains[k], n, NULL));
        break;
    case 1:
        if (i != k)
            maybe(plim_domain_repay(crowd.domains[i], crowd.domains[k], n, NULL));
        break;
    case 2:
        maybe(plim_domain_limit_set(crowd.domains[i], CROWD_LIMIT - 512 + crowd_dice(member, 1024),
                                    NULL));
        break;
    case 3:
        member->held[i] += 64 * plim__budget_take_blocks(budget, 64, 8);
        break;
    case 4:
    case 5:
    case 6:
    case 7: {
        size_t back = crowd_dice(member, member->held[i] + 1);
        if (!plim__budget_give(budget, back))
            atomic_fetch_add(&crowd.over, 1);
        member->held[i] -= back;
        break;
    }
    default:
        if (plim__budget_take(budget, n))
            member->held[i] += n;
        else
            plim__domain_refused(plim__domain_of(crowd.domains[i]), n, "crowd:1");
    }
}

static void *crowd_run(void *argument)
{
    crowd_member *member = argument;
    for (size_t round = 0; round < member->rounds; round++) {
        crowd_turn(member);
        if (round % 4096 == 0)
            maybe(plim__rebalance(&crowd.bank, NULL));
    }
    for (size_t i = 0; i < CROWD; i++)
        if (!plim__budget_give(world_budget(crowd.domains[i]), member->held[i]))
            atomic_fetch_add(&crowd.over, 1);
    return NULL;
}

static void sixty_four_domains_at_their_limits_add_up(void **state)
{
    (void)state;
    const char *more = getenv("PLIM_TEST_ROUNDS");
    size_t rounds = more != NULL ? strtoull(more, NULL, 10) : CROWD_ROUNDS;
    plim__bank_init(&crowd.bank, (size_t)CROWD * CROWD_LIMIT + 1000, CROWD, crowd.shares, NULL);
    for (size_t i = 0; i < CROWD; i++) {
        char name[] = {'d', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};
        plim_domain_options options = {.struct_bytes = sizeof options,
                                       .limit_bytes = CROWD_LIMIT,
                                       .floor_bytes = 1024,
                                       .cap_bytes = 2 * CROWD_LIMIT};
        assert_int_equal(plim__domain_create(&crowd.bank, name, &options, &crowd.domains[i], NULL),
                         PLIM_OK);
    }
    for (size_t i = 0; i < CROWD * 8; i++)
        if (i % CROWD != i * 7 / 8 % CROWD)
            maybe(plim_domain_share_set(crowd.domains[i % CROWD], crowd.domains[i * 7 / 8 % CROWD],
                                        2000));
    static crowd_member members[2];
    plim__thread threads[2];
    for (size_t i = 0; i < 2; i++) {
        members[i] = (crowd_member){.seed = 88172645463325252u + i * 977, .rounds = rounds};
        assert_true(plim__thread_start(&threads[i], crowd_run, &members[i]));
    }
    for (size_t i = 0; i < 2; i++)
        plim__thread_join(&threads[i]);
    const char *what = "";
    const char *broken = plim__bank_check(&crowd.bank, &what);
    assert_null(broken);
    assert_int_equal(crowd.over, 0);
    size_t refusals = 0, sum = plim__budget_left(&crowd.bank.total);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(plim__budget_charged(world_budget(crowd.domains[i])), 0);
        refusals += plim__load(&plim__domain_of(crowd.domains[i])->refusals);
        sum += plim__budget_left(world_budget(crowd.domains[i]));
    }
    assert_true(refusals > rounds / 100); /* they were at their limits */
    assert_int_equal(sum, (size_t)CROWD * CROWD_LIMIT + 1000);
    plim__bank_fini(&crowd.bank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loan_moves_a_limit_and_comes_back),
        cmocka_unit_test(a_quota_counts_all_that_is_out),
        cmocka_unit_test(a_floor_is_never_lent),
        cmocka_unit_test(a_recall_takes_only_what_is_unused),
        cmocka_unit_test(a_loan_can_pay_a_debt),
        cmocka_unit_test(banks_do_not_lend_to_each_other),
        cmocka_unit_test(what_was_refused_is_found_elsewhere),
        cmocka_unit_test(the_highest_is_served_first_and_floors_stay),
        cmocka_unit_test(loans_nobody_needs_go_home),
        cmocka_unit_test(a_lender_that_is_refused_gets_its_own_back_first),
        cmocka_unit_test(the_rebalancer_does_not_swing),
        cmocka_unit_test(two_rebalancers_do_not_meet),
        cmocka_unit_test(sixty_four_domains_at_their_limits_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
