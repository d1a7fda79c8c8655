/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot costs the target. V8 builds the whole graph beside the heap, and writes it out
 * afterwards: some 500 to 1400 bytes for each object, whatever the object's size. How many objects
 * there are is not to be had without walking the heap, only their bytes; so the bytes are taken
 * for the small objects that leaks are mostly made of. Seen (peak - rss) / used heap, Node 20 to
 * 26, in megabytes of used heap:
 *     an idle program 10 to 14 · objects of 2 and 3 fields, 16 MB: 15 to 16 · 200 MB: 12 to 13 ·
 *     closures 13 to 15 · a million arrays of one number 20 to 22.5 · a map of 800,000 strings 16
 *     to 21, on Node 26 39 · long strings, arrays of numbers, garbage: under 1
 * The factor is chosen to be too small for none of these but the last map: first do no harm; the
 * price is that a heap of long strings is refused where it would have fitted, and that --force is
 * there for. (All of the figures: docs/internals/node.md.)
 * A process keeps what one snapshot took: the second one takes next to nothing more. So the rule
 * stands on the memory it had when we came, as long as it has not given that back.
 */
#include "inspect/cdp/estimate.h"

#include "base/assert.h"
#include "inspect/cdp/heap.h"

enum { ESTIMATE_FACTOR = 22 };

uint64_t plim__cdp_peak_bytes(uint64_t rss_bytes, uint64_t rss_at_open, uint64_t used_bytes)
{
    uint64_t base = rss_at_open < rss_bytes ? rss_at_open : rss_bytes;
    uint64_t growth = used_bytes > UINT64_MAX / ESTIMATE_FACTOR / 2 ? UINT64_MAX / 2
                                                                    : used_bytes * ESTIMATE_FACTOR;
    uint64_t peak = base > UINT64_MAX - growth ? UINT64_MAX : base + growth;
    return peak > rss_bytes ? peak : rss_bytes;
}

plim_status plim__cdp_estimate(plim_target *target, const plim__process_ref *process,
                               uint64_t rss_at_open, plim_snapshot_estimate *out_estimate,
                               plim_error *err)
{
    PLIM_CHECK(process != NULL && out_estimate != NULL);
    plim_usage usage;
    plim_status status = plim__cdp_usage(target, &usage, err);
    if (status != PLIM_OK)
        return status;
    plim_snapshot_estimate estimate = {PLIM_UNKNOWN, PLIM_UNKNOWN, true};
    plim__process_memory memory;
    plim__memory_bounds bounds;
    if (process->pid == 0 || !plim__process_ref_alive(process) ||
        plim__process_memory_read(process->pid, &memory) != PLIM_OK ||
        plim__memory_bounds_read(process->pid, &bounds) != PLIM_OK) {
        /* Not local: what it would grow by is all that is known. */
        estimate.peak_bytes = plim__cdp_peak_bytes(0, 0, usage.used_bytes);
    } else {
        estimate.peak_bytes = plim__cdp_peak_bytes(memory.rss_bytes, rss_at_open, usage.used_bytes);
        estimate.available_bytes = bounds.headroom_bytes;
        estimate.safe = bounds.headroom_bytes == UINT64_MAX ||
                        estimate.peak_bytes - memory.rss_bytes <= bounds.headroom_bytes;
    }
    *out_estimate = estimate;
    return PLIM_OK;
}

void plim__cdp_process_usage(const plim__process_ref *process, plim_usage *out_usage)
{
    PLIM_CHECK(process != NULL && out_usage != NULL);
    plim__process_memory memory;
    plim__memory_bounds bounds;
    if (process->pid == 0 || !plim__process_ref_alive(process))
        return;
    if (plim__process_memory_read(process->pid, &memory) == PLIM_OK) {
        out_usage->process_rss_bytes = memory.rss_bytes;
        out_usage->process_peak_bytes = memory.peak_bytes;
    }
    if (plim__memory_bounds_read(process->pid, &bounds) == PLIM_OK) {
        out_usage->cgroup_limit_bytes = bounds.limit_bytes;
        out_usage->cgroup_used_bytes = bounds.used_bytes;
    }
}
