/* SPDX-License-Identifier: MIT */
/**
 * @file spawn.h
 * @brief Contract: processes that are started, asked to end, killed and waited for, many at a time.
 *
 * Unlike child.h, which is one program at our side, these are others' programs, kept running by the
 * hundred: no memory is taken, no thread waits, and a start costs the same however large we are.
 * Each leads a process group of its own; it gets the descriptors named and no other, no signal
 * blocked or ignored, and is killed when the thread that started it ends.
 * Statuses: PLIM_ERR_NOT_FOUND, _ACCESS: of the program or the folder; PLIM_ERR_LIMIT: the system
 * has no more processes or descriptors; PLIM_ERR_NO_MEMORY.
 * Threads: one per supervisor.
 */
#ifndef PLIM_PLATFORM_SPAWN_H
#define PLIM_PLATFORM_SPAWN_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A descriptor of ours, and its number there. */
typedef struct plim__spawn_descriptor {
    int ours, theirs;
} plim__spawn_descriptor;

enum { PLIM__SPAWN_DESCRIPTORS_MAX = 16 };

typedef struct plim__spawn {
    const char *path; /**< of the program, as plim__program_find() gave it */
    const char *const *argv;
    const char *const *environment;
    const char *folder; /**< NULL: ours */
    /** Those among 0, 1, 2 that are not named are empty. */
    plim__spawn_descriptor descriptors[PLIM__SPAWN_DESCRIPTORS_MAX];
    uint32_t descriptor_count;
    uint64_t data_bytes_max, cpu_seconds_max, processes_max; /**< 0: as ours */
} plim__spawn;

/** Post: *out_pidfd is readable once it has ended; ended by plim__process_reap() and close. */
plim_status plim__spawn_process(const plim__spawn *spawn, int64_t *out_pid, int *out_pidfd,
                                plim_error *err);

/** A pidfd for a process that runs. */
plim_status plim__pidfd_open(int64_t pid, int *out_pidfd);

/** Whether it has ended, waited for or not. */
bool plim__pidfd_has_ended(int pidfd);

/** Whether it leads a process group of its own. */
bool plim__process_leads_group(int64_t pid);

/** How a process ended. */
typedef struct plim__process_end {
    int exit_code; /**< -1: killed, or not known */
    int signal;    /**< 0: none */
    bool is_known; /**< it was our child */
} plim__process_end;

/** Waits for a child that has ended; with `has_group` what is left of its group is killed first,
    while its number is still its own. False: it has not ended. Post: is_known is false for one
    that is no child of ours; of its group is killed what the system still knows by its pidfd. */
bool plim__process_reap(int64_t pid, int pidfd, bool has_group, plim__process_end *out_end);

/** SIGTERM, and what lets a stopped one notice it. To its group, if it leads one. */
void plim__process_ask(int64_t pid, int pidfd, bool has_group);
/** SIGKILL. To its group, if it leads one. */
void plim__process_kill(int64_t pid, int pidfd, bool has_group);
/** Whether this signal is how a supervisor asks. */
bool plim__signal_is_ask(int signal);

/** Orphans among our descendants become our children, or not any more. */
void plim__reaper_set(bool is_reaper);
/** Looks at all our children: those not kept are waited for if they have ended, and killed if not.
    At most PLIM_SUPERVISED_MAX of them. Gives how many were killed. */
uint32_t plim__reaper_sweep(bool (*is_kept)(void *ctx, int64_t pid, bool has_ended), void *ctx);

/** Sweeps until there are none but those kept: what the killed leave behind is ours then. Gives up
    after two seconds, on processes that the system cannot end. */
void plim__reaper_end(bool (*is_kept)(void *ctx, int64_t pid, bool has_ended), void *ctx);

/** A pipe, ours to read without waiting. */
plim_status plim__ends_open(int *out_read, int *out_write);
/** Reads what is there. Post: *out_len is 0 if nothing is; false: the end. */
bool plim__end_read(int fd, char *buffer, size_t cap, size_t *out_len);
/** A file to add to, made with mode 0600. */
plim_status plim__append_open(const char *path, int *out_fd);
/** Closes; -1 is accepted. */
void plim__end_close(int *fd);

#endif
