/* SPDX-License-Identifier: MIT */
/*
 * Encrypted streams. The head, all of which is authenticated with every piece:
 *
 *     0  "PLIMENC1"        8  how the key is made: 0 it is one, 1 Argon2id of a passphrase
 *     9  rounds of Argon2id (1 byte)   10 its memory in MiB (2 bytes, little end first)
 *    12  zero (4 bytes)   16  salt of Argon2id (16 bytes; zero with a key)
 *    32  secretstream's own head (24 bytes)   56  zero (8 bytes)
 *
 * Then pieces of 64 KiB of plain bytes, each 17 bytes longer; the last one is shorter or as long,
 * and tagged as final. A full piece is held back until it is known whether it is the last.
 *
 * Invariants: C1 no byte of a piece is given out before the whole piece was found genuine.
 *             C2 an end is reported only behind a final piece with nothing after it.
 *             C3 keys and plain bytes are wiped before their memory is given back.
 * Source: https://doc.libsodium.org/secret-key_cryptography/secretstream, RFC 9106 (Argon2).
 */
#include <plimsoll/crypt.h>

#include <sodium.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

enum {
    CRYPT_MAGIC = 0x7a96e0c7,
    CRYPT_PIECE_BYTES = 64 << 10,
    CRYPT_MORE_BYTES = crypto_secretstream_xchacha20poly1305_ABYTES,
    CRYPT_MARK_BYTES = 8,
    CRYPT_AT_KIND = 8,
    CRYPT_AT_ROUNDS = 9,
    CRYPT_AT_MEMORY = 10,
    CRYPT_AT_SALT = 16,
    CRYPT_AT_STREAM = 32,
    CRYPT_KIND_KEY = 0,
    CRYPT_KIND_PHRASE = 1,
    /* What we write, libsodium's MODERATE; and the most that a head may ask of us. */
    CRYPT_ROUNDS = 3,
    CRYPT_MEMORY_MIB = 256,
    CRYPT_ROUNDS_MAX = 16,
    CRYPT_MEMORY_MIB_MAX = 1024
};

_Static_assert((int)PLIM_CRYPT_KEY_BYTES == (int)crypto_secretstream_xchacha20poly1305_KEYBYTES,
               "a key is secretstream's");
_Static_assert(CRYPT_AT_STREAM + crypto_secretstream_xchacha20poly1305_HEADERBYTES <=
                   PLIM_CRYPT_HEAD_BYTES,
               "the head has room");

static const unsigned char CRYPT_MARK[CRYPT_MARK_BYTES] = "PLIMENC1";

struct plim_encrypter {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_sink inner;
    plim_status failed;
    bool finished;
    crypto_secretstream_xchacha20poly1305_state state;
    size_t used;
    unsigned char head[PLIM_CRYPT_HEAD_BYTES];
    unsigned char plain[CRYPT_PIECE_BYTES];
    unsigned char sealed[CRYPT_PIECE_BYTES + CRYPT_MORE_BYTES];
};

struct plim_decrypter {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_source inner;
    plim_status failed;
    bool is_final; /* the last piece is in `plain` */
    bool has_begun;
    crypto_secretstream_xchacha20poly1305_state state;
    size_t at, used;
    unsigned char head[PLIM_CRYPT_HEAD_BYTES];
    unsigned char plain[CRYPT_PIECE_BYTES];
    unsigned char sealed[CRYPT_PIECE_BYTES + CRYPT_MORE_BYTES];
};

bool plim_crypt_is(const void *bytes, size_t size_bytes)
{
    return size_bytes >= CRYPT_MARK_BYTES && memcmp(bytes, CRYPT_MARK, CRYPT_MARK_BYTES) == 0;
}

static plim_status crypt_start(plim_error *err)
{
    return sodium_init() >= 0
               ? PLIM_OK
               : plim_error_set(err, PLIM_ERR_INTERNAL, "libsodium could not be started");
}

plim_status plim_crypt_key_make(unsigned char *out_key)
{
    PLIM_CHECK(out_key != NULL);
    plim_status status = crypt_start(NULL);
    if (status == PLIM_OK)
        crypto_secretstream_xchacha20poly1305_keygen(out_key);
    return status;
}

