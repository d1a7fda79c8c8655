/* SPDX-License-Identifier: MIT */
/**
 * @file crypt.h
 * @brief Encrypted, authenticated streams: what is in a snapshot is for whoever has the key.
 *
 * A file is a head of 64 bytes and pieces of 64 KiB, each authenticated with its place in the
 * stream and with the head, the last one marked as such. So a wrong key, a flipped bit, a cut file,
 * pieces in another order or of another file are all errors, and a piece is given out only after it
 * was found whole. libsodium's secretstream does it (XChaCha20-Poly1305); a passphrase becomes a
 * key by Argon2id with figures that stand in the head and are bounded before they are believed.
 * @see https://doc.libsodium.org/secret-key_cryptography/secretstream
 */
#ifndef PLIM_CRYPT_H
#define PLIM_CRYPT_H
#include <plimsoll/allocator.h>
#include <plimsoll/stream.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_CRYPT_KEY_BYTES = 32,   /**< of a key */
    PLIM_CRYPT_HEAD_BYTES = 64,  /**< before the pieces */
    PLIM_CRYPT_PHRASE_MAX = 1024 /**< bytes of a passphrase */
};

/** What opens a file: a key, or a passphrase. Borrowed; whoever made it wipes it. */
typedef struct plim_crypt_secret {
    const unsigned char *key; /**< PLIM_CRYPT_KEY_BYTES, or NULL: the passphrase is it */
    const char *phrase;       /**< 1 to PLIM_CRYPT_PHRASE_MAX bytes */
    size_t phrase_bytes;
} plim_crypt_secret;

/** Encrypts into another sink; ended by plim_encrypter_destroy(). */
typedef struct plim_encrypter plim_encrypter;

/** Decrypts out of another source; ended by plim_decrypter_destroy(). */
typedef struct plim_decrypter plim_decrypter;

/**
 * @brief     Whether a beginning is that of an encrypted file.
 * @param[in] bytes       may be NULL if size_bytes is 0.
 * @param[in] size_bytes  at least 8 to be one.
 * @return    by its first eight bytes.
 * @note      Threads: any.
 */
PLIM_API bool plim_crypt_is(const void *bytes, size_t size_bytes);

/**
 * @brief      Makes a key out of the system's randomness.
 * @param[out] out_key  PLIM_CRYPT_KEY_BYTES of it.
 * @retval PLIM_ERR_INTERNAL libsodium could not be started.
 * @note       Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_crypt_key_make(unsigned char *out_key);

/**
 * @brief     Overwrites a secret in a way that compilers keep.
 * @param[in] bytes       not NULL.
 * @param[in] size_bytes  of it.
 * @note      Threads: any.
 */
PLIM_API void plim_crypt_wipe(void *bytes, size_t size_bytes);

/**
 * @brief         Writes the head, and encrypts what follows. A passphrase takes half a second and
 *                256 MiB of the system's memory, meanwhile.
 * @param[in]     inner          borrowed until destroy.
 * @param[in]     secret         not NULL; not kept.
 * @param[in]     allocator      NULL: the system's; borrowed until destroy.
 * @param[out]    out_encrypter  set only on PLIM_OK.
 * @param[in,out] err            may be NULL.
 * @retval PLIM_ERR_USAGE     neither a key nor a passphrase of a right length.
 * @retval PLIM_ERR_NO_MEMORY refused, here or by the system for the passphrase.
 * @retval PLIM_ERR_INTERNAL  libsodium could not be started.
 * @note          Threads: one at a time; whatever else the sink returns is passed on.
 */
PLIM_API PLIM_NODISCARD plim_status plim_encrypter_create(plim_sink inner,
                                                          const plim_crypt_secret *secret,
                                                          const plim_allocator *allocator,
                                                          plim_encrypter **out_encrypter,
                                                          plim_error *err);

/**
 * @brief     Where to write plain bytes.
 * @param[in] encrypter  not NULL.
 * @return    a view, valid until destroy.
 * @note      Threads: one at a time.
 */
PLIM_API plim_sink plim_encrypter_view(plim_encrypter *encrypter);

/**
 * @brief         Writes the last piece; without it the file is no whole one.
 * @param[in]     encrypter  not NULL; nothing is written after it.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_NO_SPACE, PLIM_ERR_IO from the inner sink.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_encrypter_finish(plim_encrypter *encrypter,
                                                          plim_error *err);

/**
 * @brief         Ends it and wipes its key, not the inner sink; @p *encrypter is NULL.
 * @param[in,out] encrypter  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_encrypter_destroy(plim_encrypter **encrypter);

/**
 * @brief         Reads the head.
 * @param[in]     inner          borrowed until destroy.
 * @param[in]     secret         not NULL; not kept.
 * @param[in]     allocator      NULL: the system's; borrowed until destroy.
 * @param[out]    out_decrypter  set only on PLIM_OK. That the secret is right shows at the first
 *                               piece.
 * @param[in,out] err            may be NULL.
 * @retval PLIM_ERR_DAMAGED   no encrypted file, or figures in its head that none of ours has.
 * @retval PLIM_ERR_USAGE     it wants a passphrase and there is a key, or the other way round.
 * @retval PLIM_ERR_TRUNCATED, PLIM_ERR_NO_MEMORY, PLIM_ERR_INTERNAL as they say.
 * @note          Threads: one at a time; whatever else the source returns is passed on.
 */
PLIM_API PLIM_NODISCARD plim_status plim_decrypter_create(plim_source inner,
                                                          const plim_crypt_secret *secret,
                                                          const plim_allocator *allocator,
                                                          plim_decrypter **out_decrypter,
                                                          plim_error *err);

/**
 * @brief     The plain bytes. Its end is the end of a whole file: a cut one is
 *            PLIM_ERR_TRUNCATED, anything else that does not fit PLIM_ERR_DAMAGED.
 * @param[in] decrypter  not NULL.
 * @return    a view, valid until destroy.
 * @note      Threads: one at a time.
 */
PLIM_API plim_source plim_decrypter_view(plim_decrypter *decrypter);

/**
 * @brief         Ends it and wipes what it held, not the inner source; @p *decrypter is NULL.
 * @param[in,out] decrypter  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_decrypter_destroy(plim_decrypter **decrypter);

PLIM_DECLS_END
#endif
