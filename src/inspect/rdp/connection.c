/* SPDX-License-Identifier: MIT */
/*
 * Requests wait in one list, in the order they were sent; a packet that is a reply goes to the
 * first one of its actor that is not done. A request that was given up stays in the list until its
 * reply has come, as the next one's would be taken for it.
 * Invariants: R1 of the requests of one actor those that are done and still listed are none: done
 * ones are taken off. R2 a request is owned by its caller, or, once dropped, by the list. R3 no
 * callback of the wire frees what a caller owns.
 */
#include "inspect/rdp/connection.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/error_repeat.h"
#include "inspect/wire/tcp.h"

enum {
    PLIM__RDP_MAGIC = 0x4d900001,
    PLIM__RDP_REQUEST_MAGIC = 0x4d900002,
    RDP_TYPE_BYTES = 64,
    RDP_RETIRED_MAX = 32, /* pages left behind that may still have something to say */
    RDP_PLACE_BYTES = 300
};

struct plim__rdp_request {
    uint32_t magic;
    plim__rdp *rdp;
    plim__rdp_request *next;
    bool done;
    bool dropped;
    json_t *reply;
    plim_status failure; /* of one that is done without a reply */
    const char *reply_type;
    bool wants_bulk;
    const plim__rdp_stream *stream; /* NULL once dropped */
    char actor[PLIM__RDP_ACTOR_BYTES];
    char type[RDP_TYPE_BYTES];
};

struct plim__rdp {
    uint32_t magic;
    plim__loop *loop;
    const plim_allocator *allocator;
    plim__tcp *tcp;
    plim__rdp_packets packets;
    plim_error why; /* status PLIM_OK while open */
    bool greeted;
    bool wake; /* greeted, or the end */
    uint64_t received_bytes;
    plim__rdp_request *first; /* not done */
    uint32_t request_count;
    plim__rdp_request *bulk_of; /* whose bulk is passing; NULL: nobody's */
    plim__rdp_handler handler;
    void *handler_ctx;
    char retired[RDP_RETIRED_MAX][PLIM__RDP_ACTOR_BYTES];
    uint32_t retired_count; /* ever */
    char place[RDP_PLACE_BYTES];
};

/* ---- the list of requests ------------------------------------------------------------------ */

static void rdp_free_request(plim__rdp_request *request)
{
    const plim_allocator *allocator = request->rdp->allocator;
    json_decref(request->reply);
    request->magic = 0;
    plim__array_free(allocator, request, 1, sizeof *request);
}

static void rdp_unlist(plim__rdp *rdp, const plim__rdp_request *request)
{
    plim__rdp_request **link = &rdp->first;
    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    rdp->request_count--;
    if (rdp->bulk_of == request)
        rdp->bulk_of = NULL;
}

/* The request is done, with a reply or, if that is NULL, never to have one. */
static void rdp_settle(plim__rdp *rdp, plim__rdp_request *request, json_t *reply,
                       plim_status failure)
{
    rdp_unlist(rdp, request);
    if (request->dropped) {
        rdp_free_request(request);
        return;
    }
    request->reply = reply != NULL ? json_incref(reply) : NULL;
    request->failure = failure;
    request->done = true;
}

static plim__rdp_request *rdp_first_of(const plim__rdp *rdp, const char *actor)
{
    plim__rdp_request *request = rdp->first;
    while (request != NULL && strcmp(request->actor, actor) != 0)
        request = request->next;
    return request;
}

/* Fails what waits for actors whose names begin so. */
static void rdp_fail_all(plim__rdp *rdp, const char *prefix, plim_status failure)
{
    plim__rdp_request *next;
    for (plim__rdp_request *request = rdp->first; request != NULL; request = next) {
        next = request->next;
        if (strncmp(request->actor, prefix, strlen(prefix)) == 0)
            rdp_settle(rdp, request, NULL, failure);
    }
}

static bool rdp_is_retired(const plim__rdp *rdp, const char *actor)
{
    uint32_t count = rdp->retired_count < RDP_RETIRED_MAX ? rdp->retired_count : RDP_RETIRED_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(rdp->retired[i], actor) == 0)
            return true;
    return false;
}

void plim__rdp_retire(plim__rdp *rdp, const char *actor)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    if (actor[0] == '\0' || rdp_is_retired(rdp, actor))
        return;
    char *row = rdp->retired[rdp->retired_count++ % RDP_RETIRED_MAX];
    (void)snprintf(row, PLIM__RDP_ACTOR_BYTES, "%s", actor);
    plim__rdp_request *request;
    while ((request = rdp_first_of(rdp, actor)) != NULL)
        rdp_settle(rdp, request, NULL, PLIM_ERR_GONE);
}

