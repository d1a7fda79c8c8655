/* SPDX-License-Identifier: MIT */
/**
 * @file runmetrics.h
 * @brief Figures of supervised children as OpenMetrics text.
 */
#ifndef PLIM_CLI_RUNMETRICS_H
#define PLIM_CLI_RUNMETRICS_H
#include <plimsoll/worker_pool.h>

#include "cli/draft.h"

enum { PLIM__RUN_WHYS = PLIM_WHY_START_TIMEOUT + 1 };

/** A child at one moment. */
typedef struct plim__run_row {
    char path[160]; /* cut */
    bool is_up;
    uint64_t restarts[PLIM__RUN_WHYS]; /* by plim_why; PLIM_WHY_NONE: it ended by itself */
    uint64_t rss_bytes, counted_bytes, limit_bytes; /* UINT64_MAX: not known, none */
    uint64_t answered;                              /* in this life; of a pool's */
} plim__run_row;

/** "memory", "crash", …: why a child was started again. */
const char *plim__run_why(plim_why why);

/** The whole page; requests: of a pool, NULL without. */
void plim__run_metrics_write(plim__draft *out, bool is_open, const plim__run_row *rows,
                             uint32_t count, const plim_pool_figures *requests);

#endif
