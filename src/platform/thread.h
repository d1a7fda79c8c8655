/* SPDX-License-Identifier: MIT */
/**
 * @file thread.h
 * @brief Contract: one more thread of execution, started and waited for.
 *
 * Pre: a started thread is joined exactly once, by whoever started it. Post: everything the thread
 * wrote before it ended is seen after the join. Nothing is allocated through plim_allocator: the
 * stack is the system's, so a refusal is possible and callers then do the work themselves.
 */
#ifndef PLIM_PLATFORM_THREAD_H
#define PLIM_PLATFORM_THREAD_H
#include <stdbool.h>

/** Caller's storage; private. */
typedef struct plim__thread {
    unsigned long handle;
} plim__thread;

/** Starts run(argument) on a new thread; false if the system refuses, and then nothing runs. */
bool plim__thread_start(plim__thread *thread, void *(*run)(void *), void *argument);

/** Waits for its end. */
void plim__thread_join(plim__thread *thread);

#endif
