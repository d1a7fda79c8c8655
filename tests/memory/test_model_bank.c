/* SPDX-License-Identifier: MIT */
/*
 * Banks against a naive twin. The twin keeps what was granted, in 128 bits, and works everything
 * else out by its definition at each question: no words in step, no overflow, no clever order.
 * After each random operation the statuses and all figures must be equal. Amounts are small, or at
 * an edge of what is left, or at an edge of the type. The seed of a failing run is printed;
 * PLIM_TEST_SEED repeats it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bank_world.h"

enum { RUNS = 3000, STEPS = 400 };

__extension__ typedef __int128 wide;

typedef struct twin_domain {
    bool is_live, is_shared;
    int parent; /* -1: the total */
    plim_domain handle;
    wide configured, floor, cap, charged, mark;
} twin_domain;

typedef struct twin {
    wide total;
    twin_domain domains[WORLD_DOMAINS]; /* by index in the bank */
    wide quota[WORLD_DOMAINS][WORLD_DOMAINS], out[WORLD_DOMAINS][WORLD_DOMAINS];
} twin;

static struct {
    bank_world world;
    twin twin;
    uint64_t seed, run_seed;
    unsigned step;
    unsigned loans, repayments, debts, debts_of_children, refusals; /* how much was really met */
} t;

/* --- the twin's definitions ---------------------------------------------------------------- */

static wide twin_net(int i)
{
    wide net = t.twin.domains[i].configured;
    for (int k = 0; k < WORLD_DOMAINS; k++)
        net += t.twin.out[k][i] - t.twin.out[i][k];
    return net;
}

static int twin_depth(int i)
{
    int depth = 0;
    for (; i >= 0; i = t.twin.domains[i].parent)
        depth++;
    return depth;
}

/* limit - charged of every domain and (at [WORLD_DOMAINS]) of the total, deepest first, since what
   a child owes its parent is its parent's burden. */
static void twin_left_all(wide *left)
{
    left[WORLD_DOMAINS] = t.twin.total;
    for (int i = 0; i < WORLD_DOMAINS; i++)
        left[i] = twin_net(i) - t.twin.domains[i].charged;
    for (int depth = (int)PLIM__DOMAIN_DEPTH_MAX; depth > 0; depth--) {
        for (int i = 0; i < WORLD_DOMAINS; i++) {
            const twin_domain *domain = &t.twin.domains[i];
            if (!domain->is_live || twin_depth(i) != depth)
                continue;
            wide *above = &left[domain->parent < 0 ? WORLD_DOMAINS : domain->parent];
            *above -= domain->is_shared ? domain->charged
                                        : domain->configured + (left[i] < 0 ? -left[i] : 0);
        }
    }
}

/* What a request of domain i may have; below zero, not even one for nothing. */
static wide twin_left(int i)
{
    wide left[WORLD_DOMAINS + 1];
    twin_left_all(left);
    bool is_total = i < 0 || t.twin.domains[i].is_shared;
    return left[is_total ? WORLD_DOMAINS : i];
}

/* --- random -------------------------------------------------------------------------------- */

static uint64_t dice(void)
{
    t.seed ^= t.seed << 13;
    t.seed ^= t.seed >> 7;
    t.seed ^= t.seed << 17;
    return t.seed;
}

static size_t dice_below(size_t n)
{
    return (size_t)(dice() % n);
}

/* An amount: small, near `edge`, or near an end of the type. */
static size_t dice_amount(wide edge)
{
    edge = edge > 0 ? edge : 0;
    static const size_t ends[] = {0,
                                  1,
                                  SIZE_MAX,
                                  SIZE_MAX - 1,
                                  (size_t)PTRDIFF_MAX,
                                  (size_t)PTRDIFF_MAX + 1,
                                  (size_t)PLIM__BYTES_MAX,
                                  (size_t)PLIM__BYTES_MAX + 1};
    switch (dice_below(8)) {
    case 0:
        return ends[dice_below(sizeof ends / sizeof ends[0])];
    case 1:
    case 2:
    case 3:
        return (size_t)edge + dice_below(3) - (edge > 0 ? 1 : 0);
    default:
        return dice_below((size_t)t.twin.total / 16 + 2);
    }
}

/* A live index, or -1. */
static int dice_live(void)
{
    int i = (int)dice_below(WORLD_DOMAINS);
    return t.twin.domains[i].is_live ? i : -1;
}

/* A pair of live ones, mostly one with something in the matrix. */
static bool dice_pair(wide matrix[WORLD_DOMAINS][WORLD_DOMAINS], int *from, int *to)
{
    for (int tries = 0; tries < 40; tries++) {
        *from = dice_live();
        *to = dice_live();
        if (*from >= 0 && *to >= 0 && *from != *to && (tries > 30 || matrix[*from][*to] != 0))
            return true;
    }
    return false;
}

