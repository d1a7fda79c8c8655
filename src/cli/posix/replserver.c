/* SPDX-License-Identifier: MIT */
/*
 * C sessions over a socket. One thread reads and writes for everybody (libuv); each session has a
 * thread of its own, since an entry may take as long as it likes, and a queue of requests. Only
 * "describe" and "interrupt" are answered at once. A session belongs to the connection that opened
 * it and ends with it.
 *
 * Who may connect: the user (a Unix socket of mode 0600), or whoever of this machine has the token
 * that is printed at the start (TCP, loopback only). A line that is no JSON object ends its
 * connection: so a browser, which speaks HTTP, gets no further than its first line.
 *
 * S1  `lock` guards connections' text going out, sessions' queues and session->repl.
 * S2  connection->serial is never used twice: a reply for one that is gone finds nobody.
 * S3  all is bounded: connections, sessions, a line, a queue, text not yet taken by a client.
 */
#define _GNU_SOURCE
#include "cli/replserver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "cli/glyphs.h"
#include "cli/process.h"
#include "cli/replui.h"
#include "cli/replwire.h"

enum {
    SERVER_CONNECTIONS_MAX = 16,
    SERVER_SESSIONS_MAX = 16, /* each has a compiler and two workers: 100 MB */
    SERVER_QUEUE_MAX = 32,
    SERVER_OUT_BYTES_MAX = 16 << 20,
    SERVER_OUTPUT_BYTES_MAX = 8 << 20, /* of one entry */
    SERVER_TICK_MS = 100,
    SERVER_BACKLOG = 16
};

typedef struct server server;

typedef struct server_connection {
    server *of;
    union {
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } handle;
    uv_write_t write;
    bool is_used, is_closing, is_writing, is_trusted, overflows;
    uint64_t serial;
    plim__draft in;      /* a line that has not ended yet */
    plim__draft out;     /* not yet given to libuv */
    plim__draft writing; /* given to it */
    char piece[65536];
} server_connection;

typedef struct server_session {
    server *of;
    bool is_used, ends, is_over; /* is_over: its thread has nothing more to do */
    bool leaves;                 /* "close" is under way: it is no longer found */
    char name[PLIM__REPL_SESSION_BYTES];
    uint64_t owner; /* serial of its connection */
    uv_thread_t thread;
    uv_cond_t wakes;
    plim__repl_request queue[SERVER_QUEUE_MAX];
    uint32_t first, count;
    plim_repl *repl;         /* NULL: not open */
    plim__repl_request *now; /* of the entry that runs: output names it */
} server_session;

struct server {
    plim__cli *cli;
    plim_repl_options options; /* of each session */
    uv_loop_t loop;
    union {
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } listener;
    bool is_pipe, is_stopping;
    bool is_full;     /* somebody waits for a connection to go */
    const char *path; /* of the Unix socket */
    char token[PLIM__UUID_BYTES];
    char address[128];
    uv_async_t wakes;
    uv_timer_t tick;
    uv_mutex_t lock;
    uint64_t serials, names;
    server_connection connections[SERVER_CONNECTIONS_MAX];
    server_session sessions[SERVER_SESSIONS_MAX];
};

/* --- answers --------------------------------------------------------------------------------- */

/* Hands a line to whoever has that serial. Any thread. */
static void server_post(server *all, uint64_t serial, const plim__draft *line)
{
    uv_mutex_lock(&all->lock);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        server_connection *connection = &all->connections[i];
        if (!connection->is_used || connection->serial != serial || connection->is_closing)
            continue;
        if (line->failed || connection->out.size_bytes + line->size_bytes > SERVER_OUT_BYTES_MAX)
            connection->overflows = true;
        else
            plim__draft_add(&connection->out, line->data, line->size_bytes);
    }
    uv_mutex_unlock(&all->lock);
    (void)uv_async_send(&all->wakes);
}

/* {"id":…,"session":"…","status":"…" */
static void server_begin(plim__draft *line, const plim__cli *cli, const plim__repl_request *request,
                         const char *session, const char *status)
{
    plim__draft_init(line, cli->allocator);
    plim__draft_printf(line, "{\"id\":%s,", request->id);
    if (session[0] != '\0') {
        plim__repl_json_text(line, "session", session, strlen(session));
        plim__draft_puts(line, ",");
    }
    plim__draft_printf(line, "\"status\":\"%s\"", status);
}

