/* SPDX-License-Identifier: MIT */
/**
 * @file workers.h
 * @brief Supervisors of this machine with what they keep running, as plim top and plim ps show it.
 */
#ifndef PLIM_CLI_WORKERS_H
#define PLIM_CLI_WORKERS_H
#include <plimsoll/supervision.h>

#include "cli/cli.h"

enum {
    PLIM__SUPERVISORS_MAX = 256, /* more are counted and left out */
    PLIM__WORKERS_BAR_COLUMNS = 10,
    PLIM__WORKERS_WIDE_COLUMNS = 96 /* from here on there is room for limits */
};

typedef enum plim__workers_order {
    PLIM__WORKERS_BY_TREE,
    PLIM__WORKERS_BY_MEMORY,
    PLIM__WORKERS_BY_RESTARTS,
    PLIM__WORKERS_BY_ANSWERED,
    PLIM__WORKERS_ORDERS
} plim__workers_order;

/** A line: of a supervisor at the top (row NULL), or of what is below it. */
typedef struct plim__workers_row {
    int64_t supervisor; /* its process */
    const plim_supervision_head *head;
    const plim_supervised *row;
    uint32_t index; /* in the tree's order */
    bool has_view;  /* it is a program of Plimsoll's: pid:N leads into it */
} plim__workers_row;

/** Zero it, set cli; ended by plim__workers_fini(). */
typedef struct plim__workers {
    plim__cli *cli;
    plim_supervision_view *views[PLIM__SUPERVISORS_MAX];
    int64_t pids[PLIM__SUPERVISORS_MAX];
    uint32_t view_count, left_out;
    plim__workers_row *rows;
    uint32_t row_count, row_cap;
    int64_t *seen; /* pids that were looked into, a view's are negative */
    uint32_t seen_count, seen_cap, look_count;
} plim__workers;

/** Looks again. pid 0: all that can be seen. PLIM_ERR_NOT_FOUND: that one supervises nothing that
    is to be seen; what was seen before stays. */
plim_status plim__workers_look(plim__workers *workers, int64_t pid, plim_error *err);

/** Puts the rows of each supervisor in an order; only by tree each stands below its own. */
void plim__workers_sort(plim__workers *workers, plim__workers_order order);
const char *plim__workers_order_name(plim__workers_order order);

/** A row as a line, and the line above all. Wide: with the limits. */
void plim__workers_line(const plim__workers_row *row, bool is_wide, plim__draft *out);
void plim__workers_title(bool is_wide, plim__draft *out);

/** Whether more than nine tenths of its limit are in use, or it does not run. */
bool plim__workers_is_bad(const plim__workers_row *row);

/** Whether its name, or its supervisor's, has that part. */
bool plim__workers_matches(const plim__workers_row *row, const char *part);

/** The member "supervisors". */
void plim__workers_emit(const plim__workers *workers, plim__emit *emit);

void plim__workers_fini(plim__workers *workers);

#endif
