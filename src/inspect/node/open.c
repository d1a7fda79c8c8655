/* SPDX-License-Identifier: MIT */
/*
 * A Node by its process id: its inspector if it is open, else, where we may, opened by SIGUSR1.
 * The signal kills whoever does not catch it, and the port it opens may be another's:
 *     take hold of the process -> is it Node? -> is the signal caught? -> is the port free?
 *     -> signal -> a socket of that very process listens -> it answers as Node
 * Each arrow is a way out that leaves the process as it was. The hold comes first, so that what
 * was looked at is what gets the signal.
 * Closing: process._debugEnd() ends the server and with it our own connection, at once and without
 * waiting for anybody; inspector.close() waits for sessions to end. It goes out unanswered, and
 * what is looked at afterwards is the port.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/cdp/heap.h"
#include "inspect/node/node.h"

static const uint64_t open_probe_timeout_ns = 1000000000u;
static const uint64_t open_pause_ns = 5000000u;
static const uint64_t open_close_timeout_ns = 5000000000u;

/* Works on every Node that has SIGUSR1; the second form should the first, undocumented, go. */
static const char open_end_expression[] =
    "typeof process._debugEnd === 'function' ? process._debugEnd()"
    " : process.getBuiltinModule('inspector').close()";

static plim_status open_no_process(int64_t pid, plim_status status, plim_error *err)
{
    if (status == PLIM_ERR_NOT_FOUND)
        (void)plim_error_set(err, status, "there is no process %" PRId64, pid);
    else
        (void)plim_error_set(err, status, "cannot look at process %" PRId64 ": %s", pid,
                             plim_status_text(status));
    plim_error_hint(err, status == PLIM_ERR_ACCESS ? "it is another user's: run plim as that one"
                                                   : "plim ps lists what can be inspected");
    return status;
}

/* Whether it is Node. PLIM_ERR_UNSUPPORTED lets another runtime try. */
static plim_status open_check_executable(const plim_target *target, int64_t pid, plim_error *err)
{
    char path[PLIM__NODE_PATH_BYTES];
    plim_status status = plim__process_executable(pid, path, sizeof path);
    if (status != PLIM_OK)
        return open_no_process(pid, status, err);
    if (plim__node_is_executable(path))
        return PLIM_OK;
    char name[64];
    plim__probe_process_name(pid, name, sizeof name);
    if (!target->options.open_inspector || plim__probe_is_runtime(name))
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %" PRId64 " (%s) is not Node",
                              pid, name);
    status = plim_error_set(err, PLIM_ERR_REFUSED,
                            "process %" PRId64 " (%s) is not Node: the signal that opens Node's "
                            "inspector would kill it",
                            pid, name);
    plim_error_hint(err, "nothing was sent; plim ps lists what can be inspected");
    return status;
}

static plim_status open_closed(int64_t pid, bool catches, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNREACHABLE,
                                        "the inspector of process %" PRId64 " is not open", pid);
    plim_error_where(err, "pid:%" PRId64, pid);
    if (catches)
        plim_error_hint(err,
                        "pid:%" PRId64 " --open-inspector opens it (SIGUSR1) and closes it "
                        "again; or start the program with node --inspect",
                        pid);
    else
        plim_error_hint(err, "it does not catch SIGUSR1 either: start the program again with "
                             "node --inspect");
    return status;
}

static plim_status open_would_kill(int64_t pid, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_REFUSED,
                       "process %" PRId64 " does not catch SIGUSR1: opening its inspector would "
                       "kill it",
                       pid);
    plim_error_where(err, "pid:%" PRId64, pid);
    plim_error_hint(err, "nothing was sent; it was started with --disable-sigusr1, or is still "
                         "starting: start it with node --inspect");
    return status;
}

