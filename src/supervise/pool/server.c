/* SPDX-License-Identifier: MIT */
/*
 * Clients of a pool: each connection speaks the channel, and its requests join the pool's queue. A
 * client is trusted with nothing: it has a bounded number of requests open (then it is not read
 * until some are answered), a number it uses twice at once ends it, and if it does not take its
 * answers it is given up. What a client that has gone had asked for is cancelled.
 * Invariants: V1 an errand is in use exactly while its request is in the pool; open is how many
 * are. V2 a client's place is used again only once all it had asked for is answered: hanging up
 * cancels.
 */
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/stream_socket.h"
#include "supervise/pool/parts.h"

enum {
    SERVER_OPEN_MAX = 64,       /* requests of one client */
    SERVER_OUT_BYTES = 4 << 20, /* answers it does not take */
    SERVER_ACCEPTS_MAX = 16     /* in one turn */
};

static void server_told(plim_worker_pool *pool, const char *what, plim_status why)
{
    char text[128];
    plim__text words;
    plim__text_init(&words, text, sizeof text);
    plim__text_format(&words, "%s%s%s", what, why != PLIM_OK ? ": " : "",
                      why != PLIM_OK ? plim_status_text(why) : "");
    plim__pool_tell(pool, (plim_pool_event){.kind = PLIM_POOL_CLIENT, .status = why, .text = text});
}

plim_status plim__server_init(plim_worker_pool *pool, plim_error *err)
{
    uint32_t clients = pool->options.client_max;
    pool->clients = plim__array_new_zero(pool->allocator, clients, sizeof *pool->clients);
    pool->errands = plim__array_new_zero(pool->allocator, (size_t)clients * SERVER_OPEN_MAX,
                                         sizeof *pool->errands);
    if (pool->clients == NULL || pool->errands == NULL)
        return plim__no_memory(err, "a pool's clients");
    for (uint32_t i = 0; i < clients; i++)
        pool->clients[i].pool = pool;
    uv_poll_t *polls =
        plim__array_new_zero(pool->allocator, PLIM__POOL_LISTENERS_MAX, sizeof *polls);
    for (uint32_t i = 0; i < PLIM__POOL_LISTENERS_MAX; i++)
        pool->doors[i].poll = polls != NULL ? &polls[i] : NULL;
    if (polls == NULL)
        return plim__no_memory(err, "a pool's addresses");
    return PLIM_OK;
}

void plim__server_fini(plim_worker_pool *pool)
{
    plim__array_free(pool->allocator, pool->clients, pool->options.client_max,
                     sizeof *pool->clients);
    plim__array_free(pool->allocator, pool->errands,
                     (size_t)pool->options.client_max * SERVER_OPEN_MAX, sizeof *pool->errands);
    plim__array_free(pool->allocator, pool->doors[0].poll, PLIM__POOL_LISTENERS_MAX,
                     sizeof *pool->doors[0].poll);
    pool->clients = NULL;
    pool->errands = NULL;
}

/* The places for its requests. */
static plim__errand *server_errands(const plim__client *client)
{
    return &client->pool->errands[(size_t)(client - client->pool->clients) * SERVER_OPEN_MAX];
}

/* Ends a client, and what it had asked for. */
static void server_hang_up(plim__client *client, plim_status why)
{
    plim_worker_pool *pool = client->pool;
    plim__errand *errands = server_errands(client);
    if (client->link == NULL)
        return;
    plim__link_close(&client->link); /* answers of its requests find nobody */
    for (uint32_t i = 0; i < SERVER_OPEN_MAX; i++) {
        if (errands[i].request != 0)
            (void)plim_worker_pool_cancel(pool, errands[i].request);
    }
    server_told(pool, "a client has gone", why == PLIM_ERR_GONE ? PLIM_OK : why);
}

static void server_send(plim__client *client, const plim_message *message)
{
    plim_status status = plim__link_send(client->link, message);
    if (status == PLIM_ERR_LIMIT && message->kind == PLIM_MESSAGE_RESPONSE) {
        static const char text[] = "the answer is longer than this client takes";
        plim_message instead = {.kind = PLIM_MESSAGE_RESPONSE,
                                .id = message->id,
                                .status = PLIM_ERR_LIMIT,
                                .error = text,
                                .error_bytes = sizeof text - 1};
        status = plim__link_send(client->link, &instead);
    }
    if (status == PLIM_ERR_NO_SPACE || status == PLIM_ERR_LIMIT)
        server_hang_up(client, PLIM_ERR_NO_SPACE);
}

