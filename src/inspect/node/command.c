/* SPDX-License-Identifier: MIT */
/*
 * A command is taken if what it runs in its own process is Node: node itself under any name that
 * leads to it, or a script whose first line names node. `npm start` and its like are scripts of
 * that kind, too, but run the program in a process of its own: an inspector in npm would look at
 * npm, so they are refused by name rather than obeyed to no use.
 * The option goes first: one that the user gives himself then wins, and its address is what Node
 * tells us.
 */
#include "inspect/node/command.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/node/node.h"
#include "platform/child.h"

enum { COMMAND_WORDS_MAX = 16 }; /* of a first line of at most 511 bytes */

static const char command_option[] = "--inspect=127.0.0.1:0";

static const char *command_base_name(const char *path)
{
    const char *stroke = strrchr(path, '/');
    return stroke != NULL ? stroke + 1 : path;
}

/* Scripts of Node's that start the program they are given in another process. */
static bool command_starts_another(const char *name)
{
    static const char *const names[] = {"npm",     "npx",      "pnpm", "pnpx",    "yarn",
                                        "yarnpkg", "corepack", "tsx",  "nodemon", "pm2"};
    size_t len = strcspn(name, "."); /* yarn.js, npx.cmd */
    if (strncmp(name, "npm-cli", 7) == 0 || strncmp(name, "npx-cli", 7) == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
            return true;
    }
    return false;
}

static plim_status command_unsupported(const char *name, const char *why, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED, "%s %s", name, why);
    plim_error_hint(err, "start it yourself with node --inspect (or NODE_OPTIONS=--inspect), then "
                         "plim ps shows the process, and plim leaks pid:N takes it");
    return status;
}

static plim_status command_find(const char *name, char *out_path, size_t cap, plim_error *err)
{
    plim_status status = plim__program_find(name, out_path, cap);
    if (status == PLIM_OK)
        return PLIM_OK;
    if (status == PLIM_ERR_NOT_FOUND)
        (void)plim_error_set(err, status, "there is no program %s", name);
    else
        (void)plim_error_set(err, status, "cannot run %s: %s", name, plim_status_text(status));
    plim_error_hint(err, "what follows -- is the program and its arguments: -- node app.js");
    return status;
}

/* Splits the interpreter's line at blanks, in place; *out_count words. */
static void command_split(char *line, const char **out_words, size_t *out_count)
{
    *out_count = 0;
    char *at = line;
    while (*out_count < COMMAND_WORDS_MAX) {
        at += strspn(at, " \t");
        if (*at == '\0')
            return;
        out_words[(*out_count)++] = at;
        at += strcspn(at, " \t");
        if (*at == '\0')
            return;
        *at++ = '\0';
    }
}

/* The words of "#!/usr/bin/env -S node --flag" from node on. */
static size_t command_skip_env(const char *const *words, size_t count)
{
    size_t from = 0;
    if (count == 0 || strcmp(command_base_name(words[0]), "env") != 0)
        return 0;
    for (from = 1; from < count; from++) {
        if (words[from][0] != '-' && strchr(words[from], '=') == NULL)
            break;
    }
    return from;
}

static plim_status command_check_options(const char *const *options, plim_error *err)
{
    plim__node_flags flags = {0};
    for (size_t i = 0; options[i] != NULL && options[i][0] == '-'; i++)
        plim__node_flag_read(options[i], &flags);
    if (!flags.waits)
        return PLIM_OK;
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                        "the program would wait for a debugger before it begins");
    plim_error_hint(err, "leave out --inspect-brk and --inspect-wait");
    return status;
}

/* words (count of them), the option, the script if there is one, and the user's arguments. */
static plim_status command_compose(plim__node_command *command, const char *const *words,
                                   size_t count, const char *script, const char *const *arguments,
                                   plim_error *err)
{
    size_t argument_count = 0;
    while (arguments[argument_count] != NULL)
        argument_count++;
    command->cap = count + argument_count + 3;
    command->argv = plim__array_new(command->allocator, command->cap, sizeof *command->argv);
    if (command->argv == NULL)
        return plim__no_memory(err, "a command line");
    size_t to = 0;
    for (size_t i = 0; i < count; i++)
        command->argv[to++] = words[i];
    command->argv[to++] = command_option;
    if (script != NULL)
        command->argv[to++] = script;
    for (size_t i = 0; i < argument_count; i++)
        command->argv[to++] = arguments[i];
    command->argv[to++] = NULL;
    PLIM_CHECK(to <= command->cap);
    return PLIM_OK;
}

static plim_status command_of_script(plim__node_command *command, const char *const *argv,
                                     plim_error *err)
{
    const char *words[COMMAND_WORDS_MAX];
    size_t count = 0;
    plim_status status = plim__program_interpreter(command->program, command->interpreter,
                                                   sizeof command->interpreter);
    if (status == PLIM_OK)
        command_split(command->interpreter, words, &count);
    size_t from = command_skip_env(words, count);
    if (status != PLIM_OK || from >= count || !plim__node_is_executable(words[from]))
        return command_unsupported(argv[0], "is no JavaScript runtime that we know", err);
    char resolved[PLIM__NODE_PROGRAM_BYTES];
    status = plim__program_resolve(command->program, resolved, sizeof resolved);
    if (command_starts_another(command_base_name(argv[0])) ||
        (status == PLIM_OK && command_starts_another(command_base_name(resolved))))
        return command_unsupported(argv[0], "runs the program in another process", err);
    (void)snprintf(command->script, sizeof command->script, "%s", command->program);
    status = command_find(words[from], command->program, sizeof command->program, err);
    if (status != PLIM_OK)
        return status;
    return command_compose(command, words + from, count - from, command->script, argv + 1, err);
}

plim_status plim__node_command_init(plim__node_command *command, const plim_allocator *allocator,
                                    const char *const *argv, plim_error *err)
{
    PLIM_CHECK(command != NULL && allocator != NULL && argv != NULL);
    memset(command, 0, sizeof *command);
    command->allocator = allocator;
    if (argv[0] == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "there is no program to start");
    plim_status status = command_find(argv[0], command->program, sizeof command->program, err);
    if (status != PLIM_OK)
        return status;
    char resolved[PLIM__NODE_PROGRAM_BYTES];
    status = plim__program_resolve(command->program, resolved, sizeof resolved);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "cannot follow %s", command->program);
    if (!plim__node_is_executable(resolved) && !plim__node_is_executable(command->program))
        return command_of_script(command, argv, err);
    if (plim__program_interpreter(resolved, command->interpreter, sizeof command->interpreter) ==
        PLIM_OK)
        return command_unsupported(argv[0], "is a script that starts Node", err);
    status = command_check_options(argv + 1, err);
    return status == PLIM_OK ? command_compose(command, argv, 1, NULL, argv + 1, err) : status;
}

void plim__node_command_fini(plim__node_command *command)
{
    PLIM_CHECK(command != NULL);
    if (command->argv != NULL)
        plim__array_free(command->allocator, command->argv, command->cap, sizeof *command->argv);
    command->argv = NULL;
}
