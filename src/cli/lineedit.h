/* SPDX-License-Identifier: MIT */
/**
 * @file lineedit.h
 * @brief A line typed on a terminal, with history, search, completion and colours as it is typed.
 *        posix/lineedit.c has it of libedit.
 */
#ifndef PLIM_CLI_LINEEDIT_H
#define PLIM_CLI_LINEEDIT_H
#include "cli/out.h"

typedef struct plim__lineedit plim__lineedit;

/** How reading a line ended. */
typedef enum plim__line_end {
    PLIM__LINE_DONE,
    PLIM__LINE_INTERRUPTED, /* Ctrl-C */
    PLIM__LINE_EOF,         /* Ctrl-D on an empty line, or the terminal went away */
} plim__line_end;

/** One way to go on, the whole word; dies with the call. */
typedef bool plim__line_offer(void *to, const char *word, const char *detail);

/** What whoever reads lines knows of them. Each may be NULL. */
typedef struct plim__line_hooks {
    void *ctx;
    /** Offers what can stand at the cursor; *out_from: where the word there begins. */
    void (*complete)(void *ctx, const char *line, size_t cursor, size_t *out_from,
                     plim__line_offer *offer, void *to);
    /** A plim__style for each byte of a line; false: it is left as it is. */
    bool (*paint)(void *ctx, const char *line, size_t bytes, unsigned char *out_styles);
} plim__line_hooks;

/**
 * Takes the terminal that is standard input and output. history_path: a file (0600) that is read
 * now and written by plim__lineedit_remember(), NULL: none. PLIM_ERR_UNSUPPORTED: no terminal.
 */
plim_status plim__lineedit_open(const plim__line_hooks *hooks, const char *history_path,
                                bool colour, const plim_allocator *allocator,
                                plim__lineedit **out_edit, plim_error *err);

/** Gives the terminal back; NULL and a pointer to NULL are accepted. */
void plim__lineedit_close(plim__lineedit **edit);

/** Reads a line; on DONE it is added to out, without its end. */
plim__line_end plim__lineedit_read(plim__lineedit *edit, const char *prompt, plim__draft *out);

/** Adds an entry (of several lines, perhaps) to the history, and writes that to its file. */
void plim__lineedit_remember(plim__lineedit *edit, const char *entry);

/**
 * Reads a line of standard input, without its end; false: there is none, or it is longer than most.
 * It is added to out.
 */
bool plim__read_line(plim__draft *out, size_t most);

/** From now on Ctrl-C calls this, from a signal handler; NULL: as it was. Only one at a time. */
void plim__interrupts_take(void (*call)(void *ctx), void *ctx);

/** Whether Ctrl-C was pressed since the last time this was asked. */
bool plim__interrupts_seen(void);

#endif