static void server_end(server *all, uint64_t serial, plim__draft *line)
{
    plim__draft_puts(line, "}\n");
    server_post(all, serial, line);
    plim__draft_fini(line);
}

static void server_fail(server *all, uint64_t serial, const plim__repl_request *request,
                        const plim_error *err)
{
    plim__draft line;
    server_begin(&line, all->cli, request, request->session, "error");
    plim__draft_printf(&line, ",\"error\":{\"name\":\"%s\",", plim_status_name(err->status));
    plim__repl_json_text(&line, "what", err->what, strlen(err->what));
    plim__draft_puts(&line, ",");
    plim__repl_json_text(&line, "hint", err->hint, strlen(err->hint));
    plim__draft_puts(&line, "}");
    server_end(all, serial, &line);
}

/* --- a session's thread ---------------------------------------------------------------------- */

static void session_output(void *ctx, plim_repl_stream stream, const char *bytes, size_t count)
{
    server_session *session = ctx;
    plim__draft line;
    if (session->now == NULL || count == 0)
        return;
    server_begin(&line, session->of->cli, session->now, session->name, "output");
    plim__draft_printf(&line, ",\"stream\":\"%s\",",
                       stream == PLIM_REPL_STDERR ? "stderr" : "stdout");
    plim__repl_json_text(&line, "text", bytes, count);
    server_end(session->of, session->owner, &line);
}

static plim_status session_open(server_session *session, plim__repl_request *request,
                                plim__draft *line, plim_error *err)
{
    plim_repl_options options = session->of->options;
    plim_repl *repl = NULL;
    if (request->number != 0)
        options.memory_bytes = request->number;
    if (request->deadline_ms != 0)
        options.deadline_ms = request->deadline_ms;
    options.output = session_output;
    options.output_ctx = session;
    options.output_bytes_max = SERVER_OUTPUT_BYTES_MAX;
    options.input = -1;
    plim_status status = plim_repl_open(&options, &repl, err);
    if (status != PLIM_OK)
        return status;
    uv_mutex_lock(&session->of->lock);
    session->repl = repl;
    uv_mutex_unlock(&session->of->lock);
    plim__draft_puts(line, ",\"protocol\":\"plim-repl/1\"");
    return PLIM_OK;
}

static plim_status session_eval(server_session *session, plim__repl_request *request,
                                plim__draft *line, plim_error *err)
{
    plim_repl_outcome outcome;
    session->now = request;
    plim_status status = plim_repl_enter(session->repl, request->text, &outcome, err);
    session->now = NULL;
    if (status != PLIM_OK)
        return status;
    plim__draft_puts(line, ",");
    plim__repl_outcome_json(line, session->repl, &outcome);
    return PLIM_OK;
}

static plim_status session_complete(server_session *session, plim__repl_request *request,
                                    plim__draft *line, plim_error *err)
{
    const plim_repl_candidate *candidates = NULL;
    size_t count = 0;
    size_t from = 0;
    plim_status status = plim_repl_complete(session->repl, request->text, (size_t)request->number,
                                            &candidates, &count, &from, err);
    if (status != PLIM_OK)
        return status;
    plim__draft_printf(line, ",\"from\":%zu,\"candidates\":[", from);
    for (size_t i = 0; i < count; i++) {
        plim__draft_puts(line, i > 0 ? ",{" : "{");
        plim__repl_json_text(line, "text", candidates[i].text, strlen(candidates[i].text));
        plim__draft_puts(line, ",");
        plim__repl_json_text(line, "detail", candidates[i].detail, strlen(candidates[i].detail));
        plim__draft_puts(line, "}");
    }
    plim__draft_puts(line, "]");
    return PLIM_OK;
}

static bool session_add_name(void *ctx, const plim_repl_variable *variable)
{
    static const char *const kinds[] = {"variable", "function", "type", "macro"};
    plim__draft *line = ctx;
    plim__draft_puts(line, line->data[line->size_bytes - 1] == '[' ? "{" : ",{");
    plim__repl_json_text(line, "name", variable->name, strlen(variable->name));
    plim__draft_puts(line, ",");
    plim__repl_json_text(line, "type", variable->type, strlen(variable->type));
    plim__draft_printf(line, ",\"kind\":\"%s\",\"entry\":%u,\"address\":\"0x%" PRIx64 "\"}",
                       kinds[variable->kind], variable->entry, variable->address);
    return !line->failed;
}

