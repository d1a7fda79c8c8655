/* SPDX-License-Identifier: MIT */
/**
 * @file lend.h
 * @brief Loans between the domains of a bank, and what puts a bank right after a crash.
 */
#ifndef PLIM_MEMORY_LEND_H
#define PLIM_MEMORY_LEND_H
#include "memory/budgets/domain.h"

/** plim_domain_lend() between records of one bank. */
PLIM_NODISCARD plim_status plim__lend(plim__domain *lender, plim__domain *borrower, size_t bytes,
                                      plim_error *err);

/** plim_domain_repay() between records of one bank; what was returned. */
size_t plim__repay(plim__domain *lender, plim__domain *borrower, size_t bytes);

/** What plim__lend_recover() found. */
typedef struct plim__recovered {
    size_t claims;    /* loans and repayments begun and not committed: undone */
    size_t adrift;    /* bytes that were in no budget: now in the one the ledger names */
    uint32_t domains; /* made or ended half way: withdrawn */
} plim__recovered;

/**
 * Puts a bank right that threads left in the middle: a forked child's, or a dead process's. What
 * committed is finished, the rest undone; nobody else may use the bank meanwhile. Every word but
 * the configured limits, the quotas, the ledger and the charges is derived from these anew.
 */
void plim__lend_recover(plim__bank *bank, plim__recovered *out_found);

/**
 * Checks a bank that nobody is changing; NULL, or the name of the invariant that does not hold
 * (docs/invariants.md), with a sentence in *out_what. Says nothing (NULL) while headroom is moving.
 */
const char *plim__bank_check(plim__bank *bank, const char **out_what);

#endif
