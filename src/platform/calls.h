/* SPDX-License-Identifier: MIT */
/**
 * @file calls.h
 * @brief Contract: by which calls this thread came here.
 *
 * By what compilers leave for exceptions, so code without frame pointers is passed, too. Some
 * microseconds; the first call in a process may allocate and load the unwinder.
 */
#ifndef PLIM_PLATFORM_CALLS_H
#define PLIM_PLATFORM_CALLS_H
#include <stdint.h>

/** Return addresses, the innermost first; how many. At most PLIM__CALLS_MAX. */
uint32_t plim__calls_here(uint64_t *out_frames, uint32_t most);

enum { PLIM__CALLS_MAX = 64 };

#endif
