/* SPDX-License-Identifier: MIT */
/** @file session.h @brief A session as the files behind repl.h share it. */
#ifndef PLIM_REPL_SESSION_H
#define PLIM_REPL_SESSION_H
#include <plimsoll/repl.h>

#include "repl/session/machine.h"
#include "repl/session/store.h"
#include "repl/session/trace.h"
#include "repl/source/source.h"

enum {
    PLIM__SESSION_MAGIC = 0x5345531a,
    PLIM__SESSION_LOST_MAX = PLIM__MACHINE_LOST_MAX + 16,
    PLIM__SESSION_LINE = 512, /* of a source line that is shown */
    PLIM__SESSION_NAME = 32
};

/** A unit that was adopted: where it lies, and where its image and text stand in the store. */
typedef struct plim__row {
    uint32_t number; /* of its entry */
    uint64_t code_from, code_to, data_from, data_to;
    uint64_t image_at, image_bytes, text_at, text_bytes;
} plim__row;

struct plim_repl {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__machine machine;
    plim__source *source;
    plim__store store;
    char scratch[PLIM__MACHINE_PATH];
    /* units: adopted ones in order, and the one of the last entry */
    plim__row *rows;
    size_t row_count, row_cap;
    plim__unit *unit;
    uint64_t unit_from; /* where its code begins */
    uint32_t entry_count;
    /* what outcomes point to */
    char explanation[1024];
    plim__trace trace;
    plim_repl_frame frames[PLIM__TRACE_ROWS];
    char lines[PLIM__TRACE_ROWS][PLIM__SESSION_LINE];
    char lost[PLIM__MACHINE_LOST_MAX][PLIM__MACHINE_CLAUSE];
    const char *lost_list[PLIM__SESSION_LOST_MAX];
    size_t lost_count;
    plim_repl_candidate *candidates;
    size_t candidate_cap;
    plim_repl_token *tokens;
    size_t token_cap;
};

/** The row of an address of code or variables, or NULL. */
const plim__row *plim__session_row(const plim_repl *repl, uint64_t address);

/** The row of an entry's number, or NULL. */
const plim__row *plim__session_row_of(const plim_repl *repl, uint32_t number);

/** Room for one more row. */
plim_status plim__session_grow(plim_repl *repl, plim_error *err);

/** Where the next unit's code and variables go. */
void plim__session_next(const plim_repl *repl, uint64_t *out_code, uint64_t *out_data);

/** Adds to "descriptor 5 (…)" the variable that has it; any other clause stays as it is. */
void plim__session_name_lost(plim_repl *repl, char *clause, size_t cap);

/** Says goodbye to the worker; fills in `lost` of the outcome (may be NULL). */
plim_status plim__session_bury(plim_repl *repl, plim_repl_outcome *outcome, plim_error *err);

#endif
