/* SPDX-License-Identifier: MIT */
/*
 * wslay frames, http_parser reads the upgrade's answer, and this file is what stands between: a
 * window of received bytes that is pumped through the framer until it is empty or the reader says
 * pause. Nothing is held but that window (the connection's read buffer) and one control frame.
 *
 * States: UPGRADING -> OPEN websocket_on_upgraded() -> ENDED websocket_end()
 * Invariants: W1 while paused with bytes left in the window the connection does not read, so the
 * window stays valid. W2 on_end is called once, and after it no on_data. W3 the pump does not nest.
 */
#include "inspect/wire/websocket.h"

#include <ctype.h>
#include <http_parser.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <wslay/wslay.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/wire/handshake.h"
#include "inspect/wire/tcp.h"

enum {
    PLIM__WEBSOCKET_MAGIC = 0x3eb50001,
    PLIM__WEBSOCKET_CONTROL_BYTES = 125, /* RFC 6455 section 5.5 */
    PLIM__WEBSOCKET_REQUEST_BYTES = 2048,
    PLIM__WEBSOCKET_HEADER_BYTES = 14,
    PLIM__WEBSOCKET_BANNER_BYTES = 32
};

struct plim__websocket {
    uint32_t magic;
    plim__loop *loop;
    const plim_allocator *allocator;
    plim__websocket_events events;
    plim__tcp *tcp;
    char place[300];

    /* The upgrade. */
    http_parser parser;
    bool upgraded;       /* or failed to: error says */
    bool accept_is_next; /* the header being read is Sec-WebSocket-Accept */
    char field[24];
    size_t field_len;
    char expected[PLIM__HANDSHAKE_ACCEPT_BYTES + 1];
    char accept[PLIM__HANDSHAKE_ACCEPT_BYTES + 2];
    size_t accept_len;
    char banner[PLIM__WEBSOCKET_BANNER_BYTES + 1];
    size_t banner_len;

    /* The frames. */
    wslay_frame_context_ptr frames;
    const char *window;
    size_t window_len;
    uint64_t received_bytes;
    bool paused;
    bool pumping;
    bool ended;
    bool in_frame;   /* part of a frame's payload has come */
    bool in_message; /* a text message is not finished */
    uint64_t frame_left;
    uint8_t control[PLIM__WEBSOCKET_CONTROL_BYTES];
    size_t control_len;
    char *out; /* the frame being built by wslay */
    size_t out_len;
    size_t out_cap;
    plim_error error; /* why it ended */
};

/* The first cause stays in websocket->error; the owner hears of it once. */
static void websocket_end(plim__websocket *websocket)
{
    PLIM_CHECK(websocket->error.status != PLIM_OK);
    if (websocket->ended)
        return;
    websocket->ended = true;
    if (websocket->tcp != NULL)
        plim__tcp_pause(websocket->tcp);
    plim_error_where(&websocket->error, "%s", websocket->place);
    if (websocket->upgraded)
        websocket->events.on_end(websocket->events.ctx);
    websocket->upgraded = true; /* ends the wait of connect, where it is that */
}

static void websocket_fail(plim__websocket *websocket, plim_status status, const char *what)
{
    (void)plim_error_set(&websocket->error, status, "%s", what);
    websocket_end(websocket);
}

/* ---- out ---------------------------------------------------------------------------------- */

static ssize_t websocket_on_frame_out(const uint8_t *data, size_t len, int flags, void *ctx)
{
    (void)flags;
    plim__websocket *websocket = ctx;
    PLIM_CHECK(len <= websocket->out_cap - websocket->out_len);
    memcpy(websocket->out + websocket->out_len, data, len);
    websocket->out_len += len;
    return (ssize_t)len;
}

static int websocket_on_mask(uint8_t *mask, size_t len, void *ctx)
{
    (void)ctx;
    return uv_random(NULL, NULL, mask, len, 0, NULL) == 0 ? 0 : -1;
}

