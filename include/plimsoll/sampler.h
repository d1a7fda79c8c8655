/* SPDX-License-Identifier: MIT */
/**
 * @file sampler.h
 * @brief Who allocates what still lives, found by samples: for all managers of a process.
 *
 * On the average one request in `interval` bytes is noted with its site and its calls: a Poisson
 * process over bytes, so a block of s bytes is noted with probability 1 - exp(-s / interval), and
 * counts for as many as it stands for. So sums are right on the average, whatever the sizes. Off,
 * requests pay nothing: not a load, not a branch. On, a request and its release cost some 15 ns
 * more (bench/README.md).
 * A request or a release inside a signal handler that interrupts the sampler is not noted: the
 * former is missing, the latter leaves a block that seems to live.
 * Not where there is no operating system.
 * Thread-safety: any thread; all threads are sampled.
 * @see docs/internals/memory.md
 */
#ifndef PLIM_SAMPLER_H
#define PLIM_SAMPLER_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_SAMPLER_FRAMES_MAX = 24, /**< calls that are kept of a request */
    PLIM_SAMPLER_TEXT_BYTES = 64  /**< room for a site or a domain's name, with the NUL */
};

/** Of one site, calls and domain: estimates. */
typedef struct plim_sampler_row {
    char site[PLIM_SAMPLER_TEXT_BYTES];  /**< "file.c:88", perhaps cut at its front; "": unknown */
    char owner[PLIM_SAMPLER_TEXT_BYTES]; /**< the domain */
    uint64_t frames[PLIM_SAMPLER_FRAMES_MAX]; /**< return addresses, the innermost first */
    uint32_t frame_count;
    uint64_t samples;    /**< requests that were noted */
    uint64_t bytes;      /**< allocated since the start */
    uint64_t count;      /**< requests that is */
    uint64_t live_bytes; /**< of those, what was not given back */
    uint64_t live_count;
} plim_sampler_row;

/** What the sampler does. */
typedef struct plim_sampler_info {
    bool is_on;
    uint64_t interval_bytes;
    uint32_t row_count; /**< for plim_sampler_read() */
    uint64_t samples;
    uint64_t lost; /**< samples for which there was no room: sums are too low by them */
} plim_sampler_info;

/**
 * @brief         Begins; what was noted before is forgotten.
 * @param[in]     interval_bytes  1 (each request) to 2^40; 32,768 is usual.
 * @param[in,out] err             may be NULL.
 * @retval PLIM_ERR_BUSY      it is on.
 * @retval PLIM_ERR_USAGE     no such interval.
 * @retval PLIM_ERR_NO_MEMORY the system refused.
 * @note          Threads: any. A thread in the middle of a request is sampled from its next slow
 *                step on.
 */
PLIM_API PLIM_NODISCARD plim_status plim_sampler_start(uint64_t interval_bytes, plim_error *err);

/**
 * @brief     Ends it; what was noted can be read until the next start. Does nothing if it is off.
 * @note      Threads: any.
 */
PLIM_API void plim_sampler_stop(void);

/**
 * @brief      Figures.
 * @param[out] out_info  not NULL.
 * @note       Threads: any.
 */
PLIM_API void plim_sampler_read_info(plim_sampler_info *out_info);

/**
 * @brief      A row; rows are added at the end, and change while it is on.
 * @param[in]  index    below row_count.
 * @param[out] out_row  set only if true is returned.
 * @return     whether there is such a row.
 * @note       Threads: any.
 */
PLIM_API bool plim_sampler_read(uint32_t index, plim_sampler_row *out_row);

PLIM_DECLS_END
#endif
