/* SPDX-License-Identifier: MIT */
/**
 * @file backing.h
 * @brief Contract: address space for a manager, made usable and given back page by page.
 *
 * reserve gives a range that costs nothing until it is committed; commit makes part of it readable
 * and writable (zero when first touched); decommit takes the memory back and leaves the range as it
 * was after commit: usable, and zero when next touched. Post: a refusal changes nothing.
 * Ranges and bytes are multiples of plim__backing_page(). A system without pages refuses to
 * reserve, and then only the caller's own storage backs managers.
 */
#ifndef PLIM_PLATFORM_BACKING_H
#define PLIM_PLATFORM_BACKING_H
#include <stdbool.h>
#include <stddef.h>

/** Bytes of the system's page; 0 where there is none. */
size_t plim__backing_page(void);

/** Address space; NULL if refused. */
void *plim__backing_reserve(size_t bytes);

/** Ends a whole reservation. */
void plim__backing_release(void *range, size_t bytes);

/** Makes part of a reservation usable; false if refused. */
bool plim__backing_commit(void *range, size_t bytes);

/** Gives the memory of a committed part back; false if it could not be. */
bool plim__backing_decommit(void *range, size_t bytes);

/** Bytes of memory this machine has; 0: unknown. */
size_t plim__backing_machine_bytes(void);

/** The C library's memory, for the provider of that name; NULL where there is none. */
void *plim__backing_libc_take(size_t bytes, bool zeroed);

/** Gives back what plim__backing_libc_take() gave. */
void plim__backing_libc_give(void *block);

#endif
