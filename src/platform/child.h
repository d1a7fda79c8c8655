/* SPDX-License-Identifier: MIT */
/**
 * @file child.h
 * @brief Contract: a program that we start, and end again with all it started.
 *
 * The child leads a session and a process group of its own, so that a signal meant for us (Ctrl-C
 * at a terminal) does not reach it and a signal to its group reaches all of it. Its standard input
 * is empty, its standard output is our standard error, its standard error is read by us through a
 * pipe. It is killed when the thread that started it ends, however that happens: so that thread
 * must live as long as the child is wanted.
 * Statuses as in process.h. Threads: start on the thread that stays; the rest from any, one call at
 * a time, but plim__child_read(), which may run beside the others.
 */
#ifndef PLIM_PLATFORM_CHILD_H
#define PLIM_PLATFORM_CHILD_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A child; all zero is none. */
typedef struct plim__child {
    int64_t pid;    /**< also its group's number */
    int output;     /**< private: the pipe its standard error goes to */
    int channel;    /**< our end of the socket that it has as 3 and 4; 0: it has none */
    bool is_reaped; /**< private: its number may be another's by now */
} plim__child;

/** Finds a program as a shell does: a name with a slash is a path, else PATH is searched.
    Post: an executable file; NOT_FOUND, ACCESS (there, but not executable), LIMIT. */
plim_status plim__program_find(const char *name, char *out_path, size_t cap);

/** The file a path leads to once all links are followed. */
plim_status plim__program_resolve(const char *path, char *out_path, size_t cap);

/** What follows "#!" in the first line of a script, without blanks around it. UNSUPPORTED where it
    is no script. */
plim_status plim__program_interpreter(const char *path, char *out_text, size_t cap);

/** Starts `path` with `argv` (NULL-terminated) and our environment, in which those of `variables`
    ("NAME=value", NULL-terminated, at most 16; NULL: none) are set. With a channel it has a socket
    to us, as its descriptors 3 and 4.
    Pre: called on the thread that stays. Post: ended by plim__child_stop() and _fini(). */
plim_status plim__child_start(const char *path, const char *const *argv,
                              const char *const *variables, bool with_channel,
                              plim__child *out_child, plim_error *err);

/** Waits up to timeout_ms for output. Post: *out_len is 0 with *out_is_end false if none came; a
    failure to read is the end. */
void plim__child_read(plim__child *child, char *buffer, size_t cap, int timeout_ms, size_t *out_len,
                      bool *out_is_end);

/** Whether it has ended; *out_exit is its exit code, or 128 + the signal that killed it. */
bool plim__child_has_ended(plim__child *child, int *out_exit);

/** Asks all of its group to end, and kills what has not after grace_ms. Post: none of it runs. */
void plim__child_stop(plim__child *child, int grace_ms);

/** Closes what is open. Pre: plim__child_stop() was called, or it was never started. */
void plim__child_fini(plim__child *child);

/** From now on no signal is handled by this thread, and a pipe nobody reads does not kill it. */
void plim__signals_block(void);

/** Writes to our standard error all of it, or what it takes; failures are dropped: there is nobody
    to tell. */
void plim__error_output_write(const char *data, size_t len);

#endif
