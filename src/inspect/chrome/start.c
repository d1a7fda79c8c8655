/* SPDX-License-Identifier: MIT */
/*
 * A browser that we start: without a window, with a profile of its own that goes when it goes, and
 * over its pipe (a socket as its descriptors 3 and 4), which loses nothing and which nobody else
 * can reach. What the user says himself wins, but for what would take the pipe away.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/chrome/chrome.h"
#include "inspect/probe.h"
#include "platform/scratch.h"

enum { START_PROFILE_BYTES = 512 };

static const char *const start_options[] = {
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-features=Translate",
    "--remote-debugging-pipe",
};

const char plim__chrome_scheme[] = "chromium-pipe";

static const char start_prefix[] = "plim-chromium";

static bool start_takes(const plim__launch_program *program)
{
    return plim__probe_is_chrome(program->name) || plim__probe_is_chrome(program->real);
}

static bool start_has(const char *const *arguments, const char *option)
{
    for (size_t i = 0; arguments[i] != NULL; i++) {
        if (strncmp(arguments[i], option, strlen(option)) == 0)
            return true;
    }
    return false;
}

static plim_status start_add_profile(plim__launch_plan *plan, plim_error *err)
{
    plim__scratch_sweep(start_prefix);
    char *profile = plim__array_new(plan->allocator, START_PROFILE_BYTES, 1);
    if (profile == NULL)
        return plim__no_memory(err, "the name of a profile");
    plim_status status = plim__scratch_make(start_prefix, profile, START_PROFILE_BYTES, err);
    if (status != PLIM_OK) {
        plim__array_free(plan->allocator, profile, START_PROFILE_BYTES, 1);
        return status;
    }
    plan->state = profile;
    return plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--user-data-dir=%s", profile);
}

static plim_status start_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                 const char *const *arguments, plim_error *err)
{
    (void)program;
    uint32_t user = 1;
    plim_status status = PLIM_OK;
    if (start_has(arguments, "--remote-debugging-port"))
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a browser that plim starts is spoken to over its pipe: leave out "
                              "--remote-debugging-port");
    plan->wants_channel = true;
    plan->is_quiet = true; /* a browser without a desktop complains of each thing it misses */
    for (size_t i = 0; status == PLIM_OK && i < sizeof start_options / sizeof *start_options; i++)
        status = plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "%s", start_options[i]);
    /* Chromium refuses its sandbox to the superuser. */
    if (status == PLIM_OK && plim__process_user(plim__process_self(), &user) == PLIM_OK &&
        user == 0)
        status = plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "--no-sandbox");
    if (status == PLIM_OK && !start_has(arguments, "--user-data-dir"))
        status = start_add_profile(plan, err);
    return status;
}

/* The pipe is there as soon as the program runs. */
static void start_look(plim__launch_plan *plan, int64_t pid)
{
    (void)pid;
    if (plan->channel > 0)
        (void)snprintf(plan->address, sizeof plan->address, "%s:%d", plim__chrome_scheme,
                       plan->channel);
}

static void start_finish(plim__launch_plan *plan)
{
    char *profile = plan->state;
    if (profile == NULL)
        return;
    plim__scratch_remove(profile);
    plim__array_free(plan->allocator, profile, START_PROFILE_BYTES, 1);
    plan->state = NULL;
}

const plim__launcher plim__chrome_launcher = {
    .runtime = "Chromium",
    .by_hand = "chromium --headless --remote-debugging-port=0 --user-data-dir=A_NEW_FOLDER URL",
    .may_be_script = true,
    .takes = start_takes,
    .prepare = start_prepare,
    .look = start_look,
    .finish = start_finish,
};
