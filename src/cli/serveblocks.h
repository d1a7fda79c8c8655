/* SPDX-License-Identifier: MIT */
/**
 * @file serveblocks.h
 * @brief What plim serve shows of a program under libplimsoll-malloc besides usage and snapshots:
 *        its blocks' words, who allocated since when, a timeline.
 */
#ifndef PLIM_CLI_SERVEBLOCKS_H
#define PLIM_CLI_SERVEBLOCKS_H
#include <plimsoll/process_view.h>
#include <plimsoll/serve.h>

/** Zero it; ended by plim__serve_blocks_fini(). */
typedef struct plim__serve_blocks {
    plim_process_view *view;
    uint64_t sampled_after; /* the newest birth when the sampling began */
} plim__serve_blocks;

/** PLIM_ERR_UNSUPPORTED: it is no such program, or notes nothing. */
plim_status plim__serve_blocks_open(plim__serve_blocks *blocks, int64_t pid,
                                    const plim_allocator *allocator, plim_error *err);

/* For a table of functions, each of which finds its blocks by its own ctx. */

plim_status plim__serve_blocks_object(plim__serve_blocks *blocks, uint64_t id,
                                      plim_served_values out, plim_error *err);
plim_status plim__serve_blocks_sample_start(plim__serve_blocks *blocks, plim_error *err);
plim_status plim__serve_blocks_sample_read(plim__serve_blocks *blocks, plim_served_profile *profile,
                                           plim_error *err);
plim_status plim__serve_blocks_births(plim__serve_blocks *blocks, const uint64_t *bounds,
                                      uint32_t count, plim_served_births *out_births,
                                      uint64_t *out_last_id, plim_error *err);

void plim__serve_blocks_fini(plim__serve_blocks *blocks);

#endif
