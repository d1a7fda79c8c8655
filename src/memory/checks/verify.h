/* SPDX-License-Identifier: MIT */
/**
 * @file verify.h
 * @brief The whole state, checked: what must hold between any two operations.
 *
 * The invariants and their names are docs/invariants.md's. Nothing here changes anything, follows a
 * link that it has not first seen to lead inside, or runs longer than the tables are.
 */
#ifndef PLIM_MEMORY_VERIFY_H
#define PLIM_MEMORY_VERIFY_H
#include "memory/engine/engine.h"

/** What does not hold; all strings in static storage. */
typedef struct plim__fault {
    const char *invariant; /* NULL: everything holds */
    const char *what;
    const plim__slot *slot; /* whose memory, or NULL */
    const void *address;    /* the block or slab concerned, or NULL */
} plim__fault;

/**
 * Walks everything a manager has. Under the manager's lock. Exact: nobody is inside an operation,
 * so that what budgets say is charged equals what slabs say is given out; else only that it is no
 * less, as a request charges first.
 */
plim__fault plim__verify_state(plim_manager *manager, bool is_exact);

/** The sums of one slot of the checked path: ghost, blocks, budget. Under the manager's lock. */
plim__fault plim__verify_slot_sums(const plim__slot *slot);

#endif