/* ---- in ------------------------------------------------------------------------------------ */

static plim_status rdp_out_of_step(plim_error *err, const char *actor, const char *what)
{
    plim_status status = plim_error_set(
        err, PLIM_ERR_PROTOCOL, "out of step with Firefox: %s of %.100s that nothing asked for",
        what, actor);
    plim_error_hint(err, "connect anew: the command can be repeated");
    return status;
}

/* Lone halves of surrogate pairs become U+FFFD: a page's title may have them, and jansson refuses
 * a document for one. Of the same length, so in place. */
static void rdp_mend_surrogates(char *text, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    unsigned high_at = 0; /* index of the digits of a high half that waits for its low one, or 0 */
    size_t at = 0;
    while (at + 1 < len) {
        if (text[at] != '\\') {
            high_at = 0;
            at++;
            continue;
        }
        unsigned unit = 0;
        bool is_unit = text[at + 1] == 'u' && at + 6 <= len;
        for (size_t i = 2; i < 6 && is_unit; i++) {
            char letter = text[at + i];
            const char *digit = memchr(
                digits, letter >= 'A' && letter <= 'F' ? letter | 32 : letter, sizeof digits - 1);
            is_unit = digit != NULL;
            unit = digit != NULL ? unit * 16 + (unsigned)(digit - digits) : 0;
        }
        if (!is_unit) {
            high_at = 0;
            at += 2;
            continue;
        }
        bool is_low = unit >= 0xdc00 && unit < 0xe000;
        if (is_low && high_at == 0)
            memcpy(text + at + 2, "fffd", 4);
        bool is_high = unit >= 0xd800 && unit < 0xdc00;
        bool is_paired = is_high && at + 12 <= len && text[at + 6] == '\\' && text[at + 7] == 'u' &&
                         (text[at + 8] | 32) == 'd' && strchr("cdefCDEF", text[at + 9]) != NULL;
        if (is_high && !is_paired)
            memcpy(text + at + 2, "fffd", 4);
        high_at = is_paired ? 1 : 0;
        at += 6;
    }
}

/* What Firefox says of itself, not of a page. */
static void rdp_take_root_event(plim__rdp *rdp, const char *type, const json_t *packet)
{
    const char *prefix = json_string_value(json_object_get(packet, "prefix"));
    char with_stroke[PLIM__RDP_ACTOR_BYTES];
    if (strcmp(type, "forwardingCancelled") != 0 || prefix == NULL ||
        snprintf(with_stroke, sizeof with_stroke, "%s/", prefix) >= (int)sizeof with_stroke)
        return;
    rdp_fail_all(rdp, with_stroke, PLIM_ERR_GONE);
}

static plim_status rdp_take_packet(plim__rdp *rdp, json_t *packet, plim_error *err)
{
    const char *actor = json_string_value(json_object_get(packet, "from"));
    const char *type = json_string_value(json_object_get(packet, "type"));
    bool is_error = json_object_get(packet, "error") != NULL;
    if (actor == NULL)
        return rdp_out_of_step(err, "nobody", "a packet");
    if (!rdp->greeted) {
        if (strcmp(actor, "root") != 0 ||
            !json_is_string(json_object_get(packet, "applicationType")))
            return plim_error_set(err, PLIM_ERR_PROTOCOL, "it does not greet as Firefox does");
        rdp->greeted = rdp->wake = true;
        return PLIM_OK;
    }
    plim__rdp_request *request = rdp_first_of(rdp, actor);
    const char *expected = request != NULL ? request->reply_type : NULL;
    bool is_reply = is_error || type == NULL || (expected != NULL && strcmp(expected, type) == 0);
    if (is_reply && request != NULL) {
        /* A reply of the wrong kind is still the reply: finish() says so. */
        rdp_settle(rdp, request, packet, PLIM_OK);
        return PLIM_OK;
    }
    if (is_reply)
        return rdp_is_retired(rdp, actor) ? PLIM_OK : rdp_out_of_step(err, actor, "a reply");
    if (strcmp(actor, "root") == 0)
        rdp_take_root_event(rdp, type, packet);
    return rdp->handler != NULL ? rdp->handler(rdp->handler_ctx, actor, type, packet, err)
                                : PLIM_OK;
}

static plim_status rdp_on_json(void *ctx, char *text, size_t len, plim_error *err)
{
    json_error_t why;
    rdp_mend_surrogates(text, len);
    json_t *packet = json_loadb(text, len, JSON_ALLOW_NUL, &why);
    if (!json_is_object(packet)) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_PROTOCOL, "a packet of Firefox cannot be read: %s",
                           packet == NULL ? why.text : "it is no object");
        json_decref(packet);
        return status;
    }
    plim_status status = rdp_take_packet(ctx, packet, err);
    json_decref(packet);
    return status;
}

