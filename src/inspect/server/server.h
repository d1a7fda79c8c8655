/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * @brief What the parts of the server share: the heaps shown, the connections, a request's way.
 *
 *   listener -> connection (HTTP, then WebSocket frames) -> request, waiting -> methods -> reply
 *                                                                 snapshot: job, a thread -> frames
 *
 * Callbacks of the loop only take bytes and queue requests; requests are answered between two
 * turns of the loop, by plim_server_run(). Nothing there waits for a client: what is long is a job.
 */
#ifndef PLIM_INSPECT_SERVER_SERVER_H
#define PLIM_INSPECT_SERVER_SERVER_H
#include <plimsoll/serve.h>

#include <jansson.h>

#include "base/limits.h"
#include "inspect/wire/loop.h"

enum {
    PLIM__SERVER_MAGIC = 0x5e7e0001,
    PLIM__SERVED_TITLE_BYTES = 256,
    PLIM__SERVED_ID_BYTES = 37 /* 8-4-4-4-12 hexadecimal digits and a NUL */
};

typedef struct plim__connection plim__connection;
typedef struct plim__frame plim__frame;
typedef struct plim__job plim__job;
typedef struct plim__recording plim__recording;

/** A heap as it is shown. */
typedef struct plim__shown {
    plim_served served; /* title and url point into the arrays below */
    char id[PLIM__SERVED_ID_BYTES];
    char title[PLIM__SERVED_TITLE_BYTES];
    char url[PLIM__SERVED_TITLE_BYTES];
    plim__connection *sampler; /* whose sampling is on; NULL: nobody's */
} plim__shown;

/** What a client has begun and what it was told. */
typedef struct plim__visit {
    plim__job *job;             /**< a snapshot under way; NULL: none */
    plim__recording *recording; /**< NULL: none */
    bool debugger_is_on;
    uint32_t sources_told;
} plim__visit;

struct plim_server {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__loop *loop;
    uint64_t stall_timeout_ns;
    struct plim__listener *listener;
    char address[64];
    struct uv_timer_s *ticker; /* runs while anybody records */
    bool ticker_is_open, ticker_runs;
    plim__shown *shown; /* PLIM_SERVED_MAX of them */
    uint32_t shown_count;
    plim__connection *connections[PLIM_SERVER_CONNECTIONS_MAX]; /* NULL: free */
    /* What stands under a path of HTTP (pages.c); connections do not know what is served. */
    json_t *(*make_page)(const plim_server *server, const char *path, bool *out_found);
    bool has_work; /* a request waits, a job has frames, or a connection is to be put away */
};

/* --- connection.c: one client. Callbacks of the loop end in `requests` or in `is_over`. --- */

/** Takes a client that waits at the listening handle; false if there is no room or no memory: then
 *  it still waits, and libuv tells of no other before it is taken. */
bool plim__connection_accept(plim_server *server, void *listening_handle);

/** Whether it has ended and may be put away. */
bool plim__connection_is_over(const plim__connection *connection);

/** Closes it at once and frees it; turns the loop. Not from inside a callback, and not before what
 *  the visit had begun has been ended. */
void plim__connection_destroy(plim__connection **connection);

/** The next request, the caller's; NULL if none waits. */
json_t *plim__connection_next(plim__connection *connection);

/** The heap it looks at; NULL before the upgrade. */
plim__shown *plim__connection_shown(const plim__connection *connection);

/** What it has begun. */
plim__visit *plim__connection_visit(plim__connection *connection);

/** Whether it reads as fast as we write: much unsent says no. */
bool plim__connection_has_room(const plim__connection *connection);

/** Sends an event or a reply, which it takes; NULL: no memory. Never waits. PLIM_ERR_GONE if the
 *  client has gone or does not read, _NO_MEMORY: either has ended the connection, too, so it may be
 *  left unread. */
plim_status plim__connection_tell(plim__connection *connection, json_t *message, plim_error *err);

/** The same for a frame, which it takes whatever comes of it. */
PLIM_NODISCARD plim_status plim__connection_send_frame(plim__connection *connection,
                                                       plim__frame *frame, plim_error *err);

