/* SPDX-License-Identifier: MIT */
/*
 * Budgets, limits and loans under every schedule. Each scenario is a world of a few bytes, what two
 * or three threads do to it, and what must hold in every state and at the end. Numbers are chosen
 * so that the threads collide: what each wants fits alone and not with the other.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ilv.h"
#include "memory/budgets/rebalance.h"

enum { TOTAL = 100, DOMAINS = 4, MANY = 20 };

static struct {
    plim__bank bank;
    plim__share shares[DOMAINS * DOMAINS];
    plim_domain a, b, c;
    plim__domain *da, *db, *dc; /* their records, for when they are gone */
    long got[ILV_FIBRES_MAX];   /* what each fibre got, as it likes */
    size_t most;                /* the most a had charged in any state */
} w;

/* --- the world -------------------------------------------------------------------------------- */

static plim_domain make(const char *name, size_t limit, size_t cap, plim_domain parent)
{
    plim_domain domain = {0};
    plim_domain_options options = {
        .struct_bytes = sizeof options, .limit_bytes = limit, .cap_bytes = cap, .parent = parent};
    if (plim__domain_create(&w.bank, name, &options, &domain, NULL) != PLIM_OK)
        ilv_fail("the world could not be made");
    return domain;
}

static void world(size_t a, size_t b, size_t b_cap)
{
    if (w.bank.domain_max != 0)
        plim__bank_fini(&w.bank);
    memset(&w, 0, sizeof w);
    plim__bank_init(&w.bank, TOTAL, DOMAINS, w.shares, NULL);
    w.a = make("a", a, 0, (plim_domain){0});
    w.b = make("b", b, b_cap, (plim_domain){0});
    w.da = plim__domain_of(w.a);
    w.db = plim__domain_of(w.b);
}

static void third(size_t limit, plim_domain parent)
{
    w.c = make("c", limit, 0, parent);
    w.dc = plim__domain_of(w.c);
}

static void must(bool done)
{
    if (!done)
        ilv_fail("the world could not be made");
}

static void quota(plim_domain from, plim_domain to, size_t bytes)
{
    must(plim_domain_share_set(from, to, bytes) == PLIM_OK);
}

static void start_10_10(void)
{
    world(10, 10, 0);
    quota(w.a, w.b, 50);
    quota(w.b, w.a, 50);
}

/* Every word there is, as one number. */
static uint64_t state_hash(void)
{
    uint64_t hash = 14695981039346656037u;
#define MIX(value) (hash = (hash ^ (uint64_t)(value)) * 1099511628211u)
    MIX(plim__load(&w.bank.total.avail));
    for (uint32_t i = 0; i < DOMAINS; i++) {
        plim__domain *domain = plim__bank_domain(&w.bank, i);
        if (domain == NULL)
            continue;
        MIX(plim__load(&domain->budget.avail));
        MIX(plim__load(&domain->budget.charged));
        MIX(plim__load(&domain->budget.mark));
        MIX(plim__load(&domain->budget.configured));
        MIX(plim__load(&domain->budget.net));
    }
    for (uint32_t i = 0; i < DOMAINS * DOMAINS; i++) {
        MIX(plim__load(&w.shares[i].quota));
        MIX(plim__load(&w.shares[i].left));
        MIX(plim__load(&w.shares[i].out));
        MIX(plim__load(&w.shares[i].open));
    }
#undef MIX
    return hash | 1;
}

enum { STATES_MAX = 1 << 16 };
static struct {
    bool is_on;
    size_t count;
    uint64_t slots[STATES_MAX];
} states;

static void states_add(void)
{
    if (!states.is_on || states.count > STATES_MAX / 2)
        return;
    uint64_t hash = state_hash();
    size_t at = hash % STATES_MAX;
    while (states.slots[at] != 0 && states.slots[at] != hash)
        at = (at + 1) % STATES_MAX;
    states.count += states.slots[at] == 0;
    states.slots[at] = hash;
}

/* --- what holds always ------------------------------------------------------------------------ */

static size_t above_zero(plim__budget *budget)
{
    ptrdiff_t avail = plim__load(&budget->avail);
    return avail > 0 ? (size_t)avail : 0;
}

/* B1, B2, B3 in any state: what may still be taken and what is charged never exceed what there is,
   for a domain or for all together; bytes in flight are missing, never doubled. */
