/* SPDX-License-Identifier: MIT */
/**
 * @file shape.h
 * @brief The constants that give the allocator its shape; a small device's build sets its own.
 */
#ifndef PLIM_MEMORY_SHAPE_H
#define PLIM_MEMORY_SHAPE_H
#include <stddef.h>
#include <stdint.h>

/* PAGE_SHIFT   A page: what a slab and a large block are made of. 12 is the hardware's on every
                hosted system, so that a page given back to us can be given back to it.
   SLOT_COUNT   Domains of one process at a time, and one per manager for its own records; slot 0 is
                nobody's. A byte in a handle and in a page's info word.
   SITES_MAX    Rows of refusals by place in the code; the rest is counted in one sum.
   SPACE_LOG2   Pages of one space, at most, as a power of two: what bins for free runs cover.
   MODULES      Loaded files, and pages of them, for which a domain is remembered.
   LINE_BYTES   Words that threads fight over lie so far apart. */
#ifdef PLIM_BARE
#ifndef PLIM__PAGE_SHIFT
#define PLIM__PAGE_SHIFT 9
#endif
#define PLIM__SLOT_COUNT   16u
#define PLIM__SITES_MAX    8u
#define PLIM__SPACE_LOG2   12
#define PLIM__LINE_BYTES   8
#define PLIM__MANAGERS_MAX 2
#else
#define PLIM__PAGE_SHIFT   12
#define PLIM__SLOT_COUNT   256u
#define PLIM__SITES_MAX    64u
#define PLIM__SPACE_LOG2   32
#define PLIM__LINE_BYTES   64
#define PLIM__MANAGERS_MAX 16 /* looked through on a free whose manager is not the last one's */
#endif
/* The highest level of checks that is compiled in, as in plim_verify (build option -Dverify). */
#ifndef PLIM_VERIFY_MAX
#define PLIM_VERIFY_MAX 5
#endif
#define PLIM__PAGE_BYTES ((size_t)1 << PLIM__PAGE_SHIFT)

/* A page's info word has the slot in its upper byte and the class code in the upper six bits of the
   lower; 0 says that no block begins or lies here. So the lower byte, times 8, is the way to a
   cache's bin of 32 bytes: no shift between the load of the word and that of the bin.
   Class codes: 1 to PLIM__CLASS_COUNT are size classes, then the two below. */
enum {
    PLIM__INFO_SLOT_SHIFT = 8,
    PLIM__INFO_CODE_SHIFT = 2,
    PLIM__INFO_CODES_MASK = 0xff,
    PLIM__INFO_CODE_MASK = 0xfc,
    PLIM__CLASS_CODES = 64,
    PLIM__CLASS_INNER = 62, /* a page of a large block that is not its first */
    PLIM__CLASS_LARGE = 63, /* the first page of a large block */
    PLIM__SLOTS = (int)PLIM__SLOT_COUNT
};

enum {
    PLIM__ALIGN_SHIFT = 4,
    PLIM__ALIGN = 1 << PLIM__ALIGN_SHIFT, /* of every block */
    PLIM__ALIGN_MAX = 2 << 20,            /* a huge page: beyond it nobody has asked yet */
    PLIM__DOMAINS_MAX = 64,               /* of one manager */
    PLIM__DOMAINS_DEFAULT = 16
};

/** A page's info word. */
static inline uint16_t plim__info_of(uint32_t slot, unsigned code)
{
    return (uint16_t)(slot << PLIM__INFO_SLOT_SHIFT | code << PLIM__INFO_CODE_SHIFT);
}

/** The class code of one. */
static inline unsigned plim__info_code(size_t info)
{
    return (unsigned)(info & PLIM__INFO_CODE_MASK) >> PLIM__INFO_CODE_SHIFT;
}

/** The slot of one: below PLIM__SLOTS, or spoiled. */
static inline uint32_t plim__info_slot(size_t info)
{
    return (uint32_t)(info >> PLIM__INFO_SLOT_SHIFT);
}

/* Bound of one request: what is left for the arithmetic of rounding and tables never overflows. */
#define PLIM__REQUEST_MAX (SIZE_MAX / 4)

#define PLIM__LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define PLIM__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#endif
