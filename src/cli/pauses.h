/* SPDX-License-Identifier: MIT */
/**
 * @file pauses.h
 * @brief Pauses of collections, added up by kind: count, total, longest, percentiles.
 *
 * Of fixed size however many there are: pauses are counted in classes that are at most 1/64 wide,
 * so a percentile is right to 1.6 %. Count, total and longest are exact.
 */
#ifndef PLIM_CLI_PAUSES_H
#define PLIM_CLI_PAUSES_H
#include <plimsoll/target.h>

#include "cli/cli.h"

enum { PLIM__PAUSE_KINDS_MAX = 8, PLIM__PAUSE_CLASSES = 59 * 64 };

typedef struct plim__pause_kind {
    const char *name; /* static storage */
    uint64_t count;   /* of those whose pause is known */
    uint64_t unknown; /* of the others */
    uint64_t total_ns, longest_ns;
    uint32_t classes[PLIM__PAUSE_CLASSES];
} plim__pause_kind;

/** Zero it to start. Large: not for the stack. */
typedef struct plim__pauses {
    plim__pause_kind kinds[PLIM__PAUSE_KINDS_MAX];
    uint32_t kind_count;
    uint64_t count; /* of all */
} plim__pauses;

/** Adds one; a ninth kind is counted as "other". */
void plim__pauses_add(plim__pauses *pauses, const plim_gc_event *event);

/** The rows "by_kind": a table for people, an array in JSON. */
void plim__pauses_show(plim__cli *cli, const plim__pauses *pauses);

/** How many pauses are known. */
uint64_t plim__pauses_known(const plim__pauses *pauses);

/** Sum of all pauses that are known. */
uint64_t plim__pauses_total(const plim__pauses *pauses);

#endif
