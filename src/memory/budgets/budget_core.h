/* SPDX-License-Identifier: MIT */
/**
 * @file budget_core.h
 * @brief What a budget decides, as plain arithmetic: no atomics, no memory, no bit tricks.
 *
 * Every decision of budget.c, domain.c and lend.c is one of these functions, called between a load
 * and a compare-and-swap; so what `make prove` proves here for all inputs (proofs/wp) is the C
 * that ships. The words, and what they mean:
 *
 *     avail      limit - charged: what is left. Negative while a lowered limit is below what is
 *                charged; then -avail is owed to the parent. The one word that admits.
 *     allowance  what is left of something that bounds loans: a quota, the way to a floor or cap.
 *
 * Sums: a budget's avail + charged + (limits and debts of its children) is its limit. Each function
 * says what it does to that sum; bytes freed or paid are the caller's to give to the parent.
 */
#ifndef PLIM_MEMORY_BUDGET_CORE_H
#define PLIM_MEMORY_BUDGET_CORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** No amount, limit or total is above it; so that two of them can be added or subtracted. */
#define PLIM__BYTES_MAX (PTRDIFF_MAX / 2)

/** Near its limit a domain takes blocks one by one: a refill takes this part of what is left. */
#define PLIM__BATCH_SHARE 8

/*@ predicate amount(integer n) = 0 <= n <= PLIM__BYTES_MAX;
  @ predicate level(integer n) = -PLIM__BYTES_MAX <= n <= PLIM__BYTES_MAX;
  @*/

/** True if a size of the caller's is an amount at all. */
/*@ assigns \nothing;
  @ ensures \result <==> amount(bytes);
  @*/
static inline bool plim__core_is_amount(size_t bytes)
{
    return bytes <= (size_t)PLIM__BYTES_MAX;
}

/** B4: n more fit; also the rule for an allowance. Any n: what is no amount never fits. */
/*@ assigns \nothing;
  @ ensures \result <==> n <= avail;
  @*/
static inline bool plim__core_fits(ptrdiff_t avail, size_t n)
{
    return avail >= 0 && n <= (size_t)avail;
}

/** What is left after n were taken; only if they fit. */
/*@ requires level(avail) && n <= avail;
  @ assigns \nothing;
  @ ensures \result == avail - n && 0 <= \result <= PLIM__BYTES_MAX;
  @*/
static inline ptrdiff_t plim__core_take(ptrdiff_t avail, size_t n)
{
    return avail - (ptrdiff_t)n;
}

/** What is left after n came back. */
/*@ requires level(avail) && amount(n) && avail + n <= PLIM__BYTES_MAX;
  @ assigns \nothing;
  @ ensures \result == avail + n && level(\result);
  @*/
static inline ptrdiff_t plim__core_give(ptrdiff_t avail, size_t n)
{
    return avail + (ptrdiff_t)n;
}

/** Owed to the parent at this level (a lowered limit that is not yet paid). */
/*@ requires level(avail);
  @ assigns \nothing;
  @ ensures \result == (avail < 0 ? -avail : 0) && amount(\result);
  @*/
static inline size_t plim__core_owed(ptrdiff_t avail)
{
    return avail < 0 ? (size_t)-avail : 0;
}

/** Of n that come back to this level, what pays a debt and so goes on to the parent. And of a limit
 *  that rises by n, what only cancels a debt and so need not come from the parent. */
/*@ requires level(avail) && amount(n) && avail + n <= PLIM__BYTES_MAX;
  @ assigns \nothing;
  @ ensures 0 <= \result <= n;
  @ ensures \result == (avail < 0 ? -avail : 0) - (avail + n < 0 ? -(avail + n) : 0);
  @*/
static inline size_t plim__core_paid(ptrdiff_t avail, size_t n)
{
    size_t owed = plim__core_owed(avail);
    return n < owed ? n : owed;
}

/** What is left after the limit fell by d; may be below zero: then it is owed. */
/*@ requires level(avail) && amount(d) && -PLIM__BYTES_MAX <= avail - d;
  @ assigns \nothing;
  @ ensures \result == avail - d && level(\result);
  @*/
static inline ptrdiff_t plim__core_lower(ptrdiff_t avail, size_t d)
{
    return avail - (ptrdiff_t)d;
}

/** Of a limit that falls by d, what goes to the parent at once: the unused part. */
/*@ requires level(avail) && amount(d) && -PLIM__BYTES_MAX <= avail - d;
  @ assigns \nothing;
  @ ensures 0 <= \result <= d;
  @ ensures \result == d - ((avail - d < 0 ? -(avail - d) : 0) - (avail < 0 ? -avail : 0));
  @*/
static inline size_t plim__core_freed(ptrdiff_t avail, size_t d)
{
    if (avail <= 0)
        return 0;
    return d < (size_t)avail ? d : (size_t)avail;
}

/** B5: n of what is charged may be released. */
/*@ assigns \nothing;
  @ ensures \result <==> n <= charged;
  @*/
static inline bool plim__core_releases(size_t charged, size_t n)
{
    return n <= charged;
}

/** B7: the mark after `charged` was seen. */
/*@ assigns \nothing;
  @ ensures \result >= mark && \result >= charged && (\result == mark || \result == charged);
  @*/
static inline size_t plim__core_mark(size_t mark, size_t charged)
{
    return mark < charged ? charged : mark;
}

/** Blocks to take in one batch: as wanted where there is plenty, one by one near the limit, 0 if
 *  not even one fits. block_bytes and want are at least 1. */
/*@ requires level(avail) && block_bytes >= 1 && want >= 1;
  @ assigns \nothing;
  @ ensures 0 <= \result <= want;
  @ ensures \result == 0 <==> avail < block_bytes;
  @ ensures \result > 0 ==> \result * block_bytes <= avail;
  @*/
static inline size_t plim__core_batch(ptrdiff_t avail, size_t block_bytes, size_t want)
{
    if (!plim__core_fits(avail, block_bytes))
        return 0;
    size_t fit = (size_t)avail / block_bytes;
    size_t share = fit / PLIM__BATCH_SHARE;
    if (share < 1)
        share = 1;
    return want < share ? want : share;
}

/** The way up from one level to another, a floor or a cap: an allowance; may be below zero. */
/*@ requires level(from) && level(to);
  @ assigns \nothing;
  @ ensures \result == to - from;
  @*/
static inline ptrdiff_t plim__core_way(ptrdiff_t from, ptrdiff_t to)
{
    return to - from;
}

/** What can be had of `most`, where so much is left: of an allowance, or of what is unused. */
/*@ assigns \nothing;
  @ ensures \result <= most && (\result == 0 || \result <= left);
  @ ensures \result == most || \result == (left < 0 ? 0 : left);
  @*/
static inline size_t plim__core_least(size_t most, ptrdiff_t left)
{
    if (left <= 0)
        return 0;
    return (size_t)left < most ? (size_t)left : most;
}

#endif