static plim_status websocket_frame_out(plim__websocket *websocket, uint8_t opcode, const void *data,
                                       size_t len, plim_error *err)
{
    size_t cap;
    if (!plim__add_size(len, PLIM__WEBSOCKET_HEADER_BYTES, &cap))
        return plim__no_memory(err, "a message");
    websocket->out = plim__array_new(websocket->allocator, cap, 1);
    if (websocket->out == NULL)
        return plim__no_memory(err, "a message");
    websocket->out_cap = cap;
    websocket->out_len = 0;
    struct wslay_frame_iocb frame = {.fin = 1, .opcode = opcode, .mask = 1, .payload_length = len};
    ssize_t sent = 0;
    size_t done = 0;
    do { /* once, even for an empty payload */
        frame.data = (const uint8_t *)data + done;
        frame.data_length = len - done;
        sent = wslay_frame_send(websocket->frames, &frame);
        done += sent > 0 ? (size_t)sent : 0;
    } while (sent > 0 && done < len);
    plim_status status;
    if (sent < 0 || done < len)
        status = plim_error_set(err, PLIM_ERR_INTERNAL, "cannot frame a message (%d)", (int)sent);
    else
        status = plim__tcp_write(websocket->tcp, websocket->out, websocket->out_len, err);
    plim__array_free(websocket->allocator, websocket->out, cap, 1);
    websocket->out = NULL;
    return status;
}

plim_status plim__websocket_send(plim__websocket *websocket, const char *text, size_t len,
                                 plim_error *err)
{
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    PLIM_CHECK(text != NULL);
    if (websocket->ended)
        return plim__websocket_status(websocket, err);
    return websocket_frame_out(websocket, WSLAY_TEXT_FRAME, text, len, err);
}

/* ---- in ----------------------------------------------------------------------------------- */

static ssize_t websocket_on_frame_in(uint8_t *buffer, size_t len, int flags, void *ctx)
{
    (void)flags;
    plim__websocket *websocket = ctx;
    size_t given = websocket->window_len < len ? websocket->window_len : len;
    if (given == 0)
        return -1; /* wslay makes WANT_READ of it */
    memcpy(buffer, websocket->window, given);
    websocket->window += given;
    websocket->window_len -= given;
    return (ssize_t)given;
}

static void websocket_on_close(plim__websocket *websocket)
{
    unsigned code = 0;
    if (websocket->control_len >= 2)
        code = (unsigned)websocket->control[0] << 8 | websocket->control[1];
    /* The echo ends the handshake of RFC 6455 section 7; whether it arrives matters to nobody. */
    (void)websocket_frame_out(websocket, WSLAY_CONNECTION_CLOSE, websocket->control,
                              websocket->control_len >= 2 ? 2 : 0, NULL);
    char reason[PLIM__WEBSOCKET_CONTROL_BYTES + 1] = "";
    size_t len = 0;
    for (size_t i = 2; i < websocket->control_len; i++)
        reason[len++] = (char)(isprint(websocket->control[i]) ? websocket->control[i] : '?');
    (void)plim_error_set(&websocket->error, PLIM_ERR_GONE,
                         "the target closed the connection (code %u%s%s)", code,
                         len > 0 ? ": " : "", reason);
    websocket_end(websocket);
}

static void websocket_on_control(plim__websocket *websocket, uint8_t opcode)
{
    if (opcode == WSLAY_CONNECTION_CLOSE) {
        websocket_on_close(websocket);
    } else if (opcode == WSLAY_PING) {
        plim_status status = websocket_frame_out(websocket, WSLAY_PONG, websocket->control,
                                                 websocket->control_len, &websocket->error);
        if (status != PLIM_OK)
            websocket_end(websocket);
    }
    websocket->control_len = 0;
}

/* What RFC 6455 allows to begin here; the sentence says what is wrong with the rest. */
static const char *websocket_frame_fault(const plim__websocket *websocket,
                                         const struct wslay_frame_iocb *frame)
{
    if (frame->rsv != 0)
        return "the target sends compressed frames that were not agreed on";
    if (frame->mask)
        return "the target sends masked frames, as only a client may";
    if (wslay_is_ctrl_frame(frame->opcode))
        return frame->opcode <= WSLAY_PONG ? NULL : "the target sends frames of an unknown kind";
    if (frame->opcode == WSLAY_TEXT_FRAME)
        return websocket->in_message ? "the target begins a message inside another" : NULL;
    if (frame->opcode == WSLAY_CONTINUATION_FRAME)
        return websocket->in_message ? NULL : "the target continues a message it never began";
    return "the target sends binary frames: not the inspector protocol";
}

