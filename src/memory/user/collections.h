/* SPDX-License-Identifier: MIT */
/**
 * @file collections.h
 * @brief Where a collection's memory comes from: a domain or an allocator.
 */
#ifndef PLIM_MEMORY_COLLECTIONS_H
#define PLIM_MEMORY_COLLECTIONS_H
#include <plimsoll/collections.h>

/**
 * Takes `bytes` from a domain (here not NULL; none: the file's) or from an allocator (here NULL).
 * 0 bytes are NULL and PLIM_OK. Statuses as plim__vector_take(). Outputs set only on PLIM_OK.
 */
PLIM_NODISCARD plim_status plim__collection_take(plim__here *here, plim_domain domain,
                                                 const plim_allocator *from, size_t bytes,
                                                 void **out_memory,
                                                 const plim_allocator **out_from);

#endif
