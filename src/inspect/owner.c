/* SPDX-License-Identifier: MIT */
#include "inspect/owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"

enum { OWNER_PATH_BYTES = 4096 /* the longest path the system takes */ };

static const uint64_t owner_probe_timeout_ns = 1000000000u;

plim__owner plim__owner_none(void)
{
    return (plim__owner){.process = {.descriptor = -1}, .rss_at_open = PLIM_UNKNOWN};
}

void plim__owner_fini(plim__owner *owner)
{
    PLIM_CHECK(owner != NULL);
    plim__process_ref_close(&owner->process);
    *owner = plim__owner_none();
}

bool plim__owner_is_alive(const plim__owner *owner)
{
    PLIM_CHECK(owner != NULL);
    return owner->process.pid != 0 && plim__process_ref_alive(&owner->process);
}

bool plim__owner_has_ended(const plim__owner *owner)
{
    return owner->process.pid != 0 && !plim__owner_is_alive(owner);
}

/* What it has now is what it had when we came. */
static void owner_begin(plim__owner *owner)
{
    plim__process_memory memory;
    if (owner->rss_at_open == PLIM_UNKNOWN &&
        plim__process_memory_read(owner->process.pid, &memory) == PLIM_OK)
        owner->rss_at_open = memory.rss_bytes;
}

bool plim__owner_take(plim_target *target, plim__owner *owner, int64_t pid,
                      plim__is_executable is_ours)
{
    PLIM_CHECK(target != NULL && owner != NULL);
    char path[OWNER_PATH_BYTES];
    plim__process_ref ref;
    plim__owner_fini(owner);
    target->pid = -1;
    if (plim__process_ref_open(pid, &ref) != PLIM_OK)
        return false;
    if (is_ours != NULL &&
        (plim__process_executable(pid, path, sizeof path) != PLIM_OK || !is_ours(path))) {
        plim__process_ref_close(&ref);
        return false;
    }
    owner->process = ref;
    target->pid = pid;
    owner_begin(owner);
    return true;
}

void plim__owner_find(plim_target *target, plim__owner *owner, plim__is_executable is_ours)
{
    PLIM_CHECK(target != NULL && owner != NULL && is_ours != NULL);
    int64_t pid = 0;
    if (plim__owner_is_alive(owner)) {
        target->pid = owner->process.pid; /* a reconnect to the same: its memory then counts */
        owner_begin(owner);
        return;
    }
    plim__owner_fini(owner);
    target->pid = -1;
    if (plim__address_is_loopback(&target->address) &&
        plim__port_owner(target->allocator, target->address.port, &pid) == PLIM_OK)
        (void)plim__owner_take(target, owner, pid, is_ours);
}

/* ---- its memory ---------------------------------------------------------------------------- */

void plim__owner_usage(const plim__owner *owner, plim_usage *out_usage)
{
    PLIM_CHECK(owner != NULL && out_usage != NULL);
    plim__process_memory memory;
    plim__memory_bounds bounds;
    if (!plim__owner_is_alive(owner))
        return;
    if (plim__process_memory_read(owner->process.pid, &memory) == PLIM_OK) {
        out_usage->process_rss_bytes = memory.rss_bytes;
        out_usage->process_peak_bytes = memory.peak_bytes;
    }
    if (plim__memory_bounds_read(owner->process.pid, &bounds) == PLIM_OK) {
        out_usage->cgroup_limit_bytes = bounds.limit_bytes;
        out_usage->cgroup_used_bytes = bounds.used_bytes;
    }
}

uint64_t plim__owner_base_bytes(const plim__owner *owner)
{
    PLIM_CHECK(owner != NULL);
    plim__process_memory memory;
    if (!plim__owner_is_alive(owner) ||
        plim__process_memory_read(owner->process.pid, &memory) != PLIM_OK)
        return PLIM_UNKNOWN;
    return owner->rss_at_open < memory.rss_bytes ? owner->rss_at_open : memory.rss_bytes;
}

uint64_t plim__owner_peak_bytes(uint64_t rss_bytes, uint64_t rss_at_open, uint64_t growth_bytes)
{
    uint64_t base = rss_at_open < rss_bytes ? rss_at_open : rss_bytes;
    uint64_t peak = base > UINT64_MAX - growth_bytes ? UINT64_MAX : base + growth_bytes;
    return peak > rss_bytes ? peak : rss_bytes;
}

