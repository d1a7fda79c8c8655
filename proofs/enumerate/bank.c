/* SPDX-License-Identifier: MIT */
/*
 * Budgets, nested limits and loans: the real bank (budget.c, domain.c, lend.c, recover.c) against a
 * twin that keeps only what was asked for and derives the rest by its definition. Two domains and a
 * child of the first, a total of 4; amounts 1 and 2; every take, release, loan, repayment, change
 * of a limit, and reset of a mark, in every state any sequence of them can reach.
 *
 * sources: src/memory/budgets/budget.c src/memory/budgets/domain.c src/memory/budgets/lend.c
 * sources: src/memory/budgets/recover.c src/memory/budgets/sites.c src/platform/linux/lock.c
 * sources: src/base/assert.c src/base/error.c src/base/status.c src/base/text.c
 */
#include "explore.h"
#include "memory/budgets/lend.h"

enum { DOMAINS = 3, A = 0, B = 1, C = 2, TOTAL = 4, AMOUNT_MAX = 2, LIMIT_MAX = 3, QUOTA = 2 };

static const struct {
    int limit, floor, cap, parent; /* cap 0: none; parent -1: the total */
} made[DOMAINS] = {{3, 1, 0, -1}, {1, 0, 2, -1}, {1, 0, 0, A}};
static const int pairs[][2] = {{A, B}, {B, A}, {B, C}};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static plim__bank bank;
static plim__share shares[DOMAINS * DOMAINS];
static plim__domain *domains[DOMAINS];
static plim_domain handles[DOMAINS];

/* All that has been asked for and granted. */
typedef struct twin {
    int configured[DOMAINS], charged[DOMAINS], mark[DOMAINS], out[PAIRS];
} twin;

/* --- what follows from it --------------------------------------------------------------------- */

