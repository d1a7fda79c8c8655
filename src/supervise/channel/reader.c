/* SPDX-License-Identifier: MIT */
/*
 * Bytes to messages. A message that lies whole in what is given is not copied; one that comes in
 * pieces is gathered. The gathering grows by doubling with the bytes that came: an announcement of
 * 16 MiB costs its sender 16 MiB before it costs us as much.
 * Invariants: D1 used <= front + payload_max, cap < twice that. D2 skip_bytes > 0 only while used
 * is 0. D3 once failed, always failed. D4 the buffer is reused from message to message, and given
 * back once it is larger than what most messages need.
 */
#include <plimsoll/channel.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "supervise/channel/message.h"

enum {
    DECODER_MAGIC = 0x2dec0de5,
    DECODER_FIRST_BYTES = 256,
    DECODER_KEEP_BYTES = 64 << 10 /* a larger buffer goes back after its message */
};

struct plim_message_reader {
    uint32_t magic;
    const plim_allocator *allocator;
    uint32_t payload_max;
    plim_status failed; /* PLIM_OK: not yet */
    unsigned char *buffer;
    size_t used, cap;
    uint64_t skip_bytes; /* of an unknown kind, still to come */
    uint64_t skipped;
    bool is_given; /* the last call gave what stands in the buffer */
};

plim_status plim_message_reader_create(const plim_allocator *allocator, uint32_t payload_max,
                                       plim_message_reader **out_decoder, plim_error *err)
{
    PLIM_CHECK(out_decoder != NULL);
    if (payload_max > PLIM_CHANNEL_PAYLOAD_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a message has at most %u bytes, not %u",
                              PLIM_CHANNEL_PAYLOAD_MAX, (unsigned)payload_max);
    allocator = plim__allocator_or_system(allocator);
    plim_message_reader *decoder = plim__array_new_zero(allocator, 1, sizeof *decoder);
    if (decoder == NULL)
        return plim__no_memory(err, "a decoder");
    decoder->magic = DECODER_MAGIC;
    decoder->allocator = allocator;
    decoder->payload_max = payload_max == 0 ? PLIM_CHANNEL_PAYLOAD_DEFAULT : payload_max;
    *out_decoder = decoder;
    return PLIM_OK;
}

static void decoder_drop_buffer(plim_message_reader *decoder)
{
    plim__array_free(decoder->allocator, decoder->buffer, decoder->cap, 1);
    decoder->buffer = NULL;
    decoder->cap = 0;
}

static plim_status decoder_fail(plim_message_reader *decoder, plim_status status)
{
    decoder->failed = status;
    decoder->used = 0;
    decoder_drop_buffer(decoder);
    return status;
}

/* Takes up to wanted bytes of the message into the buffer; how many of data went. */
static plim_status decoder_gather(plim_message_reader *decoder, const unsigned char *data,
                                  size_t len, size_t wanted, size_t *out_used, plim_error *err)
{
    size_t missing = wanted - decoder->used;
    size_t now = len < missing ? len : missing;
    if (decoder->used + now > decoder->cap) {
        size_t cap = decoder->cap == 0 ? DECODER_FIRST_BYTES : decoder->cap;
        while (cap < decoder->used + now)
            cap *= 2; /* bounded: below twice PLIM_CHANNEL_PAYLOAD_MAX and a front */
        unsigned char *grown =
            plim__array_resize(decoder->allocator, decoder->buffer, decoder->cap, cap, 1);
        if (grown == NULL)
            return plim__no_memory(err, "a message");
        decoder->buffer = grown;
        decoder->cap = cap;
    }
    if (now > 0)
        memcpy(decoder->buffer + decoder->used, data, now);
    decoder->used += now;
    *out_used += now;
    return PLIM_OK;
}

/* What is to be done with the message whose front this is. */
static plim_status decoder_judge(const plim_message_reader *decoder,
                                 const plim__message_front *front, plim_error *err)
{
    if (front->payload_bytes > decoder->payload_max)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a message of %u bytes; at most %u are taken",
                              (unsigned)front->payload_bytes, (unsigned)decoder->payload_max);
    if (!plim__message_is_known(front->kind) && (front->flags & PLIM_MESSAGE_MUST) != 0)
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "a message of kind %u must be understood, and is not",
                              (unsigned)front->kind);
    return PLIM_OK;
}

