/* SPDX-License-Identifier: MIT */
#include "inspect/wire/handshake.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

void plim__handshake_accept(const char *key, char out[PLIM__HANDSHAKE_ACCEPT_BYTES + 1])
{
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    struct sha1_ctx hash;
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_init(&hash);
    sha1_update(&hash, strlen(key), (const uint8_t *)key);
    sha1_update(&hash, sizeof GUID - 1, (const uint8_t *)GUID);
    sha1_digest(&hash, sizeof digest, digest);
    base64_encode_raw(out, sizeof digest, digest);
    out[PLIM__HANDSHAKE_ACCEPT_BYTES] = '\0';
}
