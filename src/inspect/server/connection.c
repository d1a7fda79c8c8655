/* SPDX-License-Identifier: MIT */
/*
 * One client: an HTTP request, and either a page and the end, or a WebSocket from then on.
 *
 * States: REQUEST -> PAGE connection_answer_page() -> OVER once the page is written
 *         REQUEST -> OPEN connection_upgrade()     -> OVER when the client goes or breaks a rule
 * Invariants: C1 no callback waits or frees the connection: it sets is_over, and the server puts it
 * away between two turns. C2 what a client can make us hold is bounded: headers, one message,
 * requests waiting, bytes unsent and one answer (limits.h, Server). C3 nothing is answered but to a
 * loopback Host and an allowed Origin, and no WebSocket without a path that we made.
 */
#include <ctype.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <wslay/wslay.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/server/origin.h"
#include "inspect/server/server.h"
#include "inspect/wire/handshake.h"

enum {
    CONNECTION_MAGIC = 0x5e7e0002,
    CONNECTION_READ_BYTES = 64 << 10,
    CONNECTION_VALUE_BYTES = 512, /* of a header we look at; longer ones are refused */
    CONNECTION_PATH_BYTES = 256,
    CONNECTION_UNSENT_LOW = PLIM_SERVER_QUEUE_BYTES_MAX / 4,
    CONNECTION_HEAD_BYTES = 10 /* of a frame with a length of 64 bits */
};

typedef enum connection_header {
    CONNECTION_HEADER_OTHER,
    CONNECTION_HEADER_HOST,
    CONNECTION_HEADER_ORIGIN,
    CONNECTION_HEADER_KEY,
    CONNECTION_HEADER_VERSION,
    CONNECTION_HEADER_COUNT
} connection_header;

static const char *const CONNECTION_HEADERS[CONNECTION_HEADER_COUNT] = {
    "", "host", "origin", "sec-websocket-key", "sec-websocket-version"};

struct plim__connection {
    uint32_t magic;
    plim_server *server;
    const plim_allocator *allocator;
    uv_tcp_t handle;
    uv_timer_t idle; /* an HTTP request that does not end; later, a client that does not read */
    unsigned open_handles;
    bool is_over;
    bool ends_when_sent; /* a page: the end comes when it is written */
    plim__visit visit;

    /* HTTP. */
    http_parser parser;
    bool has_request;
    size_t header_bytes;
    char path[CONNECTION_PATH_BYTES];
    char field[32];
    bool value_began;
    char values[CONNECTION_HEADER_COUNT][CONNECTION_VALUE_BYTES];
    bool has_value[CONNECTION_HEADER_COUNT];

    /* WebSocket. */
    plim__shown *shown;
    wslay_event_context_ptr frames;
    const char *window; /* received, not yet taken by the framer */
    size_t window_bytes;
    json_t *requests[PLIM_SERVER_REQUESTS_MAX];
    size_t request_first, request_count;

    size_t unsent_bytes;
    char buffer[CONNECTION_READ_BYTES];
};

/* What is being written: its own bytes, and before them the head of a frame if it is one. */
struct plim__frame {
    uv_write_t request;
    plim__connection *connection;
    const plim_allocator *allocator;
    plim__frame *next;
    size_t cap;
    size_t length;
    size_t head_length;
    uint8_t head[CONNECTION_HEAD_BYTES];
    char text[];
};

static void connection_over(plim__connection *connection)
{
    connection->is_over = true;
    connection->server->has_work = true;
    (void)uv_read_stop((uv_stream_t *)&connection->handle);
}

