/* SPDX-License-Identifier: MIT */
/**
 * @file carrier.h
 * @brief What carries the messages of a connection: a WebSocket, a browser's pipe, or something of
 *        a runtime's own.
 *
 * A message comes in pieces and is never held whole; a carrier can be paused in the middle of one.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_CDP_CARRIER_H
#define PLIM_INSPECT_CDP_CARRIER_H
#include "inspect/wire/loop.h"

/** What a carrier tells. Callbacks that return a failure end the connection with it. */
typedef struct plim__cdp_carrier_events {
    void *ctx;
    plim_status (*on_data)(void *ctx, const char *data, size_t len, plim_error *err);
    plim_status (*on_message_end)(void *ctx, plim_error *err);
    void (*on_end)(void *ctx); /**< once; status() says why */
} plim__cdp_carrier_events;

/** What it can do; as the functions of wire/websocket.h of these names. */
typedef struct plim__cdp_carrier_table {
    plim_status (*send)(void *self, const char *text, size_t len, plim_error *err);
    plim_status (*status)(const void *self, plim_error *err);
    void (*pause)(void *self);
    void (*resume)(void *self);
    uint64_t (*received_bytes)(const void *self);
    void (*destroy)(void *self);
} plim__cdp_carrier_table;

/** One that is open. */
typedef struct plim__cdp_carrier {
    const plim__cdp_carrier_table *table; /**< NULL: none */
    void *self;
} plim__cdp_carrier;

/** Opens a WebSocket. As plim__websocket_connect(). */
PLIM_NODISCARD plim_status plim__cdp_carrier_websocket(
    plim__loop *loop, const plim_allocator *allocator, const char *host, uint16_t port,
    const char *path, uint64_t timeout_ns, plim__cdp_carrier_events events,
    plim__cdp_carrier *out_carrier, plim_error *err);

/** Speaks over a socket whose messages end with a NUL. As plim__pipe_open(). */
PLIM_NODISCARD plim_status plim__cdp_carrier_pipe(plim__loop *loop, const plim_allocator *allocator,
                                                  int descriptor, plim__cdp_carrier_events events,
                                                  plim__cdp_carrier *out_carrier, plim_error *err);

#endif