static void each_state(void)
{
    size_t sum = above_zero(&w.bank.total);
    for (uint32_t i = 0; i < DOMAINS; i++) {
        plim__domain *domain = plim__bank_domain(&w.bank, i);
        if (domain == NULL)
            continue;
        size_t charged = plim__load(&domain->budget.charged);
        sum += charged + above_zero(&domain->budget);
        ptrdiff_t in = (ptrdiff_t)plim__load(&domain->budget.configured), out = 0;
        for (uint32_t k = 0; k < DOMAINS; k++) {
            in += (ptrdiff_t)plim__load(&plim__bank_share(&w.bank, k, i)->out);
            out += (ptrdiff_t)plim__load(&plim__bank_share(&w.bank, i, k)->out);
            plim__domain *child = plim__bank_domain(&w.bank, k);
            if (child != NULL && child->parent == domain)
                out += (ptrdiff_t)plim__load(&child->budget.configured);
        }
        ILV_CHECK((ptrdiff_t)charged + plim__load(&domain->budget.avail) <= in - out);
    }
    states_add();
    ILV_CHECK(sum <= TOTAL);
    size_t now = plim__load(&w.da->budget.charged);
    w.most = now > w.most ? now : w.most;
}

static void end_sound(void)
{
    const char *what = "";
    const char *broken = plim__bank_check(&w.bank, &what);
    ILV_CHECK(plim__load(&w.bank.moving) == 0);
    if (broken != NULL)
        ilv_fail(what);
}

/* After a kill: recovery gives back every byte that nobody has charged. */
static void end_recovered(void)
{
    plim__lend_recover(&w.bank, NULL);
    end_sound();
    size_t sum = (size_t)plim__load(&w.bank.total.avail), live = 0;
    ILV_CHECK(plim__load(&w.bank.total.avail) >= 0);
    for (uint32_t i = 0; i < DOMAINS; i++) {
        plim__domain *domain = plim__bank_domain(&w.bank, i);
        ILV_CHECK((domain != NULL) == (plim__load(&w.bank.slots[i]) != 0));
        if (domain == NULL)
            continue;
        live++;
        ILV_CHECK(plim__budget_owed(&domain->budget) == 0);
        sum += plim__load(&domain->budget.charged) + above_zero(&domain->budget);
    }
    ILV_CHECK(sum == TOTAL);
    ILV_CHECK(live == plim__load(&w.bank.domain_count));
    size_t out = plim__load(&plim__bank_share(&w.bank, 0, 1)->out);
    ILV_CHECK(out == 0 || out == 6);
}

/* --- fibres ----------------------------------------------------------------------------------- */

static void take(unsigned fibre, plim__domain *domain, size_t bytes)
{
    w.got[fibre] = plim__budget_take(&domain->budget, bytes) ? (long)bytes : 0;
}

/* clang-format off */
static void take_a6_0(void) { take(0, w.da, 6); }
static void take_a6_1(void) { take(1, w.da, 6); }
static void take_a4_0(void) { take(0, w.da, 4); }
static void take_a4_1(void) { take(1, w.da, 4); }
static void take_a4_2(void) { take(2, w.da, 4); }
static void take_b12_1(void) { take(1, w.db, 12); }
static void take_c4_1(void) { take(1, w.dc, 4); }
static void give_a4_0(void) { w.got[0] = plim__budget_give(&w.da->budget, 4); }
static void give_a4_1(void) { w.got[1] = plim__budget_give(&w.da->budget, 4); }
static void give_a3_0(void) { w.got[0] = plim__budget_give(&w.da->budget, 3); }
static void give_a5_1(void) { w.got[1] = plim__budget_give(&w.da->budget, 5); }
static void give_c5_0(void) { w.got[0] = plim__budget_give(&w.dc->budget, 5); }

static void lend(unsigned fibre, plim__domain *from, plim__domain *to, size_t bytes)
{
    w.got[fibre] = plim__lend(from, to, bytes, NULL) == PLIM_OK ? (long)bytes : 0;
}

static void lend_ab6_0(void) { lend(0, w.da, w.db, 6); }
static void lend_ab6_1(void) { lend(1, w.da, w.db, 6); }
static void lend_ab8_0(void) { lend(0, w.da, w.db, 8); }
static void lend_ba5_1(void) { lend(1, w.db, w.da, 5); }
static void lend_ac6_1(void) { lend(1, w.da, w.dc, 6); }
static void lend_bc5_1(void) { lend(1, w.db, w.dc, 5); }
static void repay_ab_0(void) { w.got[0] = (long)plim__repay(w.da, w.db, SIZE_MAX); }
static void repay_ab_1(void) { w.got[1] = (long)plim__repay(w.da, w.db, SIZE_MAX); }
static void repay_ab_2(void) { w.got[2] = (long)plim__repay(w.da, w.db, SIZE_MAX); }

