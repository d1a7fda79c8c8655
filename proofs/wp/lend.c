/* SPDX-License-Identifier: MIT */
/*
 * Lending as it ships: the text of lend.c and of what it calls of budget.c, for one thread, where
 * an access to a word is an access. Proved for all amounts, quotas, floors, caps and states of the
 * words: a loan moves so much or nothing, and every claim of one that is refused goes back (B11,
 * L1); limits and ledger change together (L2); a lender stays at or above its floor and a borrower
 * at or below its cap (L3); a repayment takes only what is unused (L4) and brings all back where it
 * may (L5); the intents are what the ledger says again at the end (L6). What other threads do
 * between two accesses is in proofs/interleave.
 *
 * Not here: a side that owes, for what comes in then goes on to its parents; and what threads
 * have cached, which is given back before the first step.
 * prove only: allowance_take,allowance_take_most,net_fall,net_fall_most,net_rise
 * prove only: lend_claimed,plim__lend,plim__repay,plim__budget_draw,plim__budget_draw_most
 * options: -c11 -ulevel 1
 */
#define PLIM_MEMORY_ATOMIC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _Atomic
#define _Alignas(bytes)
typedef ptrdiff_t plim__word;
typedef size_t plim__count;
#define plim__load(word)         (*(word))
#define plim__load_relaxed(word) (*(word))
#define plim__add(word, value)   (*(word) += (value))
#define plim__sub(word, value)   (*(word) -= (value))
/* Nobody else writes: it does not fail, and loops around it have one turn. */
#define plim__cas_weak(word, expected, desired) (*(word) = (desired), true)
#define plim__exchange(word, value)             plim__exchanged((word), (value))
#define plim__store_relaxed(word, value)        (*(word) = (value))

static size_t plim__exchanged(size_t *word, size_t value)
{
    size_t old = *word;
    *word = value;
    return old;
}

#include "memory/budgets/lend.h"

/*@ predicate budget_ok(plim__budget *b) = 0 <= b->avail <= b->net <= PLIM__BYTES_MAX;
  @ predicate side_ok(plim__domain *d) = budget_ok(&d->budget) &&
  @   0 <= d->floor_bytes <= d->budget.net <= d->cap_bytes <= PLIM__BYTES_MAX;
  @ predicate share_ok(plim__share *p) = 0 <= p->left && p->left + p->out <= PLIM__BYTES_MAX &&
  @   p->open == p->out;
  @ predicate apart(plim__domain *a, plim__domain *b, plim__share *p) =
  @   \valid(a) && \valid(b) && \valid(p) && \separated(a, b, p);
  @*/

/*@ requires \valid(budget) && level(budget->avail);
  @ assigns budget->avail;
  @ ensures \result <==> bytes <= \old(budget->avail);
  @ ensures budget->avail == \old(budget->avail) - (\result ? bytes : 0);
  @*/
bool plim__budget_draw(plim__budget *budget, size_t bytes);

/*@ requires \valid(budget) && 0 <= budget->avail <= PLIM__BYTES_MAX;
  @ assigns budget->avail;
  @ ensures \result <= most && budget->avail == \old(budget->avail) - \result;
  @ ensures budget->avail >= 0 && (\result == most || budget->avail == 0);
  @*/
size_t plim__budget_draw_most(plim__budget *budget, size_t most);

/* Assumed: where nothing is owed, nothing is passed on. */
/*@ requires \valid(budget) && 0 <= budget->avail && budget->avail + bytes <= PLIM__BYTES_MAX;
  @ assigns budget->avail;
  @ ensures budget->avail == \old(budget->avail) + bytes;
  @*/
void plim__budget_put(plim__budget *budget, size_t bytes);

/*@ requires \valid(word) && level(*word);
  @ assigns *word;
  @ ensures \result <==> n <= \old(*word);
  @ ensures *word == \old(*word) - (\result ? n : 0);
  @*/
static bool allowance_take(plim__word *word, size_t n);

/*@ requires \valid(word) && 0 <= *word <= PLIM__BYTES_MAX;
  @ assigns *word;
  @ ensures \result <= most && *word == \old(*word) - \result;
  @ ensures *word >= 0 && (\result == most || *word == 0);
  @*/
static size_t allowance_take_most(plim__word *word, size_t most);

