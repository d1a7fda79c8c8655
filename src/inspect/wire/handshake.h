/* SPDX-License-Identifier: MIT */
/**
 * @file handshake.h
 * @brief The proof in a WebSocket handshake, which a client expects and a server gives.
 */
#ifndef PLIM_INSPECT_WIRE_HANDSHAKE_H
#define PLIM_INSPECT_WIRE_HANDSHAKE_H

enum {
    PLIM__HANDSHAKE_KEY_BYTES = 24,   /* Sec-WebSocket-Key: base64 of 16 bytes */
    PLIM__HANDSHAKE_ACCEPT_BYTES = 28 /* Sec-WebSocket-Accept: base64 of 20 bytes */
};

/** Sec-WebSocket-Accept for a key, with a NUL (RFC 6455, section 4.2.2). */
void plim__handshake_accept(const char *key, char out[PLIM__HANDSHAKE_ACCEPT_BYTES + 1]);

#endif
