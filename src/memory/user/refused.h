/* SPDX-License-Identifier: MIT */
/**
 * @file refused.h
 * @brief Why a request was refused, as a status, for what stands on top of requests.
 */
#ifndef PLIM_MEMORY_REFUSED_H
#define PLIM_MEMORY_REFUSED_H
#include <plimsoll/domain.h>

/** The last refusal of this thread; never PLIM_OK. */
plim_status plim__refused(void);

#endif
