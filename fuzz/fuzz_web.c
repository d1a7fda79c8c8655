/* SPDX-License-Identifier: MIT */
/*
 * What a port answers to our own HTTP and WebSocket clients. The first byte says how it is met:
 * 'h' as the answer to a GET, 'u' as the answer to an upgrade, else as what comes behind an upgrade
 * that was right. Claims: whatever it is, there is an answer, in time, as the other side ends; a
 * body ends with a NUL; what is given out is no more than what came; nothing is left of the memory.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input.h"
#include "inspect/wire/handshake.h"
#include "inspect/wire/http.h"
#include "inspect/wire/websocket.h"

enum { MEMORY_BYTES = 64 << 20, SIZE_MOST = 16 << 10, REQUEST_BYTES = 2048 };

static const uint64_t wait_ns = 20000000000u; /* more is a hang */

/* The other side, on a thread of its own: one connection, and gone. */
typedef struct port {
    int listener;
    bool answers_upgrade;
    const unsigned char *data;
    size_t size;
} port;

static void port_put(int socket, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the client has had enough */
        at += sent;
        size -= (size_t)sent;
    }
}

static void port_upgrade(int socket, const char *request)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char accept[PLIM__HANDSHAKE_ACCEPT_BYTES + 1], key[64], head[256];
    const char *at = strstr(request, field);
    FUZZ_CLAIM(at != NULL);
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(at + sizeof field - 1, "\r\n"),
                   at + sizeof field - 1);
    plim__handshake_accept(key, accept);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    port_put(socket, head, (size_t)length);
}

static void *port_run(void *arg)
{
    const port *me = arg;
    char request[REQUEST_BYTES] = "";
    size_t length = 0;
    int socket = accept(me->listener, NULL, NULL);
    FUZZ_CLAIM(socket >= 0);
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(socket, request + length, sizeof request - 1 - length, 0);
        FUZZ_CLAIM(got > 0);
        length += (size_t)got;
        request[length] = '\0';
    }
    if (me->answers_upgrade)
        port_upgrade(socket, request);
    port_put(socket, me->data, me->size);
    (void)shutdown(socket, SHUT_WR);
    while (recv(socket, request, sizeof request, 0) > 0)
        continue;
    (void)close(socket);
    return NULL;
}

static uint16_t port_open(int *out_listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *out_listener = socket(AF_INET, SOCK_STREAM, 0);
    FUZZ_CLAIM(*out_listener >= 0);
    FUZZ_CLAIM(bind(*out_listener, (struct sockaddr *)&address, length) == 0);
    FUZZ_CLAIM(listen(*out_listener, 1) == 0);
    FUZZ_CLAIM(getsockname(*out_listener, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

typedef struct seen {
    size_t bytes;
    size_t most; /* of what came */
    bool ended;
} seen;

static plim_status on_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    seen *all = ctx;
    (void)err;
    FUZZ_CLAIM(data != NULL && len > 0 && !all->ended && len <= all->most - all->bytes);
    all->bytes += len;
    return PLIM_OK;
}

static plim_status on_message_end(void *ctx, plim_error *err)
{
    (void)err;
    FUZZ_CLAIM(!((const seen *)ctx)->ended);
    return PLIM_OK;
}

static void on_end(void *ctx)
{
    seen *all = ctx;
    FUZZ_CLAIM(!all->ended);
    all->ended = true;
}

static void get(plim__loop *loop, uint16_t number, const plim_allocator *allocator, size_t size)
{
    plim__http_body body = {0};
    plim_error err = {0};
    plim_status status =
        plim__http_get(loop, "127.0.0.1", number, "/json/list", wait_ns, allocator, &body, &err);
    FUZZ_CLAIM(status != PLIM_ERR_TIMEOUT && status != PLIM_ERR_UNREACHABLE);
    FUZZ_CLAIM(status == err.status);
    if (status == PLIM_OK)
        FUZZ_CLAIM(body.code == 200 && body.len <= size && body.text[body.len] == '\0');
    plim__http_body_fini(&body);
}

static void upgrade(plim__loop *loop, uint16_t number, const plim_allocator *allocator, size_t size)
{
    seen all = {.most = size};
    plim__websocket *websocket = NULL;
    plim__websocket_events events = {&all, on_data, on_message_end, on_end};
    plim_error err = {0};
    plim_status status = plim__websocket_connect(loop, allocator, "127.0.0.1", number, "/x",
                                                 wait_ns, events, &websocket, &err);
    FUZZ_CLAIM(status != PLIM_ERR_TIMEOUT && status != PLIM_ERR_UNREACHABLE);
    FUZZ_CLAIM((status == PLIM_OK) == (websocket != NULL) && status == err.status);
    if (status == PLIM_OK) {
        FUZZ_CLAIM(plim__loop_wait(loop, &all.ended, plim__loop_deadline(wait_ns)) == PLIM_OK);
        FUZZ_CLAIM(plim__websocket_status(websocket, NULL) != PLIM_OK);
    }
    plim__websocket_destroy(&websocket);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    plim__loop *loop = NULL;
    pthread_t thread;
    if (size == 0 || size > SIZE_MOST || plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    port other = {
        .data = data + 1, .size = size - 1, .answers_upgrade = data[0] != 'h' && data[0] != 'u'};
    uint16_t number = port_open(&other.listener);
    FUZZ_CLAIM(plim__loop_create(allocator, NULL, &loop, NULL) == PLIM_OK);
    FUZZ_CLAIM(pthread_create(&thread, NULL, port_run, &other) == 0);
    if (data[0] == 'h')
        get(loop, number, allocator, other.size);
    else
        upgrade(loop, number, allocator, other.size);
    FUZZ_CLAIM(pthread_join(thread, NULL) == 0);
    plim__loop_destroy(&loop);
    (void)close(other.listener);
    plim_cap_destroy(&cap);
    return 0;
}
