/* SPDX-License-Identifier: MIT */
/**
 * @file codec.h
 * @brief gzip and zstd, in and out, chosen by the first bytes when reading, by name when writing.
 *
 * Sources: RFC 1952 (gzip), RFC 8878 (zstd). A compressed stream that ends early is
 * PLIM_ERR_TRUNCATED, never a short but "successful" read.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_CODEC_H
#define PLIM_CODEC_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

/** How bytes are packed. */
typedef enum plim_codec { PLIM_CODEC_PLAIN, PLIM_CODEC_GZIP, PLIM_CODEC_ZSTD } plim_codec;

typedef struct plim_decoder plim_decoder;
typedef struct plim_encoder plim_encoder;

/**
 * @brief     Which codec a file name asks for: `.gz`, `.zst`, else plain.
 * @param[in] path  not NULL.
 * @return    the codec.
 * @note      Threads: any.
 */
PLIM_API plim_codec plim_codec_of_name(const char *path);

/**
 * @brief      Reads @p inner, decompressing it if its first bytes say so; plain passes through.
 * @param[in]  inner        borrowed until destroy.
 * @param[in]  allocator    borrowed until destroy; NULL means the system's.
 * @param[out] out_decoder  set only on PLIM_OK; ended by plim_decoder_destroy().
 * @param[out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY and whatever @p inner gives for its first bytes.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_decoder_create(plim_source inner,
                                                        const plim_allocator *allocator,
                                                        plim_decoder **out_decoder,
                                                        plim_error *err);

/**
 * @brief     The decompressed bytes. total_bytes is 0 unless plain.
 * @param[in] decoder  not NULL.
 * @return    a view, valid until destroy.
 * @note      Threads: one at a time.
 */
PLIM_API plim_source plim_decoder_view(plim_decoder *decoder);

/**
 * @brief         Ends the decoder, not the inner source; @p *decoder is NULL afterwards.
 * @param[in,out] decoder  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_decoder_destroy(plim_decoder **decoder);

/**
 * @brief      Compresses into @p inner.
 * @param[in]  inner        borrowed until destroy.
 * @param[in]  codec        PLIM_CODEC_PLAIN passes through.
 * @param[in]  allocator    borrowed until destroy; NULL means the system's.
 * @param[out] out_encoder  set only on PLIM_OK; ended by plim_encoder_destroy().
 * @param[out] err          may be NULL.
 * @retval PLIM_ERR_NO_MEMORY nothing has changed.
 * @note       Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_encoder_create(plim_sink inner, plim_codec codec,
                                                        const plim_allocator *allocator,
                                                        plim_encoder **out_encoder,
                                                        plim_error *err);

/**
 * @brief     Where to write plain bytes.
 * @param[in] encoder  not NULL.
 * @return    a view, valid until destroy.
 * @note      Threads: one at a time.
 */
PLIM_API plim_sink plim_encoder_view(plim_encoder *encoder);

/**
 * @brief     Writes what is still held and the trailer; write nothing more after it.
 * @param[in] encoder  not NULL.
 * @param[out] err     may be NULL.
 * @retval PLIM_ERR_NO_SPACE, PLIM_ERR_IO from the inner sink.
 * @note      Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_encoder_finish(plim_encoder *encoder, plim_error *err);

/**
 * @brief         Ends the encoder, not the inner sink; @p *encoder is NULL afterwards.
 * @param[in,out] encoder  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_encoder_destroy(plim_encoder **encoder);

PLIM_DECLS_END
#endif