/* --- operations ---------------------------------------------------------------------------- */

static void agree(bool same, const char *what)
{
    if (same)
        return;
    print_error("PLIM_TEST_SEED=%llu, step %u: %s\n", (unsigned long long)t.run_seed, t.step, what);
    fail();
}

static plim__domain *record_of(int i)
{
    return plim__domain_of(t.twin.domains[i].handle);
}

static void op_create(void)
{
    int parent = dice_below(2) != 0 ? dice_live() : -1;
    twin_domain made = {.is_live = true, .parent = parent};
    plim_domain_options options = {.struct_bytes = sizeof options};
    wide room = twin_left(parent);
    options.limit_bytes =
        dice_below(3) == 0 ? dice_amount(room) : (size_t)(room > 0 ? room / 3 : 0);
    options.floor_bytes = dice_below(3) != 0 ? 0 : options.limit_bytes / (1 + dice_below(4));
    options.cap_bytes = dice_below(3) != 0 ? 0 : options.limit_bytes + dice_below(200);
    if (options.cap_bytes < options.limit_bytes)
        options.cap_bytes = 0;
    if (parent >= 0)
        options.parent = t.twin.domains[parent].handle;
    char name[16];
    (void)snprintf(name, sizeof name, "d%u", t.step);
    int at = 0;
    while (at < WORLD_DOMAINS && t.twin.domains[at].is_live)
        at++;
    plim_status expected = PLIM_OK;
    if (parent >= 0 && t.twin.domains[parent].is_shared)
        expected = PLIM_ERR_STALE;
    else if (parent >= 0 && twin_depth(parent) >= (int)PLIM__DOMAIN_DEPTH_MAX)
        expected = PLIM_ERR_LIMIT;
    else if (at == WORLD_DOMAINS)
        expected = PLIM_ERR_LIMIT;
    else if ((wide)options.limit_bytes > twin_left(parent))
        expected = PLIM_ERR_BUDGET;
    plim_status status = plim__domain_create(&t.world.bank, name, &options, &made.handle, NULL);
    agree(status == expected, "create");
    if (status != PLIM_OK)
        return;
    made.configured = (wide)options.limit_bytes;
    made.floor = (wide)options.floor_bytes;
    made.cap = options.cap_bytes == 0 ? (wide)1 << 100 : (wide)options.cap_bytes;
    agree(plim__domain_of(made.handle)->index == (uint32_t)at, "index of a new domain");
    t.twin.domains[at] = made;
}

static void op_create_shared(void)
{
    if (dice_below(8) != 0)
        return;
    char name[16];
    (void)snprintf(name, sizeof name, "s%u", t.step);
    int at = 0;
    while (at < WORLD_DOMAINS && t.twin.domains[at].is_live)
        at++;
    twin_domain made = {.is_live = true, .is_shared = true, .parent = -1};
    plim_status status = plim__domain_shared(&t.world.bank, name, &made.handle, NULL);
    agree(status == (at == WORLD_DOMAINS ? PLIM_ERR_LIMIT : PLIM_OK), "shared");
    if (status == PLIM_OK)
        t.twin.domains[at] = made;
}

static void op_destroy(void)
{
    int i = dice_live();
    if (i < 0 || dice_below(4) != 0)
        return;
    bool is_kept = t.twin.domains[i].charged != 0;
    for (int k = 0; k < WORLD_DOMAINS; k++) {
        const twin_domain *other = &t.twin.domains[k];
        is_kept |= other->is_live && other->parent == i;
        is_kept |= t.twin.out[i][k] != 0 || t.twin.out[k][i] != 0;
    }
    plim_domain handle = t.twin.domains[i].handle;
    plim_status status = plim_domain_destroy(handle, NULL);
    agree(status == (is_kept ? PLIM_ERR_BUSY : PLIM_OK), "destroy");
    if (status != PLIM_OK)
        return;
    agree(plim__domain_of(handle) == NULL, "a stale handle");
    t.twin.domains[i] = (twin_domain){.parent = -1};
    for (int k = 0; k < WORLD_DOMAINS; k++)
        t.twin.quota[i][k] = t.twin.quota[k][i] = 0;
}

static void op_take(void)
{
    int i = dice_live();
    if (i < 0)
        return;
    twin_domain *domain = &t.twin.domains[i];
    wide left = twin_left(i);
    size_t n = dice_below(3) == 0 ? dice_amount(left) : dice_below((size_t)t.twin.total / 64 + 2);
    bool is_taken = plim__budget_take(&record_of(i)->budget, n);
    agree(is_taken == ((wide)n <= left), "take");
    t.refusals += !is_taken;
    domain->charged += is_taken ? (wide)n : 0;
    domain->mark = domain->charged > domain->mark ? domain->charged : domain->mark;
}