/* Whether two header names are the same; case does not count in HTTP. */
static bool connection_same_name(const char *a, const char *b)
{
    while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

/* --- out ----------------------------------------------------------------------------------- */

plim__frame *plim__frame_create(const plim_allocator *allocator, size_t cap)
{
    plim__frame *frame = plim__array_new(allocator, 1, sizeof *frame + cap);
    if (frame == NULL)
        return NULL;
    memset(frame, 0, sizeof *frame);
    frame->allocator = allocator;
    frame->cap = cap;
    return frame;
}

void plim__frame_destroy(plim__frame *frame)
{
    if (frame != NULL)
        plim__array_free(frame->allocator, frame, 1, sizeof *frame + frame->cap);
}

char *plim__frame_text(plim__frame *frame)
{
    return frame->text;
}

size_t plim__frame_length(const plim__frame *frame)
{
    return frame->length;
}

void plim__frame_set_length(plim__frame *frame, size_t length)
{
    PLIM_CHECK(length <= frame->cap);
    frame->length = length;
}

plim__frame **plim__frame_next(plim__frame *frame)
{
    return &frame->next;
}

static void connection_on_idle(uv_timer_t *timer)
{
    connection_over(timer->data);
}

/* From now on, the time counts that the client takes to read some of it. */
static void connection_watch(plim__connection *connection)
{
    if (connection->frames == NULL)
        return; /* a page: the time of its request goes on */
    if (connection->unsent_bytes == 0)
        (void)uv_timer_stop(&connection->idle);
    else
        (void)uv_timer_start(&connection->idle, connection_on_idle,
                             connection->server->stall_timeout_ns / 1000000u + 1, 0);
}

static void connection_on_written(uv_write_t *request, int code)
{
    plim__frame *frame = request->data;
    plim__connection *connection = frame->connection;
    connection->unsent_bytes -= frame->length + frame->head_length;
    plim__frame_destroy(frame);
    if (code != 0 || (connection->ends_when_sent && connection->unsent_bytes == 0))
        connection_over(connection);
    if (!connection->is_over)
        connection_watch(connection);
    if (plim__connection_has_room(connection))
        connection->server->has_work = true;
}

/* Takes the frame. */
static plim_status connection_write_out(plim__connection *connection, plim__frame *frame,
                                        plim_error *err)
{
    bool is_idle = connection->unsent_bytes == 0;
    size_t length = frame->length + frame->head_length;
    uv_buf_t parts[2] = {uv_buf_init((char *)frame->head, (unsigned)frame->head_length),
                         uv_buf_init(frame->text, (unsigned)frame->length)};
    frame->connection = connection;
    frame->request.data = frame;
    connection->unsent_bytes += length;
    int code = connection->is_over ? UV_ECANCELED
                                   : uv_write(&frame->request, (uv_stream_t *)&connection->handle,
                                              parts, 2, connection_on_written);
    if (code == 0) {
        if (is_idle)
            connection_watch(connection);
        return PLIM_OK;
    }
    connection->unsent_bytes -= length;
    plim__frame_destroy(frame);
    connection_over(connection);
    return plim_error_set(err, PLIM_ERR_GONE, "the client has gone");
}

/* Bytes as they are: HTTP, and the framer's answers to pings. */
static plim_status connection_write_bytes(plim__connection *connection, const void *data,
                                          size_t length)
{
    plim__frame *frame = plim__frame_create(connection->allocator, length);
    if (frame == NULL)
        return PLIM_ERR_NO_MEMORY;
    memcpy(frame->text, data, length);
    frame->length = length;
    return connection_write_out(connection, frame, NULL);
}

/* --- HTTP ---------------------------------------------------------------------------------- */

static void connection_answer(plim__connection *connection, const char *code, const char *type,
                              const char *body)
{
    char head[256];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %s\r\nContent-Type: %s; charset=UTF-8\r\n"
                          "Cache-Control: no-cache\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n",
                          code, type, strlen(body));
    PLIM_CHECK(length > 0 && (size_t)length < sizeof head);
    bool is_sent = connection_write_bytes(connection, head, (size_t)length) == PLIM_OK;
    if (is_sent && body[0] != '\0')
        is_sent = connection_write_bytes(connection, body, strlen(body)) == PLIM_OK;
    connection->ends_when_sent = true;
    if (!is_sent)
        connection_over(connection);
}

static void connection_free_text(char *text)
{
    json_free_t give = NULL;
    json_get_alloc_funcs(NULL, &give);
    if (text != NULL)
        give(text);
}

static void connection_refuse(plim__connection *connection, const char *code, const char *why)
{
    connection_answer(connection, code, "text/plain", why);
}

static void connection_answer_page(plim__connection *connection)
{
    bool found = false;
    json_t *page = connection->server->make_page(connection->server, connection->path, &found);
    char *text = page == NULL ? NULL : json_dumps(page, JSON_INDENT(2));
    json_decref(page);
    if (text != NULL)
        connection_answer(connection, "200 OK", "application/json", text);
    else if (found)
        connection_refuse(connection, "500 Internal Server Error", "not enough memory\n");
    else
        connection_refuse(connection, "404 Not Found",
                          "plim serves /json/version, /json/list and /json/protocol\n");
    connection_free_text(text);
}

