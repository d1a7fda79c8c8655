/* SPDX-License-Identifier: MIT */
/*
 * Addresses are tried one after another: an inspector listens on one of 127.0.0.1 and ::1, and
 * which one `localhost` means differs by system. Literals and `localhost` never go to a resolver.
 * A socket that is a file is a stream as any other, once it is connected.
 * Invariants: T1 handle_open says whether `handle` is initialised and not yet closed. T2 no event
 * is given after `ended` or while `paused`.
 */
#include "inspect/wire/tcp.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "platform/scratch.h"

enum {
    PLIM__TCP_MAGIC = 0x7c900001,
    PLIM__TCP_READ_BYTES = 256 << 10, /* one recv(): the kernel's buffer is not much more */
    PLIM__TCP_ADDRESSES_MAX = 16,     /* more than any sane name has */
    PLIM__TCP_PATH_BYTES_MAX = 108    /* what the system takes, with the NUL */
};

struct plim__tcp {
    uint32_t magic;
    plim__loop *loop;
    const plim_allocator *allocator;
    plim__tcp_events events;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    bool handle_open;
    bool closed;
    bool connected; /* or failed to: connect_error says */
    int connect_error;
    bool paused;
    bool ended;
    bool resolved;
    int resolve_error;
    struct addrinfo *found;
    uint32_t address_count;
    struct sockaddr_storage addresses[PLIM__TCP_ADDRESSES_MAX];
    char buffer[PLIM__TCP_READ_BYTES];
};

/* A copy of what is being written, freed once it has gone. */
typedef struct tcp_write {
    uv_write_t request;
    plim__tcp *tcp;
    size_t bytes; /* of the whole block */
    char data[];
} tcp_write;

static void tcp_on_closed(uv_handle_t *handle)
{
    plim__tcp *tcp = handle->data;
    tcp->closed = true;
}

/* The loop is run by hand: closing takes one turn and must not be ended by an interrupt. */
static void tcp_close(plim__tcp *tcp)
{
    if (!tcp->handle_open)
        return;
    tcp->closed = false;
    uv_close(&tcp->handle.any, tcp_on_closed);
    while (!tcp->closed)
        (void)uv_run(plim__loop_uv(tcp->loop), UV_RUN_ONCE);
    tcp->handle_open = false;
}

static void tcp_end(plim__tcp *tcp, int uv_error)
{
    if (tcp->ended)
        return;
    tcp->ended = true;
    (void)uv_read_stop(&tcp->handle.stream);
    tcp->events.on_end(tcp->events.ctx, uv_error);
}

static void tcp_on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    (void)wanted;
    plim__tcp *tcp = handle->data;
    buf->base = tcp->buffer;
    buf->len = sizeof tcp->buffer;
}

static void tcp_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    plim__tcp *tcp = stream->data;
    if (got > 0 && !tcp->ended)
        tcp->events.on_data(tcp->events.ctx, buf->base, (size_t)got);
    else if (got < 0)
        tcp_end(tcp, (int)got);
}

static void tcp_on_connect(uv_connect_t *request, int code)
{
    plim__tcp *tcp = request->data;
    tcp->connected = true;
    tcp->connect_error = code;
}

static void tcp_on_resolved(uv_getaddrinfo_t *request, int code, struct addrinfo *found)
{
    plim__tcp *tcp = request->data;
    tcp->resolved = true;
    tcp->resolve_error = code;
    tcp->found = found;
}

static void tcp_add_address(plim__tcp *tcp, const struct sockaddr *address, size_t bytes)
{
    if (tcp->address_count == PLIM__TCP_ADDRESSES_MAX || bytes > sizeof tcp->addresses[0])
        return;
    memcpy(&tcp->addresses[tcp->address_count++], address, bytes);
}

/* True if the host needs no resolver. */
static bool tcp_literal(plim__tcp *tcp, const char *host, uint16_t port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    bool is_local = strcmp(host, "localhost") == 0;
    if (uv_ip4_addr(is_local ? "127.0.0.1" : host, port, &v4) == 0)
        tcp_add_address(tcp, (const struct sockaddr *)&v4, sizeof v4);
    if (uv_ip6_addr(is_local ? "::1" : host, port, &v6) == 0)
        tcp_add_address(tcp, (const struct sockaddr *)&v6, sizeof v6);
    return tcp->address_count > 0;
}