/*@ requires \valid(domain) && side_ok(domain);
  @ assigns domain->budget.net;
  @ ensures \result <==> n <= \old(domain->budget.net) - domain->floor_bytes;
  @ ensures domain->budget.net == \old(domain->budget.net) - (\result ? n : 0);
  @*/
static bool net_fall(plim__domain *domain, size_t n);

/*@ requires \valid(domain) && side_ok(domain);
  @ assigns domain->budget.net;
  @ ensures \result <= most && domain->budget.net == \old(domain->budget.net) - \result;
  @ ensures domain->budget.net >= domain->floor_bytes &&
  @   (\result == most || domain->budget.net == domain->floor_bytes);
  @*/
static size_t net_fall_most(plim__domain *domain, size_t most);

/*@ requires \valid(domain) && side_ok(domain);
  @ assigns domain->budget.net;
  @ ensures \result <==> n <= domain->cap_bytes - \old(domain->budget.net);
  @ ensures domain->budget.net == \old(domain->budget.net) + (\result ? n : 0);
  @*/
static bool net_rise(plim__domain *domain, size_t n);

/* Assumed: it writes an error's text and nothing else. */
/*@ assigns \nothing;
  @ ensures \result == status;
  @*/
static plim_status lend_refused(plim_status status, const char *why, plim__domain *lender,
                                plim__domain *borrower, size_t bytes, plim_error *err);

/*@ requires apart(lender, borrower, share) && side_ok(lender) && side_ok(borrower);
  @ requires 0 <= share->left && share->left + share->out + bytes <= PLIM__BYTES_MAX &&
  @   share->open == share->out;
  @ assigns lender->budget.avail, lender->budget.net, borrower->budget.avail,
  @   borrower->budget.net, share->out, share->open;
  @ ensures rule: \result == PLIM_OK <==>
  @   bytes <= \old(lender->budget.net) - lender->floor_bytes &&
  @   bytes <= borrower->cap_bytes - \old(borrower->budget.net) &&
  @   bytes <= \old(lender->budget.avail);
  @ ensures refused: \result != PLIM_OK ==>
  @   lender->budget.avail == \old(lender->budget.avail) &&
  @   lender->budget.net == \old(lender->budget.net) &&
  @   borrower->budget.avail == \old(borrower->budget.avail) &&
  @   borrower->budget.net == \old(borrower->budget.net) &&
  @   share->out == \old(share->out) && share->open == \old(share->open);
  @ ensures granted: \result == PLIM_OK ==>
  @   lender->budget.avail == \old(lender->budget.avail) - bytes &&
  @   lender->budget.net == \old(lender->budget.net) - bytes &&
  @   borrower->budget.avail == \old(borrower->budget.avail) + bytes &&
  @   borrower->budget.net == \old(borrower->budget.net) + bytes &&
  @   share->out == \old(share->out) + bytes && share->open == \old(share->open) + bytes;
  @ ensures lender_ok: side_ok(lender);
  @ ensures borrower_ok: side_ok(borrower);
  @*/
static plim_status lend_claimed(plim__domain *lender, plim__domain *borrower, plim__share *share,
                                size_t bytes, plim_error *err);

/* Assumed: threads have nothing cached, as at the end of a drain. */
/*@ assigns \nothing; */
static void lend_drain(plim__domain *domain, size_t wanted);

/* Which of the bank's records it is, is not looked into: for the same two it is the same. */
/*@ axiomatic pairs {
  @   logic plim__share *pair_at(plim__share *shares, integer lender, integer borrower);
  @ }
  @ predicate bank_ok(plim__domain *a, plim__domain *b, plim__share *p) = \valid(a->bank) &&
  @   a->bank == b->bank && a->bank->moving < 1000 &&
  @   p == pair_at(a->bank->shares, a->index, b->index) && \separated(a, b, p, a->bank);
  @*/

/*@ requires \valid_read(bank);
  @ assigns \nothing;
  @ ensures \result == pair_at(bank->shares, lender, borrower);
  @*/
plim__share *plim__bank_share(plim__bank *bank, uint32_t lender, uint32_t borrower);

/* Preprocessed in annotations, too. */
#define PAIR pair_at(lender->bank->shares, lender->index, borrower->index)

