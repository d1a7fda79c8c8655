/* SPDX-License-Identifier: MIT */
/**
 * @file flow.h
 * @brief A long document on its way from a connection to a sink, over two threads.
 *
 * The caller's thread drives the socket and adds what comes; the writer's gives it to the sink and
 * reads it meanwhile, so that what is cut or damaged is found while it passes. Nothing else holds
 * any of it. Where the sink is slower than the target, the queue fills and the connection is not
 * read: the target stands still no longer than it must, and the writer wakes the loop when there
 * is room again.
 * Life: plim__flow_init(); plim__flow_start(); plim__flow_add() and plim__flow_await() until all
 * is there; plim__flow_end(); plim__flow_fini().
 * Thread-safety: the loop's thread, but for the two functions of the writer.
 */
#ifndef PLIM_INSPECT_FLOW_H
#define PLIM_INSPECT_FLOW_H
#include <plimsoll/error.h>
#include <plimsoll/stream.h>

#include <stdatomic.h>

#include "inspect/queue.h"
#include "inspect/wire/loop.h"
#include "platform/thread.h"

/** What a kind of connection does for it; all but `look` not NULL, and with the flow's ctx. */
typedef struct plim__flow_kind {
    void (*pause)(void *ctx);
    void (*resume)(void *ctx);
    uint64_t (*received)(void *ctx); /**< bytes on the connection so far */
    /** Ten times a second: a failure ends the wait with it. NULL: there is nothing to look at. */
    plim_status (*look)(void *ctx, plim_error *err);
    bool (*progress)(void *ctx); /**< likewise; false: the caller wants it no more */
    const char *stalled_hint;    /**< why a target may send nothing */
    /**
     * The writer's thread: reads the document from `source` to its end. What it reads has been
     * given to the sink. A failure before the end came is one of the whole, and ends it; one at the
     * end may be that only the end is missing, of which the connection may know more.
     */
    plim_status (*read)(void *ctx, plim_source source, plim_error *err);
    bool writes_rest; /**< what follows a fault that read() found is written, too */
} plim__flow_kind;

/** One document. Must not move between init and fini. Fields are private. */
typedef struct plim__flow {
    const plim__flow_kind *kind;
    void *ctx;
    plim__loop *loop;
    plim_sink sink; /* write NULL: nothing is written */
    plim__queue *queue;
    uint64_t stall_ns;

    /* The loop's thread. */
    bool is_running;
    bool stop; /* the writer failed: nothing more is wanted */
    _Atomic bool paused;
    uint64_t heard_bytes; /* on the connection, when last looked at */
    uint64_t heard_ns;

    /* The writer's thread. */
    plim__thread writer;
    _Atomic bool writer_failed;
    plim_status writer_status;
    plim_error writer_error;
    const char *block; /* of the queue, what is not read yet */
    size_t block_len;
    bool has_block;
    bool has_ended;          /* there is no more: the end was seen */
    plim_status text_status; /* what read() found at the end */
    plim_error text_error;
} plim__flow;

/** A flow that waits for data no longer than stall_ns. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__flow_init(plim__flow *flow, const plim_allocator *allocator,
                                           plim__loop *loop, const plim__flow_kind *kind, void *ctx,
                                           uint64_t stall_ns, plim_error *err);

/** Starts the writer. `sink.write` NULL: what comes is read, and written nowhere. */
PLIM_NODISCARD plim_status plim__flow_start(plim__flow *flow, plim_sink sink, plim_error *err);

/** Whether the writer has given up: what comes now is wanted by nobody. */
bool plim__flow_has_failed(const plim__flow *flow);

/** The next bytes have come; may pause the connection. PLIM_ERR_NO_MEMORY. */
PLIM_NODISCARD plim_status plim__flow_add(plim__flow *flow, const char *data, size_t len,
                                          plim_error *err);

/**
 * Waits until *done, or the writer has given up (PLIM_OK as well). PLIM_ERR_TIMEOUT: nothing was
 * heard for too long. PLIM_ERR_INTERRUPTED, and what look() says. May be used before the start.
 */
PLIM_NODISCARD plim_status plim__flow_await(plim__flow *flow, const bool *done, plim_error *err);

/**
 * No more will come: hears the writer out, and says what counts of three verdicts. A stop that was
 * asked for is no fault of anybody; then the writer, whose failure ends the rest; then `received`,
 * the connection's, said in `why`; and the document must be whole where that says that it is.
 */
PLIM_NODISCARD plim_status plim__flow_end(plim__flow *flow, plim_status received,
                                          const plim_error *why, plim_error *err);

/** The most bytes that waited at once. */
uint64_t plim__flow_peak_bytes(plim__flow *flow);

/** Frees; of one that runs no longer, or never did. All zero is accepted. */
void plim__flow_fini(plim__flow *flow);

/** Writer, inside read(): the next bytes, which the sink has; waits. Valid until it is asked again.
    False at the end, and where the output failed. What was lent in part by the source is lost. */
bool plim__flow_next(plim__flow *flow, const char **out_data, size_t *out_len);

#endif