static void limit_a4_0(void) { w.got[0] = plim_domain_limit_set(w.a, 4, NULL); }
static void limit_a8_0(void) { w.got[0] = plim_domain_limit_set(w.a, 8, NULL); }
static void limit_a7_1(void) { w.got[1] = plim_domain_limit_set(w.a, 7, NULL); }
static void limit_c10_0(void) { w.got[0] = plim_domain_limit_set(w.c, 10, NULL); }
static void limit_c2_0(void) { w.got[0] = plim_domain_limit_set(w.c, 2, NULL); }
static void quota_ab3_1(void) { w.got[1] = plim_domain_share_set(w.a, w.b, 3); }
/* clang-format on */

static void batch_a_0(void)
{
    w.got[0] = (long)plim__budget_take_blocks(&w.da->budget, 3, 4);
}
static void batch_a_1(void)
{
    w.got[1] = (long)plim__budget_take_blocks(&w.da->budget, 3, 4);
}

static void batches(unsigned fibre)
{
    for (size_t n; (n = plim__budget_take_blocks(&w.da->budget, 3, 4)) != 0;)
        w.got[fibre] += (long)n;
}

static void batches_0(void)
{
    batches(0);
}
static void batches_1(void)
{
    batches(1);
}

static void up_and_down_0(void)
{
    take(0, w.da, 6);
    if (w.got[0] != 0)
        (void)plim__budget_give(&w.da->budget, 6);
}

static void up_and_down_1(void)
{
    take(1, w.da, 3);
    if (w.got[1] != 0)
        (void)plim__budget_give(&w.da->budget, 3);
}

static void reset_1(void)
{
    w.got[1] = (long)plim__budget_mark_reset(&w.da->budget);
}

static plim_status create_x(size_t limit)
{
    plim_domain domain;
    plim_domain_options options = {.struct_bytes = sizeof options, .limit_bytes = limit};
    return plim__domain_create(&w.bank, "x", &options, &domain, NULL);
}

static void create_x_0(void)
{
    w.got[0] = create_x(6);
}
static void create_x_1(void)
{
    w.got[1] = create_x(6);
}

static void find_x_1(void)
{
    plim_domain domain;
    w.got[1] = plim__domain_find(&w.bank, "x", &domain) == PLIM_OK;
    if (w.got[1] != 0) {
        plim__domain *record = plim__domain_of(domain);
        ILV_CHECK(record != NULL && strcmp(record->name, "x") == 0);
        ILV_CHECK(record != NULL && plim__budget_left(&record->budget) == 6);
    }
}

static void destroy_a_0(void)
{
    w.got[0] = plim_domain_destroy(w.a, NULL);
}
static void balance_0(void)
{
    w.got[0] = plim__rebalance(&w.bank, NULL);
}
static void balance_1(void)
{
    w.got[1] = plim__rebalance(&w.bank, NULL);
}

/* --- starts and ends -------------------------------------------------------------------------- */

static void start_charged_10(void)
{
    start_10_10();
    must(plim__budget_take(&w.da->budget, 10));
}

static void start_charged_4(void)
{
    start_10_10();
    must(plim__budget_take(&w.da->budget, 4));
}

static void start_charged_6(void)
{
    start_10_10();
    must(plim__budget_take(&w.da->budget, 6));
}

static void start_owing_6(void)
{
    start_charged_10();
    must(plim_domain_limit_set(w.a, 4, NULL) == PLIM_OK);
}

/* a owes 6, and the total has 2 left: raising a may cost what its releases bring. */
static void start_owing_tight(void)
{
    start_owing_6();
    third(TOTAL - 4 - 6 - 10 - 2, (plim_domain){0});
}

static void start_lent_6(void)
{
    start_10_10();
    must(plim__lend(w.da, w.db, 6, NULL) == PLIM_OK);
}

static void start_lent_on(void)
{
    start_lent_6();
    third(10, (plim_domain){0});
    quota(w.b, w.c, 50);
}

static void start_capped(void)
{
    world(10, 10, 12);
    quota(w.a, w.b, 50);
}

static void start_little_quota(void)
{
    world(10, 10, 0);
    quota(w.a, w.b, 5);
}

