/* SPDX-License-Identifier: MIT */
/**
 * @file arena.h
 * @brief What one compilation needs, given back at once; and texts that grow.
 *
 * A refusal sticks: is_refused is looked at once at the end of a step, not at each call.
 */
#ifndef PLIM_REPL_SOURCE_ARENA_H
#define PLIM_REPL_SOURCE_ARENA_H
#include <plimsoll/allocator.h>
#include <plimsoll/status.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct plim__arena_chunk plim__arena_chunk;

/** Zero it but for the allocator to start. */
typedef struct plim__arena {
    const plim_allocator *allocator;
    plim__arena_chunk *chunks; /* the newest first */
    size_t chunk_bytes;        /* 0: 16 KiB */
    bool is_refused;
} plim__arena;

/** Cleared memory, aligned for anything; NULL if refused, now or before. */
void *plim__arena_take(plim__arena *arena, size_t bytes);

/** A copy with a NUL behind it. */
char *plim__arena_copy(plim__arena *arena, const char *bytes, size_t count);

/** Frees all of it. */
void plim__arena_fini(plim__arena *arena);

/** A text that grows, always ended by NUL once something was added. Zero it but for the allocator
    and the bound. */
typedef struct plim__grow {
    const plim_allocator *allocator;
    char *bytes;
    size_t count, cap;
    size_t bytes_max;
    bool is_refused; /* memory, or the bound */
} plim__grow;

void plim__grow_add(plim__grow *grow, const char *bytes, size_t count);
void plim__grow_string(plim__grow *grow, const char *string);

/** What fits 512 bytes: for addresses, lines and names, not for user text. */
void plim__grow_format(plim__grow *grow, const char *format, ...) PLIM_PRINTF(2, 3);

/** The same byte again and again. */
void plim__grow_fill(plim__grow *grow, char byte, size_t count);
void plim__grow_fini(plim__grow *grow);

#endif
