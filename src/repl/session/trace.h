/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * @brief Where a worker stands: unwound from outside, by its registers, memory and debug
 *                information.
 */
#ifndef PLIM_REPL_TRACE_H
#define PLIM_REPL_TRACE_H
#include "repl/session/machine.h"

enum { PLIM__TRACE_ROWS = 32, PLIM__TRACE_NAME = 96, PLIM__TRACE_FRAMES = 200 };

/** A frame; source lines are repl.c's. */
typedef struct plim__trace_row {
    uint64_t address;
    char function[PLIM__TRACE_NAME];
    char file[PLIM__TRACE_NAME];
    uint32_t line, column, repeats;
    bool is_session; /* code of the session's units */
} plim__trace_row;

typedef struct plim__trace {
    plim__trace_row rows[PLIM__TRACE_ROWS];
    size_t count;
    uint64_t left_out;
    uint64_t depth; /* of a stack overflow: calls of the function that repeats */
} plim__trace;

/** The image of the unit whose code holds an address; false: none. */
typedef bool plim__trace_image(void *ctx, uint64_t address, const void **out_image,
                               size_t *out_bytes);

/** Fills in the registers of a worker that runs: it is stopped for good. False: it is gone. */
bool plim__trace_stop(const plim__machine *machine, plim__words *words);

/** Unwinds. What cannot be found out is left out; never fails. */
void plim__trace_take(const plim__machine *machine, const plim__words *words,
                      plim__trace_image *image, void *ctx, plim__trace *out_trace);

#endif