static plim_status rdp_on_bulk(void *ctx, const char *actor, uint64_t len, plim_error *err)
{
    plim__rdp *rdp = ctx;
    plim__rdp_request *request = rdp_first_of(rdp, actor);
    if (request == NULL && rdp_is_retired(rdp, actor))
        return PLIM_OK;
    if (request == NULL || !request->wants_bulk)
        return rdp_out_of_step(err, actor, "a bulk packet");
    rdp->bulk_of = request;
    return request->stream != NULL ? request->stream->begin(request->stream->ctx, len, err)
                                   : PLIM_OK;
}

static plim_status rdp_on_bulk_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    const plim__rdp *rdp = ctx;
    const plim__rdp_stream *stream = rdp->bulk_of != NULL ? rdp->bulk_of->stream : NULL;
    return stream != NULL ? stream->write(stream->ctx, data, len, err) : PLIM_OK;
}

static plim_status rdp_on_bulk_end(void *ctx, plim_error *err)
{
    plim__rdp *rdp = ctx;
    if (rdp->bulk_of == NULL)
        return PLIM_OK;
    json_t *empty = json_object();
    if (empty == NULL)
        return plim__no_memory(err, "a reply");
    rdp_settle(rdp, rdp->bulk_of, empty, PLIM_OK);
    json_decref(empty);
    return PLIM_OK;
}

static void rdp_end(plim__rdp *rdp, const plim_error *why)
{
    if (rdp->why.status != PLIM_OK)
        return;
    rdp->why = *why;
    if (rdp->why.where[0] == '\0')
        plim_error_where(&rdp->why, "%s", rdp->place);
    rdp->wake = true;
    rdp_fail_all(rdp, "", why->status);
}

static void rdp_on_data(void *ctx, const char *data, size_t len)
{
    plim__rdp *rdp = ctx;
    rdp->received_bytes += len;
    if (rdp->why.status != PLIM_OK)
        return;
    plim_error why = {0};
    plim_status status = plim__rdp_packets_feed(&rdp->packets, data, len, &why);
    if (status == PLIM_OK)
        return;
    if (why.status == PLIM_OK)
        (void)plim_error_set(&why, status, "%s", plim_status_text(status));
    rdp_end(rdp, &why);
}

static void rdp_on_end(void *ctx, int uv_error)
{
    plim__rdp *rdp = ctx;
    plim_error why = {0};
    bool is_cut = !plim__rdp_packets_is_between(&rdp->packets);
    (void)uv_error;
    (void)plim_error_set(&why, rdp->greeted ? PLIM_ERR_GONE : PLIM_ERR_PROTOCOL,
                         rdp->greeted ? is_cut ? "Firefox closed the connection in the middle of a "
                                                 "packet"
                                               : "Firefox closed the connection"
                                      : "it closed the connection without a greeting");
    rdp_end(rdp, &why);
}

/* ---- open and close ------------------------------------------------------------------------ */

static plim_status rdp_open(plim__rdp *rdp, const plim__rdp_place *place, uint64_t timeout_ns,
                            plim_error *err)
{
    const plim__tcp_events events = {rdp, rdp_on_data, rdp_on_end};
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    plim_status status;
    if (place->path != NULL)
        status = plim__tcp_connect_path(rdp->loop, rdp->allocator, place->path, deadline_ns, events,
                                        &rdp->tcp, err);
    else
        status = plim__tcp_connect(rdp->loop, rdp->allocator, place->host, place->port, deadline_ns,
                                   events, &rdp->tcp, err);
    if (status != PLIM_OK)
        return status;
    status = plim__loop_wait(rdp->loop, &rdp->wake, deadline_ns);
    if (rdp->why.status != PLIM_OK)
        return plim__error_repeat(err, &rdp->why);
    if (status == PLIM_ERR_TIMEOUT)
        status = plim_error_set(err, status, "nothing came: Firefox's debugger greets first");
    else if (status != PLIM_OK)
        status = plim_error_set(err, status, "interrupted while connecting");
    if (status != PLIM_OK)
        plim_error_where(err, "%s", rdp->place);
    return status;
}

