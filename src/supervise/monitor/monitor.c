/* SPDX-License-Identifier: MIT */
/*
 * Looks at supervised processes and says restart.
 *
 * One entry per node of the tree, made at the start: looking takes no memory. A gauge belongs to
 * one life of a child, known by the count of its starts; with the next life everything about the
 * last one is dropped, the report included.
 *
 * Invariants
 * M1  A child is recycled at most once in a life, and killed at most once.
 * M2  counted_bytes is never below what is seen from outside: a report can only add.
 * M3  A look costs one read of a descriptor that is open already, but for PSS (once a second).
 */
#include <plimsoll/monitor.h>

#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/random.h"
#include "base/text.h"
#include "platform/cgroup.h"
#include "platform/pressure.h"
#include "platform/process.h"
#include "platform/process_memory.h"
#include "supervise/children/parts.h"

enum { MONITOR_MAGIC = 0x300c0b5e };

static const uint64_t monitor_interval_ns = 100000000u;
static const uint64_t monitor_interval_min_ns = 10000000u;
static const uint64_t monitor_second_ns = 1000000000u;
static const uint64_t monitor_pressure_ns = 10000000000u;

/* What is known of one child. */
typedef struct monitor_entry {
    plim_monitor_policy policy;
    plim__gauge gauge;
    plim__cgroup fence;
    plim_memory_figures figures;
    plim_worker_report report;
    uint64_t life;        /* the count of its starts that all below belongs to */
    uint64_t requests_at; /* recycled at; chance has been taken off */
    uint64_t lifetime_at_ns;
    uint64_t reported_ns, exact_ns;
    bool has_policy, has_figures, was_recycled, was_killed;
} monitor_entry;

struct plim_monitor {
    uint32_t magic;
    plim_allocator allocator;
    plim_supervisor *supervisor;
    monitor_entry *entries;
    uint32_t entry_count;
    uint64_t interval_ns, pressure_ns, random;
    bool (*decide)(void *ctx, const plim_monitor_notice *notice);
    void *ctx;
};

static uint64_t monitor_chance(plim_monitor *monitor, uint64_t below)
{
    uint64_t chance = plim__random(&monitor->random);
    return below == 0 ? 0 : chance % (below + 1);
}

static void monitor_drop(monitor_entry *entry)
{
    plim__gauge_close(&entry->gauge);
    (void)plim__cgroup_remove(&entry->fence);
    entry->has_figures = entry->was_recycled = entry->was_killed = false;
    entry->report = (plim_worker_report){0};
    entry->reported_ns = entry->exact_ns = 0;
}

static bool monitor_tell(plim_monitor *monitor, uint32_t node, plim_why why, bool is_hard,
                         plim_status status)
{
    const monitor_entry *entry = &monitor->entries[node];
    plim_monitor_notice notice = {.child = plim__tree_child(monitor->supervisor->tree, node),
                                  .why = why,
                                  .is_hard = is_hard,
                                  .status = status,
                                  .figures = entry->figures,
                                  .report = entry->report};
    return monitor->decide != NULL && monitor->decide(monitor->ctx, &notice);
}

static void monitor_act(plim_monitor *monitor, uint32_t node, plim_why why, bool is_hard)
{
    monitor_entry *entry = &monitor->entries[node];
    plim_child child = plim__tree_child(monitor->supervisor->tree, node);
    if (entry->was_killed || (!is_hard && entry->was_recycled))
        return;
    if (monitor_tell(monitor, node, why, is_hard, PLIM_OK)) {
        entry->was_recycled = true;
        entry->was_killed = is_hard;
        return;
    }
    if (is_hard)
        entry->was_killed = plim_supervisor_kill(monitor->supervisor, child, why) == PLIM_OK;
    else
        entry->was_recycled = plim_supervisor_ask(monitor->supervisor, child, PLIM_REQUEST_RECYCLE,
                                                  why, NULL) == PLIM_OK;
}

static void monitor_fence(plim_monitor *monitor, uint32_t node, int64_t pid)
{
    monitor_entry *entry = &monitor->entries[node];
    char name[64];
    plim__text text;
    plim__text_init(&text, name, sizeof(name));
    plim__text_format(&text, "plim-%lld-%u", (long long)plim__process_self(), node);
    plim_status status = plim__cgroup_make(name, entry->policy.fence_bytes, &entry->fence);
    if (status == PLIM_OK)
        status = plim__cgroup_add(&entry->fence, pid);
    if (status != PLIM_OK)
        (void)monitor_tell(monitor, node, PLIM_WHY_NONE, false, status);
}

