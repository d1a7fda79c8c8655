/* SPDX-License-Identifier: MIT */
/**
 * @file pages.h
 * @brief Contract: whole pages from the operating system.
 *
 * Pre: sizes are multiples of plim__pages_size(). Post: memory is zero, readable and writable.
 */
#ifndef PLIM_PLATFORM_PAGES_H
#define PLIM_PLATFORM_PAGES_H
#include <stddef.h>

/** Bytes of one page; a power of two. */
size_t plim__pages_size(void);

/** New pages; NULL if the system refuses. */
void *plim__pages_map(size_t bytes);

/** Grows or shrinks, moving if it must; NULL if refused, and then the old pages stand. */
void *plim__pages_remap(void *pages, size_t old_bytes, size_t new_bytes);

/** Gives pages back. */
void plim__pages_unmap(void *pages, size_t bytes);

#endif
