/* SPDX-License-Identifier: MIT */
#include "memory/engine/watch.h"

#include "base/assert.h"
#include "memory/engine/threads.h"

PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

void plim__watch_begin(plim__watch *watch)
{
    watch->before = plim__watch_now;
    plim__watch_now = watch;
    plim__thread_rest();
}

void plim__watch_end(plim__watch *watch)
{
    PLIM_CHECK(plim__watch_now == watch);
    plim__watch_now = watch->before;
    plim__thread_rest();
}