/* Where there is no descriptor for it, the next look tries again. */
static void monitor_gauge(monitor_entry *entry, const child_slot *slot)
{
    (void)plim__gauge_open(slot->pid, &entry->gauge);
    if (plim__pidfd_has_ended(slot->pidfd)) /* then the number may be another's already */
        plim__gauge_close(&entry->gauge);
}

/* A new life: its gauge, and what chance takes off its limits. */
static void monitor_meet(plim_monitor *monitor, uint32_t node, const child_slot *slot)
{
    monitor_entry *entry = &monitor->entries[node];
    const plim_monitor_policy *policy = &entry->policy;
    monitor_drop(entry);
    entry->life = slot->starts;
    entry->requests_at = policy->requests_max - monitor_chance(monitor, policy->requests_jitter);
    entry->lifetime_at_ns = slot->started_ns + policy->lifetime_ns -
                            monitor_chance(monitor, policy->lifetime_jitter_ns);
    if (policy->fence_bytes > 0)
        monitor_fence(monitor, node, slot->pid);
    monitor_gauge(entry, slot);
}

static uint64_t monitor_limit(const plim_monitor_policy *policy)
{
    uint64_t limit = policy->memory_bytes != 0 ? policy->memory_bytes : policy->memory_hard_bytes;
    return limit != 0 ? limit : UINT64_MAX;
}

/* False: the process is gone. What cannot be seen counts for nothing; the rest is judged. */
static bool monitor_read(monitor_entry *entry, const child_slot *slot, uint64_t now_ns)
{
    plim__gauge_figures seen = {0};
    plim_memory_figures *figures = &entry->figures;
    if (entry->gauge.pid == 0)
        monitor_gauge(entry, slot);
    if (entry->gauge.pid == 0 || plim__gauge_read(&entry->gauge, &seen) != PLIM_OK) {
        entry->has_figures = false;
        figures->counted_bytes = figures->reported_bytes = entry->report.memory_bytes;
        return !plim__pidfd_has_ended(slot->pidfd);
    }
    uint64_t pss = entry->has_figures ? figures->pss_bytes : UINT64_MAX;
    if (entry->policy.measure == PLIM_MEASURE_PSS &&
        (entry->exact_ns == 0 || now_ns - entry->exact_ns >= monitor_second_ns)) {
        entry->exact_ns = now_ns;
        if (plim__gauge_exact(&entry->gauge, &pss) != PLIM_OK)
            pss = UINT64_MAX;
    }
    uint64_t counted = seen.private_bytes;
    if (entry->policy.measure == PLIM_MEASURE_RSS)
        counted = seen.rss_bytes;
    else if (entry->policy.measure == PLIM_MEASURE_PSS && pss != UINT64_MAX)
        counted = pss;
    if (entry->report.memory_bytes > counted)
        counted = entry->report.memory_bytes;
    uint64_t most = entry->has_figures ? figures->most_bytes : 0;
    *figures = (plim_memory_figures){.rss_bytes = seen.rss_bytes,
                                     .private_bytes = seen.private_bytes,
                                     .pss_bytes = pss,
                                     .reported_bytes = entry->report.memory_bytes,
                                     .counted_bytes = counted,
                                     .most_bytes = counted > most ? counted : most,
                                     .limit_bytes = monitor_limit(&entry->policy)};
    entry->has_figures = true;
    return true;
}

static bool monitor_is_past(uint64_t value, uint64_t threshold)
{
    return threshold > 0 && value > threshold;
}

static void monitor_judge(plim_monitor *monitor, uint32_t node, const child_slot *slot,
                          uint64_t now_ns)
{
    const monitor_entry *entry = &monitor->entries[node];
    const plim_monitor_policy *policy = &entry->policy;
    uint64_t counted = entry->figures.counted_bytes;
    uint64_t lived = now_ns > slot->started_ns ? now_ns - slot->started_ns : 0;
    uint64_t since = entry->reported_ns == 0 ? 0 : now_ns - entry->reported_ns;
    bool is_busy = entry->report.busy_ns > 0;
    uint64_t busy =
        entry->report.busy_ns < UINT64_MAX - since ? entry->report.busy_ns + since : UINT64_MAX;
    if (monitor_is_past(counted, policy->memory_hard_bytes))
        monitor_act(monitor, node, PLIM_WHY_MEMORY, true);
    else if (is_busy && monitor_is_past(busy, policy->deadline_ns))
        monitor_act(monitor, node, PLIM_WHY_DEADLINE, true);
    else if (monitor_is_past(entry->reported_ns == 0 ? lived : since, policy->silence_ns))
        monitor_act(monitor, node, PLIM_WHY_UNRESPONSIVE, true);
    else if (lived < policy->lifetime_min_ns)
        return;
    else if (monitor_is_past(counted, policy->memory_bytes))
        monitor_act(monitor, node, PLIM_WHY_MEMORY, false);
    else if (policy->requests_max > 0 && entry->report.requests >= entry->requests_at)
        monitor_act(monitor, node, PLIM_WHY_REQUESTS, false);
    else if (policy->lifetime_ns > 0 && now_ns >= entry->lifetime_at_ns)
        monitor_act(monitor, node, PLIM_WHY_LIFETIME, false);
}

