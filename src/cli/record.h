/* SPDX-License-Identifier: MIT */
/**
 * @file record.h
 * @brief A recording that goes to a file: compressed by name, whole or not there, kept if stopped.
 *
 * What was stopped, or lost its target, half way is kept as FILE.partial, and that is said; what
 * fails otherwise leaves nothing.
 */
#ifndef PLIM_CLI_RECORD_H
#define PLIM_CLI_RECORD_H
#include "cli/cli.h"

/** Writes the recording into the sink. */
typedef plim_status (*plim__recorder)(void *ctx, plim_sink sink, plim_error *err);

/** Runs a recorder into a file; - is standard output. *out_bytes: what the recorder wrote. */
plim_status plim__record(plim__cli *cli, const char *path, plim__recorder recorder, void *ctx,
                         uint64_t *out_bytes, plim_error *err);

/** Writes a graph as a .heapsnapshot, as plim__record() does, with progress. */
plim_status plim__record_graph(plim__cli *cli, const char *path, const plim_graph *graph,
                               uint64_t *out_bytes, plim_error *err);

/** Says what a snapshot may cost the target, before one is taken. */
void plim__record_show_estimate(plim__cli *cli, plim_target *target);

/**
 * Takes one snapshot to a file, with progress. It is refused where
 * the target would not survive it, unless --force.
 */
plim_status plim__record_snapshot(plim__cli *cli, plim_target *target, const char *path,
                                  plim_snapshot_result *out_result, plim_error *err);

/** Progress of a snapshot under way; its ctx is the plim__cli. */
plim_progress plim__record_progress(plim__cli *cli);

/** Whether V8's format is wanted of a runtime that has another. */
bool plim__record_is_v8(const plim__cli *cli);

/** Whether a path is standard output, so that nothing else may be written there. */
bool plim__record_is_stdout(const char *path);

#endif