void plim_crypt_wipe(void *bytes, size_t size_bytes)
{
    sodium_memzero(bytes, size_bytes);
}

/* The key that the head and the secret make. */
static plim_status crypt_key(const unsigned char *head, const plim_crypt_secret *secret,
                             unsigned char *out_key, plim_error *err)
{
    if (head[CRYPT_AT_KIND] == CRYPT_KIND_KEY) {
        if (secret->key == NULL)
            return plim_error_set(err, PLIM_ERR_USAGE,
                                  "the file was encrypted with a key, and there is a passphrase");
        memcpy(out_key, secret->key, PLIM_CRYPT_KEY_BYTES);
        return PLIM_OK;
    }
    if (secret->key != NULL)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "the file was encrypted with a passphrase, and there is a key");
    if (secret->phrase == NULL || secret->phrase_bytes == 0 ||
        secret->phrase_bytes > PLIM_CRYPT_PHRASE_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a passphrase has 1 to %d bytes",
                              PLIM_CRYPT_PHRASE_MAX);
    size_t memory_mib = head[CRYPT_AT_MEMORY] | (size_t)head[CRYPT_AT_MEMORY + 1] << 8;
    if (crypto_pwhash(out_key, PLIM_CRYPT_KEY_BYTES, secret->phrase, secret->phrase_bytes,
                      head + CRYPT_AT_SALT, head[CRYPT_AT_ROUNDS], memory_mib << 20,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY,
                              "a passphrase takes %zu MiB of memory, which the system refused",
                              memory_mib);
    return PLIM_OK;
}

/* ---- encrypting ---- */

static void encrypt_head(plim_encrypter *encrypter, const plim_crypt_secret *secret)
{
    unsigned char *head = encrypter->head;
    memcpy(head, CRYPT_MARK, CRYPT_MARK_BYTES);
    if (secret->key != NULL)
        return;
    head[CRYPT_AT_KIND] = CRYPT_KIND_PHRASE;
    head[CRYPT_AT_ROUNDS] = CRYPT_ROUNDS;
    head[CRYPT_AT_MEMORY] = CRYPT_MEMORY_MIB & 0xff;
    head[CRYPT_AT_MEMORY + 1] = CRYPT_MEMORY_MIB >> 8;
    randombytes_buf(head + CRYPT_AT_SALT, crypto_pwhash_SALTBYTES);
}

static plim_status encrypt_piece(plim_encrypter *encrypter, bool is_final, plim_error *err)
{
    unsigned long long sealed_bytes = 0;
    unsigned char tag = is_final ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                                 : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
    (void)crypto_secretstream_xchacha20poly1305_push(
        &encrypter->state, encrypter->sealed, &sealed_bytes, encrypter->plain, encrypter->used,
        encrypter->head, sizeof encrypter->head, tag);
    encrypter->used = 0;
    encrypter->failed =
        encrypter->inner.write(encrypter->inner.ctx, encrypter->sealed, (size_t)sealed_bytes, err);
    return encrypter->failed;
}

static plim_status encrypt_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim_encrypter *encrypter = ctx;
    PLIM_CHECK_OBJ(encrypter, CRYPT_MAGIC);
    PLIM_CHECK(!encrypter->finished);
    const unsigned char *from = data;
    while (len > 0 && encrypter->failed == PLIM_OK) {
        if (encrypter->used == CRYPT_PIECE_BYTES && encrypt_piece(encrypter, false, err) != PLIM_OK)
            break;
        size_t room = CRYPT_PIECE_BYTES - encrypter->used;
        size_t part = len < room ? len : room;
        memcpy(encrypter->plain + encrypter->used, from, part);
        encrypter->used += part;
        from += part;
        len -= part;
    }
    return encrypter->failed;
}

