/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * @brief The Chrome DevTools Protocol: one connection, its sessions, calls and events.
 *
 * A connection has a main session; child sessions (a worker) send through a callback that wraps,
 * and get what a router takes out of the parent's messages, or are flat: told by a sessionId.
 * Replies are matched by id alone, in any order; a reply is what has an id, a success what has no
 * error (workerd's have no result).
 * An id is never used twice, so a reply that comes after its call was given up falls on nobody.
 * Handlers run inside a wait and must not call; they note, and the caller acts afterwards.
 * Thread-safety: the loop's thread.
 */
#ifndef PLIM_INSPECT_CDP_SESSION_H
#define PLIM_INSPECT_CDP_SESSION_H
#include "inspect/cdp/carrier.h"
#include "inspect/wire/envelope.h"
#include "inspect/wire/loop.h"

typedef struct plim__cdp_connection plim__cdp_connection;
typedef struct plim__cdp_session plim__cdp_session;

enum { PLIM__CDP_HANDLERS_MAX = 16 }; /* of one session; tracking, snapshots, workers, traces: 8 */

/** An event; params is borrowed and may be NULL. A failure ends the connection with it. */
typedef plim_status (*plim__cdp_handler)(void *ctx, const json_t *params, plim_error *err);

/**
 * Connects to ws://host:port/path. As plim__websocket_connect().
 */
PLIM_NODISCARD plim_status plim__cdp_connect(plim__loop *loop, const plim_allocator *allocator,
                                             const char *host, uint16_t port, const char *path,
                                             uint64_t timeout_ns,
                                             plim__cdp_connection **out_connection,
                                             plim_error *err);

/**
 * The same for a server that speaks first: `listen` registers handlers and routers before the
 * connection stands; not NULL. It may not call.
 */
PLIM_NODISCARD plim_status
plim__cdp_connect_listening(plim__loop *loop, const plim_allocator *allocator, const char *host,
                            uint16_t port, const char *path, uint64_t timeout_ns,
                            void (*listen)(void *ctx, plim__cdp_connection *connection), void *ctx,
                            plim__cdp_connection **out_connection, plim_error *err);

/** Connects over a socket whose messages end with a NUL (--remote-debugging-pipe). As
    plim__pipe_open(). */
PLIM_NODISCARD plim_status plim__cdp_connect_pipe(plim__loop *loop, const plim_allocator *allocator,
                                                  int descriptor,
                                                  plim__cdp_connection **out_connection,
                                                  plim_error *err);

/** How a connection over a runtime's own carrier begins. */
typedef struct plim__cdp_opener {
    void *ctx;
    /** As of plim__cdp_connect_listening(); not NULL. */
    void (*listen)(void *ctx, plim__cdp_connection *connection);
    /** Opens it. The carrier belongs to the connection from then on. */
    plim_status (*open)(void *ctx, plim__cdp_carrier_events events, plim__cdp_carrier *out_carrier,
                        plim_error *err);
} plim__cdp_opener;

/** Connects over whatever `opener` opens; `place` is what errors call it. As opener->open(). */
PLIM_NODISCARD plim_status plim__cdp_connect_over(plim__loop *loop, const plim_allocator *allocator,
                                                  const char *place, const plim__cdp_opener *opener,
                                                  plim__cdp_connection **out_connection,
                                                  plim_error *err);

/** Ends all sessions and the connection. */
void plim__cdp_disconnect(plim__cdp_connection **connection);

/** The main session, borrowed. */
plim__cdp_session *plim__cdp_main(plim__cdp_connection *connection);

/** PLIM_OK while the connection is open; else why it is not. */
PLIM_NODISCARD plim_status plim__cdp_status(const plim__cdp_connection *connection,
                                            plim_error *err);

/** Where the reason why the connection ended holds `part`, `hint` goes with it. Static texts. */
void plim__cdp_explain_end(plim__cdp_connection *connection, const char *part, const char *hint);

/** Ids of calls are from now on such as no other process of this machine has in a connection of
    its own: where others' replies come to us, too, they are not taken for ours. */
void plim__cdp_ids_apart(plim__cdp_connection *connection);

/**
 * Where the bytes of HeapProfiler.addHeapSnapshotChunk go, from whatever session; and those of
 * other strings that plim__cdp_add_stream_rule() named.
 */
typedef struct plim__cdp_stream {
    void *ctx;
    plim_status (*write)(void *ctx, const char *data, size_t len, plim_error *err);
    void (*chunk)(void *ctx); /**< after each whole chunk of V8's */
} plim__cdp_stream;

/** A further string that is streamed, until it is removed; texts are borrowed. */
void plim__cdp_add_stream_rule(plim__cdp_connection *connection, plim__envelope_rule rule);
void plim__cdp_remove_stream_rule(plim__cdp_connection *connection, plim__envelope_rule rule);

/** Messages longer than this are refused before they are sent (PLIM_ERR_LIMIT); 0: none are. */
void plim__cdp_set_message_limit(plim__cdp_connection *connection, size_t bytes);

/** Sets the consumer of snapshot chunks; NULL: they are dropped. Borrowed. */
void plim__cdp_set_stream(plim__cdp_connection *connection, const plim__cdp_stream *stream);

/** Stops and goes on reading the socket; pause may be called inside a stream's write. */
void plim__cdp_pause(plim__cdp_connection *connection);
void plim__cdp_resume(plim__cdp_connection *connection);

/** Bytes received on the connection since it was opened. */
uint64_t plim__cdp_received_bytes(const plim__cdp_connection *connection);

/**
 * Finds the child session a message wrapped in an event is for; NULL drops it. params are those of
 * the event (for Node's workers {"sessionId":…}).
 */
typedef plim__cdp_session *(*plim__cdp_router)(void *ctx, const json_t *params);

/**
 * Unwraps events of this method whose params.key is a message. The first one set is for events of
 * the main session, the second one for events of those it gives: WebKit's workers, whose messages
 * come in a page's.
 */
void plim__cdp_set_router(plim__cdp_connection *connection, const char *method, const char *key,
                          plim__cdp_router router, void *ctx);

/** How a child session sends: message is one JSON object as text. */
typedef plim_status (*plim__cdp_send)(void *ctx, const char *message, size_t len, plim_error *err);

/** Starts a child session. PLIM_ERR_NO_MEMORY. Ended by plim__cdp_session_end() or disconnect. */
PLIM_NODISCARD plim_status plim__cdp_session_create(plim__cdp_connection *connection,
                                                    plim__cdp_send send, void *ctx,
                                                    plim__cdp_session **out_session,
                                                    plim_error *err);

/**
 * Starts a flat child session: its messages carry {"sessionId":id} beside id and method, both ways
 * (Target.attachToTarget with flatten). PLIM_ERR_PROTOCOL where that is no name; else as
 * plim__cdp_session_create().
 */
PLIM_NODISCARD plim_status plim__cdp_session_attach(plim__cdp_connection *connection,
                                                    const char *id, plim__cdp_session **out_session,
                                                    plim_error *err);

/** The other side has ended the child session: calls waiting there, and later ones, fail with
    PLIM_ERR_GONE. The texts are static; NULL: "the worker has ended", and no hint. The first
    reason stays. */
void plim__cdp_session_mark_gone(plim__cdp_session *session, const char *why, const char *hint);

/** PLIM_OK while the session and its connection are there; else why not. */
PLIM_NODISCARD plim_status plim__cdp_session_status(const plim__cdp_session *session,
                                                    plim_error *err);

/** Ends a child session. */
void plim__cdp_session_end(plim__cdp_session **session);

/** Registers a handler of an event of this session; method is borrowed. Replaces an earlier one. */
void plim__cdp_on(plim__cdp_session *session, const char *method, plim__cdp_handler handler,
                  void *ctx);

/** Removes it. */
void plim__cdp_off(plim__cdp_session *session, const char *method);

/**
 * Calls a method and waits for its reply. params is consumed (the reference is taken) on every way
 * out; NULL means {}. *out_result is a new reference the caller ends with json_decref(), an object
 * ({} where the runtime sends none); out_result may be NULL.
 * Fails with PLIM_ERR_TIMEOUT, _INTERRUPTED, _GONE, _PROTOCOL, _NO_MEMORY, and _REFUSED for an
 * error reply, _UNSUPPORTED where that says the method does not exist (-32601).
 */
PLIM_NODISCARD plim_status plim__cdp_call(plim__cdp_session *session, const char *method,
                                          json_t *params, uint64_t timeout_ns, json_t **out_result,
                                          plim_error *err);

/** Sends without waiting for the reply, which is dropped. params is consumed. */
PLIM_NODISCARD plim_status plim__cdp_post(plim__cdp_session *session, const char *method,
                                          json_t *params, plim_error *err);

/** A call in flight. */
typedef struct plim__cdp_request plim__cdp_request;

/** Sends and gives the request to wait for, ended by finish or drop. params is consumed. */
PLIM_NODISCARD plim_status plim__cdp_begin(plim__cdp_session *session, const char *method,
                                           json_t *params, plim__cdp_request **out_request,
                                           plim_error *err);

/** The id it was sent with. */
int plim__cdp_request_id(const plim__cdp_request *request);

/** True once the reply is there or will never come: what to hand to plim__loop_wait(). */
const bool *plim__cdp_done(const plim__cdp_request *request);

/** Result of a request that is done, as plim__cdp_call(); the request is gone. */
PLIM_NODISCARD plim_status plim__cdp_finish(plim__cdp_request **request, json_t **out_result,
                                            plim_error *err);

/** Gives the request up, done or not; a reply that comes later finds nobody. */
void plim__cdp_drop(plim__cdp_request **request);

#endif