/* Lets bytes of a skipped message pass. */
static size_t decoder_pass(plim_message_reader *decoder, size_t len)
{
    size_t now = len < decoder->skip_bytes ? len : (size_t)decoder->skip_bytes;
    decoder->skip_bytes -= now;
    return now;
}

/* One step: true if the call is over, with *status. */
static bool decoder_step(plim_message_reader *decoder, const unsigned char *data, size_t len,
                         size_t *used, bool *is_whole, plim_message *message, plim_status *status,
                         plim_error *err)
{
    *used += decoder_pass(decoder, len - *used);
    const unsigned char *at = data + *used;
    size_t left = len - *used;
    const bool is_direct = decoder->used == 0;
    const unsigned char *from = is_direct ? at : decoder->buffer;
    if (decoder->used < PLIM__MESSAGE_FRONT_BYTES &&
        (!is_direct || left < PLIM__MESSAGE_FRONT_BYTES)) {
        if (left > 0)
            *status = decoder_gather(decoder, at, left, PLIM__MESSAGE_FRONT_BYTES, used, err);
        if (*status != PLIM_OK || decoder->used < PLIM__MESSAGE_FRONT_BYTES)
            return true;
        from = decoder->buffer;
        at = data + *used;
        left = len - *used;
    }
    plim__message_front front = plim__message_front_read(from);
    *status = decoder_judge(decoder, &front, err);
    if (*status != PLIM_OK)
        return true;
    size_t total = PLIM__MESSAGE_FRONT_BYTES + (size_t)front.payload_bytes;
    if (!plim__message_is_known(front.kind)) {
        if (decoder->used == 0)
            *used += PLIM__MESSAGE_FRONT_BYTES;
        decoder->used = 0;
        decoder->skip_bytes = front.payload_bytes;
        decoder->skipped++;
        return false;
    }
    if (decoder->used == 0 && left >= total) {
        *used += total;
    } else {
        *status = decoder_gather(decoder, at, left, total, used, err);
        if (*status != PLIM_OK || decoder->used < total)
            return true;
        from = decoder->buffer;
        decoder->is_given = true;
    }
    *status = plim__message_read(&front, from + PLIM__MESSAGE_FRONT_BYTES, message, err);
    *is_whole = *status == PLIM_OK;
    return true;
}

plim_status plim_message_reader_take(plim_message_reader *decoder, const void *data, size_t len,
                                     size_t *out_used, bool *out_is_whole,
                                     plim_message *out_message, plim_error *err)
{
    PLIM_CHECK_OBJ(decoder, DECODER_MAGIC);
    PLIM_CHECK(out_used != NULL && out_is_whole != NULL && out_message != NULL);
    PLIM_CHECK(data != NULL || len == 0);
    *out_used = 0;
    *out_is_whole = false;
    if (decoder->failed != PLIM_OK)
        return plim_error_set(err, decoder->failed, "nothing is understood after what came before");
    if (decoder->is_given) {
        decoder->is_given = false;
        decoder->used = 0;
        if (decoder->cap > DECODER_KEEP_BYTES)
            decoder_drop_buffer(decoder);
    }
    static const unsigned char nothing[1];
    const unsigned char *bytes = data != NULL ? data : nothing;
    plim_status status = PLIM_OK;
    /* Each round takes a front at least, or is the last. */
    while (!decoder_step(decoder, bytes, len, out_used, out_is_whole, out_message, &status, err))
        continue;
    return status == PLIM_OK ? PLIM_OK : decoder_fail(decoder, status);
}

bool plim_message_reader_is_between(const plim_message_reader *decoder)
{
    PLIM_CHECK_OBJ(decoder, DECODER_MAGIC);
    return (decoder->used == 0 || decoder->is_given) && decoder->skip_bytes == 0;
}

uint64_t plim_message_reader_skipped(const plim_message_reader *decoder)
{
    PLIM_CHECK_OBJ(decoder, DECODER_MAGIC);
    return decoder->skipped;
}

void plim_message_reader_destroy(plim_message_reader **decoder_ptr)
{
    if (decoder_ptr == NULL || *decoder_ptr == NULL)
        return;
    plim_message_reader *decoder = *decoder_ptr;
    *decoder_ptr = NULL;
    PLIM_CHECK_OBJ(decoder, DECODER_MAGIC);
    decoder_drop_buffer(decoder);
    decoder->magic = 0;
    plim__array_free(decoder->allocator, decoder, 1, sizeof *decoder);
}
