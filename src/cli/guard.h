/* SPDX-License-Identifier: MIT */
/**
 * @file guard.h
 * @brief A process above a supervisor, that ends what it leaves behind should it be killed.
 */
#ifndef PLIM_CLI_GUARD_H
#define PLIM_CLI_GUARD_H

/** Goes on in a process of its own, whose parent is the guard; the guard never returns from here.
    It passes on signals, ends as its child ends, and then kills all descendants that are left. If
    the guard is killed, the child is asked to end. Pre: no other thread, nothing of ours waits to
    be written. Where no process can be made, goes on without one. */
void plim__guard_begin(void);

#endif
