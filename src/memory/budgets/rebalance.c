/* SPDX-License-Identifier: MIT */
/*
 * The rebalancer: a step looks at every domain once, then moves headroom by plim__lend() and
 * plim__repay() alone; so floors, caps, quotas and sums hold whatever it decides.
 *
 *  1. What each domain usually needs: a maximum of what it had charged, that rises at once and
 *     falls by a quarter of the way each step. Spare is what is unused above that and a margin.
 *  2. Who was refused since the last step wants what the largest refused request lacked, highest
 *     priority first: first its own loans come back, the lowest borrower first; then it borrows
 *     the rest, rounded up to a quantum, from the lowest priority and the most to spare.
 *  3. Loans nobody needs go home: from borrowers that were not refused for some steps.
 *
 * Hysteresis: a domain that was refused lends nothing and returns nothing for PLIM__QUIET_STEPS
 * steps unless its own lender wants it; the margin keeps a lender from being emptied to the byte.
 * It stops: a step makes at most three passes over pairs of domains, whatever others do meanwhile.
 */
#include "memory/budgets/rebalance.h"

/* One domain as the step found it. */
typedef struct balance_row {
    plim__domain *domain; /* NULL: none, or not one that lends */
    size_t want;          /* still to be found for it */
    bool wanted;          /* it wanted something in this step */
} balance_row;

typedef struct balance {
    plim__bank *bank;
    size_t quantum;
    size_t moved;
    balance_row rows[PLIM__BANK_DOMAINS_MAX];
} balance;

static uint32_t step_rank(const plim__domain *domain)
{
    static const uint8_t ranks[] = {[PLIM_PRIORITY_LOW] = 0,
                                    [PLIM_PRIORITY_NORMAL] = 1,
                                    [PLIM_PRIORITY_HIGH] = 2,
                                    [PLIM_PRIORITY_CRITICAL] = 3};
    return ranks[domain->priority];
}

/* Unused, above what it usually needs and a margin of an eighth of that. */
static size_t step_spare(plim__domain *domain)
{
    size_t charged = plim__budget_charged(&domain->budget);
    size_t left = plim__budget_left(&domain->budget);
    size_t usual = domain->usual_bytes;
    size_t keep = usual > charged ? usual - charged : 0;
    keep += usual / 8;
    return left > keep ? left - keep : 0;
}

static void row_look(balance_row *row)
{
    plim__domain *domain = row->domain;
    size_t charged = plim__budget_charged(&domain->budget);
    size_t usual = domain->usual_bytes;
    domain->usual_bytes = charged >= usual ? charged : usual - (usual - charged + 3) / 4;
    size_t refused = plim__exchange(&domain->refused_bytes, 0);
    size_t left = plim__budget_left(&domain->budget);
    if (refused == 0) {
        domain->quiet_steps += domain->quiet_steps < PLIM__QUIET_STEPS; /* new ones are quiet */
        return;
    }
    domain->quiet_steps = 0;
    row->wanted = true;
    if (refused > left && plim__core_is_amount(refused))
        row->want = refused - left;
}

static void step_start(balance *step, plim__bank *bank)
{
    size_t quantum = plim__load(&bank->total.configured) / 1024;
    step->bank = bank;
    step->quantum = quantum < 64 ? 64 : quantum > 65536 ? 65536 : quantum;
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain == NULL || domain->is_shared)
            continue;
        step->rows[i].domain = domain;
        row_look(&step->rows[i]);
    }
}

static void step_add(balance *step, balance_row *row, size_t bytes)
{
    step->moved += bytes;
    row->want -= bytes < row->want ? bytes : row->want;
}

/* Its own loans come back, from the lowest borrowers first; not from higher ones that want too. */
static void want_recall(balance *step, balance_row *row)
{
    for (uint32_t rank = 0; rank <= 3; rank++) {
        for (uint32_t i = 0; i < step->bank->domain_max && row->want > 0; i++) {
            balance_row *other = &step->rows[i];
            if (other->domain == NULL || other == row || step_rank(other->domain) != rank)
                continue;
            if (other->wanted && rank > step_rank(row->domain))
                continue;
            step_add(step, row, plim__repay(row->domain, other->domain, row->want));
        }
    }
}

