/* SPDX-License-Identifier: MIT */
/*
 * Messages come whole from the envelope (but for the text of snapshot chunks, which has passed by
 * then) and are dealt to whoever waits: replies by id to a request, events by name to a handler.
 * Invariants: C1 ids are 1, 2, 3 … over all sessions of a connection, never used again. C2 a
 * request that is done is either answered (reply != NULL) or will never be. C3 no callback of the
 * wire ends a session or a request.
 */
#include "inspect/cdp/session.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/error_repeat.h"
#include "platform/process.h"

enum {
    PLIM__CDP_CONNECTION_MAGIC = 0x0cd90001,
    PLIM__CDP_SESSION_MAGIC = 0x0cd90002,
    PLIM__CDP_REQUEST_MAGIC = 0x0cd90003,
    PLIM__CDP_METHOD_BYTES = 64,
    PLIM__CDP_SESSION_ID_BYTES = 64,   /* Chromium's have 32, Deno's 1 */
    PLIM__CDP_NO_SUCH_METHOD = -32601, /* JSON-RPC 2.0 */
    PLIM__CDP_NO_SUCH_SESSION = -32001 /* Chromium's own */
};

typedef struct cdp_entry {
    const char *method; /* NULL: free */
    plim__cdp_handler handler;
    void *ctx;
} cdp_entry;

struct plim__cdp_request {
    uint32_t magic;
    plim__cdp_session *session;
    plim__cdp_request *next;
    int id;
    bool done;
    json_t *reply;
    char method[PLIM__CDP_METHOD_BYTES];
};

struct plim__cdp_session {
    uint32_t magic;
    plim__cdp_connection *connection;
    plim__cdp_session *next;
    plim__cdp_send send;
    void *ctx;
    char id[PLIM__CDP_SESSION_ID_BYTES]; /* of a flat session; "" for others */
    bool gone;
    const char *gone_why; /* static; NULL: the worker has ended */
    const char *gone_hint;
    plim__cdp_request *requests;
    cdp_entry handlers[PLIM__CDP_HANDLERS_MAX];
};

/* Whose messages are in the events of a method. */
typedef struct cdp_routing {
    const char *method;
    plim__cdp_router router;
    void *ctx;
} cdp_routing;

struct plim__cdp_connection {
    uint32_t magic;
    plim__loop *loop;
    const plim_allocator *allocator;
    plim__cdp_carrier carrier;
    plim__envelope *envelope;
    int last_id;
    uint32_t request_count;
    const plim__cdp_stream *stream;
    cdp_routing routings[PLIM__ENVELOPE_LEVELS - 1]; /* by level; those in use come first */
    size_t routing_count;
    size_t message_limit; /* 0: none */
    char place[300];
    const char *end_part; /* of a reason to end that has a hint; NULL: none */
    const char *end_hint;
    plim__cdp_session main;
    plim__cdp_session *children;
};

static const char cdp_chunk_method[] = "HeapProfiler.addHeapSnapshotChunk";

/* ---- in ----------------------------------------------------------------------------------- */

static plim_status cdp_on_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    plim__cdp_connection *connection = ctx;
    return plim__envelope_feed(connection->envelope, data, len, err);
}

static plim_status cdp_on_message_end(void *ctx, plim_error *err)
{
    plim__cdp_connection *connection = ctx;
    return plim__envelope_end(connection->envelope, err);
}

static void cdp_session_fail_requests(plim__cdp_session *session)
{
    session->gone = true;
    for (plim__cdp_request *request = session->requests; request != NULL; request = request->next)
        request->done = true;
}

static void cdp_on_end(void *ctx)
{
    plim__cdp_connection *connection = ctx;
    cdp_session_fail_requests(&connection->main);
    for (plim__cdp_session *child = connection->children; child != NULL; child = child->next)
        cdp_session_fail_requests(child);
}

static plim_status cdp_on_stream(void *ctx, const char *data, size_t len, plim_error *err)
{
    plim__cdp_connection *connection = ctx;
    const plim__cdp_stream *stream = connection->stream;
    return stream != NULL ? stream->write(stream->ctx, data, len, err) : PLIM_OK;
}

