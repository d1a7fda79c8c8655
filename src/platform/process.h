/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * @brief Contract: other processes of this machine, looked at from outside.
 *
 * Nothing here runs code in a process or stops it; the one thing that acts is
 * plim__process_ref_signal(). A process may vanish between two calls: that is PLIM_ERR_NOT_FOUND,
 * never a fault. What a process says of itself (its name, its command line) is hostile text: it may
 * hold parentheses, newlines and any byte, and no answer below depends on it.
 *
 * A number alone does not name a process for long, since the system hands it out again. Whoever
 * acts on one takes a plim__process_ref first, then looks (executable, signals), then acts through
 * the reference: in this order what was looked at is what is acted upon.
 *
 * Statuses: PLIM_ERR_NOT_FOUND no such process (any more); PLIM_ERR_ACCESS the system does not let
 * us look; PLIM_ERR_UNSUPPORTED the system has no such answer. Outputs are set only on PLIM_OK.
 * Threads: any, at once. No call keeps state but a test's plim__process_set_root().
 */
#ifndef PLIM_PLATFORM_PROCESS_H
#define PLIM_PLATFORM_PROCESS_H
#include <plimsoll/allocator.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__HELD_PATH_BYTES = 80 };

/** Answers come from below @p root ("" is the system's own) from now on: a test's stage. The
    string is borrowed. Pre: no other call is under way. */
void plim__process_set_root(const char *root);

/** The number of this very process. */
int64_t plim__process_self(void);

/** Calls @p visit with each process id, in the system's order, until it says false.
    Post: at most PLIM_PROCESSES_MAX were looked at. */
plim_status plim__process_each(bool (*visit)(void *ctx, int64_t pid), void *ctx);

/** What can be told at one glance. */
typedef struct plim__process_glance {
    uint64_t start_ticks; /**< since boot; with the id it names a process for good */
    int64_t parent_pid;
    int64_t group; /**< of processes, for signals */
    char state;    /**< 'R' runs, 'S' sleeps, 'T' is stopped, 'Z' is dead and not yet waited for */
} plim__process_glance;

/** Pre: pid > 0. */
plim_status plim__process_look(int64_t pid, plim__process_glance *out_glance);

/** The path of the executable, NUL-terminated, without the mark of a deleted file.
    Pre: cap > 0. Post: a longer path is PLIM_ERR_LIMIT. */
plim_status plim__process_executable(int64_t pid, char *out_path, size_t cap);

/** Its arguments, each with its NUL; cut at @p cap, and then the last one is cut.
    Pre: cap > 0. Post: out_text[*out_len - 1] is NUL where *out_len > 0. */
plim_status plim__process_command(int64_t pid, char *out_text, size_t cap, size_t *out_len);

/** As plim__process_command(), for the environment it was started with. */
plim_status plim__process_environment(int64_t pid, char *out_text, size_t cap, size_t *out_len);

/** Its real user. */
plim_status plim__process_user(int64_t pid, uint32_t *out_uid);

/** Whether it has a handler of its own for @p signal_number (and so survives it). */
plim_status plim__process_catches(int64_t pid, int signal_number, bool *out_catches);

/** Physical memory of a process. */
typedef struct plim__process_memory {
    uint64_t rss_bytes;
    uint64_t peak_bytes; /**< the most it ever had */
} plim__process_memory;

/** Post: PLIM_ERR_NOT_FOUND for one that is dead and only not yet waited for. */
plim_status plim__process_memory_read(int64_t pid, plim__process_memory *out_memory);

/** What bounds the growth of a process; UINT64_MAX where nothing does or nothing is known. */
typedef struct plim__memory_bounds {
    uint64_t limit_bytes;       /**< of the tightest control group above it: least is left in it */
    uint64_t used_bytes;        /**< in that group, by all its processes */
    uint64_t reclaimable_bytes; /**< part of used_bytes: file cache the system takes back first */
    uint64_t machine_available_bytes; /**< what the machine gives before it swaps */
    uint64_t headroom_bytes;          /**< the least of all that */
} plim__memory_bounds;

/** Post: groups that cannot be read count as unlimited; NOT_FOUND if the process is gone. */
plim_status plim__memory_bounds_read(int64_t pid, plim__memory_bounds *out_bounds);

