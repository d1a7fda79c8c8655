/* SPDX-License-Identifier: MIT */
/* platform/lock.h for fibres: its word is a switch point, and who waits for it is not run. */
#include "platform/lock.h"

#include "ilv.h"
#include "memory/atomic.h"

void plim__lock_take(plim__lock *lock)
{
    uint32_t open = 0;
    while (!plim__cas(&lock->word, &open, 1)) {
        open = 0;
        PLIM__SPIN();
    }
}

void plim__lock_give(plim__lock *lock)
{
    plim__store(&lock->word, 0);
}

void plim__lock_reset(plim__lock *lock)
{
    plim__store(&lock->word, 0);
}
