/* SPDX-License-Identifier: MIT */
/* The process behind a port, where it is one of this machine: what the system says of it. */
#include <string.h>

#include "base/assert.h"
#include "inspect/webkit/webkit.h"

enum { PROCESS_PATH_BYTES = 4096 };

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
