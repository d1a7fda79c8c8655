/* SPDX-License-Identifier: MIT */
/*
 * Deno, started by us: the option goes behind the subcommand, or before everything where the
 * program is named without one (`deno app.ts`). Subcommands that run no program in their own
 * process take no such option.
 */
#include <string.h>

#include "base/assert.h"
#include "inspect/deno/deno.h"
#include "inspect/launch/launcher.h"
#include "inspect/probe.h"

static const plim__line_rule deno_launch_rules[] = {
    {"Debugger listening on ws://", PLIM__LINE_URL},
    {"Visit chrome://inspect to connect to the debugger.", PLIM__LINE_EXACT},
    {"Debugger session started.", PLIM__LINE_EXACT},
    {"Debugger session ended", PLIM__LINE_HEAD},
    {NULL, PLIM__LINE_EXACT},
};

bool plim__deno_is_executable(const char *path)
{
    PLIM_CHECK(path != NULL);
    return strcmp(plim__probe_base_name(path), "deno") == 0;
}

static bool deno_launch_takes(const plim__launch_program *program)
{
    return plim__deno_is_executable(program->runs) || plim__deno_is_executable(program->resolved);
}

static bool deno_launch_is_among(const char *word, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (strcmp(list[i], word) == 0)
            return true;
    }
    return false;
}

static plim_status deno_launch_refuse(plim_status status, const char *what, const char *hint,
                                      plim_error *err)
{
    (void)plim_error_set(err, status, "%s", what);
    plim_error_hint(err, "%s", hint);
    return status;
}

/* Whether the user's words make it wait for a debugger, as far as they are Deno's. */
static bool deno_launch_waits(const char *const *arguments)
{
    for (size_t i = 0; arguments[i] != NULL && (i == 0 || arguments[i][0] == '-'); i++) {
        if (strncmp(arguments[i], "--inspect-brk", 13) == 0 ||
            strncmp(arguments[i], "--inspect-wait", 14) == 0)
            return true;
    }
    return false;
}

static plim_status deno_launch_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                       const char *const *arguments, plim_error *err)
{
    static const char *const runs[] = {"run", "serve", "eval", "test", "repl", NULL};
    static const char *const others[] = {"task", "watch",   "bench",   "x",    "jupyter", "fmt",
                                         "lint", "compile", "install", "init", "lsp",     NULL};
    (void)program;
    const char *first = arguments[0] != NULL ? arguments[0] : "";
    bool is_script = plan->script[0] != '\0'; /* then these are its own words, not Deno's */
    if (!is_script && deno_launch_is_among(first, others))
        return deno_launch_refuse(
            PLIM_ERR_UNSUPPORTED,
            "this subcommand of deno has no inspector, or runs the program in "
            "another process",
            "deno run app.ts; or start it with --inspect by hand, and give plim "
            "its address",
            err);
    if (!is_script && deno_launch_waits(arguments))
        return deno_launch_refuse(PLIM_ERR_USAGE,
                                  "the program would wait for a debugger before it begins",
                                  "leave out --inspect-brk and --inspect-wait", err);
    plan->insert_at = !is_script && deno_launch_is_among(first, runs) ? 1 : 0;
    return plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--inspect=127.0.0.1:0");
}

const plim__launcher plim__deno_launcher = {
    .runtime = "Deno",
    .by_hand = "deno run --inspect",
    .rules = deno_launch_rules,
    .takes = deno_launch_takes,
    .prepare = deno_launch_prepare,
};
