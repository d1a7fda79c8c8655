/* SPDX-License-Identifier: MIT */
/**
 * @file input.h
 * @brief What every fuzz target is made of: an input given in cuts, and a stop where a claim fails.
 */
#ifndef PLIM_FUZZ_INPUT_H
#define PLIM_FUZZ_INPUT_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The entry point that libFuzzer and fuzz/replay.c call. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/** What must hold for every input: a failure is a find. */
#define FUZZ_CLAIM(condition)                                                                      \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition), \
                    abort()))

/** The input as a source that gives at most cut bytes at a time. */
typedef struct fuzz_input {
    const unsigned char *data;
    size_t size;
    size_t at;
    size_t cut;
} fuzz_input;

static inline plim_status fuzz_input_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                          plim_error *err)
{
    (void)err;
    fuzz_input *input = ctx;
    size_t length = input->size - input->at;
    length = length > input->cut ? input->cut : length;
    length = length > cap ? cap : length;
    if (length > 0)
        memcpy(buffer, input->data + input->at, length);
    input->at += length;
    *out_len = length;
    return PLIM_OK;
}

static inline plim_source fuzz_input_view(fuzz_input *input)
{
    return (plim_source){input, fuzz_input_read, 0};
}

/** Ends what bounded a target's memory; all of it has been given back. */
static inline void fuzz_cap_end(plim_cap **cap)
{
    uint64_t used = 0;
    plim_cap_read(*cap, &used, NULL, NULL);
    FUZZ_CLAIM(used == 0);
    plim_cap_destroy(cap);
}

/** A cut that differs between inputs, so that all seams are met in time. */
static inline size_t fuzz_cut(size_t size)
{
    return 1 + size % 61;
}

#endif
