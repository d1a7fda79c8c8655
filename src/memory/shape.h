/* SPDX-License-Identifier: MIT */
/**
 * @file shape.h
 * @brief The constants that give the allocator its shape; a small device's build sets its own.
 */
#ifndef PLIM_MEMORY_SHAPE_H
#define PLIM_MEMORY_SHAPE_H
#include <stddef.h>
#include <stdint.h>

/* A page: what a slab and a large block are made of. 12 is the hardware's on every hosted system,
   so that a page given back to us can be given back to it. A bare build takes 8 to 10. */
#ifndef PLIM__PAGE_SHIFT
#define PLIM__PAGE_SHIFT 12
#endif
#define PLIM__PAGE_BYTES ((size_t)1 << PLIM__PAGE_SHIFT)

/* A page's info word is slot << CLASS_BITS | class code; 0 says that no block begins or lies here.
   Class codes: 1 to PLIM__CLASS_COUNT are size classes, then the two below. */
enum {
    PLIM__CLASS_BITS = 6,
    PLIM__CLASS_CODES = 1 << PLIM__CLASS_BITS,
    PLIM__CLASS_INNER = 62, /* a page of a large block that is not its first */
    PLIM__CLASS_LARGE = 63, /* the first page of a large block */
    PLIM__SLOT_BITS = 8,
    PLIM__SLOTS = 1 << PLIM__SLOT_BITS /* domains of one process at a time; slot 0 is nobody's */
};

enum {
    PLIM__ALIGN = 16,          /* of every block */
    PLIM__ALIGN_MAX = 2 << 20, /* a huge page: beyond it nobody has asked yet */
    PLIM__MANAGERS_MAX = 16,   /* looked through on a free whose manager is not the last one's */
    PLIM__DOMAINS_MAX = 64,    /* of one manager */
    PLIM__DOMAINS_DEFAULT = 16
};

/* Bound of one request: what is left for the arithmetic of rounding and tables never overflows. */
#define PLIM__REQUEST_MAX (SIZE_MAX / 4)

#define PLIM__LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define PLIM__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#endif
