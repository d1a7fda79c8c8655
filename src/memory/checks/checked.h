/* SPDX-License-Identifier: MIT */
/**
 * @file checked.h
 * @brief What operations of a manager at level standard and above do besides.
 *
 * Each block has a state, kept apart from it (marks.h): whether it is live; a watched one has a
 * mark, too: what was asked, by whom. Two ways lead to them. The swift one (swift.c) is a thread's
 * cache with a look at the state on the way, without a lock; whatever it does not understand goes
 * the checked way (checked.c), under the manager's lock from its first check to its last, so that
 * what it sees is one instant; the panic hook is called after the lock is given back, with nothing
 * changed.
 *   standard   alignment, double release, foreign and inner pointers
 *   full       + of one block in watch_every, and each large one: guard bytes behind it, a copy
 *              of its mark, poison when it is released; the sums of the slot around each operation
 *              that has the lock, and the whole state in samples, after a number of operations
 *              that follows from PLIM__SAMPLE_EVERY. Where each is watched: requested bytes
 *   redundant  + each block watched, no caches: all of it under the lock, with the whole state at
 *              each operation
 */
#ifndef PLIM_MEMORY_CHECKED_H
#define PLIM_MEMORY_CHECKED_H
#include "memory/engine/cache.h"

enum {
    PLIM__GUARD_MIN = 16,  /* bytes behind each block at level full */
    PLIM__GUARD_MAX = 128, /* of what lies behind it, so much is filled and looked at */
    /* From one look at the whole state to the next so many operations, and so many for each page
       that the look goes through: it costs the same share of the time however large the state. */
    PLIM__SAMPLE_EVERY = 8192,
    PLIM__SAMPLE_PER_PAGE = 64
};

/** A request that is understood. */
typedef struct plim__wish {
    plim__slot *slot;
    unsigned code; /* 0: whole pages */
    size_t bytes;  /* as asked */
    size_t charge;
    size_t align;
    const char *site;
    bool is_lasting;
    bool is_watched;
} plim__wish;

/** Whether a manager's operations go this way. */
static inline bool plim__is_checked(const plim_manager *manager)
{
    return PLIM_VERIFY_MAX >= PLIM_VERIFY_STANDARD && manager->verify >= PLIM_VERIFY_STANDARD;
}

/** Whether some blocks have guards and poison, and slots sums. */
static inline bool plim__is_full(const plim_manager *manager)
{
    return PLIM_VERIFY_MAX >= PLIM_VERIFY_FULL && manager->verify >= PLIM_VERIFY_FULL;
}

/** Whether all blocks have: so that what was asked for is known of each. */
static inline bool plim__is_exact(const plim_manager *manager)
{
    return plim__is_full(manager) && manager->watch_every == 1;
}

/** The largest request, guard included, that is served from slabs. */
static inline size_t plim__small_max(const plim_manager *manager)
{
    return plim__is_checked(manager) ? PLIM__SMALL_MAX - 1 : PLIM__SMALL_MAX;
}

/** A block of a thread's own cache that is not watched, after more were had from the slabs; NULL:
 *  nothing was changed, and the checked way is to find out why. */
void *plim__checked_refill(plim_manager *manager, uint32_t slot, plim__cache *cache, unsigned code,
                           const char *site);

/** Keeps a live block that is not watched, after others went back to the slabs; false: as above. */
bool plim__checked_flush(plim_manager *manager, uint32_t slot, plim__cache *cache, unsigned code,
                         void *block);

/** Whether the next block, which is to be taken the checked way, is watched. */
bool plim__checked_is_watched(plim_manager *manager);

/** Charges and takes a block. NULL: refused, and the refusal recorded. */
void *plim__checked_take(const plim__wish *wish);

/**
 * Gives a block back; what is wrong with it goes to the panic hook. After plim__thread_begin(), and
 * ends what that began.
 */
void plim__checked_give(plim_manager *manager, void *block, const char *site);

/** The same for plim__thread_end() itself: a block that a signal handler gave back. */
void plim__checked_give_inside(plim_manager *manager, void *block);

/** Memory of another kind (PLIM_BLOCK) joins or leaves a slot. Under the manager's lock. */
void plim__checked_book(plim__slot *slot, size_t old_bytes, size_t bytes);

/** Bytes asked for and the site, of a live block; false if it is none. */
bool plim__checked_look(plim_manager *manager, const void *block, size_t *out_bytes,
                        const char **out_site);

/** What came of plim__checked_resize(). */
typedef enum plim__resized {
    PLIM__RESIZED_DONE,  /* in place */
    PLIM__RESIZED_MOVE,  /* it takes another block: *out_bytes are what the old one had */
    PLIM__RESIZED_FAULTY /* told to the hook; nothing changed */
} plim__resized;

/** Makes a block larger or smaller where it stands, if its class or its pages allow it. *site NULL:
 *  it stays what it is, and is told where the block moves. */
plim__resized plim__checked_resize(plim_manager *manager, void *block, size_t bytes,
                                   const char **site, size_t *out_bytes);

/** Starts the mark of requested bytes anew. */
void plim__checked_mark_reset(plim__slot *slot);

/* For caches of a checked manager, under its lock. */

/** Makes the cache one whose operations are checked. */
void plim__checked_cache(plim__cache *cache);

/** Blocks of that many bytes in all came into a cache, or went; and it tells what it was asked. */
void plim__checked_moved(plim__cache *cache, ptrdiff_t count, ptrdiff_t bytes);

#endif
