/* SPDX-License-Identifier: MIT */
/**
 * @file object.h
 * @brief How objects, edges, paths and places in the source are shown.
 */
#ifndef PLIM_CLI_OBJECT_H
#define PLIM_CLI_OBJECT_H
#include "cli/heapfile.h"

/** Adds "script:line:col", counted from 1; the script's name where known, else its id. */
void plim__object_place(plim__draft *draft, const plim_graph *graph, const plim_location *location);

/** Adds a node's name as a person reads it: `Session`, `"text"`, `tick()`, `Detached Window`. */
void plim__object_name(plim__draft *draft, const plim_analysis *analysis, uint32_t node);

/** Adds an edge as a person reads it: `.name`, `[3]`, `name in scope`, `<internal>`. */
void plim__object_edge(plim__draft *draft, const plim_graph *graph, uint32_t edge);

/** Adds the bare name or number of an edge, for JSON. */
void plim__object_edge_key(plim__draft *draft, const plim_graph *graph, uint32_t edge);

/** Members id, name, type, self_bytes, retained_bytes, distance of the object that is open. */
void plim__object_emit(plim__cli *cli, const plim_analysis *analysis, uint32_t node);

/** Members edge and edge_type; null where edge is PLIM_NONE. */
void plim__object_emit_edge(plim__cli *cli, const plim_graph *graph, uint32_t edge);

/** A path as an array of {id, name, edge, edge_type}, from the root to the node. */
void plim__object_emit_path(plim__cli *cli, const char *key, const plim_analysis *analysis,
                            const plim_path *path);

/** A path for people, one edge a line, indented. */
void plim__object_show_path(plim__cli *cli, const plim_analysis *analysis, const plim_path *path,
                            uint32_t indent);

/** A heading for people: name, id, type, sizes, distance, place. */
void plim__object_show(plim__cli *cli, const plim_analysis *analysis, uint32_t node);

#endif
