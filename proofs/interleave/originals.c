/* SPDX-License-Identifier: MIT */
/*
 * The designs Plimsoll does not have, in our words, small: each is a way budgets have really been
 * kept somewhere, and each must be found wrong by the same explorer that finds nothing in ours.
 * If one is no longer found, the explorer is broken. Exit 0: all were found, and the counts of
 * schedules of two known puzzles are right.
 */
#include <stdio.h>
#include <string.h>

#include "ilv.h"
#include "memory/atomic.h"

enum { LIMIT = 10 };

static struct {
    plim__count used, limit, global;
    plim__count used_b, limit_b;
    _Atomic unsigned ready;
    size_t limit_published;
    bool got[2], refused_for_nothing;
} o;

static void start(void)
{
    memset(&o, 0, sizeof o);
    plim__store(&o.limit, LIMIT);
    plim__store(&o.limit_b, LIMIT);
}

static void start_used_4(void)
{
    start();
    plim__store(&o.used, 4);
}

/* The limit is checked once; the loop that then raises `used` does not look at it again. */
static void check_then_act(unsigned me)
{
    size_t used = plim__load(&o.used);
    if (used + 6 > plim__load(&o.limit))
        return;
    while (!plim__cas_weak(&o.used, &used, used + 6)) {
    }
    o.got[me] = true;
}
static void check_then_act_0(void)
{
    check_then_act(0);
}
static void check_then_act_1(void)
{
    check_then_act(1);
}

/* The counter is raised blindly, then looked at, then lowered again. */
static void blind_add(unsigned me)
{
    if (plim__add(&o.used, 6) + 6 > LIMIT)
        (void)plim__sub(&o.used, 6);
    else
        o.got[me] = true;
}
static void blind_add_0(void)
{
    blind_add(0);
}
static void blind_add_1(void)
{
    blind_add(1);
}
static void blind_add_too_much(void)
{
    if (plim__add(&o.used, 8) + 8 > LIMIT)
        (void)plim__sub(&o.used, 8);
}

/* A release that takes off first and puts back if it was too much. */
static void release_undone(void)
{
    if (plim__sub(&o.used, 5) < 5)
        (void)plim__add(&o.used, 5);
}

static void charge_2(void)
{
    size_t used = plim__load(&o.used);
    do {
        if (used > LIMIT || used + 2 > LIMIT) {
            o.refused_for_nothing = true;
            return;
        }
    } while (!plim__cas_weak(&o.used, &used, used + 2));
    o.got[1] = true;
}

/* A release that reads and then writes. */
static void release_by_store(size_t n)
{
    size_t used = plim__load(&o.used);
    plim__store(&o.used, used - n);
}
static void release_by_store_0(void)
{
    release_by_store(1);
}
static void release_by_store_1(void)
{
    release_by_store(3);
}

/* One weak compare-and-swap, whose failure is called a refusal. */
static void single_weak(void)
{
    size_t used = plim__load(&o.used);
    if (used + 6 <= LIMIT && plim__cas_weak(&o.used, &used, used + 6))
        o.got[0] = true;
}

/* A loan moves the limit, in a word beside `used`. */
static void lend_by_limit(void)
{
    size_t limit = plim__load(&o.limit);
    if (limit - plim__load(&o.used) < 6)
        return;
    (void)plim__sub(&o.limit, 6);
    (void)plim__add(&o.limit_b, 6);
}
static void charge_against_limit(void)
{
    size_t used = plim__load(&o.used);
    do {
        if (used + 6 > plim__load(&o.limit))
            return;
    } while (!plim__cas(&o.used, &used, used + 6));
}

/* Ready is published before the limits are there. */
static void init_early(void)
{
    plim__store(&o.ready, 1);
    (void)plim__load(&o.global);
    o.limit_published = LIMIT;
}
static void use_when_ready(void)
{
    if (plim__load(&o.ready) == 1)
        ILV_CHECK(o.limit_published == LIMIT);
}

