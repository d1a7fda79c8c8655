/* SPDX-License-Identifier: MIT */
/*
 *   SetupInspectorClient ->     <- DidSetupInspectorClient, SetTargetList of each connection
 *   Setup (ids) ->              <- SendMessageToFrontend: Target.targetCreated, …
 *   SendMessageToBackend ->     <- SendMessageToFrontend
 * The lists go on: a page that is in none any more was closed.
 * Invariant S1: while it is paused, window is what came and was not yet given out; the stream below
 * does not read, so its buffer, in which window lies, stays as it is.
 */
#include "inspect/webkit/gtk_socket.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/error_repeat.h"
#include "inspect/wire/tcp.h"
#include "platform/process.h"

enum { PLIM__GTK_SOCKET_MAGIC = 0x16750c01, BINARY_PATH_BYTES = 4096 };

static const uint64_t binary_quiet_ns = 60000000u; /* lists come within a few of these */

struct plim__gtk_socket {
    uint32_t magic;
    plim__loop *loop;
    const plim_allocator *allocator;
    plim__tcp *stream;
    plim__gtk_frames frames;
    plim__cdp_carrier_events events; /* of the carrier; on_data NULL: it is none yet */
    plim__gtk_ids ids;               /* of its page */
    bool is_welcome;
    bool paused;
    bool pumping;
    bool ended;
    bool stirred; /* welcome, a list, or the end: what waits look at */
    plim_error error;
    uint64_t received_bytes;
    const char *window;
    size_t window_len;
    plim__gtk_page *pages;
    uint32_t page_count;
};

/* ---- in ------------------------------------------------------------------------------------ */

static void binary_end(plim__gtk_socket *socket)
{
    if (socket->ended)
        return;
    socket->ended = socket->stirred = true;
    socket->window_len = 0;
    plim__tcp_pause(socket->stream);
    if (socket->events.on_end != NULL)
        socket->events.on_end(socket->events.ctx);
}

static bool binary_lists(const plim__gtk_socket *socket, plim__gtk_ids ids)
{
    for (uint32_t i = 0; i < socket->page_count; i++) {
        if (socket->pages[i].ids.connection == ids.connection &&
            socket->pages[i].ids.target == ids.target)
            return true;
    }
    return false;
}

/* Puts a list in the place of the one that this connection of the server's had. */
static plim_status binary_take_list(plim__gtk_socket *socket)
{
    const plim__gtk_frames *frames = &socket->frames;
    uint32_t kept = 0;
    uint32_t count = 0;
    uint64_t connection = 0;
    plim__gtk_page *news =
        plim__array_new(socket->allocator, PLIM__GTK_PAGES_MAX, sizeof *socket->pages);
    if (news == NULL)
        return plim__no_memory(&socket->error, "a list of pages");
    plim_status status =
        plim__gtk_frames_pages(frames->list, frames->list_len, plim__gtk_frames_is_little(frames),
                               news, PLIM__GTK_PAGES_MAX, &count, &connection, &socket->error);
    for (uint32_t i = 0; status == PLIM_OK && i < socket->page_count; i++) {
        if (socket->pages[i].ids.connection != connection)
            socket->pages[kept++] = socket->pages[i];
    }
    if (status == PLIM_OK) {
        uint32_t room = PLIM__GTK_PAGES_MAX - kept;
        count = count < room ? count : room;
        memcpy(socket->pages + kept, news, count * sizeof *news);
        socket->page_count = kept + count;
        socket->stirred = true;
    }
    plim__array_free(socket->allocator, news, PLIM__GTK_PAGES_MAX, sizeof *news);
    if (status == PLIM_OK && socket->events.on_data != NULL &&
        socket->ids.connection == connection && !binary_lists(socket, socket->ids))
        status = plim_error_set(&socket->error, PLIM_ERR_GONE, "the page was closed");
    return status;
}

static bool binary_is_ours(const plim__gtk_socket *socket)
{
    return socket->events.on_data != NULL &&
           socket->frames.ids.connection == socket->ids.connection &&
           socket->frames.ids.target == socket->ids.target;
}

