/* SPDX-License-Identifier: MIT */
/* Firefox as a row of the table of runtimes: what is put together of the files beside this one. */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"
#include "inspect/rdp/rdp.h"

enum { RUNTIME_PATH_BYTES = 4096, RUNTIME_PARENTS_MAX = 4 };

static const uint64_t ffx_greeting_timeout_ns = 500000000u;

static bool ffx_recognise(const char *word)
{
    return strcmp(word, "{\"from\":\"root\"") == 0;
}

static bool ffx_is_firefox(int64_t pid)
{
    char path[RUNTIME_PATH_BYTES];
    if (plim__process_executable(pid, path, sizeof path) != PLIM_OK)
        return false;
    return plim__probe_is_firefox(plim__probe_base_name(path));
}

static bool ffx_greets(plim__loop *loop, const plim_allocator *allocator, const char *host,
                       uint16_t port, uint64_t timeout_ns)
{
    const plim__rdp_place place = {.host = host, .port = port};
    plim__rdp *rdp = NULL;
    plim_status status = plim__rdp_connect(loop, allocator, &place, timeout_ns, &rdp, NULL);
    plim__rdp_disconnect(&rdp);
    return status == PLIM_OK;
}

bool plim__rdp_port_of(plim__loop *loop, const plim_allocator *allocator,
                       const plim__listeners *listeners, int64_t pid, plim__probe *out_probe)
{
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    if (plim__process_listeners(pid, listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX, &count) !=
        PLIM_OK)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        plim__probe_place(&listeners->items[indexes[i]], out_probe);
        if (ffx_greets(loop, allocator, out_probe->host, out_probe->port, ffx_greeting_timeout_ns))
            return true;
    }
    return false;
}

const char plim__rdp_how_to_open[] =
    "a running Firefox cannot be opened. Start it with --start-debugger-server 6000, and in its "
    "profile set devtools.debugger.remote-enabled and devtools.chrome.enabled to true, "
    "devtools.debugger.prompt-connection to false";

static plim_status ffx_closed(int64_t pid, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_REFUSED,
                       "process %lld is a Firefox whose debugger is not open", (long long)pid);
    plim_error_hint(err, "%s", plim__rdp_how_to_open);
    return status;
}

static plim_status ffx_ask_root(plim__rdp *rdp, const char *actor, const char *type,
                                uint64_t timeout_ns, json_t **out_reply)
{
    const plim__rdp_ask ask = {.actor = actor, .type = type};
    return plim__rdp_call(rdp, &ask, timeout_ns, out_reply, NULL);
}

plim_status plim__rdp_list_tabs(plim__loop *loop, const plim_allocator *allocator,
                                const plim__probe *probe, uint64_t timeout_ns,
                                void (*add)(void *ctx, const plim__rdp_tab *tab), void *ctx)
{
    const plim__rdp_place place = {.host = probe->host, .port = probe->port};
    plim__rdp *rdp = NULL;
    json_t *root = NULL, *device = NULL, *list = NULL;
    plim_status status = plim__rdp_connect(loop, allocator, &place, timeout_ns, &rdp, NULL);
    if (status == PLIM_OK)
        status = ffx_ask_root(rdp, "root", "getRoot", timeout_ns, &root);
    const char *actor = json_string_value(json_object_get(root, "deviceActor"));
    if (status == PLIM_OK && actor != NULL && strlen(actor) < PLIM__RDP_ACTOR_BYTES)
        status = ffx_ask_root(rdp, actor, "getDescription", timeout_ns, &device);
    if (status == PLIM_OK)
        status = ffx_ask_root(rdp, "root", "listTabs", timeout_ns, &list);
    const char *version =
        json_string_value(json_object_get(json_object_get(device, "value"), "version"));
    const json_t *tab;
    size_t index;
    json_array_foreach(json_object_get(list, "tabs"), index, tab)
    {
        char title[PLIM__PROBE_TITLE_BYTES];
        plim__rdp_tab_title(tab, title, sizeof title);
        plim__rdp_tab row = {.id = json_integer_value(json_object_get(tab, "browserId")),
                             .title = title,
                             .version = version != NULL ? version : ""};
        if (!json_is_true(json_object_get(tab, "isZombieTab")))
            add(ctx, &row);
    }
    json_decref(root);
    json_decref(device);
    json_decref(list);
    plim__rdp_disconnect(&rdp);
    return status;
}

/* pid:N of the browser is its one tab; of one of its content processes, all of that process. */
static plim_status ffx_resolve_pid(plim_target *target, plim_error *err)
{
    int64_t pid = target->address.pid;
    plim__listeners listeners;
    plim__probe probe;
    bool found = false;
    if (!ffx_is_firefox(pid))
        return PLIM_ERR_UNSUPPORTED;
    plim_status status = plim__listeners_read(target->allocator, &listeners);
    for (int i = 0; status == PLIM_OK && !found && i < RUNTIME_PARENTS_MAX; i++) {
        plim__process_glance glance;
        found = plim__rdp_port_of(target->loop, target->allocator, &listeners, pid, &probe);
        if (found || plim__process_look(pid, &glance) != PLIM_OK || glance.parent_pid <= 1 ||
            !ffx_is_firefox(glance.parent_pid))
            break;
        pid = glance.parent_pid;
    }
    plim__listeners_fini(&listeners);
    if (status != PLIM_OK)
        return status;
    if (!found)
        return ffx_closed(target->address.pid, err);
    (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe.host);
    target->address.port = probe.port;
    if (pid != target->address.pid)
        (void)snprintf(target->address.path, sizeof target->address.path, "/process:%lld",
                       (long long)target->address.pid);
    return PLIM_OK;
}

static void ffx_leave(plim_target *target)
{
    if (!target->is_connected)
        return;
    plim__rdp_recording_leave(target);
    plim__rdp_gc_leave(target);
    plim__rdp_snapshot_leave(target);
}

const plim__protocol plim__rdp_protocol = {
    .connect = plim__rdp_find,
    .leave = ffx_leave,
    .disconnect = plim__rdp_forget,
    .usage = plim__rdp_usage,
    .collect = plim__rdp_collect,
    .snapshot = plim__rdp_snapshot,
    .sampling_start = plim__rdp_sampling_start,
    .sampling_stop = plim__rdp_sampling_stop,
    .tracking_start = plim__rdp_tracking_start,
    .tracking_poll = plim__rdp_tracking_poll,
    .tracking_stop = plim__rdp_tracking_stop,
};

const plim__runtime plim__firefox_runtime = {
    .name = "firefox",
    .protocol = &plim__rdp_protocol,
    .launcher = &plim__firefox_launcher,
    .snapshot_ending = ".fxsnapshot",
    .traits = PLIM_TARGET_IDS_CHANGE,
    .recognise = ffx_recognise,
    .resolve_pid = ffx_resolve_pid,
    .estimate = plim__rdp_estimate,
    .gc_observe_start = plim__rdp_gc_start,
    .gc_observe_stop = plim__rdp_gc_stop,
};
