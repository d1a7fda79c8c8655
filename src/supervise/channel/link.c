/* SPDX-License-Identifier: MIT */
/*
 * A socket in libuv's loop: uv_poll beside our own calls, so that Unix and TCP are one and a write
 * that fits costs one system call and no memory.
 * Invariants: L1 out_at <= out_len <= out_cap <= out_max. L2 writable is polled for exactly while
 * something waits. L3 on_end is called at most once, and nothing after it. L4 whoever does not take
 * what it asked for is given up, not waited for.
 */
#include "supervise/channel/link.h"

#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/shared.h"
#include "platform/stream_socket.h"
#include "supervise/channel/greeting.h"

enum {
    LINK_MAGIC = 0x6b11a7c5,
    LINK_READ_BYTES = 32 << 10,
    LINK_READS_MAX = 8, /* of one link in one turn: others wait, too */
    LINK_REST_READS_MAX = 1024,
    LINK_OUT_FIRST = 4 << 10
};

struct plim__link {
    uint32_t magic;
    const plim_allocator *allocator;
    uv_poll_t poll;
    int descriptor;
    plim_message_reader *reader;
    plim__link_events events;
    plim_message peer;
    bool is_greeted, is_paused, is_ended, is_closed;
    unsigned char *out;
    size_t out_at, out_len, out_cap, out_max;
    unsigned char bytes[LINK_READ_BYTES];
};

static void link_on_poll(uv_poll_t *poll, int status, int events);

static void link_poll(plim__link *link)
{
    int events = 0;
    if (link->is_closed)
        return;
    if (!link->is_ended) {
        events |= link->is_paused ? 0 : UV_READABLE;
        events |= link->out_at < link->out_len ? UV_WRITABLE : 0;
    }
    if (events == 0)
        (void)uv_poll_stop(&link->poll);
    else
        (void)uv_poll_start(&link->poll, events, link_on_poll);
}

static void link_end(plim__link *link, plim_status why)
{
    if (link->is_ended || link->is_closed)
        return;
    link->is_ended = true;
    link_poll(link);
    link->events.on_end(link->events.ctx, why);
}

static void link_give(plim__link *link, const plim_message *message)
{
    if (link->is_greeted) {
        if (message->kind != PLIM_MESSAGE_HELLO)
            link->events.on_message(link->events.ctx, message);
        return;
    }
    if (plim__greeting_judge(message, &link->peer, NULL) != PLIM_OK) {
        link_end(link, PLIM_ERR_PROTOCOL);
        return;
    }
    link->is_greeted = true;
    link->events.on_greeted(link->events.ctx, &link->peer);
}

static void link_understand(plim__link *link, size_t len)
{
    for (size_t at = 0; at < len && !link->is_ended && !link->is_closed;) {
        size_t used = 0;
        bool is_whole = false;
        plim_message message;
        plim_status status = plim_message_reader_take(link->reader, link->bytes + at, len - at,
                                                      &used, &is_whole, &message, NULL);
        if (status != PLIM_OK) {
            link_end(link, status);
            return;
        }
        at += used;
        if (is_whole)
            link_give(link, &message);
    }
}

/* A pause takes effect with the next read: what was read is given. */
static void link_read(plim__link *link, int reads_max)
{
    for (int i = 0; i < reads_max && !link->is_ended && !link->is_closed && !link->is_paused; i++) {
        size_t len = 0;
        plim_status status =
            plim__socket_take(link->descriptor, link->bytes, LINK_READ_BYTES, false, &len);
        if (status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_INTERRUPTED)
            return;
        if (status != PLIM_OK) {
            bool is_between = plim_message_reader_is_between(link->reader);
            link_end(link, status == PLIM_ERR_GONE && !is_between ? PLIM_ERR_TRUNCATED : status);
            return;
        }
        link_understand(link, len);
        if (len < LINK_READ_BYTES)
            return; /* there was no more; the loop tells if there is */
    }
}

static void link_flush(plim__link *link)
{
    size_t gone = 0;
    plim__socket_part part = {link->out + link->out_at, link->out_len - link->out_at};
    plim_status status = plim__socket_offer(link->descriptor, &part, 1, &gone);
    if (status != PLIM_OK) {
        link_end(link, status);
        return;
    }
    link->out_at += gone;
    if (link->out_at == link->out_len) {
        link->out_at = 0;
        link->out_len = 0;
        link_poll(link);
    }
}

static void link_on_poll(uv_poll_t *poll, int status, int events)
{
    plim__link *link = poll->data;
    if ((events & UV_WRITABLE) != 0 && link->out_at < link->out_len)
        link_flush(link);
    if (status < 0 || (events & UV_READABLE) != 0)
        link_read(link, LINK_READS_MAX);
}

static void link_on_closed(uv_handle_t *handle)
{
    plim__link *link = handle->data;
    plim_message_reader_destroy(&link->reader);
    plim__array_free(link->allocator, link->out, link->out_cap, 1);
    link->magic = 0;
    plim__array_free(link->allocator, link, 1, sizeof *link);
}

