/* SPDX-License-Identifier: MIT */
/**
 * @file serve_region.h
 * @brief A region behind a server: what serve_region.c, serve_trace.c and serve_program.c share.
 */
#ifndef PLIM_BRIDGE_SERVE_REGION_H
#define PLIM_BRIDGE_SERVE_REGION_H
#include <plimsoll/bridge.h>
#include <plimsoll/serve_region.h>
#include <plimsoll/target.h>

#include "bridge/serve_sites.h"

enum { PLIM__SERVED_REGION_MAGIC = 0x5e7e0004, PLIM__SERVED_ADDRESS_BYTES = 256 };

struct plim_served_region {
    uint32_t magic;
    const plim_allocator *allocator;
    char address[PLIM__SERVED_ADDRESS_BYTES];
    char title[PLIM_REGION_NAME_BYTES];
    plim_region_view *view;
    plim__sites sites;
    uint64_t last_id;      /* the highest that was seen */
    uint64_t sampled_from; /* what was born later is sampled */
};

/** Opens a view of it. Errors as plim_region_view_find(). */
PLIM_NODISCARD plim_status plim__served_region_open(const char *address,
                                                    const plim_allocator *allocator,
                                                    plim_served_region **out_served,
                                                    plim_error *err);

/** What the server is given; ctx is the region. */
void plim__served_region_table(plim_served_region *served, plim_served *out);

/** How a region is written with its sites as calls. */
typedef struct plim__region_traced {
    const plim_allocator *allocator;
    const plim_write_sample *samples; /* of a recording; NULL: none */
    uint32_t sample_count;
    bool keep_ids;   /* as plim_write_options has it */
    bool has_stacks; /* else sites are left out */
} plim__region_traced;

/** serve_trace.c: writes what a view shows; sizes and counts are set in *out_result, if given. */
PLIM_NODISCARD plim_status plim__region_write_traced(plim_region_view *view,
                                                     const plim__region_traced *how, plim_sink sink,
                                                     plim_progress progress,
                                                     plim_snapshot_result *out_result,
                                                     plim_error *err);

/** serve_trace.c: the snapshot, with sites as calls; on any thread. */
plim_status plim__served_region_snapshot(void *ctx, const plim_write_sample *samples,
                                         uint32_t sample_count, plim_sink sink,
                                         plim_progress progress, plim_error *err);

#endif