/* The policy that holds for a node: its own, or its supervisor's, which is then taken over. */
static bool monitor_policy(plim_monitor *monitor, uint32_t node)
{
    monitor_entry *entry = &monitor->entries[node];
    uint32_t parent = plim__tree_parent(monitor->supervisor->tree, node);
    if (entry->has_policy)
        return true;
    if (parent == PLIM__TREE_NONE || !monitor->entries[parent].has_policy)
        return false;
    entry->policy = monitor->entries[parent].policy;
    return true;
}

/* While the machine waits for memory, the largest goes, one at a time. */
static void monitor_relieve(plim_monitor *monitor, uint64_t now_ns)
{
    plim__pressure pressure;
    if (now_ns - monitor->pressure_ns < monitor_pressure_ns ||
        plim__pressure_read(&pressure) != PLIM_OK)
        return;
    uint32_t largest = PLIM__TREE_NONE;
    uint64_t most = 0;
    for (uint32_t i = 0; i < monitor->entry_count; i++) {
        const monitor_entry *entry = &monitor->entries[i];
        if (entry->has_figures && !entry->was_recycled && entry->policy.pressure_percent > 0 &&
            pressure.some > entry->policy.pressure_percent * 100 &&
            entry->figures.counted_bytes > most) {
            most = entry->figures.counted_bytes;
            largest = i;
        }
    }
    if (largest == PLIM__TREE_NONE)
        return;
    monitor->pressure_ns = now_ns;
    monitor_act(monitor, largest, PLIM_WHY_MEMORY, false);
}

/* Its fence is to be around it before it has children of its own. */
static void monitor_started(void *ctx, uint32_t node)
{
    plim_monitor *monitor = ctx;
    const child_slot *slot = &monitor->supervisor->slots[node];
    PLIM_CHECK_OBJ(monitor, MONITOR_MAGIC);
    if (monitor_policy(monitor, node) && monitor->entries[node].life != slot->starts)
        monitor_meet(monitor, node, slot);
}

static uint64_t monitor_look(void *ctx, uint64_t now_ns)
{
    plim_monitor *monitor = ctx;
    PLIM_CHECK_OBJ(monitor, MONITOR_MAGIC);
    bool has_pressure = false;
    for (uint32_t i = 0; i < monitor->entry_count; i++) {
        const child_slot *slot = &monitor->supervisor->slots[i];
        monitor_entry *entry = &monitor->entries[i];
        if (slot->pidfd < 0) {
            if (entry->life != 0)
                monitor_drop(entry);
            entry->life = 0;
            continue;
        }
        if (!monitor_policy(monitor, i))
            continue;
        if (entry->life != slot->starts)
            monitor_meet(monitor, i, slot);
        has_pressure |= entry->policy.pressure_percent > 0;
        if (monitor_read(entry, slot, now_ns))
            monitor_judge(monitor, i, slot, now_ns);
    }
    if (has_pressure)
        monitor_relieve(monitor, now_ns);
    return now_ns + monitor->interval_ns;
}

plim_status plim_monitor_create(plim_supervisor *supervisor, const plim_monitor_options *options,
                                plim_monitor **out, plim_error *err)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    PLIM_CHECK(out != NULL);
    plim_monitor_options given = {0};
    if (options != NULL)
        given = *options;
    if (supervisor->look != NULL)
        return plim_error_set(err, PLIM_ERR_EXISTS, "the supervisor has a monitor");
    const plim_allocator *allocator = plim__allocator_or_system(given.allocator);
    plim_monitor *monitor = plim__array_new_zero(allocator, 1, sizeof(*monitor));
    if (monitor == NULL)
        return plim__no_memory(err, "a monitor");
    monitor->entries =
        plim__array_new_zero(allocator, supervisor->slot_count, sizeof(monitor_entry));
    if (monitor->entries == NULL) {
        plim__array_free(allocator, monitor, 1, sizeof(*monitor));
        return plim__no_memory(err, "a monitor");
    }
    monitor->magic = MONITOR_MAGIC;
    monitor->allocator = *allocator;
    monitor->supervisor = supervisor;
    monitor->entry_count = supervisor->slot_count;
    monitor->random = uv_hrtime() | 1;
    monitor->decide = given.decide;
    monitor->ctx = given.ctx;
    monitor->interval_ns = given.interval_ns == 0 ? monitor_interval_ns : given.interval_ns;
    if (monitor->interval_ns < monitor_interval_min_ns)
        monitor->interval_ns = monitor_interval_min_ns;
    plim__supervisor_look_set(supervisor, monitor_look, monitor_started, monitor);
    *out = monitor;
    return PLIM_OK;
}

