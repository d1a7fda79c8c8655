/* SPDX-License-Identifier: MIT */
/* epoll(7): its descriptor can itself be watched. */
#define _GNU_SOURCE
#include "platform/watch.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "platform/linux/procfs.h"

plim_status plim__watch_open(int *out_watch)
{
    PLIM_CHECK(out_watch != NULL);
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return plim__procfs_status(errno);
    *out_watch = fd;
    return PLIM_OK;
}

plim_status plim__watch_add(int watch, int fd, uint64_t tag)
{
    PLIM_CHECK(watch >= 0 && fd >= 0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = tag}};
    return epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event) == 0 ? PLIM_OK : plim__procfs_status(errno);
}

void plim__watch_remove(int watch, int fd)
{
    PLIM_CHECK(watch >= 0 && fd >= 0);
    (void)epoll_ctl(watch, EPOLL_CTL_DEL, fd, NULL);
}

uint32_t plim__watch_take(int watch, uint64_t out_tags[PLIM__WATCH_TAGS_MAX])
{
    PLIM_CHECK(watch >= 0 && out_tags != NULL);
    struct epoll_event events[PLIM__WATCH_TAGS_MAX];
    int count = epoll_wait(watch, events, PLIM__WATCH_TAGS_MAX, 0);
    for (int i = 0; i < count; i++)
        out_tags[i] = events[i].data.u64;
    return count < 0 ? 0 : (uint32_t)count;
}
