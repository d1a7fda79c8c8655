/* SPDX-License-Identifier: MIT */
/**
 * @file http.h
 * @brief One HTTP GET, as inspectors answer it: 1.0 or 1.1, any header case, chunked or not.
 *
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WIRE_HTTP_H
#define PLIM_INSPECT_WIRE_HTTP_H
#include "inspect/wire/loop.h"

enum { PLIM__HTTP_SERVER_BYTES = 64, PLIM__HTTP_BANNER_BYTES = 33 };

/** A body; text[len] is '\0'. */
typedef struct plim__http_body {
    const plim_allocator *allocator;
    char *text;
    size_t len;
    size_t cap;
    uint32_t code;                        /**< 200 on PLIM_OK */
    char server[PLIM__HTTP_SERVER_BYTES]; /**< the Server field, printable; empty if none came */
    char banner[PLIM__HTTP_BANNER_BYTES]; /**< how the answer begins, printable */
} plim__http_body;

/**
 * Gets `path`. code, server and banner are filled as far as they came on any status, text only on
 * PLIM_OK. Sends `Host: 127.0.0.1:PORT` and no Origin, which every runtime accepts. PLIM_OK
 * only for code 200.
 * Fails with PLIM_ERR_UNREACHABLE, _TIMEOUT, _INTERRUPTED, _NO_MEMORY,
 * _LIMIT (PLIM_HTTP_BYTES_MAX),
 * _PROTOCOL (what answers is no HTTP server, or hung up), _REFUSED (any other code).
 */
PLIM_NODISCARD plim_status plim__http_get(plim__loop *loop, const char *host, uint16_t port,
                                          const char *path, uint64_t timeout_ns,
                                          const plim_allocator *allocator,
                                          plim__http_body *out_body, plim_error *err);

/** Frees the body; one that is all zero is accepted. */
void plim__http_body_fini(plim__http_body *body);

#endif