static plim__shown *connection_find_shown(plim__connection *connection)
{
    plim_server *server = connection->server;
    for (uint32_t i = 0; i < server->shown_count; i++) {
        if (connection->path[0] == '/' && strcmp(connection->path + 1, server->shown[i].id) == 0)
            return &server->shown[i];
    }
    return NULL;
}

static bool connection_queue_request(plim__connection *connection, const uint8_t *text,
                                     size_t length)
{
    json_t *request = json_loadb((const char *)text, length, 0, NULL);
    if (request == NULL || connection->request_count == PLIM_SERVER_REQUESTS_MAX) {
        json_decref(request);
        return false;
    }
    size_t at = (connection->request_first + connection->request_count) % PLIM_SERVER_REQUESTS_MAX;
    connection->requests[at] = request;
    connection->request_count++;
    connection->server->has_work = true;
    return true;
}

static void connection_on_message(wslay_event_context_ptr frames,
                                  const struct wslay_event_on_msg_recv_arg *message, void *ctx)
{
    (void)frames;
    plim__connection *connection = ctx;
    if (message->opcode == WSLAY_CONNECTION_CLOSE || message->opcode == WSLAY_BINARY_FRAME)
        connection_over(connection);
    else if (message->opcode == WSLAY_TEXT_FRAME &&
             !connection_queue_request(connection, message->msg, message->msg_length))
        connection_over(connection);
}

static ssize_t connection_on_pull(wslay_event_context_ptr frames, uint8_t *data, size_t length,
                                  int flags, void *ctx)
{
    (void)flags;
    plim__connection *connection = ctx;
    size_t take = connection->window_bytes < length ? connection->window_bytes : length;
    if (take == 0) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(data, connection->window, take);
    connection->window += take;
    connection->window_bytes -= take;
    return (ssize_t)take;
}

