/* SPDX-License-Identifier: MIT */
/*
 * The server itself: it listens, lets connections in, and answers what they have queued, one
 * request at a time and in turn. What is long is made on a thread of its own (job.c), and sent as
 * its client reads.
 *
 * Invariants: S1 answers are given between turns of the loop, never inside a callback. S2 a
 * connection that is over is put away before the next wait. S3 a full house leaves clients in the
 * system's queue; they are taken when a place is free.
 */
#include "inspect/server/server.h"

#include <plimsoll/serve.h>

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { SERVER_BACKLOG = 16 };

static const uint64_t SERVER_STALL_NS = 30000000000u;

typedef struct plim__listener {
    uv_tcp_t handle;
    bool is_open;
    bool is_closed;
    bool has_waiting; /* the house was full when a client came */
} plim__listener;

static void server_on_closed(uv_handle_t *handle)
{
    ((plim__listener *)(void *)handle)->is_closed = true;
}

static void server_on_client(uv_stream_t *stream, int code)
{
    plim_server *server = stream->data;
    if (code == 0)
        server->listener->has_waiting = true;
    server->has_work = true;
}

/* Lets in who waits, if there is room: libuv shows one at a time, and the next one after it. */
static void server_let_in(plim_server *server)
{
    if (server->listener->has_waiting && plim__connection_accept(server, &server->listener->handle))
        server->listener->has_waiting = false;
}

static plim_status server_listen(plim_server *server, const plim_server_options *options,
                                 plim_error *err)
{
    struct sockaddr_storage place;
    int size = sizeof place;
    uv_tcp_t *handle = &server->listener->handle;
    int code = options->ipv6
                   ? uv_ip6_addr("::1", options->port, (struct sockaddr_in6 *)&place)
                   : uv_ip4_addr("127.0.0.1", options->port, (struct sockaddr_in *)&place);
    PLIM_CHECK(code == 0);
    code = uv_tcp_init(plim__loop_uv(server->loop), handle);
    if (code == 0) {
        server->listener->is_open = true;
        handle->data = server;
        code = uv_tcp_bind(handle, (const struct sockaddr *)&place, 0);
    }
    if (code == 0)
        code = uv_listen((uv_stream_t *)handle, SERVER_BACKLOG, server_on_client);
    if (code == 0)
        code = uv_tcp_getsockname(handle, (struct sockaddr *)&place, &size);
    if (code == 0) {
        uint16_t port = ntohs(options->ipv6 ? ((struct sockaddr_in6 *)&place)->sin6_port
                                            : ((struct sockaddr_in *)&place)->sin_port);
        (void)snprintf(server->address, sizeof server->address, "%s:%u",
                       options->ipv6 ? "[::1]" : "127.0.0.1", (unsigned)port);
        return PLIM_OK;
    }
    plim_status status = code == UV_EADDRINUSE ? PLIM_ERR_EXISTS
                         : code == UV_EACCES   ? PLIM_ERR_ACCESS
                                               : PLIM_ERR_IO;
    (void)plim_error_set(err, status, "cannot listen on port %u: %s", (unsigned)options->port,
                         uv_strerror(code));
    plim_error_hint(err, "take another port, or 0 for any that is free");
    return status;
}

static void server_on_wake(void *ctx)
{
    ((plim_server *)ctx)->has_work = true;
}

plim_status plim_server_create(const plim_server_options *options, plim_server **out_server,
                               plim_error *err)
{
    static const plim_server_options defaults;
    PLIM_CHECK(out_server != NULL);
    if (options == NULL)
        options = &defaults;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_server *server = plim__array_new_zero(allocator, 1, sizeof *server);
    if (server == NULL)
        return plim__no_memory(err, "a server");
    server->magic = PLIM__SERVER_MAGIC;
    server->allocator = allocator;
    server->make_page = plim__page_make;
    server->stall_timeout_ns =
        options->stall_timeout_ns != 0 ? options->stall_timeout_ns : SERVER_STALL_NS;
    server->shown = plim__array_new_zero(allocator, PLIM_SERVED_MAX, sizeof *server->shown);
    server->listener = plim__array_new_zero(allocator, 1, sizeof *server->listener);
    server->ticker = plim__array_new_zero(allocator, 1, sizeof *server->ticker);
    bool is_whole = server->shown != NULL && server->listener != NULL && server->ticker != NULL;
    plim_status status = !is_whole ? plim__no_memory(err, "a server") : PLIM_OK;
    if (status == PLIM_OK)
        status = plim__loop_create(allocator, options->interrupt, &server->loop, err);
    if (status == PLIM_OK) {
        plim__loop_on_wake(server->loop, server_on_wake, server);
        (void)uv_timer_init(plim__loop_uv(server->loop), server->ticker); /* cannot fail */
        server->ticker->data = server;
        server->ticker_is_open = true;
        status = server_listen(server, options, err);
    }
    if (status == PLIM_OK)
        *out_server = server;
    else
        plim_server_destroy(&server);
    return status;
}

/* A random version-4 UUID; false if the system gives no randomness. */
static bool server_make_id(char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    static const char FORM[] = "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx";
    uint8_t bytes[sizeof FORM];
    if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0)
        return false;
    for (size_t i = 0; i < sizeof FORM; i++)
        out[i] = FORM[i] == 'x' ? DIGITS[bytes[i] & 15] : FORM[i];
    return true;
}

