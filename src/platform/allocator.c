/* SPDX-License-Identifier: MIT */
/*
 * The system allocator: the C library below PAGES_FROM_BYTES, whole pages from there on. Pages go
 * back to the system the moment they are freed, and growing a large column moves no bytes.
 * Since every call names the old size, the size alone says where a block came from.
 */
#include <plimsoll/allocator.h>

#include <stdlib.h>
#include <string.h>

#include "platform/pages.h"

/* Under a memory sanitizer everything goes through the C library, whose red zones it knows. */
#if defined(__SANITIZE_ADDRESS__) || defined(PLIM_SANITIZED)
static const size_t PAGES_FROM_BYTES = SIZE_MAX;
#else
static const size_t PAGES_FROM_BYTES = (size_t)1 << 20;
#endif

static size_t allocator_round(size_t bytes)
{
    size_t page = plim__pages_size();
    return (bytes + page - 1) & ~(page - 1);
}

static void *allocator_take(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    return bytes < PAGES_FROM_BYTES ? malloc(bytes) /* plim-tidy: allow banned: this is the seam */
                                    : plim__pages_map(allocator_round(bytes));
}

static void allocator_give(void *ptr, size_t bytes)
{
    if (bytes < PAGES_FROM_BYTES)
        free(ptr); /* plim-tidy: allow banned: this is the seam */
    else
        plim__pages_unmap(ptr, allocator_round(bytes));
}

static void *allocator_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    (void)ctx;
    if (ptr == NULL)
        return new_bytes == 0 ? NULL : allocator_take(new_bytes);
    if (new_bytes == 0) {
        allocator_give(ptr, old_bytes);
        return NULL;
    }
    if (old_bytes < PAGES_FROM_BYTES && new_bytes < PAGES_FROM_BYTES)
        return realloc(ptr, new_bytes); /* plim-tidy: allow banned: this is the seam */
    if (new_bytes > SIZE_MAX / 2)
        return NULL;
    if (old_bytes >= PAGES_FROM_BYTES && new_bytes >= PAGES_FROM_BYTES) {
        size_t old_round = allocator_round(old_bytes);
        size_t new_round = allocator_round(new_bytes);
        return old_round == new_round ? ptr : plim__pages_remap(ptr, old_round, new_round);
    }
    void *moved = allocator_take(new_bytes);
    if (moved == NULL)
        return NULL;
    memcpy(moved, ptr, old_bytes < new_bytes ? old_bytes : new_bytes);
    allocator_give(ptr, old_bytes);
    return moved;
}

const plim_allocator *plim_allocator_system(void)
{
    static const plim_allocator system_allocator = {NULL, allocator_resize};
    return &system_allocator;
}
