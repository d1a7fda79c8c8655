/* SPDX-License-Identifier: MIT */
/*
 * Messages that end with a NUL, over a socket. Claims: what comes out is what went in, whatever the
 * cuts and however often the reader pauses; a message ends where a NUL stood, and nowhere else;
 * what the reader refuses ends the connection.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input.h"
#include "inspect/wire/pipe.h"

enum { MEMORY_BYTES = 64 << 20, SIZE_MOST = 64 << 10, TURNS_MOST = 32 };

static const uint64_t wait_ns = 10000000000u; /* more is a hang */

typedef struct seen {
    plim__pipe *pipe;
    const unsigned char *data; /* what was sent */
    size_t size;
    size_t at;
    bool ended;
    bool refuses; /* an empty message */
    bool refused;
    bool pauses;
    bool moved; /* something has come */
    size_t len; /* of the message so far */
} seen;

static plim_status on_data(void *ctx, const char *data, size_t len, plim_error *err)
{
    (void)err;
    seen *all = ctx;
    FUZZ_CLAIM(!all->ended && len > 0 && len <= all->size - all->at);
    FUZZ_CLAIM(memcmp(data, all->data + all->at, len) == 0);
    FUZZ_CLAIM(memchr(data, '\0', len) == NULL);
    all->at += len;
    all->len += len;
    all->moved = true;
    if (all->pauses)
        plim__pipe_pause(all->pipe);
    return PLIM_OK;
}

static plim_status on_message_end(void *ctx, plim_error *err)
{
    (void)err;
    seen *all = ctx;
    FUZZ_CLAIM(all->at < all->size && all->data[all->at] == '\0');
    all->at++;
    all->moved = true;
    all->refused = all->refuses && all->len == 0;
    all->len = 0;
    return all->refused ? PLIM_ERR_PROTOCOL : PLIM_OK;
}

static void on_end(void *ctx)
{
    seen *all = ctx;
    FUZZ_CLAIM(!all->ended);
    all->ended = true;
}

static void run(const unsigned char *data, size_t size, plim__loop *loop,
                const plim_allocator *allocator, seen *all)
{
    int ends[2];
    FUZZ_CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    plim__pipe_events events = {all, on_data, on_message_end, on_end};
    FUZZ_CLAIM(plim__pipe_open(loop, allocator, ends[0], events, &all->pipe, NULL) == PLIM_OK);
    size_t step = size / TURNS_MOST + 1;
    size_t cut = fuzz_cut(size) + step / 4; /* a socket takes few hundred pieces unread */
    for (size_t at = 0; at < size && !all->ended; at += cut) {
        size_t len = size - at < cut ? size - at : cut;
        FUZZ_CLAIM(send(ends[1], data + at, len, MSG_NOSIGNAL) == (ssize_t)len);
        if (at / step == (at + len) / step)
            continue; /* a turn of the loop costs: there are TURNS_MOST of them */
        FUZZ_CLAIM(plim__loop_sleep(loop, 0) == PLIM_OK);
        plim__pipe_resume(all->pipe);
    }
    (void)close(ends[1]);
    for (size_t tries = 0; !all->ended && tries < size + 64; tries++) {
        all->moved = false;
        plim__pipe_resume(all->pipe);
        FUZZ_CLAIM(plim__loop_wait_either(loop, &all->ended, &all->moved,
                                          plim__loop_deadline(wait_ns)) == PLIM_OK);
    }
    FUZZ_CLAIM(all->ended && plim__pipe_status(all->pipe, NULL) != PLIM_OK);
    FUZZ_CLAIM(plim__pipe_send(all->pipe, "x", 1, NULL) != PLIM_OK);
    FUZZ_CLAIM(all->refused || all->at == size);
    plim__pipe_destroy(&all->pipe);
    (void)close(ends[0]);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    plim__loop *loop = NULL;
    if (size > SIZE_MOST || plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    FUZZ_CLAIM(plim__loop_create(allocator, NULL, &loop, NULL) == PLIM_OK);
    for (int way = 0; way < 3; way++) {
        seen all = {.data = data, .size = size, .pauses = way == 1, .refuses = way == 2};
        run(data, size, loop, allocator, &all);
    }
    plim__loop_destroy(&loop);
    plim_cap_destroy(&cap);
    return 0;
}