/* Its text has been streamed, unless `params` stood before `method`: then it is here. */
static plim_status cdp_take_chunk(plim__cdp_connection *connection, const json_t *params,
                                  plim_error *err)
{
    const plim__cdp_stream *stream = connection->stream;
    if (stream == NULL)
        return PLIM_OK;
    const json_t *chunk = json_object_get(params, "chunk");
    size_t len = json_string_length(chunk);
    plim_status status = PLIM_OK;
    if (len > 0)
        status = stream->write(stream->ctx, json_string_value(chunk), len, err);
    if (status == PLIM_OK)
        stream->chunk(stream->ctx);
    return status;
}

static void cdp_take_reply(plim__cdp_session *session, const json_t *id, json_t *message)
{
    for (plim__cdp_request *request = session->requests; request != NULL; request = request->next) {
        if (!json_is_integer(id) || request->id != json_integer_value(id) || request->done)
            continue;
        request->reply = json_incref(message);
        request->done = true;
        return;
    }
    /* Nobody waits: a call that was given up, or Node 20's uninitialised ids. */
}

static plim_status cdp_dispatch(plim__cdp_session *session, json_t *message, plim_error *err)
{
    const json_t *id = json_object_get(message, "id");
    if (id != NULL) { /* with an id it is a reply, whatever else it has (workerd's have a method) */
        cdp_take_reply(session, id, message);
        return PLIM_OK;
    }
    const char *method = json_string_value(json_object_get(message, "method"));
    const json_t *params = json_object_get(message, "params");
    if (method == NULL)
        return PLIM_OK; /* Node answers so what it could not parse; we sent no such thing */
    if (strcmp(method, cdp_chunk_method) == 0)
        return cdp_take_chunk(session->connection, params, err);
    for (size_t i = 0; i < PLIM__CDP_HANDLERS_MAX; i++) {
        const cdp_entry *entry = &session->handlers[i];
        if (entry->method != NULL && strcmp(entry->method, method) == 0)
            return entry->handler(entry->ctx, params, err);
    }
    return PLIM_OK;
}

/* A message of a flat session; what none of ours has asked for is dropped. */
static plim_status cdp_dispatch_flat(plim__cdp_connection *connection, const char *id,
                                     json_t *message, plim_error *err)
{
    for (plim__cdp_session *child = connection->children; child != NULL; child = child->next) {
        if (strcmp(child->id, id) == 0)
            return cdp_dispatch(child, message, err);
    }
    return PLIM_OK;
}

static json_int_t cdp_error_code(const json_t *message)
{
    return json_integer_value(json_object_get(json_object_get(message, "error"), "code"));
}

/* That a session is not there (any more) is told outside of any; the call is found by its id. */
static plim_status cdp_dispatch_lost(plim__cdp_connection *connection, json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    for (plim__cdp_session *child = connection->children; child != NULL; child = child->next)
        cdp_take_reply(child, id, message);
    return PLIM_OK;
}

static plim_status cdp_on_message(void *ctx, json_t *const *messages, size_t count, plim_error *err)
{
    plim__cdp_connection *connection = ctx;
    const char *session_id = json_string_value(json_object_get(messages[0], "sessionId"));
    if (session_id != NULL && session_id[0] != '\0')
        return cdp_dispatch_flat(connection, session_id, messages[0], err);
    if (cdp_error_code(messages[0]) == PLIM__CDP_NO_SUCH_SESSION)
        return cdp_dispatch_lost(connection, messages[0]);
    plim_status status = cdp_dispatch(&connection->main, messages[0], err);
    for (size_t i = 1; i < count && i <= connection->routing_count && status == PLIM_OK; i++) {
        const cdp_routing *routing = &connection->routings[i - 1];
        const char *method = json_string_value(json_object_get(messages[i - 1], "method"));
        if (method == NULL || strcmp(method, routing->method) != 0)
            return PLIM_OK; /* wrapped by somebody else's event: none of ours */
        plim__cdp_session *child =
            routing->router(routing->ctx, json_object_get(messages[i - 1], "params"));
        if (child == NULL)
            return PLIM_OK;
        status = cdp_dispatch(child, messages[i], err);
    }
    return status;
}