/* A lock that is never given back, and one that two threads take crosswise. */
static _Atomic unsigned lock_x, lock_y;
static void lock(_Atomic unsigned *word)
{
    unsigned free_word = 0;
    while (!plim__cas(word, &free_word, 1)) {
        free_word = 0;
        PLIM__SPIN();
    }
}
static void start_locks(void)
{
    plim__store(&lock_x, 0);
    plim__store(&lock_y, 0);
}
static void lock_xy(void)
{
    lock(&lock_x);
    lock(&lock_y);
    plim__store(&lock_y, 0);
    plim__store(&lock_x, 0);
}
static void lock_yx(void)
{
    lock(&lock_y);
    lock(&lock_x);
    plim__store(&lock_x, 0);
    plim__store(&lock_y, 0);
}

static void each_within(void)
{
    ILV_CHECK(plim__load(&o.used) <= plim__load(&o.limit));
    ILV_CHECK(plim__load(&o.used) <= LIMIT);
}
static void end_refusal(void)
{
    ILV_CHECK(o.got[0] || o.got[1]);
}
static void end_no_lie(void)
{
    ILV_CHECK(!o.refused_for_nothing);
}
static void end_used_0(void)
{
    ILV_CHECK(plim__load(&o.used) == 0);
}
static void end_got_0(void)
{
    ILV_CHECK(o.got[0]);
}
static void end_nothing(void)
{
}

static void three_steps(void)
{
    for (int i = 0; i < 3; i++)
        (void)plim__add(&o.used, 1);
}
static void three_steps_elsewhere(void)
{
    for (int i = 0; i < 3; i++)
        (void)plim__add(&o.used_b, 1);
}

static const ilv_scenario faults[] = {
    {"limit checked once, then a loop without it",
     start,
     {check_then_act_0, check_then_act_1},
     each_within,
     end_nothing},
    {"blind add, undone when too much: over the limit",
     start,
     {blind_add_0, blind_add_1},
     each_within,
     end_nothing},
    {"blind add, undone when too much: others refused",
     start_used_4,
     {blind_add_too_much, blind_add_1},
     NULL,
     end_refusal},
    {"release takes off first, undoes after",
     start_used_4,
     {release_undone, charge_2},
     NULL,
     end_no_lie},
    {"release is load and store",
     start_used_4,
     {release_by_store_0, release_by_store_1},
     NULL,
     end_used_0},
    {"one weak compare-and-swap is the answer",
     start,
     {single_weak},
     NULL,
     end_got_0,
     .spurious_max = 1},
    {"limit beside use, moved by a loan",
     start,
     {lend_by_limit, charge_against_limit},
     each_within,
     end_nothing},
    {"ready before the limits are stored", start, {init_early, use_when_ready}, NULL, end_nothing},
    {"two locks taken crosswise", start_locks, {lock_xy, lock_yx}, NULL, end_nothing},
};

/* Of two fibres with 4 pieces each there are 70 orders, and 2 locks in one order never deadlock. */
static int counts_are_right(void)
{
    ilv_scenario same = {"",   start,       {three_steps, three_steps},
                         NULL, end_nothing, .preemptions_max = 1000};
    ilv_scenario apart = {"", start, {three_steps, three_steps_elsewhere}, NULL, end_nothing};
    ilv_scenario ordered = {"", start_locks, {lock_xy, lock_xy}, NULL, end_nothing};
    unsigned long all = ilv_explore(&same, 1000).executions;
    same.preemptions_max = 0;
    unsigned long reduced = ilv_explore(&same, 1000).executions;
    unsigned long one = ilv_explore(&apart, 1000).executions;
    const char *broken = ilv_explore(&ordered, 100000).broken;
    if (all == 70 && reduced == 20 && one == 1 && broken == NULL)
        return 0;
    printf("explorer: %lu schedules not 70, %lu not 20, %lu not 1, %s\n", all, reduced, one,
           broken != NULL ? broken : "");
    return 1;
}

int main(void)
{
    int worst = counts_are_right();
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        ilv_result result = ilv_explore(&faults[i], 1000000);
        printf("%-50s %s after %lu schedules\n", faults[i].name,
               result.broken != NULL ? "found" : "NOT FOUND", result.executions);
        worst |= result.broken == NULL;
    }
    return worst;
}
