/* SPDX-License-Identifier: MIT */
/**
 * @file process_memory.h
 * @brief Contract: the memory of a process, read from outside again and again at little cost.
 *
 * A gauge holds on to one process: it never reads another that has got its number. What the process
 * itself does, or says, has no part in what is read.
 * Statuses: PLIM_ERR_NOT_FOUND it has ended; PLIM_ERR_ACCESS the system does not let us look;
 * PLIM_ERR_UNSUPPORTED the system has no such figure. Threads: one per gauge.
 */
#ifndef PLIM_PLATFORM_PROCESS_MEMORY_H
#define PLIM_PLATFORM_PROCESS_MEMORY_H
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stdint.h>

/** All zero is none. */
typedef struct plim__gauge {
    intptr_t handle; /**< private: a descriptor + 1, a handle, a number */
    int64_t pid;
} plim__gauge;

/** What it has at one moment. */
typedef struct plim__gauge_figures {
    uint64_t rss_bytes;     /**< in physical memory, with what it shares with others */
    uint64_t private_bytes; /**< of that, what nobody else has; swapped out counts, too */
} plim__gauge_figures;

/** Ended by plim__gauge_close(). */
plim_status plim__gauge_open(int64_t pid, plim__gauge *out_gauge);
plim_status plim__gauge_read(const plim__gauge *gauge, plim__gauge_figures *out_figures);
/** What is shared divided by those who share it (PSS). Costs milliseconds for a large process and
    holds up its page faults meanwhile: not for every turn. */
plim_status plim__gauge_exact(const plim__gauge *gauge, uint64_t *out_bytes);
/** Lets go; none is accepted. */
void plim__gauge_close(plim__gauge *gauge);

#endif
