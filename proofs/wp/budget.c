/* SPDX-License-Identifier: MIT */
/* What Frama-C is given: the budget core as it ships, and nothing else. */
#include "memory/budgets/budget_core.h"
