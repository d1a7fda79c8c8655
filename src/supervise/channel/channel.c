/* SPDX-License-Identifier: MIT */
/*
 * A connection on which one thread waits. Bytes are read into one buffer, messages are looked at
 * where they lie in it; what was read behind a message waits there for the next call.
 * A receive that may wait for ever is one recv(2); one with an end asks poll(2) first.
 * Invariants: C1 at <= len <= sizeof bytes. C2 a message given out lies in bytes or in the decoder,
 * and neither is written before the next call. C3 after a failure to send, or of the decoder, the
 * connection is broken: every later call gives that failure.
 */
#include <plimsoll/channel.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/shared.h"
#include "platform/stream_socket.h"
#include "supervise/channel/greeting.h"

enum {
    CHANNEL_MAGIC = 0x3c4a77e1,
    CHANNEL_READ_BYTES = 16 << 10,
    CHANNEL_OTHERS_MAX = 1 << 20 /* messages that a call lets pass while it waits for its answer */
};

#define CHANNEL_OPEN_NS 5000000000u

struct plim_channel {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_message_reader *decoder;
    int descriptor;
    plim_status broken; /* PLIM_OK: it is not */
    plim_message peer;
    uint64_t call_id;
    size_t at, len;
    unsigned char bytes[CHANNEL_READ_BYTES];
};

static uint64_t channel_left(uint64_t timeout_ns, uint64_t started_ns)
{
    if (timeout_ns == UINT64_MAX || timeout_ns == 0)
        return timeout_ns;
    uint64_t gone = plim__socket_now() - started_ns;
    return gone < timeout_ns ? timeout_ns - gone : 0;
}

static plim_status channel_break(plim_channel *channel, plim_status status)
{
    channel->broken = status;
    return status;
}

static plim_status channel_is_broken(const plim_channel *channel, plim_error *err)
{
    return plim_error_set(err, channel->broken, "the connection has ended: %s",
                          plim_status_text(channel->broken));
}

/* Reads some bytes; TIMEOUT and INTERRUPTED leave all as it is. */
static plim_status channel_fill(plim_channel *channel, uint64_t timeout_ns, plim_error *err)
{
    size_t len = 0;
    plim_status status = PLIM_ERR_TIMEOUT;
    bool is_for_ever = timeout_ns == UINT64_MAX;
    if (!is_for_ever)
        status =
            plim__socket_take(channel->descriptor, channel->bytes, CHANNEL_READ_BYTES, false, &len);
    if (status == PLIM_ERR_TIMEOUT && timeout_ns != 0) {
        status = is_for_ever ? PLIM_OK : plim__socket_wait(channel->descriptor, timeout_ns);
        if (status == PLIM_OK)
            status = plim__socket_take(channel->descriptor, channel->bytes, CHANNEL_READ_BYTES,
                                       is_for_ever, &len);
    }
    if (status == PLIM_OK) {
        channel->at = 0;
        channel->len = len;
        return PLIM_OK;
    }
    if (status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "no message came");
    if (status == PLIM_ERR_GONE && !plim_message_reader_is_between(channel->decoder))
        status = PLIM_ERR_TRUNCATED;
    (void)channel_break(channel, status);
    return plim_error_set(err, status, "the other side has ended%s",
                          status == PLIM_ERR_TRUNCATED ? " in the middle of a message" : "");
}

plim_status plim_channel_receive(plim_channel *channel, uint64_t timeout_ns,
                                 plim_message *out_message, plim_error *err)
{
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    PLIM_CHECK(out_message != NULL);
    uint64_t started = timeout_ns == UINT64_MAX || timeout_ns == 0 ? 0 : plim__socket_now();
    if (channel->broken != PLIM_OK)
        return channel_is_broken(channel, err);
    for (;;) { /* each round takes bytes, or ends */
        size_t used = 0;
        bool is_whole = false;
        plim_status status = plim_message_reader_take(
            channel->decoder, channel->bytes + channel->at, channel->len - channel->at, &used,
            &is_whole, out_message, err);
        channel->at += used;
        if (status != PLIM_OK)
            return channel_break(channel, status);
        if (is_whole)
            return PLIM_OK;
        status = channel_fill(channel, channel_left(timeout_ns, started), err);
        if (status != PLIM_OK)
            return status;
    }
}

plim_status plim_channel_send(plim_channel *channel, const plim_message *message,
                              uint64_t timeout_ns, plim_error *err)
{
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    PLIM_CHECK(message != NULL);
    unsigned char head[PLIM_MESSAGE_HEAD_BYTES_MAX];
    size_t len = 0;
    if (channel->broken != PLIM_OK)
        return channel_is_broken(channel, err);
    plim_status status = plim_message_head(message, head, &len, err);
    if (status != PLIM_OK)
        return status;
    status = plim__greeting_fits(&channel->peer, message, len, err);
    if (status != PLIM_OK)
        return status;
    plim__socket_part parts[] = {
        {head, len}, {message->error, message->error_bytes}, {message->body, message->body_bytes}};
    status = plim__socket_send(channel->descriptor, parts, 3, timeout_ns);
    if (status == PLIM_OK)
        return PLIM_OK;
    (void)channel_break(channel, status);
    return plim_error_set(err, status, "the other side does not take messages: %s",
                          plim_status_text(status));
}

