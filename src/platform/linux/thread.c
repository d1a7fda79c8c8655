/* SPDX-License-Identifier: MIT */
/* Threads on Linux: pthreads; a pthread_t is an unsigned long there. */
#include "platform/thread.h"

#include <pthread.h>

#include "base/assert.h"

_Static_assert(sizeof(pthread_t) == sizeof(unsigned long), "a pthread_t fits the handle");

bool plim__thread_start(plim__thread *thread, void *(*run)(void *), void *argument)
{
    PLIM_CHECK(thread != NULL && run != NULL);
    pthread_t handle;
    if (pthread_create(&handle, NULL, run, argument) != 0)
        return false;
    thread->handle = handle;
    return true;
}

void plim__thread_join(plim__thread *thread)
{
    PLIM_CHECK(thread != NULL);
    int failed = pthread_join(thread->handle, NULL);
    PLIM_CHECK(failed == 0);
}
