/* SPDX-License-Identifier: MIT */
/**
 * @file peer_memory.h
 * @brief Contract: named shared memory of another process, read without its help.
 */
#ifndef PLIM_PLATFORM_PEER_MEMORY_H
#define PLIM_PLATFORM_PEER_MEMORY_H
#include <plimsoll/error.h>

#include <stddef.h>
#include <stdint.h>

/** A way to it; -1 is none. */
typedef struct plim__peer_memory {
    int descriptor;
} plim__peer_memory;

/**
 * Opens, for reading, the next of a process's shared memories whose name begins with prefix and
 * which was not opened yet: *position is 0 at first and moves on. PLIM_ERR_NOT_FOUND: no more.
 */
PLIM_NODISCARD plim_status plim__peer_memory_next(int64_t pid, const char *prefix,
                                                  uint32_t *position, plim__peer_memory *out_memory,
                                                  plim_error *err);

/** Copies what is there from a position on, up to cap bytes. */
PLIM_NODISCARD plim_status plim__peer_memory_read(plim__peer_memory memory, uint64_t offset,
                                                  void *out, size_t cap, size_t *out_bytes);

/** Closes it. */
void plim__peer_memory_close(plim__peer_memory *memory);

#endif
