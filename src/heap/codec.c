/* SPDX-License-Identifier: MIT */
/*
 * gzip by zlib, zstd by libzstd, behind one pair of objects. A codec's own memory goes through
 * plim_allocator as well; both libraries free without telling the size, so each of their blocks
 * carries it in a small header (codec_block).
 *
 * Invariants of a decoder:
 *  I1 input[input_at .. input_len) is what the inner source gave and nobody took yet.
 *  I2 open is true from the first byte of a gzip member or zstd frame to its last: the end of the
 *     inner source is an end only while it is false. Members and frames may follow each other.
 *  I3 once failed is set, every read gives it again.
 */
/* The functions that take an allocator are in zstd's "static" part; its shared library has them. */
#define ZSTD_STATIC_LINKING_ONLY
#include <plimsoll/codec.h>

#include <inttypes.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/allocator.h"
#include "base/assert.h"

enum {
    PLIM__DECODER_MAGIC = 0x0dec0de1,
    PLIM__ENCODER_MAGIC = 0x0e2c0de1,
    CODEC_BUFFER_BYTES = 128 << 10, /* zstd's own advice for either direction */
    CODEC_MAGIC_BYTES = 4,
    CODEC_GZIP_WINDOW = MAX_WBITS + 16, /* zlib's way to say "gzip, not zlib" */
    /* A snapshot is taken while its program stands still, so time counts more than size: on
       snapshots level 3 is three times as fast as zlib's default, for a tenth more bytes. */
    CODEC_GZIP_LEVEL = 3,
    CODEC_ZSTD_LEVEL = 3
};

/* Precedes each block that a library asked for; keeps the allocator's alignment. */
typedef union codec_block {
    size_t total_bytes;
    max_align_t align;
} codec_block;

struct plim_decoder {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_source inner;
    plim_codec codec;
    plim_status failed;
    bool inner_ended;
    bool open;
    uint64_t taken; /* compressed bytes given to the library */
    z_stream gzip;
    ZSTD_DCtx *zstd;
    size_t input_at;
    size_t input_len;
    char input[CODEC_BUFFER_BYTES];
};

struct plim_encoder {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_sink inner;
    plim_codec codec;
    plim_status failed;
    bool finished;
    z_stream gzip;
    ZSTD_CCtx *zstd;
    char output[CODEC_BUFFER_BYTES];
};

/* Memory for the libraries. */

static void *codec_take(void *opaque, size_t bytes)
{
    const plim_allocator *allocator = opaque;
    size_t total;
    if (!plim__add_size(bytes, sizeof(codec_block), &total))
        return NULL;
    codec_block *block = plim__array_new(allocator, total, 1);
    if (block == NULL)
        return NULL;
    block->total_bytes = total;
    return block + 1;
}

static void codec_give(void *opaque, void *address)
{
    if (address == NULL)
        return;
    codec_block *block = (codec_block *)address - 1;
    plim__array_free(opaque, block, block->total_bytes, 1);
}

static voidpf codec_gzip_take(voidpf opaque, uInt items, uInt item_bytes)
{
    size_t bytes;
    return plim__mul_size(items, item_bytes, &bytes) ? codec_take(opaque, bytes) : NULL;
}

/* The libraries hand their opaque pointer back as void *; we never write through it. */
static void *codec_opaque(const plim_allocator *allocator)
{
    union {
        const plim_allocator *given;
        void *opaque;
    } both = {allocator};
    return both.opaque;
}

static ZSTD_customMem codec_zstd_memory(const plim_allocator *allocator)
{
    return (ZSTD_customMem){codec_take, codec_give, codec_opaque(allocator)};
}

plim_codec plim_codec_of_name(const char *path)
{
    PLIM_CHECK(path != NULL);
    size_t len = strlen(path);
    if (len > 4 && memcmp(path + len - 4, ".enc", 4) == 0)
        len -= 4; /* what was encrypted was compressed before */
    if (len > 3 && memcmp(path + len - 3, ".gz", 3) == 0)
        return PLIM_CODEC_GZIP;
    if (len > 4 && memcmp(path + len - 4, ".zst", 4) == 0)
        return PLIM_CODEC_ZSTD;
    return PLIM_CODEC_PLAIN;
}

