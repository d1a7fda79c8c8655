/* SPDX-License-Identifier: MIT */
/**
 * @file link.h
 * @brief One of many connections of a process that waits on none of them: the supervisor's side.
 *
 * Threads: the loop's. Callbacks come from the loop, never from inside a call made here but
 * plim__link_take_rest(); each may close the link.
 */
#ifndef PLIM_SUPERVISE_CHANNEL_LINK_H
#define PLIM_SUPERVISE_CHANNEL_LINK_H
#include <plimsoll/channel.h>

struct uv_loop_s;

typedef struct plim__link plim__link;

typedef struct plim__link_events {
    void *ctx;
    void (*on_greeted)(void *ctx, const plim_message *peer); /**< before any other message */
    void (*on_message)(void *ctx, const plim_message *message);
    void (*on_end)(void *ctx, plim_status why); /**< once: GONE, TRUNCATED, PROTOCOL, LIMIT, …; the
                                                     link is of no more use, and is to be closed */
} plim__link_events;

typedef struct plim__link_options {
    uint32_t payload_max; /**< of what comes in */
    uint32_t out_max;     /**< bytes that wait to be taken; past them the other side is given up */
    uint32_t capabilities;
    const char *name;
    const plim_allocator *allocator;
    plim__link_events events;
} plim__link_options;

/** Speaks over a connected socket, which is the link's from now on, on PLIM_OK only. */
PLIM_NODISCARD plim_status plim__link_open(struct uv_loop_s *loop, int descriptor,
                                           const plim__link_options *options, plim__link **out_link,
                                           plim_error *err);

/** Sends, or keeps for later. PLIM_ERR_LIMIT: one message is more than the other side takes, and
    nothing was sent; PLIM_ERR_NO_SPACE: it does not read: the link is of no more use, and on_end is
    not called; PLIM_ERR_GONE: it has ended, and on_end tells. */
PLIM_NODISCARD plim_status plim__link_send(plim__link *link, const plim_message *message);

/** No more messages until resume. */
void plim__link_pause(plim__link *link, bool is_paused);

/** Takes what the other side, which has ended, had sent before; calls back from inside. */
void plim__link_take_rest(plim__link *link);

/** Closes; the memory goes back when the loop turns. NULL is accepted. */
void plim__link_close(plim__link **link);

#endif
