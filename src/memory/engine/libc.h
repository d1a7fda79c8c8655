/* SPDX-License-Identifier: MIT */
/**
 * @file libc.h
 * @brief Blocks of the C library's malloc, for requests that ask for that provider: charged like
 *        any other, found again by their address.
 */
#ifndef PLIM_MEMORY_LIBC_H
#define PLIM_MEMORY_LIBC_H
#include <plimsoll/memory.h>

#include "memory/engine/engine.h"

/** What is known of one. */
typedef struct plim__libc_block {
    void *block; /* NULL: the row is free */
    size_t bytes;
    size_t charge;
    plim__slot *slot;
    const char *site;
} plim__libc_block;

/** Charged for so many bytes: what the C library's header and rounding come to, about. */
static inline size_t plim__libc_charge(size_t bytes)
{
    return (bytes + 2 * PLIM__ALIGN - 1) & ~(size_t)(PLIM__ALIGN - 1);
}

/** A block, aligned to 16; NULL if refused, and then refused as plim__refuse() does. */
void *plim__libc_take(plim__slot *slot, size_t bytes, const char *site);

/** Finds one; false if it is none. */
bool plim__libc_find(const void *block, plim__libc_block *out_known);

/** Gives one back; false if it is none. Between plim__thread_begin() and end. */
bool plim__libc_give(void *block);

/** Gives all of a manager's back. */
void plim__libc_end(plim_manager *manager);

#endif
