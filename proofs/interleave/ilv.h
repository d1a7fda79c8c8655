/* SPDX-License-Identifier: MIT */
/**
 * @file ilv.h
 * @brief Runs the real concurrent code under every schedule of a small scenario.
 *
 * Threads are fibres; every access of src/memory/atomic.h is a point where another fibre may run
 * (this header is its seam). A schedule is a list of choices; the explorer runs the scenario from
 * the start, replays the list, takes the first way that is new, and ends when there is none.
 * Schedules that differ only in the order of accesses to different words lead through the same
 * states and are run once (sleep sets, Godefroid 1996).
 *
 * What it proves: the scenario's checks hold in every state and at every end, for all schedules,
 * under sequential consistency. Not: weaker orders of memory, larger scenarios, data races between
 * two accesses of one fibre.
 */
#ifndef PLIM_PROOFS_ILV_H
#define PLIM_PROOFS_ILV_H
#include <stdbool.h>
#include <stddef.h>

/* The seam. */
void ilv_switch(const volatile void *word);
bool ilv_spurious(void);
void ilv_spin(void);
#define PLIM__SWITCH(word) ilv_switch(word)
#define PLIM__SPURIOUS()   ilv_spurious()
#define PLIM__SPIN()       ilv_spin()

enum { ILV_FIBRES_MAX = 4 };

typedef struct ilv_scenario {
    const char *name;
    void (*start)(void);                  /* makes the world anew; runs alone */
    void (*fibres[ILV_FIBRES_MAX])(void); /* NULL: fewer */
    void (*each)(void);                   /* after every step of a fibre; may be NULL */
    void (*end)(void);                    /* after all fibres ended or were killed */
    unsigned kills_max;                   /* fibres that may be stopped for good, anywhere */
    unsigned spurious_max;                /* weak compare-and-swaps that may fail for no reason */
    unsigned preemptions_max;             /* 0: no bound */
    void (*change)(unsigned from, unsigned to);     /* fibres change places; ILV_FIBRES_MAX: none */
    bool (*is_constant)(const volatile void *word); /* nobody writes it: no switch point */
} ilv_scenario;

typedef struct ilv_result {
    unsigned long executions;
    unsigned long pruned; /* given up as equal to one that ran */
    unsigned depth_max;   /* choices in the longest */
    bool is_cut;          /* stopped at the limit before the end */
    const char *broken;   /* what a check said; NULL: all hold */
} ilv_result;

/** Runs all schedules, or until a check fails or the limit is reached. */
ilv_result ilv_explore(const ilv_scenario *scenario, unsigned long executions_max);

/** Records a failed check; the execution ends at its next step. */
void ilv_fail(const char *text);
#define ILV_CHECK(condition) ((condition) ? (void)0 : ilv_fail(#condition))

/** Prints the schedule of the failed execution, one access a line, to standard error. */
void ilv_print_schedule(void);

/** True if the scenario's fibre was killed in this execution (for `end`). */
bool ilv_was_killed(unsigned fibre);
#endif
