/* SPDX-License-Identifier: MIT */
/*
 * In which process an isolate lives. The protocol does not say; but a trace of the category
 * `devtools` has an event for each call where it arrives, with the call's number, the process and
 * the thread. So: a trace, one harmless call, the end of the trace; some 30 events and 0.1 s, and
 * no code run in the page. Where somebody else traces it stays unknown.
 * Another client's call may have the same number: if two processes took one, neither counts.
 */
#include <string.h>

#include "base/assert.h"
#include "inspect/chrome/chrome.h"
#include "inspect/probe.h"

enum { PROCESS_PATH_BYTES = 4096 };

static const uint64_t process_call_timeout_ns = 1000000000u;

typedef struct process_search {
    int id;
    bool is_torn; /* several processes took a call of that number */
    uint64_t pid;
    uint64_t thread;
} process_search;

static bool process_is_browser(const char *path)
{
    return plim__probe_is_runtime(plim__probe_base_name(path));
}

/* Whether its process ids mean anything here: the end of a tunnel listens on the loopback, too. */
static bool process_is_local(const plim_target *target)
{
    int64_t owner = 0;
    char path[PROCESS_PATH_BYTES];
    if (target->address.kind == PLIM__ADDRESS_NAMED)
        return true; /* a pipe of one that we started */
    return plim__address_is_loopback(&target->address) &&
           plim__port_owner(target->allocator, target->address.port, &owner) == PLIM_OK &&
           plim__process_executable(owner, path, sizeof path) == PLIM_OK &&
           process_is_browser(path);
}

static bool process_read(const json_t *events, int id, uint64_t *inout_pid, uint64_t *inout_thread)
{
    size_t index;
    const json_t *event;
    json_array_foreach(events, index, event)
    {
        const char *name = json_string_value(json_object_get(event, "name"));
        const json_t *args = json_object_get(event, "args");
        const json_t *call = json_object_get(args, "call_id");
        json_int_t pid = json_integer_value(json_object_get(event, "pid"));
        json_int_t thread = json_integer_value(json_object_get(event, "tid"));
        if (name == NULL || strcmp(name, "DevToolsSession::DispatchProtocolCommandImpl") != 0 ||
            !json_is_integer(call) || json_integer_value(call) != id || pid <= 0 ||
            pid > INT32_MAX || thread <= 0)
            continue;
        if (*inout_pid != 0 && *inout_pid != (uint64_t)pid)
            return false;
        *inout_pid = (uint64_t)pid;
        *inout_thread = (uint64_t)thread;
    }
    return true;
}

static plim_status process_take(void *ctx, const json_t *events, plim_error *err)
{
    (void)err;
    process_search *search = ctx;
    if (!process_read(events, search->id, &search->pid, &search->thread))
        search->is_torn = true;
    return PLIM_OK;
}

/* One call that the isolate's own thread answers, and its number. */
static plim_status process_call(plim_target *target, int *out_id)
{
    plim__cdp_request *request = NULL;
    plim_status status =
        plim__cdp_begin(target->cdp.session, "Runtime.getIsolateId", NULL, &request, NULL);
    if (status != PLIM_OK)
        return status;
    *out_id = plim__cdp_request_id(request);
    status =
        plim__loop_wait(target->loop, plim__cdp_done(request),
                        plim__loop_deadline(plim__target_timeout(target, process_call_timeout_ns)));
    plim__cdp_drop(&request);
    return status;
}

void plim__chrome_locate(plim_target *target)
{
    plim__chrome_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL);
    if (state->session == NULL || state->trace.is_on)
        return;
    state->has_moved = false;
    plim__owner_fini(&state->owner);
    state->trace_pid = state->trace_thread = 0;
    target->pid = -1;
    process_search search = {0};
    plim__chrome_trace trace = {.take = process_take, .ctx = &search};
    if (plim__chrome_trace_start(target, "devtools", trace, NULL) != PLIM_OK)
        return;
    plim_status called = process_call(target, &search.id);
    plim_status ended = plim__chrome_trace_end(target, NULL);
    if (called != PLIM_OK || ended != PLIM_OK || search.is_torn || search.pid == 0)
        return;
    state->trace_pid = search.pid;
    state->trace_thread = search.thread;
    if (process_is_local(target))
        (void)plim__owner_take(target, &state->owner, (int64_t)search.pid, process_is_browser);
}
