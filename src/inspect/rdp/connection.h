/* SPDX-License-Identifier: MIT */
/**
 * @file connection.h
 * @brief Firefox's remote debugging protocol: one connection, requests to actors, events of them.
 *
 * Packets have no numbers: an actor answers its requests in their order. What a request is
 * answered with is told beforehand (a reply without a type, one of a certain type, or a bulk
 * packet), so that events of the same actor are told from replies, and a packet that fits nothing
 * is found: then the two sides are out of step, and the connection ends with PLIM_ERR_PROTOCOL.
 * Actors die with their page or process: those of a process are failed when Firefox says that it
 * has gone; those of a page are silent, and plim__rdp_retire() is for them.
 * Handlers run inside a wait and must not call; they note, and the caller acts afterwards.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_RDP_CONNECTION_H
#define PLIM_INSPECT_RDP_CONNECTION_H
#include <jansson.h>

#include "inspect/rdp/packet.h"
#include "inspect/wire/loop.h"

typedef struct plim__rdp plim__rdp;
typedef struct plim__rdp_request plim__rdp_request;

/** Where to connect: a path of a socket, or else host and port. */
typedef struct plim__rdp_place {
    const char *path; /**< NULL: host and port */
    const char *host;
    uint16_t port;
} plim__rdp_place;

/**
 * Connects and waits for the greeting, which comes without a request.
 * As plim__tcp_connect(); PLIM_ERR_PROTOCOL: what came is no greeting; PLIM_ERR_TIMEOUT: none came.
 */
PLIM_NODISCARD plim_status plim__rdp_connect(plim__loop *loop, const plim_allocator *allocator,
                                             const plim__rdp_place *place, uint64_t timeout_ns,
                                             plim__rdp **out_rdp, plim_error *err);

/** Ends all requests and the connection. */
void plim__rdp_disconnect(plim__rdp **rdp);

/** PLIM_OK while the connection is open; else why it is not. */
PLIM_NODISCARD plim_status plim__rdp_status(const plim__rdp *rdp, plim_error *err);

/** An event; packet is borrowed. A failure ends the connection with it. */
typedef plim_status (*plim__rdp_handler)(void *ctx, const char *actor, const char *type,
                                         const json_t *packet, plim_error *err);

/** Sets who gets the events; NULL: nobody. */
void plim__rdp_on_event(plim__rdp *rdp, plim__rdp_handler handler, void *ctx);

/** Where the bytes of a bulk reply go. */
typedef struct plim__rdp_stream {
    void *ctx;
    plim_status (*begin)(void *ctx, uint64_t len, plim_error *err);
    plim_status (*write)(void *ctx, const char *data, size_t len, plim_error *err);
} plim__rdp_stream;

/** A request to an actor. */
typedef struct plim__rdp_ask {
    const char *actor;
    const char *type;
    json_t *members;                /**< further members; consumed on every way out; NULL: none */
    const char *reply_type;         /**< the reply's type; NULL: it has none */
    const plim__rdp_stream *stream; /**< the reply is a bulk packet; borrowed until done or drop */
} plim__rdp_ask;

/** Sends and gives the request to wait for, ended by finish or drop. */
PLIM_NODISCARD plim_status plim__rdp_begin(plim__rdp *rdp, const plim__rdp_ask *ask,
                                           plim__rdp_request **out_request, plim_error *err);

/** True once the reply is there or will never come: what to hand to plim__loop_wait(). */
const bool *plim__rdp_done(const plim__rdp_request *request);

/**
 * The reply of a request that is done, a new reference (out_reply may be NULL); the request is
 * gone. PLIM_ERR_GONE: the actor or the connection has gone; _REFUSED: an error reply,
 * _UNSUPPORTED where that says that the request is not known; _PROTOCOL.
 */
PLIM_NODISCARD plim_status plim__rdp_finish(plim__rdp_request **request, json_t **out_reply,
                                            plim_error *err);

/** Gives the request up, done or not; a reply that comes later falls on nobody. */
void plim__rdp_drop(plim__rdp_request **request);

/** begin, wait, finish. Also PLIM_ERR_TIMEOUT and _INTERRUPTED. */
PLIM_NODISCARD plim_status plim__rdp_call(plim__rdp *rdp, const plim__rdp_ask *ask,
                                          uint64_t timeout_ns, json_t **out_reply, plim_error *err);

/** An actor that is of no more use: what waits for it fails with PLIM_ERR_GONE, and what it may
    still say is passed by. */
void plim__rdp_retire(plim__rdp *rdp, const char *actor);

/** Stops and goes on reading the socket; pause may be called inside a stream's write. */
void plim__rdp_pause(plim__rdp *rdp);
void plim__rdp_resume(plim__rdp *rdp);

/** Bytes received on the connection since it was opened. */
uint64_t plim__rdp_received_bytes(const plim__rdp *rdp);

#endif
