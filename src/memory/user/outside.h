/* SPDX-License-Identifier: MIT */
/**
 * @file outside.h
 * @brief What a domain holds that lies in no page of its manager: a region's objects.
 */
#ifndef PLIM_MEMORY_OUTSIDE_H
#define PLIM_MEMORY_OUTSIDE_H
#include <plimsoll/domain.h>

/**
 * Books what was old_bytes as new_bytes, one block as long as that is not 0. PLIM_ERR_BUDGET: the
 * domain's budget refused (plim_refusal_last() has it), PLIM_ERR_STALE: no such domain; nothing
 * changed. Less is never refused by a domain that lives.
 */
PLIM_NODISCARD plim_status plim__outside_resize(plim_domain handle, size_t old_bytes,
                                                size_t new_bytes, const char *site);

#endif