/* Somebody else has the port Node would take (it would say so on its own standard error only). */
static plim_status open_port_taken(const plim_target *target, int64_t pid, uint16_t port,
                                   plim_error *err)
{
    int64_t owner = 0;
    plim_status status = plim__port_owner(target->allocator, port, &owner);
    if (status == PLIM_ERR_NOT_FOUND || (status == PLIM_OK && owner == pid))
        return PLIM_OK;
    if (status != PLIM_OK && status != PLIM_ERR_ACCESS)
        return open_no_process(pid, status, err);
    char name[64] = "another user's process";
    if (status == PLIM_OK)
        plim__probe_process_name(owner, name, sizeof name);
    char who[96];
    if (status == PLIM_OK)
        (void)snprintf(who, sizeof who, "process %" PRId64 " (%s)", owner, name);
    else
        (void)snprintf(who, sizeof who, "%s", name);
    status = plim_error_set(err, PLIM_ERR_UNREACHABLE,
                            "the inspector of process %" PRId64 " cannot open: port %u is held by "
                            "%s",
                            pid, (unsigned)port, who);
    plim_error_where(err, "127.0.0.1:%u", (unsigned)port);
    plim_error_hint(err, "end that one's inspector first, or start this program with "
                         "--inspect-port=0");
    return status;
}

/* Why nothing opened, as far as can be seen from here. */
static plim_status open_failed(const plim_target *target, const plim__process_ref *ref,
                               uint16_t port, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (!plim__process_ref_alive(ref))
        return plim_error_set(err, PLIM_ERR_GONE, "process %" PRId64 " ended", ref->pid);
    if (port != 0)
        status = open_port_taken(target, ref->pid, port, err);
    if (status != PLIM_OK)
        return status;
    status =
        plim_error_set(err, PLIM_ERR_TIMEOUT,
                       "process %" PRId64 " was asked to open its inspector and has not", ref->pid);
    plim_error_where(err, "pid:%" PRId64, ref->pid);
    plim_error_hint(err, "its thread may be in a system call; it opens once that returns");
    return status;
}

/* Waits for a socket of that process that answers as Node. */
static plim_status open_await(plim_target *target, const plim__process_ref *ref, uint16_t port,
                              plim__probe *out_probe, plim_error *err)
{
    uint64_t deadline_ns = plim__loop_deadline(target->options.connect_timeout_ns);
    do {
        plim_status status = plim__node_find_inspector(target->loop, target->allocator, ref->pid,
                                                       open_probe_timeout_ns, out_probe);
        if (status == PLIM_OK)
            return PLIM_OK;
        if (!plim__process_ref_alive(ref))
            break;
        if (status != PLIM_ERR_INTERRUPTED)
            status = plim__loop_sleep(target->loop, open_pause_ns);
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "interrupted while waiting for the inspector");
    } while (plim__loop_now_ns() < deadline_ns);
    return open_failed(target, ref, port, err);
}

static plim_status open_by_signal(plim_target *target, const plim__process_ref *ref,
                                  plim__probe *out_probe, plim_error *err)
{
    plim__node_flags flags;
    plim__process_glance glance;
    plim__node_flags_of(target->allocator, ref->pid, &flags);
    plim_status status = plim__process_look(ref->pid, &glance);
    if (status != PLIM_OK)
        return open_no_process(ref->pid, status, err);
    if (glance.state == 'T' || glance.state == 't')
        return plim_error_set(err, PLIM_ERR_REFUSED, "process %" PRId64 " is stopped", ref->pid);
    if (flags.port != 0)
        status = open_port_taken(target, ref->pid, flags.port, err);
    if (status != PLIM_OK)
        return status;
    status = plim__process_ref_signal(ref, plim__signal_open_inspector());
    if (status != PLIM_OK)
        return open_no_process(ref->pid, status, err);
    target->opened_inspector = true; /* from here on close() closes it, come what may */
    return open_await(target, ref, flags.port, out_probe, err);
}

