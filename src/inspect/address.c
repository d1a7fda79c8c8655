/* SPDX-License-Identifier: MIT */
/*
 * TARGET as people write it: HOST:PORT[/ID], :PORT, ws://HOST:PORT/PATH, rdp://HOST:PORT[/ID],
 * unix:/PATH, pid:N, any of them with #worker:N behind. A bare number could be a port or a
 * process, so it is refused with both.
 * What is read here goes into HTTP requests: nothing but visible ASCII passes.
 */
#include <string.h>

#include "base/assert.h"
#include "inspect/target.h"

static plim_status address_unreadable(plim_error *err, const char *text, const char *why)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "cannot read the address \"%.100s\": %s", text, why);
    plim_error_hint(err, "write 127.0.0.1:9229, :9229, ws://HOST:PORT/ID, rdp://HOST:PORT, "
                         "unix:/PATH or pid:4242; #worker:N behind it means a worker thread");
    return status;
}

/* A decimal number of 1 to max that takes up all of the text. */
static bool address_number(const char *text, size_t len, uint64_t max, uint64_t *out_number)
{
    uint64_t number = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text[i] - '0');
        if (number > max)
            return false;
    }
    *out_number = number;
    return number > 0;
}

static bool address_is_visible(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~')
            return false;
    }
    return text[0] != '\0';
}

/* [HOST]:PORT or HOST:PORT, len bytes of text. */
static plim_status address_host_port(const char *whole, const char *text, size_t len,
                                     plim__address *address, plim_error *err)
{
    size_t colon = len;
    while (colon > 0 && text[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return address_unreadable(err, whole, "there is no port");
    uint64_t port;
    if (!address_number(text + colon, len - colon, 65535, &port))
        return address_unreadable(err, whole, "the port is not a number of 1 to 65535");
    const char *host = text;
    size_t host_len = colon - 1;
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len) != NULL) {
        return address_unreadable(err, whole, "an IPv6 address needs brackets, as [::1]:9229");
    }
    if (host_len == 0) {
        host = "127.0.0.1";
        host_len = strlen(host);
    }
    if (host_len >= sizeof address->host)
        return address_unreadable(err, whole, "the host name is too long");
    memcpy(address->host, host, host_len);
    address->host[host_len] = '\0';
    address->port = (uint16_t)port;
    return PLIM_OK;
}

static plim_status address_network(const char *whole, const char *text, size_t len,
                                   plim__address *address, plim_error *err)
{
    const char *slash = memchr(text, '/', len);
    size_t place_len = slash != NULL ? (size_t)(slash - text) : len;
    size_t path_len = len - place_len;
    if (path_len >= sizeof address->path)
        return address_unreadable(err, whole, "the path is too long");
    if (path_len > 1 || address->kind == PLIM__ADDRESS_WS) {
        memcpy(address->path, text + place_len, path_len);
        address->path[path_len] = '\0';
    }
    if (address->kind == PLIM__ADDRESS_WS && path_len == 0)
        address->path[0] = '/';
    return address_host_port(whole, text, place_len, address, err);
}

static plim_status address_socket(const char *whole, const char *text, size_t len,
                                  plim__address *address, plim_error *err)
{
    if (len < 2 || text[0] != '/')
        return address_unreadable(err, whole, "behind unix: stands the whole path of a socket");
    if (len >= sizeof address->socket)
        return address_unreadable(err, whole, "the path is too long");
    memcpy(address->socket, text, len);
    address->socket[len] = '\0';
    return PLIM_OK;
}

/* Takes "#worker:N" off the end. */
static plim_status address_worker(const char *whole, size_t *len, plim__address *address,
                                  plim_error *err)
{
    static const char mark[] = "#worker:";
    const char *hash = memchr(whole, '#', *len);
    if (hash == NULL)
        return PLIM_OK;
    size_t at = (size_t)(hash - whole);
    uint64_t worker;
    if (*len - at < sizeof mark || strncmp(hash, mark, sizeof mark - 1) != 0 ||
        !address_number(hash + sizeof mark - 1, *len - at - (sizeof mark - 1), UINT32_MAX, &worker))
        return address_unreadable(err, whole, "behind # stands worker: and a number");
    address->worker_id = (uint32_t)worker;
    *len = at;
    return PLIM_OK;
}

static plim_status address_bare_number(const char *text, plim_error *err)
{
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "%.20s could be a process or a port", text);
    plim_error_hint(err, "write pid:%.20s for the process, :%.20s for the port", text, text);
    return status;
}

plim_status plim__address_parse(const char *text, plim__address *out_address, plim_error *err)
{
    PLIM_CHECK(text != NULL && out_address != NULL);
    plim__address address = {.kind = PLIM__ADDRESS_HOST, .pid = -1};
    if (!address_is_visible(text))
        return address_unreadable(err, text,
                                  text[0] == '\0' ? "it is empty"
                                                  : "it has spaces or other signs that "
                                                    "no address has");
    size_t len = strlen(text);
    uint64_t number;
    plim_status status = address_worker(text, &len, &address, err);
    if (status != PLIM_OK)
        return status;
    if (strspn(text, "0123456789") == len)
        return address_bare_number(text, err);
    if (strncmp(text, "pid:", 4) == 0) {
        if (!address_number(text + 4, len - 4, INT32_MAX, &number))
            return address_unreadable(err, text, "behind pid: stands the number of a process");
        address.kind = PLIM__ADDRESS_PID;
        address.pid = (int64_t)number;
    } else if (strncmp(text, "ws://", 5) == 0) {
        address.kind = PLIM__ADDRESS_WS;
        status = address_network(text, text + 5, len - 5, &address, err);
    } else if (strncmp(text, "rdp://", 6) == 0) {
        address.kind = PLIM__ADDRESS_RDP;
        status = address_network(text, text + 6, len - 6, &address, err);
    } else if (strncmp(text, "unix:", 5) == 0) {
        address.kind = PLIM__ADDRESS_UNIX;
        status = address_socket(text, text + 5, len - 5, &address, err);
    } else if (strstr(text, "://") != NULL) {
        status = address_unreadable(
            err, text, "of addresses with :// only ws://, rdp:// and ssh:// are known");
    } else {
        status = address_network(text, text, len, &address, err);
    }
    if (status == PLIM_OK)
        *out_address = address;
    return status;
}

bool plim__address_is_loopback(const plim__address *address)
{
    PLIM_CHECK(address != NULL);
    return strncmp(address->host, "127.", 4) == 0 || strcmp(address->host, "::1") == 0 ||
           strcmp(address->host, "localhost") == 0;
}