/* ---- out ---------------------------------------------------------------------------------- */

static plim_status cdp_send_main(void *ctx, const char *message, size_t len, plim_error *err)
{
    plim__cdp_connection *connection = ctx;
    if (connection->message_limit != 0 && len > connection->message_limit)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "a message of %zu bytes: the target hangs up on more than %zu", len,
                              connection->message_limit);
    return connection->carrier.table->send(connection->carrier.self, message, len, err);
}

/* {"id":…,"method":…,"params":…} as text, from jansson and from nowhere else: Node 22 dies of a
 * malformed message. */
static plim_status cdp_send_call(plim__cdp_session *session, int id, const char *method,
                                 json_t *params, plim_error *err)
{
    const plim_allocator *allocator = session->connection->allocator;
    const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII;
    if (params == NULL)
        params = json_object();
    json_t *message = params == NULL ? NULL
                                     : json_pack("{s:i,s:s,s:o}", "id", id, "method", method,
                                                 "params", params); /* takes params, or frees it */
    if (message != NULL && session->id[0] != '\0' &&
        json_object_set_new(message, "sessionId", json_string(session->id)) != 0) {
        json_decref(message);
        message = NULL;
    }
    size_t len = message == NULL ? 0 : json_dumpb(message, NULL, 0, flags);
    char *text = plim__array_new(allocator, len, 1);
    plim_status status;
    if (text == NULL)
        status = plim__no_memory(err, "a request");
    else if (json_dumpb(message, text, len, flags) != len)
        status = plim_error_set(err, PLIM_ERR_INTERNAL, "cannot write down a call of %s", method);
    else
        status = session->send(session->ctx, text, len, err);
    plim__array_free(allocator, text, len, 1);
    json_decref(message);
    return status;
}

static plim_status cdp_gone(const plim__cdp_session *session, plim_error *err)
{
    plim_status status = plim__cdp_status(session->connection, err);
    if (status == PLIM_OK) {
        status =
            plim_error_set(err, PLIM_ERR_GONE, "%s",
                           session->gone_why != NULL ? session->gone_why : "the worker has ended");
        if (session->gone_hint != NULL)
            plim_error_hint(err, "%s", session->gone_hint);
        plim_error_where(err, "%s", session->connection->place);
    }
    return status;
}

/* An id that has not been used; refuses after 2^31 calls, which no connection lives to see. */
static plim_status cdp_next_id(plim__cdp_connection *connection, int *out_id, plim_error *err)
{
    if (connection->last_id == INT32_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "too many calls on one connection");
    *out_id = ++connection->last_id;
    return PLIM_OK;
}

plim_status plim__cdp_begin(plim__cdp_session *session, const char *method, json_t *params,
                            plim__cdp_request **out_request, plim_error *err)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    PLIM_CHECK(method != NULL && out_request != NULL);
    plim__cdp_connection *connection = session->connection;
    int id = 0;
    plim_status status = session->gone ? cdp_gone(session, err) : PLIM_OK;
    if (status == PLIM_OK && connection->request_count == PLIM_CALLS_MAX)
        status = plim_error_set(err, PLIM_ERR_LIMIT, "more than %u calls at once", PLIM_CALLS_MAX);
    if (status == PLIM_OK)
        status = cdp_next_id(connection, &id, err);
    plim__cdp_request *request = NULL;
    if (status == PLIM_OK) {
        request = plim__array_new_zero(connection->allocator, 1, sizeof *request);
        if (request == NULL)
            status = plim__no_memory(err, "a request");
    }
    if (request == NULL) {
        json_decref(params);
        return status;
    }
    request->magic = PLIM__CDP_REQUEST_MAGIC;
    request->session = session;
    request->id = id;
    (void)snprintf(request->method, sizeof request->method, "%s", method);
    status = cdp_send_call(session, id, method, params, err);
    if (status != PLIM_OK) {
        plim__array_free(connection->allocator, request, 1, sizeof *request);
        return status;
    }
    request->next = session->requests;
    session->requests = request;
    connection->request_count++;
    *out_request = request;
    return PLIM_OK;
}

