/* SPDX-License-Identifier: MIT */
/*
 * Workers of a Deno. Three ways lead to them, and two leave traces in the process for good:
 *     Target.setAutoAttach      tells of each worker once in its life: whoever comes later is not
 *     NodeWorker.enable         makes every later message of every worker a wrapped one, for all
 *     Target.setDiscoverTargets tells of all of them each time, and is undone by saying false
 * So the third lists them, and the name it gives is that of the session, too. What is sent to one
 * carries that name; what it answers comes flat, or wrapped if somebody was here who used
 * NodeWorker: both are taken. All answers of a worker go to the debugger that connected first.
 */
#include "inspect/deno/workers.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

/* The list comes behind the reply, in one go; this is how long it may take a busy machine. */
static const uint64_t deno_workers_list_ns = 400000000u;

/* {"targetInfo":{"targetId":"2","type":"node_worker","title":"worker [2]","url":"file:///…",…}} */
static plim_status deno_workers_on_created(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__deno_workers *workers = ctx;
    const json_t *info = json_object_get(params, "targetInfo");
    const char *id = json_string_value(json_object_get(info, "targetId"));
    const char *title = json_string_value(json_object_get(info, "title"));
    const char *url = json_string_value(json_object_get(info, "url"));
    uint32_t number = title != NULL ? plim__cdp_worker_number(title, "worker [") : 0;
    if (id == NULL || id[0] == '\0' || number == 0 ||
        plim__cdp_workers_find(&workers->list, id) != NULL)
        return PLIM_OK;
    char shown[PLIM__CDP_WORKER_TITLE_BYTES];
    const char *stroke = url != NULL ? strrchr(url, '/') : NULL;
    (void)snprintf(shown, sizeof shown, "[worker %u] %.200s", (unsigned)number,
                   stroke != NULL ? stroke + 1 : "");
    if (plim__cdp_workers_add(&workers->list, number, id, shown))
        workers->is_there = workers->is_there || number == workers->wanted;
    return PLIM_OK;
}

static plim_status deno_workers_on_destroyed(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__deno_workers *workers = ctx;
    plim__cdp_workers_forget(&workers->list,
                             json_string_value(json_object_get(params, "targetId")));
    return PLIM_OK;
}

static plim_status deno_workers_on_detached(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__deno_workers *workers = ctx;
    plim__cdp_workers_forget(&workers->list,
                             json_string_value(json_object_get(params, "sessionId")));
    return PLIM_OK;
}

plim_status plim__deno_workers_start(plim__deno_workers *workers, const plim_allocator *allocator,
                                     plim__loop *loop, plim__cdp_connection *connection,
                                     uint32_t wanted, uint64_t timeout_ns, plim_error *err)
{
    PLIM_CHECK(workers != NULL);
    plim__cdp_workers_init(&workers->list, allocator, connection);
    workers->wanted = wanted;
    workers->is_there = false;
    plim__cdp_session *main = plim__cdp_main(connection);
    plim__cdp_on(main, "Target.targetCreated", deno_workers_on_created, workers);
    plim__cdp_on(main, "Target.targetDestroyed", deno_workers_on_destroyed, workers);
    plim__cdp_on(main, "NodeWorker.detachedFromWorker", deno_workers_on_detached, workers);
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
    if (status == PLIM_OK && workers->list.was_refused)
        status = plim__no_memory(err, "the list of workers");
    return status;
}

plim_status plim__deno_workers_attach(plim__deno_workers *workers, uint32_t number,
                                      plim__cdp_session **out_session, const char **out_title,
                                      plim_error *err)
{
    PLIM_CHECK(workers != NULL);
    return plim__cdp_workers_attach(&workers->list, number, "worker", NULL, out_session, out_title,
                                    err);
}

void plim__deno_workers_stop(plim__deno_workers *workers, bool is_connected)
{
    PLIM_CHECK(workers != NULL);
    if (workers->list.connection != NULL && is_connected) {
        plim__cdp_session *main = plim__cdp_main(workers->list.connection);
        json_t *params = json_pack("{s:b}", "discover", 0);
        /* Unanswered, as the connection ends now; where it has ended, that is undone, too. */
        if (params != NULL &&
            plim__cdp_post(main, "Target.setDiscoverTargets", params, NULL) != PLIM_OK)
            workers->list.count = 0;
        plim__cdp_workers_detach(&workers->list);
        plim__cdp_off(main, "Target.targetCreated");
        plim__cdp_off(main, "Target.targetDestroyed");
        plim__cdp_off(main, "NodeWorker.detachedFromWorker");
    }
    plim__cdp_workers_fini(&workers->list);
}
