/* SPDX-License-Identifier: MIT */
/*
 * Lending as a whole: the steps of lend.c one after the other, each decided by the budget core that
 * ships. Proved for all amounts, quotas, floors, caps and states of the words: a loan or repayment
 * moves what is left from one to the other and touches nobody else (L1), limit and ledger change
 * together (L2), a lender stays at or above its floor (L3), a repayment takes only what is unused
 * (L4) and brings all back where it may (L5), what is in use does not change, and a refusal changes
 * nothing (B11). The sum over a table (B3) is proved for sixteen domains, written out: the provers
 * cannot do induction. The order of steps between threads is not here but in proofs/interleave and
 * proofs/spin.
 * prove only: ledger_lend,ledger_repay,ledger_move
 */
#include "memory/budgets/budget_core.h"

/* One side of a loan. */
typedef struct side {
    ptrdiff_t avail; /* limit - charged */
    ptrdiff_t net;   /* the limit: configured + borrowed - lent */
    ptrdiff_t floor, cap;
} side;

/* A pair of domains. */
typedef struct share {
    ptrdiff_t left; /* quota - out */
    size_t out;
} share;

/*@ predicate side_ok(side *s) = 0 <= s->floor <= s->net <= s->cap <= PLIM__BYTES_MAX &&
  @   level(s->avail) && s->avail <= s->net;
  @ predicate share_ok(share *p) = level(p->left) && amount(p->out) &&
  @   p->left + p->out <= PLIM__BYTES_MAX;
  @ predicate apart(side *a, side *b, share *p) =
  @   \valid(a) && \valid(b) && \valid(p) && \separated(a, b, p);
  @*/

/*@ requires apart(a, b, p) && side_ok(a) && side_ok(b) && share_ok(p);
  @ assigns a->avail, a->net, b->avail, b->net, p->left, p->out;
  @ ensures conserved: a->avail + b->avail == \old(a->avail + b->avail);
  @ ensures limits_conserved: a->net + b->net == \old(a->net + b->net);
  @ ensures ledger: a->net + p->out == \old(a->net + p->out) &&
  @   b->net - p->out == \old(b->net - p->out);
  @ ensures quota: p->left + p->out == \old(p->left + p->out);
  @ ensures floor: side_ok(a) && side_ok(b) && share_ok(p);
  @ ensures use_unchanged: a->net - a->avail == \old(a->net - a->avail) &&
  @   b->net - b->avail == \old(b->net - b->avail);
  @ ensures refused: !\result ==> p->out == \old(p->out) && a->avail == \old(a->avail);
  @ ensures granted: \result ==> p->out == \old(p->out) + n && a->avail >= 0;
  @ ensures rule: \result <==> n <= \old(p->left) && n <= \old(a->net) - a->floor &&
  @   n <= b->cap - \old(b->net) && n <= \old(a->avail);
  @*/
bool ledger_lend(side *a, side *b, share *p, size_t n)
{
    if (!plim__core_fits(p->left, n) || !plim__core_fits(plim__core_way(a->floor, a->net), n) ||
        !plim__core_fits(plim__core_way(b->net, b->cap), n) || !plim__core_fits(a->avail, n))
        return false;
    p->left = plim__core_take(p->left, n);
    a->net = plim__core_lower(a->net, n);
    b->net = plim__core_give(b->net, n);
    a->avail = plim__core_take(a->avail, n);
    p->out += n;
    b->avail = plim__core_give(b->avail, n);
    return true;
}

/*@ requires apart(a, b, p) && side_ok(a) && side_ok(b) && share_ok(p);
  @ requires a->net + p->out <= a->cap;
  @ assigns a->avail, a->net, b->avail, b->net, p->left, p->out;
  @ ensures conserved: a->avail + b->avail == \old(a->avail + b->avail);
  @ ensures limits_conserved: a->net + b->net == \old(a->net + b->net);
  @ ensures ledger: a->net + p->out == \old(a->net + p->out) &&
  @   b->net - p->out == \old(b->net - p->out);
  @ ensures quota: p->left + p->out == \old(p->left + p->out);
  @ ensures floor: side_ok(a) && side_ok(b) && share_ok(p);
  @ ensures use_unchanged: a->net - a->avail == \old(a->net - a->avail) &&
  @   b->net - b->avail == \old(b->net - b->avail);
  @ ensures at_most: \result <= asked && p->out == \old(p->out) - \result;
  @ ensures only_unused: \result == 0 || \result <= \old(b->avail);
  @ ensures all_back: asked >= \old(p->out) && \old(b->avail) >= \old(p->out) &&
  @   \old(b->net) - b->floor >= \old(p->out) ==> p->out == 0;
  @*/
size_t ledger_repay(side *a, side *b, share *p, size_t asked)
{
    size_t n = plim__core_least(asked, (ptrdiff_t)p->out);
    n = plim__core_least(n, plim__core_way(b->floor, b->net));
    n = plim__core_least(n, b->avail);
    if (n == 0)
        return 0;
    b->net = plim__core_lower(b->net, n);
    b->avail = plim__core_take(b->avail, n);
    p->out -= n;
    a->avail = plim__core_give(a->avail, n);
    a->net = plim__core_give(a->net, n);
    p->left = plim__core_give(p->left, n);
    return n;
}

enum { DOMAINS = 16 };

/*@ logic integer sum(ptrdiff_t *w) =
  @   w[0] + w[1] + w[2] + w[3] + w[4] + w[5] + w[6] + w[7] + w[8] + w[9] + w[10] + w[11] +
  @   w[12] + w[13] + w[14] + w[15];
  @*/

/* What is left moves between any two of sixteen: the one step that lend, repay, create, destroy and
   both ways of changing a limit are made of. */
/*@ requires \valid(avail + (0 .. DOMAINS - 1)) && from < DOMAINS && to < DOMAINS && from != to;
  @ requires \forall integer k; 0 <= k < DOMAINS ==> level(avail[k]);
  @ requires avail[to] + n <= PLIM__BYTES_MAX;
  @ assigns avail[from], avail[to];
  @ ensures conserved: sum(avail) == \old(sum(avail));
  @ ensures others: \forall integer k; 0 <= k < DOMAINS && k != from && k != to ==>
  @   avail[k] == \old(avail[k]);
  @ ensures refused: !\result ==> avail[from] == \old(avail[from]) &&
  @   avail[to] == \old(avail[to]);
  @*/
bool ledger_move(ptrdiff_t *avail, unsigned from, unsigned to, size_t n)
{
    if (!plim__core_fits(avail[from], n))
        return false;
    avail[from] = plim__core_take(avail[from], n);
    avail[to] = plim__core_give(avail[to], n);
    return true;
}
