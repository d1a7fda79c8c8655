/* SPDX-License-Identifier: MIT */
/*
 * gzip and zstd. Claims: the way a stream is cut changes neither answer nor length; what is packed
 * comes back as it was; nothing is left of the memory.
 */
#include <plimsoll/codec.h>

#include "input.h"

enum { MEMORY_BYTES = 256 << 20, OUTPUT_BYTES_MAX = 8 << 20 };

static plim_status unpack(const unsigned char *data, size_t size, size_t cut,
                          const plim_allocator *allocator, size_t *out_total)
{
    static unsigned char buffer[1 << 16];
    fuzz_input input = {data, size, 0, cut};
    plim_decoder *decoder = NULL;
    *out_total = 0;
    plim_status status = plim_decoder_create(fuzz_input_view(&input), allocator, &decoder, NULL);
    if (status != PLIM_OK)
        return status;
    plim_source source = plim_decoder_view(decoder);
    size_t length = 1;
    while (status == PLIM_OK && length > 0 && *out_total < OUTPUT_BYTES_MAX) {
        status = source.read(source.ctx, buffer, sizeof buffer, &length, NULL);
        if (status == PLIM_OK)
            *out_total += length;
    }
    plim_decoder_destroy(&decoder);
    return status;
}

/* A sink into fixed storage. */
typedef struct packed {
    unsigned char data[2 << 20];
    size_t size;
} packed;

static plim_status packed_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)err;
    packed *out = ctx;
    if (len > sizeof out->data - out->size)
        return PLIM_ERR_NO_SPACE;
    if (len > 0)
        memcpy(out->data + out->size, data, len);
    out->size += len;
    return PLIM_OK;
}

static void round_trip(const unsigned char *data, size_t size, const plim_allocator *allocator)
{
    static packed out;
    out.size = 0;
    plim_codec codec = size % 2 == 0 ? PLIM_CODEC_GZIP : PLIM_CODEC_ZSTD;
    plim_encoder *encoder = NULL;
    plim_sink inner = {&out, packed_write};
    if (plim_encoder_create(inner, codec, allocator, &encoder, NULL) != PLIM_OK)
        return;
    plim_sink sink = plim_encoder_view(encoder);
    plim_status status = sink.write(sink.ctx, data, size, NULL);
    if (status == PLIM_OK)
        status = plim_encoder_finish(encoder, NULL);
    plim_encoder_destroy(&encoder);
    if (status != PLIM_OK)
        return;
    size_t total = 0;
    FUZZ_CLAIM(unpack(out.data, out.size, fuzz_cut(size), allocator, &total) == PLIM_OK);
    FUZZ_CLAIM(total == size);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    size_t whole = 0, in_cuts = 0;
    plim_status first = unpack(data, size, size + 1, allocator, &whole);
    plim_status second = unpack(data, size, fuzz_cut(size), allocator, &in_cuts);
    FUZZ_CLAIM(first == second);
    FUZZ_CLAIM(first != PLIM_OK || whole == in_cuts);
    if (size < 1 << 20)
        round_trip(data, size, allocator);
    plim_cap_destroy(&cap);
    return 0;
}
