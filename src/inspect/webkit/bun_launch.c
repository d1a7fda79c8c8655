/* SPDX-License-Identifier: MIT */
/*
 * Bun, started by us, with a path of our own in its inspector's address. The option goes first: one
 * that the user gives himself then wins, and its address is what Bun tells us.
 */
#include <stdio.h>
#include <string.h>

#include "inspect/launch/launcher.h"
#include "inspect/probe.h"
#include "inspect/webkit/webkit.h"

/* What Bun 1.4 writes, in either order of its two halves. */
static const plim__line_rule bun_launch_rules[] = {
    {"  ws://", PLIM__LINE_URL},
    {"--------------------- Bun Inspector ---------------------", PLIM__LINE_EXACT},
    {"Listening:", PLIM__LINE_EXACT},
    {"Inspect in browser:", PLIM__LINE_EXACT},
    {"  https://debug.bun.sh/#", PLIM__LINE_HEAD},
    {NULL, PLIM__LINE_EXACT},
};

static bool bun_launch_is_bun(const char *path)
{
    const char *name = plim__probe_base_name(path);
    return strcmp(name, "bun") == 0 || strcmp(name, "bun.exe") == 0;
}

static bool bun_launch_takes(const plim__launch_program *program)
{
    return bun_launch_is_bun(program->runs) || bun_launch_is_bun(program->resolved);
}

static plim_status bun_launch_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                      const char *const *arguments, plim_error *err)
{
    (void)program;
    for (size_t i = 0; arguments[i] != NULL && arguments[i][0] == '-'; i++) {
        if (strncmp(arguments[i], "--inspect-", strlen("--inspect-")) != 0)
            continue;
        plim_status status = plim_error_set(
            err, PLIM_ERR_USAGE, "the program would wait for a debugger before it begins");
        plim_error_hint(err, "leave out --inspect-brk and --inspect-wait");
        return status;
    }
    return plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--inspect=127.0.0.1:0/plim");
}

/* The path is part of it. */
static void bun_launch_take_url(plim__launch_plan *plan, const char *url)
{
    (void)snprintf(plan->address, sizeof plan->address, "%s", url);
}

const plim__launcher plim__bun_launcher = {
    .runtime = "Bun",
    .by_hand = "bun --inspect=127.0.0.1:6499/NAME",
    .rules = bun_launch_rules,
    .takes = bun_launch_takes,
    .prepare = bun_launch_prepare,
    .take_url = bun_launch_take_url,
};
