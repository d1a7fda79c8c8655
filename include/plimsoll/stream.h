/* SPDX-License-Identifier: MIT */
/**
 * @file stream.h
 * @brief Where bytes come from and where they go: two structs of one function each.
 *
 * Readers and writers of every format take a source or a sink, so none of them opens a file or a
 * socket. Both are passed by value and borrow their ctx.
 * Thread-safety: one thread at a time per source or sink.
 */
#ifndef PLIM_STREAM_H
#define PLIM_STREAM_H
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

/**
 * read() fills up to @c cap bytes and sets *out_len; 0 with PLIM_OK is the end, for good.
 * total_bytes is what is known to come, for progress; 0 where it is unknown.
 */
typedef struct plim_source {
    void *ctx;
    plim_status (*read)(void *ctx, void *buffer, size_t cap, size_t *out_len, plim_error *err);
    uint64_t total_bytes;
} plim_source;

/** write() takes all of @c len bytes or fails. */
typedef struct plim_sink {
    void *ctx;
    plim_status (*write)(void *ctx, const void *data, size_t len, plim_error *err);
} plim_sink;

/**
 * Called at most about ten times a second on long work. @c total is 0 where it is unknown.
 * Returning false asks the work to stop; it then fails with PLIM_ERR_INTERRUPTED.
 */
typedef struct plim_progress {
    void *ctx;
    bool (*step)(void *ctx, const char *phase, uint64_t done, uint64_t total);
} plim_progress;

PLIM_DECLS_END
#endif
