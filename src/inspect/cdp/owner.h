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
#ifndef PLIM_INSPECT_CDP_OWNER_H
#define PLIM_INSPECT_CDP_OWNER_H
#include "inspect/target.h"
#include "platform/process.h"

/** As it was when we came. All zero but the descriptor, -1: none; see plim__cdp_owner_none(). */
typedef struct plim__cdp_owner {
    plim__process_ref process; /**< pid 0: not local, or not known */
    uint64_t rss_at_open;      /**< PLIM_UNKNOWN where it is not local */
} plim__cdp_owner;

/** Whether the executable of a process, a path, is the runtime's. */
typedef bool (*plim__cdp_is_executable)(const char *path);

/** Nobody. */
plim__cdp_owner plim__cdp_owner_none(void);

/** Finds it anew, also after a reconnect; sets target->pid, -1 where it is not known. */
void plim__cdp_owner_find(plim_target *target, plim__cdp_owner *owner,
                          plim__cdp_is_executable is_ours);

/** Takes `pid` for it, whoever has the port. */
void plim__cdp_owner_take(plim_target *target, plim__cdp_owner *owner, int64_t pid,
                          plim__cdp_is_executable is_ours);

/** Lets go. */
void plim__cdp_owner_fini(plim__cdp_owner *owner);

/**
 * As plim__runtime.resolve_pid, for a runtime that is started with its inspector open or never has
 * one: asks the sockets that the process listens on at the loopback, which of them is it.
 * `runtime` is as plim__probe_runtime() says it, `how` the option that opens it.
 */
PLIM_NODISCARD plim_status plim__cdp_owner_resolve(plim_target *target,
                                                   plim__cdp_is_executable is_ours,
                                                   const char *runtime, const char *how,
                                                   plim_error *err);

#endif
