/* SPDX-License-Identifier: MIT */
/*
 * Encrypted files. Claims: whatever stands there, the way it is cut changes no answer; what is
 * encrypted comes back as it was; a file in which one bit is flipped is refused, and what it gave
 * before that is the beginning of the truth; nothing is left of the memory.
 */
#include <plimsoll/crypt.h>

#include "input.h"

enum { MEMORY_BYTES = 16 << 20, TEXT_BYTES_MAX = 1 << 18 };

typedef struct text {
    unsigned char bytes[TEXT_BYTES_MAX];
    size_t size;
} text;

static plim_status text_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)err;
    text *out = ctx;
    if (len > sizeof out->bytes - out->size)
        return PLIM_ERR_LIMIT;
    if (len > 0)
        memcpy(out->bytes + out->size, data, len);
    out->size += len;
    return PLIM_OK;
}

static plim_status decrypt(const unsigned char *data, size_t size, size_t cut, text *out,
                           const plim_allocator *allocator)
{
    static const unsigned char key[PLIM_CRYPT_KEY_BYTES] = {7};
    static unsigned char buffer[4096];
    const plim_crypt_secret secret = {.key = key};
    fuzz_input input = {data, size, 0, cut};
    plim_decrypter *decrypter = NULL;
    out->size = 0;
    plim_status status =
        plim_decrypter_create(fuzz_input_view(&input), &secret, allocator, &decrypter, NULL);
    FUZZ_CLAIM((status == PLIM_OK) == (decrypter != NULL));
    if (status != PLIM_OK)
        return status;
    plim_source source = plim_decrypter_view(decrypter);
    size_t length = 1;
    while (status == PLIM_OK && length > 0) {
        status = source.read(source.ctx, buffer, sizeof buffer, &length, NULL);
        if (status == PLIM_OK)
            status = text_write(out, buffer, length, NULL);
    }
    plim_decrypter_destroy(&decrypter);
    return status;
}

static void encrypt(const unsigned char *data, size_t size, text *out,
                    const plim_allocator *allocator)
{
    static const unsigned char key[PLIM_CRYPT_KEY_BYTES] = {7};
    const plim_crypt_secret secret = {.key = key};
    plim_encrypter *encrypter = NULL;
    out->size = 0;
    plim_sink inner = {out, text_write};
    FUZZ_CLAIM(plim_encrypter_create(inner, &secret, allocator, &encrypter, NULL) == PLIM_OK);
    plim_sink sink = plim_encrypter_view(encrypter);
    FUZZ_CLAIM(sink.write(sink.ctx, data, size, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_encrypter_finish(encrypter, NULL) == PLIM_OK);
    plim_encrypter_destroy(&encrypter);
}

/* The first bytes of the input say which bit is flipped. */
static void there_and_back(const unsigned char *data, size_t size, const plim_allocator *allocator)
{
    static text sealed, opened;
    encrypt(data, size, &sealed, allocator);
    FUZZ_CLAIM(plim_crypt_is(sealed.bytes, sealed.size));
    FUZZ_CLAIM(decrypt(sealed.bytes, sealed.size, fuzz_cut(size), &opened, allocator) == PLIM_OK);
    FUZZ_CLAIM(opened.size == size && (size == 0 || memcmp(opened.bytes, data, size) == 0));
    size_t bit =
        size == 0 ? 0 : data[0] | (size_t)data[size / 2] << 8 | (size_t)data[size - 1] << 16;
    bit %= sealed.size * 8;
    sealed.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    FUZZ_CLAIM(decrypt(sealed.bytes, sealed.size, sealed.size, &opened, allocator) != PLIM_OK);
    FUZZ_CLAIM(opened.size <= size);
    FUZZ_CLAIM(opened.size == 0 || memcmp(opened.bytes, data, opened.size) == 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static text first, second;
    plim_cap *cap = NULL;
    if (size > TEXT_BYTES_MAX / 2 || plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_status whole = decrypt(data, size, size + 1, &first, allocator);
    plim_status in_cuts = decrypt(data, size, fuzz_cut(size), &second, allocator);
    FUZZ_CLAIM(whole == in_cuts && first.size == second.size);
    there_and_back(data, size, allocator);
    plim_cap_destroy(&cap);
    return 0;
}
