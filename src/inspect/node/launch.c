/* SPDX-License-Identifier: MIT */
/*
 * Node, started by us. The option goes first: one that the user gives himself then wins, and its
 * address is what Node tells us.
 */
#include "inspect/launch/launcher.h"
#include "inspect/node/node.h"

/* What Node 20 to 26 write. */
static const plim__line_rule launch_rules[] = {
    {"Debugger listening on ws://", PLIM__LINE_URL},
    {"Debugger ending on ws://", PLIM__LINE_HEAD},
    {"For help, see: https://nodejs.org/en/docs/inspector", PLIM__LINE_EXACT},
    {"For help, see: https://nodejs.org/learn/getting-started/debugging", PLIM__LINE_EXACT},
    {"Debugger attached.", PLIM__LINE_EXACT},
    {"Waiting for the debugger to disconnect...", PLIM__LINE_EXACT},
    {NULL, PLIM__LINE_EXACT},
};

static bool launch_takes(const plim__launch_program *program)
{
    return plim__node_is_executable(program->runs) || plim__node_is_executable(program->resolved);
}

static plim_status launch_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                  const char *const *arguments, plim_error *err)
{
    (void)program;
    plim__node_flags flags = {0};
    for (size_t i = 0; arguments[i] != NULL && arguments[i][0] == '-'; i++)
        plim__node_flag_read(arguments[i], &flags);
    if (flags.waits && plan->script[0] == '\0') {
        plim_status status = plim_error_set(
            err, PLIM_ERR_USAGE, "the program would wait for a debugger before it begins");
        plim_error_hint(err, "leave out --inspect-brk and --inspect-wait");
        return status;
    }
    return plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--inspect=127.0.0.1:0");
}

const plim__launcher plim__node_launcher = {
    .runtime = "Node",
    .by_hand = "node --inspect (or NODE_OPTIONS=--inspect)",
    .rules = launch_rules,
    .takes = launch_takes,
    .prepare = launch_prepare,
};
