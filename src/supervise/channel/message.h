/* SPDX-License-Identifier: MIT */
/**
 * @file message.h
 * @brief The rows of the format: what stands between a message's head and its error and body.
 */
#ifndef PLIM_SUPERVISE_CHANNEL_MESSAGE_H
#define PLIM_SUPERVISE_CHANNEL_MESSAGE_H
#include <plimsoll/channel.h>

enum { PLIM__MESSAGE_FRONT_BYTES = 16 }; /* length, kind, flags, id */

/** What stands in front of every message. */
typedef struct plim__message_front {
    uint32_t payload_bytes;
    uint16_t kind, flags;
    uint64_t id;
} plim__message_front;

/** Reads the front: any 16 bytes are one. */
plim__message_front plim__message_front_read(const unsigned char *bytes);

/** Whether the kind is one that is known here. */
bool plim__message_is_known(uint16_t kind);

/** Reads what follows the front; the message points into payload. PLIM_ERR_PROTOCOL: it is not what
    its kind has. Pre: the kind is known, payload has payload_bytes. */
PLIM_NODISCARD plim_status plim__message_read(const plim__message_front *front,
                                              const unsigned char *payload,
                                              plim_message *out_message, plim_error *err);

#endif
