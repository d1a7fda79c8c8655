/* SPDX-License-Identifier: MIT */
#include "supervise/channel/greeting.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "supervise/channel/message.h"

plim_message plim__greeting(uint32_t payload_max, uint32_t capabilities, const char *name,
                            uint64_t process)
{
    plim_message hello = {.kind = PLIM_MESSAGE_HELLO,
                          .version = PLIM_CHANNEL_VERSION,
                          .version_min = PLIM_CHANNEL_VERSION_MIN,
                          .capabilities = capabilities,
                          .process = process};
    hello.payload_max = payload_max == 0 ? PLIM_CHANNEL_PAYLOAD_DEFAULT : payload_max;
    if (name != NULL) {
        hello.body = (const unsigned char *)name;
        hello.body_bytes = (uint32_t)plim__text_length(name, PLIM_CHANNEL_NAME_MAX);
    }
    return hello;
}

plim_status plim__greeting_judge(const plim_message *first, plim_message *out_peer, plim_error *err)
{
    PLIM_CHECK(first != NULL && out_peer != NULL);
    if (first->kind != PLIM_MESSAGE_HELLO)
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "the first message is of kind %d, and no greeting", (int)first->kind);
    if (first->version < PLIM_CHANNEL_VERSION_MIN || first->version_min > PLIM_CHANNEL_VERSION)
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "the other side speaks the versions %u to %u of the channel, this "
                              "one %u to %u",
                              (unsigned)first->version_min, (unsigned)first->version,
                              (unsigned)PLIM_CHANNEL_VERSION_MIN, (unsigned)PLIM_CHANNEL_VERSION);
    *out_peer = *first;
    out_peer->body = NULL;
    out_peer->body_bytes = 0;
    if (out_peer->version > PLIM_CHANNEL_VERSION)
        out_peer->version = PLIM_CHANNEL_VERSION;
    if (out_peer->payload_max > PLIM_CHANNEL_PAYLOAD_MAX)
        out_peer->payload_max = PLIM_CHANNEL_PAYLOAD_MAX;
    return PLIM_OK;
}

plim_status plim__greeting_fits(const plim_message *peer, const plim_message *message,
                                size_t head_bytes, plim_error *err)
{
    uint64_t payload = (uint64_t)(head_bytes - PLIM__MESSAGE_FRONT_BYTES) + message->error_bytes +
                       message->body_bytes;
    if (payload <= peer->payload_max)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_LIMIT, "a message of %llu bytes; the other side takes %u",
                          (unsigned long long)payload, (unsigned)peer->payload_max);
}
