/* SPDX-License-Identifier: MIT */
/**
 * @file budget.h
 * @brief The words of one budget, and what threads do to them at once, without locks.
 *
 * `avail` alone admits: one compare-and-swap that takes from it is the charge. `charged` and
 * `mark` only measure: they are moved after a take and before a give, so that charged never
 * exceeds what was admitted, and the mark is the most it ever was, exactly, whatever loans do to
 * the limit meanwhile. Nested budgets need no chain: a child's limit left its parent's avail when
 * it was set.
 */
#ifndef PLIM_MEMORY_BUDGET_H
#define PLIM_MEMORY_BUDGET_H
#include "memory/atomic.h"
#include "memory/budgets/budget_core.h"

/** Only this file and the bank's (domain.c, lend.c, rebalance.c) touch the words. */
typedef struct plim__budget {
    plim__word avail;            /* = limit - charged, up to what is in flight */
    plim__count charged;         /* bytes charged; admits nothing */
    plim__count mark;            /* the most charged since the last reset */
    plim__count configured;      /* the limit as set: what came out of the parent */
    plim__word net;              /* configured + borrowed - lent, claims included */
    struct plim__budget *parent; /* NULL: a manager's total */
    struct plim__budget *source; /* whose avail admits: itself, or the total where it has none */
} plim__budget;

/** A budget with `limit` of its own, which the caller has drawn from the parent; limit at most
 *  PLIM__BYTES_MAX. Not yet seen by other threads. */
void plim__budget_init(plim__budget *budget, plim__budget *parent, size_t limit);

/** A budget without a limit of its own: what it charges comes out of `source`'s avail. */
void plim__budget_init_shared(plim__budget *budget, plim__budget *source);

/** Charges bytes; false and nothing changed if they do not fit. */
bool plim__budget_take(plim__budget *budget, size_t bytes);

/** Charges up to `want` blocks at once, fewer near the limit; how many, 0 if not even one fits. */
size_t plim__budget_take_blocks(plim__budget *budget, size_t block_bytes, size_t want);

/** Gives charged bytes back; false and nothing changed if so many are not charged (B5). */
bool plim__budget_give(plim__budget *budget, size_t bytes);

/** What a request may have at this moment; 0 while something is owed. */
size_t plim__budget_left(plim__budget *budget);

/** Charged at this moment. */
size_t plim__budget_charged(plim__budget *budget);

/** The most ever charged since the last reset; at least what is charged. */
size_t plim__budget_mark(plim__budget *budget);

/** Starts the mark anew from what is charged now; the mark so far. A charge that another thread is
 *  in the middle of may count on either side. */
size_t plim__budget_mark_reset(plim__budget *budget);

/** Owed to the parent: charged above a limit that was lowered. */
size_t plim__budget_owed(plim__budget *budget);

/** Moves headroom, charging nobody: out of avail if it is there. */
bool plim__budget_draw(plim__budget *budget, size_t bytes);

/** Draws what there is, `most` at most; how much. */
size_t plim__budget_draw_most(plim__budget *budget, size_t most);

/** Moves headroom in; what is owed is paid out of it to the parent, and so on upwards. */
void plim__budget_put(plim__budget *budget, size_t bytes);

/** Raises the configured limit and avail by `bytes`: cancels debts first, draws the rest from the
 *  parent; false and nothing changed if that has not so much. One thread at a time per budget;
 *  never the total. */
bool plim__budget_raise(plim__budget *budget, size_t bytes);

/** Lowers the configured limit and avail by `bytes`, below zero if need be; what was unused goes
 *  to the parent. */
void plim__budget_lower(plim__budget *budget, size_t bytes);

#endif