void plim__owner_estimate(const plim__owner *owner, uint64_t growth_bytes,
                          plim_snapshot_estimate *out_estimate)
{
    PLIM_CHECK(owner != NULL && out_estimate != NULL);
    plim__process_memory memory;
    plim__memory_bounds bounds;
    /* Not local: what it would grow by is all that is known. */
    *out_estimate = (plim_snapshot_estimate){growth_bytes, PLIM_UNKNOWN, true};
    if (!plim__owner_is_alive(owner) ||
        plim__process_memory_read(owner->process.pid, &memory) != PLIM_OK ||
        plim__memory_bounds_read(owner->process.pid, &bounds) != PLIM_OK)
        return;
    uint64_t peak = plim__owner_peak_bytes(memory.rss_bytes, owner->rss_at_open, growth_bytes);
    out_estimate->peak_bytes = peak;
    out_estimate->available_bytes = bounds.headroom_bytes;
    out_estimate->safe =
        bounds.headroom_bytes == UINT64_MAX || peak - memory.rss_bytes <= bounds.headroom_bytes;
}

/* ---- by its number ------------------------------------------------------------------------- */

static plim_status owner_take_port(plim_target *target, const plim__probe *probe)
{
    (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe->host);
    target->address.port = probe->port;
    return PLIM_OK;
}

/* The first of its sockets that answers as its inspector; of a runtime with a protocol of its own
 * the first that answers no HTTP, where none does. */
static plim_status owner_ask(plim_target *target, const plim__listeners *listeners,
                             const uint32_t *indexes, uint32_t count, const char *runtime)
{
    plim_status worst = PLIM_ERR_NOT_FOUND;
    plim__probe mute = {.port = 0};
    for (uint32_t i = 0; i < count; i++) {
        plim__probe probe;
        const plim__listener *listener = &listeners->items[indexes[i]];
        if (!listener->is_loopback)
            continue; /* its program's: it is never sent a byte */
        plim__probe_place(listener, &probe);
        plim_status status = plim__probe_version_get(target->loop, target->allocator,
                                                     owner_probe_timeout_ns, &probe);
        if (status == PLIM_OK && strcmp(plim__probe_runtime(probe.browser), runtime) == 0)
            return owner_take_port(target, &probe);
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status == PLIM_ERR_TIMEOUT)
            worst = status;
        if (status == PLIM_ERR_NOT_FOUND && mute.port == 0)
            mute = probe;
    }
    bool takes_mute = target->runtime != NULL && target->runtime->knock != NULL;
    return takes_mute && mute.port != 0 ? owner_take_port(target, &mute) : worst;
}

static plim_status owner_closed(int64_t pid, plim_status status, const char *runtime,
                                const char *how, plim_error *err)
{
    if (status == PLIM_ERR_NOT_FOUND) {
        status = plim_error_set(err, PLIM_ERR_UNREACHABLE,
                                "process %" PRId64 " (%s) was started without its inspector", pid,
                                runtime);
        plim_error_hint(err, "%s cannot open it later: start it with %s", runtime, how);
    } else if (status == PLIM_ERR_TIMEOUT) {
        (void)plim_error_set(err, status, "process %" PRId64 " listens, but does not answer", pid);
        plim_error_hint(err, "it may be stopped: kill -CONT %" PRId64, pid);
    } else {
        (void)plim_error_set(err, status, "cannot look at process %" PRId64 ": %s", pid,
                             plim_status_text(status));
    }
    plim_error_where(err, "pid:%" PRId64, pid);
    return status;
}

plim_status plim__owner_resolve(plim_target *target, plim__is_executable is_ours,
                                const char *runtime, const char *how, plim_error *err)
{
    PLIM_CHECK(target != NULL && is_ours != NULL && runtime != NULL && how != NULL);
    int64_t pid = target->address.pid;
    char path[OWNER_PATH_BYTES];
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim__listeners listeners = {0};
    if (plim__process_executable(pid, path, sizeof path) != PLIM_OK || !is_ours(path))
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "process %" PRId64 " is not %s", pid,
                              runtime);
    plim_status status = plim__listeners_read(target->allocator, &listeners);
    if (status == PLIM_OK)
        status =
            plim__process_listeners(pid, &listeners, indexes, PLIM_PORTS_PER_PROCESS_MAX, &count);
    if (status == PLIM_OK)
        status = owner_ask(target, &listeners, indexes, count, runtime);
    plim__listeners_fini(&listeners);
    if (status == PLIM_OK) {
        target->pid = pid;
        return PLIM_OK;
    }
    return owner_closed(pid, status, runtime, how, err);
}
