/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * @brief What the parts of the server share: the heaps shown, the connections, a request's way.
 *
 *   listener -> connection (HTTP, then WebSocket frames) -> request, waiting -> methods -> reply
 *
 * Callbacks of the loop only take bytes and queue requests; requests are answered between two
 * turns of the loop, by plim_server_run(), so that a long answer may itself turn the loop until
 * its client has read.
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

/** A heap as it is shown. */
typedef struct plim__shown {
    plim_served served; /* title and url point into the arrays below */
    char id[PLIM__SERVED_ID_BYTES];
    char title[PLIM__SERVED_TITLE_BYTES];
    char url[PLIM__SERVED_TITLE_BYTES];
} plim__shown;

struct plim_server {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__loop *loop;
    uint64_t stall_timeout_ns;
    struct plim__listener *listener;
    char address[64];
    plim__shown *shown; /* PLIM_SERVED_MAX of them */
    uint32_t shown_count;
    plim__connection *connections[PLIM_SERVER_CONNECTIONS_MAX]; /* NULL: free */
    bool has_work; /* a request waits, or a connection is to be put away */
};

/* --- connection.c: one client. Callbacks of the loop end in `requests` or in `is_over`. --- */

/** Takes a client that waits at the listening handle; false if there is no room or no memory: then
 *  it still waits, and libuv tells of no other before it is taken. */
bool plim__connection_accept(plim_server *server, void *listening_handle);

/** Whether it has ended and may be put away. */
bool plim__connection_is_over(const plim__connection *connection);

/** Closes it at once and frees it; turns the loop. Not from inside a callback. */
void plim__connection_destroy(plim__connection **connection);

/** The next request, the caller's; NULL if none waits. */
json_t *plim__connection_next(plim__connection *connection);

/** The heap it looks at; NULL before the upgrade. */
plim__shown *plim__connection_shown(const plim__connection *connection);

/** Sends one text message. Waits, turning the loop, while too much is unsent.
 *  PLIM_ERR_GONE if the client has gone or does not read, _INTERRUPTED, _NO_MEMORY. */
PLIM_NODISCARD plim_status plim__connection_send(plim__connection *connection, const char *text,
                                                 size_t length, plim_error *err);

/* --- pages.c ------------------------------------------------------------------------------- */

/** The JSON text of a page such as /json/list, NULL with *out_found false if there is no such
 *  page, NULL with it true if memory was refused. Freed by plim__page_free(). */
char *plim__page_make(plim_server *server, const char *path, bool *out_found);
void plim__page_free(char *text);

/* --- methods.c ----------------------------------------------------------------------------- */

/** Answers one request of a client. Failures of the connection end it, not the server;
 *  PLIM_ERR_INTERRUPTED goes up. */
PLIM_NODISCARD plim_status plim__method_answer(plim_server *server, plim__connection *connection,
                                               const json_t *request, plim_error *err);

#endif
