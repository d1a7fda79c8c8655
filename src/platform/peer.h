/* SPDX-License-Identifier: MIT */
/**
 * @file peer.h
 * @brief Contract: the memory of another process, its mappings, and its threads held for a moment.
 *
 * Nothing is written there and no code of it runs. The hold on the memory is the very process's,
 * not its number's: after its end or an exec() reads give nothing. Threads are stopped by the
 * calling thread and let go by it; the system lets go of them if we end before that.
 * Pre: one thread at a time. Statuses as in process.h.
 */
#ifndef PLIM_PLATFORM_PEER_H
#define PLIM_PLATFORM_PEER_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLIM__PEER_REGISTERS = 34, /* words; the most that a machine we know has for a thread */
    PLIM__PEER_PATH_BYTES = 512
};

/** One thread of it, as it was stopped. */
typedef struct plim__peer_thread {
    int64_t id;
    int signal;      /* private: to be delivered when it goes on */
    bool is_stopped; /* private */
    uint64_t stack;  /* the stack pointer; 0 where it could not be read */
    uint32_t register_count;
    uint64_t registers[PLIM__PEER_REGISTERS];
} plim__peer_thread;

/** Caller's storage. */
typedef struct plim__peer {
    int64_t pid;
    int memory, present; /* private; -1: none */
    const plim_allocator *allocator;
    plim__peer_thread *threads; /* while stopped */
    uint32_t thread_count, thread_cap;
} plim__peer;

/** One mapping. */
typedef struct plim__peer_mapping {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    bool is_readable, is_writable, is_shared;
    const char *path; /* of the file, "[stack]", or ""; as /proc has it, perhaps cut */
} plim__peer_mapping;

/** Takes hold of a process's memory. Ended by plim__peer_close(). */
PLIM_NODISCARD plim_status plim__peer_open(int64_t pid, const plim_allocator *allocator,
                                           plim__peer *out_peer, plim_error *err);

/** Lets go of all; threads go on. All zero but descriptors of -1 is accepted. */
void plim__peer_close(plim__peer *peer);

/** Copies bytes from an address on; how many could be read. */
size_t plim__peer_read(const plim__peer *peer, uint64_t at, void *out, size_t bytes);

/** Which of the pages from an address on have ever been touched: out_present[i] for the i-th page
 *  of 4096 bytes. Where the system does not say, all have. Pre: at is a multiple of 4096. */
void plim__peer_present(const plim__peer *peer, uint64_t at, bool *out_present, uint32_t count);

/** Calls visit with each mapping, in order of address, until it says false. */
PLIM_NODISCARD plim_status plim__peer_mappings(
    const plim__peer *peer, bool (*visit)(void *ctx, const plim__peer_mapping *mapping), void *ctx);

/** Stops all threads and reads their registers; those that do not stop within a second are left.
 *  On failure none is stopped. PLIM_ERR_BUSY: a debugger has it. */
PLIM_NODISCARD plim_status plim__peer_stop(plim__peer *peer, plim_error *err);

/** Lets them go on. */
void plim__peer_resume(plim__peer *peer);

/** A clock for pauses. */
uint64_t plim__peer_now_ns(void);

#endif
