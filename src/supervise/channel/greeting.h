/* SPDX-License-Identifier: MIT */
/**
 * @file greeting.h
 * @brief The first message of each side: what it says, and what is made of it. No system.
 */
#ifndef PLIM_SUPERVISE_CHANNEL_GREETING_H
#define PLIM_SUPERVISE_CHANNEL_GREETING_H
#include <plimsoll/channel.h>

/** Our HELLO; payload_max 0: the default; name may be NULL, and is borrowed. */
plim_message plim__greeting(uint32_t payload_max, uint32_t capabilities, const char *name,
                            uint64_t process);

/** Whether that was a HELLO with a version that is spoken here. Post: *out_peer is it, with the
    version that holds between us, and without its name. PLIM_ERR_PROTOCOL. */
PLIM_NODISCARD plim_status plim__greeting_judge(const plim_message *first, plim_message *out_peer,
                                                plim_error *err);

/** Whether the other side takes a message whose head has head_bytes. PLIM_ERR_LIMIT. */
PLIM_NODISCARD plim_status plim__greeting_fits(const plim_message *peer,
                                               const plim_message *message, size_t head_bytes,
                                               plim_error *err);

#endif
