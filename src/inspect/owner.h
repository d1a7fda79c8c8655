/* SPDX-License-Identifier: MIT */
/**
 * @file owner.h
 * @brief The process of this machine that a target lives in, known by its executable.
 *
 * For runtimes whose inspector is served by the very process: the owner of the port, if its
 * executable is the runtime's. A tunnel's or a container proxy's end listens here, too, and is not
 * whom we talk to; then nothing is known of the process, which is no failure.
 * Thread-safety: one thread at a time per target.
 */
#ifndef PLIM_INSPECT_OWNER_H
#define PLIM_INSPECT_OWNER_H
#include "inspect/target.h"
#include "platform/process.h"

/** As it was when we came. All zero but the descriptor, -1: none; see plim__owner_none(). */
typedef struct plim__owner {
    plim__process_ref process; /**< pid 0: not local, or not known */
    uint64_t rss_at_open;      /**< PLIM_UNKNOWN where it is not local */
} plim__owner;

/** Whether the executable of a process, a path, is the runtime's. */
typedef bool (*plim__is_executable)(const char *path);

/** Nobody. */
plim__owner plim__owner_none(void);

/** Whether it is known, and runs. */
bool plim__owner_is_alive(const plim__owner *owner);

/** Whether it was known, and runs no more. */
bool plim__owner_has_ended(const plim__owner *owner);

/** Finds it anew, also after a reconnect; sets target->pid, -1 where it is not known. */
void plim__owner_find(plim_target *target, plim__owner *owner, plim__is_executable is_ours);

/** Takes `pid` for it, whoever has the port; is_ours NULL: whatever it executes. False: it has
    ended, or is not one; then nobody is known. */
bool plim__owner_take(plim_target *target, plim__owner *owner, int64_t pid,
                      plim__is_executable is_ours);

/** Fills the four fields of the process, as far as it is there. */
void plim__owner_usage(const plim__owner *owner, plim_usage *out_usage);

/** The memory it had when we came, or has, where that is less; PLIM_UNKNOWN where nobody is
    known. */
uint64_t plim__owner_base_bytes(const plim__owner *owner);

/** As plim__runtime.estimate, where a snapshot makes the process grow by so much. A process keeps
    what one snapshot took: the second one takes next to nothing more. So the rule stands on the
    memory it had when we came, as long as it has not given that back. */
void plim__owner_estimate(const plim__owner *owner, uint64_t growth_bytes,
                          plim_snapshot_estimate *out_estimate);

/** The rule alone: what a process of rss_bytes may grow to. */
uint64_t plim__owner_peak_bytes(uint64_t rss_bytes, uint64_t rss_at_open, uint64_t growth_bytes);

/** Lets go. */
void plim__owner_fini(plim__owner *owner);

/**
 * As plim__runtime.resolve_pid, for a runtime that is started with its inspector open or never has
 * one: asks the sockets that the process listens on at the loopback, which of them is it.
 * `runtime` is as plim__probe_runtime() says it, `how` the option that opens it.
 */
PLIM_NODISCARD plim_status plim__owner_resolve(plim_target *target, plim__is_executable is_ours,
                                               const char *runtime, const char *how,
                                               plim_error *err);

#endif
