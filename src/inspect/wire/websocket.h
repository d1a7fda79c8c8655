/* SPDX-License-Identifier: MIT */
/**
 * @file websocket.h
 * @brief A WebSocket client that streams: a message comes in pieces and is never held whole.
 *
 * Out: one masked, unfragmented text frame per message and nothing else that is not an answer
 * (Node drops the connection on a ping, a fragment or a binary frame). In: frames of any length,
 * fragments, pings (answered), close.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WIRE_WEBSOCKET_H
#define PLIM_INSPECT_WIRE_WEBSOCKET_H
#include "inspect/wire/loop.h"

typedef struct plim__websocket plim__websocket;

/** Callbacks that return a failure end the connection with it. */
typedef struct plim__websocket_events {
    void *ctx;
    plim_status (*on_data)(void *ctx, const char *data, size_t len, plim_error *err);
    plim_status (*on_message_end)(void *ctx, plim_error *err);
    void (*on_end)(void *ctx); /**< once; plim__websocket_status() says why */
} plim__websocket_events;

/**
 * Connects and upgrades.
 * Fails with PLIM_ERR_UNREACHABLE, _TIMEOUT (silence), _INTERRUPTED, _NO_MEMORY, _PROTOCOL (no
 * WebSocket server), _REFUSED (an HTTP code other than 101).
 */
PLIM_NODISCARD plim_status plim__websocket_connect(
    plim__loop *loop, const plim_allocator *allocator, const char *host, uint16_t port,
    const char *path, uint64_t timeout_ns, plim__websocket_events events,
    plim__websocket **out_websocket, plim_error *err);

/** Queues one text message. PLIM_ERR_GONE (or what ended the connection), or _NO_MEMORY. */
PLIM_NODISCARD plim_status plim__websocket_send(plim__websocket *websocket, const char *text,
                                                size_t len, plim_error *err);

/** PLIM_OK while it is open; else why it ended, in the words of err. */
PLIM_NODISCARD plim_status plim__websocket_status(const plim__websocket *websocket,
                                                  plim_error *err);

/** No more on_data until resume; may be called inside on_data. */
void plim__websocket_pause(plim__websocket *websocket);

/** Goes on; may call on_data before it returns. Not from inside a callback. */
void plim__websocket_resume(plim__websocket *websocket);

/** Bytes that have come in since the connection was opened: for stall limits. */
uint64_t plim__websocket_received_bytes(const plim__websocket *websocket);

/** Sends a close frame if it can at once, and closes. */
void plim__websocket_destroy(plim__websocket **websocket);

#endif
