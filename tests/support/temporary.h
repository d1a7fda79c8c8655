/* SPDX-License-Identifier: MIT */
/**
 * @file temporary.h
 * @brief Where tests put what they make: below TMPDIR, so that a run leaves it in one place.
 */
#ifndef PLIM_TESTS_TEMPORARY_H
#define PLIM_TESTS_TEMPORARY_H
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/** Writes "TMPDIR/name"; false: it does not fit. A name that ends with XXXXXX is for mkdtemp(). */
static inline _Bool temporary_path(char *out, size_t out_bytes, const char *name)
{
    const char *folder = getenv("TMPDIR");
    int length = snprintf(out, out_bytes, "%s/%s", folder != NULL ? folder : "/tmp", name);
    return length > 0 && (size_t)length < out_bytes;
}

#endif