/* The best lender left: lowest priority, then most to spare; NULL if none has anything. */
static plim__domain *want_lender(balance *step, const balance_row *row, const bool *tried,
                                 size_t *out_n)
{
    plim__domain *best = NULL;
    size_t best_n = 0;
    for (uint32_t i = 0; i < step->bank->domain_max; i++) {
        plim__domain *domain = step->rows[i].domain;
        if (domain == NULL || domain == row->domain || tried[i] ||
            domain->quiet_steps < PLIM__QUIET_STEPS)
            continue;
        plim__share *share = plim__bank_share(step->bank, i, row->domain->index);
        size_t n = plim__core_least(row->want, plim__load(&share->left));
        n = plim__core_least(
            n, plim__core_way((ptrdiff_t)domain->floor_bytes, plim__load(&domain->budget.net)));
        n = plim__core_least(n, (ptrdiff_t)step_spare(domain));
        if (n == 0)
            continue;
        if (best == NULL || step_rank(domain) < step_rank(best) ||
            (step_rank(domain) == step_rank(best) && n > best_n)) {
            best = domain;
            best_n = n;
        }
    }
    *out_n = best_n;
    return best;
}

static void want_borrow(balance *step, balance_row *row)
{
    bool tried[PLIM__BANK_DOMAINS_MAX] = {false};
    for (uint32_t turn = 0; turn < step->bank->domain_max && row->want > 0; turn++) {
        size_t n;
        plim__domain *lender = want_lender(step, row, tried, &n);
        if (lender == NULL)
            break;
        tried[lender->index] = true;
        size_t room = plim__core_least(n, plim__core_way(plim__load(&row->domain->budget.net),
                                                         (ptrdiff_t)row->domain->cap_bytes));
        /* Refused only if somebody else was faster: then the next lender, or the next step. */
        if (room > 0 && plim__lend(lender, row->domain, room, NULL) == PLIM_OK)
            step_add(step, row, room);
    }
}

static void step_serve(balance *step)
{
    for (uint32_t down = 0; down <= 3; down++) {
        for (uint32_t i = 0; i < step->bank->domain_max; i++) {
            balance_row *row = &step->rows[i];
            if (row->domain == NULL || row->want == 0 || step_rank(row->domain) != 3 - down)
                continue;
            want_recall(step, row);
            row->want = (row->want + step->quantum - 1) / step->quantum * step->quantum;
            want_borrow(step, row);
        }
    }
}

static void step_homeward(balance *step)
{
    for (uint32_t to = 0; to < step->bank->domain_max; to++) {
        balance_row *row = &step->rows[to];
        if (row->domain == NULL || row->domain->quiet_steps < PLIM__QUIET_STEPS)
            continue;
        for (uint32_t from = 0; from < step->bank->domain_max; from++) {
            if (from == to || step->rows[from].domain == NULL)
                continue;
            plim__share *share = plim__bank_share(step->bank, from, to);
            size_t n = plim__load(&share->out);
            size_t spare = step_spare(row->domain);
            n = n < spare ? n : spare;
            if (n > 0)
                step->moved += plim__repay(step->rows[from].domain, row->domain, n);
        }
    }
}

plim_status plim__rebalance(plim__bank *bank, size_t *out_bytes)
{
    uint32_t free_flag = 0;
    if (!plim__cas(&bank->balancer, &free_flag, 1))
        return PLIM_ERR_BUSY;
    balance step = {0};
    step_start(&step, bank);
    step_serve(&step);
    step_homeward(&step);
    plim__store(&bank->balancer, 0);
    if (out_bytes != NULL)
        *out_bytes = step.moved;
    return PLIM_OK;
}
