/* SPDX-License-Identifier: MIT */
/* The process behind a port, where it is one of this machine: what the system says of it. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"
#include "inspect/webkit/webkit.h"

enum { PROCESS_PATH_BYTES = 4096 };

static const uint64_t process_probe_timeout_ns = 1000000000u;

bool plim__webkit_process_hold(plim_target *target, int64_t pid)
{
    plim__webkit_state *state = target->runtime_state;
    plim__process_memory memory;
    plim__process_ref ref;
    if (plim__process_ref_open(pid, &ref) != PLIM_OK)
        return false;
    plim__process_ref_close(&state->process);
    state->process = ref;
    state->rss_at_open = PLIM_UNKNOWN;
    target->pid = pid;
    if (plim__process_memory_read(pid, &memory) == PLIM_OK)
        state->rss_at_open = memory.rss_bytes;
    return true;
}

static plim_status process_try_ports(plim_target *target, const plim__listeners *listeners,
                                     const uint32_t *indexes, uint32_t count, const char *runtime,
                                     plim_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const plim__listener *listener = &listeners->items[indexes[i]];
        if (!listener->is_loopback)
            continue; /* its program's: a request there may do anything */
        plim__probe probe;
        plim__probe_place(listener, &probe);
        plim_status status = plim__probe_version_get(target->loop, target->allocator,
                                                     process_probe_timeout_ns, &probe);
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return plim_error_set(err, status, "interrupted while looking for the inspector");
        if (status != PLIM_OK || strcmp(plim__probe_runtime(probe.browser), runtime) != 0)
            continue;
        (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe.host);
        target->address.port = probe.port;
        target->pid = target->address.pid;
        return PLIM_OK;
    }
    return PLIM_ERR_NOT_FOUND;
}

plim_status plim__webkit_resolve_pid(plim_target *target, bool (*is_one)(const char *path),
                                     const char *runtime, const char *hint, plim_error *err)
{
    char path[PROCESS_PATH_BYTES];
    int64_t pid = target->address.pid;
    if (plim__process_executable(pid, path, sizeof path) != PLIM_OK || !is_one(path))
        return PLIM_ERR_UNSUPPORTED;
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim__listeners listeners;
    plim_status status = plim__listeners_read(target->allocator, &listeners);
    if (status == PLIM_OK)
        status =
            plim__process_listeners(pid, &listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX, &count);
    if (status != PLIM_OK)
        (void)plim_error_set(err, status, "cannot look at process %lld", (long long)pid);
    else
        status = process_try_ports(target, &listeners, indexes, count, runtime, err);
    plim__listeners_fini(&listeners);
    if (status != PLIM_ERR_NOT_FOUND)
        return status;
    status = plim_error_set(err, PLIM_ERR_UNREACHABLE, "the inspector of process %lld is not open",
                            (long long)pid);
    plim_error_where(err, "pid:%lld", (long long)pid);
    plim_error_hint(err, "%s", hint);
    return status;
}

void plim__webkit_process_find(plim_target *target, bool (*is_one)(const char *path))
{
    plim__webkit_state *state = target->runtime_state;
    PLIM_CHECK(state != NULL && is_one != NULL);
    if (state->process.pid != 0 && !plim__process_ref_alive(&state->process)) {
        plim__process_ref_close(&state->process); /* reconnected: another one has the port now */
        state->process.pid = 0;
        state->rss_at_open = PLIM_UNKNOWN;
    }
    if (state->process.pid == 0 && plim__address_is_loopback(&target->address)) {
        int64_t pid = 0;
        char path[PROCESS_PATH_BYTES];
        plim__process_ref ref;
        if (plim__port_owner(target->allocator, target->address.port, &pid) == PLIM_OK &&
            plim__process_ref_open(pid, &ref) == PLIM_OK) {
            /* A tunnel's end listens here, too, and is not the process we talk to. */
            if (plim__process_executable(pid, path, sizeof path) == PLIM_OK && is_one(path))
                state->process = ref;
            else
                plim__process_ref_close(&ref);
        }
    }
    plim__process_memory memory;
    target->pid = state->process.pid != 0 ? state->process.pid : -1;
    if (state->rss_at_open == PLIM_UNKNOWN && target->pid > 0 &&
        plim__process_memory_read(target->pid, &memory) == PLIM_OK)
        state->rss_at_open = memory.rss_bytes;
}

void plim__webkit_process_usage(const plim__webkit_state *state, plim_usage *out_usage)
{
    plim__process_memory memory;
    plim__memory_bounds bounds;
    if (state->process.pid == 0 || !plim__process_ref_alive(&state->process))
        return;
    if (plim__process_memory_read(state->process.pid, &memory) == PLIM_OK) {
        out_usage->process_rss_bytes = memory.rss_bytes;
        out_usage->process_peak_bytes = memory.peak_bytes;
    }
    if (plim__memory_bounds_read(state->process.pid, &bounds) == PLIM_OK) {
        out_usage->cgroup_limit_bytes = bounds.limit_bytes;
        out_usage->cgroup_used_bytes = bounds.used_bytes;
    }
}

plim_status plim__webkit_process_estimate(plim_target *target, uint32_t factor,
                                          plim_snapshot_estimate *out_estimate)
{
    const plim__webkit_state *state = target->runtime_state;
    plim__process_memory memory;
    plim__memory_bounds bounds;
    *out_estimate = (plim_snapshot_estimate){PLIM_UNKNOWN, PLIM_UNKNOWN, true};
    if (state->process.pid == 0 || !plim__process_ref_alive(&state->process) ||
        plim__process_memory_read(state->process.pid, &memory) != PLIM_OK ||
        plim__memory_bounds_read(state->process.pid, &bounds) != PLIM_OK)
        return PLIM_OK;
    /* A process keeps what one snapshot took: the next takes next to nothing more. */
    uint64_t base = state->rss_at_open < memory.rss_bytes ? state->rss_at_open : memory.rss_bytes;
    uint64_t peak = base < UINT64_MAX / factor ? base * factor : UINT64_MAX - 1;
    peak = peak > memory.rss_bytes ? peak : memory.rss_bytes;
    out_estimate->peak_bytes = peak;
    out_estimate->available_bytes = bounds.headroom_bytes;
    out_estimate->safe =
        bounds.headroom_bytes == UINT64_MAX || peak - memory.rss_bytes <= bounds.headroom_bytes;
    return PLIM_OK;
}
