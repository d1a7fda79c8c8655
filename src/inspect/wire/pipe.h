/* SPDX-License-Identifier: MIT */
/**
 * @file pipe.h
 * @brief Messages over a stream of bytes, each ended by a NUL: a browser that we started.
 *
 * As websocket.h: a message comes in pieces and is never held whole.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_WIRE_PIPE_H
#define PLIM_INSPECT_WIRE_PIPE_H
#include "inspect/wire/loop.h"

typedef struct plim__pipe plim__pipe;

/** Callbacks that return a failure end the connection with it. */
typedef struct plim__pipe_events {
    void *ctx;
    plim_status (*on_data)(void *ctx, const char *data, size_t len, plim_error *err);
    plim_status (*on_message_end)(void *ctx, plim_error *err);
    void (*on_end)(void *ctx); /**< once; plim__pipe_status() says why */
} plim__pipe_events;

/** Speaks over a socket that is connected; the descriptor stays the caller's. PLIM_ERR_USAGE: it is
    none. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__pipe_open(plim__loop *loop, const plim_allocator *allocator,
                                           int descriptor, plim__pipe_events events,
                                           plim__pipe **out_pipe, plim_error *err);

/** Queues one message. PLIM_ERR_GONE (or what ended the connection), or _NO_MEMORY. */
PLIM_NODISCARD plim_status plim__pipe_send(plim__pipe *pipe, const char *text, size_t len,
                                           plim_error *err);

/** PLIM_OK while it is open; else why it ended, in the words of err. */
PLIM_NODISCARD plim_status plim__pipe_status(const plim__pipe *pipe, plim_error *err);

/** No more on_data until resume; may be called inside on_data. */
void plim__pipe_pause(plim__pipe *pipe);

/** Goes on; may call on_data before it returns. Not from inside a callback. */
void plim__pipe_resume(plim__pipe *pipe);

/** Bytes that have come in since it was opened: for stall limits. */
uint64_t plim__pipe_received_bytes(const plim__pipe *pipe);

/** Closes. */
void plim__pipe_destroy(plim__pipe **pipe);

#endif
