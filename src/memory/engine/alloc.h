/* SPDX-License-Identifier: MIT */
/**
 * @file alloc.h
 * @brief The engine's own way in: one request, resolved. For what stands beside memory.h: the
 *        adapter of a domain, scopes, pools, and the library that replaces malloc.
 *
 * All of it works before main() and with no thread but the first; none of it calls malloc or looks
 * symbols up. A site is "file:line" in static storage, or plim__site_of_code().
 */
#ifndef PLIM_MEMORY_ALLOC_H
#define PLIM_MEMORY_ALLOC_H
#include <plimsoll/memory.h>

#include "memory/engine/engine.h"

/** A return address as a site: kept where sites are kept, "" where they are shown as text. */
static inline const char *plim__site_of_code(const void *address)
{
    return (const char *)((uintptr_t)address | (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1));
}

/** A block of a domain; align 0: 16. NULL if refused: plim_refusal_last() says why. */
void *plim__take(plim_domain domain, size_t bytes, size_t align, bool zeroed, const char *site);

/** The same of a domain whose blocks are checked; this one is watched. */
void *plim__take_watched(plim_domain domain, size_t bytes, const char *site);

/** Gives it back. */
void plim__give(void *block, const char *site);

/** The same between plim__thread_begin() and end; a failed check is counted, not told. */
void plim__give_inside(void *block);

/** As plim_resize(); on refusal the block stands. */
void *plim__resize(void *block, size_t bytes, const char *site);

/** Bytes of the block that may be written; 0 if it is none of ours. */
size_t plim__usable(const void *block);

/** The domain a file's requests go to: remembered, found or made; none if that is impossible. */
plim_domain plim__here_domain(plim__here *here);

#endif