plim_status plim_encrypter_create(plim_sink inner, const plim_crypt_secret *secret,
                                  const plim_allocator *allocator, plim_encrypter **out_encrypter,
                                  plim_error *err)
{
    PLIM_CHECK(secret != NULL && out_encrypter != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_status status = crypt_start(err);
    if (status != PLIM_OK)
        return status;
    plim_encrypter *encrypter = plim__array_new_zero(allocator, 1, sizeof *encrypter);
    if (encrypter == NULL)
        return plim__no_memory(err, "encrypting");
    encrypter->magic = CRYPT_MAGIC;
    encrypter->allocator = allocator;
    encrypter->inner = inner;
    unsigned char key[PLIM_CRYPT_KEY_BYTES];
    encrypt_head(encrypter, secret);
    status = crypt_key(encrypter->head, secret, key, err);
    if (status == PLIM_OK) {
        (void)crypto_secretstream_xchacha20poly1305_init_push(
            &encrypter->state, encrypter->head + CRYPT_AT_STREAM, key);
        status = inner.write(inner.ctx, encrypter->head, sizeof encrypter->head, err);
    }
    sodium_memzero(key, sizeof key);
    if (status != PLIM_OK)
        plim_encrypter_destroy(&encrypter);
    else
        *out_encrypter = encrypter;
    return status;
}

plim_sink plim_encrypter_view(plim_encrypter *encrypter)
{
    PLIM_CHECK_OBJ(encrypter, CRYPT_MAGIC);
    return (plim_sink){encrypter, encrypt_write};
}

plim_status plim_encrypter_finish(plim_encrypter *encrypter, plim_error *err)
{
    PLIM_CHECK_OBJ(encrypter, CRYPT_MAGIC);
    PLIM_CHECK(!encrypter->finished);
    encrypter->finished = true;
    return encrypter->failed != PLIM_OK ? encrypter->failed : encrypt_piece(encrypter, true, err);
}

void plim_encrypter_destroy(plim_encrypter **encrypter_ptr)
{
    if (encrypter_ptr == NULL || *encrypter_ptr == NULL)
        return;
    plim_encrypter *encrypter = *encrypter_ptr;
    PLIM_CHECK_OBJ(encrypter, CRYPT_MAGIC);
    const plim_allocator *allocator = encrypter->allocator;
    sodium_memzero(encrypter, sizeof *encrypter);
    plim__array_free(allocator, encrypter, 1, sizeof *encrypter);
    *encrypter_ptr = NULL;
}

/* ---- decrypting ---- */

/* As many bytes as there are, up to cap. */
static plim_status decrypt_fill(plim_decrypter *decrypter, unsigned char *out, size_t cap,
                                size_t *out_got, plim_error *err)
{
    size_t got = 0, part = 1;
    plim_status status = PLIM_OK;
    while (got < cap && part > 0 && status == PLIM_OK) {
        status = decrypter->inner.read(decrypter->inner.ctx, out + got, cap - got, &part, err);
        got += status == PLIM_OK ? part : 0;
    }
    *out_got = got;
    return status;
}

static plim_status decrypt_damaged(const plim_decrypter *decrypter, plim_error *err)
{
    plim_status status = plim_error_set(
        err, PLIM_ERR_DAMAGED,
        decrypter->has_begun ? "a piece of the encrypted file is not genuine: it was changed"
                             : "the key or passphrase is wrong, or the encrypted file was changed");
    plim_error_hint(err, "nothing of the piece was given out; get the file again");
    return status;
}

/* The next piece into `plain`, found genuine. */
static plim_status decrypt_piece(plim_decrypter *decrypter, plim_error *err)
{
    size_t got;
    plim_status status =
        decrypt_fill(decrypter, decrypter->sealed, sizeof decrypter->sealed, &got, err);
    if (status != PLIM_OK)
        return status;
    if (decrypter->is_final)
        return got == 0 ? PLIM_OK
                        : plim_error_set(err, PLIM_ERR_DAMAGED,
                                         "something stands behind the end of the encrypted file");
    if (got < CRYPT_MORE_BYTES)
        return plim_error_set(err, PLIM_ERR_TRUNCATED, "the encrypted file ends before its end");
    unsigned long long plain_bytes = 0;
    unsigned char tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(&decrypter->state, decrypter->plain,
                                                   &plain_bytes, &tag, decrypter->sealed, got,
                                                   decrypter->head, sizeof decrypter->head) != 0)
        return decrypt_damaged(decrypter, err);
    decrypter->has_begun = true;
    decrypter->is_final = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    decrypter->at = 0;
    decrypter->used = (size_t)plain_bytes;
    return PLIM_OK;
}

