/* SPDX-License-Identifier: MIT */
/**
 * @file run.h
 * @brief A plim run under way, as its files share it.
 */
#ifndef PLIM_CLI_RUN_H
#define PLIM_CLI_RUN_H
#include <plimsoll/supervision.h>

#include <stdio.h>
#include <threads.h>

#include "cli/endpoint.h"
#include "cli/runmetrics.h"
#include "cli/runtree.h"

typedef struct plim__run {
    plim__cli *cli;
    plim__run_tree tree;
    plim_supervisor *supervisor; /* the pool's, if there is one */
    plim_worker_pool *pool;      /* --listen; NULL: none */
    plim_monitor *monitor;
    plim_supervision *seen; /* what plim top shows of it; NULL: the system gave no memory */
    FILE *events;           /* NULL: none, or standard output */
    bool has_events, is_stopping;
    plim__out line; /* of an event that is written to a file */
    plim__emit emit;
    uint64_t watchdog_ns, watchdog_at_ns, seen_at_ns;
    plim__endpoint *endpoint;
    mtx_t lock;                 /* over rows and requests */
    plim__run_row *rows, *copy; /* the copy is the endpoint's thread's */
    plim_pool_figures requests;
} plim__run;

/** What a supervisor, its monitor and a pool tell; ctx is the run. */
void plim__run_on_event(void *ctx, const plim_supervisor_event *event);
bool plim__run_on_notice(void *ctx, const plim_monitor_notice *notice);
void plim__run_on_pool(void *ctx, const plim_pool_event *event);

/** Makes the pool of --listen, with its addresses, and its supervisor the run's. Pre: the tree is
    read. */
plim_status plim__run_pool_open(plim__run *run, plim_error *err);

/** Takes no more requests, and ends once those there are answered. */
void plim__run_pool_stop(plim__run *run);

#endif
