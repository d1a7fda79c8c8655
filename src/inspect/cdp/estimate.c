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
 */
#include "inspect/cdp/estimate.h"

#include "base/assert.h"
#include "inspect/cdp/heap.h"

enum { ESTIMATE_FACTOR = 22 };

uint64_t plim__cdp_growth_bytes(uint64_t used_bytes)
{
    return used_bytes > UINT64_MAX / ESTIMATE_FACTOR / 2 ? UINT64_MAX / 2
                                                         : used_bytes * ESTIMATE_FACTOR;
}

plim_status plim__cdp_estimate(plim_target *target, const plim__owner *owner,
                               plim_snapshot_estimate *out_estimate, plim_error *err)
{
    PLIM_CHECK(owner != NULL && out_estimate != NULL);
    plim_usage usage;
    plim_status status = plim__cdp_usage(target, &usage, err);
    if (status == PLIM_OK)
        plim__owner_estimate(owner, plim__cdp_growth_bytes(usage.used_bytes), out_estimate);
    return status;
}
