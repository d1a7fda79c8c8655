/* SPDX-License-Identifier: MIT */
/**
 * @file alloc_under.h
 * @brief The allocator a driver is built for: the call that a user of it would write.
 *
 * The same workloads are compiled once for each interface, so that every allocator is reached by
 * what a user of it compiles: one call through the procedure linkage table and nothing else, or
 * none where Plimsoll's header does without. Those behind malloc() (the C
 * library's, jemalloc, tcmalloc, mimalloc, libplimsoll-malloc) share one binary and LD_PRELOAD.
 */
#ifndef PLIM_BENCH_ALLOC_UNDER_H
#define PLIM_BENCH_ALLOC_UNDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(BENCH_PLIM)
#include <plimsoll/memory.h>
#define BENCH_ALLOC(bytes)         plim_alloc_in(bench_domain, bytes)
#define BENCH_FREE(block)          plim_free(block)
#define BENCH_RESIZE(block, bytes) plim_resize(block, bytes)
extern plim_domain bench_domain;
#elif defined(BENCH_TALLOC)
#include <talloc.h>
#define BENCH_ALLOC(bytes)         talloc_named_const(NULL, bytes, "bench")
#define BENCH_FREE(block)          (void)talloc_free(block)
#define BENCH_RESIZE(block, bytes) talloc_realloc_size(NULL, block, bytes)
#elif defined(BENCH_FLOOR)
#define BENCH_ALLOC(bytes)         floor_alloc(bytes)
#define BENCH_FREE(block)          floor_free(block)
#define BENCH_RESIZE(block, bytes) floor_resize(block, bytes)
void *floor_alloc(size_t bytes);
void floor_free(void *block);
void *floor_resize(void *block, size_t bytes);
#else /* APR, too: only its whole pools end, so it takes part in "scope" alone */
#include <stdlib.h>
#define BENCH_ALLOC(bytes)         malloc(bytes)
#define BENCH_FREE(block)          free(block)
#define BENCH_RESIZE(block, bytes) realloc(block, bytes)
#endif

/** One allocator's own set-up: a domain with its limit, the level. Called once. */
void bench_under_start(void);

/** Bytes that the allocator itself says are unaccounted for, or a reason to distrust it: NULL. */
const char *bench_under_check(void);

#endif
