/* SPDX-License-Identifier: MIT */
/*
 * Lending without locks. What can be refused is claimed first, in words that admit loans only;
 * then headroom moves in single-word steps that cannot fail:
 *
 *     lend   claim left, net of the lender, net of the borrower   (refused: claims go back)
 *            take from the lender's avail                          (refused: claims go back)
 *            out += n                                              <- committed
 *            give to the borrower's avail
 *     repay  claim open, net of the borrower                       (as much as there is)
 *            take from the borrower's avail                        (as much as is unused)
 *            out -= n                                              <- committed
 *            give to the lender's avail; left and net of the lender rise
 *
 * Invariants:
 *  I1  avail falls only by bytes that then arrive in another avail: no request is refused for the
 *      sake of a loan that fails (budget.c, I2).
 *  I2  configured + borrowed - lent, by the ledger, is never less than charged + avail.
 *  I3  quota - left - out is what lends have in flight, out - open what repayments have: the
 *      intent is in the pair's own words, and one word commits; so a crash anywhere leaves a state
 *      that plim__lend_recover() puts right without knowing which step was the last.
 *  I4  net stays at or above the floor and at or below the cap under loans.
 */
#include "memory/budgets/lend.h"

#include <string.h>

#include "base/assert.h"

/* --- allowances ---------------------------------------------------------------------------- */

/* Takes n from an allowance, if it is there. */
static bool allowance_take(plim__word *word, size_t n)
{
    ptrdiff_t left = plim__load(word);
    do {
        if (!plim__core_fits(left, n))
            return false;
    } while (!plim__cas_weak(word, &left, plim__core_take(left, n)));
    return true;
}

/* Takes what is there of it, `most` at most. */
static size_t allowance_take_most(plim__word *word, size_t most)
{
    ptrdiff_t left = plim__load(word);
    size_t n;
    do {
        n = plim__core_least(most, left);
        if (n == 0)
            return 0;
    } while (!plim__cas_weak(word, &left, plim__core_take(left, n)));
    return n;
}

/* net falls by n, if the floor allows it. */
static bool net_fall(plim__domain *domain, size_t n)
{
    ptrdiff_t net = plim__load(&domain->budget.net);
    do {
        if (!plim__core_fits(plim__core_way((ptrdiff_t)domain->floor_bytes, net), n))
            return false;
    } while (!plim__cas_weak(&domain->budget.net, &net, plim__core_lower(net, n)));
    return true;
}

/* net falls towards the floor, by `most` at most; how much. */
static size_t net_fall_most(plim__domain *domain, size_t most)
{
    ptrdiff_t net = plim__load(&domain->budget.net);
    size_t n;
    do {
        n = plim__core_least(most, plim__core_way((ptrdiff_t)domain->floor_bytes, net));
        if (n == 0)
            return 0;
    } while (!plim__cas_weak(&domain->budget.net, &net, plim__core_lower(net, n)));
    return n;
}

/* net rises by n, if the cap allows it. */
static bool net_rise(plim__domain *domain, size_t n)
{
    ptrdiff_t net = plim__load(&domain->budget.net);
    do {
        if (!plim__core_fits(plim__core_way(net, (ptrdiff_t)domain->cap_bytes), n))
            return false;
    } while (!plim__cas_weak(&domain->budget.net, &net, plim__core_give(net, n)));
    return true;
}

/* --- lend and repay ------------------------------------------------------------------------ */

static plim_status lend_refused(plim_status status, const char *why, plim__domain *lender,
                                plim__domain *borrower, size_t bytes, plim_error *err)
{
    return plim_error_set(err, status, "\"%s\" does not lend %zu bytes to \"%s\": %s", lender->name,
                          bytes, borrower->name, why);
}

static plim_status lend_claimed(plim__domain *lender, plim__domain *borrower, plim__share *share,
                                size_t bytes, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (!net_fall(lender, bytes)) {
        status =
            lend_refused(PLIM_ERR_BUDGET, "its floor is in the way", lender, borrower, bytes, err);
    } else if (!net_rise(borrower, bytes)) {
        (void)plim__add(&lender->budget.net, (ptrdiff_t)bytes);
        status = lend_refused(PLIM_ERR_BUDGET, "the borrower's cap is in the way", lender, borrower,
                              bytes, err);
    } else if (!plim__budget_draw(&lender->budget, bytes)) {
        (void)plim__sub(&borrower->budget.net, (ptrdiff_t)bytes);
        (void)plim__add(&lender->budget.net, (ptrdiff_t)bytes);
        status = lend_refused(PLIM_ERR_BUDGET, "it has not that much unused", lender, borrower,
                              bytes, err);
    } else {
        (void)plim__add(&share->out, bytes);
        plim__budget_put(&borrower->budget, bytes);
        (void)plim__add(&share->open, (ptrdiff_t)bytes);
    }
    return status;
}