static void server_answered(void *ctx, const plim_pool_answer *answer)
{
    plim__errand *errand = ctx;
    plim__client *client = errand->client;
    plim_message message = {.kind = PLIM_MESSAGE_RESPONSE,
                            .id = errand->id,
                            .status = answer->status,
                            .error = answer->error,
                            .error_bytes = answer->error_bytes,
                            .body = answer->body,
                            .body_bytes = answer->body_bytes};
    errand->request = 0;
    client->open--;
    if (client->link == NULL)
        return;
    if (client->is_paused && client->open < SERVER_OPEN_MAX / 2) {
        client->is_paused = false;
        plim__link_pause(client->link, false);
    }
    server_send(client, &message);
}

/* The request of that number; NULL: there is none, and *out_free is a place for one. */
static plim__errand *server_errand(plim__client *client, uint64_t id, plim__errand **out_free)
{
    plim__errand *errands = server_errands(client);
    *out_free = NULL;
    for (uint32_t i = 0; i < SERVER_OPEN_MAX; i++) {
        if (errands[i].request == 0)
            *out_free = *out_free == NULL ? &errands[i] : *out_free;
        else if (errands[i].id == id)
            return &errands[i];
    }
    return NULL;
}

static void server_on_request(plim__client *client, const plim_message *message)
{
    plim_worker_pool *pool = client->pool;
    plim__errand *errand = NULL;
    if (server_errand(client, message->id, &errand) != NULL) {
        server_hang_up(client, PLIM_ERR_PROTOCOL);
        return;
    }
    plim_error err = {.status = PLIM_OK};
    plim_status status = errand == NULL ? PLIM_ERR_LIMIT : PLIM_OK;
    if (errand != NULL) {
        uint64_t timeout_ns = (uint64_t)message->deadline_ms * 1000000u;
        *errand = (plim__errand){.client = client, .id = message->id};
        status =
            plim_worker_pool_submit(pool, message->body, message->body_bytes, message->flags,
                                    timeout_ns, server_answered, errand, &errand->request, &err);
    }
    if (status == PLIM_OK) {
        if (++client->open >= SERVER_OPEN_MAX) {
            client->is_paused = true;
            plim__link_pause(client->link, true);
        }
        return;
    }
    plim_message refusal = {.kind = PLIM_MESSAGE_RESPONSE, .id = message->id, .status = status};
    refusal.error = err.what[0] != '\0' ? err.what : plim_status_text(status);
    refusal.error_bytes = (uint32_t)strlen(refusal.error);
    server_send(client, &refusal);
}

static void server_on_health(plim__client *client, const plim_message *message)
{
    plim_worker_pool *pool = client->pool;
    plim_message answer = {
        .kind = PLIM_MESSAGE_HEALTH_ANSWER, .id = message->id, .answered = pool->figures.answered};
    for (uint32_t i = 0; i < pool->seat_count; i++)
        answer.used_bytes += pool->seats[i].reported_bytes;
    server_send(client, &answer);
}

static void server_on_message(void *ctx, const plim_message *message)
{
    plim__client *client = ctx;
    plim__errand *unused;
    plim__errand *errand;
    switch (message->kind) {
    case PLIM_MESSAGE_REQUEST:
        server_on_request(client, message);
        break;
    case PLIM_MESSAGE_CANCEL:
        errand = server_errand(client, message->id, &unused);
        if (errand != NULL)
            (void)plim_worker_pool_cancel(client->pool, errand->request);
        break;
    case PLIM_MESSAGE_HEALTH:
        server_on_health(client, message);
        break;
    case PLIM_MESSAGE_LOG:
    case PLIM_MESSAGE_MEMORY:
    case PLIM_MESSAGE_LAST_WORDS:
    case PLIM_MESSAGE_HEALTH_ANSWER:
        break; /* nobody asked, and it does no harm */
    case PLIM_MESSAGE_HELLO:
    case PLIM_MESSAGE_RESPONSE:
    case PLIM_MESSAGE_DRAIN:
        server_hang_up(client, PLIM_ERR_PROTOCOL);
        break;
    }
}

