/* SPDX-License-Identifier: MIT */
/**
 * @file stable.h
 * @brief What several states of one heap hold, row by row, and which rows are not as they were.
 *
 * A row is a class of a heap snapshot, or owner, kind and site of a fingerprint. Facts come in any
 * order; judging sorts them together.
 */
#ifndef PLIM_CLI_STABLE_H
#define PLIM_CLI_STABLE_H
#include "cli/cli.h"

/** How a row of the last state differs from that of the first. */
typedef enum plim__stable_change {
    PLIM__STABLE_SAME,
    PLIM__STABLE_RETURNED, /* differed in between, and came back */
    PLIM__STABLE_GREW,
    PLIM__STABLE_SHRANK,
    PLIM__STABLE_MOVED /* as many and as large, but not in the same places */
} plim__stable_change;

typedef struct plim__stable_fact {
    size_t text_at; /* in the texts: name NUL kind NUL site NUL */
    size_t text_bytes;
    uint32_t input;
    uint64_t count, bytes, state;
} plim__stable_fact;

/** One row that is to be shown; its facts are neighbours. */
typedef struct plim__stable_row {
    size_t first, end; /* facts */
    plim__stable_change change;
    int64_t delta, delta_bytes;
} plim__stable_row;

typedef struct plim__stable {
    const plim_allocator *allocator;
    uint32_t input_count;
    plim__draft texts;
    plim__stable_fact *facts;
    size_t fact_count, fact_max;
    plim__stable_row *rows; /* all, the largest change first */
    size_t row_count, row_max;
    bool failed; /* no memory */
} plim__stable;

/** Starts without facts. */
void plim__stable_init(plim__stable *stable, const plim_allocator *allocator, uint32_t input_count);

/** Ends it. */
void plim__stable_fini(plim__stable *stable);

/** Adds to what one input (0 to input_count-1) has under that name; kind and site may be "". */
void plim__stable_add(plim__stable *stable, uint32_t input, plim_text name, const char *kind,
                      const char *site, const plim__stable_fact *fact);

/**
 * Makes the rows. What changed by at most min_bytes in bytes and is not a move counts as the same.
 * PLIM_ERR_NO_MEMORY: something could not be kept.
 */
plim_status plim__stable_judge(plim__stable *stable, uint64_t min_bytes, plim_error *err);

/** Name, kind and site of a row. */
const char *plim__stable_name(const plim__stable *stable, const plim__stable_row *row);
const char *plim__stable_kind(const plim__stable *stable, const plim__stable_row *row);
const char *plim__stable_site(const plim__stable *stable, const plim__stable_row *row);

/** What a row has in one input; zeros where it is not there. */
plim__stable_fact plim__stable_get(const plim__stable *stable, const plim__stable_row *row,
                                   uint32_t input);

#endif
