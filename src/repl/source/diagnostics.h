/* SPDX-License-Identifier: MIT */
/**
 * @file diagnostics.h
 * @brief What the compiler said, taken apart into messages and put together for the user.
 */
#ifndef PLIM_REPL_SOURCE_DIAGNOSTICS_H
#define PLIM_REPL_SOURCE_DIAGNOSTICS_H
#include <stdbool.h>
#include <stddef.h>

#include "repl/source/arena.h"

/** The name under which clang knows what we put before an entry; messages there are not shown. */
#define PLIM__SESSION_TEXT_NAME "<session>"

typedef enum plim__message_kind {
    PLIM__MESSAGE_NOTE = 0,
    PLIM__MESSAGE_WARNING,
    PLIM__MESSAGE_ERROR
} plim__message_kind;

/** One message; strings are pieces of the compiler's output, not ended by NUL. */
typedef struct plim__message {
    plim__message_kind kind;
    const char *file;
    size_t file_bytes;
    unsigned line, column; /* 1 and up; 0: none */
    const char *text;
    size_t text_bytes;
    const char *whole; /* with the lines of source and caret below it */
    size_t whole_bytes;
} plim__message;

typedef struct plim__messages {
    plim__message *items;
    size_t count, error_count;
    bool is_crash; /* clang's own crash report followed */
} plim__messages;

/** Takes apart. Post: messages are the arena's, their strings the output's. */
void plim__messages_read(const char *output, size_t bytes, plim__arena *arena,
                         plim__messages *out_messages);

/** Whether a message's file is that name. */
bool plim__message_is_in(const plim__message *message, const char *file);

/** Whether its text begins with a string. */
bool plim__message_begins(const plim__message *message, const char *string);

/** Whether a string stands somewhere in its text. */
bool plim__message_mentions(const plim__message *message, const char *string);

/** The first thing between quotes ('x'); false: there is none. Tags lose their "struct ". */
bool plim__message_quoted(const plim__message *message, const char **out_name, size_t *out_bytes);

/** All of them as they are shown: messages about `file` whole; those at the end of the entry, which
    clang reports in `main_file`, without the line that is not the user's; none about the session's
    declarations but errors. */
void plim__messages_show(const plim__messages *messages, const char *file, const char *main_file,
                         plim__grow *out);

#endif