static ssize_t connection_on_push(wslay_event_context_ptr frames, const uint8_t *data,
                                  size_t length, int flags, void *ctx)
{
    (void)flags;
    plim__connection *connection = ctx;
    /* Who pings without reading the answers has had enough of them. */
    if (connection->unsent_bytes <= PLIM_SERVER_QUEUE_BYTES_MAX &&
        connection_write_bytes(connection, data, length) == PLIM_OK)
        return (ssize_t)length;
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void connection_upgrade(plim__connection *connection)
{
    char accept[PLIM__HANDSHAKE_ACCEPT_BYTES + 1];
    char head[256];
    static const struct wslay_event_callbacks callbacks = {
        connection_on_pull, connection_on_push, NULL, NULL, NULL, NULL, connection_on_message};
    connection->shown = connection_find_shown(connection);
    if (connection->shown == NULL) {
        connection_refuse(connection, "404 Not Found", "nothing is served under this path\n");
        return;
    }
    if (strlen(connection->values[CONNECTION_HEADER_KEY]) != PLIM__HANDSHAKE_KEY_BYTES ||
        strcmp(connection->values[CONNECTION_HEADER_VERSION], "13") != 0) {
        connection_refuse(connection, "400 Bad Request", "no WebSocket of version 13\n");
        return;
    }
    if (wslay_event_context_server_init(&connection->frames, &callbacks, connection) != 0) {
        connection_refuse(connection, "500 Internal Server Error", "not enough memory\n");
        return;
    }
    wslay_event_config_set_max_recv_msg_length(connection->frames, PLIM_SERVER_MESSAGE_BYTES_MAX);
    plim__handshake_accept(connection->values[CONNECTION_HEADER_KEY], accept);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    PLIM_CHECK(length > 0 && (size_t)length < sizeof head);
    if (connection_write_bytes(connection, head, (size_t)length) == PLIM_OK)
        (void)uv_timer_stop(&connection->idle);
}

static void connection_answer_request(plim__connection *connection)
{
    const bool *has = connection->has_value;
    const char *origin =
        has[CONNECTION_HEADER_ORIGIN] ? connection->values[CONNECTION_HEADER_ORIGIN] : NULL;
    if (!has[CONNECTION_HEADER_HOST] ||
        !plim__host_is_allowed(connection->values[CONNECTION_HEADER_HOST]))
        connection_refuse(connection, "403 Forbidden", "Host is not this machine's loopback\n");
    else if (!plim__origin_is_allowed(origin))
        connection_refuse(connection, "403 Forbidden", "this Origin may not ask\n");
    else if (connection->parser.method != HTTP_GET)
        connection_refuse(connection, "405 Method Not Allowed", "only GET\n");
    else if (connection->parser.upgrade)
        connection_upgrade(connection);
    else
        connection_answer_page(connection);
}

/* Appends to a text of fixed size; a nonzero result makes the parser fail. */
static int connection_append(char *text, size_t cap, const char *more, size_t length)
{
    size_t used = strlen(text);
    if (length >= cap - used)
        return 1;
    memcpy(text + used, more, length);
    text[used + length] = '\0';
    return 0;
}

static int connection_on_url(http_parser *parser, const char *at, size_t length)
{
    plim__connection *connection = parser->data;
    return connection_append(connection->path, sizeof connection->path, at, length);
}

static int connection_on_field(http_parser *parser, const char *at, size_t length)
{
    plim__connection *connection = parser->data;
    if (connection->value_began) {
        connection->field[0] = '\0';
        connection->value_began = false;
    }
    /* A longer name is none of ours: it is filled up, so that it equals none. */
    if (connection_append(connection->field, sizeof connection->field, at, length) != 0)
        memset(connection->field, '-', sizeof connection->field - 1);
    return 0;
}

static int connection_on_value(http_parser *parser, const char *at, size_t length)
{
    plim__connection *connection = parser->data;
    bool is_more = connection->value_began;
    connection->value_began = true;
    for (int i = 1; i < CONNECTION_HEADER_COUNT; i++) {
        if (!connection_same_name(connection->field, CONNECTION_HEADERS[i]))
            continue;
        if (connection->has_value[i] && !is_more)
            return 1; /* twice: whoever sends two Hosts is up to something */
        connection->has_value[i] = true;
        return connection_append(connection->values[i], sizeof connection->values[i], at, length);
    }
    return 0;
}

static int connection_on_request(http_parser *parser)
{
    plim__connection *connection = parser->data;
    connection->has_request = true;
    http_parser_pause(parser, 1);
    return 0;
}

static void connection_take_http(plim__connection *connection, const char *data, size_t length)
{
    static const http_parser_settings settings = {
        .on_url = connection_on_url,
        .on_header_field = connection_on_field,
        .on_header_value = connection_on_value,
        .on_message_complete = connection_on_request,
    };
    connection->header_bytes += length;
    if (connection->header_bytes > PLIM_SERVER_HEADER_BYTES_MAX) {
        connection_refuse(connection, "431 Request Header Fields Too Large", "too long\n");
        return;
    }
    (void)http_parser_execute(&connection->parser, &settings, data, length);
    enum http_errno code = HTTP_PARSER_ERRNO(&connection->parser);
    if (connection->has_request)
        connection_answer_request(connection);
    else if (code != HPE_OK)
        connection_refuse(connection, "400 Bad Request", "no HTTP request\n");
}

/* --- in ------------------------------------------------------------------------------------ */

static void connection_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    plim__connection *connection = handle->data;
    *out = uv_buf_init(connection->buffer, sizeof connection->buffer);
}

static void connection_on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    plim__connection *connection = stream->data;
    if (count == 0 || connection->is_over)
        return;
    if (count < 0) {
        connection_over(connection);
    } else if (connection->frames != NULL) {
        connection->window = buffer->base;
        connection->window_bytes = (size_t)count;
        if (wslay_event_recv(connection->frames) != 0 ||
            (wslay_event_want_write(connection->frames) &&
             wslay_event_send(connection->frames) != 0) ||
            !wslay_event_want_read(connection->frames))
            connection_over(connection);
    } else if (!connection->ends_when_sent) {
        connection_take_http(connection, buffer->base, (size_t)count);
    }
}

static void connection_on_closed(uv_handle_t *handle)
{
    plim__connection *connection = handle->data;
    connection->open_handles--;
}