/** A text message to be: room for cap bytes; NULL: no memory. Threads: any. */
plim__frame *plim__frame_create(const plim_allocator *allocator, size_t cap);
void plim__frame_destroy(plim__frame *frame);
char *plim__frame_text(plim__frame *frame);
size_t plim__frame_length(const plim__frame *frame);
void plim__frame_set_length(plim__frame *frame, size_t length);
plim__frame **plim__frame_next(plim__frame *frame); /**< for lists of them */

/* --- job.c: a snapshot, made on a thread of its own and sent as fast as its client reads ----- */

/** Starts one; takes the samples' array (sample_cap elements of the server's allocator).
 *  PLIM_ERR_NO_MEMORY, and then nothing was taken. */
PLIM_NODISCARD plim_status plim__job_start(plim_server *server, plim__connection *connection,
                                           const json_t *id, bool reports_progress,
                                           plim_write_sample *samples, uint32_t sample_count,
                                           uint32_t sample_cap, plim_error *err);

/** Sends what is ready and has room; at the end the reply, and then the job is no more. */
void plim__job_pump(plim__job **job);

/** Tells it to stop, waits for its thread, and forgets it. */
void plim__job_destroy(plim__job **job);

/* --- methods.c ----------------------------------------------------------------------------- */

/** What a request is answered from. */
typedef struct plim__call {
    plim_server *server;
    plim__connection *connection;
    plim__shown *shown;
    plim__visit *visit;
    const json_t *id;
    const json_t *params; /**< an object, or NULL */
    bool is_later;        /**< a job answers */
    plim_error error;     /**< why it failed; for the client */
} plim__call;

/** Each gives the result, new; NULL: it failed, and the call's error says why, or is_later. */
typedef json_t *plim__method(plim__call *call);

/** Answers one request of a client. Failures of the connection end it, not the server. */
void plim__method_answer(plim_server *server, plim__connection *connection, const json_t *request);

/** The index-th name of a method; NULL past the last one. */
const char *plim__method_name(size_t index);

/* --- pages.c ------------------------------------------------------------------------------- */

/** A page such as /json/list, NULL with *out_found false if there is no such page, NULL with it
 *  true if memory was refused. */
json_t *plim__page_make(const plim_server *server, const char *path, bool *out_found);

/* --- reply.c ------------------------------------------------------------------------------- */

/** The method's reply to a request: for jobs. Takes the result; NULL: the error is sent. */
void plim__method_reply(plim__connection *connection, const json_t *id, json_t *result,
                        const plim_error *error);

/** To what was no request. */
void plim__method_refuse(plim__connection *connection, const char *words);

/** NULL, for a method to give: the words are said if the error has none of its own. */
json_t *plim__method_failed(plim__call *call, plim_status status, const char *words);

/** A line in the client's console: "info" or "warning", and the words. */
void plim__method_note(plim__call *call, const char *type, const char *words);

/** A text as JSON; bytes that are not UTF-8 are replaced. NULL: no memory. */
json_t *plim__method_text(const char *text);

/* --- record.c: sampling and recordings ------------------------------------------------------- */

plim__method plim__method_start_recording, plim__method_stop_recording;
plim__method plim__method_start_sampling, plim__method_stop_sampling, plim__method_read_sampling;

/** Whether anybody records; looks, if it is time. */
bool plim__record_tick(plim_server *server);

/** Ends what a client that goes has begun. */
void plim__record_leave(plim__connection *connection);

/* --- values.c: objects, expressions, sources ------------------------------------------------- */

plim__method plim__method_object, plim__method_object_id, plim__method_properties;
plim__method plim__method_evaluate, plim__method_compile, plim__method_source, plim__method_names;

/** Tells the client of the sources it has not been told of. */
void plim__values_tell_sources(plim__call *call);

/* --- profile.c ------------------------------------------------------------------------------- */

/** As a .heapprofile; NULL: no memory. */
json_t *plim__profile_json(const plim_served_profile *profile);

#endif