static void start_three(void)
{
    start_10_10();
    third(10, (plim_domain){0});
    quota(w.a, w.c, 50);
    quota(w.b, w.c, 50);
}

/* c is a's child with 6 of its 10; both full; a was lowered to 5 and c to 1. */
static void start_nested_owing(void)
{
    start_10_10();
    third(6, w.a);
    must(plim__budget_take(&w.da->budget, 4));
    must(plim__budget_take(&w.dc->budget, 6));
    must(plim_domain_limit_set(w.a, 5, NULL) == PLIM_OK);
    must(plim_domain_limit_set(w.c, 1, NULL) == PLIM_OK);
}

static void start_nested(void)
{
    start_10_10();
    third(6, w.a);
}

static void start_refused(void)
{
    start_10_10();
    must(plim__budget_take(&w.db->budget, 10));
    plim__domain_refused(w.db, 4, NULL);
}

static void end_one_of_two(void)
{
    end_sound();
    ILV_CHECK((w.got[0] != 0) != (w.got[1] != 0));
}

static void end_two_of_three(void)
{
    end_sound();
    ILV_CHECK(w.got[0] + w.got[1] + w.got[2] == 8);
}

static void end_second_never_refused(void)
{
    end_sound();
    ILV_CHECK(w.got[1] != 0);
}

static void end_first_refused_second_not(void)
{
    end_sound();
    ILV_CHECK(w.got[0] == 0 && w.got[1] == 6);
}

static void end_both(void)
{
    end_sound();
    ILV_CHECK(w.got[0] != 0 && w.got[1] != 0);
}

static void end_lowered(void)
{
    end_sound();
    ILV_CHECK(w.got[0] == PLIM_OK);
    size_t charged = plim__load(&w.da->budget.charged);
    ILV_CHECK(plim__budget_owed(&w.da->budget) == (charged > 4 ? charged - 4 : 0));
    ILV_CHECK((size_t)plim__load(&w.bank.total.avail) ==
              TOTAL - 20 + 6 - plim__budget_owed(&w.da->budget));
}

static void end_paid(void)
{
    end_sound();
    ILV_CHECK(plim__budget_owed(&w.da->budget) == 0);
    ILV_CHECK(plim__load(&w.da->budget.avail) == 2);
    ILV_CHECK(plim__load(&w.bank.total.avail) == TOTAL - 14);
}

static void end_raised(void)
{
    end_sound();
    ILV_CHECK(w.got[0] == PLIM_OK);
}

static void end_two_limits(void)
{
    end_sound();
    size_t limit = plim__load(&w.da->budget.configured);
    ILV_CHECK(limit == 8 || limit == 7);
}

static void end_recalled(void)
{
    end_sound();
    /* Either the taker had its 12 and 4 came home, or it was refused and all 6 did. */
    ILV_CHECK((w.got[1] == 12 && w.got[0] == 4) || (w.got[1] == 0 && w.got[0] == 6));
}

static void end_recalled_twice(void)
{
    end_sound();
    ILV_CHECK(w.got[0] + w.got[1] == 6);
    ILV_CHECK(plim__load(&plim__bank_share(&w.bank, 0, 1)->out) == 0);
}

static void end_batches(void)
{
    end_sound();
    ILV_CHECK(w.got[0] + w.got[1] == 3); /* 10 bytes hold 3 blocks of 3: none refused early */
}

static void end_mark(void)
{
    end_sound();
    ILV_CHECK(plim__budget_mark(&w.da->budget) == w.most);
}

static void end_mark_reset(void)
{
    end_sound();
    size_t mark = plim__budget_mark(&w.da->budget);
    ILV_CHECK(mark >= plim__load(&w.da->budget.charged));
    size_t before = (size_t)w.got[1];
    ILV_CHECK((before > mark ? before : mark) == w.most);
}

static void end_one_created(void)
{
    end_sound();
    ILV_CHECK((w.got[0] == PLIM_OK && w.got[1] == PLIM_ERR_EXISTS) ||
              (w.got[1] == PLIM_OK && w.got[0] == PLIM_ERR_EXISTS));
    ILV_CHECK(plim__load(&w.bank.total.avail) == TOTAL - 26);
}

static void end_destroyed(void)
{
    if (w.got[0] != PLIM_OK) {
        ILV_CHECK(w.got[0] == PLIM_ERR_BUSY && w.got[1] != 0);
        end_sound();
        return;
    }
    ILV_CHECK(w.got[1] == 0);
    ILV_CHECK(plim__load(&w.bank.total.avail) == TOTAL - 10);
    end_sound();
}