static void websocket_take_data(plim__websocket *websocket, const struct wslay_frame_iocb *frame,
                                bool frame_ends)
{
    plim_status status = PLIM_OK;
    websocket->in_message = true;
    if (frame->data_length > 0)
        status = websocket->events.on_data(websocket->events.ctx, (const char *)frame->data,
                                           frame->data_length, &websocket->error);
    if (status == PLIM_OK && frame_ends && frame->fin) {
        websocket->in_message = false;
        status = websocket->events.on_message_end(websocket->events.ctx, &websocket->error);
    }
    if (status != PLIM_OK) {
        (void)plim_error_set(&websocket->error, status, "%s", plim_status_text(status));
        websocket_end(websocket);
    }
}

static void websocket_take(plim__websocket *websocket, const struct wslay_frame_iocb *frame)
{
    if (!websocket->in_frame) {
        const char *fault = websocket_frame_fault(websocket, frame);
        if (fault != NULL) {
            websocket_fail(websocket, PLIM_ERR_PROTOCOL, fault);
            return;
        }
        websocket->frame_left = frame->payload_length;
    }
    PLIM_CHECK(frame->data_length <= websocket->frame_left);
    websocket->frame_left -= frame->data_length;
    websocket->in_frame = websocket->frame_left > 0;
    if (!wslay_is_ctrl_frame(frame->opcode)) {
        websocket_take_data(websocket, frame, !websocket->in_frame);
        return;
    }
    PLIM_CHECK(frame->data_length <= sizeof websocket->control - websocket->control_len);
    memcpy(websocket->control + websocket->control_len, frame->data, frame->data_length);
    websocket->control_len += frame->data_length;
    if (!websocket->in_frame)
        websocket_on_control(websocket, frame->opcode);
}

static void websocket_pump(plim__websocket *websocket)
{
    PLIM_CHECK(!websocket->pumping);
    websocket->pumping = true;
    while (!websocket->paused && !websocket->ended) {
        struct wslay_frame_iocb frame = {0};
        ssize_t got = wslay_frame_recv(websocket->frames, &frame);
        if (got == WSLAY_ERR_WANT_READ)
            break;
        if (got < 0)
            websocket_fail(websocket, PLIM_ERR_PROTOCOL,
                           "the target sends frames that break the WebSocket protocol");
        else
            websocket_take(websocket, &frame);
    }
    websocket->pumping = false;
}

/* ---- the upgrade -------------------------------------------------------------------------- */

static int websocket_on_field(http_parser *parser, const char *data, size_t len)
{
    plim__websocket *websocket = parser->data;
    websocket->accept_is_next = false; /* the header before this one is complete */
    for (size_t i = 0; i < len; i++) {
        if (websocket->field_len < sizeof websocket->field)
            websocket->field[websocket->field_len] = data[i];
        websocket->field_len++;
    }
    return 0;
}

/* Header names come in any case; name is in lower case. */
static bool websocket_field_is(const plim__websocket *websocket, const char *name, size_t len)
{
    if (websocket->field_len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (tolower((unsigned char)websocket->field[i]) != name[i])
            return false;
    }
    return true;
}

static int websocket_on_value(http_parser *parser, const char *data, size_t len)
{
    static const char name[] = "sec-websocket-accept";
    plim__websocket *websocket = parser->data;
    if (!websocket->accept_is_next) {
        bool is_accept = websocket_field_is(websocket, name, sizeof name - 1);
        websocket->field_len = 0;
        if (!is_accept)
            return 0;
        websocket->accept_is_next = true;
        websocket->accept_len = 0;
    }
    for (size_t i = 0; i < len && websocket->accept_len < sizeof websocket->accept; i++)
        websocket->accept[websocket->accept_len++] = data[i];
    return 0;
}

static int websocket_on_headers(http_parser *parser)
{
    (void)parser;
    return 2; /* no body, no further reply: what follows is frames */
}

static const http_parser_settings websocket_settings = {
    .on_header_field = websocket_on_field,
    .on_header_value = websocket_on_value,
    .on_headers_complete = websocket_on_headers,
};

