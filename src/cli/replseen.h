/* SPDX-License-Identifier: MIT */
/**
 * @file replseen.h
 * @brief A C session as plim top shows it: its workers, its heap against its budget.
 */
#ifndef PLIM_CLI_REPLSEEN_H
#define PLIM_CLI_REPLSEEN_H
#include <plimsoll/repl.h>
#include <plimsoll/supervision.h>

/** Zero is none: then nothing is written. Ended by plim_supervision_close(). */
typedef struct plim__replseen {
    plim_supervision *to;
    int64_t worker;     /* since worker_ns */
    uint64_t worker_ns; /* 0: there was none yet */
} plim__replseen;

/** Writes what the session has now; is_busy: an entry begins. */
void plim__replseen_write(plim__replseen *seen, plim_repl *repl, bool is_busy);

#endif