/* UTF-8 of a length that is shown; jansson knows what UTF-8 is. */
static bool server_text_is_good(const char *text)
{
    if (text == NULL || strlen(text) >= PLIM__SERVED_TITLE_BYTES)
        return false;
    json_t *probe = json_string(text);
    json_decref(probe);
    return probe != NULL;
}

plim_status plim_server_add(plim_server *server, const plim_served *served, plim_error *err)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    const char *url = served->url != NULL ? served->url : "";
    if (served->usage == NULL || served->snapshot == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "usage and snapshot are required");
    if (!server_text_is_good(served->title) || served->title[0] == '\0' ||
        !server_text_is_good(url))
        return plim_error_set(err, PLIM_ERR_USAGE, "a title has 1 to %d bytes of UTF-8",
                              PLIM__SERVED_TITLE_BYTES - 1);
    if (server->shown_count == PLIM_SERVED_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a server shows %d heaps at most",
                              PLIM_SERVED_MAX);
    plim__shown *shown = &server->shown[server->shown_count];
    if (!server_make_id(shown->id))
        return plim_error_set(err, PLIM_ERR_IO, "the system gives no random bytes");
    shown->served = *served;
    memcpy(shown->title, served->title, strlen(served->title) + 1);
    memcpy(shown->url, url, strlen(url) + 1);
    shown->served.title = shown->title;
    shown->served.url = shown->url;
    server->shown_count++;
    return PLIM_OK;
}

const char *plim_server_address(const plim_server *server)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    return server->address;
}

static void server_on_tick(uv_timer_t *timer)
{
    ((plim_server *)timer->data)->has_work = true;
}

/* The clock of recordings runs while there are any. */
static void server_tick(plim_server *server)
{
    bool wanted = plim__record_tick(server);
    if (wanted == server->ticker_runs)
        return;
    server->ticker_runs = wanted;
    uint64_t every_ms = PLIM_SERVER_TICK_NS / 1000000u;
    if (wanted)
        (void)uv_timer_start(server->ticker, server_on_tick, every_ms, every_ms);
    else
        (void)uv_timer_stop(server->ticker);
}

/* What a client has begun ends with it; its connection knows nothing of that. */
static void server_put_away(plim__connection **connection)
{
    plim__job_destroy(&plim__connection_visit(*connection)->job);
    plim__record_leave(*connection);
    plim__connection_destroy(connection);
}

/* One round: who is over goes, who waits comes in, each client gets one answer. */
static void server_round(plim_server *server)
{
    server->has_work = false;
    for (uint32_t i = 0; i < PLIM_SERVER_CONNECTIONS_MAX; i++) {
        plim__connection *connection = server->connections[i];
        if (connection == NULL)
            continue;
        json_t *request = plim__connection_next(connection);
        if (request != NULL) {
            plim__method_answer(server, connection, request);
            json_decref(request);
            server->has_work = true; /* it may have more */
        }
        plim__visit *visit = plim__connection_visit(connection);
        if (visit->job != NULL)
            plim__job_pump(&visit->job);
        if (plim__connection_is_over(connection))
            server_put_away(&server->connections[i]);
    }
    server_tick(server);
    server_let_in(server);
}

plim_status plim_server_run(plim_server *server, uint64_t duration_ns, plim_error *err)
{
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    uint64_t deadline = plim__loop_deadline(duration_ns);
    for (;;) {
        plim_status status = plim__loop_wait(server->loop, &server->has_work, deadline);
        if (status == PLIM_ERR_TIMEOUT)
            return PLIM_OK;
        if (status == PLIM_OK)
            server_round(server);
        if (status == PLIM_ERR_INTERRUPTED)
            return plim_error_set(err, status, "interrupted");
        if (status != PLIM_OK)
            return status;
    }
}

static void server_on_ticker_closed(uv_handle_t *handle)
{
    ((plim_server *)handle->data)->ticker_is_open = false;
}

void plim_server_destroy(plim_server **server_ptr)
{
    if (server_ptr == NULL || *server_ptr == NULL)
        return;
    plim_server *server = *server_ptr;
    PLIM_CHECK_OBJ(server, PLIM__SERVER_MAGIC);
    const plim_allocator *allocator = server->allocator;
    for (uint32_t i = 0; i < PLIM_SERVER_CONNECTIONS_MAX; i++) {
        if (server->connections[i] != NULL)
            server_put_away(&server->connections[i]);
    }
    if (server->ticker_is_open) {
        uv_close((uv_handle_t *)server->ticker, server_on_ticker_closed);
        while (server->ticker_is_open)
            (void)uv_run(plim__loop_uv(server->loop), UV_RUN_ONCE);
    }
    if (server->listener != NULL && server->listener->is_open) {
        uv_close((uv_handle_t *)&server->listener->handle, server_on_closed);
        while (!server->listener->is_closed)
            (void)uv_run(plim__loop_uv(server->loop), UV_RUN_ONCE);
    }
    plim__loop_destroy(&server->loop);
    plim__array_free(allocator, server->ticker, 1, sizeof *server->ticker);
    plim__array_free(allocator, server->listener, 1, sizeof *server->listener);
    plim__array_free(allocator, server->shown, PLIM_SERVED_MAX, sizeof *server->shown);
    server->magic = 0;
    plim__array_free(allocator, server, 1, sizeof *server);
    *server_ptr = NULL;
}