static void websocket_not_spoken(plim__websocket *websocket)
{
    if (websocket->banner_len == 0)
        (void)plim_error_set(&websocket->error, PLIM_ERR_PROTOCOL,
                             "%s hangs up on a WebSocket request", websocket->place);
    else
        (void)plim_error_set(&websocket->error, PLIM_ERR_PROTOCOL,
                             "%s does not answer in HTTP; it begins \"%s\"", websocket->place,
                             websocket->banner);
    plim_error_hint(&websocket->error,
                    "that port is no inspector's; plim ps lists those there are");
    websocket_end(websocket);
}

static void websocket_on_upgraded(plim__websocket *websocket)
{
    unsigned code = websocket->parser.status_code;
    if (code != 101) {
        (void)plim_error_set(&websocket->error, PLIM_ERR_REFUSED,
                             "%s answers the WebSocket request with HTTP %u", websocket->place,
                             code);
        plim_error_hint(&websocket->error,
                        "the target's id may be an old one: leave it out, or ask plim ps");
        websocket_end(websocket);
        return;
    }
    size_t len = websocket->accept_len;
    while (len > 0 && websocket->accept[len - 1] == ' ')
        len--;
    if (len != PLIM__HANDSHAKE_ACCEPT_BYTES ||
        memcmp(websocket->accept, websocket->expected, len) != 0) {
        websocket_fail(websocket, PLIM_ERR_PROTOCOL,
                       "the answer to the WebSocket request has a wrong Sec-WebSocket-Accept");
        return;
    }
    websocket->upgraded = true;
}

static void websocket_upgrade(plim__websocket *websocket, const char *data, size_t len)
{
    for (size_t i = 0; i < len && websocket->banner_len < PLIM__WEBSOCKET_BANNER_BYTES; i++) {
        unsigned char byte = (unsigned char)data[i];
        websocket->banner[websocket->banner_len++] = (char)(isprint(byte) ? byte : '.');
    }
    size_t parsed = http_parser_execute(&websocket->parser, &websocket_settings, data, len);
    if (HTTP_PARSER_ERRNO(&websocket->parser) != HPE_OK) {
        websocket_not_spoken(websocket);
        return;
    }
    if (!websocket->parser.upgrade)
        return; /* the headers go on */
    websocket_on_upgraded(websocket);
    websocket->window = data + parsed;
    websocket->window_len = len - parsed;
}

static void websocket_on_bytes(void *ctx, const char *data, size_t len)
{
    plim__websocket *websocket = ctx;
    websocket->received_bytes += len;
    if (websocket->upgraded) {
        PLIM_CHECK(websocket->window_len == 0); /* W1 */
        websocket->window = data;
        websocket->window_len = len;
    } else {
        websocket_upgrade(websocket, data, len);
    }
    if (websocket->upgraded && !websocket->ended)
        websocket_pump(websocket);
}

static void websocket_on_tcp_end(void *ctx, int uv_error)
{
    plim__websocket *websocket = ctx;
    if (!websocket->upgraded) {
        websocket_not_spoken(websocket);
        return;
    }
    (void)plim_error_set(&websocket->error, PLIM_ERR_GONE, "the target went away: %s",
                         uv_error == UV_EOF ? "it closed the connection" : uv_strerror(uv_error));
    websocket_end(websocket);
}

static plim_status websocket_ask(plim__websocket *websocket, uint16_t port, const char *path,
                                 plim_error *err)
{
    uint8_t random[16];
    char key[PLIM__HANDSHAKE_KEY_BYTES + 1];
    char request[PLIM__WEBSOCKET_REQUEST_BYTES];
    int code = uv_random(NULL, NULL, random, sizeof random, 0, NULL);
    if (code != 0)
        return plim_error_set(err, PLIM_ERR_IO, "no random numbers: %s", uv_strerror(code));
    base64_encode_raw(key, sizeof random, random);
    key[PLIM__HANDSHAKE_KEY_BYTES] = '\0';
    plim__handshake_accept(key, websocket->expected);
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       path, (unsigned)port, key);
    if (len < 0 || (size_t)len >= sizeof request)
        return plim_error_set(err, PLIM_ERR_USAGE, "the path is too long: %.64s…", path);
    return plim__tcp_write(websocket->tcp, request, (size_t)len, err);
}

