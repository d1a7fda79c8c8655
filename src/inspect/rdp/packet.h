/* SPDX-License-Identifier: MIT */
/**
 * @file packet.h
 * @brief Takes Firefox's packets out of a stream of bytes: `LEN:JSON` and
 *        `bulk ACTOR TYPE LEN:DATA`.
 *
 * Bytes may be cut anywhere. A JSON packet is held whole (PLIM_CONTROL_BYTES_MAX at most, and
 * memory is taken as its bytes come, not on the word of its length); bulk data passes by unheld.
 * Thread-safety: one thread at a time per object.
 */
#ifndef PLIM_INSPECT_RDP_PACKET_H
#define PLIM_INSPECT_RDP_PACKET_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLIM__RDP_ACTOR_BYTES = 160, /**< of an actor's name, with the NUL; 40 are usual */
    PLIM__RDP_HEADER_BYTES = 256 /**< before the colon */
};

/** What comes out; a failure ends the stream with it. */
typedef struct plim__rdp_packet_events {
    void *ctx;
    /** A whole packet; text is followed by a NUL, may be changed, dies when the call returns. */
    plim_status (*on_json)(void *ctx, char *text, size_t len, plim_error *err);
    plim_status (*on_bulk)(void *ctx, const char *actor, uint64_t len, plim_error *err);
    plim_status (*on_bulk_data)(void *ctx, const char *data, size_t len, plim_error *err);
    plim_status (*on_bulk_end)(void *ctx, plim_error *err);
} plim__rdp_packet_events;

/** Zero it, set allocator and events; ended by plim__rdp_packets_fini(). All below is private. */
typedef struct plim__rdp_packets {
    const plim_allocator *allocator;
    plim__rdp_packet_events events;
    enum { PLIM__RDP_HEADER, PLIM__RDP_JSON, PLIM__RDP_BULK } state;
    size_t header_len;
    uint64_t left; /* of the body under way */
    char *body;
    size_t body_len;
    size_t body_cap;
    char header[PLIM__RDP_HEADER_BYTES];
} plim__rdp_packets;

/**
 * The next bytes. After a failure no more may be fed.
 * PLIM_ERR_PROTOCOL: no header of the two kinds. PLIM_ERR_LIMIT: a longer packet than we hold.
 * PLIM_ERR_NO_MEMORY; and whatever an event returned.
 */
PLIM_NODISCARD plim_status plim__rdp_packets_feed(plim__rdp_packets *packets, const char *data,
                                                  size_t len, plim_error *err);

/** Whether the stream stands between two packets. */
bool plim__rdp_packets_is_between(const plim__rdp_packets *packets);

/** Frees; all zero is accepted. */
void plim__rdp_packets_fini(plim__rdp_packets *packets);

#endif
