/* SPDX-License-Identifier: MIT */
/*
 * A bank from its words of record. Recorded are: configured limits, quotas, the ledger, charges,
 * and which domains are live; every other word follows from them. Recovery writes what follows,
 * the check compares. Both want a bank that nobody is changing.
 */
#include "base/assert.h"
#include "memory/budgets/lend.h"

/* What follows from the records for one domain; children first, as their debts count. */
typedef struct bank_view {
    ptrdiff_t net[PLIM__BANK_DOMAINS_MAX];
    ptrdiff_t avail[PLIM__BANK_DOMAINS_MAX];
    ptrdiff_t total; /* avail of the total */
} bank_view;

static ptrdiff_t view_net(plim__bank *bank, plim__domain *domain)
{
    ptrdiff_t net = (ptrdiff_t)plim__load(&domain->budget.configured);
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        net += (ptrdiff_t)plim__load(&plim__bank_share(bank, i, domain->index)->out);
        net -= (ptrdiff_t)plim__load(&plim__bank_share(bank, domain->index, i)->out);
    }
    return net;
}

/* What a domain takes out of its parent: its configured limit and its debt, or its charges. */
static ptrdiff_t view_weight(const bank_view *view, plim__domain *domain)
{
    if (domain->is_shared)
        return (ptrdiff_t)plim__budget_charged(&domain->budget);
    return (ptrdiff_t)plim__load(&domain->budget.configured) +
           (ptrdiff_t)plim__core_owed(view->avail[domain->index]);
}

static void view_of(plim__bank *bank, bank_view *view)
{
    view->total = (ptrdiff_t)plim__load(&bank->total.configured);
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        view->net[i] = domain != NULL ? view_net(bank, domain) : 0;
        view->avail[i] = domain == NULL || domain->is_shared
                             ? 0
                             : view->net[i] - (ptrdiff_t)plim__budget_charged(&domain->budget);
    }
    for (uint32_t depth = PLIM__DOMAIN_DEPTH_MAX; depth >= 1; depth--) {
        for (uint32_t i = 0; i < bank->domain_max; i++) {
            plim__domain *domain = plim__bank_domain(bank, i);
            if (domain == NULL || domain->depth != depth)
                continue;
            if (domain->parent != NULL)
                view->avail[domain->parent->index] -= view_weight(view, domain);
            else
                view->total -= view_weight(view, domain);
        }
    }
}

/* --- recovery ------------------------------------------------------------------------------ */

/* A domain that was being made or ended is not live, and leaves its place. */
static uint32_t recover_places(plim__bank *bank)
{
    uint32_t count = 0, live = 0;
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        uint32_t slot = plim__load(&bank->slots[i]);
        if (slot != 0 && plim__bank_domain(bank, i) == NULL) {
            plim__store(&bank->slots[i], 0);
            plim__slot_release(slot);
            count++;
        }
        live += plim__bank_domain(bank, i) != NULL;
    }
    plim__store(&bank->domain_count, live);
    return count;
}

static size_t recover_shares(plim__bank *bank)
{
    size_t claims = 0;
    for (uint32_t from = 0; from < bank->domain_max; from++) {
        for (uint32_t to = 0; to < bank->domain_max; to++) {
            plim__share *share = plim__bank_share(bank, from, to);
            ptrdiff_t out = (ptrdiff_t)plim__load(&share->out);
            ptrdiff_t left = (ptrdiff_t)plim__load(&share->quota) - out;
            claims += plim__load(&share->left) != left || plim__load(&share->open) != out;
            plim__store(&share->left, left);
            plim__store(&share->open, out);
        }
    }
    return claims;
}

static size_t recover_word(plim__word *word, ptrdiff_t value)
{
    ptrdiff_t was = plim__load(word);
    plim__store(word, value);
    return was < value ? (size_t)(value - was) : 0;
}

void plim__lend_recover(plim__bank *bank, plim__recovered *out_found)
{
    plim__recovered found = {0};
    found.domains = recover_places(bank);
    found.claims = recover_shares(bank);
    bank_view view;
    view_of(bank, &view);
    for (uint32_t i = 0; i < bank->domain_max; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain == NULL)
            continue;
        size_t charged = plim__budget_charged(&domain->budget);
        plim__store(&domain->budget.net, view.net[i]);
        plim__store(&domain->budget.mark,
                    plim__core_mark(plim__load(&domain->budget.mark), charged));
        found.adrift += recover_word(&domain->budget.avail, view.avail[i]);
    }
    found.adrift += recover_word(&bank->total.avail, view.total);
    plim__store(&bank->moving, 0);
    plim__store(&bank->balancer, 0);
    plim__lock_reset(&bank->lock);
    if (out_found != NULL)
        *out_found = found;
}

/* --- check --------------------------------------------------------------------------------- */

static const char *check_domain(plim__domain *domain, ptrdiff_t net, ptrdiff_t avail,
                                const char **out_what)
{
    size_t charged = plim__budget_charged(&domain->budget);
    if (plim__load(&domain->budget.mark) < charged) {
        *out_what = "a high-water mark is below what is charged";
        return "B7";
    }
    if (plim__load(&domain->budget.net) != net) {
        *out_what = "a limit is not what was configured and the ledger explain";
        return "L2";
    }
    if (plim__load(&domain->budget.avail) != avail) {
        *out_what = "what is left is not the limit less what is charged";
        return "B1";
    }
    return NULL;
}

static const char *check_shares(plim__bank *bank, const char **out_what)
{
    for (uint32_t i = 0; i < bank->domain_max * bank->domain_max; i++) {
        plim__share *share = &bank->shares[i];
        ptrdiff_t out = (ptrdiff_t)plim__load(&share->out);
        if (plim__load(&share->open) != out ||
            plim__load(&share->left) != (ptrdiff_t)plim__load(&share->quota) - out) {
            *out_what = "a quota and the loans under it do not add up";
            return "L2";
        }
    }
    return NULL;
}

const char *plim__bank_check(plim__bank *bank, const char **out_what)
{
    if (plim__load(&bank->moving) != 0)
        return NULL;
    const char *broken = check_shares(bank, out_what);
    bank_view view;
    view_of(bank, &view);
    for (uint32_t i = 0; i < bank->domain_max && broken == NULL; i++) {
        plim__domain *domain = plim__bank_domain(bank, i);
        if (domain != NULL)
            broken = check_domain(domain, view.net[i], view.avail[i], out_what);
    }
    if (broken == NULL && plim__load(&bank->total.avail) != view.total) {
        *out_what = "limits, debts and what is unassigned do not add up to the total";
        broken = "B3";
    }
    return broken;
}
