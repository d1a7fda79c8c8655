/* SPDX-License-Identifier: MIT */
/**
 * @file text_table.h
 * @brief Texts by content: each distinct one gets a number, in the order of first sight.
 *
 * The table borrows the texts; what is built on the way (class names) lives in a text arena, whose
 * texts do not move until it is cleared.
 */
#ifndef PLIM_HEAP_TEXT_TABLE_H
#define PLIM_HEAP_TEXT_TABLE_H
#include <plimsoll/graph.h>

#include <string.h>

#include "base/allocator.h"

typedef struct plim__text_entry {
    plim_text text;
    uint32_t hash;
} plim__text_entry;

/** Zero it, set the allocator, end it with plim__text_table_fini(). */
typedef struct plim__text_table {
    const plim_allocator *allocator;
    plim__text_entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots;     /* number + 1; 0 is empty */
    uint32_t slot_count; /* a power of two, at least twice the count */
} plim__text_table;

/** Frees; the texts are not the table's. */
void plim__text_table_fini(plim__text_table *table);

/** The number of a text, or PLIM_NONE. */
uint32_t plim__text_table_find(const plim__text_table *table, plim_text text);

/** The number of a text, adding it if it is new; PLIM_NONE if memory was refused. */
uint32_t plim__text_table_add(plim__text_table *table, plim_text text);

/** Texts made by an analysis, in chunks that never move. */
typedef struct plim__text_chunk plim__text_chunk;
typedef struct plim__text_arena {
    const plim_allocator *allocator;
    plim__text_chunk *chunks; /* newest first */
} plim__text_arena;

/** Frees all texts. */
void plim__text_arena_fini(plim__text_arena *arena);

/** Room for a text of that many bytes; NULL if memory was refused. */
char *plim__text_arena_take(plim__text_arena *arena, size_t bytes);

/** A mixing hash over bytes; the same on every machine. */
uint32_t plim__text_hash(plim_text text);

/** Same bytes. */
static inline bool plim__text_equal(plim_text a, plim_text b)
{
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0);
}

/** Begins with those bytes. */
static inline bool plim__text_starts(plim_text text, const char *prefix, size_t prefix_bytes)
{
    return text.size_bytes >= prefix_bytes && memcmp(text.data, prefix, prefix_bytes) == 0;
}

/** Order by bytes, shorter first where one begins the other: -1, 0 or 1. */
static inline int plim__text_compare(plim_text a, plim_text b)
{
    size_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

/** A literal as a text. */
#define PLIM__TEXT(literal) ((plim_text){(literal), sizeof(literal) - 1})

#endif
