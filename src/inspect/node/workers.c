/* SPDX-License-Identifier: MIT */
/*
 * Worker threads of a Node through the NodeWorker domain: a message for a worker goes as a string
 * in a message to the main isolate, and its answers come back the same way. The reply to the outer
 * message says nothing (a wrong session is acknowledged, too), so it is not waited for.
 * Invariant W1: attached is not NULL exactly while attached_id names its session.
 */
#include "inspect/node/workers.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"

enum { WORKERS_FIRST_CAP = 8 };

/* The 2 of "[worker 2] name"; 0 where there is no such thing. */
static uint32_t workers_number(const char *title)
{
    static const char head[] = "[worker ";
    if (strncmp(title, head, sizeof head - 1) != 0)
        return 0;
    uint64_t number = 0;
    const char *at = title + sizeof head - 1;
    for (; *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return *at == ']' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool workers_reserve(plim__node_workers *workers)
{
    if (workers->count < workers->cap)
        return true;
    uint32_t cap = workers->cap == 0 ? WORKERS_FIRST_CAP : workers->cap * 2;
    plim__node_worker *items =
        plim__array_resize(workers->allocator, workers->items, workers->cap, cap, sizeof *items);
    if (items == NULL)
        return false;
    workers->items = items;
    workers->cap = cap;
    return true;
}

/* {"sessionId":"1","workerInfo":{"workerId":"1","title":"[worker 2] name",…},…} */
static plim_status workers_on_attached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__node_workers *workers = ctx;
    const json_t *info = json_object_get(params, "workerInfo");
    const char *session_id = json_string_value(json_object_get(params, "sessionId"));
    const char *title = json_string_value(json_object_get(info, "title"));
    if (session_id == NULL || strlen(session_id) >= PLIM__NODE_SESSION_BYTES ||
        workers->count >= PLIM_WORKERS_MAX)
        return PLIM_OK;
    if (!workers_reserve(workers)) {
        workers->was_refused = true;
        return PLIM_OK;
    }
    plim__node_worker *worker = &workers->items[workers->count++];
    worker->number = title != NULL ? workers_number(title) : 0;
    (void)snprintf(worker->session_id, sizeof worker->session_id, "%s", session_id);
    plim__probe_copy_text(worker->title, sizeof worker->title, title != NULL ? title : "");
    return PLIM_OK;
}

static plim_status workers_on_detached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__node_workers *workers = ctx;
    const char *session_id = json_string_value(json_object_get(params, "sessionId"));
    if (session_id == NULL)
        return PLIM_OK;
    for (uint32_t i = 0; i < workers->count; i++) {
        if (strcmp(workers->items[i].session_id, session_id) == 0) {
            workers->items[i] = workers->items[--workers->count];
            break;
        }
    }
    if (workers->attached != NULL && strcmp(workers->attached_id, session_id) == 0)
        plim__cdp_session_mark_gone(workers->attached, NULL, NULL);
    return PLIM_OK;
}

/* Which of our sessions an answer is for. */
static plim__cdp_session *workers_route(void *ctx, const json_t *params)
{
    const plim__node_workers *workers = ctx;
    const char *session_id = json_string_value(json_object_get(params, "sessionId"));
    if (session_id == NULL || workers->attached == NULL ||
        strcmp(workers->attached_id, session_id) != 0)
        return NULL;
    return workers->attached;
}

static plim_status workers_send(void *ctx, const char *message, size_t len, plim_error *err)
{
    const plim__node_workers *workers = ctx;
    json_t *params =
        json_pack("{s:s, s:s%}", "sessionId", workers->attached_id, "message", message, len);
    if (params == NULL)
        return plim__no_memory(err, "a message to a worker");
    return plim__cdp_post(plim__cdp_main(workers->connection), "NodeWorker.sendMessageToWorker",
                          params, err);
}

plim_status plim__node_workers_start(plim__node_workers *workers, const plim_allocator *allocator,
                                     plim__cdp_connection *connection, uint64_t timeout_ns,
                                     plim_error *err)
{
    PLIM_CHECK(workers != NULL && workers->connection == NULL && connection != NULL);
    *workers = (plim__node_workers){.allocator = allocator, .connection = connection};
    plim__cdp_session *outer = plim__cdp_main(connection);
    plim__cdp_on(outer, "NodeWorker.attachedToWorker", workers_on_attached, workers);
    plim__cdp_on(outer, "NodeWorker.detachedFromWorker", workers_on_detached, workers);
    plim__cdp_set_router(connection, "NodeWorker.receivedMessageFromWorker", "message",
                         workers_route, workers);
    json_t *params = json_pack("{s:b}", "waitForDebuggerOnStart", 0);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    /* The events of those that exist come before the reply. */
    plim_status status = plim__cdp_call(outer, "NodeWorker.enable", params, timeout_ns, NULL, err);
    if (status == PLIM_OK && workers->was_refused)
        status = plim__no_memory(err, "the list of worker threads");
    return status;
}

/* Names those there are, as many as a hint takes. */
static void workers_hint(const plim__node_workers *workers, plim_error *err)
{
    char names[PLIM_ERROR_HINT_BYTES] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < workers->count; i++) {
        int more = snprintf(names + len, sizeof names - len, "%s#worker:%u (%.40s)",
                            len > 0 ? ", " : "there is ", (unsigned)workers->items[i].number,
                            workers->items[i].title);
        if (more < 0 || (size_t)more >= sizeof names - len) {
            names[len] = '\0';
            break;
        }
        len += (size_t)more;
    }
    plim_error_hint(err, "%s", len > 0 ? names : "it has no worker threads now");
}

plim_status plim__node_workers_attach(plim__node_workers *workers, uint32_t number,
                                      plim__cdp_session **out_session, const char **out_title,
                                      plim_error *err)
{
    PLIM_CHECK(workers != NULL && workers->connection != NULL && workers->attached == NULL);
    PLIM_CHECK(out_session != NULL && out_title != NULL);
    for (uint32_t i = 0; i < workers->count; i++) {
        if (workers->items[i].number != number)
            continue;
        (void)snprintf(workers->attached_id, sizeof workers->attached_id, "%s",
                       workers->items[i].session_id);
        plim_status status = plim__cdp_session_create(workers->connection, workers_send, workers,
                                                      &workers->attached, err);
        if (status == PLIM_OK) {
            *out_session = workers->attached;
            *out_title = workers->items[i].title;
        }
        return status;
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no worker thread %u", (unsigned)number);
    workers_hint(workers, err);
    return status;
}

void plim__node_workers_stop(plim__node_workers *workers, bool is_connected)
{
    PLIM_CHECK(workers != NULL);
    if (workers->connection != NULL && is_connected) {
        plim__cdp_session *outer = plim__cdp_main(workers->connection);
        plim__cdp_session_end(&workers->attached);
        plim__cdp_off(outer, "NodeWorker.attachedToWorker");
        plim__cdp_off(outer, "NodeWorker.detachedFromWorker");
    }
    if (workers->items != NULL)
        plim__array_free(workers->allocator, workers->items, workers->cap, sizeof *workers->items);
    *workers = (plim__node_workers){0};
}