plim_status plim_monitor_watch(plim_monitor *monitor, plim_child child,
                               const plim_monitor_policy *policy, plim_error *err)
{
    PLIM_CHECK_OBJ(monitor, MONITOR_MAGIC);
    uint32_t node = plim__tree_node(monitor->supervisor->tree, child);
    if (node == PLIM__TREE_NONE)
        return plim_error_set(err, PLIM_ERR_STALE, "no such child");
    monitor_entry *entry = &monitor->entries[node];
    if (policy == NULL) {
        entry->has_policy = false;
        entry->policy = (plim_monitor_policy){0};
        return PLIM_OK;
    }
    if ((policy->requests_jitter > 0 && policy->requests_jitter >= policy->requests_max) ||
        (policy->lifetime_jitter_ns > 0 && policy->lifetime_jitter_ns >= policy->lifetime_ns))
        return plim_error_set(err, PLIM_ERR_USAGE, "a jitter as large as what it is taken from");
    entry->policy = *policy;
    entry->has_policy = true;
    entry->life = 0;
    return PLIM_OK;
}

void plim_monitor_report(plim_monitor *monitor, plim_child child, const plim_worker_report *report)
{
    PLIM_CHECK_OBJ(monitor, MONITOR_MAGIC);
    PLIM_CHECK(report != NULL);
    uint32_t node = plim__tree_node(monitor->supervisor->tree, child);
    if (node == PLIM__TREE_NONE)
        return;
    const child_slot *slot = &monitor->supervisor->slots[node];
    monitor_entry *entry = &monitor->entries[node];
    if (slot->pidfd < 0)
        return;
    if (entry->life != slot->starts && monitor_policy(monitor, node))
        monitor_meet(monitor, node, slot);
    entry->report = *report;
    entry->reported_ns = uv_hrtime();
}

plim_status plim_monitor_figures(const plim_monitor *monitor, plim_child child,
                                 plim_memory_figures *out_figures)
{
    PLIM_CHECK_OBJ(monitor, MONITOR_MAGIC);
    PLIM_CHECK(out_figures != NULL);
    uint32_t node = plim__tree_node(monitor->supervisor->tree, child);
    if (node == PLIM__TREE_NONE || !monitor->entries[node].has_figures)
        return PLIM_ERR_NOT_FOUND;
    *out_figures = monitor->entries[node].figures;
    return PLIM_OK;
}

plim_status plim_memory_of(int64_t pid, bool exact, plim_memory_figures *out_figures)
{
    PLIM_CHECK(pid > 0 && out_figures != NULL);
    plim__gauge gauge = {0};
    plim__gauge_figures seen;
    uint64_t pss = UINT64_MAX;
    plim_status status = plim__gauge_open(pid, &gauge);
    if (status == PLIM_OK)
        status = plim__gauge_read(&gauge, &seen);
    if (status == PLIM_OK && exact && plim__gauge_exact(&gauge, &pss) != PLIM_OK)
        pss = UINT64_MAX;
    if (status == PLIM_OK)
        *out_figures = (plim_memory_figures){.rss_bytes = seen.rss_bytes,
                                             .private_bytes = seen.private_bytes,
                                             .pss_bytes = pss,
                                             .counted_bytes = seen.private_bytes,
                                             .most_bytes = seen.private_bytes,
                                             .limit_bytes = UINT64_MAX};
    plim__gauge_close(&gauge);
    return status;
}

void plim_monitor_destroy(plim_monitor **out)
{
    if (out == NULL || *out == NULL)
        return;
    plim_monitor *it = *out;
    PLIM_CHECK_OBJ(it, MONITOR_MAGIC);
    *out = NULL;
    plim__supervisor_look_set(it->supervisor, NULL, NULL, NULL);
    for (uint32_t i = 0; i < it->entry_count; i++) {
        monitor_drop(&it->entries[i]);
        plim__cgroup_leave(&it->entries[i].fence);
    }
    plim_allocator allocator = it->allocator;
    plim__array_free(&allocator, it->entries, it->entry_count, sizeof(monitor_entry));
    it->magic = 0;
    plim__array_free(&allocator, it, 1, sizeof(*it));
}
