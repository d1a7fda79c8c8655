/* SPDX-License-Identifier: MIT */
/*
 * Memory before there is any: the loader and other libraries' constructors call malloc before ours
 * has run, and a signal handler may call it while its thread is in the engine. They get pieces of
 * a static array, each behind a header with its size. Nothing comes back: it is little, and soon
 * over.
 * Invariants: O1 pieces do not overlap: the end moves by one compare-and-swap. O2 they are zero,
 * for none is handed out twice.
 */
#include "preload/preload.h"

enum { BOOT_BYTES = 256 << 10, BOOT_HEADER_BYTES = 16 };

static _Alignas(64) unsigned char boot_storage[BOOT_BYTES];
static plim__count boot_end;

void *plim__boot_take(size_t bytes, size_t align)
{
    align = align < BOOT_HEADER_BYTES ? BOOT_HEADER_BYTES : align;
    if (bytes > BOOT_BYTES || align > BOOT_BYTES)
        return NULL;
    size_t end = plim__load_relaxed(&boot_end), start, next;
    do {
        uintptr_t at = (uintptr_t)boot_storage + end + BOOT_HEADER_BYTES;
        start = ((at + align - 1) & ~(uintptr_t)(align - 1)) - (uintptr_t)boot_storage;
        next = start + bytes;
        if (next > BOOT_BYTES)
            return NULL;
    } while (!plim__cas(&boot_end, &end, next));
    *(size_t *)(void *)(boot_storage + start - BOOT_HEADER_BYTES) = bytes;
    return boot_storage + start;
}

bool plim__boot_has(const void *block)
{
    return (uintptr_t)block - (uintptr_t)boot_storage < BOOT_BYTES;
}

size_t plim__boot_usable(const void *block)
{
    return *(const size_t *)(const void *)((const unsigned char *)block - BOOT_HEADER_BYTES);
}

void plim__boot_describe(uint64_t *out_at, uint64_t *out_bytes)
{
    *out_at = (uintptr_t)boot_storage;
    *out_bytes = BOOT_BYTES;
}

size_t plim__boot_used(void)
{
    return plim__load_relaxed(&boot_end);
}