int plim__cdp_request_id(const plim__cdp_request *request)
{
    PLIM_CHECK_OBJ(request, PLIM__CDP_REQUEST_MAGIC);
    return request->id;
}

const bool *plim__cdp_done(const plim__cdp_request *request)
{
    PLIM_CHECK_OBJ(request, PLIM__CDP_REQUEST_MAGIC);
    return &request->done;
}

static plim_status cdp_error_reply(const plim__cdp_request *request, const json_t *error,
                                   plim_error *err)
{
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *data = json_string_value(json_object_get(error, "data"));
    plim_status status = PLIM_ERR_REFUSED;
    if (code == PLIM__CDP_NO_SUCH_METHOD)
        status = PLIM_ERR_UNSUPPORTED;
    else if (code == PLIM__CDP_NO_SUCH_SESSION)
        status = PLIM_ERR_GONE;
    (void)plim_error_set(err, status, "%s: the target says: %s%s%s (%d)", request->method,
                         message != NULL ? message : "no reason", data != NULL ? ": " : "",
                         data != NULL ? data : "", (int)code);
    plim_error_where(err, "%s", request->session->connection->place);
    return status;
}

static plim_status cdp_judge(const plim__cdp_request *request, json_t **out_result, plim_error *err)
{
    PLIM_CHECK(request->done);
    if (request->reply == NULL)
        return cdp_gone(request->session, err);
    const json_t *error = json_object_get(request->reply, "error");
    if (error != NULL)
        return cdp_error_reply(request, error, err);
    if (out_result == NULL)
        return PLIM_OK;
    json_t *result = json_object_get(request->reply, "result");
    json_t *given = json_is_object(result) ? json_incref(result) : json_object();
    if (given == NULL)
        return plim__no_memory(err, "a reply");
    *out_result = given;
    return PLIM_OK;
}

void plim__cdp_drop(plim__cdp_request **request_ptr)
{
    PLIM_CHECK(request_ptr != NULL);
    plim__cdp_request *request = *request_ptr;
    *request_ptr = NULL;
    PLIM_CHECK_OBJ(request, PLIM__CDP_REQUEST_MAGIC);
    plim__cdp_session *session = request->session;
    plim__cdp_connection *connection = session->connection;
    plim__cdp_request **link = &session->requests;
    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    PLIM_CHECK(connection->request_count > 0);
    connection->request_count--;
    json_decref(request->reply);
    request->magic = 0;
    plim__array_free(connection->allocator, request, 1, sizeof *request);
}

plim_status plim__cdp_finish(plim__cdp_request **request_ptr, json_t **out_result, plim_error *err)
{
    PLIM_CHECK(request_ptr != NULL);
    PLIM_CHECK_OBJ(*request_ptr, PLIM__CDP_REQUEST_MAGIC);
    plim_status status = cdp_judge(*request_ptr, out_result, err);
    plim__cdp_drop(request_ptr);
    return status;
}

plim_status plim__cdp_call(plim__cdp_session *session, const char *method, json_t *params,
                           uint64_t timeout_ns, json_t **out_result, plim_error *err)
{
    plim__cdp_request *request = NULL;
    plim_status status = plim__cdp_begin(session, method, params, &request, err);
    if (status != PLIM_OK)
        return status;
    status = plim__loop_wait(session->connection->loop, plim__cdp_done(request),
                             plim__loop_deadline(timeout_ns));
    if (status == PLIM_OK)
        return plim__cdp_finish(&request, out_result, err);
    if (status == PLIM_ERR_TIMEOUT) {
        char seconds[24];
        (void)snprintf(seconds, sizeof seconds, "%g", (double)timeout_ns / 1e9);
        (void)plim_error_set(err, status, "%s: no answer within %s s", method, seconds);
        plim_error_hint(err, "the target may be busy, paused by a debugger, or waiting for one");
    } else {
        (void)plim_error_set(err, status, "%s: interrupted", method);
    }
    plim_error_where(err, "%s", session->connection->place);
    plim__cdp_drop(&request);
    return status;
}