static plim_status decrypt_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                plim_error *err)
{
    plim_decrypter *decrypter = ctx;
    PLIM_CHECK_OBJ(decrypter, CRYPT_MAGIC);
    *out_len = 0;
    while (decrypter->failed == PLIM_OK && decrypter->at == decrypter->used) {
        bool was_final = decrypter->is_final;
        decrypter->failed = decrypt_piece(decrypter, err);
        if (was_final)
            return decrypter->failed; /* PLIM_OK and no byte: the end */
    }
    if (decrypter->failed != PLIM_OK)
        return decrypter->failed;
    size_t left = decrypter->used - decrypter->at;
    *out_len = left < cap ? left : cap;
    memcpy(buffer, decrypter->plain + decrypter->at, *out_len);
    decrypter->at += *out_len;
    return PLIM_OK;
}

/* A head of ours, whose figures are within bounds. */
static plim_status decrypt_head(plim_decrypter *decrypter, plim_error *err)
{
    size_t got;
    const unsigned char *head = decrypter->head;
    plim_status status =
        decrypt_fill(decrypter, decrypter->head, sizeof decrypter->head, &got, err);
    if (status != PLIM_OK)
        return status;
    if (!plim_crypt_is(head, got))
        return plim_error_set(err, PLIM_ERR_DAMAGED, "this is no file that plim encrypted");
    if (got < sizeof decrypter->head)
        return plim_error_set(err, PLIM_ERR_TRUNCATED, "the encrypted file ends in its head");
    size_t memory_mib = head[CRYPT_AT_MEMORY] | (size_t)head[CRYPT_AT_MEMORY + 1] << 8;
    bool is_key = head[CRYPT_AT_KIND] == CRYPT_KIND_KEY;
    bool is_phrase = head[CRYPT_AT_KIND] == CRYPT_KIND_PHRASE && head[CRYPT_AT_ROUNDS] >= 1 &&
                     head[CRYPT_AT_ROUNDS] <= CRYPT_ROUNDS_MAX && memory_mib >= 1 &&
                     memory_mib <= CRYPT_MEMORY_MIB_MAX;
    if (!is_key && !is_phrase)
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "the head of the encrypted file has figures that none of ours has");
    return PLIM_OK;
}

plim_status plim_decrypter_create(plim_source inner, const plim_crypt_secret *secret,
                                  const plim_allocator *allocator, plim_decrypter **out_decrypter,
                                  plim_error *err)
{
    PLIM_CHECK(secret != NULL && out_decrypter != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_status status = crypt_start(err);
    if (status != PLIM_OK)
        return status;
    plim_decrypter *decrypter = plim__array_new_zero(allocator, 1, sizeof *decrypter);
    if (decrypter == NULL)
        return plim__no_memory(err, "decrypting");
    decrypter->magic = CRYPT_MAGIC;
    decrypter->allocator = allocator;
    decrypter->inner = inner;
    unsigned char key[PLIM_CRYPT_KEY_BYTES];
    status = decrypt_head(decrypter, err);
    if (status == PLIM_OK)
        status = crypt_key(decrypter->head, secret, key, err);
    if (status == PLIM_OK && crypto_secretstream_xchacha20poly1305_init_pull(
                                 &decrypter->state, decrypter->head + CRYPT_AT_STREAM, key) != 0)
        status = decrypt_damaged(decrypter, err);
    sodium_memzero(key, sizeof key);
    if (status != PLIM_OK)
        plim_decrypter_destroy(&decrypter);
    else
        *out_decrypter = decrypter;
    return status;
}

plim_source plim_decrypter_view(plim_decrypter *decrypter)
{
    PLIM_CHECK_OBJ(decrypter, CRYPT_MAGIC);
    return (plim_source){decrypter, decrypt_read, 0};
}

void plim_decrypter_destroy(plim_decrypter **decrypter_ptr)
{
    if (decrypter_ptr == NULL || *decrypter_ptr == NULL)
        return;
    plim_decrypter *decrypter = *decrypter_ptr;
    PLIM_CHECK_OBJ(decrypter, CRYPT_MAGIC);
    const plim_allocator *allocator = decrypter->allocator;
    sodium_memzero(decrypter, sizeof *decrypter);
    plim__array_free(allocator, decrypter, 1, sizeof *decrypter);
    *decrypter_ptr = NULL;
}
