/* SPDX-License-Identifier: MIT */
/*
 * One datagram to a Unix socket. The protocol is all there is to it, so libsystemd is not wanted.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
#define _GNU_SOURCE
#include "cli/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Of the process, as its environment is. */
static struct sockaddr_un notify_address;
static socklen_t notify_bytes;

bool plim__notify_take(uint64_t *out_watchdog_ns)
{
    const char *path = getenv("NOTIFY_SOCKET"), *watchdog = getenv("WATCHDOG_USEC");
    *out_watchdog_ns = watchdog != NULL ? strtoull(watchdog, NULL, 10) * 1000u / 2 : 0;
    size_t length = path != NULL ? strlen(path) : 0;
    if (length > 1 && length < sizeof(notify_address.sun_path)) {
        notify_address.sun_family = AF_UNIX;
        memcpy(notify_address.sun_path, path, length);
        if (path[0] == '@')
            notify_address.sun_path[0] = '\0';
        notify_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return notify_bytes > 0;
}

void plim__notify(const char *state)
{
    if (notify_bytes == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&notify_address,
                 notify_bytes);
    (void)close(fd);
}