static void end_quota(void)
{
    end_sound();
    plim__share *share = plim__bank_share(&w.bank, 0, 1);
    ILV_CHECK(plim__load(&share->quota) == 3);
    ILV_CHECK(plim__load(&share->left) == 3 - (ptrdiff_t)plim__load(&share->out));
}

/* --- the list --------------------------------------------------------------------------------- */

static const ilv_scenario scenarios[] = {
    {"two_takes_at_the_limit",
     start_10_10,
     {take_a6_0, take_a6_1},
     each_state,
     end_one_of_two,
     .spurious_max = 2},
    {"three_takes_at_the_limit",
     start_10_10,
     {take_a4_0, take_a4_1, take_a4_2},
     each_state,
     end_two_of_three},
    {"take_against_give",
     start_charged_4,
     {give_a4_0, take_a6_1},
     each_state,
     end_second_never_refused},
    {"spurious_cas",
     start_charged_4,
     {give_a4_0, take_a6_1},
     each_state,
     end_both,
     .spurious_max = 3},
    {"two_gives", start_charged_10, {give_a4_0, give_a4_1}, each_state, end_both},
    {"give_more_than_held", start_charged_6, {give_a4_0, give_a4_1}, each_state, end_one_of_two},
    {"take_against_lend", start_10_10, {lend_ab6_0, take_a6_1}, each_state, end_one_of_two},
    {"a_lend_that_fails_refuses_nobody",
     start_charged_4,
     {lend_ab8_0, take_a6_1},
     each_state,
     end_first_refused_second_not},
    {"a_capped_lend_refuses_nobody",
     start_capped,
     {lend_ab6_0, take_a6_1},
     each_state,
     end_first_refused_second_not},
    {"a_loan_over_quota_refuses_nobody",
     start_little_quota,
     {lend_ab6_0, take_a6_1},
     each_state,
     end_first_refused_second_not},
    {"lend_against_lend", start_three, {lend_ab6_0, lend_ac6_1}, each_state, end_one_of_two},
    {"lend_there_and_back", start_10_10, {lend_ab6_0, lend_ba5_1}, each_state, end_both},
    {"lend_lend_repay", start_three, {lend_ab6_0, lend_bc5_1, repay_ab_2}, each_state, end_sound},
    {"lend_take_repay", start_10_10, {lend_ab6_0, take_b12_1, repay_ab_2}, each_state, end_sound},
    {"limit_lowered_while_taking", start_10_10, {limit_a4_0, take_a6_1}, each_state, end_lowered},
    {"owed_paid_by_two_releases", start_owing_6, {give_a3_0, give_a5_1}, each_state, end_paid},
    {"limit_raised_while_owing", start_owing_6, {limit_a8_0, give_a5_1}, each_state, end_raised},
    {"limit_raised_while_paid", start_owing_tight, {limit_a8_0, give_a5_1}, NULL, end_sound},
    {"two_limits_at_once", start_10_10, {limit_a8_0, limit_a7_1}, NULL, end_two_limits},
    {"nested_debts", start_nested_owing, {give_c5_0, give_a4_1}, each_state, end_sound},
    {"nested_raise_against_take", start_nested, {limit_c10_0, take_a4_1}, each_state, end_sound},
    {"nested_lower_against_take",
     start_nested,
     {limit_c2_0, take_c4_1, take_a4_2},
     each_state,
     end_sound},
    {"recall_against_take", start_lent_6, {repay_ab_0, take_b12_1}, each_state, end_recalled},
    {"recall_against_repay",
     start_lent_6,
     {repay_ab_0, repay_ab_1},
     each_state,
     end_recalled_twice},
    {"recall_against_lending_on", start_lent_on, {repay_ab_0, lend_bc5_1}, each_state, end_sound},
    {"refill_at_the_limit", start_10_10, {batches_0, batches_1}, each_state, end_batches},
    {"refill_against_give",
     start_charged_4,
     {batch_a_0, batch_a_1, give_a4_1},
     each_state,
     end_sound},
    {"mark_of_two", start_10_10, {up_and_down_0, up_and_down_1}, each_state, end_mark},
    {"mark_while_lending", start_10_10, {up_and_down_0, lend_ab6_1}, each_state, end_mark},
    {"mark_against_reset", start_charged_4, {take_a4_0, reset_1}, each_state, end_mark_reset},
    {"create_against_create", start_10_10, {create_x_0, create_x_1}, NULL, end_one_created},
    {"create_against_find", start_10_10, {create_x_0, find_x_1}, each_state, end_sound},
    {"destroy_against_take", start_10_10, {destroy_a_0, take_a4_1}, NULL, end_destroyed},
    {"quota_against_lend", start_10_10, {lend_ab6_0, quota_ab3_1}, each_state, end_quota},
    {"rebalance_against_take",
     start_refused,
     {balance_0, take_a6_1},
     each_state,
     end_sound,
     .preemptions_max = 2},
    {"rebalance_against_rebalance",
     start_refused,
     {balance_0, balance_1},
     each_state,
     end_sound,
     .preemptions_max = 2},
    {"lend_killed_anywhere",
     start_10_10,
     {lend_ab6_0, take_a4_1},
     each_state,
     end_recovered,
     .kills_max = 1},
    {"repay_killed_anywhere",
     start_lent_6,
     {repay_ab_0, take_a4_1},
     each_state,
     end_recovered,
     .kills_max = 1},
    {"lend_and_repay_killed",
     start_lent_6,
     {repay_ab_0, lend_ba5_1},
     each_state,
     end_recovered,
     .kills_max = 2,
     .preemptions_max = 3},
    {"take_and_give_killed",
     start_charged_4,
     {give_a4_0, take_a6_1},
     each_state,
     end_recovered,
     .kills_max = 2},
    {"limit_raise_killed",
     start_nested,
     {limit_c10_0, take_a4_1},
     NULL,
     end_recovered,
     .kills_max = 1,
     .preemptions_max = 2},
    {"limit_lower_killed", start_nested, {limit_c2_0}, NULL, end_recovered, .kills_max = 1},
    {"create_killed", start_10_10, {create_x_0}, NULL, end_recovered, .kills_max = 1},
    {"destroy_killed", start_10_10, {destroy_a_0}, NULL, end_recovered, .kills_max = 1},
};

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t states_of(const ilv_scenario *scenario, bool *out_cut)
{
    memset(&states, 0, sizeof states);
    states.is_on = true;
    *out_cut = ilv_explore(scenario, 20000).is_cut || states.count > STATES_MAX / 2;
    states.is_on = false;
    return states.count;
}

