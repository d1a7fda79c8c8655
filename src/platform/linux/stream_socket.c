/* SPDX-License-Identifier: MIT */
/*
 * Unix and TCP streams. Waits are poll(2) beside calls that do not block (MSG_DONTWAIT), except
 * where nothing but a message can end the wait: there one blocking recv(2) is all there is, since
 * a second system call would be a third of a round trip.
 * Names of hosts are looked up before anything waits, by getaddrinfo(3): numbers cost nothing.
 */
#define _GNU_SOURCE
#include "platform/stream_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

enum { SOCKET_BACKLOG = 128, SOCKET_HOST_BYTES = 256, SOCKET_PORT_BYTES = 8 };

#define SOCKET_UNIX "unix:"

typedef struct socket_place {
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len;
    int family;
} socket_place;

uint64_t plim__socket_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static plim_status stream_status(int code)
{
    switch (code) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return PLIM_ERR_GONE;
    case ECONNREFUSED:
    case ENOENT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return PLIM_ERR_UNREACHABLE;
    case EACCES:
    case EPERM:
        return PLIM_ERR_ACCESS;
    case ETIMEDOUT:
    case EAGAIN:
        return PLIM_ERR_TIMEOUT;
    case EINTR:
        return PLIM_ERR_INTERRUPTED;
    case EADDRINUSE:
        return PLIM_ERR_EXISTS;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return PLIM_ERR_NO_MEMORY;
    default:
        return PLIM_ERR_IO;
    }
}

static plim_status socket_fail(plim_error *err, const char *what, const char *address, int code)
{
    plim_status status =
        plim_error_set(err, stream_status(code), "cannot %s %s: %s", what, address, strerror(code));
    plim_error_where(err, "%s", address);
    return status;
}

static plim_status socket_no_address(plim_error *err, const char *address)
{
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" is no address", address);
    plim_error_hint(err, "unix:/path, HOST:PORT or [ADDRESS]:PORT");
    return status;
}

static plim_status socket_resolve(const char *address, bool is_passive, socket_place *out,
                                  plim_error *err)
{
    char host[SOCKET_HOST_BYTES];
    const char *colon = strrchr(address, ':');
    const char *from = address;
    const char *to = colon;
    if (colon == NULL || strlen(colon + 1) == 0 || strlen(colon + 1) >= SOCKET_PORT_BYTES)
        return socket_no_address(err, address);
    if (address[0] == '[') {
        from = address + 1;
        to = colon - 1;
        if (to <= from || *to != ']')
            return socket_no_address(err, address);
    } else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
        return socket_no_address(err, address);
    }
    if (to - from >= SOCKET_HOST_BYTES)
        return socket_no_address(err, address);
    (void)snprintf(host, sizeof host, "%.*s", (int)(to - from), from);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (is_passive ? AI_PASSIVE : 0)};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host[0] == '\0' ? "127.0.0.1" : host, colon + 1, &hints, &found);
    if (code != 0 || found == NULL || found->ai_addrlen > sizeof out->at) {
        if (found != NULL)
            freeaddrinfo(found);
        return plim_error_set(err, code == EAI_SERVICE ? PLIM_ERR_USAGE : PLIM_ERR_UNREACHABLE,
                              "there is no host %s: %s", address, gai_strerror(code));
    }
    memcpy(&out->at, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    out->family = found->ai_family;
    freeaddrinfo(found);
    return PLIM_OK;
}

static plim_status socket_place_of(const char *address, bool is_passive, socket_place *out,
                                   plim_error *err)
{
    memset(out, 0, sizeof *out);
    if (strncmp(address, SOCKET_UNIX, sizeof SOCKET_UNIX - 1) != 0)
        return socket_resolve(address, is_passive, out, err);
    const char *path = address + sizeof SOCKET_UNIX - 1;
    size_t len = strlen(path);
    if (len == 0)
        return socket_no_address(err, address);
    if (len >= sizeof out->at.local.sun_path)
        return plim_error_set(err, PLIM_ERR_USAGE, "the path of a socket has at most %zu bytes",
                              sizeof out->at.local.sun_path - 1);
    out->at.local.sun_family = AF_UNIX;
    memcpy(out->at.local.sun_path, path, len + 1);
    out->len = (socklen_t)sizeof out->at.local;
    out->family = AF_UNIX;
    return PLIM_OK;
}

