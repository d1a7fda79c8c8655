/* SPDX-License-Identifier: MIT */
/**
 * @file fault_allocator.h
 * @brief An allocator that refuses its n-th request and counts what is out.
 *
 * A sweep: for (n = 1; ; n++) { fault_allocator_init(&f, n); status = scenario(&f.allocator);
 * assert live_bytes == 0; stop once status is PLIM_OK and f.refused is 0 }.
 * Safe for several threads at once.
 */
#ifndef PLIM_TESTS_FAULT_ALLOCATOR_H
#define PLIM_TESTS_FAULT_ALLOCATOR_H
#include <plimsoll/allocator.h>

#include <stdatomic.h>

typedef struct fault_allocator {
    plim_allocator allocator;
    uint64_t fail_at;          /* 1 is the first request; 0 never fails */
    _Atomic uint64_t requests; /* growing requests so far */
    _Atomic uint64_t refused;
    _Atomic int64_t live_bytes;
    _Atomic int64_t peak_bytes;
} fault_allocator;

/** Starts with nothing out. */
void fault_allocator_init(fault_allocator *fault, uint64_t fail_at);

#endif
