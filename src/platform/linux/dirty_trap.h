/* SPDX-License-Identifier: MIT */
/**
 * @file dirty_trap.h
 * @brief First writes to memory as faults that are noted and let through.
 */
#ifndef PLIM_PLATFORM_LINUX_DIRTY_TRAP_H
#define PLIM_PLATFORM_LINUX_DIRTY_TRAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Protects the memory and begins; its number, or -1. */
int plim__trap_start(void *memory, size_t bytes);

/** Whether a page was written since it was last protected. */
bool plim__trap_is_written(int trap, size_t page);

/** Protects pages again; false: they go on counting as written. */
bool plim__trap_rearm(int trap, size_t first_page, size_t page_count);

/** Ends it; the memory is writable. */
void plim__trap_stop(int trap);

#endif
