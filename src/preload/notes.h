/* SPDX-License-Identifier: MIT */
/**
 * @file notes.h
 * @brief What is noted of each block beside it: when it was born, and the stack that asked.
 *
 * Off (depth 0) it costs a test per request. On, the notes of a slab's blocks are room taken at the
 * first of them and kept with the pages; taking, moving and giving back a block each write one
 * word. heap_map.h says what a reader finds. All of it is called inside (preload.h), or at the
 * start.
 */
#ifndef PLIM_PRELOAD_NOTES_H
#define PLIM_PRELOAD_NOTES_H
#include "memory/heap_map.h"
#include "preload/preload.h"

/** Makes room; depth 1 to PLIM__STACK_FRAMES_MAX. False if the system refuses: then all is off. */
bool plim__notes_start(const plim__space *space, uint32_t depth);

/** Fills in the map's part. */
void plim__notes_describe(plim__heap_map *map);

/** Notes a new block; on only. */
void plim__notes_born(const void *block, const plim__caller *caller);

/** Takes a block's note off, before it is given back or moved; 0 if it had none. On only. */
uint64_t plim__notes_take(const void *block);

/** Puts a note on a block: one taken off, so it is the same block in another place. On only. */
void plim__notes_put(const void *block, uint64_t note);

/** Bytes that stand behind it all. */
uint64_t plim__notes_bytes(void);

/** Whether it is on. */
extern bool plim__notes_are_on;

/* --- stacks (stacks.c, linux/unwind.c) ------------------------------------------------------- */

/** Makes room for stacks; false if the system refuses. */
bool plim__stacks_start(void);
/** Around a fork: nobody enters a stack between the two. */
void plim__stacks_freeze(void);
void plim__stacks_thaw(void);

void plim__stacks_describe(plim__heap_map *map);
uint64_t plim__stacks_bytes(void);

/** The number of a stack: 1 up; 0 if there is no room for more. */
uint32_t plim__stacks_number(const uint64_t *frames, uint32_t count);

/**
 * The return addresses above a frame, at most `most`, the caller's own first; at least that one.
 * Reads nothing but code tables of loaded modules and the thread's own stack; allocates nothing,
 * takes no lock. Where it does not know how to go on, it ends.
 */
uint32_t plim__unwind(const plim__caller *caller, uint64_t *frames, uint32_t most);

/** The main thread's stack ends there; called by that thread. */
void plim__unwind_start(const void *stack_end);

/** Modules may have been unloaded. */
void plim__unwind_forget(void);

/** Publishes the map; nothing comes of it if the system refuses (linux/map.c). */
void plim__map_publish(void);

#endif
