/* SPDX-License-Identifier: MIT */
/* The two carriers that are not a runtime's own, behind one table each. */
#include "inspect/cdp/carrier.h"

#include "base/assert.h"
#include "inspect/wire/pipe.h"
#include "inspect/wire/websocket.h"

/* ---- a WebSocket ----------------------------------------------------------------------------- */

static plim_status carrier_websocket_send(void *self, const char *text, size_t len, plim_error *err)
{
    return plim__websocket_send(self, text, len, err);
}

static plim_status carrier_websocket_status(const void *self, plim_error *err)
{
    return plim__websocket_status(self, err);
}

static void carrier_websocket_pause(void *self)
{
    plim__websocket_pause(self);
}

static void carrier_websocket_resume(void *self)
{
    plim__websocket_resume(self);
}

static uint64_t carrier_websocket_received(const void *self)
{
    return plim__websocket_received_bytes(self);
}

static void carrier_websocket_destroy(void *self)
{
    plim__websocket *websocket = self;
    plim__websocket_destroy(&websocket);
}

static const plim__cdp_carrier_table carrier_over_websocket = {
    .send = carrier_websocket_send,
    .status = carrier_websocket_status,
    .pause = carrier_websocket_pause,
    .resume = carrier_websocket_resume,
    .received_bytes = carrier_websocket_received,
    .destroy = carrier_websocket_destroy,
};

plim_status plim__cdp_carrier_websocket(plim__loop *loop, const plim_allocator *allocator,
                                        const char *host, uint16_t port, const char *path,
                                        uint64_t timeout_ns, plim__cdp_carrier_events events,
                                        plim__cdp_carrier *out_carrier, plim_error *err)
{
    PLIM_CHECK(out_carrier != NULL);
    plim__websocket_events bytes = {events.ctx, events.on_data, events.on_message_end,
                                    events.on_end};
    plim__websocket *websocket = NULL;
    plim_status status = plim__websocket_connect(loop, allocator, host, port, path, timeout_ns,
                                                 bytes, &websocket, err);
    if (status == PLIM_OK)
        *out_carrier = (plim__cdp_carrier){&carrier_over_websocket, websocket};
    return status;
}

/* ---- a pipe ---------------------------------------------------------------------------------- */

static plim_status carrier_pipe_send(void *self, const char *text, size_t len, plim_error *err)
{
    return plim__pipe_send(self, text, len, err);
}

static plim_status carrier_pipe_status(const void *self, plim_error *err)
{
    return plim__pipe_status(self, err);
}

static void carrier_pipe_pause(void *self)
{
    plim__pipe_pause(self);
}

static void carrier_pipe_resume(void *self)
{
    plim__pipe_resume(self);
}

static uint64_t carrier_pipe_received(const void *self)
{
    return plim__pipe_received_bytes(self);
}

static void carrier_pipe_destroy(void *self)
{
    plim__pipe *pipe = self;
    plim__pipe_destroy(&pipe);
}

static const plim__cdp_carrier_table carrier_over_pipe = {
    .send = carrier_pipe_send,
    .status = carrier_pipe_status,
    .pause = carrier_pipe_pause,
    .resume = carrier_pipe_resume,
    .received_bytes = carrier_pipe_received,
    .destroy = carrier_pipe_destroy,
};

plim_status plim__cdp_carrier_pipe(plim__loop *loop, const plim_allocator *allocator,
                                   int descriptor, plim__cdp_carrier_events events,
                                   plim__cdp_carrier *out_carrier, plim_error *err)
{
    PLIM_CHECK(out_carrier != NULL);
    plim__pipe_events bytes = {events.ctx, events.on_data, events.on_message_end, events.on_end};
    plim__pipe *pipe = NULL;
    plim_status status = plim__pipe_open(loop, allocator, descriptor, bytes, &pipe, err);
    if (status == PLIM_OK)
        *out_carrier = (plim__cdp_carrier){&carrier_over_pipe, pipe};
    return status;
}