plim_status plim__rdp_connect(plim__loop *loop, const plim_allocator *allocator,
                              const plim__rdp_place *place, uint64_t timeout_ns,
                              plim__rdp **out_rdp, plim_error *err)
{
    PLIM_CHECK(place != NULL && out_rdp != NULL);
    plim__rdp *rdp = plim__array_new_zero(allocator, 1, sizeof *rdp);
    if (rdp == NULL)
        return plim__no_memory(err, "a connection");
    rdp->magic = PLIM__RDP_MAGIC;
    rdp->loop = loop;
    rdp->allocator = allocator;
    rdp->packets.allocator = allocator;
    rdp->packets.events =
        (plim__rdp_packet_events){rdp, rdp_on_json, rdp_on_bulk, rdp_on_bulk_data, rdp_on_bulk_end};
    if (place->path != NULL)
        (void)snprintf(rdp->place, sizeof rdp->place, "unix:%s", place->path);
    else
        (void)snprintf(rdp->place, sizeof rdp->place, "%s:%u", place->host, (unsigned)place->port);
    plim_status status = rdp_open(rdp, place, timeout_ns, err);
    if (status != PLIM_OK) {
        plim__rdp_disconnect(&rdp);
        return status;
    }
    *out_rdp = rdp;
    return PLIM_OK;
}

void plim__rdp_disconnect(plim__rdp **rdp_ptr)
{
    if (rdp_ptr == NULL || *rdp_ptr == NULL)
        return;
    plim__rdp *rdp = *rdp_ptr;
    *rdp_ptr = NULL;
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    plim__tcp_destroy(&rdp->tcp);
    rdp_fail_all(rdp, "", PLIM_ERR_GONE);
    plim__rdp_packets_fini(&rdp->packets);
    rdp->magic = 0;
    plim__array_free(rdp->allocator, rdp, 1, sizeof *rdp);
}

plim_status plim__rdp_status(const plim__rdp *rdp, plim_error *err)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    return rdp->why.status == PLIM_OK ? PLIM_OK : plim__error_repeat(err, &rdp->why);
}

void plim__rdp_on_event(plim__rdp *rdp, plim__rdp_handler handler, void *ctx)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    rdp->handler = handler;
    rdp->handler_ctx = ctx;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* LEN:{"to":…,"type":…,…} */
static plim_status rdp_send(plim__rdp *rdp, const plim__rdp_ask *ask, plim_error *err)
{
    json_t *packet = json_pack("{s:s,s:s}", "to", ask->actor, "type", ask->type);
    char header[32];
    if (packet == NULL || (ask->members != NULL && json_object_update(packet, ask->members) != 0)) {
        json_decref(packet);
        return plim__no_memory(err, "a request");
    }
    size_t len = json_dumpb(packet, NULL, 0, JSON_COMPACT);
    size_t header_len = (size_t)snprintf(header, sizeof header, "%zu:", len);
    char *text = plim__array_new(rdp->allocator, header_len + len, 1);
    plim_status status;
    if (text == NULL) {
        status = plim__no_memory(err, "a request");
    } else {
        memcpy(text, header, header_len);
        (void)json_dumpb(packet, text + header_len, len, JSON_COMPACT);
        status = plim__tcp_write(rdp->tcp, text, header_len + len, err);
    }
    plim__array_free(rdp->allocator, text, header_len + len, 1);
    json_decref(packet);
    return status;
}

static plim_status rdp_list(plim__rdp *rdp, const plim__rdp_ask *ask,
                            plim__rdp_request **out_request, plim_error *err)
{
    if (rdp->request_count >= PLIM_CALLS_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%u requests wait for an answer already",
                              PLIM_CALLS_MAX);
    if (rdp_is_retired(rdp, ask->actor))
        return plim_error_set(err, PLIM_ERR_GONE, "the page or process has gone");
    PLIM_CHECK(strlen(ask->actor) < PLIM__RDP_ACTOR_BYTES && strlen(ask->type) < RDP_TYPE_BYTES);
    plim__rdp_request *request = plim__array_new_zero(rdp->allocator, 1, sizeof *request);
    if (request == NULL)
        return plim__no_memory(err, "a request");
    *request = (plim__rdp_request){.magic = PLIM__RDP_REQUEST_MAGIC,
                                   .rdp = rdp,
                                   .reply_type = ask->reply_type,
                                   .wants_bulk = ask->stream != NULL,
                                   .stream = ask->stream};
    memcpy(request->actor, ask->actor, strlen(ask->actor) + 1);
    memcpy(request->type, ask->type, strlen(ask->type) + 1);
    plim__rdp_request **link = &rdp->first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = request;
    rdp->request_count++;
    *out_request = request;
    return PLIM_OK;
}

