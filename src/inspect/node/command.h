/* SPDX-License-Identifier: MIT */
/**
 * @file command.h
 * @brief From the command a user would type to one that runs the same with the inspector open.
 *
 * Thread-safety: one thread per command.
 */
#ifndef PLIM_INSPECT_NODE_COMMAND_H
#define PLIM_INSPECT_NODE_COMMAND_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stddef.h>

enum { PLIM__NODE_PROGRAM_BYTES = 4096, PLIM__NODE_INTERPRETER_BYTES = 512 };

/** A command ready to start; strings are borrowed from the user's argv or lie in here. */
typedef struct plim__node_command {
    const plim_allocator *allocator;
    const char **argv;                      /**< NULL-terminated */
    size_t cap;                             /**< private: of argv */
    char program[PLIM__NODE_PROGRAM_BYTES]; /**< what to execute */
    char script[PLIM__NODE_PROGRAM_BYTES];
    char interpreter[PLIM__NODE_INTERPRETER_BYTES];
} plim__node_command;

/**
 * Makes `argv` one that opens its inspector on a free port of the loopback. Must not be moved
 * afterwards. Ended by plim__node_command_fini(), on any status.
 * PLIM_ERR_NOT_FOUND, _ACCESS: no such program. PLIM_ERR_UNSUPPORTED: it is not Node, or starts
 * the program in another process. PLIM_ERR_USAGE: its options make it wait for a debugger.
 */
PLIM_NODISCARD plim_status plim__node_command_init(plim__node_command *command,
                                                   const plim_allocator *allocator,
                                                   const char *const *argv, plim_error *err);

/** Frees; all zero is accepted. */
void plim__node_command_fini(plim__node_command *command);

#endif
