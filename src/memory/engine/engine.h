/* SPDX-License-Identifier: MIT */
/**
 * @file engine.h
 * @brief The allocator's own state: the manager, and what serves each slot of the slot table.
 *
 * Who is charged is domain.h's: a slot's record there has the handle, the budget, the name. The
 * engine keeps beside it, under the same slot number, whose pages the blocks lie on and the slabs
 * they are cut from.
 */
#ifndef PLIM_MEMORY_ENGINE_H
#define PLIM_MEMORY_ENGINE_H
#include <plimsoll/manager.h>

#include "memory/budgets/domain.h"
#include "memory/engine/classes.h"
#include "memory/engine/space.h"
#include "platform/lock.h"

enum { PLIM__MANAGER_MAGIC = 0x504c4d31, PLIM__NAME_BYTES = 32 };

/** A page's number in a list's head, of which a domain has many; all bits set: none. */
#ifdef PLIM_BARE
typedef uint16_t plim__room;
_Static_assert(PLIM__SPACE_LOG2 < 16, "a page's number has room");
#else
typedef uint32_t plim__room;
#endif
#define PLIM__ROOM_NONE ((plim__room)PLIM__PAGE_NONE)

enum { PLIM__AHEAD = 3 }; /* slabs that a refill looks at beside the first */

/** What serves one slot. Under the manager's lock. */
typedef struct plim__central {
    /* By class: the first slab with room, or PLIM__ROOM_NONE; then the same for slabs of blocks
       that last to the end, which so keep no other slab from emptying. */
    plim__room rooms[2 * PLIM__CLASS_CODES];
    size_t charged_bytes;            /* blocks given out, as charged, threads' caches included */
    size_t block_count;              /* how many those are */
    size_t slab_bytes;               /* whole pages behind the size classes */
    size_t large_bytes;              /* of charged_bytes, in runs of their own */
    size_t static_count;             /* of block_count, PLIM_BLOCKs */
    size_t static_bytes;             /* of charged_bytes, in PLIM_BLOCKs: no page is behind them */
    uint8_t slabs[PLIM__CLASS_FINE]; /* of the classes up to 1 KiB, as far as 255 */
#ifndef PLIM_BARE
    /* By class: the slabs that are thought to follow the first in its list; 0: unknown. Behind this
       struct; NULL in tight managers. */
    uint32_t (*ahead)[PLIM__AHEAD];
#endif
} plim__central;

/** What should be true of a slot, counted again where operations are checked. Under the lock. */
typedef struct plim__ghost {
    ptrdiff_t requested_bytes; /* live, as asked for, but for what caches have still to tell */
    size_t requested_mark;     /* the most of that since the last reset */
    size_t charged_bytes;      /* threads' caches included, as in the budget */
    size_t charged_inverse;    /* ~charged_bytes: a stray write spoils the one or the other */
    size_t block_count;
} plim__ghost;

/** What the engine keeps of a slot; set before its domain is published. */
typedef struct plim__slot {
    _Atomic(plim_manager *) manager; /* NULL: nobody's */
    plim__central *central;
    plim__ghost ghost;     /* level standard and above */
    plim__count allocated; /* blocks ever, but for those still to be counted in threads' caches */
} plim__slot;

extern plim__slot plim__slots[PLIM__SLOTS];

struct plim_manager {
    uint32_t magic;
    plim_verify verify;
    plim_backing backing;
    bool is_tight;  /* so small that slack in slabs matters more than batches */
    bool is_minute; /* no threads' caches: they would be much of it, or hide what is emulated */
    bool is_sealed;
    char name[PLIM__NAME_BYTES];
    size_t total_bytes;
    plim__bank bank;
    plim_panic_hook *panic;
    void *panic_ctx;
    plim__lock lock; /* over the space, all centrals, all below */
    plim__space space;
    uint32_t tables_slot; /* the slot of the manager's own records */
    plim__central tables; /* and what serves it */
    size_t static_bytes;  /* in all centrals */
    size_t base_bytes;    /* tables outside the space: this struct */
    void *range;          /* the reservation, or the caller's storage */
    size_t range_bytes;
    struct plim__libc_block *libc_blocks; /* libc.c's table, in the tables */
    uint32_t libc_rows, libc_used;
    uint32_t watch_every;   /* level full: of so many blocks one is watched; 1: each */
    uint32_t watch_first;   /* of so many, at the beginning of a cache */
    uint32_t watch_count;   /* of those taken the checked way */
    uint32_t checked_count; /* checked operations without a cache, for looks at the whole state */
};

/** The domain of a slot, live or not. */
static inline plim__domain *plim__slot_domain(const plim__slot *slot)
{
    return plim__domain_slot((uint32_t)(slot - plim__slots));
}

/** What domain.c asks of the engine. */
extern const plim__bank_engine plim__engine;

/** Gives a manager's own records their slot number; false if none is left. */
bool plim__slot_claim(plim_manager *manager);

/** All slots of a manager are nobody's. */
void plim__slots_clear(plim_manager *manager);

/** Enters a manager among those whose addresses are known; false if there are too many. */
bool plim__managers_add(plim_manager *manager);

/** Takes it out again. */
void plim__managers_remove(plim_manager *manager);

/** The manager an address belongs to, or NULL. */
plim_manager *plim__manager_of(const void *address);

/** Memory for a manager's own records, zeroed, charged to no domain; NULL if there is none. */
void *plim__tables_take(plim_manager *manager, size_t bytes);

/** Gives it back. */
void plim__tables_give(plim_manager *manager, void *block, size_t bytes);

/** Bytes of all static tables of the memory module: the process's, no manager's. */
size_t plim__process_tables_bytes(void);

/** The i-th place among the managers; NULL: empty. */
plim_manager *plim__manager_at(uint32_t index);

/* Around a fork, in this order: nobody makes or ends a manager or a domain; managers' locks. */
void plim__managers_freeze(void);
void plim__managers_lock(void);
void plim__managers_unlock(void);
void plim__managers_thaw(void);

/* The same for the making of the default manager. */
void plim__manager_default_freeze(void);
void plim__manager_default_thaw(void);

/** Closes the slabs that are kept though they are empty. Under the manager's lock. */
void plim__manager_sweep(plim_manager *manager);

/** Books a block that lies in no page of the manager (PLIM_BLOCK, the C library's) in or out of
 *  every account but the budget. Under the manager's lock. */
void plim__outside_book(plim__slot *slot, size_t bytes, bool is_taken);

/** Calls in what threads have cached of what a slot's domain is charged to; false if nothing. */
bool plim__slots_relieve(plim__slot *slot);

/** The two with the manager's lock held. */
void *plim__tables_take_locked(plim_manager *manager, size_t bytes);
void plim__tables_give_locked(plim_manager *manager, void *block, size_t bytes);

#endif
