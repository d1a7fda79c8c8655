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
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/local.h"

/** One watch; the innermost of a thread is told. */
typedef struct plim__watch {
    /** After a block was given: whose, how long as asked, where ("file:line", or NULL). */
    void (*note)(struct plim__watch *watch, const char *owner, size_t bytes, const char *site);
    struct plim__watch *before; /* plim__watch_begin()'s */
} plim__watch;

/** Being told of all threads' requests: what samples. After a block was given; before one goes
 *  back. Outside of all locks, but perhaps in a signal handler. */
typedef struct plim__sampling {
    void (*taken)(void *block, size_t bytes, const char *owner, const char *site);
    void (*given)(const void *block);
} plim__sampling;

/** Who is told; NULL: nobody. */
extern _Atomic(const plim__sampling *) plim__sampling_now;

/** Which requests of this thread need not be told: so many bytes of them, where `series` is
 *  plim__sampling_series. Who samples writes it, and subtracts what it is told of. */
typedef struct plim__sampling_count {
    double left;
    uint32_t series;
} plim__sampling_count;

extern PLIM__THREAD_LOCAL plim__sampling_count plim__sampling_here;
extern _Atomic uint32_t plim__sampling_series;

/** From here on all threads' requests are told to that one; NULL: no longer. */
void plim__watch_all(const plim__sampling *sampling);

/** Whether this thread rests watched. */
bool plim__watch_is_on(void);

/** This thread's; NULL: none. */
extern PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

/** From here on this thread's requests are told to the watch, until its end. */
void plim__watch_begin(plim__watch *watch);

/** Ends it; on the thread that began it, in the order of begins. */
void plim__watch_end(plim__watch *watch);

#endif
