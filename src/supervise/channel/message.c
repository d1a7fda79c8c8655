/* SPDX-License-Identifier: MIT */
/*
 * Messages and their bytes: pure, so that every byte of the format is in this file.
 * A message is a front of 16 bytes (payload's length, kind, flags, id), the fixed fields of its
 * kind, an error text where the kind has one, and the body, which is what is left of the payload.
 * Invariants: M1 what plim_message_write() makes, plim__message_read() gives back, field by field.
 * M2 reading never looks behind payload_bytes. M3 a number is little-endian wherever we run.
 */
#include "supervise/channel/message.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

enum {
    FIXED_HELLO = 24,
    FIXED_REQUEST = 8,
    FIXED_RESPONSE = 8,
    FIXED_HEALTH_ANSWER = 24,
    FIXED_MEMORY = 16,
    FIXED_LOG = 4,
    FIXED_LAST_WORDS = 4,
    FLAGS_MAX = 0xffff,
    MESSAGE_MAGIC = 0x4d494c50 /* "PLIM" */
};

_Static_assert(PLIM__MESSAGE_FRONT_BYTES + FIXED_HELLO <= PLIM_MESSAGE_HEAD_BYTES_MAX,
               "every head fits");

static unsigned char *message_put(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
    return at + bytes;
}

static uint64_t message_get(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* Two's complement without a conversion that a compiler may define otherwise. */
static int32_t message_signed(uint32_t value)
{
    return value <= INT32_MAX ? (int32_t)value : -(int32_t)(UINT32_MAX - value) - 1;
}

bool plim__message_is_known(uint16_t kind)
{
    return kind >= PLIM_MESSAGE_HELLO && kind <= PLIM_MESSAGE_LAST_WORDS;
}

/* Bytes of the fixed fields. */
static uint32_t message_fixed(plim_message_kind kind)
{
    switch (kind) {
    case PLIM_MESSAGE_HELLO:
        return FIXED_HELLO;
    case PLIM_MESSAGE_REQUEST:
        return FIXED_REQUEST;
    case PLIM_MESSAGE_RESPONSE:
        return FIXED_RESPONSE;
    case PLIM_MESSAGE_HEALTH_ANSWER:
        return FIXED_HEALTH_ANSWER;
    case PLIM_MESSAGE_MEMORY:
        return FIXED_MEMORY;
    case PLIM_MESSAGE_LOG:
        return FIXED_LOG;
    case PLIM_MESSAGE_LAST_WORDS:
        return FIXED_LAST_WORDS;
    case PLIM_MESSAGE_CANCEL:
    case PLIM_MESSAGE_HEALTH:
    case PLIM_MESSAGE_DRAIN:
        return 0;
    }
    return 0;
}

static unsigned char *message_put_fixed(const plim_message *message, unsigned char *at)
{
    switch (message->kind) {
    case PLIM_MESSAGE_HELLO:
        at = message_put(at, MESSAGE_MAGIC, 4);
        at = message_put(at, message->version, 2);
        at = message_put(at, message->version_min, 2);
        at = message_put(at, message->capabilities, 4);
        at = message_put(at, message->payload_max, 4);
        return message_put(at, message->process, 8);
    case PLIM_MESSAGE_REQUEST:
        at = message_put(at, message->deadline_ms, 4);
        return message_put(at, 0, 4);
    case PLIM_MESSAGE_RESPONSE:
        at = message_put(at, (uint32_t)message->status, 4);
        return message_put(at, message->error_bytes, 4);
    case PLIM_MESSAGE_HEALTH_ANSWER:
    case PLIM_MESSAGE_MEMORY:
        at = message_put(at, message->used_bytes, 8);
        at = message_put(at, message->limit_bytes, 8);
        return message->kind == PLIM_MESSAGE_MEMORY ? at : message_put(at, message->answered, 8);
    case PLIM_MESSAGE_LOG:
        return message_put(at, message->level, 4);
    case PLIM_MESSAGE_LAST_WORDS:
        return message_put(at, (uint32_t)message->status, 4);
    case PLIM_MESSAGE_CANCEL:
    case PLIM_MESSAGE_HEALTH:
    case PLIM_MESSAGE_DRAIN:
        return at;
    }
    return at;
}

plim_status plim_message_head(const plim_message *message, unsigned char *out_head, size_t *out_len,
                              plim_error *err)
{
    PLIM_CHECK(message != NULL && out_head != NULL && out_len != NULL);
    if (message->kind < PLIM_MESSAGE_HELLO || message->kind > PLIM_MESSAGE_LAST_WORDS)
        return plim_error_set(err, PLIM_ERR_USAGE, "there is no message of kind %d",
                              (int)message->kind);
    if (message->flags > FLAGS_MAX || message->version > FLAGS_MAX ||
        message->version_min > FLAGS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "flags and versions have 16 bits");
    if (message->error_bytes != 0 && message->kind != PLIM_MESSAGE_RESPONSE)
        return plim_error_set(err, PLIM_ERR_USAGE, "only a response has an error text");
    uint64_t payload =
        (uint64_t)message_fixed(message->kind) + message->error_bytes + message->body_bytes;
    if (payload > PLIM_CHANNEL_PAYLOAD_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "a message of %llu bytes; nobody takes more than %u",
                              (unsigned long long)payload, PLIM_CHANNEL_PAYLOAD_MAX);
    unsigned char *at = message_put(out_head, payload, 4);
    at = message_put(at, (uint64_t)message->kind, 2);
    at = message_put(at, message->flags, 2);
    at = message_put(at, message->id, 8);
    at = message_put_fixed(message, at);
    *out_len = (size_t)(at - out_head);
    PLIM_DCHECK(*out_len == PLIM__MESSAGE_FRONT_BYTES + message_fixed(message->kind));
    return PLIM_OK;
}

plim_status plim_message_write(const plim_message *message, void *out, size_t cap, size_t *out_len,
                               plim_error *err)
{
    PLIM_CHECK(out != NULL && out_len != NULL);
    unsigned char head[PLIM_MESSAGE_HEAD_BYTES_MAX];
    size_t len = 0;
    plim_status status = plim_message_head(message, head, &len, err);
    if (status != PLIM_OK)
        return status;
    size_t total = len + message->error_bytes + message->body_bytes;
    if (total > cap)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "a message of %zu bytes, room for %zu", total,
                              cap);
    unsigned char *at = out;
    memcpy(at, head, len);
    if (message->error_bytes > 0)
        memcpy(at + len, message->error, message->error_bytes);
    if (message->body_bytes > 0)
        memcpy(at + len + message->error_bytes, message->body, message->body_bytes);
    *out_len = total;
    return PLIM_OK;
}

