/* SPDX-License-Identifier: MIT */
/*
 * Threads' ends and forks on Linux. A pthread key tells of the end: the C library keeps the first
 * 32 keys' values inside the thread's own record, so setting one of those allocates nothing.
 */
#include "platform/local.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_key_t local_key;
static atomic_int local_state; /* 0 no key, 1 being made, 2 there, 3 refused */

static bool local_has_key(void (*leave)(void *))
{
    int expected = 0;
    if (atomic_compare_exchange_strong(&local_state, &expected, 1))
        atomic_store(&local_state, pthread_key_create(&local_key, leave) == 0 ? 2 : 3);
    while (atomic_load(&local_state) == 1) {
        /* Another thread is between the two lines above. */
    }
    return atomic_load(&local_state) == 2;
}

bool plim__local_on_exit(void (*leave)(void *value), void *value)
{
    return local_has_key(leave) && pthread_setspecific(local_key, value) == 0;
}

void plim__local_on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)pthread_atfork(before, in_parent, in_child);
}
