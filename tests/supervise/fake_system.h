/* SPDX-License-Identifier: MIT */
/**
 * @file fake_system.h
 * @brief A folder that the library takes for the system's: what it is told of processes, control
 *        groups and pressure is what a test has written there.
 */
#ifndef PLIM_TESTS_SUPERVISE_FAKE_SYSTEM_H
#define PLIM_TESTS_SUPERVISE_FAKE_SYSTEM_H
#include <stdint.h>

/** Makes the folder and has everything read from it. Signatures of cmocka's set-up. */
int fake_system_begin(void **state);
/** Removes it; everything is read from the real system again. */
int fake_system_end(void **state);

/** Writes a file, with the folders it stands in; format as printf. */
void fake_system_write(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** What a file holds; empty: it is not there. Static storage, until the next call. */
const char *fake_system_read(const char *path);
/** A process's pages: of all, of what is shared. */
void fake_system_statm(int64_t pid, uint64_t resident, uint64_t shared);

#endif