static int at_least_0(int n)
{
    return n > 0 ? n : 0;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int twin_net(const twin *t, int d)
{
    int net = t->configured[d];
    for (int p = 0; p < PAIRS; p++)
        net += pairs[p][1] == d ? t->out[p] : pairs[p][0] == d ? -t->out[p] : 0;
    return net;
}

/* What is left; of a domain, or of the total (-1). Two levels are enough here. */
static int twin_left(const twin *t, int d)
{
    int left = d < 0 ? TOTAL : twin_net(t, d) - t->charged[d];
    for (int child = 0; child < DOMAINS; child++)
        if (made[child].parent == d)
            left -= t->configured[child] + at_least_0(-twin_left(t, child));
    return left;
}

/* --- the real words as a state ---------------------------------------------------------------- */

enum { BUDGET_WORDS = 5, SHARE_WORDS = 3 };

static uint8_t *words_save(uint8_t *at, plim__budget *budget)
{
    *at++ = (uint8_t)plim__load(&budget->avail);
    *at++ = (uint8_t)plim__load(&budget->charged);
    *at++ = (uint8_t)plim__load(&budget->mark);
    *at++ = (uint8_t)plim__load(&budget->configured);
    *at++ = (uint8_t)plim__load(&budget->net);
    return at;
}

static const uint8_t *words_load(const uint8_t *at, plim__budget *budget)
{
    plim__store(&budget->avail, (int8_t)*at++);
    plim__store(&budget->charged, *at++);
    plim__store(&budget->mark, *at++);
    plim__store(&budget->configured, *at++);
    plim__store(&budget->net, (int8_t)*at++);
    return at;
}

static void save(uint8_t *at)
{
    at = words_save(at, &bank.total);
    for (int d = 0; d < DOMAINS; d++)
        at = words_save(at, &domains[d]->budget);
    for (int i = 0; i < DOMAINS * DOMAINS; i++) {
        *at++ = (uint8_t)plim__load(&shares[i].left);
        *at++ = (uint8_t)plim__load(&shares[i].open);
        *at++ = (uint8_t)plim__load(&shares[i].out);
    }
}

static void load(const uint8_t *at)
{
    at = words_load(at, &bank.total);
    for (int d = 0; d < DOMAINS; d++)
        at = words_load(at, &domains[d]->budget);
    for (int i = 0; i < DOMAINS * DOMAINS; i++) {
        plim__store(&shares[i].left, (int8_t)*at++);
        plim__store(&shares[i].open, (int8_t)*at++);
        plim__store(&shares[i].out, *at++);
    }
}

static plim__share *share_of(int p)
{
    return plim__bank_share(&bank, domains[pairs[p][0]]->index, domains[pairs[p][1]]->index);
}

static twin twin_now(void)
{
    twin t;
    for (int d = 0; d < DOMAINS; d++) {
        t.configured[d] = (int)plim__load(&domains[d]->budget.configured);
        t.charged[d] = (int)plim__load(&domains[d]->budget.charged);
        t.mark[d] = (int)plim__load(&domains[d]->budget.mark);
    }
    for (int p = 0; p < PAIRS; p++)
        t.out[p] = (int)plim__load(&share_of(p)->out);
    return t;
}

static void start(void)
{
    static char names[DOMAINS][2] = {"a", "b", "c"};
    plim__bank_init(&bank, TOTAL, DOMAINS, shares, NULL);
    for (int d = 0; d < DOMAINS; d++) {
        plim_domain_options options = {.struct_bytes = sizeof options,
                                       .limit_bytes = (size_t)made[d].limit,
                                       .floor_bytes = (size_t)made[d].floor,
                                       .cap_bytes = (size_t)made[d].cap};
        if (made[d].parent >= 0)
            options.parent = handles[made[d].parent];
        if (plim__domain_create(&bank, names[d], &options, &handles[d], NULL) != PLIM_OK)
            abort();
        domains[d] = plim__domain_of(handles[d]);
    }
    for (int p = 0; p < PAIRS; p++)
        if (plim_domain_share_set(handles[pairs[p][0]], handles[pairs[p][1]], QUOTA) != PLIM_OK)
            abort();
}

/* --- operations ------------------------------------------------------------------------------- */

typedef struct operation {
    enum { TAKE, GIVE, LEND, REPAY, LIMIT, RESET, KINDS } kind;
    int who, amount; /* who: a domain or a pair */
} operation;

/* TAKE, GIVE: amounts 1, 2. LEND, REPAY: 1, 2. LIMIT: 0 ... LIMIT_MAX. RESET: none. */
static unsigned operations_of(int kind)
{
    switch (kind) {
    case TAKE:
    case GIVE:
        return DOMAINS * AMOUNT_MAX;
    case LEND:
    case REPAY:
        return PAIRS * AMOUNT_MAX;
    case LIMIT:
        return DOMAINS * (LIMIT_MAX + 1);
    default:
        return DOMAINS;
    }
}

static operation operation_of(unsigned number)
{
    int kind = 0;
    while (number >= operations_of(kind))
        number -= operations_of(kind++);
    int ways = kind == LIMIT ? LIMIT_MAX + 1 : kind == RESET ? 1 : AMOUNT_MAX;
    int base = kind == LIMIT || kind == RESET ? 0 : 1;
    return (operation){kind, (int)number / ways, (int)number % ways + base};
}

/* What the twin says to it: true if granted, and then *t is what it becomes. */
static bool twin_limit(twin *t, int d, int limit)
{
    int cap = made[d].cap != 0 ? made[d].cap : 100, more = limit - t->configured[d];
    if (limit < made[d].floor || limit > cap)
        return false;
    if (more > 0) {
        int owed = at_least_0(-twin_left(t, d)), need = more - least(more, owed);
        if (twin_net(t, d) + more > cap)
            return false;
        if (need > 0 && twin_left(t, made[d].parent) < need)
            return false;
    }
    t->configured[d] = limit;
    return true;
}

static bool twin_apply(twin *t, operation o)
{
    int n = o.amount, from = pairs[o.who % PAIRS][0], to = pairs[o.who % PAIRS][1];
    switch (o.kind) {
    case TAKE:
        if (twin_left(t, o.who) < n)
            return false;
        t->charged[o.who] += n;
        t->mark[o.who] = t->mark[o.who] > t->charged[o.who] ? t->mark[o.who] : t->charged[o.who];
        return true;
    case GIVE:
        if (t->charged[o.who] < n)
            return false;
        t->charged[o.who] -= n;
        return true;
    case LEND:
        if (t->out[o.who] + n > QUOTA || twin_net(t, from) - n < made[from].floor ||
            twin_net(t, to) + n > (made[to].cap != 0 ? made[to].cap : 100) ||
            twin_left(t, from) < n)
            return false;
        t->out[o.who] += n;
        return true;
    case REPAY:
        n = least(least(n, t->out[o.who]), least(at_least_0(twin_net(t, to) - made[to].floor),
                                                 at_least_0(twin_left(t, to))));
        t->out[o.who] -= n;
        return n > 0;
    case LIMIT:
        return twin_limit(t, o.who, n);
    default:
        t->mark[o.who] = t->charged[o.who];
        return true;
    }
}

static bool real_apply(operation o)
{
    plim__domain *from = domains[pairs[o.who % PAIRS][0]], *to = domains[pairs[o.who % PAIRS][1]];
    size_t n = (size_t)o.amount;
    switch (o.kind) {
    case TAKE:
        return plim__budget_take(&domains[o.who]->budget, n);
    case GIVE:
        return plim__budget_give(&domains[o.who]->budget, n);
    case LEND:
        return plim__lend(from, to, n, NULL) == PLIM_OK;
    case REPAY:
        return plim__repay(from, to, n) > 0;
    case LIMIT:
        return plim_domain_limit_set(handles[o.who], n, NULL) == PLIM_OK;
    default:
        (void)plim__budget_mark_reset(&domains[o.who]->budget);
        return true;
    }
}

static const char *compare(const twin *t)
{
    int sum = 0;
    for (int d = 0; d < DOMAINS; d++) {
        plim__budget *budget = &domains[d]->budget;
        int left = twin_left(t, d), net = twin_net(t, d);
        if ((int)plim__load(&budget->configured) != t->configured[d])
            return "a limit is what was set";
        if ((int)plim__load(&budget->charged) != t->charged[d])
            return "what is charged is what was taken and not given back";
        if ((int)plim__load(&budget->mark) != t->mark[d])
            return "the mark is the most ever charged";
        if ((int)plim__load(&budget->net) != net)
            return "the ledger explains the limit";
        if ((int)plim__load(&budget->avail) != left)
            return "what is left is the limit less charges, children and their debts";
        if (t->charged[d] > net + at_least_0(-left))
            return "no more is used than the limit, but for what is owed";
        sum += t->charged[d] + left;
    }
    for (int d = 0; d < DOMAINS; d++)
        if (made[d].parent >= 0)
            sum += at_least_0(-twin_left(t, d));
    for (int d = 0; d < DOMAINS; d++)
        if (made[d].parent < 0)
            sum += at_least_0(-twin_left(t, d));
    if ((int)plim__load(&bank.total.avail) != twin_left(t, -1) || sum + twin_left(t, -1) != TOTAL)
        return "all of it adds up to the total";
    for (int p = 0; p < PAIRS; p++)
        if ((int)plim__load(&share_of(p)->out) != t->out[p])
            return "the ledger is what was lent and not repaid";
    const char *what = "";
    return plim__bank_check(&bank, &what) == NULL ? NULL : "the bank's own check finds it whole";
}

static const char *apply(unsigned number)
{
    operation o = operation_of(number);
    twin t = twin_now(), before = t;
    uint8_t old[EXPLORE_STATE_BYTES_MAX] = {0}, now[EXPLORE_STATE_BYTES_MAX] = {0};
    save(old);
    bool granted = twin_apply(&t, o);
    if (real_apply(o) != granted)
        return granted ? "what fits is granted" : "what does not fit is refused";
    save(now);
    if (!granted && (memcmp(old, now, sizeof old) != 0 || memcmp(&t, &before, sizeof t) != 0))
        return "a refusal changes nothing";
    return compare(&t);
}

static void print(unsigned number)
{
    static const char *const kinds[] = {"take", "give", "lend", "repay", "limit", "reset mark"};
    operation o = operation_of(number);
    if (o.kind == LEND || o.kind == REPAY)
        fprintf(stderr, "  %s %c to %c: %d\n", kinds[o.kind], 'a' + pairs[o.who][0],
                'a' + pairs[o.who][1], o.amount);
    else
        fprintf(stderr, "  %s %c: %d\n", kinds[o.kind], 'a' + o.who, o.amount);
}

int main(void)
{
    explore_world world = {.name = "bank",
                           .state_bytes =
                               BUDGET_WORDS * (DOMAINS + 1) + SHARE_WORDS * DOMAINS * DOMAINS,
                           .start = start,
                           .save = save,
                           .load = load,
                           .apply = apply,
                           .print = print};
    for (int kind = 0; kind < KINDS; kind++)
        world.operation_count += operations_of(kind);
    return explore(&world);
}
