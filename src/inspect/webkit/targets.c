/* SPDX-License-Identifier: MIT */
/*
 * Everything a page says comes wrapped in Target.dispatchMessageFromTarget, and its workers' words
 * once more in Worker.dispatchMessageFromWorker; what goes out is wrapped the same way. The wire
 * takes the wrapping apart as it comes (cdp/session.h), so here is only whose words they are.
 *
 * A navigation to another process announces a provisional target and then commits it: the old page
 * and its heap are gone, calls that wait for it fail, and the next call finds the new one.
 * Handlers only note; plim__gtk_targets_renew() acts.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/webkit/gtk.h"

static const uint64_t targets_call_timeout_ns = 10000000000u;

static void targets_copy(char *out, const char *id)
{
    (void)snprintf(out, PLIM__GTK_ID_BYTES, "%s", id != NULL ? id : "");
}

static const char *targets_text(const json_t *params, const char *key)
{
    const char *text = json_string_value(json_object_get(params, key));
    return text != NULL && strlen(text) < PLIM__GTK_ID_BYTES ? text : NULL;
}

/* ---- out ----------------------------------------------------------------------------------- */

static plim_status targets_wrap(plim__cdp_session *outer, const char *method, const char *id_key,
                                const char *id, const char *message, size_t len, plim_error *err)
{
    json_t *params = json_pack("{s:s,s:s%}", id_key, id, "message", message, len);
    if (params == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a request");
    return plim__cdp_post(outer, method, params, err);
}

static plim_status targets_send_page(void *ctx, const char *message, size_t len, plim_error *err)
{
    plim__gtk_targets *targets = ctx;
    return targets_wrap(plim__cdp_main(targets->target->cdp.connection),
                        "Target.sendMessageToTarget", "targetId", targets->page_id, message, len,
                        err);
}

static plim_status targets_send_worker(void *ctx, const char *message, size_t len, plim_error *err)
{
    plim__gtk_targets *targets = ctx;
    return targets_wrap(targets->page, "Worker.sendMessageToWorker", "workerId",
                        targets->worker_ids[targets->worker_number - 1], message, len, err);
}

/* ---- in ------------------------------------------------------------------------------------ */

static plim__cdp_session *targets_route_page(void *ctx, const json_t *params)
{
    plim__gtk_targets *targets = ctx;
    const char *id = targets_text(params, "targetId");
    bool is_ours = id != NULL && !targets->page_is_new && strcmp(id, targets->page_id) == 0;
    return is_ours ? targets->page : NULL;
}

static plim__cdp_session *targets_route_worker(void *ctx, const json_t *params)
{
    plim__gtk_targets *targets = ctx;
    const char *id = targets_text(params, "workerId");
    bool is_ours = id != NULL && targets->worker != NULL &&
                   strcmp(id, targets->worker_ids[targets->worker_number - 1]) == 0;
    return is_ours ? targets->worker : NULL;
}

/* The page that there was is gone: whoever waits for it waits no longer. */
static void targets_page_ends(plim__gtk_targets *targets, const char *why)
{
    if (targets->worker != NULL)
        plim__cdp_session_mark_gone(targets->worker, why, NULL);
    if (targets->page != NULL)
        plim__cdp_session_mark_gone(targets->page, why, NULL);
    targets->worker_count = 0;
}

static void targets_take_page(plim__gtk_targets *targets, const char *id)
{
    targets_copy(targets->page_id, id);
    targets->has_page = true;
    targets->page_is_new = true;
}

static plim_status targets_on_created(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__gtk_targets *targets = ctx;
    const json_t *info = json_object_get(params, "targetInfo");
    const char *id = targets_text(info, "targetId");
    const char *type = json_string_value(json_object_get(info, "type"));
    bool is_provisional = json_is_true(json_object_get(info, "isProvisional"));
    if (id != NULL && type != NULL && !is_provisional && !targets->has_page &&
        (strcmp(type, "page") == 0 || strcmp(type, "javascript") == 0 ||
         strcmp(type, "service-worker") == 0))
        targets_take_page(targets, id);
    return PLIM_OK;
}

static plim_status targets_on_commit(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__gtk_targets *targets = ctx;
    const char *old = targets_text(params, "oldTargetId");
    const char *new = targets_text(params, "newTargetId");
    if (old == NULL || new == NULL || strcmp(old, targets->page_id) != 0)
        return PLIM_OK;
    targets_page_ends(targets, "the page was navigated to another process, and its heap is gone");
    targets_take_page(targets, new);
    return PLIM_OK;
}

static plim_status targets_on_destroyed(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__gtk_targets *targets = ctx;
    const char *id = targets_text(params, "targetId");
    if (id == NULL || strcmp(id, targets->page_id) != 0)
        return PLIM_OK;
    targets_page_ends(targets, "the page was closed, or has crashed");
    targets->has_page = false;
    targets->page_id[0] = '\0';
    return PLIM_OK;
}

static plim_status targets_on_worker(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__gtk_targets *targets = ctx;
    const char *id = targets_text(params, "workerId");
    if (id != NULL && targets->worker_count < PLIM__GTK_WORKERS_MAX)
        targets_copy(targets->worker_ids[targets->worker_count++], id);
    return PLIM_OK;
}

static plim_status targets_on_worker_end(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    plim__gtk_targets *targets = ctx;
    const char *id = targets_text(params, "workerId");
    if (id != NULL && targets->worker != NULL &&
        strcmp(id, targets->worker_ids[targets->worker_number - 1]) == 0)
        plim__cdp_session_mark_gone(targets->worker, "the worker has ended", NULL);
    return PLIM_OK;
}

/* ---- sessions -------------------------------------------------------------------------------- */

void plim__gtk_targets_start(plim__gtk_targets *targets, plim__cdp_connection *connection)
{
    plim__cdp_session *main = plim__cdp_main(connection);
    plim__cdp_set_router(connection, "Target.dispatchMessageFromTarget", "message",
                         targets_route_page, targets);
    plim__cdp_set_router(connection, "Worker.dispatchMessageFromWorker", "message",
                         targets_route_worker, targets);
    plim__cdp_on(main, "Target.targetCreated", targets_on_created, targets);
    plim__cdp_on(main, "Target.didCommitProvisionalTarget", targets_on_commit, targets);
    plim__cdp_on(main, "Target.targetDestroyed", targets_on_destroyed, targets);
}

plim_status plim__gtk_targets_await(plim__gtk_targets *targets, uint64_t timeout_ns,
                                    plim_error *err)
{
    plim_target *target = targets->target;
    plim_status status =
        plim__loop_wait(target->loop, &targets->has_page, plim__loop_deadline(timeout_ns));
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the connection announces no page");
    return plim__gtk_targets_renew(targets, err);
}

plim_status plim__gtk_targets_renew(plim__gtk_targets *targets, plim_error *err)
{
    plim_target *target = targets->target;
    if (!targets->has_page)
        return plim_error_set(err, PLIM_ERR_GONE, "the page was closed, or has crashed");
    if (!targets->page_is_new)
        return PLIM_OK;
    plim__cdp_session_end(&targets->worker);
    plim__cdp_session_end(&targets->page);
    plim_status status = plim__cdp_session_create(target->cdp.connection, targets_send_page,
                                                  targets, &targets->page, err);
    if (status != PLIM_OK)
        return status;
    targets->page_is_new = false;
    target->cdp.session = targets->page;
    target->cdp.busy = false;
    plim__webkit_state_reset(target);
    plim__cdp_on(targets->page, "Worker.workerCreated", targets_on_worker, targets);
    plim__cdp_on(targets->page, "Worker.workerTerminated", targets_on_worker_end, targets);
    return PLIM_OK;
}

plim_status plim__gtk_targets_attach(plim__gtk_targets *targets, uint32_t number, plim_error *err)
{
    plim_target *target = targets->target;
    plim_status status =
        plim__cdp_call(targets->page, "Worker.enable", NULL,
                       plim__target_timeout(target, targets_call_timeout_ns), NULL, err);
    if (status != PLIM_OK)
        return status;
    if (number == 0 || number > targets->worker_count) {
        status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "the page has %u workers, and no #%u",
                                targets->worker_count, number);
        plim_error_hint(err, "leave out #worker:%u for the page itself", number);
        return status;
    }
    targets->worker_number = number;
    status = plim__cdp_session_create(target->cdp.connection, targets_send_worker, targets,
                                      &targets->worker, err);
    if (status == PLIM_OK)
        target->cdp.session = targets->worker;
    return status;
}
