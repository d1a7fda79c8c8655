/* SPDX-License-Identifier: MIT */
/*
 * Who listens where: /proc/net/tcp and tcp6 give address, port and inode of every listening socket
 * of our network namespace; /proc/PID/fd gives the inodes a process holds. Joining the two by
 * inode finds owners without sending anybody a byte, and cannot be fooled by what a process says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/linux/procfs.h"
#include "platform/process.h"

enum {
    PORTS_STATE_OPEN = 0x01,
    PORTS_STATE_LISTEN = 0x0a,
    PORTS_FIRST_CAP = 64,
    PORTS_INODE_FIELDS_BETWEEN = 5
};

/* Skips blanks, then `count` words. */
static const char *ports_skip_words(const char *at, int count)
{
    while (*at == ' ')
        at++;
    for (; count > 0 && *at != '\0'; count--) {
        while (*at != ' ' && *at != '\0')
            at++;
        while (*at == ' ')
            at++;
    }
    return at;
}

/* The address is written as 32-bit words in the machine's own order. */
static bool ports_read_address(const char **at, plim__listener *listener)
{
    size_t words = listener->is_v6 ? 4 : 1;
    for (size_t i = 0; i < words; i++) {
        char digits[9] = {0};
        for (size_t k = 0; k < 8 && (*at)[k] != '\0'; k++)
            digits[k] = (*at)[k];
        const char *digit = digits;
        uint64_t word = 0;
        if (!plim__procfs_number(&digit, 16, &word) || digit != digits + 8)
            return false;
        uint32_t narrow = (uint32_t)word;
        memcpy(listener->address + 4 * i, &narrow, sizeof narrow);
        *at += 8;
    }
    return true;
}

