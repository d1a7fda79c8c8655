/* SPDX-License-Identifier: MIT */
#include "memory/engine/watch.h"

#include "base/assert.h"
#include "memory/engine/cache.h"

PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

/* The thread's record says whether it is watched; not where it is inside, or there is none. */
static inline void watch_rest(const plim__watch *now)
{
    plim__thread *thread = plim__thread_self;
    uint32_t busy = plim__own_load(&thread->busy);
    if (busy == PLIM__IDLE || busy == PLIM__WATCHED)
        plim__own_store(&thread->busy, now != NULL ? PLIM__WATCHED : PLIM__IDLE);
}

void plim__watch_begin(plim__watch *watch)
{
    watch->before = plim__watch_now;
    plim__watch_now = watch;
    watch_rest(watch);
}

void plim__watch_end(plim__watch *watch)
{
    PLIM_CHECK(plim__watch_now == watch);
    plim__watch_now = watch->before;
    watch_rest(watch->before);
}
