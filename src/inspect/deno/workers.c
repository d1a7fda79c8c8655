/* SPDX-License-Identifier: MIT */
/*
 * Workers of a Deno. Three ways lead to them, and two leave traces in the process for good:
 *     Target.setAutoAttach      tells of each worker once in its life: whoever comes later is not
 *     NodeWorker.enable         makes every later message of every worker a wrapped one, for all
 *     Target.setDiscoverTargets tells of all of them each time, and is undone by saying false
 * So the third lists them, and the name it gives is that of the session, too. What is sent to one
 * carries that name; what it answers comes flat, or wrapped if somebody was here who used
 * NodeWorker: both are taken. All answers of a worker go to the debugger that connected first.
 * Invariant W1: attached is not NULL exactly while attached_id names its session.
 */
#include "inspect/deno/workers.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/probe.h"

enum { WORKERS_FIRST_CAP = 8 };

/* The list comes behind the reply, in one go; this is how long it may take a busy machine. */
static const uint64_t deno_workers_list_ns = 400000000u;

/* The 2 of "worker [2]"; 0 where there is no such thing. */
static uint32_t deno_workers_number(const char *title)
{
    static const char head[] = "worker [";
    if (strncmp(title, head, sizeof head - 1) != 0)
        return 0;
    uint64_t number = 0;
    const char *at = title + sizeof head - 1;
    for (; *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return *at == ']' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static plim__deno_worker *deno_workers_find(plim__deno_workers *workers, const char *session_id)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        if (strcmp(workers->items[i].session_id, session_id) == 0)
            return &workers->items[i];
    }
    return NULL;
}

static bool deno_workers_reserve(plim__deno_workers *workers)
{
    if (workers->count < workers->cap)
        return true;
    uint32_t cap = workers->cap == 0 ? WORKERS_FIRST_CAP : workers->cap * 2;
    plim__deno_worker *items =
        plim__array_resize(workers->allocator, workers->items, workers->cap, cap, sizeof *items);
    if (items == NULL)
        return false;
    workers->items = items;
    workers->cap = cap;
    return true;
}

/* {"targetInfo":{"targetId":"2","type":"node_worker","title":"worker [2]","url":"file:///…",…}} */
static plim_status deno_workers_on_created(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__deno_workers *workers = ctx;
    const json_t *info = json_object_get(params, "targetInfo");
    const char *id = json_string_value(json_object_get(info, "targetId"));
    const char *title = json_string_value(json_object_get(info, "title"));
    const char *url = json_string_value(json_object_get(info, "url"));
    uint32_t number = title != NULL ? deno_workers_number(title) : 0;
    if (id == NULL || id[0] == '\0' || strlen(id) >= PLIM__DENO_SESSION_BYTES || number == 0 ||
        workers->count >= PLIM_WORKERS_MAX || deno_workers_find(workers, id) != NULL)
        return PLIM_OK;
    if (!deno_workers_reserve(workers)) {
        workers->was_refused = true;
        return PLIM_OK;
    }
    char shown[PLIM__DENO_TITLE_BYTES];
    const char *stroke = url != NULL ? strrchr(url, '/') : NULL;
    (void)snprintf(shown, sizeof shown, "[worker %u] %.200s", (unsigned)number,
                   stroke != NULL ? stroke + 1 : "");
    plim__deno_worker *worker = &workers->items[workers->count++];
    worker->number = number;
    (void)snprintf(worker->session_id, sizeof worker->session_id, "%s", id);
    plim__probe_copy_text(worker->title, sizeof worker->title, shown);
    workers->is_there = workers->is_there || number == workers->wanted;
    return PLIM_OK;
}

static void deno_workers_forget(plim__deno_workers *workers, const char *id)
{
    plim__deno_worker *worker = id != NULL ? deno_workers_find(workers, id) : NULL;
    if (worker != NULL)
        *worker = workers->items[--workers->count];
    if (id != NULL && workers->attached != NULL && strcmp(workers->attached_id, id) == 0)
        plim__cdp_session_mark_gone(workers->attached, NULL, NULL);
}

static plim_status deno_workers_on_destroyed(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    deno_workers_forget(ctx, json_string_value(json_object_get(params, "targetId")));
    return PLIM_OK;
}

