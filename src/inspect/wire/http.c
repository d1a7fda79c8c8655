/* SPDX-License-Identifier: MIT */
/*
 * http_parser reads the reply; this file only says what to ask, how much to take, and in words
 * what went wrong when something that is no inspector has the port.
 */
#include "inspect/wire/http.h"

#include <ctype.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/wire/tcp.h"

enum { PLIM__HTTP_REQUEST_BYTES = 2048 };

typedef struct http_get {
    http_parser parser;
    plim__http_body body;
    plim_status status;
    plim_error *err;
    bool done;
    char place[300];
    size_t banner_len;
    size_t field_len; /* of the name of the header field under way, as far as it is "server" */
    bool is_value;    /* the last piece was of a field's value */
} http_get;

static void http_fail(http_get *get, plim_status status)
{
    get->status = status;
    get->done = true;
}

static int http_on_body(http_parser *parser, const char *data, size_t len)
{
    http_get *get = parser->data;
    plim__http_body *body = &get->body;
    if (len > PLIM_HTTP_BYTES_MAX - body->len) {
        http_fail(get, plim_error_set(get->err, PLIM_ERR_LIMIT, "%s sends more than %u bytes",
                                      get->place, PLIM_HTTP_BYTES_MAX));
        return 1;
    }
    size_t needed = body->len + len + 1;
    if (needed > body->cap) {
        size_t cap = needed > 2 * body->cap ? needed : 2 * body->cap;
        char *text = plim__array_resize(body->allocator, body->text, body->cap, cap, 1);
        if (text == NULL) {
            http_fail(get, plim__no_memory(get->err, "an HTTP reply"));
            return 1;
        }
        body->text = text;
        body->cap = cap;
    }
    memcpy(body->text + body->len, data, len);
    body->len += len;
    body->text[body->len] = '\0';
    return 0;
}

/* Keeps what can be shown of some bytes, and nothing that steers a terminal. */
static void http_keep(char *to, size_t cap, size_t *len, const char *data, size_t count)
{
    for (size_t i = 0; i < count && *len + 1 < cap; i++) {
        unsigned char byte = (unsigned char)data[i];
        to[(*len)++] = (char)(isprint(byte) ? byte : '.');
    }
}

/* A name may come in pieces, a value begins once the name was whole. */
static int http_on_field(http_parser *parser, const char *data, size_t len)
{
    static const char name[] = "server";
    http_get *get = parser->data;
    if (get->is_value) {
        get->is_value = false;
        get->field_len = 0;
    }
    for (size_t i = 0; i < len; i++) {
        bool fits = get->field_len < sizeof name - 1 &&
                    tolower((unsigned char)data[i]) == name[get->field_len];
        get->field_len = fits ? get->field_len + 1 : sizeof name;
    }
    return 0;
}

static int http_on_value(http_parser *parser, const char *data, size_t len)
{
    http_get *get = parser->data;
    get->is_value = true;
    if (get->field_len == sizeof "server" - 1) {
        size_t at = strlen(get->body.server);
        http_keep(get->body.server, sizeof get->body.server, &at, data, len);
    }
    return 0;
}

static int http_on_complete(http_parser *parser)
{
    http_get *get = parser->data;
    get->body.code = parser->status_code;
    get->done = true;
    return 0;
}

static const http_parser_settings http_settings = {
    .on_body = http_on_body,
    .on_header_field = http_on_field,
    .on_header_value = http_on_value,
    .on_message_complete = http_on_complete,
};

static plim_status http_not_spoken(http_get *get)
{
    plim_status status;
    if (get->banner_len == 0)
        status = plim_error_set(get->err, PLIM_ERR_PROTOCOL, "%s hangs up on an HTTP request",
                                get->place);
    else
        status = plim_error_set(get->err, PLIM_ERR_PROTOCOL,
                                "%s does not answer in HTTP; it begins \"%s\"", get->place,
                                get->body.banner);
    plim_error_hint(get->err, "that port is no inspector's; plim ps lists those there are");
    return status;
}

static void http_on_data(void *ctx, const char *data, size_t len)
{
    http_get *get = ctx;
    if (get->done)
        return;
    http_keep(get->body.banner, sizeof get->body.banner, &get->banner_len, data, len);
    size_t parsed = http_parser_execute(&get->parser, &http_settings, data, len);
    if (!get->done && parsed != len)
        http_fail(get, http_not_spoken(get));
}

static void http_on_end(void *ctx, int uv_error)
{
    (void)uv_error;
    http_get *get = ctx;
    if (!get->done)
        (void)http_parser_execute(&get->parser, &http_settings, NULL, 0); /* length by close */
    if (!get->done)
        http_fail(get, http_not_spoken(get));
}

static plim_status http_ask(http_get *get, plim__tcp *tcp, uint16_t port, const char *path)
{
    char request[PLIM__HTTP_REQUEST_BYTES];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path,
                       (unsigned)port);
    if (len < 0 || (size_t)len >= sizeof request)
        return plim_error_set(get->err, PLIM_ERR_USAGE, "the path is too long: %.64s…", path);
    return plim__tcp_write(tcp, request, (size_t)len, get->err);
}

static plim_status http_judge(http_get *get, plim__loop *loop, uint64_t deadline_ns,
                              const char *path)
{
    plim_status status = plim__loop_wait(loop, &get->done, deadline_ns);
    if (status != PLIM_OK) {
        status = plim_error_set(get->err, status, "%s was asked for %s: %s", get->place, path,
                                plim_status_text(status));
        plim_error_hint(get->err, "what listens there accepts connections and says nothing; is it "
                                  "an inspector?");
        return status;
    }
    if (get->status != PLIM_OK)
        return get->status;
    if (get->body.code != 200)
        return plim_error_set(get->err, PLIM_ERR_REFUSED, "%s answers %s with HTTP %u", get->place,
                              path, (unsigned)get->body.code);
    return PLIM_OK;
}

plim_status plim__http_get(plim__loop *loop, const char *host, uint16_t port, const char *path,
                           uint64_t timeout_ns, const plim_allocator *allocator,
                           plim__http_body *out_body, plim_error *err)
{
    PLIM_CHECK(path != NULL && path[0] == '/' && out_body != NULL);
    plim_error own = {0};
    http_get get = {.body.allocator = allocator, .err = err != NULL ? err : &own};
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    plim__tcp *tcp = NULL;
    (void)snprintf(get.place, sizeof get.place, "%s:%u", host, (unsigned)port);
    http_parser_init(&get.parser, HTTP_RESPONSE);
    get.parser.data = &get;
    get.body.text = plim__array_new(allocator, 1, 1);
    if (get.body.text == NULL)
        return plim__no_memory(err, "an HTTP reply");
    get.body.cap = 1;
    get.body.text[0] = '\0';
    plim__tcp_events events = {&get, http_on_data, http_on_end};
    plim_status status =
        plim__tcp_connect(loop, allocator, host, port, deadline_ns, events, &tcp, get.err);
    if (status == PLIM_OK)
        status = http_ask(&get, tcp, port, path);
    if (status == PLIM_OK)
        status = http_judge(&get, loop, deadline_ns, path);
    plim__tcp_destroy(&tcp);
    if (status != PLIM_OK) {
        plim_error_where(err, "%s", get.place);
        plim__array_free(allocator, get.body.text, get.body.cap, 1);
        get.body.text = NULL;
    }
    *out_body = get.body;
    return status;
}

void plim__http_body_fini(plim__http_body *body)
{
    if (body == NULL || body->text == NULL)
        return;
    plim__array_free(body->allocator, body->text, body->cap, 1);
    *body = (plim__http_body){0};
}