static plim_status open_find(plim_target *target, const plim__process_ref *ref,
                             plim__probe *out_probe, plim_error *err)
{
    plim_status status = open_check_executable(target, ref->pid, err);
    if (status != PLIM_OK)
        return status;
    status = plim__node_find_inspector(target->loop, target->allocator, ref->pid,
                                       open_probe_timeout_ns, out_probe);
    if (status == PLIM_OK)
        return PLIM_OK;
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "interrupted while looking for the inspector");
    if (status == PLIM_ERR_TIMEOUT) {
        (void)plim_error_set(err, status, "process %" PRId64 " listens, but does not answer",
                             ref->pid);
        plim_error_hint(err, "it may be stopped: kill -CONT %" PRId64, ref->pid);
        return status;
    }
    if (status != PLIM_ERR_NOT_FOUND)
        return open_no_process(ref->pid, status, err);
    bool catches = false;
    status = plim__process_catches(ref->pid, plim__signal_open_inspector(), &catches);
    if (status != PLIM_OK)
        return open_no_process(ref->pid, status, err);
    if (!target->options.open_inspector)
        return open_closed(ref->pid, catches, err);
    return catches ? open_by_signal(target, ref, out_probe, err) : open_would_kill(ref->pid, err);
}

plim_status plim__node_resolve_pid(plim_target *target, plim_error *err)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    int64_t pid = target->address.pid;
    plim__process_ref ref;
    plim_status status = plim__process_ref_open(pid, &ref);
    if (status != PLIM_OK)
        return open_no_process(pid, status, err);
    plim__probe probe;
    status = open_find(target, &ref, &probe, err);
    plim__node_state *state = NULL;
    if (status == PLIM_OK || target->opened_inspector) {
        state = plim__node_state_of(target);
        if (state == NULL && status == PLIM_OK)
            status = plim__no_memory(err, "a target");
    }
    if (state == NULL) {
        plim__process_ref_close(&ref);
        return status;
    }
    state->owner.process = ref;
    target->pid = pid;
    if (status == PLIM_OK) {
        (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe.host);
        target->address.port = probe.port;
    }
    return status;
}

/* Whether that process still listens on the port that was found. */
static bool open_is_listening(const plim_target *target, int64_t pid)
{
    int64_t owner = 0;
    return plim__port_owner(target->allocator, target->address.port, &owner) == PLIM_OK &&
           owner == pid;
}

/* A connection that stands: the target's, or a new one where that is gone or never was. */
static plim_status open_connect_again(plim_target *target, const plim__node_state *state)
{
    if (target->cdp.connection != NULL && plim__cdp_status(target->cdp.connection, NULL) == PLIM_OK)
        return PLIM_OK;
    plim__probe probe;
    plim__cdp_protocol.disconnect(target);
    plim_status status = plim__node_find_inspector(
        target->loop, target->allocator, state->owner.process.pid, open_probe_timeout_ns, &probe);
    if (status != PLIM_OK)
        return status; /* it is closed, or cannot be reached: nothing more to be done */
    (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe.host);
    target->address.port = probe.port;
    target->address.path[0] = '\0';
    return plim__cdp_protocol.connect(target, NULL);
}

void plim__node_close_inspector(plim_target *target)
{
    plim__node_state *state = target->runtime_state;
    if (state == NULL || !plim__owner_is_alive(&state->owner))
        return;
    plim__node_workers_stop(&state->workers, target->cdp.connection != NULL);
    json_t *params = json_pack("{s:s}", "expression", open_end_expression);
    if (params == NULL || open_connect_again(target, state) != PLIM_OK) {
        json_decref(params);
        return;
    }
    uint64_t timeout_ns = plim__target_timeout(target, open_close_timeout_ns);
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    /* Its end is the end of the connection, so "gone" is what success looks like. Where it times
       out (a snapshot is still being written) it is done once the target gets to it. */
    plim_status status = plim__cdp_call(plim__cdp_main(target->cdp.connection), "Runtime.evaluate",
                                        params, timeout_ns, NULL, NULL);
    while (status != PLIM_ERR_INTERRUPTED && plim__loop_now_ns() < deadline_ns &&
           open_is_listening(target, state->owner.process.pid))
        status = plim__loop_sleep(target->loop, open_pause_ns);
}
