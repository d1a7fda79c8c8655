/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * @brief Figures of targets as OpenMetrics text, or as Prometheus's older one.
 */
#ifndef PLIM_CLI_METRICS_H
#define PLIM_CLI_METRICS_H
#include <plimsoll/target.h>

#include "cli/draft.h"

enum { PLIM__METRIC_NAME_BYTES = 128, PLIM__METRIC_DOMAINS_MAX = 64 };

/** A domain of a C program, as its report has it. */
typedef struct plim__metric_domain {
    char name[PLIM__METRIC_NAME_BYTES];
    uint64_t used_bytes, limit_bytes, high_water_bytes; /* PLIM_UNKNOWN: none */
    uint64_t denied, live;
} plim__metric_domain;

/** A target at one moment. Of fixed size: what it holds does not grow with time. */
typedef struct plim__metric_target {
    const char *address; /* as it was typed */
    bool is_up;
    bool has_usage;
    bool evaluates; /* its figures are had by running code in it */
    char runtime[PLIM__METRIC_NAME_BYTES], version[PLIM__METRIC_NAME_BYTES];
    char title[PLIM__METRIC_NAME_BYTES];
    plim_usage usage;
    uint64_t looked_ns;  /* Unix time of these figures; 0: none yet */
    uint64_t reconnects; /* since the start */
    plim__metric_domain domains[PLIM__METRIC_DOMAINS_MAX];
    uint32_t domain_count;
} plim__metric_target;

/** key="value", the value made safe. */
void plim__metrics_label(plim__draft *out, const char *key, const char *value);

/** The whole page. */
void plim__metrics_write(plim__draft *out, bool is_open, const plim__metric_target *targets,
                         uint32_t count);

#endif
