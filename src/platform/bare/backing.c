/* SPDX-License-Identifier: MIT */
/* No system, no pages: managers stand on the caller's storage. */
#include "platform/backing.h"

size_t plim__backing_page(void)
{
    return 0;
}

void *plim__backing_reserve(size_t bytes)
{
    (void)bytes;
    return NULL;
}

void plim__backing_release(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
}

bool plim__backing_commit(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
    return false;
}

bool plim__backing_decommit(void *range, size_t bytes)
{
    (void)range;
    (void)bytes;
    return false;
}

size_t plim__backing_machine_bytes(void)
{
    return 0;
}

void *plim__backing_libc_take(size_t bytes, bool zeroed)
{
    (void)bytes;
    (void)zeroed;
    return NULL;
}

void plim__backing_libc_give(void *block)
{
    (void)block;
}