/** A TCP socket that listens, in our network namespace. */
typedef struct plim__listener {
    uint64_t inode; /**< names the socket */
    uint16_t port;
    bool is_v6;
    bool is_any;      /**< bound to all addresses */
    bool is_loopback; /**< bound to the loopback alone */
    uint8_t address[16];
} plim__listener;

/** All of them at one moment. */
typedef struct plim__listeners {
    plim__listener *items;
    uint32_t count;
    uint32_t cap; /**< private */
    const plim_allocator *allocator;
} plim__listeners;

/** Post: at most PLIM_LISTENERS_MAX. Ended by plim__listeners_fini(), on any status. */
plim_status plim__listeners_read(const plim_allocator *allocator, plim__listeners *out_listeners);

/** Frees; all zero is accepted. */
void plim__listeners_fini(plim__listeners *listeners);

/** The text to connect to: "127.0.0.1:9229", "[::1]:9229"; the loopback for one bound to all.
    Pre: cap >= PLIM__LISTENER_TEXT_BYTES. */
void plim__listener_text(const plim__listener *listener, char *out_text, size_t cap);
enum { PLIM__LISTENER_TEXT_BYTES = 64 };

/** Those of @p listeners that @p pid holds: their indexes, ascending. Post: *out_count <= cap; more
    are left out. PLIM_ERR_ACCESS where its descriptors may not be read. */
plim_status plim__process_listeners(int64_t pid, const plim__listeners *listeners,
                                    uint32_t *out_indexes, uint32_t cap, uint32_t *out_count);

/** Who listens on @p port so that a connection to our loopback reaches it.
    Post: NOT_FOUND nobody does; ACCESS somebody does, and we may not see who. A socket shared by
    several processes gives the one with the lowest id. */
plim_status plim__port_owner(const plim_allocator *allocator, uint16_t port, int64_t *out_pid);

/** Connections that stand and whose other end is on our loopback: each as if it listened, but
    address and port are the other end's. As plim__listeners_read(). */
plim_status plim__connections_read(const plim_allocator *allocator,
                                   plim__listeners *out_connections);

/** Who is connected to @p port on our loopback, ourselves apart; *out_socket names the connection.
    Post: NOT_FOUND nobody is; ACCESS (with *out_socket) somebody is, and we may not see who. */
plim_status plim__port_client(const plim_allocator *allocator, uint16_t port, int64_t *out_pid,
                              uint64_t *out_socket);

/** A port of 127.0.0.1 that nobody has now; false: there is none. */
bool plim__port_free(uint16_t *out_port);

/** A file, or memory with a name (memfd), that a process holds open to read and to write. */
typedef struct plim__held_file {
    char path[PLIM__HELD_PATH_BYTES]; /**< opens it: "/proc/4242/fd/5" */
    char name[256];                   /**< of memory its name, of a file its path; cut */
    bool is_memory;
    uint64_t device, inode; /**< the same for two descriptors of one file */
} plim__held_file;

/** Calls @p visit with each, in the system's order, until it says false.
    Post: at most PLIM_DESCRIPTORS_MAX descriptors were looked at; PLIM_ERR_ACCESS where its
    descriptors may not be read. */
plim_status plim__process_files(int64_t pid, bool (*visit)(void *ctx, const plim__held_file *file),
                                void *ctx);

/** A hold on one process, immune to the reuse of its number. */
typedef struct plim__process_ref {
    int64_t pid;
    uint64_t start_ticks;
    int descriptor; /**< -1 where the system has no such thing; then the start time is compared */
} plim__process_ref;

/** Takes hold. Ended by plim__process_ref_close(). */
plim_status plim__process_ref_open(int64_t pid, plim__process_ref *out_ref);

/** Sends a signal to that very process. Post: NOT_FOUND if it has ended, whoever has its number. */
plim_status plim__process_ref_signal(const plim__process_ref *ref, int signal_number);

/** Whether it still runs (dead and not yet waited for counts as not). */
bool plim__process_ref_alive(const plim__process_ref *ref);

/** Lets go; a ref with descriptor -1 is accepted. */
void plim__process_ref_close(plim__process_ref *ref);

/** The signal that asks Node to open its inspector, and kills who does not catch it. */
int plim__signal_open_inspector(void);

#endif