static plim_status session_answer(server_session *session, plim__repl_request *request,
                                  plim__draft *line, plim_error *err)
{
    switch (request->op) {
    case PLIM__REPL_OPEN:
        return session_open(session, request, line, err);
    case PLIM__REPL_EVAL:
        return session_eval(session, request, line, err);
    case PLIM__REPL_IS_COMPLETE:
        plim__draft_printf(line, ",\"complete\":%s",
                           plim_repl_is_complete(session->repl, request->text) ? "true" : "false");
        return PLIM_OK;
    case PLIM__REPL_COMPLETE:
        return session_complete(session, request, line, err);
    case PLIM__REPL_UNDO:
        return plim_repl_undo(session->repl, (uint32_t)request->number, NULL, err);
    case PLIM__REPL_VARS:
        plim__draft_puts(line, ",\"names\":[");
        (void)plim_repl_variables(session->repl, session_add_name, line);
        plim__draft_puts(line, "]");
        return PLIM_OK;
    case PLIM__REPL_LINK:
        return plim_repl_link(session->repl, request->text, NULL, err);
    case PLIM__REPL_SAVE:
        return plim_repl_save(session->repl, request->text, err);
    case PLIM__REPL_LOAD:
        return plim_repl_load(session->repl, request->text, err);
    case PLIM__REPL_CLOSE:
    case PLIM__REPL_DESCRIBE:
    case PLIM__REPL_INTERRUPT:
    case PLIM__REPL_OPS:
        break;
    }
    return PLIM_OK;
}

static void session_do(server_session *session, plim__repl_request *request)
{
    plim_error err = {0};
    plim__draft line;
    plim_status status = PLIM_OK;
    server_begin(&line, session->of->cli, request, session->name, "ok");
    if (session->repl == NULL && request->op != PLIM__REPL_OPEN)
        status = plim_error_set(&err, PLIM_ERR_NOT_FOUND, "the session is not open");
    else
        status = session_answer(session, request, &line, &err);
    if (status == PLIM_OK) {
        server_end(session->of, session->owner, &line);
        return;
    }
    plim__draft_fini(&line);
    if (err.status == PLIM_OK)
        (void)plim_error_set(&err, status, "%s", plim_status_text(status));
    server_fail(session->of, session->owner, request, &err);
}

static void session_run(void *ctx)
{
    server_session *session = ctx;
    server *all = session->of;
    bool ends = false;
    while (!ends) {
        uv_mutex_lock(&all->lock);
        while (session->count == 0 && !session->ends)
            uv_cond_wait(&session->wakes, &all->lock);
        ends = session->ends;
        plim__repl_request request = {.text = ""};
        if (!ends) {
            request = session->queue[session->first];
            session->first = (session->first + 1) % SERVER_QUEUE_MAX;
            session->count--;
        }
        uv_mutex_unlock(&all->lock);
        if (ends)
            break;
        session_do(session, &request);
        ends = request.op == PLIM__REPL_CLOSE ||
               (request.op == PLIM__REPL_OPEN && session->repl == NULL);
        plim__repl_request_fini(&request);
    }
    uv_mutex_lock(&all->lock);
    plim_repl *repl = session->repl;
    session->repl = NULL; /* from here on nobody interrupts it */
    uv_mutex_unlock(&all->lock);
    plim_repl_close(&repl);
    uv_mutex_lock(&all->lock);
    session->is_over = true;
    uv_mutex_unlock(&all->lock);
    (void)uv_async_send(&all->wakes);
}

/* --- sessions, as the loop's thread sees them ------------------------------------------------ */

static server_session *server_find(server *all, const server_connection *connection,
                                   const char *name)
{
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        server_session *session = &all->sessions[i];
        if (session->is_used && !session->leaves && session->owner == connection->serial &&
            strcmp(session->name, name) == 0)
            return session;
    }
    return NULL;
}