plim_status plim__rdp_begin(plim__rdp *rdp, const plim__rdp_ask *ask,
                            plim__rdp_request **out_request, plim_error *err)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    plim__rdp_request *request = NULL;
    plim_status status = plim__rdp_status(rdp, err);
    if (status == PLIM_OK)
        status = rdp_list(rdp, ask, &request, err);
    if (status == PLIM_OK)
        status = rdp_send(rdp, ask, err);
    if (status != PLIM_OK && request != NULL) {
        rdp_unlist(rdp, request);
        rdp_free_request(request);
    }
    json_decref(ask->members);
    if (status == PLIM_OK)
        *out_request = request;
    return status;
}

const bool *plim__rdp_done(const plim__rdp_request *request)
{
    PLIM_CHECK_OBJ(request, PLIM__RDP_REQUEST_MAGIC);
    return &request->done;
}

/* An error reply in the words that the contract has. Stacks stand behind the first line. */
static plim_status rdp_refused(const plim__rdp_request *request, plim_error *err)
{
    const json_t *reply = request->reply;
    const char *error = json_string_value(json_object_get(reply, "error"));
    const char *text = json_string_value(json_object_get(reply, "message"));
    if (error == NULL)
        error = "an error";
    if (text == NULL)
        text = error;
    if (strcmp(error, "noSuchActor") == 0)
        return plim_error_set(err, PLIM_ERR_GONE, "%s: the page or process has gone",
                              request->type);
    plim_status status =
        strcmp(error, "unrecognizedPacketType") == 0 ? PLIM_ERR_UNSUPPORTED : PLIM_ERR_REFUSED;
    return plim_error_set(err, status, "%s: Firefox refused: %.*s", request->type,
                          (int)strcspn(text, "\n"), text);
}

plim_status plim__rdp_finish(plim__rdp_request **request_ptr, json_t **out_reply, plim_error *err)
{
    PLIM_CHECK(request_ptr != NULL && *request_ptr != NULL);
    plim__rdp_request *request = *request_ptr;
    *request_ptr = NULL;
    PLIM_CHECK_OBJ(request, PLIM__RDP_REQUEST_MAGIC);
    PLIM_CHECK(request->done);
    plim_status status = PLIM_OK;
    if (request->reply == NULL) {
        status = plim__rdp_status(request->rdp, err);
        if (status == PLIM_OK)
            status = plim_error_set(err, request->failure, "%s: the page or process has gone",
                                    request->type);
    } else if (json_object_get(request->reply, "error") != NULL) {
        status = rdp_refused(request, err);
    } else {
        const char *type = json_string_value(json_object_get(request->reply, "type"));
        if (request->reply_type != NULL && type == NULL)
            status = plim_error_set(err, PLIM_ERR_PROTOCOL, "%s: the reply is not \"%s\"",
                                    request->type, request->reply_type);
    }
    if (status == PLIM_OK && out_reply != NULL)
        *out_reply = json_incref(request->reply);
    rdp_free_request(request);
    return status;
}

void plim__rdp_drop(plim__rdp_request **request_ptr)
{
    if (request_ptr == NULL || *request_ptr == NULL)
        return;
    plim__rdp_request *request = *request_ptr;
    *request_ptr = NULL;
    PLIM_CHECK_OBJ(request, PLIM__RDP_REQUEST_MAGIC);
    request->stream = NULL;
    request->dropped = true;
    if (request->done)
        rdp_free_request(request);
}

plim_status plim__rdp_call(plim__rdp *rdp, const plim__rdp_ask *ask, uint64_t timeout_ns,
                           json_t **out_reply, plim_error *err)
{
    plim__rdp_request *request = NULL;
    plim_status status = plim__rdp_begin(rdp, ask, &request, err);
    if (status != PLIM_OK)
        return status;
    status = plim__loop_wait(rdp->loop, &request->done, plim__loop_deadline(timeout_ns));
    if (status == PLIM_OK)
        return plim__rdp_finish(&request, out_reply, err);
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%.3g", (double)timeout_ns / 1e9);
    if (status == PLIM_ERR_TIMEOUT)
        (void)plim_error_set(err, status, "%s: no answer within %s s", ask->type, seconds);
    else
        (void)plim_error_set(err, status, "%s was interrupted", ask->type);
    plim_error_where(err, "%s", rdp->place);
    plim__rdp_drop(&request);
    return status;
}

void plim__rdp_pause(plim__rdp *rdp)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    plim__tcp_pause(rdp->tcp);
}

void plim__rdp_resume(plim__rdp *rdp)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    plim__tcp_resume(rdp->tcp);
}

uint64_t plim__rdp_received_bytes(const plim__rdp *rdp)
{
    PLIM_CHECK_OBJ(rdp, PLIM__RDP_MAGIC);
    return rdp->received_bytes;
}
