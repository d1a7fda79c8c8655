/* SPDX-License-Identifier: MIT */
/**
 * @file things.h
 * @brief What this process holds of the system's, counted, so that before and after can be
 *        compared.
 */
#ifndef PLIM_TESTS_SUPERVISE_THINGS_H
#define PLIM_TESTS_SUPERVISE_THINGS_H
#include <stdint.h>

typedef struct things {
    int descriptors;
    int children; /* of this process, those that have ended and are not waited for included */
    uint64_t heap_bytes, private_bytes;
} things;

/** First of all in main(): begins the program again with a C library that keeps no released blocks
    for itself, which would count as held. */
void things_count_exactly(char **argv);
/** Now. */
things things_now(void);
/** Fails the test unless all is as it was; memory may have grown by `slack` bytes. */
void things_assert_same(const things *before, uint64_t slack);
/** Nanoseconds of the monotonic clock. */
uint64_t things_clock(void);

#endif