static plim_status server_enqueue(server_session *session, plim__repl_request *request,
                                  plim_error *err)
{
    plim_status status = PLIM_OK;
    uv_mutex_lock(&session->of->lock);
    if (session->count == SERVER_QUEUE_MAX) {
        status = plim_error_set(err, PLIM_ERR_LIMIT, "%d requests of that session wait already",
                                SERVER_QUEUE_MAX);
    } else {
        session->queue[(session->first + session->count++) % SERVER_QUEUE_MAX] = *request;
        *request = (plim__repl_request){.text = ""};
        uv_cond_signal(&session->wakes);
    }
    uv_mutex_unlock(&session->of->lock);
    return status;
}

static plim_status server_open_session(server *all, const server_connection *connection,
                                       plim__repl_request *request, plim_error *err)
{
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        server_session *session = &all->sessions[i];
        if (session->is_used)
            continue;
        *session = (server_session){.of = all, .owner = connection->serial};
        (void)snprintf(session->name, sizeof session->name, "s%" PRIu64, ++all->names % 1000000000);
        if (uv_cond_init(&session->wakes) != 0)
            return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a session");
        if (uv_thread_create(&session->thread, session_run, session) != 0) {
            uv_cond_destroy(&session->wakes);
            return plim_error_set(err, PLIM_ERR_NO_MEMORY, "a session needs a thread");
        }
        session->is_used = true;
        return server_enqueue(session, request, err);
    }
    return plim_error_set(err, PLIM_ERR_LIMIT, "%d sessions are open", SERVER_SESSIONS_MAX);
}

/* Stops what it runs and lets its thread end. */
static void server_end_session(server_session *session)
{
    uv_mutex_lock(&session->of->lock);
    session->ends = true;
    if (session->repl != NULL)
        plim_repl_interrupt(session->repl);
    uv_cond_signal(&session->wakes);
    uv_mutex_unlock(&session->of->lock);
}

static void server_reap(server *all)
{
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        server_session *session = &all->sessions[i];
        uv_mutex_lock(&all->lock);
        bool is_over = session->is_used && session->is_over;
        uv_mutex_unlock(&all->lock);
        if (!is_over)
            continue;
        (void)uv_thread_join(&session->thread);
        for (; session->count > 0; session->count--) {
            plim_error err = {0};
            (void)plim_error_set(&err, PLIM_ERR_NOT_FOUND, "the session is not open");
            server_fail(all, session->owner, &session->queue[session->first], &err);
            plim__repl_request_fini(&session->queue[session->first]);
            session->first = (session->first + 1) % SERVER_QUEUE_MAX;
        }
        uv_cond_destroy(&session->wakes);
        session->is_used = false;
    }
}

/* --- requests -------------------------------------------------------------------------------- */

static void server_describe(server *all, const server_connection *connection,
                            const plim__repl_request *request)
{
    plim__draft line;
    bool first = true;
    server_begin(&line, all->cli, request, "", "ok");
    plim__draft_puts(&line, ",\"protocol\":\"plim-repl/1\",\"version\":\"" PLIM_VERSION
                            "\",\"language\":\"c\",\"ops\":[");
    for (int op = 0; op < PLIM__REPL_OPS; op++)
        plim__draft_printf(&line, "%s\"%s\"", op > 0 ? "," : "",
                           plim__repl_op_word((plim__repl_op)op));
    plim__draft_puts(&line, "],\"sessions\":[");
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        const server_session *session = &all->sessions[i];
        if (!session->is_used || session->owner != connection->serial)
            continue;
        plim__draft_printf(&line, "%s\"%s\"", first ? "" : ",", session->name);
        first = false;
    }
    plim__draft_printf(&line, "],\"limits\":{\"sessions\":%d,\"line_bytes\":%d,\"queue\":%d}",
                       SERVER_SESSIONS_MAX, PLIM__REPL_LINE_BYTES_MAX, SERVER_QUEUE_MAX);
    server_end(all, connection->serial, &line);
}

static plim_status server_interrupt(server *all, const server_connection *connection,
                                    server_session *session, const plim__repl_request *request)
{
    plim__draft line;
    uv_mutex_lock(&all->lock);
    if (session->repl != NULL)
        plim_repl_interrupt(session->repl);
    uv_mutex_unlock(&all->lock);
    server_begin(&line, all->cli, request, session->name, "ok");
    server_end(all, connection->serial, &line);
    return PLIM_OK;
}

