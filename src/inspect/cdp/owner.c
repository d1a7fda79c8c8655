/* SPDX-License-Identifier: MIT */
#include "inspect/cdp/owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"

enum { OWNER_PATH_BYTES = 4096 /* the longest path the system takes */ };

static const uint64_t owner_probe_timeout_ns = 1000000000u;

static bool owner_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

plim__cdp_owner plim__cdp_owner_none(void)
{
    return (plim__cdp_owner){.process = {.descriptor = -1}, .rss_at_open = PLIM_UNKNOWN};
}

void plim__cdp_owner_fini(plim__cdp_owner *owner)
{
    PLIM_CHECK(owner != NULL);
    plim__process_ref_close(&owner->process);
    *owner = plim__cdp_owner_none();
}

void plim__cdp_owner_take(plim_target *target, plim__cdp_owner *owner, int64_t pid,
                          plim__cdp_is_executable is_ours)
{
    PLIM_CHECK(target != NULL && owner != NULL && is_ours != NULL);
    char path[OWNER_PATH_BYTES];
    plim__process_ref ref;
    plim__process_memory memory;
    plim__cdp_owner_fini(owner);
    target->pid = -1;
    if (plim__process_ref_open(pid, &ref) != PLIM_OK)
        return;
    if (plim__process_executable(pid, path, sizeof path) != PLIM_OK || !is_ours(path)) {
        plim__process_ref_close(&ref);
        return;
    }
    owner->process = ref;
    target->pid = pid;
    if (plim__process_memory_read(pid, &memory) == PLIM_OK)
        owner->rss_at_open = memory.rss_bytes;
}

void plim__cdp_owner_find(plim_target *target, plim__cdp_owner *owner,
                          plim__cdp_is_executable is_ours)
{
    PLIM_CHECK(target != NULL && owner != NULL);
    int64_t pid = 0;
    if (owner->process.pid != 0 && plim__process_ref_alive(&owner->process)) {
        target->pid = owner->process.pid; /* a reconnect to the same: its memory then counts */
        return;
    }
    plim__cdp_owner_fini(owner);
    target->pid = -1;
    if (owner_is_loopback(target->address.host) &&
        plim__port_owner(target->allocator, target->address.port, &pid) == PLIM_OK)
        plim__cdp_owner_take(target, owner, pid, is_ours);
}

/* The first of its sockets that answers as its inspector. */
static plim_status owner_ask(plim_target *target, const plim__listeners *listeners,
                             const uint32_t *indexes, uint32_t count, const char *runtime)
{
    plim_status worst = PLIM_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < count; i++) {
        plim__probe probe;
        const plim__listener *listener = &listeners->items[indexes[i]];
        if (!listener->is_loopback)
            continue; /* its program's: it is never sent a byte */
        plim__probe_place(listener, &probe);
        plim_status status = plim__probe_version_get(target->loop, target->allocator,
                                                     owner_probe_timeout_ns, &probe);
        if (status == PLIM_OK && strcmp(plim__probe_runtime(probe.browser), runtime) == 0) {
            (void)snprintf(target->address.host, sizeof target->address.host, "%s", probe.host);
            target->address.port = probe.port;
            return PLIM_OK;
        }
        if (status == PLIM_ERR_INTERRUPTED || status == PLIM_ERR_NO_MEMORY)
            return status;
        if (status == PLIM_ERR_TIMEOUT)
            worst = status;
    }
    return worst;
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

plim_status plim__cdp_owner_resolve(plim_target *target, plim__cdp_is_executable is_ours,
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