static plim_status binary_step(plim__gtk_socket *socket)
{
    plim__gtk_step step;
    plim_status status = plim__gtk_frames_step(&socket->frames, socket->window, socket->window_len,
                                               &step, &socket->error);
    if (status != PLIM_OK)
        return status;
    PLIM_CHECK(step.used > 0 && step.used <= socket->window_len);
    socket->window += step.used;
    socket->window_len -= step.used;
    switch (step.what) {
    case PLIM__GTK_NOTHING:
        return PLIM_OK;
    case PLIM__GTK_WELCOME:
        socket->is_welcome = socket->stirred = true;
        return PLIM_OK;
    case PLIM__GTK_LIST:
        return binary_take_list(socket);
    case PLIM__GTK_TEXT:
        if (!binary_is_ours(socket))
            return PLIM_OK;
        return socket->events.on_data(socket->events.ctx, step.text, step.text_len, &socket->error);
    case PLIM__GTK_TEXT_END:
        if (!binary_is_ours(socket))
            return PLIM_OK;
        return socket->events.on_message_end(socket->events.ctx, &socket->error);
    }
    return PLIM_OK;
}

static void binary_pump(plim__gtk_socket *socket)
{
    PLIM_CHECK(!socket->pumping);
    socket->pumping = true;
    while (!socket->paused && !socket->ended && socket->window_len > 0) {
        plim_status status = binary_step(socket);
        if (status == PLIM_OK)
            continue;
        (void)plim_error_set(&socket->error, status, "%s", plim_status_text(status));
        binary_end(socket);
    }
    socket->pumping = false;
}

static void binary_on_bytes(void *ctx, const char *data, size_t len)
{
    plim__gtk_socket *socket = ctx;
    PLIM_CHECK(socket->window_len == 0); /* S1 */
    socket->received_bytes += len;
    socket->window = data;
    socket->window_len = len;
    binary_pump(socket);
}

static void binary_on_stream_end(void *ctx, int uv_error)
{
    (void)uv_error;
    plim__gtk_socket *socket = ctx;
    (void)plim_error_set(&socket->error, PLIM_ERR_GONE, "the browser closed the connection");
    binary_end(socket);
}

/* ---- out ----------------------------------------------------------------------------------- */

static plim_status binary_say(plim__gtk_socket *socket, const char *name, const plim__gtk_ids *ids,
                              const char *text, size_t len, plim_error *err)
{
    char head[5 + PLIM__GTK_NAME_BYTES];
    char place[PLIM__GTK_IDS_BYTES];
    size_t ids_len = ids != NULL ? sizeof place : 0;
    if (len > PLIM_CONTROL_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a message of %zu bytes", len);
    size_t text_len = text != NULL ? len + 1 : 0; /* with its NUL */
    size_t head_len = plim__gtk_frames_head(name, ids_len + text_len, head, sizeof head);
    plim_status status = plim__tcp_write(socket->stream, head, head_len, err);
    if (ids != NULL)
        plim__gtk_frames_ids(*ids, place);
    if (status == PLIM_OK && ids != NULL)
        status = plim__tcp_write(socket->stream, place, sizeof place, err);
    if (status == PLIM_OK && text != NULL)
        status = plim__tcp_write(socket->stream, text, len, err);
    if (status == PLIM_OK && text != NULL)
        status = plim__tcp_write(socket->stream, "", 1, err);
    return status;
}

/* ---- the carrier --------------------------------------------------------------------------- */

static plim_status binary_status(const void *self, plim_error *err)
{
    const plim__gtk_socket *socket = self;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    return socket->ended ? plim__error_repeat(err, &socket->error) : PLIM_OK;
}

static plim_status binary_send(void *self, const char *text, size_t len, plim_error *err)
{
    plim__gtk_socket *socket = self;
    plim_status status = binary_status(socket, err);
    if (status == PLIM_OK)
        status = binary_say(socket, "SendMessageToBackend", &socket->ids, text, len, err);
    return status;
}

static void binary_pause(void *self)
{
    plim__gtk_socket *socket = self;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    socket->paused = true;
    plim__tcp_pause(socket->stream);
}

static void binary_resume(void *self)
{
    plim__gtk_socket *socket = self;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    if (!socket->paused)
        return;
    socket->paused = false;
    if (!socket->ended)
        binary_pump(socket);
    if (!socket->paused && !socket->ended) /* S1: the window is empty now */
        plim__tcp_resume(socket->stream);
}

static uint64_t binary_received(const void *self)
{
    const plim__gtk_socket *socket = self;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    return socket->received_bytes;
}

static void binary_destroy(void *self)
{
    plim__gtk_socket *socket = self;
    if (!socket->ended) /* so that the page knows; the server sees the end by itself, too */
        (void)binary_say(socket, "FrontendDidClose", &socket->ids, NULL, 0, NULL);
    plim__gtk_socket_close(&socket);
}

static const plim__cdp_carrier_table binary_carrier = {
    .send = binary_send,
    .status = binary_status,
    .pause = binary_pause,
    .resume = binary_resume,
    .received_bytes = binary_received,
    .destroy = binary_destroy,
};

plim_status plim__gtk_socket_begin(plim__gtk_socket **binary_ptr, const char *path,
                                   plim__cdp_carrier_events events, plim__cdp_carrier *out_carrier,
                                   plim_error *err)
{
    plim__gtk_socket *socket = *binary_ptr;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    PLIM_CHECK(path != NULL && events.on_data != NULL && out_carrier != NULL);
    const plim__gtk_page *page = NULL;
    for (uint32_t i = 0; i < socket->page_count && page == NULL; i++)
        page = strcmp(socket->pages[i].path, path) == 0 ? &socket->pages[i] : NULL;
    plim_status status = binary_status(socket, err);
    if (status == PLIM_OK && page == NULL)
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "the page is not listed any more");
    if (status == PLIM_OK) {
        socket->ids = page->ids;
        status = binary_say(socket, "Setup", &socket->ids, NULL, 0, err);
    }
    if (status != PLIM_OK) {
        plim__gtk_socket_close(binary_ptr);
        return status;
    }
    socket->events = events;
    *out_carrier = (plim__cdp_carrier){&binary_carrier, socket};
    *binary_ptr = NULL;
    return PLIM_OK;
}