/* The reduction leaves out schedules, not states: both ways see as many. Where it can be run. */
static int reduction_check(void)
{
    unsigned compared = 0;
    int worst = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        ilv_scenario whole = scenarios[i];
        if (whole.kills_max != 0 || whole.preemptions_max != 0 || whole.each == NULL)
            continue;
        bool is_cut;
        size_t reduced = states_of(&whole, &is_cut);
        whole.preemptions_max = 1000000;
        size_t all = is_cut ? 0 : states_of(&whole, &is_cut);
        if (is_cut)
            continue;
        compared++;
        if (all != reduced) {
            printf("%s: %zu states, %zu with the reduction\n", whole.name, all, reduced);
            worst = 1;
        }
    }
    printf("reduction: the same states in %u scenarios\n", compared);
    return compared < 5 ? 1 : worst;
}

/* scenarios [--quiet | --reduction] [NAME]: all, or one. Exit 1: a check fails, 2: one was cut. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--reduction") == 0)
        return reduction_check();
    bool is_quiet = argc > 1 && strcmp(argv[1], "--quiet") == 0;
    const char *only = argc > 1 + is_quiet ? argv[1 + is_quiet] : NULL;
    int worst = 0;
    unsigned long sum = 0;
    double start = seconds_now();
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (only != NULL && strcmp(only, scenarios[i].name) != 0)
            continue;
        double begun = seconds_now();
        ilv_result result = ilv_explore(&scenarios[i], 20000000ul);
        sum += result.executions;
        printf("%-34s %9lu schedules %9lu equal to one of them, depth %3u, %5.2f s%s\n",
               scenarios[i].name, result.executions, result.pruned, result.depth_max,
               seconds_now() - begun, result.is_cut ? "  CUT" : "");
        if (result.broken != NULL) {
            printf("%s: FAILED: %s\n", scenarios[i].name, result.broken);
            if (!is_quiet)
                ilv_print_schedule();
            worst = 1;
        } else if (result.is_cut && worst == 0) {
            worst = 2;
        }
        (void)fflush(stdout);
    }
    printf("interleave: %lu schedules, %.1f s, %s\n", sum, seconds_now() - start,
           worst == 0   ? "all checks hold"
           : worst == 1 ? "a check FAILED"
                        : "not all were run");
    return worst;
}
