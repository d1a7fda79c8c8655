/* SPDX-License-Identifier: MIT */
/**
 * @file classes.h
 * @brief Size classes: from a size to its class, and how many pages a slab of one takes.
 */
#ifndef PLIM_MEMORY_CLASSES_H
#define PLIM_MEMORY_CLASSES_H
#include <stdbool.h>

#include "memory/shape.h"

enum {
    PLIM__CLASS_COUNT = 60,
    PLIM__FINE_MAX = 1024,
    PLIM__CLASS_FINE = 33,  /* classes before this one are up to that */
    PLIM__SMALL_MAX = 32768 /* larger blocks are runs of pages of their own */
};

extern const uint16_t plim__class_bytes[PLIM__CLASS_CODES];
/** 2^32 / bytes, rounded up: an offset that is a multiple of the size, times this, shifted by 32,
 *  is the quotient. */
extern const uint32_t plim__class_inverse[PLIM__CLASS_CODES];
extern const uint8_t plim__class_fine[65];
extern const uint8_t plim__class_coarse[257];
/** plim__class_fine times the size of a bin of a thread's cache: one step less on the fast way. */
extern const uint16_t plim__class_bins[65];

/** The class of a size up to PLIM__SMALL_MAX; 0 for size 0. */
static inline unsigned plim__class_of(size_t bytes)
{
    return bytes <= PLIM__FINE_MAX ? plim__class_fine[(bytes + 15) >> 4]
                                   : plim__class_coarse[(bytes + 127) >> 7];
}

/** The smallest class whose blocks all begin at multiples of align; 0 if there is none. */
unsigned plim__class_aligned(size_t bytes, size_t align);

/** Pages of one slab of that class; tight: a manager so small that slack matters more. */
uint32_t plim__class_run_pages(unsigned code, bool is_tight);

#endif
