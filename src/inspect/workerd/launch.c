/* SPDX-License-Identifier: MIT */
/*
 * workerd and wrangler, started by us.
 * workerd tells on --control-fd, as a line of JSON, which port it took; we give it its standard
 * error for that. wrangler tells nobody, so a port is chosen for it, and looked at until a process
 * of its own listens there. `npx wrangler dev` is the same command in another's words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/launch/launcher.h"
#include "inspect/probe.h"
#include "inspect/workerd/workerd.h"

static plim_status workerd_launch_refuse(plim_status status, const char *what, const char *hint,
                                         plim_error *err)
{
    (void)plim_error_set(err, status, "%s", what);
    plim_error_hint(err, "%s", hint);
    return status;
}

static bool workerd_launch_begins(const char *word, const char *head)
{
    return strncmp(word, head, strlen(head)) == 0;
}

/* ---- workerd -------------------------------------------------------------------------------- */

static const plim__line_rule workerd_launch_rules[] = {
    {"{\"event\":\"listen-inspector\",\"port\":", PLIM__LINE_URL}, /* the number follows */
    {"{\"event\":\"listen\",", PLIM__LINE_HEAD},
    {NULL, PLIM__LINE_EXACT},
};

bool plim__workerd_is_executable(const char *path)
{
    PLIM_CHECK(path != NULL);
    return strcmp(plim__probe_base_name(path), "workerd") == 0;
}

static bool workerd_launch_takes(const plim__launch_program *program)
{
    return plim__workerd_is_executable(program->runs) ||
           plim__workerd_is_executable(program->resolved);
}

static plim_status workerd_launch_prepare(plim__launch_plan *plan,
                                          const plim__launch_program *program,
                                          const char *const *arguments, plim_error *err)
{
    (void)program;
    if (arguments[0] == NULL || strcmp(arguments[0], "serve") != 0)
        return workerd_launch_refuse(PLIM_ERR_UNSUPPORTED, "only workerd serve has an inspector",
                                     "-- workerd serve config.capnp", err);
    for (size_t i = 1; arguments[i] != NULL; i++) {
        if (workerd_launch_begins(arguments[i], "--inspector-addr") ||
            workerd_launch_begins(arguments[i], "-i") ||
            workerd_launch_begins(arguments[i], "--control-fd"))
            return workerd_launch_refuse(PLIM_ERR_USAGE,
                                         "plim itself says where the inspector opens",
                                         "leave out --inspector-addr and --control-fd", err);
    }
    plan->insert_at = 1;
    plim_status status =
        plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--inspector-addr=127.0.0.1:0");
    if (status == PLIM_OK)
        status = plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--control-fd=2");
    return status;
}

/* "40443}" */
static void workerd_launch_take_port(plim__launch_plan *plan, const char *text)
{
    unsigned long port = strtoul(text, NULL, 10);
    if (port > 0 && port <= UINT16_MAX)
        (void)snprintf(plan->address, sizeof plan->address, "127.0.0.1:%lu", port);
}

const plim__launcher plim__workerd_launcher = {
    .runtime = "workerd",
    .by_hand = "workerd serve --inspector-addr=127.0.0.1:9229",
    .rules = workerd_launch_rules,
    .takes = workerd_launch_takes,
    .prepare = workerd_launch_prepare,
    .take_url = workerd_launch_take_port,
};

/* ---- wrangler ------------------------------------------------------------------------------- */

typedef struct wrangler_port {
    uint16_t port;
} wrangler_port;

static bool wrangler_takes(const plim__launch_program *program)
{
    static const char *const names[] = {"wrangler", "wrangler2", "cf-wrangler", "npx"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (program->is_script && strcmp(names[i], program->name) == 0)
            return true;
    }
    return false;
}

static plim_status wrangler_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                    const char *const *arguments, plim_error *err)
{
    size_t first = 0;
    size_t count = 0;
    if (strcmp(program->name, "npx") == 0) {
        if (arguments[0] == NULL || strcmp(arguments[0], "wrangler") != 0)
            return workerd_launch_refuse(
                PLIM_ERR_UNSUPPORTED, "npx runs the program in another process",
                "start it yourself with its inspector open, then plim ps shows "
                "its address",
                err);
        first = 1;
    }
    if (arguments[first] == NULL || strcmp(arguments[first], "dev") != 0)
        return workerd_launch_refuse(PLIM_ERR_UNSUPPORTED, "only wrangler dev has an inspector",
                                     "-- wrangler dev", err);
    for (; arguments[count] != NULL; count++) {
        if (workerd_launch_begins(arguments[count], "--inspector-port") ||
            workerd_launch_begins(arguments[count], "--no-inspect") ||
            strcmp(arguments[count], "--remote") == 0)
            return workerd_launch_refuse(
                PLIM_ERR_USAGE, "plim itself says where the inspector opens",
                "leave out --inspector-port, --no-inspect and --remote", err);
    }
    wrangler_port *state = plim__array_new_zero(plan->allocator, 1, sizeof *state);
    if (state == NULL)
        return plim__no_memory(err, "a program to start");
    plan->state = state;
    plan->insert_at = count;
    if (!plim__port_free(&state->port))
        return plim_error_set(err, PLIM_ERR_LIMIT, "there is no free port to be had");
    return plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--inspector-port=%u",
                            (unsigned)state->port);
}

static void wrangler_look(plim__launch_plan *plan, int64_t pid)
{
    const wrangler_port *state = plan->state;
    int64_t owner = 0;
    plim__process_glance glance;
    /* Its processes stay in the group that it leads. */
    if (plim__port_owner(plan->allocator, state->port, &owner) == PLIM_OK &&
        plim__process_look(owner, &glance) == PLIM_OK && glance.group == pid)
        (void)snprintf(plan->address, sizeof plan->address, "127.0.0.1:%u", (unsigned)state->port);
}

static void wrangler_finish(plim__launch_plan *plan)
{
    if (plan->state != NULL)
        plim__array_free(plan->allocator, plan->state, 1, sizeof(wrangler_port));
    plan->state = NULL;
}

const plim__launcher plim__wrangler_launcher = {
    .runtime = "wrangler",
    .by_hand = "wrangler dev --inspector-port 9229",
    .may_be_script = true,
    .takes = wrangler_takes,
    .prepare = wrangler_prepare,
    .look = wrangler_look,
    .finish = wrangler_finish,
};
