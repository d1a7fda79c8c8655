/* SPDX-License-Identifier: MIT */
/**
 * @file text.h
 * @brief A sink of memory, for targets that write what they have read and read it again.
 */
#ifndef PLIM_FUZZ_TEXT_H
#define PLIM_FUZZ_TEXT_H
#include "input.h"

enum { FUZZ_TEXT_BYTES_MAX = 32 << 20 };

/** Text that a writer gave; freed with free(out->bytes). */
typedef struct fuzz_text {
    unsigned char *bytes;
    size_t size, capacity;
} fuzz_text;

static inline plim_status fuzz_text_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)err;
    fuzz_text *out = ctx;
    if (out->size + len > FUZZ_TEXT_BYTES_MAX)
        return PLIM_ERR_LIMIT;
    if (out->size + len > out->capacity) {
        out->capacity = (out->size + len) * 2;
        out->bytes = realloc(out->bytes, out->capacity);
        FUZZ_CLAIM(out->bytes != NULL);
    }
    memcpy(out->bytes + out->size, data, len);
    out->size += len;
    return PLIM_OK;
}

#endif