static plim_status deno_workers_on_detached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    deno_workers_forget(ctx, json_string_value(json_object_get(params, "sessionId")));
    return PLIM_OK;
}

/* Whose answer a wrapped one is. */
static plim__cdp_session *deno_workers_route(void *ctx, const json_t *params)
{
    const plim__deno_workers *workers = ctx;
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    if (id == NULL || workers->attached == NULL || strcmp(workers->attached_id, id) != 0)
        return NULL;
    return workers->attached;
}

plim_status plim__deno_workers_start(plim__deno_workers *workers, const plim_allocator *allocator,
                                     plim__loop *loop, plim__cdp_connection *connection,
                                     uint32_t wanted, uint64_t timeout_ns, plim_error *err)
{
    PLIM_CHECK(workers != NULL && workers->connection == NULL && connection != NULL);
    *workers =
        (plim__deno_workers){.allocator = allocator, .connection = connection, .wanted = wanted};
    plim__cdp_session *main = plim__cdp_main(connection);
    plim__cdp_on(main, "Target.targetCreated", deno_workers_on_created, workers);
    plim__cdp_on(main, "Target.targetDestroyed", deno_workers_on_destroyed, workers);
    plim__cdp_on(main, "NodeWorker.detachedFromWorker", deno_workers_on_detached, workers);
    plim__cdp_set_router(connection, "NodeWorker.receivedMessageFromWorker", "message",
                         deno_workers_route, workers);
    json_t *params = json_pack("{s:b}", "discover", 1);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    plim_status status =
        plim__cdp_call(main, "Target.setDiscoverTargets", params, timeout_ns, NULL, err);
    if (status == PLIM_OK)
        status =
            plim__loop_wait(loop, &workers->is_there, plim__loop_deadline(deno_workers_list_ns));
    if (status == PLIM_ERR_TIMEOUT)
        status = PLIM_OK; /* these are all; attach() says whether the wanted one is among them */
    else if (status == PLIM_ERR_INTERRUPTED)
        (void)plim_error_set(err, status, "interrupted while listing workers");
    if (status == PLIM_OK && workers->was_refused)
        status = plim__no_memory(err, "the list of workers");
    return status;
}

/* Names those there are, as many as a hint takes. */
static void deno_workers_hint(const plim__deno_workers *workers, plim_error *err)
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
    plim_error_hint(err, "%s", len > 0 ? names : "it has no workers now");
}

plim_status plim__deno_workers_attach(plim__deno_workers *workers, uint32_t number,
                                      plim__cdp_session **out_session, const char **out_title,
                                      plim_error *err)
{
    PLIM_CHECK(workers != NULL && workers->connection != NULL && workers->attached == NULL);
    PLIM_CHECK(out_session != NULL && out_title != NULL);
    for (uint32_t i = 0; i < workers->count; i++) {
        const plim__deno_worker *worker = &workers->items[i];
        if (worker->number != number)
            continue;
        (void)snprintf(workers->attached_id, sizeof workers->attached_id, "%s", worker->session_id);
        plim_status status = plim__cdp_session_attach(workers->connection, worker->session_id,
                                                      &workers->attached, err);
        if (status == PLIM_OK) {
            *out_session = workers->attached;
            *out_title = worker->title;
        }
        return status;
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "there is no worker %u", (unsigned)number);
    deno_workers_hint(workers, err);
    return status;
}

void plim__deno_workers_stop(plim__deno_workers *workers, bool is_connected)
{
    PLIM_CHECK(workers != NULL);
    if (workers->connection != NULL && is_connected) {
        plim__cdp_session *main = plim__cdp_main(workers->connection);
        json_t *params = json_pack("{s:b}", "discover", 0);
        /* Unanswered, as the connection ends now; where it has ended, that is undone, too. */
        if (params != NULL &&
            plim__cdp_post(main, "Target.setDiscoverTargets", params, NULL) != PLIM_OK)
            workers->count = 0;
        plim__cdp_session_end(&workers->attached);
        plim__cdp_off(main, "Target.targetCreated");
        plim__cdp_off(main, "Target.targetDestroyed");
        plim__cdp_off(main, "NodeWorker.detachedFromWorker");
    }
    if (workers->items != NULL)
        plim__array_free(workers->allocator, workers->items, workers->cap, sizeof *workers->items);
    *workers = (plim__deno_workers){0};
}
