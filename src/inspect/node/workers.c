/* SPDX-License-Identifier: MIT */
/*
 * Worker threads of a Node through the NodeWorker domain: a message for a worker goes as a string
 * in a message to the main isolate, and its answers come back the same way. The reply to the outer
 * message says nothing (a wrong session is acknowledged, too), so it is not waited for.
 */
#include "inspect/node/workers.h"

#include "base/allocator.h"
#include "base/assert.h"

/* {"sessionId":"1","workerInfo":{"workerId":"1","title":"[worker 2] name",…},…} */
static plim_status workers_on_attached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__cdp_workers *workers = ctx;
    const json_t *info = json_object_get(params, "workerInfo");
    const char *session_id = json_string_value(json_object_get(params, "sessionId"));
    const char *title = json_string_value(json_object_get(info, "title"));
    uint32_t number = title != NULL ? plim__cdp_worker_number(title, "[worker ") : 0;
    if (session_id != NULL)
        (void)plim__cdp_workers_add(workers, number, session_id, title != NULL ? title : "");
    return PLIM_OK;
}

static plim_status workers_on_detached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__cdp_workers_forget(ctx, json_string_value(json_object_get(params, "sessionId")));
    return PLIM_OK;
}

static plim_status workers_send(void *ctx, const char *message, size_t len, plim_error *err)
{
    const plim__cdp_workers *workers = ctx;
    json_t *params =
        json_pack("{s:s, s:s%}", "sessionId", workers->attached_id, "message", message, len);
    if (params == NULL)
        return plim__no_memory(err, "a message to a worker");
    return plim__cdp_post(plim__cdp_main(workers->connection), "NodeWorker.sendMessageToWorker",
                          params, err);
}

plim_status plim__node_workers_start(plim__cdp_workers *workers, const plim_allocator *allocator,
                                     plim__cdp_connection *connection, uint64_t timeout_ns,
                                     plim_error *err)
{
    plim__cdp_workers_init(workers, allocator, connection);
    plim__cdp_session *outer = plim__cdp_main(connection);
    plim__cdp_on(outer, "NodeWorker.attachedToWorker", workers_on_attached, workers);
    plim__cdp_on(outer, "NodeWorker.detachedFromWorker", workers_on_detached, workers);
    json_t *params = json_pack("{s:b}", "waitForDebuggerOnStart", 0);
    if (params == NULL)
        return plim__no_memory(err, "a request");
    /* The events of those that exist come before the reply. */
    plim_status status = plim__cdp_call(outer, "NodeWorker.enable", params, timeout_ns, NULL, err);
    if (status == PLIM_OK && workers->was_refused)
        status = plim__no_memory(err, "the list of worker threads");
    return status;
}

plim_status plim__node_workers_attach(plim__cdp_workers *workers, uint32_t number,
                                      plim__cdp_session **out_session, const char **out_title,
                                      plim_error *err)
{
    return plim__cdp_workers_attach(workers, number, "worker thread", workers_send, out_session,
                                    out_title, err);
}

void plim__node_workers_stop(plim__cdp_workers *workers, bool is_connected)
{
    PLIM_CHECK(workers != NULL);
    if (workers->connection != NULL && is_connected) {
        plim__cdp_session *outer = plim__cdp_main(workers->connection);
        plim__cdp_workers_detach(workers);
        plim__cdp_off(outer, "NodeWorker.attachedToWorker");
        plim__cdp_off(outer, "NodeWorker.detachedFromWorker");
    }
    plim__cdp_workers_fini(workers);
}
