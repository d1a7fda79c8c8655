/* SPDX-License-Identifier: MIT */
/*
 * What a client may send to our server, over a real socket. The first byte says how the rest is
 * meant: 'h' HTTP as it is; 'f' WebSocket frames as they are, after a good upgrade; 'j' requests,
 * one a line, each in a good frame. Claims: whatever comes, the server goes on, takes the next
 * client and answers it; the one before is put away; nothing is left of the memory (the cap's end
 * checks it). The heap behind it is small, and gives whatever a heap may give.
 */
#include <plimsoll/serve.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input.h"
#include "inspect/server/server.h"

enum { TURNS_MAX = 400, TURN_NS = 1000000, SENT_MAX = 60000 };

static plim_status heap_usage(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err)
{
    (void)ctx;
    (void)err;
    *out_used = *out_total = 1;
    return PLIM_OK;
}

static plim_status heap_snapshot(void *ctx, const plim_write_sample *samples, uint32_t count,
                                 plim_sink sink, plim_progress progress, plim_error *err)
{
    static const char text[] = "{\"snapshot\":\"\\u0000\xff\n\"}";
    (void)ctx;
    (void)samples;
    (void)count;
    (void)progress;
    return sink.write(sink.ctx, text, sizeof text - 1, err);
}

static plim_status heap_object(void *ctx, uint64_t id, plim_served_values out, plim_error *err)
{
    const plim_served_value self = {NULL, PLIM_SERVED_OBJECT, "thing\xff", id};
    const plim_served_value field = {"field", PLIM_SERVED_NUMBER, "1e400", 0};
    (void)ctx;
    (void)err;
    if (out.add(out.ctx, &self))
        (void)out.add(out.ctx, &field);
    return PLIM_OK;
}

static plim_status heap_sample_start(void *ctx, uint64_t interval_bytes, plim_error *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CLAIM(interval_bytes >= 1 && interval_bytes <= INT32_MAX);
    return PLIM_OK;
}

static plim_status heap_sample_read(void *ctx, bool ends, plim_served_profile *profile,
                                    plim_error *err)
{
    const plim_served_frame frame = {"f\xff", "x.c", 0, 7};
    (void)ctx;
    (void)ends;
    return plim_served_profile_add(profile, &frame, 1, 10, 1, err);
}

static plim_status heap_births(void *ctx, const uint64_t *bounds, uint32_t count,
                               plim_served_births *out_births, uint64_t *out_last_id,
                               plim_error *err)
{
    (void)ctx;
    (void)err;
    for (uint32_t i = 0; i < count; i++)
        out_births[i] = (plim_served_births){bounds[i], 1};
    *out_last_id = 9;
    return PLIM_OK;
}

static const char *heap_source(void *ctx, uint32_t index)
{
    (void)ctx;
    return index < 2 ? "x.c\xff" : NULL;
}

static plim_status heap_source_text(void *ctx, uint32_t index, plim_sink sink, plim_error *err)
{
    (void)ctx;
    FUZZ_CLAIM(index < 2); /* whatever number was asked for */
    return sink.write(sink.ctx, "int x;\n", 7, err);
}

static plim_status heap_evaluate(void *ctx, const char *expression, plim_served_values out,
                                 plim_error *err)
{
    const plim_served_value value = {NULL, PLIM_SERVED_TEXT, expression, 0};
    (void)ctx;
    (void)err;
    (void)out.add(out.ctx, &value);
    return PLIM_OK;
}

static plim_server *start(const plim_allocator *allocator)
{
    static const plim_served served = {.title = "fuzzed",
                                       .usage = heap_usage,
                                       .snapshot = heap_snapshot,
                                       .object = heap_object,
                                       .sample_start = heap_sample_start,
                                       .sample_read = heap_sample_read,
                                       .births = heap_births,
                                       .source = heap_source,
                                       .source_text = heap_source_text,
                                       .evaluate = heap_evaluate};
    const plim_server_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    plim_server *server = NULL;
    FUZZ_CLAIM(plim_server_create(&options, &server, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_server_add(server, &served, NULL) == PLIM_OK);
    return server;
}

static int connect_to(const plim_server *server)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const char *port = strrchr(plim_server_address(server), ':');
    place.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CLAIM(client >= 0);
    FUZZ_CLAIM(connect(client, (struct sockaddr *)&place, sizeof place) == 0);
    return client;
}

static void put(int client, const void *data, size_t length)
{
    /* Less than a socket's buffer; a server that has left us is not our fault. */
    (void)!send(client, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void put_upgrade(int client, const plim_server *server)
{
    char head[512];
    int length = snprintf(head, sizeof head,
                          "GET /%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n",
                          server->shown[0].id);
    put(client, head, (size_t)length);
}

/* A text in a frame, masked with zeros. */
static void put_request(int client, const unsigned char *text, size_t length)
{
    unsigned char head[8] = {0x81};
    size_t used = 2;
    head[1] = (unsigned char)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        head[2] = (unsigned char)(length >> 8);
        head[3] = (unsigned char)length;
        used = 4;
    }
    memset(head + used, 0, 4);
    put(client, head, used + 4);
    put(client, text, length);
}

static void put_input(int client, const plim_server *server, const unsigned char *data, size_t size)
{
    if (data[0] != 'h')
        put_upgrade(client, server);
    data++;
    size--;
    if (data[-1] != 'j') {
        put(client, data, size);
        return;
    }
    while (size > 0) {
        const unsigned char *end = memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);
        put_request(client, data, length);
        length += end != NULL;
        data += length;
        size -= length;
    }
}

static bool is_empty(const plim_server *server)
{
    for (uint32_t i = 0; i < PLIM_SERVER_CONNECTIONS_MAX; i++) {
        if (server->connections[i] != NULL)
            return false;
    }
    return !server->has_work;
}

/* Turns until nobody is left; a client that has gone is put away in some. */
static void run_out(plim_server *server)
{
    unsigned turn = 0;
    do {
        FUZZ_CLAIM(plim_server_run(server, TURN_NS, NULL) == PLIM_OK);
        FUZZ_CLAIM(turn++ < TURNS_MAX);
    } while (!is_empty(server));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char good[] = "GET /json/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[64] = {0};
    plim_cap *cap = NULL;
    if (size == 0 || size > SENT_MAX || plim_cap_create(NULL, 256u << 20, &cap) != PLIM_OK)
        return 0;
    plim_server *server = start(plim_cap_allocator(cap));
    int client = connect_to(server);
    put_input(client, server, data, size);
    FUZZ_CLAIM(plim_server_run(server, TURN_NS, NULL) == PLIM_OK);
    FUZZ_CLAIM(plim_server_run(server, TURN_NS, NULL) == PLIM_OK);
    (void)shutdown(client, SHUT_WR);
    run_out(server);
    (void)close(client);

    client = connect_to(server);
    put(client, good, sizeof good - 1);
    FUZZ_CLAIM(plim_server_run(server, TURN_NS, NULL) == PLIM_OK);
    run_out(server);
    FUZZ_CLAIM(recv(client, answer, sizeof answer - 1, MSG_DONTWAIT) > 0);
    FUZZ_CLAIM(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
    (void)close(client);
    plim_server_destroy(&server);
    plim_cap_destroy(&cap);
    return 0;
}