/* Decoding. */

static plim_codec codec_of_magic(const unsigned char *bytes, size_t len)
{
    static const unsigned char ZSTD_FRAME[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char ZSTD_SKIP[] = {0x2a, 0x4d, 0x18}; /* behind 0x50 to 0x5f */
    if (len >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return PLIM_CODEC_GZIP;
    if (len >= 4 && memcmp(bytes, ZSTD_FRAME, 4) == 0)
        return PLIM_CODEC_ZSTD;
    if (len >= 4 && (bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, ZSTD_SKIP, 3) == 0)
        return PLIM_CODEC_ZSTD;
    return PLIM_CODEC_PLAIN;
}

/* Reads behind what is there; sets inner_ended where nothing came. */
static plim_status decoder_fill(plim_decoder *decoder, plim_error *err)
{
    if (decoder->input_at == decoder->input_len) {
        decoder->input_at = 0;
        decoder->input_len = 0;
    }
    size_t room = sizeof decoder->input - decoder->input_len;
    PLIM_CHECK(room > 0);
    size_t len = 0;
    plim_status status = decoder->inner.read(decoder->inner.ctx,
                                             decoder->input + decoder->input_len, room, &len, err);
    if (status != PLIM_OK)
        return status;
    PLIM_CHECK(len <= room);
    decoder->inner_ended = len == 0;
    decoder->input_len += len;
    return PLIM_OK;
}

static plim_status decoder_damaged(plim_decoder *decoder, plim_status status, const char *why,
                                   plim_error *err)
{
    const char *name = decoder->codec == PLIM_CODEC_GZIP ? "gzip" : "zstd";
    decoder->failed = status;
    (void)plim_error_set(err, status, "the %s stream is unreadable: %s", name, why);
    plim_error_where(err, "compressed byte %" PRIu64, decoder->taken);
    if (status == PLIM_ERR_TRUNCATED)
        plim_error_hint(err, "it was cut off while it was written or copied: get it again");
    else
        plim_error_hint(err, "test the file with `%s -t`, or compress it again", name);
    return status;
}

static plim_status decoder_step_gzip(plim_decoder *decoder, char *out, size_t cap, size_t *out_len,
                                     plim_error *err)
{
    z_stream *gzip = &decoder->gzip;
    size_t before = decoder->input_len - decoder->input_at;
    if (before > 0 && !decoder->open) {
        /* Only now: zlib must not be asked about a member that may never come. */
        if (inflateReset(gzip) != Z_OK)
            return decoder_damaged(decoder, PLIM_ERR_INTERNAL, "zlib lost its state", err);
        decoder->open = true;
    }
    /* zlib promises not to write through next_in; its type only says so with ZLIB_CONST. */
    gzip->next_in = (Bytef *)(decoder->input + decoder->input_at);
    gzip->avail_in = (uInt)before;
    gzip->next_out = (Bytef *)out;
    gzip->avail_out = cap < UINT32_MAX ? (uInt)cap : UINT32_MAX;
    uInt room = gzip->avail_out;
    int result = inflate(gzip, Z_NO_FLUSH);
    decoder->input_at += before - gzip->avail_in;
    decoder->taken += before - gzip->avail_in;
    *out_len = room - gzip->avail_out;
    if (result == Z_STREAM_END)
        decoder->open = false;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
        return PLIM_OK;
    if (result == Z_MEM_ERROR)
        return decoder_damaged(decoder, PLIM_ERR_NO_MEMORY, "not enough memory", err);
    return decoder_damaged(decoder, PLIM_ERR_DAMAGED,
                           gzip->msg != NULL ? gzip->msg : "zlib refuses it", err);
}

static plim_status zstd_status(size_t result)
{
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation)
        return PLIM_ERR_NO_MEMORY;
    return code == ZSTD_error_frameParameter_windowTooLarge ? PLIM_ERR_LIMIT : PLIM_ERR_DAMAGED;
}

static plim_status decoder_step_zstd(plim_decoder *decoder, char *out, size_t cap, size_t *out_len,
                                     plim_error *err)
{
    ZSTD_inBuffer input = {decoder->input, decoder->input_len, decoder->input_at};
    ZSTD_outBuffer output = {out, cap, 0};
    decoder->open = true;
    size_t result = ZSTD_decompressStream(decoder->zstd, &output, &input);
    decoder->taken += input.pos - decoder->input_at;
    decoder->input_at = input.pos;
    *out_len = output.pos;
    if (ZSTD_isError(result))
        return decoder_damaged(decoder, zstd_status(result), ZSTD_getErrorName(result), err);
    decoder->open = result != 0;
    return PLIM_OK;
}

static plim_status decoder_read_plain(plim_decoder *decoder, void *buffer, size_t cap,
                                      size_t *out_len, plim_error *err)
{
    size_t held = decoder->input_len - decoder->input_at;
    if (held == 0)
        return decoder->inner.read(decoder->inner.ctx, buffer, cap, out_len, err);
    size_t len = held < cap ? held : cap;
    memcpy(buffer, decoder->input + decoder->input_at, len);
    decoder->input_at += len;
    *out_len = len;
    return PLIM_OK;
}

static plim_status decoder_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                plim_error *err)
{
    plim_decoder *decoder = ctx;
    PLIM_CHECK_OBJ(decoder, PLIM__DECODER_MAGIC);
    *out_len = 0;
    if (decoder->failed != PLIM_OK)
        return plim_error_set(err, decoder->failed, "the compressed stream failed before");
    if (cap == 0)
        return PLIM_OK;
    if (decoder->codec == PLIM_CODEC_PLAIN)
        return decoder_read_plain(decoder, buffer, cap, out_len, err);
    /* Each round takes input or gives output, or reads more, or ends. Output that did not fit waits
       in the library; it then leaves the trailer untaken, so there is always a next round. */
    while (*out_len == 0) {
        plim_status status = PLIM_OK;
        if (decoder->input_at < decoder->input_len) {
            status = decoder->codec == PLIM_CODEC_GZIP
                         ? decoder_step_gzip(decoder, buffer, cap, out_len, err)
                         : decoder_step_zstd(decoder, buffer, cap, out_len, err);
        } else if (!decoder->inner_ended) {
            status = decoder_fill(decoder, err);
        } else if (decoder->open) {
            status = decoder_damaged(decoder, PLIM_ERR_TRUNCATED, "it ends in the middle", err);
        } else {
            return PLIM_OK;
        }
        if (status != PLIM_OK)
            return status;
    }
    return PLIM_OK;
}

