/* SPDX-License-Identifier: MIT */
/* The system's allocator where there is no system: it refuses. Domains have allocators. */
#include <plimsoll/allocator.h>

static void *bare_refuse(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    (void)ctx;
    (void)ptr;
    (void)old_bytes;
    (void)new_bytes;
    return NULL;
}

const plim_allocator *plim_allocator_system(void)
{
    static const plim_allocator NONE = {.ctx = NULL, .resize = bare_refuse};
    return &NONE;
}
