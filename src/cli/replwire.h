/* SPDX-License-Identifier: MIT */
/**
 * @file replwire.h
 * @brief A line of the protocol as a request: all that a client sends goes through here.
 */
#ifndef PLIM_CLI_REPLWIRE_H
#define PLIM_CLI_REPLWIRE_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plim__repl_op {
    PLIM__REPL_DESCRIBE,
    PLIM__REPL_OPEN,
    PLIM__REPL_EVAL,
    PLIM__REPL_IS_COMPLETE,
    PLIM__REPL_COMPLETE,
    PLIM__REPL_INTERRUPT,
    PLIM__REPL_UNDO,
    PLIM__REPL_VARS,
    PLIM__REPL_LINK,
    PLIM__REPL_SAVE,
    PLIM__REPL_LOAD,
    PLIM__REPL_CLOSE,
    PLIM__REPL_OPS
} plim__repl_op;

enum {
    PLIM__REPL_ID_BYTES = 64,
    PLIM__REPL_SESSION_BYTES = 16,
    PLIM__REPL_LINE_BYTES_MAX = 2 << 20 /* an entry of 1 MiB, half of it escaped */
};

/** What a line asks for; ended by plim__repl_request_fini(). */
typedef struct plim__repl_request {
    plim__repl_op op;
    char id[PLIM__REPL_ID_BYTES];           /* as JSON: a number, a string, or null */
    char session[PLIM__REPL_SESSION_BYTES]; /* "" none */
    char token[PLIM__REPL_ID_BYTES];        /* "" none */
    const char *text;                       /* code, library or path; never NULL */
    uint64_t number;                        /* cursor (bytes), count (1) or memory_bytes (0) */
    uint32_t deadline_ms;                   /* of open */
    void *json;                             /* private */
} plim__repl_request;

/** The word of an operation. */
const char *plim__repl_op_word(plim__repl_op op);

/**
 * Reads one line. PLIM_ERR_PROTOCOL: no JSON object (what speaks so is not a client of ours);
 * PLIM_ERR_USAGE: one that asks for nothing that there is; then id is set if it had one.
 */
plim_status plim__repl_request_read(const char *line, size_t bytes, plim__repl_request *out,
                                    plim_error *err);

/** Frees what it holds. */
void plim__repl_request_fini(plim__repl_request *request);

#endif