static plim_status tcp_resolve_failed(plim_error *err, plim_status status, const char *host,
                                      const char *why)
{
    status = plim_error_set(err, status, "cannot find the address of %s: %s", host, why);
    plim_error_hint(err, "write the address in numbers, as 127.0.0.1:9229");
    return status;
}

static plim_status tcp_resolve(plim__tcp *tcp, const char *host, uint16_t port,
                               uint64_t deadline_ns, plim_error *err)
{
    if (tcp_literal(tcp, host, port))
        return PLIM_OK;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    uv_getaddrinfo_t request = {.data = tcp};
    int code =
        uv_getaddrinfo(plim__loop_uv(tcp->loop), &request, tcp_on_resolved, host, service, &hints);
    if (code != 0)
        return tcp_resolve_failed(err, PLIM_ERR_UNREACHABLE, host, uv_strerror(code));
    plim_status status = plim__loop_wait(tcp->loop, &tcp->resolved, deadline_ns);
    if (status != PLIM_OK) {
        /* The request lies on this stack: a resolver that cannot be called off is waited for. */
        (void)uv_cancel((uv_req_t *)&request);
        while (!tcp->resolved)
            (void)uv_run(plim__loop_uv(tcp->loop), UV_RUN_ONCE);
    }
    for (struct addrinfo *one = tcp->found; status == PLIM_OK && one != NULL; one = one->ai_next)
        tcp_add_address(tcp, one->ai_addr, one->ai_addrlen);
    uv_freeaddrinfo(tcp->found);
    tcp->found = NULL;
    if (status != PLIM_OK)
        return tcp_resolve_failed(err, status, host, plim_status_text(status));
    if (tcp->resolve_error != 0 || tcp->address_count == 0)
        return tcp_resolve_failed(err, PLIM_ERR_UNREACHABLE, host,
                                  tcp->resolve_error != 0 ? uv_strerror(tcp->resolve_error)
                                                          : "the name has none");
    return PLIM_OK;
}

/* One address. A refusal is *out_code with PLIM_OK, so that the next one is tried. */
static plim_status tcp_try(plim__tcp *tcp, const struct sockaddr_storage *address,
                           uint64_t deadline_ns, int *out_code)
{
    uv_connect_t request = {.data = tcp};
    *out_code = uv_tcp_init(plim__loop_uv(tcp->loop), &tcp->handle.tcp);
    if (*out_code != 0)
        return PLIM_OK;
    tcp->handle.any.data = tcp;
    tcp->handle_open = true;
    tcp->connected = false;
    *out_code = uv_tcp_connect(&request, &tcp->handle.tcp, (const struct sockaddr *)address,
                               tcp_on_connect);
    if (*out_code == 0) {
        plim_status status = plim__loop_wait(tcp->loop, &tcp->connected, deadline_ns);
        if (status != PLIM_OK) {
            tcp_close(tcp); /* calls tcp_on_connect with UV_ECANCELED: request is done with */
            return status;
        }
        *out_code = tcp->connect_error;
    }
    if (*out_code != 0)
        tcp_close(tcp);
    return PLIM_OK;
}

static plim_status tcp_refused(plim_error *err, const char *host, uint16_t port, int code)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNREACHABLE, "cannot connect to %s:%u: %s",
                                        host, (unsigned)port, uv_strerror(code));
    plim_error_where(err, "%s:%u", host, (unsigned)port);
    plim_error_hint(
        err, "plim ps lists what can be inspected; start yours with its inspector open at %s:%u",
        host, (unsigned)port);
    return status;
}

static plim_status tcp_connect_any(plim__tcp *tcp, const char *host, uint16_t port,
                                   uint64_t deadline_ns, plim_error *err)
{
    int code = UV_ECONNREFUSED;
    for (uint32_t i = 0; i < tcp->address_count && !tcp->handle_open; i++) {
        int this_code;
        plim_status status = tcp_try(tcp, &tcp->addresses[i], deadline_ns, &this_code);
        if (status != PLIM_OK) {
            status = plim_error_set(err, status, "connecting to %s:%u: %s", host, (unsigned)port,
                                    plim_status_text(status));
            plim_error_where(err, "%s:%u", host, (unsigned)port);
            return status;
        }
        if (i == 0 || this_code == 0)
            code = this_code; /* the first address is the one that was meant */
    }
    if (!tcp->handle_open)
        return tcp_refused(err, host, port, code);
    (void)uv_tcp_nodelay(&tcp->handle.tcp, 1);
    code = uv_read_start(&tcp->handle.stream, tcp_on_alloc, tcp_on_read);
    return code == 0 ? PLIM_OK : tcp_refused(err, host, port, code);
}