plim__message_front plim__message_front_read(const unsigned char *bytes)
{
    plim__message_front front;
    front.payload_bytes = (uint32_t)message_get(bytes, 4);
    front.kind = (uint16_t)message_get(bytes + 4, 2);
    front.flags = (uint16_t)message_get(bytes + 6, 2);
    front.id = message_get(bytes + 8, 8);
    return front;
}

/* HELLO and RESPONSE can contradict themselves; the rest of the fields may have any value. */
static plim_status message_get_fixed(const unsigned char *at, uint32_t left, plim_message *message,
                                     plim_error *err)
{
    switch (message->kind) {
    case PLIM_MESSAGE_HELLO:
        if (message_get(at, 4) != MESSAGE_MAGIC)
            return plim_error_set(err, PLIM_ERR_PROTOCOL, "a greeting that is not of a channel");
        message->version = (uint32_t)message_get(at + 4, 2);
        message->version_min = (uint32_t)message_get(at + 6, 2);
        message->capabilities = (uint32_t)message_get(at + 8, 4);
        message->payload_max = (uint32_t)message_get(at + 12, 4);
        message->process = message_get(at + 16, 8);
        if (message->version < message->version_min)
            return plim_error_set(err, PLIM_ERR_PROTOCOL, "a greeting that speaks no version");
        break;
    case PLIM_MESSAGE_REQUEST:
        message->deadline_ms = (uint32_t)message_get(at, 4);
        break;
    case PLIM_MESSAGE_RESPONSE:
        message->status = message_signed((uint32_t)message_get(at, 4));
        message->error_bytes = (uint32_t)message_get(at + 4, 4);
        if (message->error_bytes > left)
            return plim_error_set(err, PLIM_ERR_PROTOCOL,
                                  "an error text that is longer than its message");
        break;
    case PLIM_MESSAGE_HEALTH_ANSWER:
        message->answered = message_get(at + 16, 8);
        message->limit_bytes = message_get(at + 8, 8);
        message->used_bytes = message_get(at, 8);
        break;
    case PLIM_MESSAGE_MEMORY:
        message->limit_bytes = message_get(at + 8, 8);
        message->used_bytes = message_get(at, 8);
        break;
    case PLIM_MESSAGE_LOG:
        message->level = (uint32_t)message_get(at, 4);
        break;
    case PLIM_MESSAGE_LAST_WORDS:
        message->status = message_signed((uint32_t)message_get(at, 4));
        break;
    case PLIM_MESSAGE_CANCEL:
    case PLIM_MESSAGE_HEALTH:
    case PLIM_MESSAGE_DRAIN:
        break;
    }
    return PLIM_OK;
}

plim_status plim__message_read(const plim__message_front *front, const unsigned char *payload,
                               plim_message *out_message, plim_error *err)
{
    PLIM_CHECK(front != NULL && out_message != NULL && plim__message_is_known(front->kind));
    plim_message message = {
        .kind = (plim_message_kind)front->kind, .flags = front->flags, .id = front->id};
    uint32_t fixed = message_fixed(message.kind);
    if (front->payload_bytes < fixed)
        return plim_error_set(
            err, PLIM_ERR_PROTOCOL, "a message of kind %u with %u bytes; it has %u at least",
            (unsigned)front->kind, (unsigned)front->payload_bytes, (unsigned)fixed);
    uint32_t left = front->payload_bytes - fixed;
    plim_status status = message_get_fixed(payload, left, &message, err);
    if (status != PLIM_OK)
        return status;
    const unsigned char *at = left > 0 ? payload + fixed : NULL;
    if (message.error_bytes > 0) {
        message.error = (const char *)at;
        at = left > message.error_bytes ? at + message.error_bytes : NULL;
    }
    message.body_bytes = left - message.error_bytes;
    message.body = at;
    *out_message = message;
    return PLIM_OK;
}
