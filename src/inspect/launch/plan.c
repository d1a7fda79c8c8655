/* SPDX-License-Identifier: MIT */
/*
 * A command is taken if what it runs in its own process is a runtime that we know: the runtime
 * itself under any name that leads to it, or a script whose first line names it. `npm start` and
 * its like are scripts of that kind, too, but run the program in a process of its own: an
 * inspector in npm would look at npm, so they are refused by name rather than obeyed to no use.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/launch/launcher.h"
#include "inspect/probe.h"
#include "inspect/target.h"
#include "platform/child.h"

/* Scripts that start the program they are given in another process. */
static bool plan_starts_another(const char *name)
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

static plim_status plan_refuse(const plim__launcher *launcher, const char *name, const char *why,
                               plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNSUPPORTED, "%s %s", name, why);
    const char *by_hand =
        launcher != NULL ? launcher->by_hand : "node --inspect (or NODE_OPTIONS=--inspect)";
    plim_error_hint(err,
                    "start it yourself with %s, then plim ps shows the process, and plim leaks "
                    "pid:N takes it",
                    by_hand);
    return status;
}

static plim_status plan_find(const char *name, char *out_path, size_t cap, plim_error *err)
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

/* ---- words --------------------------------------------------------------------------------- */

/* Splits the interpreter's line at blanks, in place; *out_count words. */
static void plan_split(char *line, const char **out_words, size_t *out_count)
{
    *out_count = 0;
    char *at = line;
    while (*out_count < PLIM__LAUNCH_WORDS_MAX) {
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
static size_t plan_skip_env(const char *const *words, size_t count)
{
    size_t from = 0;
    if (count == 0 || strcmp(plim__probe_base_name(words[0]), "env") != 0)
        return 0;
    for (from = 1; from < count; from++) {
        if (words[from][0] != '-' && strchr(words[from], '=') == NULL)
            break;
    }
    return from;
}

/* words, then the user's arguments with the options among them; a script goes before those. */
static plim_status plan_compose(plim__launch_plan *plan, const char *const *words, size_t count,
                                const char *const *arguments, plim_error *err)
{
    size_t argument_count = 0;
    while (arguments[argument_count] != NULL)
        argument_count++;
    bool is_script = plan->script[0] != '\0';
    plan->cap = count + plan->option_count + argument_count + 2;
    plan->argv = plim__array_new(plan->allocator, plan->cap, sizeof *plan->argv);
    if (plan->argv == NULL)
        return plim__no_memory(err, "a command line");
    size_t at = is_script ? 0 : plan->insert_at;
    size_t to = 0;
    for (size_t i = 0; i < count; i++)
        plan->argv[to++] = words[i];
    for (size_t i = 0; i <= argument_count; i++) {
        if (i == at || (i == argument_count && at > argument_count)) {
            for (size_t o = 0; o < plan->option_count; o++)
                plan->argv[to++] = plan->options[o];
            if (is_script)
                plan->argv[to++] = plan->script;
        }
        if (i < argument_count)
            plan->argv[to++] = arguments[i];
    }
    plan->argv[to++] = NULL;
    PLIM_CHECK(to <= plan->cap);
    return PLIM_OK;
}

/* ---- whose program it is ------------------------------------------------------------------- */

static const plim__launcher *plan_launcher(const plim__launch_program *program)
{
    for (size_t i = 0; plim__runtimes[i] != NULL; i++) {
        const plim__launcher *launcher = plim__runtimes[i]->launcher;
        if (launcher != NULL && launcher->takes(program))
            return launcher;
    }
    return NULL;
}

/* A script: what its first line names is the runtime. */
static plim_status plan_of_script(plim__launch_plan *plan, plim__launch_program *program,
                                  const char *const *argv, plim_error *err)
{
    const char *words[PLIM__LAUNCH_WORDS_MAX];
    size_t count = 0;
    plan_split(plan->interpreter, words, &count);
    size_t from = plan_skip_env(words, count);
    if (from < count)
        program->runs = words[from];
    plan->launcher = from < count ? plan_launcher(program) : NULL;
    if (plan->launcher == NULL)
        return plan_refuse(NULL, argv[0], "is no JavaScript runtime that we know", err);
    if (plan_starts_another(program->name) || plan_starts_another(program->real))
        return plan_refuse(plan->launcher, argv[0], "runs the program in another process", err);
    (void)snprintf(plan->script, sizeof plan->script, "%s", plan->program);
    plim_status status = plan_find(words[from], plan->program, sizeof plan->program, err);
    if (status == PLIM_OK)
        status = plan->launcher->prepare(plan, program, argv + 1, err);
    if (status != PLIM_OK)
        return status;
    return plan_compose(plan, words + from, count - from, argv + 1, err);
}

plim_status plim__launch_plan_init(plim__launch_plan *plan, const plim_allocator *allocator,
                                   const char *const *argv, plim_error *err)
{
    PLIM_CHECK(plan != NULL && allocator != NULL && argv != NULL);
    memset(plan, 0, sizeof *plan);
    plan->allocator = allocator;
    if (argv[0] == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "there is no program to start");
    plim_status status = plan_find(argv[0], plan->program, sizeof plan->program, err);
    if (status != PLIM_OK)
        return status;
    char resolved[PLIM__LAUNCH_PROGRAM_BYTES];
    status = plim__program_resolve(plan->program, resolved, sizeof resolved);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "cannot follow %s", plan->program);
    plim__launch_program program = {
        .name = plim__probe_base_name(argv[0]),
        .real = plim__probe_base_name(resolved),
        .runs = plan->program,
        .resolved = resolved,
    };
    program.is_script =
        plim__program_interpreter(resolved, plan->interpreter, sizeof plan->interpreter) == PLIM_OK;
    plan->launcher = plan_launcher(&program);
    if (plan->launcher == NULL && program.is_script)
        return plan_of_script(plan, &program, argv, err);
    if (plan->launcher == NULL)
        return plan_refuse(NULL, argv[0], "is no JavaScript runtime that we know", err);
    if (program.is_script && !plan->launcher->may_be_script) {
        char why[64];
        (void)snprintf(why, sizeof why, "is a script that starts %s", plan->launcher->runtime);
        return plan_refuse(plan->launcher, argv[0], why, err);
    }
    status = plan->launcher->prepare(plan, &program, argv + 1, err);
    return status == PLIM_OK ? plan_compose(plan, argv, 1, argv + 1, err) : status;
}

void plim__launch_plan_fini(plim__launch_plan *plan)
{
    PLIM_CHECK(plan != NULL);
    if (plan->launcher != NULL && plan->launcher->finish != NULL)
        plan->launcher->finish(plan);
    plan->launcher = NULL;
    if (plan->argv != NULL)
        plim__array_free(plan->allocator, plan->argv, plan->cap, sizeof *plan->argv);
    plan->argv = NULL;
}
