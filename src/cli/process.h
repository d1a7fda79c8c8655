/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * @brief Stop requests, commands that are run, and the few file system calls beside file.h.
 *
 * A first Ctrl-C or SIGTERM asks the work to stop and to save; a second one ends plim at once.
 */
#ifndef PLIM_CLI_PROCESS_H
#define PLIM_CLI_PROCESS_H
#include <plimsoll/target.h>

/** Catches SIGINT, SIGTERM and SIGHUP into an interrupt, and turns crashes into exit 70. */
void plim__stops_install(plim_interrupt *interrupt);

/** The stop has been honoured and what follows must not be stopped by it: saving. */
void plim__stops_rearm(void);

/** How often a stop was asked for since the start, whatever was rearmed. */
int plim__stops_count(void);

/** From now on a second signal within a third of a second is the first once more, not the one that
    ends plim at once. */
void plim__stops_settle(void);

/** Process group to end if a second stop ends plim at once; 0: none. */
void plim__stops_guard(int64_t process_group);

/**
 * Runs `sh -c command` and waits. Its standard output goes to our standard error if loud, else
 * nowhere. environment: NULL or "NAME=value" strings ended by NULL, added to ours.
 * *out_exit is the exit code, or 128 + signal.
 */
plim_status plim__process_run(const char *command, const char *const *environment, bool loud,
                              const plim_interrupt *interrupt, int *out_exit, plim_error *err);

/** Waits; PLIM_ERR_INTERRUPTED as soon as a stop is asked for. */
plim_status plim__process_sleep(uint64_t time_ns, const plim_interrupt *interrupt, plim_error *err);

/** Waits for a line on standard input. */
plim_status plim__process_wait_line(const plim_interrupt *interrupt, plim_error *err);

/** Whether there is a process with that number; another user's counts. */
bool plim__process_is_alive(int64_t pid);

/** Starts a pager; its standard input is *out_fd. */
bool plim__process_pager(const char *command, int *out_fd, int64_t *out_pid);

/** Waits for a child to end. */
void plim__process_wait(int64_t pid);

/** write(2) until all is out; the error number, 0 for none. */
int plim__process_write(int fd, const void *data, size_t size_bytes);

/** Closes a descriptor. */
void plim__process_close(int fd);

/** Whether there is anything under that name. */
bool plim__path_exists(const char *path);

/** Makes a directory, mode 0700, unless it is there. */
plim_status plim__path_make(const char *path, plim_error *err);

/** Makes a new private directory below TMPDIR or /tmp; its name goes to out. */
plim_status plim__path_make_temporary(char *out, size_t out_bytes, plim_error *err);

/** Removes a file; what is not there is no failure. */
void plim__path_remove(const char *path);

/** Removes an empty directory. */
void plim__path_remove_directory(const char *path);

/** Goes on as another program of Plimsoll's, argv[0] in PLIM_LIBEXEC, beside plim, or where it is
    installed. Returns only if that failed: PLIM_ERR_NOT_FOUND there is none. */
plim_status plim__process_become(const char *const *argv, plim_error *err);

enum { PLIM__UUID_BYTES = 37 };

/** A random UUID. */
plim_status plim__random_uuid(char out[PLIM__UUID_BYTES], plim_error *err);

#endif