/*@ requires bank_ok(lender, borrower, PAIR);
  @ requires apart(lender, borrower, PAIR);
  @ requires side_ok(lender) && side_ok(borrower) && share_ok(PAIR);
  @ assigns lender->budget.avail, lender->budget.net, borrower->budget.avail,
  @   borrower->budget.net, lender->bank->moving, PAIR->left,
  @   PAIR->out, PAIR->open;
  @ ensures rule: \result == PLIM_OK <==> bytes <= \old(PAIR->left) &&
  @   bytes <= \old(lender->budget.net) - lender->floor_bytes &&
  @   bytes <= borrower->cap_bytes - \old(borrower->budget.net) &&
  @   bytes <= \old(lender->budget.avail);
  @ ensures conserved: lender->budget.avail + borrower->budget.avail ==
  @   \old(lender->budget.avail + borrower->budget.avail);
  @ ensures ledger: lender->budget.net + PAIR->out ==
  @   \old(lender->budget.net + PAIR->out) &&
  @   borrower->budget.net - PAIR->out ==
  @   \old(borrower->budget.net - PAIR->out);
  @ ensures quota: PAIR->left + PAIR->out ==
  @   \old(PAIR->left + PAIR->out);
  @ ensures use_unchanged: lender->budget.net - lender->budget.avail ==
  @   \old(lender->budget.net - lender->budget.avail) &&
  @   borrower->budget.net - borrower->budget.avail ==
  @   \old(borrower->budget.net - borrower->budget.avail);
  @ ensures floor: lender->budget.net >= lender->floor_bytes;
  @ ensures cap: borrower->budget.net <= borrower->cap_bytes;
  @ ensures lender_ok: side_ok(lender);
  @ ensures borrower_ok: side_ok(borrower);
  @ ensures intent: share_ok(PAIR);
  @ ensures moved: PAIR->out ==
  @   \old(PAIR->out) + (\result == PLIM_OK ? bytes : 0);
  @ ensures still: lender->bank->moving == \old(lender->bank->moving);
  @*/
plim_status plim__lend(plim__domain *lender, plim__domain *borrower, size_t bytes, plim_error *err);

/*@ requires bank_ok(lender, borrower, PAIR);
  @ requires apart(lender, borrower, PAIR);
  @ requires side_ok(lender) && side_ok(borrower) && share_ok(PAIR);
  @ requires lender->budget.net + PAIR->out <= lender->cap_bytes;
  @ assigns lender->budget.avail, lender->budget.net, borrower->budget.avail,
  @   borrower->budget.net, lender->bank->moving, PAIR->left,
  @   PAIR->out, PAIR->open;
  @ ensures conserved: lender->budget.avail + borrower->budget.avail ==
  @   \old(lender->budget.avail + borrower->budget.avail);
  @ ensures ledger: lender->budget.net + PAIR->out ==
  @   \old(lender->budget.net + PAIR->out) &&
  @   borrower->budget.net - PAIR->out ==
  @   \old(borrower->budget.net - PAIR->out);
  @ ensures quota: PAIR->left + PAIR->out ==
  @   \old(PAIR->left + PAIR->out);
  @ ensures use_unchanged: lender->budget.net - lender->budget.avail ==
  @   \old(lender->budget.net - lender->budget.avail) &&
  @   borrower->budget.net - borrower->budget.avail ==
  @   \old(borrower->budget.net - borrower->budget.avail);
  @ ensures floor: lender->budget.net >= lender->floor_bytes;
  @ ensures cap: borrower->budget.net <= borrower->cap_bytes;
  @ ensures lender_ok: side_ok(lender);
  @ ensures borrower_ok: side_ok(borrower);
  @ ensures intent: share_ok(PAIR);
  @ ensures at_most: \result <= bytes &&
  @   PAIR->out == \old(PAIR->out) - \result;
  @ ensures only_unused: \result <= \old(borrower->budget.avail);
  @ ensures all_back: bytes >= \old(PAIR->out) &&
  @   \old(borrower->budget.avail) >= \old(PAIR->out) &&
  @   \old(borrower->budget.net) - borrower->floor_bytes >= \old(PAIR->out) ==>
  @   PAIR->out == 0;
  @ ensures still: lender->bank->moving == \old(lender->bank->moving);
  @*/
size_t plim__repay(plim__domain *lender, plim__domain *borrower, size_t bytes);

#include "memory/budgets/budget.c"
#include "memory/budgets/lend.c"
