/* SPDX-License-Identifier: MIT */
/**
 * @file replui.h
 * @brief A C session before a person or a script: what is shown of an entry, and the commands that
 *        begin with a colon.
 */
#ifndef PLIM_CLI_REPLUI_H
#define PLIM_CLI_REPLUI_H
#include <plimsoll/repl.h>
#include <plimsoll/value.h>

#include "cli/cli.h"

enum { PLIM__REPL_VALUE_BYTES = 64 << 10 };

typedef struct plim__replui {
    plim__cli *cli;
    plim_repl *repl;
    bool interactive;        /* on a terminal */
    bool times;              /* said of every entry */
    bool ends;               /* :quit */
    uint32_t failed;         /* entries that did not come to their end, commands that failed */
    plim__draft captured[2]; /* with --json: what the entry under way writes, stdout and stderr */
} plim__replui;

/** Enters a text and shows what became of it. A failure is the session's, not the text's. */
plim_status plim__replui_enter(plim__replui *ui, const char *text, plim_error *err);

/** Whether a line is a command of ours: ":" and a letter. */
bool plim__replui_is_command(const char *line);

/** Runs a line that begins with a colon. What is wrong with it is shown, not returned. */
void plim__replui_command(plim__replui *ui, const char *line);

/** Offers commands, and files for those that take one. */
void plim__replui_commands_begin_with(const char *word, size_t bytes,
                                      bool (*offer)(void *to, const char *word, const char *detail),
                                      void *to);

/** Shows an outcome: what was captured, value, diagnostics, explanation, backtrace, losses. */
void plim__replui_show(plim__replui *ui, const plim_repl_outcome *outcome);

/** Shows an error of ours as plim does, and counts it. */
void plim__replui_complain(plim__replui *ui, const plim_error *err);

/** Writes the value of an entry; false: there is none. columns 0: in one line. */
bool plim__repl_value(plim_repl *repl, const plim_repl_result *result, uint32_t columns, bool ascii,
                      char *out, size_t cap);

/** Adds an outcome as the members of a JSON object, without its braces. */
void plim__repl_outcome_json(plim__draft *out, plim_repl *repl, const plim_repl_outcome *outcome);

/** Adds "key":"text", whatever bytes the text has. */
void plim__repl_json_text(plim__draft *out, const char *key, const char *text, size_t bytes);

#endif
