/* SPDX-License-Identifier: MIT */
/**
 * @file heap.h
 * @brief A session's heap: one manager whose code, variables and blocks all lie in the session.
 *
 * It is the first unit of every session, linked when the library is built, and found by the table
 * whose address is the image's entry. It calls nothing outside itself but plim__heap_failed, so it
 * is the same in each worker and goes back with an undo. The caller sees to it that one thread at
 * a time is inside.
 */
#ifndef PLIM_REPL_HEAP_H
#define PLIM_REPL_HEAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLIM__HEAP_MAGIC = 0x50484532 };

/** What a heap holds. */
typedef struct plim__heap_figures {
    uint64_t used_bytes, block_count, high_water_bytes, limit_bytes, refusal_count;
} plim__heap_figures;

/** Of a live block: where, and what may be written. */
typedef struct plim__heap_block {
    uint64_t address, bytes;
} plim__heap_block;

/** Told of what a check found: a sentence, and the address. Must not return into the program. */
typedef void plim__heap_failed(const char *what, const void *address);

/** The functions; blocks are aligned to 16. */
typedef struct plim__heap_table {
    uint32_t magic;
    uint32_t bytes; /* sizeof this */
    /* Makes the heap in an area that is zero. */
    bool (*start)(void *area, size_t area_bytes, uint64_t total_bytes);
    /* Whom to tell; NULL: nobody. Writes only if it is another. */
    void (*failed_set)(plim__heap_failed *failed);
    /* What all blocks together may be charged from now on. Writes only if it is another. */
    bool (*limit_set)(uint64_t limit_bytes);
    /* NULL: refused; *out_never: it could not be had from an empty heap either. align 0: 16. */
    void *(*take)(size_t bytes, size_t align, bool zeroed, bool *out_never);
    void *(*resize)(void *block, size_t bytes, bool *out_never);
    void (*give)(void *block);
    size_t (*usable)(const void *block); /* 0: no live block begins there */
    /* The block that holds an address; false: none does. */
    bool (*find)(const void *address, plim__heap_block *out_block);
    bool (*verify)(char *text, size_t cap); /* false: *text says what does not hold */
    /* Where the tables lie that verify() walks: below this, from the area's beginning on. */
    const void *(*tables_end)(void);
    void (*figures)(plim__heap_figures *out_figures);
    /* Live blocks from *position (0 at first) on, up to cap; how many. 0: the end. */
    size_t (*walk)(uint64_t *position, plim__heap_block *blocks, size_t cap);
} plim__heap_table;

#endif
