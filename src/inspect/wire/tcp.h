/* SPDX-License-Identifier: MIT */
/**
 * @file tcp.h
 * @brief A TCP connection, or one to a socket that is a file, on a plim__loop: bytes in by
 *        callback, bytes out by copy.
 *
 * The one read buffer is the connection's. A reader that cannot take more pauses; what it has not
 * consumed yet stays in that buffer, because reading stops at once.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WIRE_TCP_H
#define PLIM_INSPECT_WIRE_TCP_H
#include "inspect/wire/loop.h"

typedef struct plim__tcp plim__tcp;

/** What a connection tells its owner; no call after the end, none after destroy. */
typedef struct plim__tcp_events {
    void *ctx;
    void (*on_data)(void *ctx, const char *data, size_t len); /**< data valid until the next read */
    void (*on_end)(void *ctx, int uv_error);                  /**< UV_EOF, UV_ECONNRESET, … */
} plim__tcp_events;

/**
 * Connects, trying each address of a name in turn, and starts reading. A host that begins with a
 * stroke is a socket's path (the end of a tunnel); the port is not used then.
 * Fails with PLIM_ERR_UNREACHABLE, _TIMEOUT, _NO_MEMORY, _INTERRUPTED.
 */
PLIM_NODISCARD plim_status plim__tcp_connect(plim__loop *loop, const plim_allocator *allocator,
                                             const char *host, uint16_t port, uint64_t deadline_ns,
                                             plim__tcp_events events, plim__tcp **out_tcp,
                                             plim_error *err);

/**
 * Connects to a socket that is a file. PLIM_ERR_UNREACHABLE, _TIMEOUT, _NO_MEMORY, _INTERRUPTED;
 * PLIM_ERR_USAGE: the path is longer than the system takes.
 */
PLIM_NODISCARD plim_status plim__tcp_connect_path(plim__loop *loop, const plim_allocator *allocator,
                                                  const char *path, uint64_t deadline_ns,
                                                  plim__tcp_events events, plim__tcp **out_tcp,
                                                  plim_error *err);

/** Reads and writes a connected socket. The descriptor stays the caller's: a copy of it is used.
    PLIM_ERR_USAGE: it is none. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__tcp_adopt(plim__loop *loop, const plim_allocator *allocator,
                                           int descriptor, plim__tcp_events events,
                                           plim__tcp **out_tcp, plim_error *err);

/** Queues a copy of the bytes. PLIM_ERR_GONE if the connection has ended, or _NO_MEMORY. */
PLIM_NODISCARD plim_status plim__tcp_write(plim__tcp *tcp, const void *data, size_t len,
                                           plim_error *err);

/** Stops reading; on_data is not called again before resume. */
void plim__tcp_pause(plim__tcp *tcp);

/** Reads on. */
void plim__tcp_resume(plim__tcp *tcp);

/** Closes at once; turns the loop until the handle is free. */
void plim__tcp_destroy(plim__tcp **tcp);

#endif
