/* SPDX-License-Identifier: MIT */
/**
 * @file leftover.h
 * @brief Contract: removing a file that another program has left behind, and never another one.
 *
 * A name can be guessed, and be another's by the time it is used; so a file is removed only if it
 * is a plain file (no link is followed), belongs to the user named, has the very bytes that are
 * expected where these are known, and was written no earlier than it can have been.
 * Threads: any.
 */
#ifndef PLIM_PLATFORM_LEFTOVER_H
#define PLIM_PLATFORM_LEFTOVER_H
#include <plimsoll/status.h>

#include <stddef.h>
#include <stdint.h>

/** Which file. */
typedef struct plim__leftover {
    const char *path;
    uint32_t user;
    uint64_t since_s;     /**< Unix time: an older file is another one */
    uint64_t size_bytes;  /**< UINT64_MAX: not known, and fingerprint does not count */
    uint64_t fingerprint; /**< plim__leftover_fingerprint() over all of it */
} plim__leftover;

/** Where a fingerprint begins. */
#define PLIM__LEFTOVER_SEED UINT64_C(0xcbf29ce484222325)

/** The fingerprint of what came before and these bytes (FNV-1a: tells files apart, proves
    nothing). */
static inline uint64_t plim__leftover_fingerprint(uint64_t before, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        before = (before ^ bytes[i]) * UINT64_C(0x100000001b3);
    return before;
}

/**
 * Removes it. Post: PLIM_ERR_NOT_FOUND there is none; PLIM_ERR_REFUSED what is there is another
 * file, which stays; PLIM_ERR_ACCESS, PLIM_ERR_IO as the system says.
 */
plim_status plim__leftover_remove(const plim__leftover *which);

/** Now, as files' times are: Unix time in milliseconds. */
uint64_t plim__leftover_now_ms(void);

#endif
