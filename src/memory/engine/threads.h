/* SPDX-License-Identifier: MIT */
/**
 * @file threads.h
 * @brief Threads' records: made at the first need, ended with the thread; and taking caches back.
 *
 * Lock order: a bank's admin flag, the list of threads, the slot table's, one manager's.
 */
#ifndef PLIM_MEMORY_THREADS_H
#define PLIM_MEMORY_THREADS_H
#include "memory/engine/cache.h"

/** Before the first lock of any manager is taken: from then on a fork takes them all, so that no
 *  child finds one that another thread had. */
void plim__threads_start(void);

/**
 * Before anything but the fast path: marks the thread as inside, and gives it a record if it has
 * none and may have one. False if the thread is inside already: this is a signal handler.
 */
bool plim__thread_begin(void);

/** After it. */
void plim__thread_end(void);

/** This thread's cache of a domain, made if need be; NULL if there is to be none. Between begin and
 *  end, without the manager's lock, which guards what is in it. */
plim__cache *plim__thread_cache(plim_manager *manager, plim__domain *domain);

/** The next blocks given back are likely to be that manager's. */
void plim__thread_home(const plim_manager *manager);

/** This thread opened a scope: until all are closed, what it gives back goes the checked way. */
void plim__thread_scoped(void);

/** All threads that rest go past the fast way from their next request on, if plim__watch_is_on();
 *  one in the middle of a request may do so only after its next slow step. */
void plim__threads_watch(void);

/** Keeps a block that a signal handler gave back until the thread can do so. */
void plim__thread_late(void *block);

/** Gives back to the slabs what all threads have of a slot, or of all a manager's with slot 0. */
size_t plim__threads_drain(plim_manager *manager, uint32_t slot);

/** Bytes that all threads' caches have of a slot, blocks given out by them to *out_pops. */
size_t plim__threads_cached(uint32_t slot, uint64_t *out_blocks, uint64_t *out_pops);

/** Blocks of each class that all threads' caches have of a slot. */
void plim__threads_cached_blocks(uint32_t slot, uint32_t out_counts[PLIM__CLASS_CODES]);

/** Bytes live in a slot as they were asked for, and the most that were: of several threads, as far
 *  as each has told. Level standard and above. */
size_t plim__threads_asked(uint32_t slot, size_t *out_most);

/** Ends all caches of a slot, whatever is in them; they are drained first. */
void plim__threads_forget(uint32_t slot);

/** No thread looks at that manager's space any more. */
void plim__threads_leave(const plim_manager *manager);

/** Bytes of the records themselves: the process's, not a manager's. */
size_t plim__threads_bytes(void);

/** Bytes of what is static beside them. */
size_t plim__threads_tables_bytes(void);

#endif
