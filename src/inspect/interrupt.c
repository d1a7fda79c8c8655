/* SPDX-License-Identifier: MIT */
/*
 * A stop request is one counter, raised where nothing else may be done: in a signal handler. The
 * struct is public and C++ reads it, so it holds an int and the atomic builtins are here.
 */
#include <plimsoll/target.h>

#include "base/assert.h"

void plim_interrupt_raise(plim_interrupt *interrupt)
{
    PLIM_CHECK(interrupt != NULL);
    (void)__atomic_fetch_add(&interrupt->raised, 1, __ATOMIC_SEQ_CST);
}

int plim_interrupt_count(const plim_interrupt *interrupt)
{
    return interrupt == NULL ? 0 : __atomic_load_n(&interrupt->raised, __ATOMIC_SEQ_CST);
}