/* ---- a connection -------------------------------------------------------------------------- */

/* Until something stirs. PLIM_ERR_TIMEOUT, _INTERRUPTED, or what ended it, without a word. */
static plim_status binary_await_stir(plim__gtk_socket *socket, uint64_t deadline_ns)
{
    plim_status status = plim__loop_wait(socket->loop, &socket->stirred, deadline_ns);
    socket->stirred = false;
    return status == PLIM_OK && socket->ended ? socket->error.status : status;
}

plim_status plim__gtk_socket_open(plim__loop *loop, const plim_allocator *allocator,
                                  const char *host, uint16_t port, uint64_t timeout_ns,
                                  plim__gtk_socket **out_socket, plim_error *err)
{
    PLIM_CHECK(loop != NULL && out_socket != NULL);
    uint64_t deadline_ns = plim__loop_deadline(timeout_ns);
    plim__gtk_socket *socket = plim__array_new_zero(allocator, 1, sizeof *socket);
    if (socket == NULL)
        return plim__no_memory(err, "a connection");
    socket->magic = PLIM__GTK_SOCKET_MAGIC;
    socket->loop = loop;
    socket->allocator = socket->frames.allocator = allocator;
    socket->pages = plim__array_new(allocator, PLIM__GTK_PAGES_MAX, sizeof *socket->pages);
    plim_status status =
        socket->pages != NULL ? PLIM_OK : plim__no_memory(err, "the list of pages");
    plim__tcp_events below = {socket, binary_on_bytes, binary_on_stream_end};
    if (status == PLIM_OK)
        status = plim__tcp_connect(loop, allocator, host, port, deadline_ns, below, &socket->stream,
                                   err);
    if (status == PLIM_OK) /* (ay): which commands we know; it sends those it has anyway */
        status = binary_say(socket, "SetupInspectorClient", NULL, "", 0, err);
    while (status == PLIM_OK && !socket->is_welcome) {
        status = binary_await_stir(socket, deadline_ns);
        if (status == PLIM_ERR_GONE)
            status = PLIM_ERR_PROTOCOL; /* it hung up: it is another kind of server */
        if (status != PLIM_OK)
            status = plim_error_set(err, status, "%s:%u does not answer as WebKit's inspector",
                                    host, (unsigned)port);
    }
    if (status == PLIM_OK)
        *out_socket = socket;
    else
        plim__gtk_socket_close(&socket);
    return status;
}

