/* SPDX-License-Identifier: MIT */
/*
 * Workers behind one connection: their list, and the one that is attached to.
 * Invariant W1: attached is not NULL exactly while attached_id names its session.
 */
#include "inspect/cdp/workers.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/name_list.h"
#include "inspect/probe.h"

enum { WORKERS_FIRST_CAP = 8 };

uint32_t plim__cdp_worker_number(const char *title, const char *head)
{
    PLIM_CHECK(title != NULL && head != NULL);
    size_t head_len = strlen(head);
    if (strncmp(title, head, head_len) != 0)
        return 0;
    uint64_t number = 0;
    const char *at = title + head_len;
    for (; *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return *at == ']' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* Which of our sessions a wrapped answer is for. */
static plim__cdp_session *workers_route(void *ctx, const json_t *params)
{
    const plim__cdp_workers *workers = ctx;
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    if (id == NULL || workers->attached == NULL || strcmp(workers->attached_id, id) != 0)
        return NULL;
    return workers->attached;
}

void plim__cdp_workers_init(plim__cdp_workers *workers, const plim_allocator *allocator,
                            plim__cdp_connection *connection)
{
    PLIM_CHECK(workers != NULL && workers->connection == NULL && connection != NULL);
    *workers = (plim__cdp_workers){.allocator = allocator, .connection = connection};
    plim__cdp_set_router(connection, "NodeWorker.receivedMessageFromWorker", "message",
                         workers_route, workers);
}

plim__cdp_worker *plim__cdp_workers_find(plim__cdp_workers *workers, const char *session_id)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        if (strcmp(workers->items[i].session_id, session_id) == 0)
            return &workers->items[i];
    }
    return NULL;
}

static bool workers_reserve(plim__cdp_workers *workers)
{
    if (workers->count < workers->cap)
        return true;
    uint32_t cap = workers->cap == 0 ? WORKERS_FIRST_CAP : workers->cap * 2;
    plim__cdp_worker *items =
        plim__array_resize(workers->allocator, workers->items, workers->cap, cap, sizeof *items);
    if (items == NULL)
        return false;
    workers->items = items;
    workers->cap = cap;
    return true;
}

bool plim__cdp_workers_add(plim__cdp_workers *workers, uint32_t number, const char *session_id,
                           const char *title)
{
    PLIM_CHECK(workers != NULL && session_id != NULL && title != NULL);
    if (strlen(session_id) >= PLIM__CDP_WORKER_SESSION_BYTES || workers->count >= PLIM_WORKERS_MAX)
        return false;
    if (!workers_reserve(workers)) {
        workers->was_refused = true;
        return false;
    }
    plim__cdp_worker *worker = &workers->items[workers->count++];
    worker->number = number;
    (void)snprintf(worker->session_id, sizeof worker->session_id, "%s", session_id);
    plim__probe_copy_text(worker->title, sizeof worker->title, title);
    return true;
}

void plim__cdp_workers_forget(plim__cdp_workers *workers, const char *session_id)
{
    if (session_id == NULL)
        return;
    plim__cdp_worker *worker = plim__cdp_workers_find(workers, session_id);
    if (worker != NULL)
        *worker = workers->items[--workers->count];
    if (workers->attached != NULL && strcmp(workers->attached_id, session_id) == 0)
        plim__cdp_session_mark_gone(workers->attached, NULL, NULL);
}

static plim_status workers_not_found(const plim__cdp_workers *workers, uint32_t number,
                                     const char *what, plim_error *err)
{
    plim__name_list names = {0};
    for (uint32_t i = 0; i < workers->count; i++)
        plim__name_list_add(&names, "there is ", "#worker:%u (%.40s)",
                            (unsigned)workers->items[i].number, workers->items[i].title);
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no %s %u", what, (unsigned)number);
    if (names.len > 0)
        plim_error_hint(err, "%s", names.text);
    else
        plim_error_hint(err, "it has no %ss now", what);
    return status;
}

plim_status plim__cdp_workers_attach(plim__cdp_workers *workers, uint32_t number, const char *what,
                                     plim__cdp_send send, plim__cdp_session **out_session,
                                     const char **out_title, plim_error *err)
{
    PLIM_CHECK(workers != NULL && workers->connection != NULL && workers->attached == NULL);
    PLIM_CHECK(what != NULL && out_session != NULL && out_title != NULL);
    const plim__cdp_worker *worker = NULL;
    for (uint32_t i = 0; worker == NULL && i < workers->count; i++)
        worker = workers->items[i].number == number ? &workers->items[i] : NULL;
    if (worker == NULL)
        return workers_not_found(workers, number, what, err);
    (void)snprintf(workers->attached_id, sizeof workers->attached_id, "%s", worker->session_id);
    plim_status status;
    if (send != NULL)
        status =
            plim__cdp_session_create(workers->connection, send, workers, &workers->attached, err);
    else
        status = plim__cdp_session_attach(workers->connection, worker->session_id,
                                          &workers->attached, err);
    if (status == PLIM_OK) {
        *out_session = workers->attached;
        *out_title = worker->title;
    }
    return status;
}

void plim__cdp_workers_detach(plim__cdp_workers *workers)
{
    PLIM_CHECK(workers != NULL && workers->connection != NULL);
    plim__cdp_session_end(&workers->attached);
}

void plim__cdp_workers_fini(plim__cdp_workers *workers)
{
    PLIM_CHECK(workers != NULL);
    if (workers->items != NULL)
        plim__array_free(workers->allocator, workers->items, workers->cap, sizeof *workers->items);
    *workers = (plim__cdp_workers){0};
}
