/* SPDX-License-Identifier: MIT */
/**
 * @file tools.h
 * @brief The compiler and the linker as servers: parse, compile, link, tokens.
 *
 * Two of clang's: one gives the syntax tree, one the object. Both have read the session's headers
 * (the prelude) and stand where the entry's text would be opened. When the prelude grows, the next
 * pair is made ready beside the old one, which works until then.
 */
#ifndef PLIM_REPL_SOURCE_TOOLS_H
#define PLIM_REPL_SOURCE_TOOLS_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct plim__tools plim__tools;

typedef struct plim__tools_options {
    const plim_allocator *allocator;
    const char *scratch;
    const char *libexec;
    const char *const *flags;
} plim__tools_options;

/** Which server. */
typedef enum plim__tool_role {
    PLIM__ROLE_PARSE = 0, /**< input: the entry; standard output: its tree as JSON */
    PLIM__ROLE_COMPILE,   /**< input: a unit; standard output: an object */
    PLIM__ROLE_LINK,      /**< input: a script, input 2: an object; output: an image */
    PLIM__ROLE_TOKENS,    /**< input: a request; output: its answer (parser/protocol.h) */
    PLIM__ROLES
} plim__tool_role;

/** Finds the tools and starts them. */
plim_status plim__tools_open(const plim__tools_options *options, plim__tools **out_tools,
                             plim_error *err);

/** Kills them. */
void plim__tools_close(plim__tools **tools);

/** The main file's name in clang's messages: places behind the end of the entry have it. */
const char *plim__tools_main_file(const plim__tools *tools);

/** The header that the pair in use has read; "" none. Its storage is the caller's. */
void plim__tools_prelude_path(const plim__tools *tools, char *out_path, size_t cap);

/** Starts to make the pair ready whose prelude is `text`. A pair on its way is given up for it. */
plim_status plim__tools_set_prelude(plim__tools *tools, const char *text, size_t bytes,
                                    plim_error *err);

/** Whether a pair has become ready since the last call, and is in use now; *out_failed: the prelude
    cannot be compiled. */
bool plim__tools_prelude_is_new(plim__tools *tools, bool *out_failed);

/** A request's input. */
typedef struct plim__tool_input {
    const char *bytes;
    size_t count;
} plim__tool_input;

/** What came of it; strings are freed by plim__tool_result_fini(). */
typedef struct plim__tool_result {
    const plim_allocator *allocator;
    int exit_code; /* 128 + signal */
    char *output;
    size_t output_bytes;
    char *errors;
    size_t error_bytes;
} plim__tool_result;

/** Sends a request; input_2 may be NULL. A server that is dead is started anew. What it was asked
    before, and not answered, is dropped: waited for, or stopped. */
plim_status plim__tools_ask(plim__tools *tools, plim__tool_role role, const plim__tool_input *input,
                            const plim__tool_input *input_2, plim_error *err);

/** Waits for it. Post: a server that looped or died is REFUSED, and will be started anew. */
plim_status plim__tools_answer(plim__tools *tools, plim__tool_role role,
                               plim__tool_result *out_result, plim_error *err);

void plim__tool_result_fini(plim__tool_result *result);

#endif
