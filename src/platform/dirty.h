/* SPDX-License-Identifier: MIT */
/**
 * @file dirty.h
 * @brief Contract: private pages over a file, and which of them were written.
 *
 * plim__draft_map() gives pages that show a file; a store makes a page the process's own, and the
 * file stays as it is. plim__dirty_take() lists the pages written since the last
 * plim__dirty_rearm(), in order; it may list others that are the process's own, never leave one
 * out. Pre: nobody writes to the pages from the take to the rearm. Ways differ in cost and in what
 * they need; whether one works here is found out by writing and looking, each time.
 */
#ifndef PLIM_PLATFORM_DIRTY_H
#define PLIM_PLATFORM_DIRTY_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plim__dirty_way {
    PLIM__DIRTY_ANY = 0, /* the first that works, in this order */
    PLIM__DIRTY_SCAN,    /* the kernel marks first writes and lists them; Linux 6.7 */
    PLIM__DIRTY_PRIVATE, /* pages that are the process's own; given back at each rearm */
    PLIM__DIRTY_TRAP /* first writes are faults, handled here; system calls that write get EFAULT */
} plim__dirty_way;

/** A run of whole pages, from the beginning of the memory. */
typedef struct plim__dirty_run {
    uint64_t offset;
    uint64_t bytes;
} plim__dirty_run;

/** Caller's storage; all but `way` private. */
typedef struct plim__dirty {
    plim__dirty_way way;
    unsigned char *memory;
    size_t bytes;
    int watcher;    /* userfaultfd; -1: none */
    int pagemap;    /* -1: none */
    int trap;       /* its number; -1: none */
    bool is_unsure; /* marks were set on pages that count as written */
} plim__dirty;

/** Maps part of a file privately; address NULL: anywhere, else there or nowhere. All three are
 *  multiples of the page. */
PLIM_NODISCARD plim_status plim__draft_map(int descriptor, uint64_t offset, size_t bytes,
                                           void *address, void **out_memory, plim_error *err);

/** Unmaps it. */
void plim__draft_unmap(void *memory, size_t bytes);

/** All pages show the file again; what was written to them is gone. */
PLIM_NODISCARD plim_status plim__dirty_drop(plim__dirty *dirty, plim_error *err);

/** Begins to watch a fresh private mapping. PLIM_ERR_UNSUPPORTED: that way does not work here. */
PLIM_NODISCARD plim_status plim__dirty_start(plim__dirty *dirty, void *memory, size_t bytes,
                                             plim__dirty_way way, plim_error *err);

/** The next runs from *position on (0 at first), up to cap; *position moves on, and is the memory's
 *  size at the end. */
PLIM_NODISCARD plim_status plim__dirty_take(plim__dirty *dirty, size_t *position,
                                            plim__dirty_run *runs, size_t cap, size_t *out_count,
                                            plim_error *err);

/** What was taken since the last rearm goes on being listed, perhaps with more. */
void plim__dirty_keep(plim__dirty *dirty);

/** The file holds what runs within [start, end) held: they count as unwritten from now on. Where
 *  that fails they go on being listed. */
void plim__dirty_rearm(plim__dirty *dirty, uint64_t start, uint64_t end);

/** Ends the watch; the mapping stays. */
void plim__dirty_stop(plim__dirty *dirty);

/** As plim__dirty_take(), for private pages of another process. */
PLIM_NODISCARD plim_status plim__dirty_of_peer(int64_t pid, uint64_t address, size_t bytes,
                                               size_t *position, plim__dirty_run *runs, size_t cap,
                                               size_t *out_count, plim_error *err);

/** Copies another process's memory, all or PLIM_ERR_GONE. */
PLIM_NODISCARD plim_status plim__peer_copy(int64_t pid, uint64_t address, void *out, size_t bytes,
                                           plim_error *err);

#endif
