/* SPDX-License-Identifier: MIT */
/**
 * @file error.h
 * @brief What went wrong, where, and what to do about it: in the caller's storage.
 *
 * A plim_error is plain memory of fixed size, so that reporting "not enough memory" needs none.
 * The first failure wins: once set, plim_error_set() does not overwrite it, so clean-up code may
 * fail in turn without hiding the cause. Library code never prints; it fills one of these.
 * Every function that takes a plim_error accepts NULL for it.
 * Thread-safety: one owner thread per error object.
 */
#ifndef PLIM_ERROR_H
#define PLIM_ERROR_H
#include <plimsoll/status.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_ERROR_WHAT_BYTES = 320,  /**< one sentence; longer ones are cut */
    PLIM_ERROR_WHERE_BYTES = 256, /**< a path, an address, a byte offset */
    PLIM_ERROR_HINT_BYTES = 384   /**< the next command to type */
};

/** All strings are NUL-terminated UTF-8; empty where there is nothing to say. Zero it to start. */
typedef struct plim_error {
    plim_status status;                 /**< read-only */
    char what[PLIM_ERROR_WHAT_BYTES];   /**< read-only: what happened and why */
    char where[PLIM_ERROR_WHERE_BYTES]; /**< read-only: file, offset, address, section */
    char hint[PLIM_ERROR_HINT_BYTES];   /**< read-only: what to do next */
} plim_error;

/**
 * @brief         Records a failure, unless one is recorded already, and returns @p status.
 * @param[in,out] err     may be NULL; then only the return value remains.
 * @param[in]     status  a failure; PLIM_OK is a fault of the caller.
 * @param[in]     format  printf format of the sentence; no trailing newline.
 * @return        @p status, so that `return plim_error_set(…);` reads well.
 * @note          Threads: one at a time per error object. No allocation.
 */
PLIM_API plim_status plim_error_set(plim_error *err, plim_status status, const char *format, ...)
    PLIM_PRINTF(3, 4);

/**
 * @brief         Adds the place to a recorded failure, unless it has one.
 * @param[in,out] err     may be NULL.
 * @param[in]     format  printf format.
 * @note          Threads: one at a time per error object. No allocation.
 */
PLIM_API void plim_error_where(plim_error *err, const char *format, ...) PLIM_PRINTF(2, 3);

/**
 * @brief         Adds the next step to a recorded failure, unless it has one.
 * @param[in,out] err     may be NULL.
 * @param[in]     format  printf format.
 * @note          Threads: one at a time per error object. No allocation.
 */
PLIM_API void plim_error_hint(plim_error *err, const char *format, ...) PLIM_PRINTF(2, 3);

PLIM_DECLS_END
#endif