static void lend_drain(plim__domain *domain, size_t wanted)
{
    if (domain->bank->engine->drain != NULL && plim__budget_left(&domain->budget) < wanted)
        domain->bank->engine->drain(domain);
}

plim_status plim__lend(plim__domain *lender, plim__domain *borrower, size_t bytes, plim_error *err)
{
    plim__bank *bank = lender->bank;
    plim__share *share = plim__bank_share(bank, lender->index, borrower->index);
    /* What threads have cached is not in use: it can be lent. */
    lend_drain(lender, bytes);
    (void)plim__add(&bank->moving, 1);
    plim_status status;
    if (!allowance_take(&share->left, bytes)) {
        status = lend_refused(PLIM_ERR_ACCESS, "the quota between the two does not allow it",
                              lender, borrower, bytes, err);
    } else {
        status = lend_claimed(lender, borrower, share, bytes, err);
        if (status != PLIM_OK)
            (void)plim__add(&share->left, (ptrdiff_t)bytes);
    }
    (void)plim__sub(&bank->moving, 1);
    return status;
}

size_t plim__repay(plim__domain *lender, plim__domain *borrower, size_t bytes)
{
    plim__bank *bank = lender->bank;
    plim__share *share = plim__bank_share(bank, lender->index, borrower->index);
    ptrdiff_t open = plim__load(&share->open);
    lend_drain(borrower, plim__core_least(bytes, open));
    (void)plim__add(&bank->moving, 1);
    size_t claimed = allowance_take_most(&share->open, bytes);
    size_t allowed = net_fall_most(borrower, claimed);
    size_t paid = plim__budget_draw_most(&borrower->budget, allowed);
    if (paid < allowed)
        (void)plim__add(&borrower->budget.net, (ptrdiff_t)(allowed - paid));
    if (paid < claimed)
        (void)plim__add(&share->open, (ptrdiff_t)(claimed - paid));
    if (paid > 0) {
        (void)plim__sub(&share->out, paid);
        plim__budget_put(&lender->budget, paid);
        (void)plim__add(&lender->budget.net, (ptrdiff_t)paid);
        (void)plim__add(&share->left, (ptrdiff_t)paid);
    }
    (void)plim__sub(&bank->moving, 1);
    return paid;
}

/* --- the public calls ---------------------------------------------------------------------- */

/* Two different live domains of one manager. */
static bool pair_resolve(plim_domain lender, plim_domain borrower, plim__domain **out_lender,
                         plim__domain **out_borrower)
{
    *out_lender = plim__domain_of(lender);
    *out_borrower = plim__domain_of(borrower);
    return *out_lender != NULL && *out_borrower != NULL && *out_lender != *out_borrower &&
           (*out_lender)->bank == (*out_borrower)->bank;
}

plim_status plim_domain_share_set(plim_domain lender, plim_domain borrower, size_t quota_bytes)
{
    plim__domain *from, *to;
    if (!pair_resolve(lender, borrower, &from, &to))
        return PLIM_ERR_STALE;
    if (from->is_shared || to->is_shared)
        return PLIM_ERR_UNSUPPORTED;
    plim__bank *bank = from->bank;
    size_t quota = plim__core_is_amount(quota_bytes) ? quota_bytes : PLIM__BYTES_MAX;
    plim__share *share = plim__bank_share(bank, from->index, to->index);
    plim__bank_enter(bank);
    ptrdiff_t old = (ptrdiff_t)plim__exchange(&share->quota, quota);
    (void)plim__add(&share->left, plim__core_way(old, (ptrdiff_t)quota));
    plim__bank_leave(bank);
    return PLIM_OK;
}

plim_status plim_domain_lend(plim_domain lender, plim_domain borrower, size_t bytes,
                             plim_error *err)
{
    plim__domain *from, *to;
    if (!pair_resolve(lender, borrower, &from, &to))
        return plim_error_set(err, PLIM_ERR_STALE,
                              "lender and borrower are not two domains of one "
                              "manager");
    if (bytes == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "a loan has at least 1 byte");
    return plim__lend(from, to, bytes, err);
}

plim_status plim_domain_repay(plim_domain lender, plim_domain borrower, size_t bytes,
                              size_t *out_bytes)
{
    plim__domain *from, *to;
    if (!pair_resolve(lender, borrower, &from, &to))
        return PLIM_ERR_STALE;
    size_t paid = plim__repay(from, to, bytes);
    if (out_bytes != NULL)
        *out_bytes = paid;
    return PLIM_OK;
}
