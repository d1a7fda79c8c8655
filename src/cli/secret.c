/* SPDX-License-Identifier: MIT */
#include "cli/secret.h"

#include <plimsoll/file.h>

#include <string.h>

#include "cli/terminal.h"

/* The first line of a file; its bytes are the caller's to wipe. */
static plim_status secret_line(const char *path, char *out, size_t cap, size_t *out_bytes,
                               plim_error *err)
{
    plim_file_source *file = NULL;
    plim_status status = plim_file_source_open(path, NULL, &file, err);
    if (status != PLIM_OK)
        return status;
    plim_source source = plim_file_source_view(file);
    size_t used = 0, got = 1;
    while (status == PLIM_OK && got > 0 && used < cap && memchr(out, '\n', used) == NULL) {
        status = source.read(source.ctx, out + used, cap - used, &got, err);
        used += status == PLIM_OK ? got : 0;
    }
    plim_file_source_close(&file);
    const char *end = memchr(out, '\n', used);
    if (status == PLIM_OK && end == NULL && used == cap)
        status = plim_error_set(err, PLIM_ERR_USAGE, "the first line of %s is too long", path);
    *out_bytes = end != NULL ? (size_t)(end - out) : used;
    return status;
}

static int secret_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    char lower = digit >= 'A' && digit <= 'F' ? (char)(digit + 32) : digit;
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

static plim_status secret_key(const char *path, plim__secret *out_secret, plim_error *err)
{
    char line[2 * PLIM_CRYPT_KEY_BYTES + 2];
    size_t bytes = 0;
    plim_status status = secret_line(path, line, sizeof line, &bytes, err);
    bool is_good = status == PLIM_OK && bytes == (size_t)2 * PLIM_CRYPT_KEY_BYTES;
    for (size_t i = 0; is_good && i < PLIM_CRYPT_KEY_BYTES; i++) {
        int high = secret_digit(line[2 * i]), low = secret_digit(line[2 * i + 1]);
        is_good = high >= 0 && low >= 0;
        out_secret->key[i] = (unsigned char)(high << 4 | low);
    }
    plim_crypt_wipe(line, sizeof line);
    if (status == PLIM_OK && !is_good) {
        status =
            plim_error_set(err, PLIM_ERR_USAGE, "%s holds no key: 64 hexadecimal digits", path);
        plim_error_hint(err, "plim encrypt FILE --make-key KEYFILE makes one");
    }
    return status;
}

static plim_status secret_phrase(const char *path, plim__secret *out_secret, plim_error *err)
{
    plim_status status = secret_line(path, out_secret->phrase, sizeof out_secret->phrase,
                                     &out_secret->phrase_bytes, err);
    if (status == PLIM_OK && out_secret->phrase_bytes == 0)
        status = plim_error_set(err, PLIM_ERR_USAGE, "the first line of %s is empty", path);
    return status;
}

static plim_status secret_ask(bool is_new, plim__secret *out_secret, plim_error *err)
{
    char again[sizeof out_secret->phrase];
    size_t again_bytes = 0;
    if (!plim__terminal_ask("passphrase: ", out_secret->phrase, sizeof out_secret->phrase,
                            &out_secret->phrase_bytes)) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                            "a key or a passphrase is wanted, and there is no "
                                            "terminal to ask on");
        plim_error_hint(err, "--key FILE or --passphrase-file FILE names it");
        return status;
    }
    if (out_secret->phrase_bytes == 0)
        return plim_error_set(err, PLIM_ERR_USAGE, "the passphrase is empty");
    bool same =
        !is_new || (plim__terminal_ask("the same again: ", again, sizeof again, &again_bytes) &&
                    again_bytes == out_secret->phrase_bytes &&
                    memcmp(again, out_secret->phrase, again_bytes) == 0);
    plim_crypt_wipe(again, sizeof again);
    return same ? PLIM_OK : plim_error_set(err, PLIM_ERR_USAGE, "the two passphrases differ");
}

plim_status plim__secret_get(plim__cli *cli, bool is_new, plim__secret *out_secret, plim_error *err)
{
    const char *key = cli->args.values[PLIM__OPTION_key].text;
    const char *phrase = cli->args.values[PLIM__OPTION_passphrase_file].text;
    *out_secret = (plim__secret){.phrase_bytes = 0};
    if (key != NULL && phrase != NULL)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "--key and --passphrase-file exclude each other");
    return key != NULL      ? secret_key(key, out_secret, err)
           : phrase != NULL ? secret_phrase(phrase, out_secret, err)
                            : secret_ask(is_new, out_secret, err);
}

void plim__secret_wipe(plim__secret *secret)
{
    plim_crypt_wipe(secret, sizeof *secret);
}

plim_status plim__secret_make(plim__cli *cli, const char *path, plim__secret *out_secret,
                              plim_error *err)
{
    static const char digits[] = "0123456789abcdef";
    char line[2 * PLIM_CRYPT_KEY_BYTES + 1];
    plim_file_sink *file = NULL;
    *out_secret = (plim__secret){.phrase_bytes = 0};
    plim_status status = plim_crypt_key_make(out_secret->key);
    for (size_t i = 0; i < PLIM_CRYPT_KEY_BYTES; i++) {
        line[2 * i] = digits[out_secret->key[i] >> 4];
        line[2 * i + 1] = digits[out_secret->key[i] & 15];
    }
    line[sizeof line - 1] = '\n';
    if (status == PLIM_OK)
        status = plim_file_sink_create(path, false, cli->allocator, &file, err);
    if (status == PLIM_OK) {
        plim_sink sink = plim_file_sink_view(file);
        status = sink.write(sink.ctx, line, sizeof line, err);
        if (status == PLIM_OK)
            status = plim_file_sink_commit(&file, err);
        else
            plim_file_sink_abandon(&file);
    }
    plim_crypt_wipe(line, sizeof line);
    return status;
}
