/* SPDX-License-Identifier: MIT */
/*
 * JSON has no NUL in it, so a NUL ends a message, and framing is looking for it.
 * Invariant P1: while it is paused, window is what came and was not yet given out; the stream below
 * does not read, so its buffer, in which window lies, stays as it is.
 */
#include "inspect/wire/pipe.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/error_repeat.h"
#include "inspect/wire/tcp.h"

enum {
    PLIM__PIPE_MAGIC = 0x119e0001,
    PLIM__PIPE_PIECE_BYTES = 16 << 10 /* so that a pause is heeded soon */
};

struct plim__pipe {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__pipe_events events;
    plim__tcp *stream;
    bool paused;
    bool pumping;
    bool ended;
    plim_error error;
    uint64_t received_bytes;
    const char *window;
    size_t window_len;
};

static void pipe_end(plim__pipe *pipe)
{
    if (pipe->ended)
        return;
    pipe->ended = true;
    pipe->window_len = 0;
    plim__tcp_pause(pipe->stream);
    pipe->events.on_end(pipe->events.ctx);
}

/* The next piece of a message, or its end. */
static plim_status pipe_step(plim__pipe *pipe)
{
    size_t len =
        pipe->window_len < PLIM__PIPE_PIECE_BYTES ? pipe->window_len : PLIM__PIPE_PIECE_BYTES;
    const char *end = memchr(pipe->window, '\0', len);
    const char *data = pipe->window;
    size_t part = end != NULL ? (size_t)(end - data) : len;
    pipe->window += part + (end != NULL);
    pipe->window_len -= part + (end != NULL);
    plim_status status = PLIM_OK;
    if (part > 0)
        status = pipe->events.on_data(pipe->events.ctx, data, part, &pipe->error);
    if (status == PLIM_OK && end != NULL)
        status = pipe->events.on_message_end(pipe->events.ctx, &pipe->error);
    return status;
}

static void pipe_pump(plim__pipe *pipe)
{
    PLIM_CHECK(!pipe->pumping);
    pipe->pumping = true;
    while (!pipe->paused && !pipe->ended && pipe->window_len > 0) {
        plim_status status = pipe_step(pipe);
        if (status == PLIM_OK)
            continue;
        (void)plim_error_set(&pipe->error, status, "%s", plim_status_text(status));
        pipe_end(pipe);
    }
    pipe->pumping = false;
}

static void pipe_on_bytes(void *ctx, const char *data, size_t len)
{
    plim__pipe *pipe = ctx;
    PLIM_CHECK(pipe->window_len == 0); /* P1 */
    pipe->received_bytes += len;
    pipe->window = data;
    pipe->window_len = len;
    pipe_pump(pipe);
}

static void pipe_on_stream_end(void *ctx, int uv_error)
{
    (void)uv_error;
    plim__pipe *pipe = ctx;
    (void)plim_error_set(&pipe->error, PLIM_ERR_GONE, "the browser has ended");
    pipe_end(pipe);
}

plim_status plim__pipe_open(plim__loop *loop, const plim_allocator *allocator, int descriptor,
                            plim__pipe_events events, plim__pipe **out_pipe, plim_error *err)
{
    PLIM_CHECK(out_pipe != NULL && events.on_data != NULL && events.on_message_end != NULL &&
               events.on_end != NULL);
    plim__pipe *pipe = plim__array_new_zero(allocator, 1, sizeof *pipe);
    if (pipe == NULL)
        return plim__no_memory(err, "a pipe");
    pipe->magic = PLIM__PIPE_MAGIC;
    pipe->allocator = allocator;
    pipe->events = events;
    plim__tcp_events below = {pipe, pipe_on_bytes, pipe_on_stream_end};
    plim_status status = plim__tcp_adopt(loop, allocator, descriptor, below, &pipe->stream, err);
    if (status != PLIM_OK) {
        plim__pipe_destroy(&pipe);
        return status;
    }
    *out_pipe = pipe;
    return PLIM_OK;
}

plim_status plim__pipe_send(plim__pipe *pipe, const char *text, size_t len, plim_error *err)
{
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    PLIM_CHECK(text != NULL && memchr(text, '\0', len) == NULL);
    plim_status status = plim__pipe_status(pipe, err);
    if (status == PLIM_OK)
        status = plim__tcp_write(pipe->stream, text, len, err);
    if (status == PLIM_OK)
        status = plim__tcp_write(pipe->stream, "", 1, err);
    return status;
}

plim_status plim__pipe_status(const plim__pipe *pipe, plim_error *err)
{
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    return pipe->ended ? plim__error_repeat(err, &pipe->error) : PLIM_OK;
}

void plim__pipe_pause(plim__pipe *pipe)
{
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    pipe->paused = true;
    plim__tcp_pause(pipe->stream);
}

void plim__pipe_resume(plim__pipe *pipe)
{
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    if (!pipe->paused)
        return;
    pipe->paused = false;
    if (!pipe->ended)
        pipe_pump(pipe);
    if (!pipe->paused && !pipe->ended) /* P1: the window is empty now */
        plim__tcp_resume(pipe->stream);
}

uint64_t plim__pipe_received_bytes(const plim__pipe *pipe)
{
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    return pipe->received_bytes;
}

void plim__pipe_destroy(plim__pipe **pipe_ptr)
{
    if (pipe_ptr == NULL || *pipe_ptr == NULL)
        return;
    plim__pipe *pipe = *pipe_ptr;
    *pipe_ptr = NULL;
    PLIM_CHECK_OBJ(pipe, PLIM__PIPE_MAGIC);
    PLIM_CHECK(!pipe->pumping);
    pipe->ended = true;
    plim__tcp_destroy(&pipe->stream);
    pipe->magic = 0;
    plim__array_free(pipe->allocator, pipe, 1, sizeof *pipe);
}