static plim_status server_act(server *all, server_connection *connection,
                              plim__repl_request *request, plim_error *err)
{
    if (!connection->is_trusted && strcmp(request->token, all->token) != 0) {
        plim_status status = plim_error_set(err, PLIM_ERR_ACCESS,
                                            "the first line is to have the "
                                            "\"token\"");
        plim_error_hint(err, "plim repl --listen printed it");
        return status;
    }
    connection->is_trusted = true;
    if (request->op == PLIM__REPL_DESCRIBE) {
        server_describe(all, connection, request);
        return PLIM_OK;
    }
    if (request->op == PLIM__REPL_OPEN)
        return server_open_session(all, connection, request, err);
    server_session *session = server_find(all, connection, request->session);
    if (session == NULL)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "this connection has no session \"%s\"",
                              request->session);
    if (request->op == PLIM__REPL_INTERRUPT)
        return server_interrupt(all, connection, session, request);
    bool leaves = request->op == PLIM__REPL_CLOSE;
    plim_status status = server_enqueue(session, request, err);
    session->leaves = leaves && status == PLIM_OK;
    return status;
}

/* --- connections ----------------------------------------------------------------------------- */

static void server_accept(uv_stream_t *listener, int result);

static void connection_closed(uv_handle_t *handle)
{
    server_connection *connection = handle->data;
    server *all = connection->of;
    plim__draft_fini(&connection->in);
    plim__draft_fini(&connection->out);
    plim__draft_fini(&connection->writing);
    connection->is_used = false;
    if (all->is_full)
        server_accept(&all->listener.stream, 0);
}

static void connection_close(server_connection *connection)
{
    server *all = connection->of;
    if (connection->is_closing)
        return;
    uv_mutex_lock(&all->lock);
    connection->is_closing = true;
    uv_mutex_unlock(&all->lock);
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        if (all->sessions[i].is_used && all->sessions[i].owner == connection->serial)
            server_end_session(&all->sessions[i]);
    }
    uv_close((uv_handle_t *)&connection->handle.stream, connection_closed);
}

/* false: it does not speak our language, or not to us. */
static bool connection_line(server_connection *connection, const char *line, size_t bytes)
{
    plim_error err = {0};
    plim__repl_request request;
    plim_status status = plim__repl_request_read(line, bytes, &request, &err);
    if (status == PLIM_OK)
        status = server_act(connection->of, connection, &request, &err);
    if (status != PLIM_OK)
        server_fail(connection->of, connection->serial, &request, &err);
    plim__repl_request_fini(&request);
    return status != PLIM_ERR_PROTOCOL && status != PLIM_ERR_ACCESS;
}

static void connection_flush(server_connection *connection);

static void connection_written(uv_write_t *write, int result)
{
    server_connection *connection = write->data;
    connection->is_writing = false;
    if (result != 0)
        connection_close(connection);
    else
        connection_flush(connection);
}

static void connection_flush(server_connection *connection)
{
    server *all = connection->of;
    if (connection->is_writing || connection->is_closing)
        return;
    uv_mutex_lock(&all->lock);
    plim__draft next = connection->out;
    plim__draft_clear(&connection->writing);
    connection->out = connection->writing;
    connection->writing = next;
    bool overflows = connection->overflows;
    uv_mutex_unlock(&all->lock);
    if (overflows) { /* it does not read what it asks for */
        connection_close(connection);
        return;
    }
    if (next.size_bytes == 0)
        return;
    uv_buf_t buffer = uv_buf_init(next.data, (unsigned)next.size_bytes);
    connection->write.data = connection;
    connection->is_writing = true;
    if (uv_write(&connection->write, &connection->handle.stream, &buffer, 1, connection_written) !=
        0)
        connection_close(connection);
}

static void connection_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    server_connection *connection = handle->data;
    (void)wanted;
    *out = uv_buf_init(connection->piece, sizeof connection->piece);
}