static void ports_classify(plim__listener *listener)
{
    static const uint8_t zero[16];
    static const uint8_t v6_loopback[16] = {[15] = 1};
    static const uint8_t v4_in_v6[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *address = listener->address;
    size_t len = listener->is_v6 ? 16 : 4;
    if (listener->is_v6 && memcmp(address, v4_in_v6, sizeof v4_in_v6) == 0) {
        memmove(listener->address, address + 12, 4);
        listener->is_v6 = false;
        len = 4;
    }
    listener->is_any = memcmp(address, zero, len) == 0;
    listener->is_loopback =
        listener->is_v6 ? memcmp(address, v6_loopback, 16) == 0 : address[0] == 127;
}

/* "   0: 0100007F:2406 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4711 …":
   of one that listens the first address, of a connection that stands the second one. */
static bool ports_read_line(const char *line, bool is_v6, uint64_t state,
                            plim__listener *out_listener)
{
    plim__listener listener = {.is_v6 = is_v6};
    bool is_connection = state == PORTS_STATE_OPEN;
    const char *at = ports_skip_words(line, is_connection ? 2 : 1);
    uint64_t number = 0;
    if (!ports_read_address(&at, &listener) || *at != ':')
        return false;
    at++;
    if (!plim__procfs_number(&at, 16, &number) || number > UINT16_MAX)
        return false;
    listener.port = (uint16_t)number;
    at = ports_skip_words(at, is_connection ? 0 : 1);
    if (!plim__procfs_number(&at, 16, &number) || number != state)
        return false;
    at = ports_skip_words(at, PORTS_INODE_FIELDS_BETWEEN);
    if (!plim__procfs_number(&at, 10, &listener.inode) || listener.inode == 0)
        return false;
    ports_classify(&listener);
    *out_listener = listener;
    return true;
}

static plim_status ports_add(plim__listeners *listeners, const plim__listener *listener)
{
    if (listeners->count == listeners->cap) {
        uint32_t cap = listeners->cap == 0 ? PORTS_FIRST_CAP : listeners->cap * 2;
        plim__listener *items = plim__array_resize(listeners->allocator, listeners->items,
                                                   listeners->cap, cap, sizeof *items);
        if (items == NULL)
            return PLIM_ERR_NO_MEMORY;
        listeners->items = items;
        listeners->cap = cap;
    }
    listeners->items[listeners->count++] = *listener;
    return PLIM_OK;
}

static plim_status ports_read_file(plim__listeners *listeners, const char *name, bool is_v6,
                                   uint64_t state)
{
    plim__lines lines;
    plim_status status = plim__lines_open(&lines, 0, name);
    if (status == PLIM_ERR_NOT_FOUND)
        return PLIM_OK; /* a kernel without IPv6 */
    if (status != PLIM_OK)
        return status;
    const char *line;
    while (status == PLIM_OK && listeners->count < PLIM_LISTENERS_MAX &&
           (line = plim__lines_next(&lines)) != NULL) {
        plim__listener listener;
        if (ports_read_line(line, is_v6, state, &listener) &&
            (state == PORTS_STATE_LISTEN || listener.is_loopback))
            status = ports_add(listeners, &listener);
    }
    plim__lines_close(&lines);
    return status;
}

static plim_status ports_read(const plim_allocator *allocator, uint64_t state,
                              plim__listeners *out_listeners)
{
    PLIM_CHECK(allocator != NULL && out_listeners != NULL);
    plim__listeners listeners = {.allocator = allocator};
    /* Through self, since /proc/net is a link to it and a test's stage has no links. */
    plim_status status = ports_read_file(&listeners, "self/net/tcp", false, state);
    if (status == PLIM_OK)
        status = ports_read_file(&listeners, "self/net/tcp6", true, state);
    *out_listeners = listeners;
    return status;
}

plim_status plim__listeners_read(const plim_allocator *allocator, plim__listeners *out_listeners)
{
    return ports_read(allocator, PORTS_STATE_LISTEN, out_listeners);
}

plim_status plim__connections_read(const plim_allocator *allocator,
                                   plim__listeners *out_connections)
{
    return ports_read(allocator, PORTS_STATE_OPEN, out_connections);
}

void plim__listeners_fini(plim__listeners *listeners)
{
    PLIM_CHECK(listeners != NULL);
    if (listeners->items != NULL)
        plim__array_free(listeners->allocator, listeners->items, listeners->cap,
                         sizeof *listeners->items);
    listeners->items = NULL;
    listeners->count = listeners->cap = 0;
}

void plim__listener_text(const plim__listener *listener, char *out_text, size_t cap)
{
    PLIM_CHECK(listener != NULL && out_text != NULL && cap >= PLIM__LISTENER_TEXT_BYTES);
    char host[INET6_ADDRSTRLEN] = "127.0.0.1";
    /* One bound to all IPv6 addresses mostly takes IPv4, too, but need not. */
    if (listener->is_any && listener->is_v6)
        (void)snprintf(host, sizeof host, "::1");
    else if (!listener->is_any)
        (void)inet_ntop(listener->is_v6 ? AF_INET6 : AF_INET, listener->address, host, sizeof host);
    bool is_v6 = strchr(host, ':') != NULL;
    (void)snprintf(out_text, cap, is_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)listener->port);
}

/* The inode of the socket that the link `name` in the directory stands for; 0 if it is none. */
static uint64_t ports_socket_inode(const plim__descriptors *all, const char *name)
{
    char target[64];
    plim__descriptors_target(all, name, target, sizeof target);
    const char *at = plim__procfs_value(target, "socket:[");
    uint64_t inode = 0;
    if (at == NULL || !plim__procfs_number(&at, 10, &inode))
        return 0;
    return inode;
}

static void ports_mark(const plim__listeners *listeners, uint64_t inode, uint32_t *indexes,
                       uint32_t cap, uint32_t *count)
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        bool known = listeners->items[i].inode != inode;
        for (uint32_t k = 0; k < *count && !known; k++)
            known = indexes[k] == i;
        if (!known && *count < cap)
            indexes[(*count)++] = i;
    }
}

static void ports_sort(uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moving = indexes[i];
        uint32_t k = i;
        for (; k > 0 && indexes[k - 1] > moving; k--)
            indexes[k] = indexes[k - 1];
        indexes[k] = moving;
    }
}

