/* SPDX-License-Identifier: MIT */
/**
 * @file sha1.h
 * @brief SHA-1 of a short text, in base64: what a WebSocket handshake proves itself with.
 *
 * Not for anything that must be secret or unforgeable. Thread-safety: pure functions.
 * @see FIPS 180-4 section 6.1, RFC 4648 section 4, RFC 6455 section 1.3.
 */
#ifndef PLIM_INSPECT_WIRE_SHA1_H
#define PLIM_INSPECT_WIRE_SHA1_H
#include <stddef.h>
#include <stdint.h>

enum { PLIM__SHA1_BYTES = 20, PLIM__SHA1_TEXT_MAX = 119 };

/** len is at most PLIM__SHA1_TEXT_MAX. */
void plim__sha1(const char *text, size_t len, uint8_t out_digest[PLIM__SHA1_BYTES]);

/** Writes 4 * ceil(len / 3) characters and a NUL. */
void plim__base64(const uint8_t *bytes, size_t len, char *out_text);

#endif
