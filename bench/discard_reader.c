/* SPDX-License-Identifier: MIT */
/*
 * The floor of `plim snap`: asks a Node for a heap snapshot over a plain socket and throws away
 * what comes, looking at nothing but frame headers and at whether a message is the reply. It uses
 * none of Plimsoll.
 *
 *     discard_reader PORT PATH     prints {"bytes":…,"seconds":…}, the bytes as on the wire
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned char reader_buffer[256 << 10];
static size_t reader_at, reader_len;

static void reader_die(const char *why)
{
    perror(why);
    exit(1);
}

static double reader_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void reader_fill(int fd)
{
    ssize_t got = read(fd, reader_buffer, sizeof reader_buffer);
    if (got <= 0)
        reader_die("the connection ended");
    reader_at = 0;
    reader_len = (size_t)got;
}

static unsigned char reader_byte(int fd)
{
    if (reader_at == reader_len)
        reader_fill(fd);
    return reader_buffer[reader_at++];
}

static void reader_send(int fd, const void *data, size_t len)
{
    if (write(fd, data, len) != (ssize_t)len)
        reader_die("write");
}

static int reader_connect(int port, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[1024];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        reader_die("connect");
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       path, port);
    reader_send(fd, request, (size_t)len);
    uint32_t last = 0;
    while (last != 0x0d0a0d0a)
        last = last << 8 | reader_byte(fd);
    return fd;
}

static void reader_ask(int fd)
{
    static const char text[] = "{\"id\":1,\"method\":\"HeapProfiler.takeHeapSnapshot\",\"params\":"
                               "{\"reportProgress\":true}}";
    unsigned char frame[256] = {0x81, 0x80 | (sizeof text - 1), 0, 0, 0, 0};
    memcpy(frame + 6, text, sizeof text - 1);
    reader_send(fd, frame, 6 + sizeof text - 1);
}

/* One frame; true if it is the reply, which both key orders end within 40 bytes. */
static bool reader_frame(int fd, uint64_t *bytes)
{
    char text[64] = "";
    (void)reader_byte(fd);
    uint64_t len = reader_byte(fd);
    int more = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (more > 0)
        len = 0;
    for (int i = 0; i < more; i++)
        len = len << 8 | reader_byte(fd);
    *bytes += len;
    bool is_short = len < sizeof text;
    for (uint64_t left = len; left > 0;) {
        if (reader_at == reader_len)
            reader_fill(fd);
        size_t part = reader_len - reader_at;
        if (part > left)
            part = (size_t)left;
        if (is_short)
            memcpy(text + (len - left), reader_buffer + reader_at, part);
        reader_at += part;
        left -= part;
    }
    return is_short && strstr(text, "\"id\":1") != NULL;
}

int main(int argc, char **argv)
{
    uint64_t bytes = 0;
    if (argc != 3)
        return 2;
    double begin = reader_seconds();
    int fd = reader_connect((int)strtol(argv[1], NULL, 10), argv[2]);
    reader_ask(fd);
    while (!reader_frame(fd, &bytes))
        ;
    printf("{\"bytes\":%llu,\"seconds\":%.3f}\n", (unsigned long long)bytes,
           reader_seconds() - begin);
    (void)close(fd);
    return 0;
}