plim_status plim__gtk_socket_pages(plim__gtk_socket *socket, uint64_t timeout_ns,
                                   const plim__gtk_page **out_pages, uint32_t *out_count,
                                   plim_error *err)
{
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    PLIM_CHECK(out_pages != NULL && out_count != NULL);
    uint64_t end_ns = plim__loop_deadline(timeout_ns);
    plim_status status;
    do { /* until there is one, and then until it is quiet */
        uint64_t quiet_ns = plim__loop_deadline(binary_quiet_ns);
        bool is_last = socket->page_count > 0 && quiet_ns < end_ns;
        status = binary_await_stir(socket, is_last ? quiet_ns : end_ns);
    } while (status == PLIM_OK);
    if (status == PLIM_ERR_INTERRUPTED)
        return plim_error_set(err, status, "interrupted while listing pages");
    if (status != PLIM_ERR_TIMEOUT)
        return plim__error_repeat(err, &socket->error);
    *out_pages = socket->pages;
    *out_count = socket->page_count;
    return PLIM_OK;
}

void plim__gtk_socket_close(plim__gtk_socket **binary_ptr)
{
    if (binary_ptr == NULL || *binary_ptr == NULL)
        return;
    plim__gtk_socket *socket = *binary_ptr;
    *binary_ptr = NULL;
    PLIM_CHECK_OBJ(socket, PLIM__GTK_SOCKET_MAGIC);
    PLIM_CHECK(!socket->pumping);
    socket->ended = true;
    plim__tcp_destroy(&socket->stream);
    plim__gtk_frames_fini(&socket->frames);
    plim__array_free(socket->allocator, socket->pages, PLIM__GTK_PAGES_MAX, sizeof *socket->pages);
    socket->magic = 0;
    plim__array_free(socket->allocator, socket, 1, sizeof *socket);
}

/* ---- company ------------------------------------------------------------------------------- */

typedef struct binary_search {
    plim__listeners *connections;
    int64_t browser;
    int64_t found;
} binary_search;

/* The browser and its page processes are connected to its server, too. */
static bool binary_is_browsers(const binary_search *search, int64_t pid)
{
    char path[BINARY_PATH_BYTES];
    if (pid == search->browser || pid == plim__process_self() ||
        plim__process_executable(pid, path, sizeof path) != PLIM_OK)
        return true;
    const char *name = plim__probe_base_name(path);
    return strncmp(name, "WebKit", 6) == 0 && strstr(name, "Process") != NULL;
}

/* With WEBKIT_INSPECTOR_HTTP_SERVER a browser has such a server, too, at a port of its own choice,
 * and is that server's client itself, beside telling it of its pages. It dies if it is robbed. */
static bool binary_has_own_client(const binary_search *search)
{
    uint32_t indexes[2];
    uint32_t count = 0;
    return plim__process_listeners(search->browser, search->connections, indexes, 2, &count) ==
               PLIM_OK &&
           count > 1;
}

static bool binary_visit(void *ctx, int64_t pid)
{
    binary_search *search = ctx;
    uint32_t index = 0;
    uint32_t count = 0;
    if (!binary_is_browsers(search, pid) &&
        plim__process_listeners(pid, search->connections, &index, 1, &count) == PLIM_OK &&
        count > 0)
        search->found = pid;
    return search->found == 0;
}

int64_t plim__gtk_socket_company(const plim_allocator *allocator, uint16_t port)
{
    plim__listeners connections;
    binary_search search = {.connections = &connections};
    uint32_t kept = 0;
    if (plim__port_owner(allocator, port, &search.browser) != PLIM_OK)
        return 0; /* a tunnel's end, or another user's */
    plim_status status = plim__connections_read(allocator, &connections);
    for (uint32_t i = 0; status == PLIM_OK && i < connections.count; i++) {
        if (connections.items[i].port == port)
            connections.items[kept++] = connections.items[i];
    }
    if (status == PLIM_OK) {
        connections.count = kept;
        if (binary_has_own_client(&search))
            search.found = search.browser;
        else
            (void)plim__process_each(binary_visit, &search);
    }
    plim__listeners_fini(&connections);
    return search.found;
}
