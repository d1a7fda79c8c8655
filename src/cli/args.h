/* SPDX-License-Identifier: MIT */
/**
 * @file args.h
 * @brief The command line, read against the tables of commands.h.
 *
 * Long options always, `--name value` and `--name=value`; short ones may be joined (-qj, -n5).
 * Options may stand anywhere before `--`. Nothing is abbreviated.
 */
#ifndef PLIM_CLI_ARGS_H
#define PLIM_CLI_ARGS_H
#include "cli/commands.h"

enum { PLIM__OPERANDS_MAX = 64 };

typedef struct plim__value {
    bool given;
    bool is_share;    /* a THRESHOLD in percent: number is that */
    const char *text; /* as it was typed */
    uint64_t number;  /* bytes, nanoseconds, a count; index of a CHOICE */
} plim__value;

typedef struct plim__args {
    const plim__command *command; /* NULL: none was given */
    plim__value values[PLIM__OPTION_COUNT];
    const char *operands[PLIM__OPERANDS_MAX + 1];
    uint32_t operand_count;
    const char *const *program; /* after --, ended by NULL; NULL where there was none */
} plim__args;

/**
 * Reads a command line; *out_args is filled as far as it could be read. argv outlives the args.
 * PLIM_ERR_USAGE: what, and the nearest thing that would have been right.
 */
plim_status plim__args_read(int argc, const char *const *argv, plim__args *out_args,
                            plim_error *err);

/** The operand that begins with @, as a node id. */
plim_status plim__args_node_id(const plim__args *args, uint64_t *out_id, plim_error *err);

/** The n-th operand that does not begin with @; NULL where there is none. */
const char *plim__args_file(const plim__args *args, uint32_t index);

/** The number of an option, or a default where it was not given. */
uint64_t plim__args_number(const plim__args *args, plim__option_id id, uint64_t otherwise);

/** Whether an option was given. */
bool plim__args_has(const plim__args *args, plim__option_id id);

#endif
