/* SPDX-License-Identifier: MIT */
/**
 * @file pull.h
 * @brief A source, byte by byte or in pieces, with a buffer and a count of what passed.
 *
 * The first failure is kept in `status` and `err`; from then on every look says "end". So a reader
 * may go on to its next decision before it asks.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_PULL_H
#define PLIM_HEAP_PULL_H
#include <plimsoll/allocator.h>
#include <plimsoll/graph.h>

/** Starts with plim__pull_init(); ends with plim__pull_fini(). */
typedef struct plim__pull {
    plim_source source;
    plim_progress progress;
    const plim_allocator *allocator;
    unsigned char *buffer;
    size_t at, end;
    uint64_t before; /* bytes of the source before the buffer */
    plim_status status;
    bool ended;
    plim_error *err;
} plim__pull;

/** True if there is a buffer; err is the reader's own, for the whole time. */
bool plim__pull_init(plim__pull *pull, plim_source source, plim_progress progress,
                     const plim_allocator *allocator, plim_error *err);

/** Frees the buffer; one that was cleared to zero and never started is accepted. */
void plim__pull_fini(plim__pull *pull);

/** Private: gets more; false at the end or after a failure. */
bool plim__pull_more(plim__pull *pull);

/** The next byte, which stays; -1 at the end and after a failure. */
static inline int plim__pull_peek(plim__pull *pull)
{
    return pull->at < pull->end || plim__pull_more(pull) ? pull->buffer[pull->at] : -1;
}

/** The next byte, taken; -1 at the end and after a failure. */
static inline int plim__pull_take(plim__pull *pull)
{
    int byte = plim__pull_peek(pull);
    pull->at += byte >= 0;
    return byte;
}

/** Up to so many bytes into out; fewer at the end and after a failure. */
size_t plim__pull_bytes(plim__pull *pull, void *out, size_t bytes);

/** Bytes taken so far. */
static inline uint64_t plim__pull_offset(const plim__pull *pull)
{
    return pull->before + pull->at;
}

/** Keeps a failure with its place, unless there is one already; returns the one that is kept. */
plim_status plim__pull_fail(plim__pull *pull, plim_status status, const char *format, ...)
    PLIM_PRINTF(3, 4);

#endif