static void server_on_greeted(void *ctx, const plim_message *peer)
{
    plim__client *client = ctx;
    (void)peer;
    server_told(client->pool, "a client has come", PLIM_OK);
}

static void server_on_end(void *ctx, plim_status why)
{
    server_hang_up(ctx, why);
}

static void server_take(plim_worker_pool *pool, int descriptor)
{
    plim__client *client = NULL;
    for (uint32_t i = 0; i < pool->options.client_max && client == NULL; i++)
        client = pool->clients[i].link == NULL ? &pool->clients[i] : NULL;
    plim__link_options options = {.payload_max = pool->options.payload_max,
                                  .out_max = SERVER_OUT_BYTES + pool->options.payload_max,
                                  .capabilities = PLIM_CHANNEL_CAN_CANCEL,
                                  .name = "plimsoll",
                                  .allocator = pool->allocator};
    options.events =
        (plim__link_events){client, server_on_greeted, server_on_message, server_on_end};
    plim_status status = client == NULL ? PLIM_ERR_LIMIT : PLIM_OK;
    if (client != NULL)
        status = plim__link_open(pool->loop, descriptor, &options, &client->link, NULL);
    if (status != PLIM_OK) {
        plim__socket_close(descriptor);
        server_told(pool, "a client was turned away", status);
        return;
    }
    client->is_paused = false;
}

static void server_on_door(uv_poll_t *poll, int status, int events)
{
    plim_worker_pool *pool = poll->data;
    (void)events;
    plim__pool_door *door = NULL;
    for (uint32_t i = 0; i < pool->door_count; i++)
        door = pool->doors[i].poll == poll ? &pool->doors[i] : door;
    for (int i = 0; i < SERVER_ACCEPTS_MAX && status == 0 && door != NULL; i++) {
        int descriptor = -1;
        if (plim__socket_accept(door->descriptor, &descriptor) != PLIM_OK)
            return;
        server_take(pool, descriptor);
    }
}

plim_status plim_worker_pool_listen(plim_worker_pool *pool, const char *address,
                                    bool is_remote_allowed, char *out_address, size_t cap,
                                    plim_error *err)
{
    PLIM_CHECK(pool != NULL && address != NULL && (out_address == NULL || cap > 0));
    if (pool->door_count == PLIM__POOL_LISTENERS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%u addresses are served already",
                              (unsigned)PLIM__POOL_LISTENERS_MAX);
    if (pool->is_stopping)
        return plim_error_set(err, PLIM_ERR_SEALED, "the pool is being stopped");
    plim__pool_door *door = &pool->doors[pool->door_count];
    plim_status status = plim__socket_listen(address, is_remote_allowed, &door->descriptor, err);
    if (status != PLIM_OK)
        return status;
    status = plim__socket_address(door->descriptor, door->address, sizeof door->address);
    if (status == PLIM_OK && uv_poll_init(pool->loop, door->poll, door->descriptor) != 0)
        status = PLIM_ERR_IO;
    if (status != PLIM_OK) {
        plim__socket_close(door->descriptor);
        plim__socket_unlink(address);
        return plim_error_set(err, status, "%s cannot be waited on", address);
    }
    door->poll->data = pool;
    (void)uv_poll_start(door->poll, UV_READABLE, server_on_door);
    pool->door_count++;
    if (out_address != NULL) {
        plim__text text;
        plim__text_init(&text, out_address, cap);
        plim__text_format(&text, "%s", door->address);
    }
    return PLIM_OK;
}

void plim__server_close(plim_worker_pool *pool)
{
    for (uint32_t i = 0; i < pool->door_count; i++) {
        plim__pool_door *door = &pool->doors[i];
        uv_close((uv_handle_t *)door->poll, NULL);
        plim__socket_unlink(door->address);
        plim__socket_close(door->descriptor);
    }
    pool->door_count = 0;
    for (uint32_t i = 0; pool->clients != NULL && i < pool->options.client_max; i++)
        plim__link_close(&pool->clients[i].link);
}
