/* SPDX-License-Identifier: MIT */
#include "cli/endpoint.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ENDPOINT_CONNECTIONS_MAX = 16, /* a collector has one; two of them, and a person who looks */
    ENDPOINT_MEMORY_BYTES = 16 << 10,
    ENDPOINT_IDLE_S = 10,
    ENDPOINT_HOST_BYTES = 64
};

struct plim__endpoint {
    struct MHD_Daemon *daemon;
    plim__endpoint_page *page;
    void *ctx;
    const plim_allocator *allocator;
    bool is_loopback;
};

typedef union endpoint_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} endpoint_address;

static plim_status endpoint_usage(const char *where, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" is no address to listen at", where);
    plim_error_hint(err, "127.0.0.1:9464, [::1]:9464 or localhost:9464");
    return status;
}

static plim_status endpoint_parse(const char *where, endpoint_address *out, plim_error *err)
{
    char host[ENDPOINT_HOST_BYTES];
    const char *colon = strrchr(where, ':');
    char *end = NULL;
    size_t length = colon == NULL ? 0 : (size_t)(colon - where);
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    if (length >= sizeof host || colon == NULL || end == colon + 1 || *end != '\0' || port > 65535)
        return endpoint_usage(where, err);
    memset(out, 0, sizeof *out);
    bool is_v6 = length > 2 && where[0] == '[' && where[length - 1] == ']';
    memcpy(host, where + is_v6, length - 2 * (size_t)is_v6);
    host[length - 2 * (size_t)is_v6] = '\0';
    if (strcmp(host, "localhost") == 0 || host[0] == '\0')
        (void)snprintf(host, sizeof host, "127.0.0.1");
    if (is_v6 && inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        return PLIM_OK;
    }
    if (is_v6 || inet_pton(AF_INET, host, &out->v4.sin_addr) != 1)
        return endpoint_usage(where, err);
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    return PLIM_OK;
}

static bool endpoint_is_loopback(const endpoint_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

/* ---- answers ---- */

static enum MHD_Result endpoint_say(struct MHD_Connection *connection, unsigned code, char *text,
                                    const char *type)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result endpoint_refuse(struct MHD_Connection *connection, unsigned code,
                                       const char *why)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%s\n", why);
    return endpoint_say(connection, code, text, "text/plain; charset=utf-8");
}

static bool endpoint_host_is_local(struct MHD_Connection *connection)
{
    static const char *const local[] = {"127.", "localhost", "[::1]"};
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    for (size_t i = 0; host != NULL && i < sizeof local / sizeof local[0]; i++) {
        size_t length = strlen(local[i]);
        if (strncmp(host, local[i], length) != 0)
            continue;
        const char *rest = host + length + (i == 0 ? strspn(host + length, "0123456789.") : 0);
        return *rest == '\0' ||
               (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
    }
    return false;
}

/* OpenMetrics, unless the older text is asked for and it is not. */
static bool endpoint_wants_open(struct MHD_Connection *connection)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    return accept == NULL || strstr(accept, "openmetrics") != NULL ||
           strstr(accept, "text/plain") == NULL;
}

static enum MHD_Result endpoint_answer(void *ctx, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *upload, size_t *upload_size, void **state)
{
    const plim__endpoint *endpoint = ctx;
    (void)version;
    (void)upload;
    (void)state;
    if (*upload_size != 0) {
        *upload_size = 0; /* passed by */
        return MHD_YES;
    }
    if (endpoint->is_loopback && !endpoint_host_is_local(connection))
        return endpoint_refuse(connection, MHD_HTTP_FORBIDDEN, "the Host is not this machine");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return endpoint_refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only");
    if (strcmp(url, "/metrics") != 0)
        return endpoint_refuse(connection, MHD_HTTP_NOT_FOUND, "plim: see /metrics");
    bool is_open = endpoint_wants_open(connection);
    plim__draft page;
    plim__draft_init(&page, NULL);
    endpoint->page(endpoint->ctx, is_open, &page);
    enum MHD_Result result =
        page.failed ? endpoint_refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory")
                    : endpoint_say(connection, MHD_HTTP_OK, page.data,
                                   is_open ? "application/openmetrics-text; version=1.0.0; "
                                             "charset=utf-8"
                                           : "text/plain; version=0.0.4; charset=utf-8");
    plim__draft_fini(&page);
    return result;
}

/* ---- its life ---- */

static void endpoint_url(const plim__endpoint *endpoint, endpoint_address address,
                         char out_url[PLIM__ENDPOINT_URL_BYTES])
{
    char host[ENDPOINT_HOST_BYTES] = "";
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(endpoint->daemon, MHD_DAEMON_INFO_BIND_PORT);
    bool is_v6 = address.any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&address.v6.sin6_addr : &address.v4.sin_addr;
    (void)inet_ntop(address.any.sa_family, bytes, host, sizeof host);
    (void)snprintf(out_url, PLIM__ENDPOINT_URL_BYTES, "http://%s%s%s:%u/metrics", is_v6 ? "[" : "",
                   host, is_v6 ? "]" : "", info != NULL ? (unsigned)info->port : 0);
}

plim_status plim__endpoint_start(const char *where, bool remote, plim__endpoint_page *page,
                                 void *ctx, const plim_allocator *allocator,
                                 char out_url[PLIM__ENDPOINT_URL_BYTES],
                                 plim__endpoint **out_endpoint, plim_error *err)
{
    endpoint_address address;
    plim_status status = endpoint_parse(where, &address, err);
    if (status != PLIM_OK)
        return status;
    bool is_loopback = endpoint_is_loopback(&address);
    if (!is_loopback && !remote) {
        status =
            plim_error_set(err, PLIM_ERR_USAGE, "%s can be reached from other machines", where);
        plim_error_hint(err, "--allow-remote, if they may read it; else 127.0.0.1:9464");
        return status;
    }
    plim__endpoint *endpoint = allocator->resize(allocator->ctx, NULL, 0, sizeof *endpoint);
    if (endpoint == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to listen");
    *endpoint = (plim__endpoint){
        .page = page, .ctx = ctx, .allocator = allocator, .is_loopback = is_loopback};
    /* poll(): with epoll, libmicrohttpd 0.9.75 that had all its connections takes new ones late. */
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     (address.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    endpoint->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, endpoint_answer, endpoint, MHD_OPTION_SOCK_ADDR, &address.any,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)ENDPOINT_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)ENDPOINT_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)ENDPOINT_IDLE_S, MHD_OPTION_END);
    if (endpoint->daemon == NULL) {
        (void)allocator->resize(allocator->ctx, endpoint, sizeof *endpoint, 0);
        status = plim_error_set(err, PLIM_ERR_ACCESS, "cannot listen at %s", where);
        plim_error_hint(err, "another program may have the port; port 0 takes any");
        return status;
    }
    endpoint_url(endpoint, address, out_url);
    *out_endpoint = endpoint;
    return PLIM_OK;
}

void plim__endpoint_end(plim__endpoint **endpoint)
{
    plim__endpoint *dead = *endpoint;
    *endpoint = NULL;
    if (dead == NULL)
        return;
    MHD_stop_daemon(dead->daemon);
    (void)dead->allocator->resize(dead->allocator->ctx, dead, sizeof *dead, 0);
}