static plim__tcp *tcp_new(plim__loop *loop, const plim_allocator *allocator,
                          plim__tcp_events events)
{
    PLIM_CHECK(events.on_data != NULL && events.on_end != NULL);
    plim__tcp *tcp = plim__array_new(allocator, 1, sizeof *tcp);
    if (tcp == NULL)
        return NULL;
    memset(tcp, 0, offsetof(plim__tcp, buffer));
    tcp->magic = PLIM__TCP_MAGIC;
    tcp->loop = loop;
    tcp->allocator = allocator;
    tcp->events = events;
    return tcp;
}

plim_status plim__tcp_connect(plim__loop *loop, const plim_allocator *allocator, const char *host,
                              uint16_t port, uint64_t deadline_ns, plim__tcp_events events,
                              plim__tcp **out_tcp, plim_error *err)
{
    PLIM_CHECK(host != NULL && out_tcp != NULL);
    if (host[0] == '/')
        return plim__tcp_connect_path(loop, allocator, host, deadline_ns, events, out_tcp, err);
    plim__tcp *tcp = tcp_new(loop, allocator, events);
    if (tcp == NULL)
        return plim__no_memory(err, "a connection");
    plim_status status = tcp_resolve(tcp, host, port, deadline_ns, err);
    if (status == PLIM_OK)
        status = tcp_connect_any(tcp, host, port, deadline_ns, err);
    if (status != PLIM_OK) {
        plim__tcp_destroy(&tcp);
        return status;
    }
    *out_tcp = tcp;
    return PLIM_OK;
}

static plim_status tcp_path_refused(plim_error *err, const char *path, int code)
{
    plim_status status = plim_error_set(err, PLIM_ERR_UNREACHABLE, "cannot connect to %s: %s", path,
                                        uv_strerror(code));
    plim_error_where(err, "unix:%s", path);
    return status;
}

static plim_status tcp_connect_path(plim__tcp *tcp, const char *path, uint64_t deadline_ns,
                                    plim_error *err)
{
    uv_connect_t request = {.data = tcp};
    int code = uv_pipe_init(plim__loop_uv(tcp->loop), &tcp->handle.pipe, 0);
    if (code != 0)
        return tcp_path_refused(err, path, code);
    tcp->handle.any.data = tcp;
    tcp->handle_open = true;
    uv_pipe_connect(&request, &tcp->handle.pipe, path, tcp_on_connect);
    plim_status status = plim__loop_wait(tcp->loop, &tcp->connected, deadline_ns);
    if (status != PLIM_OK) {
        tcp_close(tcp);
        return plim_error_set(err, status, "connecting to %s: %s", path, plim_status_text(status));
    }
    code = tcp->connect_error;
    if (code == 0)
        code = uv_read_start(&tcp->handle.stream, tcp_on_alloc, tcp_on_read);
    return code == 0 ? PLIM_OK : tcp_path_refused(err, path, code);
}

plim_status plim__tcp_connect_path(plim__loop *loop, const plim_allocator *allocator,
                                   const char *path, uint64_t deadline_ns, plim__tcp_events events,
                                   plim__tcp **out_tcp, plim_error *err)
{
    PLIM_CHECK(path != NULL && out_tcp != NULL);
    if (strlen(path) >= PLIM__TCP_PATH_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a socket's path has at most %d characters",
                              PLIM__TCP_PATH_BYTES_MAX - 1);
    plim__tcp *tcp = tcp_new(loop, allocator, events);
    if (tcp == NULL)
        return plim__no_memory(err, "a connection");
    plim_status status = tcp_connect_path(tcp, path, deadline_ns, err);
    if (status != PLIM_OK) {
        plim__tcp_destroy(&tcp);
        return status;
    }
    *out_tcp = tcp;
    return PLIM_OK;
}

