/* SPDX-License-Identifier: MIT */
/*
 * A Firefox that we start: without a window, with a profile of its own that goes when it goes, and
 * its debugger server on a socket in that profile's folder, which is ours alone to open. It has no
 * port that another could reach, and two that start at once cannot take each other's.
 */
#include <plimsoll/file.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/rdp/rdp.h"
#include "platform/scratch.h"

enum { START_FOLDER_BYTES = 96 /* with the socket's name it fits into an address of one */ };

static const char firefox_prefix[] = "plim-firefox";
static const char firefox_socket[] = "debugger";

/* Without any of the first three there is no debugger server, and no word of it. */
static const char firefox_preferences[] =
    "user_pref(\"devtools.debugger.remote-enabled\", true);\n"
    "user_pref(\"devtools.chrome.enabled\", true);\n"
    "user_pref(\"devtools.debugger.prompt-connection\", false);\n"
    "user_pref(\"app.update.enabled\", false);\n"
    "user_pref(\"browser.shell.checkDefaultBrowser\", false);\n"
    "user_pref(\"browser.aboutwelcome.enabled\", false);\n"
    "user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);\n"
    "user_pref(\"dom.ipc.processPrelaunch.enabled\", false);\n"
    "user_pref(\"toolkit.telemetry.reportingpolicy.firstRun\", false);\n";

static bool firefox_is_one(const char *name)
{
    return strcmp(name, "firefox") == 0 || strcmp(name, "firefox-esr") == 0 ||
           strcmp(name, "firefox-bin") == 0;
}

static bool firefox_takes(const plim__launch_program *program)
{
    return firefox_is_one(program->name) || firefox_is_one(program->real);
}

static plim_status firefox_check(const char *const *arguments, plim_error *err)
{
    static const char *const ours[] = {"--start-debugger-server", "-start-debugger-server",
                                       "--profile", "-profile", "-P"};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++) {
            if (strcmp(arguments[i], ours[k]) == 0)
                return plim_error_set(err, PLIM_ERR_USAGE,
                                      "a Firefox that plim starts has a profile of its own: leave "
                                      "out %s",
                                      ours[k]);
        }
    }
    return PLIM_OK;
}

static plim_status firefox_write_preferences(const plim__launch_plan *plan, plim_error *err)
{
    char path[START_FOLDER_BYTES + 16];
    plim_file_sink *file = NULL;
    (void)snprintf(path, sizeof path, "%s/user.js", (const char *)plan->state);
    plim_status status = plim_file_sink_create(path, false, plan->allocator, &file, err);
    if (status != PLIM_OK)
        return status;
    plim_sink sink = plim_file_sink_view(file);
    status = sink.write(sink.ctx, firefox_preferences, sizeof firefox_preferences - 1, err);
    if (status == PLIM_OK)
        return plim_file_sink_commit(&file, err);
    plim_file_sink_abandon(&file);
    return status;
}

static plim_status firefox_add(plim__launch_plan *plan, plim_error *err)
{
    const char *folder = plan->state;
    const char *const words[] = {"--headless", "--no-remote", "--profile", folder,
                                 "--start-debugger-server"};
    plim_status status = PLIM_OK;
    for (size_t i = 0; status == PLIM_OK && i < sizeof words / sizeof *words; i++)
        status = plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "%s", words[i]);
    if (status == PLIM_OK)
        status = plim__launch_add(plan, PLIM__LAUNCH_OPTION, err, "%s/%s", folder, firefox_socket);
    return status;
}

static plim_status firefox_prepare(plim__launch_plan *plan, const plim__launch_program *program,
                                   const char *const *arguments, plim_error *err)
{
    (void)program;
    plim_status status = firefox_check(arguments, err);
    if (status != PLIM_OK)
        return status;
    plan->is_quiet = true; /* it speaks of the desktop that it misses */
    plim__scratch_sweep(firefox_prefix);
    char *folder = plim__array_new(plan->allocator, START_FOLDER_BYTES, 1);
    if (folder == NULL)
        return plim__no_memory(err, "the name of a profile");
    status = plim__scratch_make(firefox_prefix, folder, START_FOLDER_BYTES, err);
    if (status != PLIM_OK) {
        plim__array_free(plan->allocator, folder, START_FOLDER_BYTES, 1);
        return status;
    }
    plan->state = folder;
    status = firefox_write_preferences(plan, err);
    return status == PLIM_OK ? firefox_add(plan, err) : status;
}

/* The socket is made when the server listens. */
static void firefox_look(plim__launch_plan *plan, int64_t pid)
{
    const char *folder = plan->state;
    (void)pid;
    if (plim__scratch_has(folder, firefox_socket))
        (void)snprintf(plan->address, sizeof plan->address, "unix:%s/%s", folder, firefox_socket);
}

static void firefox_finish(plim__launch_plan *plan)
{
    char *folder = plan->state;
    if (folder == NULL)
        return;
    plim__scratch_remove(folder);
    plim__array_free(plan->allocator, folder, START_FOLDER_BYTES, 1);
    plan->state = NULL;
}

const plim__launcher plim__firefox_launcher = {
    .runtime = "Firefox",
    .by_hand = "firefox --headless --profile FOLDER --start-debugger-server 6000 URL",
    .may_be_script = true,
    .takes = firefox_takes,
    .prepare = firefox_prepare,
    .look = firefox_look,
    .finish = firefox_finish,
};