plim_status plim__link_open(struct uv_loop_s *loop, int descriptor,
                            const plim__link_options *options, plim__link **out_link,
                            plim_error *err)
{
    PLIM_CHECK(loop != NULL && options != NULL && out_link != NULL);
    plim__link *link = plim__array_new(options->allocator, 1, sizeof *link);
    if (link == NULL)
        return plim__no_memory(err, "a connection");
    memset(link, 0, offsetof(plim__link, bytes));
    link->magic = LINK_MAGIC;
    link->allocator = options->allocator;
    link->descriptor = descriptor;
    link->events = options->events;
    link->out_max = options->out_max;
    plim_status status =
        plim_message_reader_create(options->allocator, options->payload_max, &link->reader, err);
    if (status == PLIM_OK && (!plim__socket_set_blocking(descriptor, false) ||
                              uv_poll_init(loop, &link->poll, descriptor) != 0))
        status = plim_error_set(err, PLIM_ERR_IO, "a connection cannot be waited on");
    if (status != PLIM_OK) {
        plim_message_reader_destroy(&link->reader);
        plim__array_free(options->allocator, link, 1, sizeof *link);
        return status;
    }
    link->poll.data = link;
    link->peer.payload_max = PLIM_CHANNEL_PAYLOAD_MAX; /* until it says */
    plim_message hello = plim__greeting(options->payload_max, options->capabilities, options->name,
                                        (uint64_t)plim__shared_process());
    status = plim__link_send(link, &hello);
    if (status != PLIM_OK) {
        link->descriptor = -1; /* still the caller's */
        plim__link_close(&link);
        return plim_error_set(err, status, "nobody takes the greeting");
    }
    link_poll(link);
    *out_link = link;
    return PLIM_OK;
}

static bool link_room(plim__link *link, size_t wanted)
{
    if (link->out_at > 0 && link->out_len + wanted > link->out_cap) {
        memmove(link->out, link->out + link->out_at, link->out_len - link->out_at);
        link->out_len -= link->out_at;
        link->out_at = 0;
    }
    size_t cap = link->out_cap == 0 ? LINK_OUT_FIRST : link->out_cap;
    if (link->out_len + wanted > link->out_max)
        return false;
    while (cap < link->out_len + wanted)
        cap *= 2; /* bounded by twice out_max */
    if (cap == link->out_cap)
        return true;
    unsigned char *grown = plim__array_resize(link->allocator, link->out, link->out_cap, cap, 1);
    if (grown == NULL)
        return false;
    link->out = grown;
    link->out_cap = cap;
    return true;
}

/* Keeps what of the parts has not gone. */
static bool link_keep(plim__link *link, const plim__socket_part *parts, uint32_t count, size_t gone)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t skip = gone < parts[i].len ? gone : parts[i].len;
        size_t rest = parts[i].len - skip;
        gone -= skip;
        if (rest == 0)
            continue;
        if (!link_room(link, rest))
            return false;
        memcpy(link->out + link->out_len, (const unsigned char *)parts[i].bytes + skip, rest);
        link->out_len += rest;
    }
    return true;
}

plim_status plim__link_send(plim__link *link, const plim_message *message)
{
    PLIM_CHECK_OBJ(link, LINK_MAGIC);
    unsigned char head[PLIM_MESSAGE_HEAD_BYTES_MAX];
    size_t len = 0;
    size_t gone = 0;
    if (link->is_ended || link->is_closed)
        return PLIM_ERR_GONE;
    plim_status status = plim_message_head(message, head, &len, NULL);
    if (status == PLIM_OK)
        status = plim__greeting_fits(&link->peer, message, len, NULL);
    if (status != PLIM_OK)
        return status;
    plim__socket_part parts[] = {
        {head, len}, {message->error, message->error_bytes}, {message->body, message->body_bytes}};
    bool has_waiting = link->out_at < link->out_len;
    if (!has_waiting)
        status = plim__socket_offer(link->descriptor, parts, 3, &gone);
    if (status != PLIM_OK)
        return PLIM_ERR_GONE; /* reading will tell, after what was sent before */
    if (!link_keep(link, parts, 3, gone)) {
        link->is_ended = true; /* a message is cut: nothing may follow */
        link_poll(link);
        return PLIM_ERR_NO_SPACE;
    }
    if (!has_waiting && link->out_at < link->out_len)
        link_poll(link);
    return PLIM_OK;
}

void plim__link_pause(plim__link *link, bool is_paused)
{
    PLIM_CHECK_OBJ(link, LINK_MAGIC);
    if (link->is_paused == is_paused)
        return;
    link->is_paused = is_paused;
    link_poll(link);
}

void plim__link_take_rest(plim__link *link)
{
    PLIM_CHECK_OBJ(link, LINK_MAGIC);
    link->is_paused = false;
    link_read(link, LINK_REST_READS_MAX);
}

void plim__link_close(plim__link **link_ptr)
{
    if (link_ptr == NULL || *link_ptr == NULL)
        return;
    plim__link *link = *link_ptr;
    *link_ptr = NULL;
    PLIM_CHECK_OBJ(link, LINK_MAGIC);
    if (link->is_closed)
        return;
    link->is_closed = true;
    uv_close((uv_handle_t *)&link->poll, link_on_closed);
    plim__socket_close(link->descriptor);
    link->descriptor = -1;
}
