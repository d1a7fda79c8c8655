/* SPDX-License-Identifier: MIT */
/*
 * Invariants: P1 in JSON and BULK `left` bytes of the body are still to come; in HEADER left is 0.
 * P2 body_len <= body_cap; what is in body belongs to the one JSON packet under way.
 */
#include "inspect/rdp/packet.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"

enum { PACKET_FIRST_CAP = 4096, PACKET_KEPT_CAP = 1 << 20 };

static plim_status packet_fault(plim_error *err, const char *what)
{
    plim_status status = plim_error_set(err, PLIM_ERR_PROTOCOL,
                                        "what came is no packet of Firefox's debugger: %s", what);
    plim_error_hint(err, "is something else listening there? plim ps lists what can be inspected");
    return status;
}

/* A length in decimal; false: none, or one that passes 64 bits. */
static bool packet_length(const char *text, size_t len, uint64_t *out_length)
{
    uint64_t length = 0;
    if (len == 0 || len > 19)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text[i] - '0');
    }
    *out_length = length;
    return true;
}

/* "bulk ACTOR TYPE LEN", NUL-terminated. */
static plim_status packet_begin_bulk(plim__rdp_packets *packets, plim_error *err)
{
    char *actor = packets->header + 5;
    char *type = strchr(actor, ' ');
    char *length = type != NULL ? strchr(type + 1, ' ') : NULL;
    if (length == NULL || type == actor || type - actor >= PLIM__RDP_ACTOR_BYTES ||
        !packet_length(length + 1, strlen(length + 1), &packets->left))
        return packet_fault(err, "a bulk packet without actor, type and length");
    *type = '\0';
    packets->state = PLIM__RDP_BULK;
    plim_status status = packets->events.on_bulk(packets->events.ctx, actor, packets->left, err);
    if (status != PLIM_OK || packets->left > 0)
        return status;
    packets->state = PLIM__RDP_HEADER;
    return packets->events.on_bulk_end(packets->events.ctx, err);
}

static plim_status packet_begin(plim__rdp_packets *packets, plim_error *err)
{
    packets->header[packets->header_len] = '\0';
    size_t len = packets->header_len;
    packets->header_len = 0;
    if (strlen(packets->header) != len)
        return packet_fault(err, "a header with a zero byte");
    if (strncmp(packets->header, "bulk ", 5) == 0)
        return packet_begin_bulk(packets, err);
    if (!packet_length(packets->header, len, &packets->left) || packets->left == 0)
        return packet_fault(err, "it does not begin with a length");
    if (packets->left > PLIM_CONTROL_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a packet of %llu bytes; at most %u are taken",
                              (unsigned long long)packets->left, PLIM_CONTROL_BYTES_MAX);
    packets->state = PLIM__RDP_JSON;
    packets->body_len = 0;
    return PLIM_OK;
}

/* Header bytes up to the colon; *used says how many were taken. */
static plim_status packet_take_header(plim__rdp_packets *packets, const char *data, size_t len,
                                      size_t *used, plim_error *err)
{
    const char *colon = memchr(data, ':', len);
    size_t part = colon != NULL ? (size_t)(colon - data) : len;
    if (part >= sizeof packets->header - packets->header_len)
        return packet_fault(err, "a header without an end");
    memcpy(packets->header + packets->header_len, data, part);
    packets->header_len += part;
    *used = colon != NULL ? part + 1 : part;
    if (packets->header_len > 0 && packets->header[0] != 'b' &&
        (packets->header[0] < '0' || packets->header[0] > '9'))
        return packet_fault(err, "it does not begin with a length");
    return colon != NULL ? packet_begin(packets, err) : PLIM_OK;
}

/* Room for `part` more and a NUL. */
static bool packet_reserve(plim__rdp_packets *packets, size_t part)
{
    size_t wanted = packets->body_len + part + 1;
    size_t cap = packets->body_cap != 0 ? packets->body_cap : PACKET_FIRST_CAP;
    while (cap < wanted)
        cap *= 2; /* bounded: a body has at most PLIM_CONTROL_BYTES_MAX */
    if (cap == packets->body_cap)
        return true;
    char *body = plim__array_resize(packets->allocator, packets->body, packets->body_cap, cap, 1);
    if (body == NULL)
        return false;
    packets->body = body;
    packets->body_cap = cap;
    return true;
}

static plim_status packet_take_json(plim__rdp_packets *packets, const char *data, size_t part,
                                    plim_error *err)
{
    if (!packet_reserve(packets, part))
        return plim__no_memory(err, "a packet");
    memcpy(packets->body + packets->body_len, data, part);
    packets->body_len += part;
    packets->left -= part;
    if (packets->left > 0)
        return PLIM_OK;
    packets->state = PLIM__RDP_HEADER;
    packets->body[packets->body_len] = '\0';
    plim_status status =
        packets->events.on_json(packets->events.ctx, packets->body, packets->body_len, err);
    if (packets->body_cap > PACKET_KEPT_CAP) {
        plim__array_free(packets->allocator, packets->body, packets->body_cap, 1);
        packets->body = NULL;
        packets->body_cap = 0;
    }
    return status;
}

static plim_status packet_take_bulk(plim__rdp_packets *packets, const char *data, size_t part,
                                    plim_error *err)
{
    packets->left -= part;
    plim_status status = packets->events.on_bulk_data(packets->events.ctx, data, part, err);
    if (status != PLIM_OK || packets->left > 0)
        return status;
    packets->state = PLIM__RDP_HEADER;
    return packets->events.on_bulk_end(packets->events.ctx, err);
}

plim_status plim__rdp_packets_feed(plim__rdp_packets *packets, const char *data, size_t len,
                                   plim_error *err)
{
    PLIM_CHECK(packets != NULL && (data != NULL || len == 0));
    plim_status status = PLIM_OK;
    while (len > 0 && status == PLIM_OK) {
        size_t used = len;
        if (packets->state != PLIM__RDP_HEADER && packets->left < used)
            used = (size_t)packets->left;
        if (packets->state == PLIM__RDP_HEADER)
            status = packet_take_header(packets, data, len, &used, err);
        else if (packets->state == PLIM__RDP_JSON)
            status = packet_take_json(packets, data, used, err);
        else
            status = packet_take_bulk(packets, data, used, err);
        data += used;
        len -= used;
    }
    return status;
}

bool plim__rdp_packets_is_between(const plim__rdp_packets *packets)
{
    return packets->state == PLIM__RDP_HEADER && packets->header_len == 0;
}

void plim__rdp_packets_fini(plim__rdp_packets *packets)
{
    PLIM_CHECK(packets != NULL);
    plim__array_free(packets->allocator, packets->body, packets->body_cap, 1);
    packets->body = NULL;
    packets->body_cap = packets->body_len = 0;
}