static plim_status websocket_start(plim__websocket *websocket, plim__loop *loop, const char *host,
                                   uint16_t port, const char *path, uint64_t deadline_ns,
                                   plim_error *err)
{
    static const struct wslay_frame_callbacks callbacks = {
        websocket_on_frame_out, websocket_on_frame_in, websocket_on_mask};
    if (wslay_frame_context_init(&websocket->frames, &callbacks, websocket) != 0)
        return plim__no_memory(err, "a WebSocket");
    plim__tcp_events events = {websocket, websocket_on_bytes, websocket_on_tcp_end};
    plim_status status = plim__tcp_connect(loop, websocket->allocator, host, port, deadline_ns,
                                           events, &websocket->tcp, err);
    if (status == PLIM_OK)
        status = websocket_ask(websocket, port, path, err);
    if (status != PLIM_OK)
        return status;
    status = plim__loop_wait(loop, &websocket->upgraded, deadline_ns);
    if (status == PLIM_OK)
        return plim__websocket_status(websocket, err);
    status = plim_error_set(err, status, "%s was asked for a WebSocket: %s", websocket->place,
                            plim_status_text(status));
    plim_error_where(err, "%s", websocket->place);
    plim_error_hint(err, "what listens there accepts connections and says nothing; is it an "
                         "inspector?");
    return status;
}

plim_status plim__websocket_connect(plim__loop *loop, const plim_allocator *allocator,
                                    const char *host, uint16_t port, const char *path,
                                    uint64_t timeout_ns, plim__websocket_events events,
                                    plim__websocket **out_websocket, plim_error *err)
{
    PLIM_CHECK(host != NULL && path != NULL && path[0] == '/' && out_websocket != NULL);
    PLIM_CHECK(events.on_data != NULL && events.on_message_end != NULL && events.on_end != NULL);
    plim__websocket *websocket = plim__array_new_zero(allocator, 1, sizeof *websocket);
    if (websocket == NULL)
        return plim__no_memory(err, "a WebSocket");
    websocket->magic = PLIM__WEBSOCKET_MAGIC;
    websocket->loop = loop;
    websocket->allocator = allocator;
    websocket->events = events;
    (void)snprintf(websocket->place, sizeof websocket->place, "%s:%u", host, (unsigned)port);
    http_parser_init(&websocket->parser, HTTP_RESPONSE);
    websocket->parser.data = websocket;
    plim_status status =
        websocket_start(websocket, loop, host, port, path, plim__loop_deadline(timeout_ns), err);
    if (status != PLIM_OK) {
        plim__websocket_destroy(&websocket);
        return status;
    }
    *out_websocket = websocket;
    return PLIM_OK;
}

plim_status plim__websocket_status(const plim__websocket *websocket, plim_error *err)
{
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    if (!websocket->ended)
        return PLIM_OK;
    return plim__error_repeat(err, &websocket->error);
}

void plim__websocket_pause(plim__websocket *websocket)
{
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    websocket->paused = true;
    plim__tcp_pause(websocket->tcp);
}

void plim__websocket_resume(plim__websocket *websocket)
{
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    if (!websocket->paused)
        return;
    websocket->paused = false;
    if (!websocket->ended)
        websocket_pump(websocket);
    if (!websocket->paused && !websocket->ended) /* W1: the window is empty now */
        plim__tcp_resume(websocket->tcp);
}

uint64_t plim__websocket_received_bytes(const plim__websocket *websocket)
{
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    return websocket->received_bytes;
}

void plim__websocket_destroy(plim__websocket **websocket_ptr)
{
    if (websocket_ptr == NULL || *websocket_ptr == NULL)
        return;
    plim__websocket *websocket = *websocket_ptr;
    *websocket_ptr = NULL;
    PLIM_CHECK_OBJ(websocket, PLIM__WEBSOCKET_MAGIC);
    PLIM_CHECK(!websocket->pumping);
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
    if (websocket->upgraded && !websocket->ended) /* best effort: nobody waits for the echo */
        (void)websocket_frame_out(websocket, WSLAY_CONNECTION_CLOSE, normal, sizeof normal, NULL);
    websocket->ended = true;
    plim__tcp_destroy(&websocket->tcp);
    if (websocket->frames != NULL)
        wslay_frame_context_free(websocket->frames);
    websocket->magic = 0;
    plim__array_free(websocket->allocator, websocket, 1, sizeof *websocket);
}
