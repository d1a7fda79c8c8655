/* SPDX-License-Identifier: MIT */
/**
 * @file local.h
 * @brief Contract: what belongs to one thread, and being told when a thread or the process changes.
 *
 * PLIM__THREAD_LOCAL marks a static variable of which each thread has its own, zero at first.
 * Reading it calls nothing (initial-exec), so it is legal before main(), in signal handlers, inside
 * malloc(); such variables are few and small, for a library loaded late shares little room.
 * A system of one thread has an ordinary variable.
 */
#ifndef PLIM_PLATFORM_LOCAL_H
#define PLIM_PLATFORM_LOCAL_H
#include <stdbool.h>

#if defined(PLIM_SINGLE_THREAD)
#define PLIM__THREAD_LOCAL
#else
#define PLIM__THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#endif

/**
 * Asks that leave(value) be called on this thread when it ends. The same leave in all calls. False
 * if the system has no room; then nothing is called. Calls no allocator if it can be helped.
 */
bool plim__local_on_exit(void (*leave)(void *value), void *value);

/** Asks that these be called around every fork, from now on; once per process. */
void plim__local_on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
