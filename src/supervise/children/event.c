/* SPDX-License-Identifier: MIT */
/* What is told of children, and to whom. */
#include <uv.h>

#include "base/assert.h"
#include "base/limits.h"
#include "supervise/children/parts.h"

plim_supervisor_event plim__event(const plim_supervisor *supervisor, plim_event_kind kind,
                                  uint32_t node)
{
    const child_slot *slot = &supervisor->slots[node];
    return (plim_supervisor_event){
        .kind = kind,
        .child = plim__tree_child(supervisor->tree, node),
        .parent = plim__tree_child(supervisor->tree, plim__tree_parent(supervisor->tree, node)),
        .id = plim__tree_id(supervisor->tree, node),
        .ctx = slot->ctx,
        .at_ns = uv_hrtime(),
        .pid = slot->pid,
        .exit_code = -1,
        .restarts = slot->starts > 0 ? slot->starts - 1 : 0,
        .text = ""};
}

void plim__event_tell(plim_supervisor *supervisor, const plim_supervisor_event *event)
{
    if (supervisor->event != NULL)
        supervisor->event(supervisor->ctx, event);
    for (int i = 0; i < PLIM_SUPERVISOR_LISTENERS_MAX; i++) {
        child_listener listener = supervisor->listeners[i];
        if (listener.event != NULL)
            listener.event(listener.ctx, event);
    }
}

/* Its place; with `event` NULL a free one. NULL: there is none. */
static child_listener *event_listener(plim_supervisor *supervisor,
                                      void (*event)(void *ctx, const plim_supervisor_event *event),
                                      const void *ctx)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    for (int i = 0; i < PLIM_SUPERVISOR_LISTENERS_MAX; i++) {
        child_listener *it = &supervisor->listeners[i];
        if (it->event == event && (event == NULL || it->ctx == ctx))
            return it;
    }
    return NULL;
}

plim_status plim_supervisor_listen(plim_supervisor *supervisor,
                                   void (*event)(void *ctx, const plim_supervisor_event *event),
                                   void *ctx, plim_error *err)
{
    PLIM_CHECK(event != NULL);
    if (event_listener(supervisor, event, ctx) != NULL)
        return plim_error_set(err, PLIM_ERR_EXISTS, "it listens already");
    child_listener *place = event_listener(supervisor, NULL, NULL);
    if (place == NULL)
        return plim_error_set(err, PLIM_ERR_LIMIT, "%d listen already",
                              PLIM_SUPERVISOR_LISTENERS_MAX);
    *place = (child_listener){event, ctx};
    return PLIM_OK;
}

plim_status plim_supervisor_unlisten(plim_supervisor *supervisor,
                                     void (*event)(void *ctx, const plim_supervisor_event *event),
                                     void *ctx)
{
    PLIM_CHECK(event != NULL);
    child_listener *place = event_listener(supervisor, event, ctx);
    if (place == NULL)
        return PLIM_ERR_STALE;
    *place = (child_listener){NULL, NULL};
    return PLIM_OK;
}
