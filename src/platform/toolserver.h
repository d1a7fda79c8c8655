/* SPDX-License-Identifier: MIT */
/**
 * @file toolserver.h
 * @brief Contract: a program started once that does the same work again and again, on other input.
 *
 * The program (a compiler, a linker) runs with plim-forkserver.so preloaded, which stops it at one
 * point and forks a child there for each request (repl/linux/forkserver.c). Program and arguments
 * are fixed; what differs from request to request is the content of files in memory that the
 * program has open, at descriptors it can name as "/proc/self/fd/N".
 *
 * One request at a time. A program that dies, loops or does not answer is killed with all it
 * started and has to be started anew; that is a status, never a hang.
 * Threads: one at a time per server.
 */
#ifndef PLIM_PLATFORM_TOOLSERVER_H
#define PLIM_PLATFORM_TOOLSERVER_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Descriptors of the program, beside standard output and error (files in memory as well). */
enum {
    PLIM__TOOL_SOCKET = 3,
    PLIM__TOOL_INPUT = 4,
    PLIM__TOOL_INPUT_2 = 5,
    PLIM__TOOL_OUTPUT = 6,
    PLIM__TOOL_REQUEST_BYTES = 8,
    PLIM__TOOL_IS_READY = -1 /**< sent once, instead of an answer */
};

/** Which of its files is meant. */
typedef enum plim__tool_file {
    PLIM__TOOL_FILE_STDOUT = 0,
    PLIM__TOOL_FILE_STDERR,
    PLIM__TOOL_FILE_INPUT,
    PLIM__TOOL_FILE_INPUT_2,
    PLIM__TOOL_FILE_OUTPUT,
    PLIM__TOOL_FILES
} plim__tool_file;

/** What to start; borrowed during the call. */
typedef struct plim__tool_options {
    const char *path;
    const char *const *argv;  /**< NULL-terminated */
    const char *preload;      /**< plim-forkserver.so, or NULL */
    const char *fork_at;      /**< the path whose opening stands for the input, or "main"; NULL: the
                                   program serves by itself: a byte for each request on its socket,
                                   a status (int32_t) back */
    uint32_t cpu_seconds_max; /**< of one request */
    uint64_t memory_bytes_max;
    uint64_t output_bytes_max;
} plim__tool_options;

/** A server; all zero is none. */
typedef struct plim__tool {
    int64_t pid; /**< also its group's number; 0: none runs */
    int socket;
    bool is_ready;               /**< private: it stands where the requests come in */
    bool is_asked;               /**< a request is under way */
    int files[PLIM__TOOL_FILES]; /**< private */
} plim__tool;

/** Starts; does not wait until it is ready. Post: ended by plim__tool_stop(). */
plim_status plim__tool_start(const plim__tool_options *options, plim__tool *out_tool,
                             plim_error *err);

/** Replaces the content of one of its files. Pre: no request is under way. */
plim_status plim__tool_put(plim__tool *tool, plim__tool_file file, const void *bytes, size_t count,
                           plim_error *err);

/** Empties its outputs and asks it to work. Post: plim__tool_wait() gets the answer. */
plim_status plim__tool_ask(plim__tool *tool, plim_error *err);

/** Waits for the answer. Post: PLIM_OK and *out_exit, its exit code, or 128 + the signal that
    killed it; TIMEOUT or GONE: the server is stopped and has to be started anew. */
plim_status plim__tool_wait(plim__tool *tool, uint32_t timeout_ms, int *out_exit, plim_error *err);

/** What an exit code of 128 and more means for one that has limits. */
typedef enum plim__tool_death {
    PLIM__TOOL_DIED = 0, /**< by itself, or it did not */
    PLIM__TOOL_DIED_OF_TIME,
    PLIM__TOOL_DIED_OF_SIZE /**< its output */
} plim__tool_death;
plim__tool_death plim__tool_death_of(int exit_code);

/** Copies one of its files; freed by plim__array_free() with *out_bytes + 1 (a NUL follows).
    Post: LIMIT where it is longer than bytes_max. */
plim_status plim__tool_take(plim__tool *tool, plim__tool_file file, const plim_allocator *allocator,
                            size_t bytes_max, char **out_content, size_t *out_bytes,
                            plim_error *err);

/** Whether it stands where the requests come in; a request before that waits. Does not block. */
bool plim__tool_is_ready(plim__tool *tool);

/** Whether its process is still there. */
bool plim__tool_is_alive(plim__tool *tool);

/** Kills it with all it started. Post: all zero; one that is all zero is accepted. */
void plim__tool_stop(plim__tool *tool);

#endif