static plim_status channel_greet(plim_channel *channel, const plim_channel_options *options,
                                 uint64_t timeout_ns, plim_error *err)
{
    uint64_t started = plim__socket_now();
    plim_message hello = plim__greeting(options->payload_max, options->capabilities, options->name,
                                        (uint64_t)plim__shared_process());
    channel->peer.payload_max = PLIM_CHANNEL_PAYLOAD_MAX; /* until it says */
    plim_status status = plim_channel_send(channel, &hello, timeout_ns, err);
    plim_message answer;
    if (status == PLIM_OK)
        status = plim_channel_receive(channel, channel_left(timeout_ns, started), &answer, err);
    if (status == PLIM_OK)
        status = plim__greeting_judge(&answer, &channel->peer, err);
    return status;
}

plim_status plim_channel_adopt(int descriptor, const plim_channel_options *options,
                               plim_channel **out_channel, plim_error *err)
{
    PLIM_CHECK(out_channel != NULL);
    static const plim_channel_options defaults = {.struct_bytes = sizeof defaults};
    options = options != NULL ? options : &defaults;
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "options of another version");
    if (!plim__socket_is_stream(descriptor))
        return plim_error_set(err, PLIM_ERR_USAGE, "descriptor %d is no stream socket", descriptor);
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_channel *channel = plim__array_new(allocator, 1, sizeof *channel);
    if (channel == NULL)
        return plim__no_memory(err, "a channel");
    memset(channel, 0, offsetof(plim_channel, bytes));
    channel->magic = CHANNEL_MAGIC;
    channel->allocator = allocator;
    channel->descriptor = descriptor;
    uint64_t timeout_ns =
        options->open_timeout_ns == 0 ? CHANNEL_OPEN_NS : options->open_timeout_ns;
    plim_status status =
        plim_message_reader_create(allocator, options->payload_max, &channel->decoder, err);
    if (status == PLIM_OK && !plim__socket_set_blocking(descriptor, true))
        status = plim_error_set(err, PLIM_ERR_IO, "descriptor %d cannot be waited on", descriptor);
    if (status == PLIM_OK)
        status = channel_greet(channel, options, timeout_ns, err);
    if (status == PLIM_OK) {
        *out_channel = channel;
        return PLIM_OK;
    }
    channel->descriptor = -1; /* still the caller's */
    plim_channel_close(&channel);
    return status;
}

plim_status plim_channel_open(const char *address, const plim_channel_options *options,
                              plim_channel **out_channel, plim_error *err)
{
    PLIM_CHECK(address != NULL && out_channel != NULL);
    int descriptor = -1;
    uint64_t timeout_ns = options == NULL || options->open_timeout_ns == 0
                              ? CHANNEL_OPEN_NS
                              : options->open_timeout_ns;
    plim_status status = plim__socket_connect(address, timeout_ns, &descriptor, err);
    if (status != PLIM_OK)
        return status;
    status = plim_channel_adopt(descriptor, options, out_channel, err);
    if (status != PLIM_OK) {
        plim_error_where(err, "%s", address);
        plim__socket_close(descriptor);
    }
    return status;
}

plim_status plim_channel_call(plim_channel *channel, const void *code, uint32_t bytes,
                              uint32_t flags, uint64_t timeout_ns, plim_message *out_answer,
                              plim_error *err)
{
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    PLIM_CHECK(out_answer != NULL);
    uint64_t started = plim__socket_now();
    uint64_t ms = timeout_ns / 1000000u;
    plim_message request = {.kind = PLIM_MESSAGE_REQUEST,
                            .flags = flags,
                            .id = ++channel->call_id,
                            .deadline_ms = ms < UINT32_MAX ? (uint32_t)ms : 0,
                            .body = code,
                            .body_bytes = bytes};
    plim_status status = plim_channel_send(channel, &request, timeout_ns, err);
    for (uint32_t others = 0; status == PLIM_OK && others < CHANNEL_OTHERS_MAX; others++) {
        uint64_t left = channel_left(timeout_ns, started);
        status = plim_channel_receive(channel, left, out_answer, err);
        if (status == PLIM_OK && out_answer->kind == PLIM_MESSAGE_RESPONSE &&
            out_answer->id == request.id)
            return PLIM_OK;
    }
    if ((status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_INTERRUPTED) &&
        channel->broken == PLIM_OK) {
        plim_message cancel = {.kind = PLIM_MESSAGE_CANCEL, .id = request.id};
        plim_status told = plim_channel_send(channel, &cancel, 0, NULL);
        (void)told; /* the failure is told already */
    }
    return status != PLIM_OK ? status
                             : plim_error_set(err, PLIM_ERR_PROTOCOL, "all but an answer came");
}

const plim_message *plim_channel_peer(const plim_channel *channel)
{
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    return &channel->peer;
}

int plim_channel_descriptor(const plim_channel *channel)
{
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    return channel->descriptor;
}

void plim_channel_close(plim_channel **channel_ptr)
{
    if (channel_ptr == NULL || *channel_ptr == NULL)
        return;
    plim_channel *channel = *channel_ptr;
    *channel_ptr = NULL;
    PLIM_CHECK_OBJ(channel, CHANNEL_MAGIC);
    plim_message_reader_destroy(&channel->decoder);
    plim__socket_close(channel->descriptor);
    channel->magic = 0;
    plim__array_free(channel->allocator, channel, 1, sizeof *channel);
}
