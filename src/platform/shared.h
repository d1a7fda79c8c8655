/* SPDX-License-Identifier: MIT */
/**
 * @file shared.h
 * @brief Contract: memory that outlives its writer and that other processes may look at.
 *
 * A mapping of a file or of anonymous shared memory with a name. Pre: bytes is above 0. Post: the
 * mapping is readable and writable and has exactly bytes(); what is new in it is zero. One writer:
 * a file that another process has open through this contract is refused with PLIM_ERR_BUSY; the
 * claim ends with the process, however that ends.
 */
#ifndef PLIM_PLATFORM_SHARED_H
#define PLIM_PLATFORM_SHARED_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Caller's storage; private but for the first two. */
typedef struct plim__shared {
    void *memory;
    size_t bytes;
    int descriptor;
    size_t tail_bytes; /* mapped behind it */
} plim__shared;

/** Opens a file for writing, making it (mode 0600) if there is none; out_is_new says which. A new
 *  one has no bytes and no mapping yet: plim__shared_size() gives it both. */
PLIM_NODISCARD plim_status plim__shared_open(const char *path, plim__shared *out_shared,
                                             bool *out_is_new, plim_error *err);

/** Maps a file that is there, to read only: a store through it is a fault. Post: a NUL stands
 *  behind the last byte. */
PLIM_NODISCARD plim_status plim__shared_view(const char *path, plim__shared *out_shared,
                                             plim_error *err);

/** New anonymous memory under a name that /proc/PID/fd shows; its size can never change again. */
PLIM_NODISCARD plim_status plim__shared_anonymous(const char *name, size_t bytes,
                                                  plim__shared *out_shared, plim_error *err);

/** The same, not found by whoever looks for names. */
PLIM_NODISCARD plim_status plim__shared_nameless(size_t bytes, plim__shared *out_shared,
                                                 plim_error *err);

/** Maps memory that another process has made and handed over by its descriptor, which is ours from
 *  then on. PLIM_ERR_DAMAGED: it has another size. */
PLIM_NODISCARD plim_status plim__shared_adopt(int descriptor, size_t bytes,
                                              plim__shared *out_shared, plim_error *err);

/** Gives a new file its size, all of it reserved on the disk, and maps it. */
PLIM_NODISCARD plim_status plim__shared_size(plim__shared *shared, size_t bytes, plim_error *err);

/** Copies the first bytes of what is mapped, through the system: holes are neither read nor filled,
 *  so memory that is zero stays untouched. */
PLIM_NODISCARD plim_status plim__shared_copy(const plim__shared *shared, void *out_zeroed,
                                             size_t bytes, plim_error *err);

/** Waits until a file's bytes are on the disk. */
PLIM_NODISCARD plim_status plim__shared_sync(plim__shared *shared, plim_error *err);

/** Unmaps and closes. All zero but a descriptor of -1 is accepted. */
void plim__shared_close(plim__shared *shared);

/** Writes one aligned word of a file, which others may have mapped, as one store. */
PLIM_NODISCARD plim_status plim__shared_put(const char *path, uint64_t offset_bytes, uint64_t word,
                                            plim_error *err);

/** Waits about so long. */
void plim__shared_pause(uint64_t nanoseconds);

/** Nanoseconds of a clock that only goes on. */
uint64_t plim__shared_now(void);

/** Nanoseconds that this thread has run, plus one. */
uint64_t plim__shared_spent(void);

/** This process. */
int64_t plim__shared_process(void);

#endif
