/* SPDX-License-Identifier: MIT */
/* Pages on Linux: mmap(2), mremap(2), transparent huge pages by madvise(2) from 2 MiB on. */
#define _GNU_SOURCE
#include "platform/pages.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PAGES_HUGE_BYTES = 2 << 20 };

size_t plim__pages_size(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

static void pages_want_huge(void *pages, size_t bytes)
{
    /* Advice only: where it is not taken, everything works, slower. */
    if (bytes >= PAGES_HUGE_BYTES)
        (void)madvise(pages, bytes, MADV_HUGEPAGE);
}

void *plim__pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    pages_want_huge(pages, bytes);
    return pages;
}

void *plim__pages_remap(void *pages, size_t old_bytes, size_t new_bytes)
{
    void *moved = mremap(pages, old_bytes, new_bytes, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED)
        return NULL;
    pages_want_huge(moved, new_bytes);
    return moved;
}

void plim__pages_unmap(void *pages, size_t bytes)
{
    (void)munmap(pages, bytes);
}