static void socket_no_delay(int descriptor, int family)
{
    const int on = 1;
    if (family != AF_UNIX)
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int socket_poll_ms(uint64_t timeout_ns)
{
    if (timeout_ns == UINT64_MAX)
        return -1;
    uint64_t ms = timeout_ns / 1000000u + (timeout_ns % 1000000u != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static uint64_t socket_left(uint64_t timeout_ns, uint64_t started_ns)
{
    if (timeout_ns == UINT64_MAX)
        return timeout_ns;
    uint64_t gone = plim__socket_now() - started_ns;
    return gone < timeout_ns ? timeout_ns - gone : 0;
}

/* Waits for events; interruptions are the caller's to judge. */
static plim_status stream_await(int descriptor, short events, uint64_t timeout_ns)
{
    struct pollfd at = {.fd = descriptor, .events = events};
    int code = poll(&at, 1, socket_poll_ms(timeout_ns));
    if (code < 0)
        return stream_status(errno);
    if (code == 0)
        return PLIM_ERR_TIMEOUT;
    return (at.revents & POLLNVAL) != 0 ? PLIM_ERR_IO : PLIM_OK;
}

plim_status plim__socket_connect(const char *address, uint64_t timeout_ns, int *out_descriptor,
                                 plim_error *err)
{
    PLIM_CHECK(address != NULL && out_descriptor != NULL);
    socket_place place;
    plim_status status = socket_place_of(address, false, &place, err);
    if (status != PLIM_OK)
        return status;
    int made = socket(place.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return socket_fail(err, "connect to", address, errno);
    int code = connect(made, &place.at.any, place.len) == 0 ? 0 : errno;
    if (code == EINPROGRESS || code == EAGAIN) {
        socklen_t len = sizeof code;
        status = stream_await(made, POLLOUT, timeout_ns);
        if (status == PLIM_OK && getsockopt(made, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
            code = errno;
        if (status != PLIM_OK)
            code = status == PLIM_ERR_TIMEOUT ? ETIMEDOUT : EINTR;
    }
    if (code == 0 && !plim__socket_set_blocking(made, true))
        code = EIO;
    if (code != 0) {
        (void)close(made);
        return socket_fail(err, "connect to", address, code);
    }
    socket_no_delay(made, place.family);
    *out_descriptor = made;
    return PLIM_OK;
}

/* Whether a path may be bound: what stands there is a socket at which nobody listens. */
static bool socket_is_left_over(const socket_place *place)
{
    struct stat info;
    if (lstat(place->at.local.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return false;
    bool is_refused = connect(probe, &place->at.any, place->len) != 0 && errno == ECONNREFUSED;
    (void)close(probe);
    return is_refused;
}

static bool socket_is_loopback(const socket_place *place)
{
    if (place->family == AF_INET)
        return ntohl(place->at.v4.sin_addr.s_addr) >> 24 == 127;
    return place->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&place->at.v6.sin6_addr);
}

plim_status plim__socket_listen(const char *address, bool is_remote_allowed, int *out_descriptor,
                                plim_error *err)
{
    PLIM_CHECK(address != NULL && out_descriptor != NULL);
    socket_place place;
    plim_status status = socket_place_of(address, true, &place, err);
    if (status != PLIM_OK)
        return status;
    if (place.family != AF_UNIX && !is_remote_allowed && !socket_is_loopback(&place)) {
        status = plim_error_set(err, PLIM_ERR_ACCESS,
                                "%s can be reached from other machines, and nobody is asked for "
                                "a password",
                                address);
        plim_error_hint(err, "listen at 127.0.0.1, or allow it explicitly");
        return status;
    }
    int made = socket(place.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return socket_fail(err, "listen at", address, errno);
    const int on = 1;
    if (place.family == AF_UNIX) {
        (void)fchmod(made, S_IRUSR | S_IWUSR); /* the path is made with these */
        if (socket_is_left_over(&place))
            (void)unlink(place.at.local.sun_path);
    } else {
        (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if (bind(made, &place.at.any, place.len) != 0 || listen(made, SOCKET_BACKLOG) != 0) {
        int code = errno;
        (void)close(made);
        return socket_fail(err, "listen at", address, code);
    }
    *out_descriptor = made;
    return PLIM_OK;
}

plim_status plim__socket_address(int descriptor, char *out_text, size_t cap)
{
    PLIM_CHECK(out_text != NULL && cap > 0);
    socket_place place = {.len = sizeof place.at};
    char host[NI_MAXHOST];
    char port[SOCKET_PORT_BYTES];
    if (getsockname(descriptor, &place.at.any, &place.len) != 0)
        return stream_status(errno);
    int wanted;
    if (place.at.any.sa_family == AF_UNIX) {
        wanted = snprintf(out_text, cap, SOCKET_UNIX "%.*s", (int)sizeof place.at.local.sun_path,
                          place.at.local.sun_path);
    } else {
        if (getnameinfo(&place.at.any, place.len, host, sizeof host, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
            return PLIM_ERR_IO;
        bool is_v6 = place.at.any.sa_family == AF_INET6;
        wanted =
            snprintf(out_text, cap, "%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    }
    return wanted >= 0 && (size_t)wanted < cap ? PLIM_OK : PLIM_ERR_LIMIT;
}

plim_status plim__socket_accept(int listener, int *out_descriptor)
{
    PLIM_CHECK(out_descriptor != NULL);
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int made = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0)
        return stream_status(errno == ECONNABORTED ? EAGAIN : errno);
    socket_no_delay(made, from.ss_family);
    *out_descriptor = made;
    return PLIM_OK;
}

plim_status plim__socket_pair(int out_descriptors[2], plim_error *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out_descriptors) == 0)
        return PLIM_OK;
    return plim_error_set(err, stream_status(errno), "cannot make a pair of sockets: %s",
                          strerror(errno));
}

bool plim__socket_is_stream(int descriptor)
{
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

bool plim__socket_set_blocking(int descriptor, bool is_blocking)
{
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0)
        return false;
    flags = is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return fcntl(descriptor, F_SETFL, flags) == 0;
}

bool plim__descriptor_set_inherited(int descriptor, bool is_inherited)
{
    return fcntl(descriptor, F_SETFD, is_inherited ? 0 : FD_CLOEXEC) == 0;
}

/* What is left of the parts once `gone` bytes of them are away. */
static uint32_t socket_rest(const plim__socket_part *parts, uint32_t count, size_t gone,
                            struct iovec *out)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (gone >= parts[i].len) {
            gone -= parts[i].len;
            continue;
        }
        /* iovec has no const; sendmsg() only reads. */
        out[used].iov_base = (void *)((uintptr_t)parts[i].bytes + gone);
        out[used++].iov_len = parts[i].len - gone;
        gone = 0;
    }
    return used;
}

static plim_status socket_push(int descriptor, const plim__socket_part *parts, uint32_t count,
                               int flags, size_t *gone)
{
    struct iovec rest[PLIM__SOCKET_PARTS_MAX];
    PLIM_CHECK(count <= PLIM__SOCKET_PARTS_MAX);
    struct msghdr message = {.msg_iov = rest};
    message.msg_iovlen = socket_rest(parts, count, *gone, rest);
    if (message.msg_iovlen == 0)
        return PLIM_OK;
    ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | flags);
    if (sent < 0)
        return stream_status(errno);
    *gone += (size_t)sent;
    return PLIM_OK;
}

plim_status plim__socket_offer(int descriptor, const plim__socket_part *parts, uint32_t count,
                               size_t *out_len)
{
    *out_len = 0;
    plim_status status = socket_push(descriptor, parts, count, MSG_DONTWAIT, out_len);
    return status == PLIM_ERR_TIMEOUT || status == PLIM_ERR_INTERRUPTED ? PLIM_OK : status;
}

plim_status plim__socket_send(int descriptor, const plim__socket_part *parts, uint32_t count,
                              uint64_t timeout_ns)
{
    size_t total = 0;
    size_t gone = 0;
    for (uint32_t i = 0; i < count; i++)
        total += parts[i].len;
    uint64_t started = 0;
    while (gone < total) {
        plim_status status = socket_push(descriptor, parts, count, MSG_DONTWAIT, &gone);
        if (status == PLIM_ERR_TIMEOUT) {
            started = started == 0 ? plim__socket_now() : started;
            uint64_t left = socket_left(timeout_ns, started);
            status = left == 0 ? PLIM_ERR_TIMEOUT : stream_await(descriptor, POLLOUT, left);
        }
        if (status != PLIM_OK && status != PLIM_ERR_INTERRUPTED)
            return status;
    }
    return PLIM_OK;
}

plim_status plim__socket_take(int descriptor, void *buffer, size_t cap, bool is_blocking,
                              size_t *out_len)
{
    ssize_t got = recv(descriptor, buffer, cap, is_blocking ? 0 : MSG_DONTWAIT);
    if (got < 0)
        return stream_status(errno);
    *out_len = (size_t)got;
    return got > 0 ? PLIM_OK : PLIM_ERR_GONE;
}

plim_status plim__socket_wait(int descriptor, uint64_t timeout_ns)
{
    return stream_await(descriptor, POLLIN, timeout_ns);
}

void plim__socket_close(int descriptor)
{
    if (descriptor >= 0)
        (void)close(descriptor);
}

void plim__socket_unlink(const char *address)
{
    if (strncmp(address, SOCKET_UNIX, sizeof SOCKET_UNIX - 1) == 0)
        (void)unlink(address + sizeof SOCKET_UNIX - 1);
}
