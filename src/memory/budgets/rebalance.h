/* SPDX-License-Identifier: MIT */
/**
 * @file rebalance.h
 * @brief One step of moving unused headroom to where it was refused, and loans home.
 */
#ifndef PLIM_MEMORY_REBALANCE_H
#define PLIM_MEMORY_REBALANCE_H
#include "memory/budgets/lend.h"

/** Steps without a refusal after which a domain gives back what it does not need. */
#define PLIM__QUIET_STEPS 4u

/** plim_manager_rebalance() for a bank. */
PLIM_NODISCARD plim_status plim__rebalance(plim__bank *bank, size_t *out_bytes);

#endif
