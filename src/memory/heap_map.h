/* SPDX-License-Identifier: MIT */
/**
 * @file heap_map.h
 * @brief How a heap is read from outside its process: the map, its addresses, and what lies there.
 *
 * libplimsoll-malloc.so keeps one plim__heap_map at the start of a private mapping of a memory file
 * called "plimsoll-heap-…", whose descriptor is closed: /proc/PID/maps shows it, whatever the
 * program does to its descriptors, a child of fork() has one of its own, exec() ends it. All else
 * lies in the process's own memory, at the addresses that the map gives, and is read there.
 *
 * A live block is one that has a note: a word per block, 0 while it is not given out, else
 * birth << site_bits | site. Notes of a slab stand together; where, says a word per page, that of
 * the slab's first page (or a large block's): start << PLIM__NOTE_KIND_BITS | kind, and there are
 * 1 << kind of them, kind counted from 1 up (kind - 1 is the power). 0: none yet.
 * Births begin with 1 and rise within a thread; between threads they are as old as they seem up to
 * PLIM__BIRTHS_AT_ONCE. Site 0 is unknown; site n is the n-th stack.
 *
 * A reader trusts nothing of it: the process may be of another version, hostile, or writing.
 */
#ifndef PLIM_MEMORY_HEAP_MAP_H
#define PLIM_MEMORY_HEAP_MAP_H
#include <stdint.h>

#define PLIM__HEAP_MAP_NAME "plimsoll-heap-"

enum {
    PLIM__HEAP_MAP_VERSION = 2,
    PLIM__HEAP_CLASSES = 64,
    PLIM__HEAP_OWN_RANGES = 6, /* the library, the manager, notes' two, stacks' two */
    PLIM__NOTE_SITE_BITS = 20,
    PLIM__NOTE_KIND_BITS = 4,
    PLIM__STACK_FRAMES_MAX = 16,
    PLIM__BIRTHS_AT_ONCE = 64 /* numbers that a thread takes at a time */
};

/** A stack of return addresses, the allocating call's first; one site. */
typedef struct plim__heap_stack {
    uint32_t hash;
    uint32_t count; /* of frames */
    uint64_t frames[PLIM__STACK_FRAMES_MAX];
} plim__heap_stack;

/** Fields end in _at if they are addresses in the process; widths are fixed. */
typedef struct plim__heap_map {
    uint8_t magic[8]; /* "PLIMHEAP" */
    uint32_t version;
    uint32_t bytes; /* of this struct */
    uint64_t is_ready;
    /* The pages. */
    uint64_t base;
    uint64_t page_count;
    uint64_t touched_at; /* u32: pages from the front that ever were taken */
    uint64_t info_at;    /* u16 per page: domain << slot_shift | class << class_shift */
    uint64_t backs_at;   /* u8 per page of a slab: so many pages before it is its first */
    uint64_t runs_at;    /* per page, of run_bytes, with two fields at those offsets: */
    uint32_t page_shift;
    uint32_t run_bytes;
    uint32_t run_pages; /* u32: pages of the run, at its first page */
    uint32_t run_count; /* u16: blocks of a slab */
    uint32_t slot_shift;
    uint32_t class_shift;
    uint32_t class_large; /* the first page of a large block */
    uint32_t own_domain;  /* of the allocator's own records: not the program's */
    uint16_t class_bytes[PLIM__HEAP_CLASSES]; /* 0: not a class of blocks in slabs */
    /* The notes. */
    uint64_t note_pages_at;  /* u64 per page */
    uint64_t notes_at;       /* u64 each */
    uint64_t notes_end_at;   /* u64: how many there are room for */
    uint64_t notes_lost_at;  /* u64: blocks that got none */
    uint64_t births_at;      /* u64: the next number that a thread will take */
    uint64_t stacks_at;      /* plim__heap_stack each; site n is at index n - 1 */
    uint64_t stack_count_at; /* u32 */
    uint32_t site_bits;
    uint32_t stack_bytes; /* sizeof(plim__heap_stack) */
    uint32_t depth;       /* frames that are looked for */
    /* Whose a block is: a name per domain. */
    uint32_t domain_count;
    uint64_t domain_names_at; /* the first one's name; the next is domain_bytes on */
    uint32_t domain_bytes;
    uint32_t name_bytes;
    /* What is the allocator's, and no root of the program's blocks; ranges of 0 bytes are none. */
    uint64_t own_at[PLIM__HEAP_OWN_RANGES];
    uint64_t own_bytes[PLIM__HEAP_OWN_RANGES];
    /* Blocks from before there was a manager: no notes, but they may hold addresses. */
    uint64_t boot_at;
    uint64_t boot_bytes;
} plim__heap_map;

#endif