plim_status plim__cdp_post(plim__cdp_session *session, const char *method, json_t *params,
                           plim_error *err)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    int id = 0;
    plim_status status = session->gone ? cdp_gone(session, err) : PLIM_OK;
    if (status == PLIM_OK)
        status = cdp_next_id(session->connection, &id, err);
    if (status == PLIM_OK)
        return cdp_send_call(session, id, method, params, err);
    json_decref(params);
    return status;
}

/* ---- sessions ------------------------------------------------------------------------------ */

void plim__cdp_on(plim__cdp_session *session, const char *method, plim__cdp_handler handler,
                  void *ctx)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    PLIM_CHECK(method != NULL && handler != NULL);
    plim__cdp_off(session, method);
    for (size_t i = 0; i < PLIM__CDP_HANDLERS_MAX; i++) {
        if (session->handlers[i].method != NULL)
            continue;
        session->handlers[i] = (cdp_entry){method, handler, ctx};
        return;
    }
    PLIM_CHECK(false && "PLIM__CDP_HANDLERS_MAX is too small");
}

void plim__cdp_off(plim__cdp_session *session, const char *method)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    for (size_t i = 0; i < PLIM__CDP_HANDLERS_MAX; i++) {
        cdp_entry *entry = &session->handlers[i];
        if (entry->method != NULL && strcmp(entry->method, method) == 0)
            *entry = (cdp_entry){0};
    }
}

plim_status plim__cdp_session_create(plim__cdp_connection *connection, plim__cdp_send send,
                                     void *ctx, plim__cdp_session **out_session, plim_error *err)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(send != NULL && out_session != NULL);
    plim__cdp_session *session = plim__array_new_zero(connection->allocator, 1, sizeof *session);
    if (session == NULL)
        return plim__no_memory(err, "a session");
    session->magic = PLIM__CDP_SESSION_MAGIC;
    session->connection = connection;
    session->send = send;
    session->ctx = ctx;
    session->gone = connection->main.gone;
    session->next = connection->children;
    connection->children = session;
    *out_session = session;
    return PLIM_OK;
}

plim_status plim__cdp_session_attach(plim__cdp_connection *connection, const char *id,
                                     plim__cdp_session **out_session, plim_error *err)
{
    PLIM_CHECK(id != NULL);
    if (id[0] == '\0' || strlen(id) >= PLIM__CDP_SESSION_ID_BYTES)
        return plim_error_set(err, PLIM_ERR_PROTOCOL,
                              "the target gave a session the name \"%.80s\"", id);
    plim_status status =
        plim__cdp_session_create(connection, cdp_send_main, connection, out_session, err);
    if (status == PLIM_OK)
        memcpy((*out_session)->id, id, strlen(id) + 1);
    return status;
}

void plim__cdp_session_mark_gone(plim__cdp_session *session, const char *why, const char *hint)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    if (!session->gone) {
        session->gone_why = why;
        session->gone_hint = hint;
    }
    cdp_session_fail_requests(session);
}

plim_status plim__cdp_session_status(const plim__cdp_session *session, plim_error *err)
{
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    return session->gone ? cdp_gone(session, err) : PLIM_OK;
}

void plim__cdp_session_end(plim__cdp_session **session_ptr)
{
    if (session_ptr == NULL || *session_ptr == NULL)
        return;
    plim__cdp_session *session = *session_ptr;
    *session_ptr = NULL;
    PLIM_CHECK_OBJ(session, PLIM__CDP_SESSION_MAGIC);
    PLIM_CHECK(session->requests == NULL); /* whoever began one must finish it first */
    plim__cdp_connection *connection = session->connection;
    plim__cdp_session **link = &connection->children;
    while (*link != NULL && *link != session)
        link = &(*link)->next;
    PLIM_CHECK(*link == session); /* not the main one */
    *link = session->next;
    session->magic = 0;
    plim__array_free(connection->allocator, session, 1, sizeof *session);
}

