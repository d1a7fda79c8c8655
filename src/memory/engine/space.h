/* SPDX-License-Identifier: MIT */
/**
 * @file space.h
 * @brief One contiguous space of pages: runs taken, given back, joined; what each page is.
 *
 * The caller holds the manager's lock for all but plim__space_info().
 */
#ifndef PLIM_MEMORY_SPACE_H
#define PLIM_MEMORY_SPACE_H
#include <stdbool.h>

#include "memory/shape.h"

#define PLIM__PAGE_NONE UINT32_MAX

enum {
    /* free runs by pages: exact to 15, then eight to a doubling */
    PLIM__SPACE_BINS = 16 + (PLIM__SPACE_LOG2 - 4) * 8,
    PLIM__SPACE_WORDS = (PLIM__SPACE_BINS + 31) / 32,
    PLIM__PAGE_WORDS = (1 << PLIM__PAGE_SHIFT) / PLIM__ALIGN / 32, /* a bit per smallest block */
    PLIM__ROW_WORDS = 4,                                           /* marks of a large block */
    PLIM__SPACE_TABLES = 5                                         /* without those of checks */
};

/** What is known of a run, kept at its first page (a free one's bounds also at its last). */
typedef struct plim__run {
    uint32_t pages;
    union {
        uint32_t start; /* of a free one, at both ends: its first page */
        uint32_t ahead; /* slab on a list: what is thought to stand further back in it (slab.c) */
    };
    uint32_t next, prev; /* in the list it is on */
    uint16_t free_count; /* slab: blocks not given out */
    uint16_t block_count;
    uint8_t hint;       /* slab: the first word of its bits that may have one set */
    uint8_t is_lasting; /* slab: of blocks that last to the end */
    uint8_t is_free;    /* run: on one of the space's lists */
    uint8_t is_listed;  /* slab: on its class's list of slabs with room */
} plim__run;

/** A page's flag bits. */
enum {
    PLIM__PAGE_HELD = 1,   /* memory of the system stands behind it */
    PLIM__PAGE_STATED = 2, /* states of it, or of its neighbours, are written */
    PLIM__PAGE_MARKED = 4  /* so are marks */
};

/** What a space keeps of its blocks beside what it needs itself. */
typedef enum plim__space_keeps {
    PLIM__KEEPS_NOTHING,
    PLIM__KEEPS_STATES, /* level standard */
    PLIM__KEEPS_ROWS,   /* level full: states, and of each page a row of ROW_WORDS marks */
    PLIM__KEEPS_MARKS   /* each block watched: states, and a mark for each ALIGN bytes */
} plim__space_keeps;

typedef struct plim__space {
    uintptr_t base;
    size_t bytes; /* page_count pages */
    uint32_t page_count;
    uint32_t committed; /* pages from the front that may be touched */
    uint32_t touched;   /* pages from the front that ever were taken */
    bool is_sealed;     /* no page becomes held any more */
    bool can_commit;    /* the system's pages; else the caller's storage, all there at once */
    uint16_t *info;     /* per page */
    uint8_t *flags;     /* per page */
    uint8_t *backs;     /* per page of a slab: so many pages before it is the slab's first */
    plim__run *runs;    /* per page */
    uint32_t *bits;     /* PAGE_WORDS per page: of a slab's blocks, those not given out */
    uint8_t *states;    /* one for each ALIGN bytes, level standard and above (marks.h); or NULL */
    uint32_t *marks;    /* level full and above: so many of each page … */
    uint32_t page_marks;
    uint32_t state_pages; /* pages of the system that states stand on */
    uint32_t mark_pages;  /* the same of marks */
    size_t held_pages;
    size_t held_pages_max;
    size_t free_held_pages; /* held, and in no run */
    uint32_t refuse_at;     /* tests: so many takes from now one is refused; 0: none */
    uint32_t bitmap[PLIM__SPACE_WORDS];
    uint32_t bins[PLIM__SPACE_BINS];
} plim__space;

/** Bytes of tables that a space of so many pages needs. */
size_t plim__space_tables_bytes(size_t page_count, plim__space_keeps keeps);

/** Bytes of those tables that the pages taken so far can have touched. */
size_t plim__space_tables_touched(const plim__space *space);

/** Makes it; tables (zero, of the size above) and pages are the caller's and outlive it. */
void plim__space_init(plim__space *space, void *tables, void *pages, size_t page_count,
                      bool can_commit, plim__space_keeps keeps);

/** Notes that states of those pages are written from now on, and marks where each block has one,
 *  for tables_touched(). */
void plim__space_marked(plim__space *space, uint32_t page, uint32_t pages);

/** Notes that of one page, which a large block begins on, states and marks are. */
void plim__space_rowed(plim__space *space, uint32_t page);

/** The marks of a page. */
static inline uint32_t *plim__space_row(const plim__space *space, uint32_t page)
{
    return space->marks + (size_t)page * space->page_marks;
}

/** All states of those pages become 0, so that marks of theirs say nothing. */
void plim__space_unstate(plim__space *space, uint32_t page, uint32_t pages);

/**
 * Takes a run whose first page is at a multiple of align_pages (of address, not index); the info
 * words are the caller's to set. PLIM__PAGE_NONE if there is none or the system refuses.
 */
uint32_t plim__space_take(plim__space *space, uint32_t pages, uint32_t align_pages);

/** Gives a run back, its info words cleared; the first page of the free run it is part of now. */
uint32_t plim__space_give(plim__space *space, uint32_t page, uint32_t pages);

/** Makes a taken run longer by what is free behind it; false if that is too little. */
bool plim__space_extend(plim__space *space, uint32_t page, uint32_t pages, uint32_t more);

/** Sets the info words of a run: the first page's, and the others'. */
void plim__space_mark(plim__space *space, uint32_t page, uint32_t pages, uint16_t first,
                      uint16_t rest);

/** Gives the memory of free pages back to the system; bytes given. Not where sealed or fixed. */
size_t plim__space_trim(plim__space *space);

/** Does it for the free run that begins at the page. */
size_t plim__space_trim_run(plim__space *space, uint32_t page);

/** From here on only held pages are given out. */
void plim__space_seal(plim__space *space);

/** Walks everything; the name of what does not hold, or NULL. */
const char *plim__space_fault(const plim__space *space);

/** Where a page begins. */
static inline void *plim__space_address(const plim__space *space, uint32_t page)
{
    return (void *)(space->base + ((uintptr_t)page << PLIM__PAGE_SHIFT));
}

/** The first page of the slab that a page belongs to. */
static inline uint32_t plim__space_slab(const plim__space *space, uint32_t page)
{
    return page - space->backs[page];
}

/** Is the address inside; one comparison, for below it wraps around. */
static inline bool plim__space_has(const plim__space *space, const void *address)
{
    return (uintptr_t)address - space->base < space->bytes;
}

/** The page an address inside lies on. */
static inline uint32_t plim__space_page(const plim__space *space, const void *address)
{
    return (uint32_t)(((uintptr_t)address - space->base) >> PLIM__PAGE_SHIFT);
}

#endif
