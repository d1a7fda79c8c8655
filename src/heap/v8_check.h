/* SPDX-License-Identifier: MIT */
/**
 * @file v8_check.h
 * @brief Says whether the bytes that pass by are one complete V8 heap snapshot.
 *
 * Feed it the chunks of a stream in any cut; it keeps none of them and its memory does not grow
 * with the snapshot (the `snapshot` object is held while it passes: 2 KiB, PLIM_META_BYTES_MAX at
 * most). It runs on the reader's own scanner (v8_scan.h), so both accept the same language; it
 * looks at no values of numbers but names, which must be among the strings: what tells that a
 * piece of those was lost on the way.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_HEAP_V8_CHECK_H
#define PLIM_HEAP_V8_CHECK_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stddef.h>
#include <stdint.h>

typedef struct plim__v8_check plim__v8_check;

/** What passed by. Set by a finish() that succeeds; counts so far after one that fails. */
typedef struct plim__v8_check_result {
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t string_count;
    uint64_t byte_count;
} plim__v8_check_result;

/** @retval PLIM_ERR_NO_MEMORY nothing has changed. allocator NULL: the system's. */
PLIM_NODISCARD plim_status plim__v8_check_create(const plim_allocator *allocator,
                                                 plim__v8_check **out_check, plim_error *err);

/**
 * The next bytes. The first failure is kept: later calls give the same status and set nothing.
 * @retval PLIM_ERR_DAMAGED not JSON, not a snapshot, counts that lie; err says at which byte.
 * @retval PLIM_ERR_LIMIT deeper or longer than src/base/limits.h allows.
 * @retval PLIM_ERR_NO_MEMORY the allocator refused.
 */
PLIM_NODISCARD plim_status plim__v8_check_feed(plim__v8_check *check, const void *bytes, size_t len,
                                               plim_error *err);

/**
 * The stream has ended. out_result may be NULL and is set in every case; err is set to the kept
 * failure, if feed() failed before.
 * @retval PLIM_OK it was one complete document with the announced nodes and edges.
 * @retval PLIM_ERR_TRUNCATED it stopped in the middle, or was empty.
 * @retval PLIM_ERR_DAMAGED names point behind the last string.
 */
PLIM_NODISCARD plim_status plim__v8_check_finish(plim__v8_check *check,
                                                 plim__v8_check_result *out_result,
                                                 plim_error *err);

/** NULL and a pointer to NULL are accepted; *check is NULL afterwards. */
void plim__v8_check_destroy(plim__v8_check **check);

#endif