/* ---- the connection ------------------------------------------------------------------------ */

/* One that is not connected yet. */
static plim_status cdp_new(plim__loop *loop, const plim_allocator *allocator,
                           plim__cdp_connection **out_connection, plim_error *err)
{
    PLIM_CHECK(loop != NULL && out_connection != NULL);
    plim__cdp_connection *connection = plim__array_new_zero(allocator, 1, sizeof *connection);
    if (connection == NULL)
        return plim__no_memory(err, "a connection");
    connection->magic = PLIM__CDP_CONNECTION_MAGIC;
    connection->loop = loop;
    connection->allocator = allocator;
    connection->main = (plim__cdp_session){.magic = PLIM__CDP_SESSION_MAGIC,
                                           .connection = connection,
                                           .send = cdp_send_main,
                                           .ctx = connection};
    const plim__envelope_rule chunk = {.method = cdp_chunk_method, .key = "chunk"};
    plim__envelope_events messages = {connection, cdp_on_stream, cdp_on_message};
    plim_status status =
        plim__envelope_create(allocator, &chunk, 1, messages, &connection->envelope, err);
    if (status == PLIM_OK)
        *out_connection = connection;
    else
        plim__cdp_disconnect(&connection);
    return status;
}

static plim__cdp_carrier_events cdp_events(plim__cdp_connection *connection)
{
    return (plim__cdp_carrier_events){connection, cdp_on_data, cdp_on_message_end, cdp_on_end};
}

plim_status plim__cdp_connect(plim__loop *loop, const plim_allocator *allocator, const char *host,
                              uint16_t port, const char *path, uint64_t timeout_ns,
                              plim__cdp_connection **out_connection, plim_error *err)
{
    return plim__cdp_connect_listening(loop, allocator, host, port, path, timeout_ns, NULL, NULL,
                                       out_connection, err);
}

plim_status plim__cdp_connect_listening(plim__loop *loop, const plim_allocator *allocator,
                                        const char *host, uint16_t port, const char *path,
                                        uint64_t timeout_ns,
                                        void (*listen)(void *ctx, plim__cdp_connection *connection),
                                        void *ctx, plim__cdp_connection **out_connection,
                                        plim_error *err)
{
    plim__cdp_connection *connection = NULL;
    plim_status status = cdp_new(loop, allocator, &connection, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(connection->place, sizeof connection->place, "%s:%u", host, (unsigned)port);
    if (listen != NULL)
        listen(ctx, connection);
    status = plim__cdp_carrier_websocket(loop, allocator, host, port, path, timeout_ns,
                                         cdp_events(connection), &connection->carrier, err);
    if (status == PLIM_OK)
        *out_connection = connection;
    else
        plim__cdp_disconnect(&connection);
    return status;
}

plim_status plim__cdp_connect_pipe(plim__loop *loop, const plim_allocator *allocator,
                                   int descriptor, plim__cdp_connection **out_connection,
                                   plim_error *err)
{
    plim__cdp_connection *connection = NULL;
    plim_status status = cdp_new(loop, allocator, &connection, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(connection->place, sizeof connection->place, "the browser's pipe");
    status = plim__cdp_carrier_pipe(loop, allocator, descriptor, cdp_events(connection),
                                    &connection->carrier, err);
    if (status == PLIM_OK)
        *out_connection = connection;
    else
        plim__cdp_disconnect(&connection);
    return status;
}

plim_status plim__cdp_connect_over(plim__loop *loop, const plim_allocator *allocator,
                                   const char *place, const plim__cdp_opener *opener,
                                   plim__cdp_connection **out_connection, plim_error *err)
{
    PLIM_CHECK(place != NULL && opener != NULL);
    plim__cdp_connection *connection = NULL;
    plim_status status = cdp_new(loop, allocator, &connection, err);
    if (status != PLIM_OK)
        return status;
    (void)snprintf(connection->place, sizeof connection->place, "%s", place);
    opener->listen(opener->ctx, connection);
    status = opener->open(opener->ctx, cdp_events(connection), &connection->carrier, err);
    if (status == PLIM_OK)
        *out_connection = connection;
    else
        plim__cdp_disconnect(&connection);
    return status;
}

void plim__cdp_disconnect(plim__cdp_connection **connection_ptr)
{
    if (connection_ptr == NULL || *connection_ptr == NULL)
        return;
    plim__cdp_connection *connection = *connection_ptr;
    *connection_ptr = NULL;
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(connection->request_count == 0);
    if (connection->carrier.table != NULL)
        connection->carrier.table->destroy(connection->carrier.self);
    plim__envelope_destroy(&connection->envelope);
    while (connection->children != NULL) {
        plim__cdp_session *child = connection->children;
        plim__cdp_session_end(&child);
    }
    connection->magic = 0;
    plim__array_free(connection->allocator, connection, 1, sizeof *connection);
}

plim__cdp_session *plim__cdp_main(plim__cdp_connection *connection)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    return &connection->main;
}

plim_status plim__cdp_status(const plim__cdp_connection *connection, plim_error *err)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    plim_error why = {0};
    plim_status status = connection->carrier.table->status(connection->carrier.self, &why);
    if (status == PLIM_OK)
        return PLIM_OK;
    if (connection->end_part != NULL && strstr(why.what, connection->end_part) != NULL)
        plim_error_hint(&why, "%s", connection->end_hint);
    return plim__error_repeat(err, &why);
}