static void op_take_blocks(void)
{
    int i = dice_live();
    if (i < 0)
        return;
    twin_domain *domain = &t.twin.domains[i];
    wide left = twin_left(i), block = 1 + (wide)dice_below(64), want = 1 + (wide)dice_below(40);
    size_t got = plim__budget_take_blocks(&record_of(i)->budget, (size_t)block, (size_t)want);
    agree((wide)got <= want && (got == 0 || (wide)got * block <= left), "blocks: too many");
    agree((got == 0) == (block > left), "blocks: refused early");
    domain->charged += (wide)got * block;
    domain->mark = domain->charged > domain->mark ? domain->charged : domain->mark;
}

static void op_give(void)
{
    int i = dice_live();
    if (i < 0)
        return;
    twin_domain *domain = &t.twin.domains[i];
    size_t n = dice_below(3) == 0   ? (size_t)domain->charged
               : dice_below(3) == 0 ? dice_amount(domain->charged)
                                    : dice_below((size_t)domain->charged + 1);
    bool is_given = plim__budget_give(&record_of(i)->budget, n);
    agree(is_given == ((wide)n <= domain->charged), "give");
    domain->charged -= is_given ? (wide)n : 0;
}

static void op_limit(void)
{
    int i = dice_live();
    if (i < 0)
        return;
    twin_domain *domain = &t.twin.domains[i];
    wide left[WORLD_DOMAINS + 1];
    twin_left_all(left);
    wide owed = left[i] < 0 ? -left[i] : 0;
    size_t limit = dice_below(16) == 0 ? dice_amount(domain->charged)
                                       : (size_t)domain->configured + dice_below(60) - 20;
    plim_status expected = PLIM_OK;
    wide more = (wide)limit - domain->configured;
    wide above = twin_left(domain->parent);
    if (domain->is_shared || (wide)limit < domain->floor || (wide)limit > domain->cap ||
        (wide)limit > PLIM__BYTES_MAX)
        expected = PLIM_ERR_USAGE;
    else if (more > 0 &&
             twin_net(i) + more > (domain->cap < PLIM__BYTES_MAX ? domain->cap : PLIM__BYTES_MAX))
        expected = PLIM_ERR_USAGE;
    else if (more > owed && more - owed > above)
        expected = PLIM_ERR_BUDGET;
    agree(plim_domain_limit_set(domain->handle, limit, NULL) == expected, "limit");
    if (expected == PLIM_OK)
        domain->configured = (wide)limit;
}

static void op_share(void)
{
    int from = dice_live(), to = dice_live();
    if (from < 0 || to < 0)
        return;
    size_t quota = dice_below(3) == 0 ? dice_amount(twin_left(from))
                                      : (size_t)t.twin.total / (1 + dice_below(8));
    plim_status expected = PLIM_OK;
    if (from == to)
        expected = PLIM_ERR_STALE;
    else if (t.twin.domains[from].is_shared || t.twin.domains[to].is_shared)
        expected = PLIM_ERR_UNSUPPORTED;
    agree(plim_domain_share_set(t.twin.domains[from].handle, t.twin.domains[to].handle, quota) ==
              expected,
          "share");
    if (expected == PLIM_OK)
        t.twin.quota[from][to] = quota > PLIM__BYTES_MAX ? PLIM__BYTES_MAX : (wide)quota;
}

static void op_lend(void)
{
    int from, to;
    if (!dice_pair(t.twin.quota, &from, &to))
        return;
    twin_domain *lender = &t.twin.domains[from], *borrower = &t.twin.domains[to];
    wide room = t.twin.quota[from][to] - t.twin.out[from][to];
    size_t n = dice_below(2) == 0 ? dice_amount(twin_left(from))
                                  : dice_below((size_t)(room > 0 ? room : 0) + 2);
    wide left[WORLD_DOMAINS + 1];
    twin_left_all(left);
    wide cap = borrower->cap < PLIM__BYTES_MAX ? borrower->cap : PLIM__BYTES_MAX;
    plim_status expected = PLIM_OK;
    if (n == 0)
        expected = PLIM_ERR_USAGE;
    else if (t.twin.out[from][to] + (wide)n > t.twin.quota[from][to])
        expected = PLIM_ERR_ACCESS;
    else if (twin_net(from) - (wide)n < lender->floor || twin_net(to) + (wide)n > cap ||
             (wide)n > left[from])
        expected = PLIM_ERR_BUDGET;
    plim_status status = plim_domain_lend(lender->handle, borrower->handle, n, NULL);
    agree(status == expected, "lend");
    if (status == PLIM_OK)
        t.twin.out[from][to] += (wide)n;
    t.loans += status == PLIM_OK;
}

