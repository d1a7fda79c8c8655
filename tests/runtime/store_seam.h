/* SPDX-License-Identifier: MIT */
/**
 * @file store_seam.h
 * @brief Each store into a region is a place to be killed at (src/runtime/commit/store.h).
 *
 * Values are stored eight bytes at a time, and nothing goes round the macros.
 */
#ifndef PLIM_TESTS_STORE_SEAM_H
#define PLIM_TESTS_STORE_SEAM_H
#define PLIM__STOP()     store_stop()
#define PLIM__STOP_STEP  ((size_t)8)
#define PLIM__STOP_EVERY 1

/** Kills the process if this is the store it is to be killed at. */
void store_stop(void);

#endif
