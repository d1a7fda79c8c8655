/* SPDX-License-Identifier: MIT */
/**
 * @file heapfile.h
 * @brief A snapshot file, read and analysed, with progress: what every reading verb begins with.
 */
#ifndef PLIM_CLI_HEAPFILE_H
#define PLIM_CLI_HEAPFILE_H
#include <plimsoll/analysis.h>

#include "cli/cli.h"

/** Zero it to start. */
typedef struct plim__heap {
    plim_graph *graph;
    plim_analysis *analysis;
} plim__heap;

/** Reads a file into a graph: a region or a snapshot (plain, gzip, zstd; - is standard input). */
plim_status plim__heap_read(plim__cli *cli, const char *path, plim__heap *heap, plim_error *err);

/** Puts a file's name before the place that an error has in it. */
void plim__heap_where(plim_error *err, const char *path);

/** Analyses it; want is PLIM_WANT_…; classes_of as in plim_analysis_options. */
plim_status plim__heap_analyse(plim__cli *cli, plim__heap *heap, uint32_t want,
                               const plim_analysis *classes_of, plim_error *err);

/** Both. */
plim_status plim__heap_open(plim__cli *cli, const char *path, uint32_t want, plim__heap *heap,
                            plim_error *err);

/** The ordinal of the node that the operand @ID names. */
plim_status plim__heap_find_operand(plim__cli *cli, const plim__heap *heap, const char *path,
                                    uint32_t *out_node, plim_error *err);

/** Whether its ids compare with no other snapshot's; the heap was read. */
bool plim__heap_ids_are_addresses(const plim__heap *heap);

/** Ends both; what was never made is accepted. */
void plim__heap_close(plim__heap *heap);

#endif