plim_status plim__process_listeners(int64_t pid, const plim__listeners *listeners,
                                    uint32_t *out_indexes, uint32_t cap, uint32_t *out_count)
{
    PLIM_CHECK(pid > 0 && listeners != NULL && out_indexes != NULL && out_count != NULL);
    *out_count = 0;
    plim__descriptors all;
    plim_status status = plim__descriptors_open(&all, pid);
    if (status != PLIM_OK)
        return status;
    uint32_t count = 0;
    const char *entry;
    while ((entry = plim__descriptors_next(&all)) != NULL) {
        uint64_t inode = ports_socket_inode(&all, entry);
        if (inode != 0)
            ports_mark(listeners, inode, out_indexes, cap, &count);
    }
    plim__descriptors_close(&all);
    ports_sort(out_indexes, count);
    *out_count = count;
    return PLIM_OK;
}

/* A search for the owner of one of a few sockets. */
struct ports_search {
    const plim__listeners *wanted;
    int64_t owner;
    uint32_t index; /* of the one that is the owner's */
};

static bool ports_search_visit(void *ctx, int64_t pid)
{
    struct ports_search *search = ctx;
    uint32_t index;
    uint32_t count = 0;
    if (search->owner != 0 && pid > search->owner)
        return true;
    if (plim__process_listeners(pid, search->wanted, &index, 1, &count) == PLIM_OK && count > 0) {
        search->owner = pid;
        search->index = index;
    }
    return true;
}

plim_status plim__port_owner(const plim_allocator *allocator, uint16_t port, int64_t *out_pid)
{
    PLIM_CHECK(allocator != NULL && out_pid != NULL);
    plim__listeners listeners;
    plim_status status = plim__listeners_read(allocator, &listeners);
    uint32_t kept = 0;
    for (uint32_t i = 0; status == PLIM_OK && i < listeners.count; i++) {
        const plim__listener *one = &listeners.items[i];
        if (one->port == port && (one->is_any || one->is_loopback))
            listeners.items[kept++] = *one;
    }
    if (status == PLIM_OK) {
        listeners.count = kept;
        struct ports_search search = {.wanted = &listeners};
        if (kept > 0)
            status = plim__process_each(ports_search_visit, &search);
        if (status == PLIM_OK && search.owner == 0)
            status = kept > 0 ? PLIM_ERR_ACCESS : PLIM_ERR_NOT_FOUND;
        if (status == PLIM_OK)
            *out_pid = search.owner;
    }
    plim__listeners_fini(&listeners);
    return status;
}

/* Takes those that this very process holds out of the list. */
static plim_status ports_drop_own(plim__listeners *connections)
{
    uint32_t indexes[PLIM_PORTS_PER_PROCESS_MAX];
    uint32_t count = 0;
    plim_status status = plim__process_listeners(plim__process_self(), connections, indexes,
                                                 PLIM_PORTS_PER_PROCESS_MAX, &count);
    for (uint32_t i = count; status == PLIM_OK && i > 0; i--)
        connections->items[indexes[i - 1]] = connections->items[--connections->count];
    return status;
}

plim_status plim__port_client(const plim_allocator *allocator, uint16_t port, int64_t *out_pid,
                              uint64_t *out_socket)
{
    PLIM_CHECK(allocator != NULL && out_pid != NULL && out_socket != NULL);
    plim__listeners connections;
    plim_status status = plim__connections_read(allocator, &connections);
    uint32_t kept = 0;
    for (uint32_t i = 0; status == PLIM_OK && i < connections.count; i++) {
        if (connections.items[i].port == port)
            connections.items[kept++] = connections.items[i];
    }
    if (status == PLIM_OK) {
        connections.count = kept;
        status = ports_drop_own(&connections);
    }
    if (status == PLIM_OK && connections.count == 0)
        status = PLIM_ERR_NOT_FOUND;
    if (status == PLIM_OK) {
        struct ports_search search = {.wanted = &connections};
        status = plim__process_each(ports_search_visit, &search);
        if (status == PLIM_OK && search.owner == 0)
            status = PLIM_ERR_ACCESS;
        *out_socket = connections.items[search.index].inode;
        *out_pid = search.owner;
    }
    plim__listeners_fini(&connections);
    return status;
}

bool plim__port_free(uint16_t *out_port)
{
    PLIM_CHECK(out_port != NULL);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    (void)close(fd);
    if (is_free)
        *out_port = ntohs(address.sin_port);
    return is_free;
}
