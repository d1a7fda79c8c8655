/* SPDX-License-Identifier: MIT */
/**
 * @file string.h
 * @brief All that a bare build asks of a C library: the four functions that a freestanding compiler
 *        itself may call. Anything else does not compile there.
 */
#ifndef PLIM_PLATFORM_BARE_STRING_H
#define PLIM_PLATFORM_BARE_STRING_H
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
