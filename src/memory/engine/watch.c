/* SPDX-License-Identifier: MIT */
#include "memory/engine/watch.h"

#include "base/assert.h"
#include "memory/engine/threads.h"

PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

_Atomic(const plim__sampling *) plim__sampling_now;

PLIM__THREAD_LOCAL plim__sampling_count plim__sampling_here;
_Atomic uint32_t plim__sampling_series;

bool plim__watch_is_on(void)
{
    return plim__watch_now != NULL || plim__load_relaxed(&plim__sampling_now) != NULL;
}

/* Threads come to rest as it is then; those that rest now are turned. */
void plim__watch_all(const plim__sampling *sampling)
{
    plim__store(&plim__sampling_now, sampling);
    if (sampling != NULL)
        plim__threads_watch();
}

/* The thread's record says whether it is watched; not where it is inside, or there is none. */
static inline void watch_rest(void)
{
    plim__thread *thread = plim__thread_self;
    uint32_t busy = plim__own_load(&thread->busy);
    if (busy == PLIM__IDLE || busy == PLIM__WATCHED)
        plim__own_store(&thread->busy, plim__watch_is_on() ? PLIM__WATCHED : PLIM__IDLE);
}

void plim__watch_begin(plim__watch *watch)
{
    watch->before = plim__watch_now;
    plim__watch_now = watch;
    watch_rest();
}

void plim__watch_end(plim__watch *watch)
{
    PLIM_CHECK(plim__watch_now == watch);
    plim__watch_now = watch->before;
    watch_rest();
}
