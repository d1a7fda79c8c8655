/* SPDX-License-Identifier: MIT */
/**
 * @file region_track.h
 * @brief A recording of births from outside: how many of those born in each interval still live.
 *
 * Nothing is asked of the program: who records looks every 50 ms, or more rarely where a look takes
 * long. Births only rise, so an object's interval is found from its number.
 */
#ifndef PLIM_BRIDGE_REGION_TRACK_H
#define PLIM_BRIDGE_REGION_TRACK_H
#include <plimsoll/graph.h>
#include <plimsoll/region.h>
#include <plimsoll/target.h>

/** All zero but the allocator; ended by plim__region_track_fini(). */
typedef struct plim__region_track {
    const plim_allocator *allocator;
    plim_track_interval *intervals; /* last_object_id rises; 0: what was there before */
    uint32_t count, capacity;
    uint64_t due_ns; /* when to look next */
    bool is_on, has_stacks;
} plim__region_track;

/** One look: a new interval if anything was born, and what lives of each. */
PLIM_NODISCARD plim_status plim__region_track_look(plim__region_track *track,
                                                   plim_region_view *view, plim_error *err);

/** The snapshot at the end, with the intervals as its samples. */
PLIM_NODISCARD plim_status plim__region_track_write(const plim__region_track *track,
                                                    plim_region_view *view, plim_sink sink,
                                                    plim_progress progress,
                                                    plim_snapshot_result *out_result,
                                                    plim_error *err);

/** Frees; then as at the beginning. */
void plim__region_track_fini(plim__region_track *track);

#endif