static void tcp_on_written(uv_write_t *request, int code)
{
    tcp_write *write = request->data;
    plim__tcp *tcp = write->tcp;
    plim__array_free(tcp->allocator, write, 1, write->bytes);
    if (code != 0 && code != UV_ECANCELED)
        tcp_end(tcp, code);
}

/* libuv closes what it was given, on success. */
static int tcp_take(plim__tcp *tcp, int descriptor)
{
    int code = uv_pipe_init(plim__loop_uv(tcp->loop), &tcp->handle.pipe, 0);
    if (code != 0)
        return code;
    tcp->handle.any.data = tcp;
    tcp->handle_open = true;
    int copy = plim__descriptor_copy(descriptor);
    if (copy < 0)
        return UV_EBADF;
    code = uv_pipe_open(&tcp->handle.pipe, copy);
    if (code != 0)
        plim__descriptor_close(copy);
    return code == 0 ? uv_read_start(&tcp->handle.stream, tcp_on_alloc, tcp_on_read) : code;
}

plim_status plim__tcp_adopt(plim__loop *loop, const plim_allocator *allocator, int descriptor,
                            plim__tcp_events events, plim__tcp **out_tcp, plim_error *err)
{
    PLIM_CHECK(out_tcp != NULL);
    plim__tcp *tcp = tcp_new(loop, allocator, events);
    if (tcp == NULL)
        return plim__no_memory(err, "a connection");
    int code = tcp_take(tcp, descriptor);
    if (code != 0) {
        plim__tcp_destroy(&tcp);
        return plim_error_set(err, PLIM_ERR_USAGE, "descriptor %d is no socket of ours: %s",
                              descriptor, uv_strerror(code));
    }
    *out_tcp = tcp;
    return PLIM_OK;
}

plim_status plim__tcp_write(plim__tcp *tcp, const void *data, size_t len, plim_error *err)
{
    PLIM_CHECK_OBJ(tcp, PLIM__TCP_MAGIC);
    if (tcp->ended)
        return plim_error_set(err, PLIM_ERR_GONE, "the connection has ended");
    size_t bytes;
    if (!plim__add_size(sizeof(tcp_write), len, &bytes))
        return plim__no_memory(err, "a message");
    tcp_write *write = plim__array_new(tcp->allocator, 1, bytes);
    if (write == NULL)
        return plim__no_memory(err, "a message");
    *write = (tcp_write){.tcp = tcp, .bytes = bytes};
    write->request.data = write;
    memcpy(write->data, data, len);
    uv_buf_t buf = uv_buf_init(write->data, (unsigned)len);
    int code = uv_write(&write->request, &tcp->handle.stream, &buf, 1, tcp_on_written);
    if (code != 0) {
        plim__array_free(tcp->allocator, write, 1, bytes);
        return plim_error_set(err, PLIM_ERR_GONE, "cannot send: %s", uv_strerror(code));
    }
    return PLIM_OK;
}

void plim__tcp_pause(plim__tcp *tcp)
{
    PLIM_CHECK_OBJ(tcp, PLIM__TCP_MAGIC);
    tcp->paused = true;
    (void)uv_read_stop(&tcp->handle.stream);
}

void plim__tcp_resume(plim__tcp *tcp)
{
    PLIM_CHECK_OBJ(tcp, PLIM__TCP_MAGIC);
    if (!tcp->paused || tcp->ended)
        return;
    tcp->paused = false;
    int code = uv_read_start(&tcp->handle.stream, tcp_on_alloc, tcp_on_read);
    if (code != 0)
        tcp_end(tcp, code);
}

void plim__tcp_destroy(plim__tcp **tcp_ptr)
{
    if (tcp_ptr == NULL || *tcp_ptr == NULL)
        return;
    plim__tcp *tcp = *tcp_ptr;
    *tcp_ptr = NULL;
    PLIM_CHECK_OBJ(tcp, PLIM__TCP_MAGIC);
    tcp->ended = true; /* no event from here on */
    tcp_close(tcp);
    tcp->magic = 0;
    plim__array_free(tcp->allocator, tcp, 1, sizeof *tcp);
}