static void op_repay(void)
{
    int from, to;
    if (!dice_pair(t.twin.out, &from, &to))
        return;
    size_t n = dice_amount(t.twin.out[from][to]), paid;
    wide expected = (wide)n < t.twin.out[from][to] ? (wide)n : t.twin.out[from][to];
    wide above_floor = twin_net(to) - t.twin.domains[to].floor;
    wide left[WORLD_DOMAINS + 1];
    twin_left_all(left);
    expected = expected < left[to] ? expected : left[to];
    expected = expected < above_floor ? expected : above_floor;
    expected = expected > 0 ? expected : 0;
    agree(plim_domain_repay(t.twin.domains[from].handle, t.twin.domains[to].handle, n, &paid) ==
              PLIM_OK,
          "repay");
    agree((wide)paid == expected, "repaid");
    t.twin.out[from][to] -= expected;
    t.repayments += paid > 0;
}

static void op_reset(void)
{
    int i = dice_live();
    uint64_t mark;
    if (i < 0)
        return;
    agree(plim_domain_high_water_reset(t.twin.domains[i].handle, &mark) == PLIM_OK, "reset");
    agree((wide)mark == t.twin.domains[i].mark, "the mark so far");
    t.twin.domains[i].mark = t.twin.domains[i].charged;
}

/* --- all figures --------------------------------------------------------------------------- */

static void compare(void)
{
    wide left[WORLD_DOMAINS + 1];
    twin_left_all(left);
    agree(plim__load(&t.world.bank.total.avail) == (ptrdiff_t)left[WORLD_DOMAINS], "unassigned");
    for (int i = 0; i < WORLD_DOMAINS; i++) {
        const twin_domain *domain = &t.twin.domains[i];
        plim_domain_stats stats;
        if (!domain->is_live)
            continue;
        agree(plim_domain_stats_read(domain->handle, &stats) == PLIM_OK, "stats");
        t.debts += left[i] < 0;
        t.debts_of_children += left[i] < 0 && domain->parent >= 0;
        wide lent = 0, borrowed = 0;
        for (int k = 0; k < WORLD_DOMAINS; k++) {
            lent += t.twin.out[i][k];
            borrowed += t.twin.out[k][i];
        }
        wide limit = left[i] + domain->charged;
        if (domain->is_shared)
            limit = domain->charged + (left[WORLD_DOMAINS] > 0 ? left[WORLD_DOMAINS] : 0);
        agree((wide)stats.limit_bytes == (limit > 0 ? limit : 0), "limit_bytes");
        agree((wide)stats.configured_bytes == domain->configured, "configured_bytes");
        agree((wide)stats.used_bytes == domain->charged, "used_bytes");
        agree((wide)stats.high_water_bytes == domain->mark, "high_water_bytes");
        agree((wide)stats.lent_bytes == lent, "lent_bytes");
        agree((wide)stats.borrowed_bytes == borrowed, "borrowed_bytes");
        agree((wide)stats.owed_bytes == (left[i] < 0 && !domain->is_shared ? -left[i] : 0),
              "owed_bytes");
    }
    const char *what = "";
    const char *broken = plim__bank_check(&t.world.bank, &what);
    agree(broken == NULL, what);
}

static void run(uint64_t seed)
{
    static void (*const operations[])(void) = {
        op_take,  op_take,   op_take_blocks, op_give,  op_give,    op_limit,
        op_share, op_share,  op_lend,        op_lend,  op_lend,    op_repay,
        op_repay, op_create, op_create,      op_reset, op_destroy, op_create_shared};
    static const size_t totals[] = {0, 7, 1000, 1000, 1000, 1 << 20, (size_t)PLIM__BYTES_MAX};
    memset(&t.twin, 0, sizeof t.twin);
    t.run_seed = seed;
    t.seed = seed * 2654435761u + 88172645463325252u;
    for (int i = 0; i < WORLD_DOMAINS; i++)
        t.twin.domains[i].parent = -1;
    t.twin.total = (wide)totals[dice_below(sizeof totals / sizeof totals[0])];
    world_init(&t.world, (size_t)t.twin.total, NULL);
    for (t.step = 0; t.step < STEPS; t.step++) {
        operations[dice_below(sizeof operations / sizeof operations[0])]();
        compare();
    }
    plim__bank_fini(&t.world.bank);
}

static void a_bank_is_its_naive_twin(void **state)
{
    (void)state;
    const char *one = getenv("PLIM_TEST_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (one != NULL ? 1 : RUNS); seed++) {
        run(seed);
    }
    print_message("loans %u, repayments %u, states with a debt %u, of a child %u, refusals %u\n",
                  t.loans, t.repayments, t.debts, t.debts_of_children, t.refusals);
    if (one == NULL)
        assert_true(t.loans > 5000 && t.repayments > 5000 && t.debts > 5000 &&
                    t.debts_of_children > 1000 && t.refusals > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_bank_is_its_naive_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
