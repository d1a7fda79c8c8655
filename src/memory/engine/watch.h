/* SPDX-License-Identifier: MIT */
/**
 * @file watch.h
 * @brief Being told of each request that this thread makes of a manager: what frames count.
 *
 * While a thread is watched its record says so instead of "idle", which sends every request and
 * every block that comes back past the fast path; so the fast path itself knows nothing of this.
 */
#ifndef PLIM_MEMORY_WATCH_H
#define PLIM_MEMORY_WATCH_H
#include <stddef.h>

#include "platform/local.h"

/** One watch; the innermost of a thread is told. */
typedef struct plim__watch {
    /** After a block was given: whose, how long as asked, where ("file:line", or NULL). */
    void (*note)(struct plim__watch *watch, const char *owner, size_t bytes, const char *site);
    struct plim__watch *before; /* plim__watch_begin()'s */
} plim__watch;

/** This thread's; NULL: none. */
extern PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

/** From here on this thread's requests are told to the watch, until its end. */
void plim__watch_begin(plim__watch *watch);

/** Ends it; on the thread that began it, in the order of begins. */
void plim__watch_end(plim__watch *watch);

#endif