/* What came: lines, and a part of one. */
static void connection_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    server_connection *connection = stream->data;
    plim__draft *in = &connection->in;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    const char *at = buffer->base;
    size_t left = (size_t)count;
    bool goes_on = true;
    while (left > 0 && goes_on) {
        const char *end = memchr(at, '\n', left);
        size_t length = end != NULL ? (size_t)(end - at) : left;
        plim__draft_add(in, at, length);
        goes_on = !in->failed && in->size_bytes <= PLIM__REPL_LINE_BYTES_MAX;
        if (end == NULL)
            break;
        if (goes_on && in->size_bytes > 0)
            goes_on = connection_line(connection, in->data, in->size_bytes);
        plim__draft_clear(in);
        at += length + 1;
        left -= length + 1;
    }
    connection_flush(connection);
    if (!goes_on) { /* the reason is on its way; nothing more is read */
        (void)uv_read_stop(stream);
        if (!connection->is_writing)
            connection_close(connection);
        connection->overflows = true;
    }
}

static void server_accept(uv_stream_t *listener, int result)
{
    server *all = listener->data;
    server_connection *connection = NULL;
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX && connection == NULL; i++) {
        if (!all->connections[i].is_used)
            connection = &all->connections[i];
    }
    all->is_full = connection == NULL;
    if (result != 0 || connection == NULL || all->is_stopping)
        return;
    memset(connection, 0, sizeof *connection);
    connection->of = all;
    connection->serial = ++all->serials;
    connection->is_trusted = all->is_pipe;
    plim__draft_init(&connection->in, all->cli->allocator);
    plim__draft_init(&connection->out, all->cli->allocator);
    plim__draft_init(&connection->writing, all->cli->allocator);
    if (all->is_pipe)
        (void)uv_pipe_init(&all->loop, &connection->handle.pipe, 0);
    else
        (void)uv_tcp_init(&all->loop, &connection->handle.tcp);
    connection->handle.stream.data = connection;
    connection->is_used = true;
    if (uv_accept(listener, &connection->handle.stream) != 0 ||
        uv_read_start(&connection->handle.stream, connection_room, connection_read) != 0)
        connection_close(connection);
}

static void server_wake(uv_async_t *async)
{
    server *all = async->data;
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (all->connections[i].is_used)
            connection_flush(&all->connections[i]);
    }
    server_reap(all);
}

/* A stop was asked for: everybody is sent away, then the loop has nothing left. */
static void server_stop_tick(uv_timer_t *timer)
{
    server *all = timer->data;
    bool busy = false;
    /* An interrupt that met an entry before it ran is lost, and nobody waits for what it brings. */
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++) {
        if (all->sessions[i].is_used && all->sessions[i].ends)
            server_end_session(&all->sessions[i]);
    }
    if (plim_interrupt_count(&all->cli->interrupt) == 0 && !all->is_stopping)
        return;
    if (!all->is_stopping) {
        all->is_stopping = true;
        uv_close((uv_handle_t *)&all->listener.stream, NULL);
        for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
            if (all->connections[i].is_used)
                connection_close(&all->connections[i]);
        }
    }
    server_reap(all);
    for (size_t i = 0; i < SERVER_SESSIONS_MAX; i++)
        busy = busy || all->sessions[i].is_used;
    if (busy)
        return;
    uv_close((uv_handle_t *)&all->wakes, NULL);
    uv_close((uv_handle_t *)timer, NULL);
}

/* --- listening ------------------------------------------------------------------------------- */

static plim_status server_bind_failed(const char *where, int result, plim_error *err)
{
    plim_status status = result == UV_EADDRINUSE ? PLIM_ERR_EXISTS
                         : result == UV_EACCES   ? PLIM_ERR_ACCESS
                                                 : PLIM_ERR_IO;
    return plim_error_set(err, status, "cannot listen at %s: %s", where, uv_strerror(result));
}

static plim_status server_listen_pipe(server *all, const char *where, plim_error *err)
{
    all->path = where + strlen("unix:");
    all->is_pipe = true;
    (void)uv_pipe_init(&all->loop, &all->listener.pipe, 0);
    mode_t before = umask(0177); /* the socket is the user's alone */
    int result = uv_pipe_bind(&all->listener.pipe, all->path);
    (void)umask(before);
    if (result != 0)
        all->path = NULL; /* somebody else's */
    (void)snprintf(all->address, sizeof all->address, "%s", where);
    return result == 0 ? PLIM_OK : server_bind_failed(where, result, err);
}

