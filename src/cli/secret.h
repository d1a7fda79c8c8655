/* SPDX-License-Identifier: MIT */
/**
 * @file secret.h
 * @brief The key or passphrase that the user names: --key, --passphrase-file, or asked for.
 */
#ifndef PLIM_CLI_SECRET_H
#define PLIM_CLI_SECRET_H
#include <plimsoll/crypt.h>

#include "cli/cli.h"

/** What was named; wipe it with plim__secret_wipe(). */
typedef struct plim__secret {
    unsigned char key[PLIM_CRYPT_KEY_BYTES];
    char phrase[PLIM_CRYPT_PHRASE_MAX + 1];
    size_t phrase_bytes; /* 0: the key is it */
} plim__secret;

/** Finds it; asks on the terminal, twice if it is to be new. */
PLIM_NODISCARD plim_status plim__secret_get(plim__cli *cli, bool is_new, plim__secret *out_secret,
                                            plim_error *err);

/** As the library wants it. */
static inline plim_crypt_secret plim__secret_view(const plim__secret *secret)
{
    return (plim_crypt_secret){.key = secret->phrase_bytes == 0 ? secret->key : NULL,
                               .phrase = secret->phrase,
                               .phrase_bytes = secret->phrase_bytes};
}

/** Overwrites it. */
void plim__secret_wipe(plim__secret *secret);

/** Makes a key and writes it to a new file, 64 hexadecimal digits and a newline. */
PLIM_NODISCARD plim_status plim__secret_make(plim__cli *cli, const char *path,
                                             plim__secret *out_secret, plim_error *err);

#endif
