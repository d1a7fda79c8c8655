/* SPDX-License-Identifier: MIT */
/**
 * @file cgroup.h
 * @brief Contract: a control group of one's own around a process, whose memory the system bounds.
 *
 * What is past the bound is killed by the system at once, with all that stands in the group,
 * however fast it grows: the hard fence behind thresholds that are looked at only now and then.
 * Threads: one per group.
 */
#ifndef PLIM_PLATFORM_CGROUP_H
#define PLIM_PLATFORM_CGROUP_H
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stdint.h>

enum { PLIM__CGROUP_PATH_BYTES = 512 };

/** All zero is none. */
typedef struct plim__cgroup {
    char path[PLIM__CGROUP_PATH_BYTES]; /**< its folder; private */
    bool is_v2;
} plim__cgroup;

/** Makes a group beside us, bounded. PLIM_ERR_UNSUPPORTED: no group may be made here (no memory
    controller, or not ours to use). Ended by plim__cgroup_remove(). */
plim_status plim__cgroup_make(const char *name, uint64_t limit_bytes, plim__cgroup *out_group);
plim_status plim__cgroup_add(const plim__cgroup *group, int64_t pid);
/** PLIM_ERR_BUSY: processes are in it; it stays. None is accepted. */
plim_status plim__cgroup_remove(plim__cgroup *group);
/** Ends it whoever is in it: they go to the group that it stands in, unbounded. */
void plim__cgroup_leave(plim__cgroup *group);

#endif