static plim_status server_listen_tcp(server *all, const char *where, plim_error *err)
{
    struct sockaddr_storage address = {0};
    char host[64];
    const char *colon = strrchr(where, ':');
    char *end = NULL;
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    size_t length = colon == NULL ? 0 : (size_t)(colon - where);
    (void)uv_tcp_init(&all->loop, &all->listener.tcp);
    if (colon == NULL || end == colon + 1 || *end != '\0' || port > 65535 ||
        length >= sizeof host) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" is no address to listen at", where);
        plim_error_hint(err, "unix:/path or 127.0.0.1:PORT");
        return status;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)length, where);
    int result = UV_EINVAL;
    if (length == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0)
        result = uv_ip4_addr("127.0.0.1", (int)port, (struct sockaddr_in *)&address);
    else if (strcmp(host, "[::1]") == 0)
        result = uv_ip6_addr("::1", (int)port, (struct sockaddr_in6 *)&address);
    else
        return plim_error_set(err, PLIM_ERR_REFUSED,
                              "\"%s\" is not this machine's own address: whoever connects can run "
                              "code",
                              host);
    if (result == 0)
        result = uv_tcp_bind(&all->listener.tcp, (const struct sockaddr *)&address, 0);
    return result == 0 ? plim__random_uuid(all->token, err)
                       : server_bind_failed(where, result, err);
}

static void server_tell(server *all)
{
    struct sockaddr_storage address = {0};
    int bytes = sizeof address;
    plim__cli *cli = all->cli;
    if (!all->is_pipe &&
        uv_tcp_getsockname(&all->listener.tcp, (struct sockaddr *)&address, &bytes) == 0) {
        bool is_six = address.ss_family == AF_INET6;
        struct sockaddr_in four;
        memcpy(&four, &address, sizeof four); /* the port stands at the same place in both */
        (void)snprintf(all->address, sizeof all->address, "%s:%u", is_six ? "[::1]" : "127.0.0.1",
                       (unsigned)ntohs(four.sin_port));
    }
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "repl.listen");
        plim__emit_string(&cli->emit, "address", all->address);
        plim__emit_string(&cli->emit, "token", all->token);
        plim__emit_finish(&cli->emit);
    } else {
        plim__out_printf(&cli->out, "C sessions at %s, until Ctrl-C\n", all->address);
        if (all->token[0] != '\0')
            plim__out_printf(&cli->out, "token: %s\n", all->token);
    }
    plim__out_flush(&cli->out);
}

static plim_status server_bind(server *all, const char *where, plim_error *err)
{
    bool is_pipe = strncmp(where, "unix:", 5) == 0;
    plim_status status =
        is_pipe ? server_listen_pipe(all, where, err) : server_listen_tcp(all, where, err);
    all->listener.stream.data = all;
    if (status == PLIM_OK) {
        int result = uv_listen(&all->listener.stream, SERVER_BACKLOG, server_accept);
        if (result != 0)
            status = server_bind_failed(where, result, err);
    }
    return status;
}

plim_status plim__repl_listen(plim__cli *cli, const char *where, const plim_repl_options *options,
                              plim_error *err)
{
    server *all = cli->allocator->resize(cli->allocator->ctx, NULL, 0, sizeof *all);
    if (all == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to listen");
    memset(all, 0, sizeof *all);
    all->cli = cli;
    all->options = *options;
    if (uv_loop_init(&all->loop) != 0 || uv_mutex_init(&all->lock) != 0) {
        (void)cli->allocator->resize(cli->allocator->ctx, all, sizeof *all, 0);
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to listen");
    }
    (void)uv_async_init(&all->loop, &all->wakes, server_wake);
    (void)uv_timer_init(&all->loop, &all->tick);
    all->wakes.data = all;
    all->tick.data = all;
    plim_status status = server_bind(all, where, err);
    all->is_stopping = false;
    if (status == PLIM_OK)
        server_tell(all);
    else
        plim_interrupt_raise(&cli->interrupt); /* so that the first tick closes everything */
    (void)uv_timer_start(&all->tick, server_stop_tick, 0, SERVER_TICK_MS);
    (void)uv_run(&all->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&all->loop);
    uv_mutex_destroy(&all->lock);
    if (all->path != NULL)
        plim__path_remove(all->path);
    (void)cli->allocator->resize(cli->allocator->ctx, all, sizeof *all, 0);
    return status;
}
