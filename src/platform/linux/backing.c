/* SPDX-License-Identifier: MIT */
/*
 * Address space on Linux: PROT_NONE mappings, which count towards no limit but that of addresses;
 * mprotect(2) commits, madvise(2) gives back.
 */
#define _GNU_SOURCE
#include "platform/backing.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* LeakSanitizer, in programs that have it, looks into no mapping by itself: what only a block of a
   manager points to would be a leak to it. It passes over what is not committed. */
extern void __lsan_register_root_region(const void *range, size_t bytes) __attribute__((weak));
extern void __lsan_unregister_root_region(const void *range, size_t bytes) __attribute__((weak));

size_t plim__backing_page(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

void *plim__backing_reserve(size_t bytes)
{
    void *range = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED)
        return NULL;
    if (__lsan_register_root_region != NULL)
        __lsan_register_root_region(range, bytes);
    return range;
}

void plim__backing_release(void *range, size_t bytes)
{
    if (__lsan_unregister_root_region != NULL)
        __lsan_unregister_root_region(range, bytes);
    (void)munmap(range, bytes);
}

bool plim__backing_commit(void *range, size_t bytes)
{
    return mprotect(range, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool plim__backing_decommit(void *range, size_t bytes)
{
    return madvise(range, bytes, MADV_DONTNEED) == 0;
}

size_t plim__backing_machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? (size_t)pages * plim__backing_page() : 0;
}

void *plim__backing_libc_take(size_t bytes, bool zeroed)
{
    /* plim-tidy: allow banned: the provider of that name */
    return zeroed ? calloc(1, bytes) : malloc(bytes);
}

void plim__backing_libc_give(void *block)
{
    free(block); /* plim-tidy: allow banned: as above */
}
