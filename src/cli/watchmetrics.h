/* SPDX-License-Identifier: MIT */
/**
 * @file watchmetrics.h
 * @brief plim watch --openmetrics: figures of several targets for a collector, until Ctrl-C.
 */
#ifndef PLIM_CLI_WATCHMETRICS_H
#define PLIM_CLI_WATCHMETRICS_H
#include "cli/cli.h"

/** Serves until a stop is asked for; the targets are the operands. */
plim_status plim__watch_metrics(plim__cli *cli, uint64_t every_ns, plim_error *err);

#endif