void plim__cdp_explain_end(plim__cdp_connection *connection, const char *part, const char *hint)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(part != NULL && hint != NULL);
    connection->end_part = part;
    connection->end_hint = hint;
}

void plim__cdp_ids_apart(plim__cdp_connection *connection)
{
    /* Our process's own part of the numbers there are. */
    enum { PARTS = 20000, PART = 100000 };
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    int first = (int)(1 + plim__process_self() % (PARTS - 1)) * PART;
    PLIM_CHECK(first >= connection->last_id);
    connection->last_id = first;
}

void plim__cdp_set_stream(plim__cdp_connection *connection, const plim__cdp_stream *stream)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(stream == NULL || (stream->write != NULL && stream->chunk != NULL));
    connection->stream = stream;
}

void plim__cdp_set_router(plim__cdp_connection *connection, const char *method, const char *key,
                          plim__cdp_router router, void *ctx)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(connection->routing_count < PLIM__ENVELOPE_LEVELS - 1 && router != NULL);
    connection->routings[connection->routing_count++] = (cdp_routing){method, router, ctx};
    plim__envelope_add_rule(
        connection->envelope,
        (plim__envelope_rule){.method = method, .key = key, .is_message = true});
}

void plim__cdp_add_stream_rule(plim__cdp_connection *connection, plim__envelope_rule rule)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    PLIM_CHECK(!rule.is_message);
    plim__envelope_add_rule(connection->envelope, rule);
}

void plim__cdp_remove_stream_rule(plim__cdp_connection *connection, plim__envelope_rule rule)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    plim__envelope_remove_rule(connection->envelope, rule.method, rule.key);
}

void plim__cdp_set_message_limit(plim__cdp_connection *connection, size_t bytes)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    connection->message_limit = bytes;
}

void plim__cdp_pause(plim__cdp_connection *connection)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    connection->carrier.table->pause(connection->carrier.self);
}

void plim__cdp_resume(plim__cdp_connection *connection)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    connection->carrier.table->resume(connection->carrier.self);
}

uint64_t plim__cdp_received_bytes(const plim__cdp_connection *connection)
{
    PLIM_CHECK_OBJ(connection, PLIM__CDP_CONNECTION_MAGIC);
    return connection->carrier.table->received_bytes(connection->carrier.self);
}