static plim__connection *connection_create(plim_server *server)
{
    uv_loop_t *loop = plim__loop_uv(server->loop);
    plim__connection *connection = plim__array_new_zero(server->allocator, 1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->magic = CONNECTION_MAGIC;
    connection->server = server;
    connection->allocator = server->allocator;
    connection->handle.data = connection;
    connection->idle.data = connection;
    http_parser_init(&connection->parser, HTTP_REQUEST);
    connection->parser.data = connection;
    (void)uv_timer_init(loop, &connection->idle); /* cannot fail */
    connection->open_handles = 1;
    if (uv_tcp_init(loop, &connection->handle) == 0)
        connection->open_handles = 2;
    else
        connection_over(connection);
    return connection;
}

bool plim__connection_accept(plim_server *server, void *listening_handle)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    uint32_t place = 0;
    while (place < PLIM_SERVER_CONNECTIONS_MAX && server->connections[place] != NULL)
        place++;
    if (place == PLIM_SERVER_CONNECTIONS_MAX)
        return false; /* it waits in the system's queue until another has gone */
    plim__connection *connection = connection_create(server);
    if (connection == NULL)
        return false;
    server->connections[place] = connection;
    if (connection->is_over)
        return false;
    if (uv_accept(listening_handle, (uv_stream_t *)&connection->handle) != 0 ||
        uv_read_start((uv_stream_t *)&connection->handle, connection_on_room, connection_on_read) !=
            0 ||
        uv_timer_start(&connection->idle, connection_on_idle, PLIM_SERVER_IDLE_NS / 1000000u, 0) !=
            0)
        connection_over(connection);
    return true;
}

bool plim__connection_is_over(const plim__connection *connection)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    return connection->is_over;
}

plim__shown *plim__connection_shown(const plim__connection *connection)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    return connection->shown;
}

plim__visit *plim__connection_visit(plim__connection *connection)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    return &connection->visit;
}

bool plim__connection_has_room(const plim__connection *connection)
{
    return connection->unsent_bytes <= CONNECTION_UNSENT_LOW;
}

static json_t *connection_take_request(plim__connection *connection)
{
    if (connection->request_count == 0)
        return NULL;
    json_t *request = connection->requests[connection->request_first];
    connection->request_first = (connection->request_first + 1) % PLIM_SERVER_REQUESTS_MAX;
    connection->request_count--;
    return request;
}

json_t *plim__connection_next(plim__connection *connection)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    if (connection->is_over || !plim__connection_has_room(connection))
        return NULL;
    return connection_take_request(connection);
}

/* One text message; never waits. */
static plim_status connection_send(plim__connection *connection, const char *text, size_t length,
                                   plim_error *err)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    plim__frame *frame = plim__frame_create(connection->allocator, length);
    if (frame == NULL) {
        connection_over(connection); /* a client that misses an answer waits for ever */
        return plim__no_memory(err, "an answer");
    }
    memcpy(frame->text, text, length);
    frame->length = length;
    return plim__connection_send_frame(connection, frame, err);
}

plim_status plim__connection_tell(plim__connection *connection, json_t *message, plim_error *err)
{
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    plim_status status = text == NULL ? plim__no_memory(err, "an answer")
                                      : connection_send(connection, text, strlen(text), err);
    connection_free_text(text);
    json_decref(message);
    return status;
}

plim_status plim__connection_send_frame(plim__connection *connection, plim__frame *frame,
                                        plim_error *err)
{
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    uint64_t length = frame->length;
    if (connection->unsent_bytes > PLIM_SERVER_QUEUE_BYTES_MAX)
        connection_over(connection);
    frame->head[0] = 0x81; /* a text, whole */
    if (length < 126) {
        frame->head[1] = (uint8_t)length;
        frame->head_length = 2;
    } else if (length <= UINT16_MAX) {
        frame->head[1] = 126;
        frame->head_length = 4;
    } else {
        frame->head[1] = 127;
        frame->head_length = 10;
    }
    for (size_t i = frame->head_length; i-- > 2; length >>= 8)
        frame->head[i] = (uint8_t)(length & 0xff);
    return connection_write_out(connection, frame, err);
}

void plim__connection_destroy(plim__connection **connection_ptr)
{
    plim__connection *connection = *connection_ptr;
    PLIM_CHECK_OBJ(connection, CONNECTION_MAGIC);
    PLIM_CHECK(connection->visit.job == NULL && connection->visit.recording == NULL);
    uv_close((uv_handle_t *)&connection->idle, connection_on_closed);
    if (connection->open_handles == 2)
        uv_close((uv_handle_t *)&connection->handle, connection_on_closed);
    /* Closing also ends the writes under way; each of it takes one turn. */
    while (connection->open_handles > 0 || connection->unsent_bytes > 0)
        (void)uv_run(plim__loop_uv(connection->server->loop), UV_RUN_ONCE);
    for (json_t *left = connection_take_request(connection); left != NULL;
         left = connection_take_request(connection))
        json_decref(left);
    wslay_event_context_free(connection->frames);
    connection->magic = 0;
    plim__array_free(connection->allocator, connection, 1, sizeof *connection);
    *connection_ptr = NULL;
}