static plim_status decoder_begin(plim_decoder *decoder, plim_error *err)
{
    while (decoder->input_len < CODEC_MAGIC_BYTES && !decoder->inner_ended) {
        plim_status status = decoder_fill(decoder, err);
        if (status != PLIM_OK)
            return status;
    }
    decoder->codec = codec_of_magic((const unsigned char *)decoder->input, decoder->input_len);
    if (decoder->codec == PLIM_CODEC_GZIP) {
        decoder->gzip.zalloc = codec_gzip_take;
        decoder->gzip.zfree = codec_give;
        decoder->gzip.opaque = codec_opaque(decoder->allocator);
        if (inflateInit2(&decoder->gzip, CODEC_GZIP_WINDOW) != Z_OK)
            return plim__no_memory(err, "reading a gzip stream");
    } else if (decoder->codec == PLIM_CODEC_ZSTD) {
        decoder->zstd = ZSTD_createDCtx_advanced(codec_zstd_memory(decoder->allocator));
        if (decoder->zstd == NULL)
            return plim__no_memory(err, "reading a zstd stream");
    }
    return PLIM_OK;
}

plim_status plim_decoder_create(plim_source inner, const plim_allocator *allocator,
                                plim_decoder **out_decoder, plim_error *err)
{
    PLIM_CHECK(inner.read != NULL && out_decoder != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_decoder *decoder = plim__array_new_zero(allocator, 1, sizeof *decoder);
    if (decoder == NULL)
        return plim__no_memory(err, "reading a stream");
    decoder->magic = PLIM__DECODER_MAGIC;
    decoder->allocator = allocator;
    decoder->inner = inner;
    plim_status status = decoder_begin(decoder, err);
    if (status != PLIM_OK) {
        /* inflateInit2 that failed left nothing to end. */
        decoder->codec = PLIM_CODEC_PLAIN;
        plim_decoder_destroy(&decoder);
        return status;
    }
    *out_decoder = decoder;
    return PLIM_OK;
}

plim_source plim_decoder_view(plim_decoder *decoder)
{
    PLIM_CHECK_OBJ(decoder, PLIM__DECODER_MAGIC);
    uint64_t total = decoder->codec == PLIM_CODEC_PLAIN ? decoder->inner.total_bytes : 0;
    return (plim_source){decoder, decoder_read, total};
}

void plim_decoder_destroy(plim_decoder **decoder)
{
    if (decoder == NULL || *decoder == NULL)
        return;
    plim_decoder *dead = *decoder;
    PLIM_CHECK_OBJ(dead, PLIM__DECODER_MAGIC);
    if (dead->codec == PLIM_CODEC_GZIP)
        (void)inflateEnd(&dead->gzip); /* fails only for a stream that was never begun */
    if (dead->zstd != NULL)
        (void)ZSTD_freeDCtx(dead->zstd); /* cannot fail: the context is whole */
    dead->magic = 0;
    plim__array_free(dead->allocator, dead, 1, sizeof *dead);
    *decoder = NULL;
}

/* Encoding. */

static plim_status encoder_failed(plim_encoder *encoder, plim_status status, const char *why,
                                  plim_error *err)
{
    encoder->failed = status;
    return plim_error_set(err, status, "compressing failed: %s", why);
}

static plim_status encoder_give(plim_encoder *encoder, size_t len, plim_error *err)
{
    if (len == 0)
        return PLIM_OK;
    encoder->failed = encoder->inner.write(encoder->inner.ctx, encoder->output, len, err);
    return encoder->failed;
}

/* Takes all of data; with end, also writes the trailer. */
static plim_status encoder_run_gzip(plim_encoder *encoder, const char *data, size_t len, bool end,
                                    plim_error *err)
{
    z_stream *gzip = &encoder->gzip;
    int result = Z_OK;
    plim_status status = PLIM_OK;
    do {
        /* zlib counts in 32 bits. */
        size_t part = len < UINT32_MAX ? len : UINT32_MAX;
        union {
            const char *given;
            Bytef *taken;
        } both = {data}; /* as above: zlib only reads it */
        gzip->next_in = both.taken;
        gzip->avail_in = (uInt)part;
        gzip->next_out = (Bytef *)encoder->output;
        gzip->avail_out = sizeof encoder->output;
        result = deflate(gzip, end ? Z_FINISH : Z_NO_FLUSH);
        if (result == Z_STREAM_ERROR)
            return encoder_failed(encoder, PLIM_ERR_INTERNAL, "zlib lost its state", err);
        data += part - gzip->avail_in;
        len -= part - gzip->avail_in;
        status = encoder_give(encoder, sizeof encoder->output - gzip->avail_out, err);
    } while (status == PLIM_OK &&
             (len > 0 || gzip->avail_out == 0 || (end && result != Z_STREAM_END)));
    return status;
}

static plim_status encoder_run_zstd(plim_encoder *encoder, const char *data, size_t len, bool end,
                                    plim_error *err)
{
    ZSTD_inBuffer input = {data, len, 0};
    size_t left = 0;
    plim_status status = PLIM_OK;
    do {
        ZSTD_outBuffer output = {encoder->output, sizeof encoder->output, 0};
        left = ZSTD_compressStream2(encoder->zstd, &output, &input,
                                    end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return encoder_failed(encoder, zstd_status(left), ZSTD_getErrorName(left), err);
        status = encoder_give(encoder, output.pos, err);
    } while (status == PLIM_OK && (input.pos < input.size || (end && left != 0)));
    return status;
}

static plim_status encoder_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim_encoder *encoder = ctx;
    PLIM_CHECK_OBJ(encoder, PLIM__ENCODER_MAGIC);
    PLIM_CHECK(!encoder->finished);
    if (encoder->failed != PLIM_OK)
        return plim_error_set(err, encoder->failed, "the compressed stream failed before");
    if (len == 0)
        return PLIM_OK;
    if (encoder->codec == PLIM_CODEC_GZIP)
        return encoder_run_gzip(encoder, data, len, false, err);
    if (encoder->codec == PLIM_CODEC_ZSTD)
        return encoder_run_zstd(encoder, data, len, false, err);
    return encoder->inner.write(encoder->inner.ctx, data, len, err);
}

static plim_status encoder_begin(plim_encoder *encoder, plim_error *err)
{
    if (encoder->codec == PLIM_CODEC_GZIP) {
        encoder->gzip.zalloc = codec_gzip_take;
        encoder->gzip.zfree = codec_give;
        encoder->gzip.opaque = codec_opaque(encoder->allocator);
        int memory_level = 8; /* zlib's default: 256 KiB in all */
        if (deflateInit2(&encoder->gzip, CODEC_GZIP_LEVEL, Z_DEFLATED, CODEC_GZIP_WINDOW,
                         memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
            return plim__no_memory(err, "writing a gzip stream");
    } else if (encoder->codec == PLIM_CODEC_ZSTD) {
        encoder->zstd = ZSTD_createCCtx_advanced(codec_zstd_memory(encoder->allocator));
        if (encoder->zstd == NULL)
            return plim__no_memory(err, "writing a zstd stream");
        size_t level =
            ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, CODEC_ZSTD_LEVEL);
        size_t sum = ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1);
        if (ZSTD_isError(level) || ZSTD_isError(sum))
            return plim_error_set(err, PLIM_ERR_INTERNAL, "zstd refuses its own parameters");
    }
    return PLIM_OK;
}

plim_status plim_encoder_create(plim_sink inner, plim_codec codec, const plim_allocator *allocator,
                                plim_encoder **out_encoder, plim_error *err)
{
    PLIM_CHECK(inner.write != NULL && out_encoder != NULL);
    PLIM_CHECK(codec == PLIM_CODEC_PLAIN || codec == PLIM_CODEC_GZIP || codec == PLIM_CODEC_ZSTD);
    allocator = plim__allocator_or_system(allocator);
    plim_encoder *encoder = plim__array_new_zero(allocator, 1, sizeof *encoder);
    if (encoder == NULL)
        return plim__no_memory(err, "writing a stream");
    encoder->magic = PLIM__ENCODER_MAGIC;
    encoder->allocator = allocator;
    encoder->inner = inner;
    encoder->codec = codec;
    plim_status status = encoder_begin(encoder, err);
    if (status != PLIM_OK) {
        encoder->codec = PLIM_CODEC_PLAIN; /* deflateInit2 that failed left nothing to end */
        plim_encoder_destroy(&encoder);
        return status;
    }
    *out_encoder = encoder;
    return PLIM_OK;
}

plim_sink plim_encoder_view(plim_encoder *encoder)
{
    PLIM_CHECK_OBJ(encoder, PLIM__ENCODER_MAGIC);
    return (plim_sink){encoder, encoder_write};
}

plim_status plim_encoder_finish(plim_encoder *encoder, plim_error *err)
{
    PLIM_CHECK_OBJ(encoder, PLIM__ENCODER_MAGIC);
    PLIM_CHECK(!encoder->finished);
    if (encoder->failed != PLIM_OK)
        return plim_error_set(err, encoder->failed, "the compressed stream failed before");
    encoder->finished = true;
    if (encoder->codec == PLIM_CODEC_GZIP)
        return encoder_run_gzip(encoder, "", 0, true, err);
    if (encoder->codec == PLIM_CODEC_ZSTD)
        return encoder_run_zstd(encoder, "", 0, true, err);
    return PLIM_OK;
}

void plim_encoder_destroy(plim_encoder **encoder)
{
    if (encoder == NULL || *encoder == NULL)
        return;
    plim_encoder *dead = *encoder;
    PLIM_CHECK_OBJ(dead, PLIM__ENCODER_MAGIC);
    if (dead->codec == PLIM_CODEC_GZIP)
        (void)deflateEnd(&dead->gzip); /* says Z_DATA_ERROR where output was dropped: intended */
    if (dead->zstd != NULL)
        (void)ZSTD_freeCCtx(dead->zstd); /* cannot fail: the context is whole */
    dead->magic = 0;
    plim__array_free(dead->allocator, dead, 1, sizeof *dead);
    *encoder = NULL;
}
